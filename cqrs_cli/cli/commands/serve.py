"""`cqrs serve`: the domain over HTTP."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cqrs_cli.cli.options.foreign import Foreign, check_pair
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.config import HTTP
from cqrs_cli.errors import ConfigurationError, CqrsError, Misuse, StoreNotFound
from cqrs_cli.near_names import did_you_mean

if TYPE_CHECKING:
    from cqrs_cli.http.identity import Authenticate
    from cqrs_cli.http.options import Options

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?").fullmatch
HOST, PORT = "127.0.0.1", 8027
_KINDS: dict[str, type] = {
    **{"host": str, "port": int, "read-only": bool, "write": bool, "run": bool, "token-file": str},
    **{"authenticate": str, "allow-host": list, "cors": list, "readers": int, "followers": int, "root-path": str},
    **{"sql": bool, "ui": bool, "filters": dict},
}
_SAID: dict[type, str] = {
    **{str: "a text", int: "a number", bool: "true or false", list: "a list of texts"},
    **{dict: 'a table of texts, as late = "type=OrderPaid"'},
}


class Asked(NamedTuple):
    """How to serve: what was typed, else what the settings say, else what holds."""

    host: str
    port: int
    read_only: bool
    write: bool
    run: bool
    token_file: str | None
    authenticate: str | None
    allow_host: Sequence[str]
    cors: Sequence[str]
    readers: int
    followers: int
    root_path: str
    sql: bool
    ui: bool
    filters: Mapping[str, str]


def serve(
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen (127.0.0.1).")] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="The port (8027); 0: any that is free.")
    ] = None,
    read_only: Annotated[bool | None, typer.Option("--read-only", help="Write nothing: no commands, no rows.")] = None,
    write: Annotated[
        bool | None, typer.Option("--write", help="Take commands where other machines can ask, too.")
    ] = None,
    run: Annotated[bool | None, typer.Option("--run", help="Run the reactions as well, as cqrs run does.")] = None,
    token_file: Annotated[
        str | None, typer.Option("--token-file", metavar="FILE", help="Ask for the token in this file (mode 600).")
    ] = None,
    authenticate: Annotated[
        str | None, typer.Option("--authenticate", metavar="MODULE:FUNCTION", help="Says who asks and what they may.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="Answer to this name too.  [repeatable]")
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option("--cors", metavar="ORIGIN", help="Let pages from there ask.  [repeatable]")
    ] = None,
    readers: Annotated[
        int | None, typer.Option("--readers", metavar="N", min=1, max=64, help="Threads that read (4).")
    ] = None,
    followers: Annotated[
        int | None, typer.Option("--followers", metavar="N", min=1, help="Who may follow the log at once (500).")
    ] = None,
    root_path: Annotated[
        str | None, typer.Option("--root-path", metavar="/PATH", help="Where a proxy has put it.")
    ] = None,
    sql: Annotated[bool | None, typer.Option("--sql", help="Answer SQL where other machines can ask, too.")] = None,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="No pages for people.")] = False,
    foreign: Foreign = False,
) -> None:
    """Serve the domain over HTTP until stopped (Ctrl-C, SIGTERM): commands, queries, the log, read models, and pages.

    The pages are at /ui/; GET /openapi.json describes the rest; cqrs help http tells it. Only this machine can ask
    unless --host says otherwise; then a token or a plug is needed, and nothing is written without --write. The address
    is printed once it answers. Each option also under [tool.cqrs.http] in the settings.
    """
    from cqrs_cli.http.extra import check_installed

    check_installed()
    session = current()
    session.printer.format.follow()
    typed = {
        "host": host, "port": port, "read-only": read_only, "write": write, "run": run, "token-file": token_file,
        "authenticate": authenticate, "allow-host": allow_host or None, "cors": cors or None, "readers": readers,
        "followers": followers, "root-path": root_path, "sql": sql, "ui": False if no_ui else None, "filters": None,
    }  # fmt: skip
    asked = _asked(typed, session)
    from cqrs_cli.http.serving import check_door, is_loopback, listen, url_of
    from cqrs_cli.http.serving import serve as run_server

    plug = None if asked.authenticate is None else _plug(asked.authenticate, session)
    check_door(asked.host, asked.token_file is not None or plug is not None)
    options = _options(asked, session, plug, is_loopback(asked.host))
    domain = session.domain()
    session.stand_apart()
    was_there = _look(session, options, foreign)
    session.keep(_noting(session))
    from cqrs_cli.http.app import Application
    from cqrs_cli.http.face import Face

    made = listen(asked.host, asked.port)
    url = url_of(made)
    app = Application(Face(session.settings.store, domain, options))
    run_server(app, made, lambda: _ready(session, url, options, was_there), asked.root_path)


def _ready(session: Session, url: str, options: Options, was_there: bool) -> None:
    record = {"url": url, "store": session.store_shown, "read_only": options.read_only, "run": options.run}
    session.printer.print(Table([record], text=lambda told: str(told["url"]), live=True))
    if not was_there:
        session.printer.message(f"made the store {session.store_file}")
    session.tell_unmet()
    how = "reads only" if options.read_only else "reads and writes"
    session.printer.message(f"{how} {session.store_shown}; Ctrl-C ends it")


def _look(session: Session, options: Options, foreign: bool) -> bool:
    """Refuse a store that is another domain's, and reactions that do not know where to begin, before anybody asks.

    Whether there is a store.
    """
    try:
        bench = session.workbench(write=not options.read_only and options.run, create=False)
    except StoreNotFound:
        if options.read_only:
            raise
        return False
    check_pair(session, bench, foreign, recent=True)
    if options.run:
        bench.runner(stop=lambda: True).drain()
    return True


# ── settings ──────────────────────────────────────────────────────────────────────────────────


def _asked(typed: Mapping[str, Any], session: Session) -> Asked:
    """All options. Raises `ConfigurationError` for settings that can't be, `Misuse` for what contradicts itself."""
    table = session.settings.http
    for name, value in table.items():
        kind = _KINDS.get(name)
        if kind is None:
            hint = did_you_mean(name, list(_KINDS), 1) or f"known: {', '.join(_KINDS)}"
            raise ConfigurationError(f"[tool.cqrs.{HTTP}]: unknown setting {name!r}", hint=hint)
        if not _fits(value, kind):
            raise ConfigurationError(f"[tool.cqrs.{HTTP}]: {name} is {value!r}", hint=f"{name} is {_SAID[kind]}")

    def one(name: str, usual: Any) -> Any:
        given = typed[name]
        return given if given is not None else table.get(name, usual)

    token_file = one("token-file", None)
    if token_file is not None and typed["token-file"] is None:
        token_file = str(session.settings.folder / token_file)
    found = Asked(
        host=one("host", HOST), port=one("port", PORT), read_only=one("read-only", False), write=one("write", False),
        run=one("run", False), token_file=token_file, authenticate=one("authenticate", None),
        allow_host=one("allow-host", ()), cors=one("cors", ()), readers=one("readers", 4),
        followers=one("followers", 500), root_path=one("root-path", ""), sql=one("sql", False),
        ui=one("ui", True), filters=one("filters", {}),
    )  # fmt: skip
    _check(found)
    return found


