"""`cqrs mirror`: the log of another store, as a store of ours on which every command works."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli.cli.commands.copy import go_on
from cqrs_cli.cli.options import between as between_options
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.copies import copy_report
from cqrs_cli.cli.printing.documents import Moment, Report, Table
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import ConfigurationError, CqrsError, Misuse
from cqrs_cli.stores.registry import MEMORY, open_store, path_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cqrs_cli.stores.contract import Store
    from cqrs_cli.transfer.dialects.dialect import Dialect
    from cqrs_cli.transfer.dialects.reader import Reader


def mirror(
    source: Annotated[
        str | None, typer.Argument(metavar="SRC", help="The other store: an SQLite file, or a URL with its dialect.")
    ] = None,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="The store to copy into; made if it is not there.")
    ] = None,
    dialect: Annotated[str | None, typer.Option(metavar="NAME", help="What the log is; else its tables tell.")] = None,
    table: Annotated[
        str | None, typer.Option(metavar="[SCHEMA.]TABLE", help="Which log, where there are several.")
    ] = None,
    streams: between_options.Streams = None,
    categories: between_options.Categories = None,
    types: options.Types = None,
    since: options.Since = None,
    until: options.Until = None,
    user: options.User = None,
    correlation: options.Correlation = None,
    grep: options.Grep = None,
    where: options.Where = None,
    function: between_options.Map = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes; Ctrl-C ends it.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Print the dialects, and how well each is known.")] = False,
) -> None:
    """Copy the log of another event store, which is only read, into a store on which every command works.

    SRC is an SQLite file, or a URL: pyeventsourcing+sqlite:///var/shop.db, emmett+postgresql://shop@db/shop. Run again
    it goes on where it was; nothing is passed over that commits late. `cqrs help mirrors` says what becomes of what.
    """
    from cqrs_cli.transfer.copy import remembered
    from cqrs_cli.transfer.dialects.foreign_source import ForeignSource, recorded_at
    from cqrs_cli.transfer.narrowing import Wanted
    from cqrs_cli.transfer.proof import ProvenCopy

    session = current()
    dialects = _dialects(session)
    if listed:
        session.printer.print(_table(dialects))
        return
    if source is None or file is None:
        raise Misuse("which log is to be mirrored, and where to?", code="no-mirror")
    wanted = Wanted(
        streams or (), categories or (), types or (), since, until, user, (), correlation, grep, where or ()
    )
    session.printer.format.only(Moment if follow else Report)
    if follow and (session.printer.format.has_end or session.settings.output is not None):
        raise Misuse("a mirror that goes on has no end, so neither --json nor -o can be complete", hint="--jsonl")
    between = between_options.steps(session, wanted, function).between
    with closing(_opened(source, dialects, dialect, table)) as reader:
        here = _store(session, reader.name, file)
        name = remembered(ForeignSource(reader, lambda after: 0), between)
        foreign = ForeignSource(reader, lambda after: recorded_at(here, name, after))
        if follow:
            go_on(session, foreign, here, between)
            return
        with session.printer.progress("mirrored") as done:
            proof = ProvenCopy(foreign, here, between).make(done)
        session.printer.print(copy_report(proof, file, None, ""))
        if foreign.gap is not None:
            session.printer.message(
                f"it ends before {foreign.gap:,} of the source: somebody there may be about to commit it; "
                "the next time goes on with it"
            )


def _opened(source: str, dialects: Sequence[Dialect], dialect: str | None, table: str | None) -> Reader:
    """The other store. Nobody is told a password that an error quotes."""
    from cqrs_cli.stores.addresses import without_secrets
    from cqrs_cli.transfer.dialects.opening import open_reader

    try:
        return open_reader(source, dialects, dialect, table)
    except CqrsError as error:
        raise error.retold(without_secrets(error.message, source)) from None


def _store(session: Session, source: str, file: str) -> Store:
    """The store to copy into. Raises `Misuse` if it is the source, or gone when the command ends."""
    path = path_of(file)
    if file.startswith(MEMORY + ":"):
        raise Misuse("a store in memory is gone when the command ends", hint="a file, or the URL of a store")
    if path is not None and os.path.exists(path) and f"sqlite:{os.path.realpath(path)}#" in source:
        raise Misuse(f"{file} is the file that is mirrored", hint="another one, after it", code="same-store")
    return session.keep(open_store(file, create="lazily", durability=session.settings.durability))


def _dialects(session: Session) -> Sequence[Dialect]:
    """Those that there are, and those that the settings describe. Raises `ConfigurationError`."""
    from cqrs_cli.transfer.dialects.generic import described
    from cqrs_cli.transfer.dialects.known import DIALECTS, listed

    found = list(DIALECTS)
    for name, table in session.settings.mirrors.items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"the mirror {name} must be a table", hint=f"[tool.cqrs.mirror.{name}]")
        if name in [one.dialect for one in listed()] or not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(f"no mirror can be called {name!r}", hint="letters, digits, and no known dialect")
        found.append(described(name, table))
    return found


def _table(dialects: Sequence[Dialect]) -> Table:
    from cqrs_cli.transfer.dialects.known import Listed, listed

    return Table([one._asdict() for one in listed(dialects)], list(Listed._fields))