def _fits(value: Any, kind: type) -> bool:
    if isinstance(value, list):
        return kind is list and all(isinstance(one, str) for one in value)
    if isinstance(value, dict):
        return kind is dict and all(isinstance(one, str) for one in value.values())
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _check(asked: Asked) -> None:
    if asked.read_only and (asked.write or asked.run):
        other = "--write" if asked.write else "--run"
        raise Misuse(f"--read-only writes nothing, and {other} does", hint="leave one out")
    if asked.token_file is not None and asked.authenticate is not None:
        raise Misuse("--token-file and --authenticate are two ways to ask who it is", hint="leave one out")
    for origin in asked.cors:
        scheme, mark, rest = origin.partition("://")
        if scheme not in ("http", "https") or not mark or not rest or "/" in rest or "*" in rest:
            raise Misuse(f"--cors {origin!r} is no origin", hint="https://shop.example.org, without a path")
    for name in asked.allow_host:
        if not _is_host(name):
            hint = "shop.example.org: without a scheme, a port or a path; each name by itself"
            raise Misuse(f"--allow-host {name!r} is no name of a host", hint=hint)
    if asked.root_path and (not asked.root_path.startswith("/") or asked.root_path.endswith("/")):
        raise Misuse(f"--root-path {asked.root_path!r} is no path", hint="/shop")
    if not (0 <= asked.port <= 65535 and 1 <= asked.readers <= 64 and asked.followers >= 1):
        raise ConfigurationError(f"[tool.cqrs.{HTTP}]: a number is out of bounds", hint="cqrs serve --help tells them")


def _is_host(name: str) -> bool:
    return _HOST(name) is not None or (name.startswith("[") and name.endswith("]") and ":" in name)


def _plug(spec: str, session: Session) -> Authenticate:
    from cqrs_cli.http.plugs import load_plug

    return load_plug(spec, session.settings.folder)


def _options(asked: Asked, session: Session, plug: Authenticate | None, is_alone: bool) -> Options:
    from cqrs_cli.http.options import Options
    from cqrs_cli.http.tokens import read_token

    hiding = session.hiding
    bound = {asked.host.lower()} if asked.host not in ("0.0.0.0", "::", "") else set()
    return Options(
        read_only=asked.read_only or (not is_alone and not asked.write),
        run=asked.run,
        readers=asked.readers,
        hosts=frozenset({*asked.allow_host, *bound}),
        origins=frozenset(asked.cors),
        token=None if asked.token_file is None else read_token(asked.token_file),
        authenticate=plug,
        sql=asked.sql or is_alone,
        ui=asked.ui,
        filters=asked.filters,
        followers=asked.followers,
        durability=session.settings.durability,
        fold=session.settings.fold,
        spoken=session.spoken(),
        mask={} if hiding is None else hiding.fields,
        mask_key=session.settings.mask_key,
    )


@contextmanager
def _noting(session: Session) -> Iterator[None]:
    """While it serves: what the server has to say is told as notes are, and uvicorn says nothing by itself."""
    ours, theirs = logging.getLogger("cqrs.http"), logging.getLogger("uvicorn")
    notes, nothing, propagate = _Notes(session), logging.NullHandler(), theirs.propagate
    ours.addHandler(notes)
    theirs.addHandler(nothing)
    theirs.propagate = False
    try:
        yield
    finally:
        ours.removeHandler(notes)
        theirs.removeHandler(nothing)
        theirs.propagate = propagate


class _Notes(logging.Handler):
    """What the server has to say goes where all notes go; control characters in it are visible."""

    def __init__(self, session: Session) -> None:
        super().__init__(logging.DEBUG if session.settings.debug else logging.WARNING)
        self._session = session
        self.setFormatter(logging.Formatter("%(message)s"))

    def _told(self, record: logging.LogRecord) -> str:
        """A line; under `--debug` its traceback, too. Where a bug is, ours or the user's, nobody else is told."""
        error = record.exc_info[1] if record.exc_info else None
        if self._session.settings.debug or (error is not None and not isinstance(error, CqrsError)):
            return self.format(record)
        where = error.traceback if isinstance(error, CqrsError) else None
        return record.getMessage() + (f"\n{where}" if where else "")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, perhaps with the traceback. Nobody's request fails for a note that can't be written."""
        told = self._told(record)
        with suppress(OSError, ValueError):
            for line in told.splitlines():
                self._session.printer.error(line)
