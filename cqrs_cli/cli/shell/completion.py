"""Completion for bash, zsh and fish: read only, and silent on every failure.

What comes from the store is offered only if no shell could read more than a word in it: a type or stream
name of a store from elsewhere may hold anything.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cqrs_cli.cli.printing.documents import Text
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.cli.shell.typer_fast import completion_script, install_completion, start_completion
from cqrs_cli.errors import ConfigurationError, Misuse

if TYPE_CHECKING:
    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.stores.contract import Store

MOST = 200
PATIENCE = 2.0
"""Seconds for which a store may be looked at: whoever presses TAB sees a shell that hangs."""
VARIABLE = "_CQRS_COMPLETE"
_WORD = re.compile(r"[\w.,%+-]+")
Completer = Callable[[str], list[str]]


def answer(root: Callable[[], Any]) -> int:
    """Answer the shell's question, which is in the environment; 0, or what the shell's protocol says.

    root: makes the root command.
    """
    said = io.StringIO()
    code = 0
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()), _Session(_typed()) as session:
            start_completion()
            root().main([], prog_name="cqrs", complete_var=VARIABLE, obj=session)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    except (Exception, KeyboardInterrupt):
        return 0
    try:
        sys.stdout.write(said.getvalue())
        sys.stdout.flush()
    except OSError:
        return 0
    return code


class _Session(Session):
    """A session that imports no code of others: whoever presses TAB did not ask for any to be run.

    Nor does it wait for a server that is away.
    """

    def _address(self, write: bool, store: str) -> str:
        from cqrs_cli.stores.registry import SERVERS

        url = super()._address(write, store)
        if url.partition(":")[0] not in SERVERS:
            return url
        return f"{url}{'&' if '?' in url else '?'}connect_timeout=1&timeout=0"

    def domain(self) -> Domain:
        from cqrs_cli.loading import belongs_to_user

        app, folder = self.settings.app, self.settings.folder
        if app is not None and not belongs_to_user(app, folder):
            raise ConfigurationError(f"{app} in {folder} is not only yours", hint="others may write there")
        return super().domain()


def _typed() -> list[str]:
    """The words typed so far, as the shell hands them over."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    return line.split()[1:]


def _offered(names: Iterable[str], incomplete: str) -> list[str]:
    fitting = (name for name in names if name.startswith(incomplete) and _WORD.fullmatch(name))
    return list(itertools.islice(fitting, MOST))


def from_store(look: Callable[[Store, str], Iterable[str]]) -> Completer:
    """A completer (for `autocompletion=`) out of a function of an open store and the beginning typed so far."""

    def complete(incomplete: str) -> list[str]:
        try:
            with _in_time():
                return _offered(look(current().store(), incomplete), incomplete)
        except Exception:
            return []

    return complete


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    """Raises `TimeoutError` where it is still at work when the time is over, whatever it waits for."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _streams(store: Store, incomplete: str) -> Iterable[str]:
    if current().hiding is not None:  # they hold what is to be hidden, and pseudonyms are no names of streams
        return
    category, dash, _ = incomplete.partition("-")
    for info in store.streams(category=category if dash else None):
        yield info.stream


def _categories(store: Store, incomplete: str) -> Iterable[str]:
    return dict.fromkeys(info.category for info in store.streams())


def _types(store: Store, incomplete: str) -> Iterable[str]:
    return sorted(store.type_names())


def _checkpoints(store: Store, incomplete: str) -> Iterable[str]:
    return [checkpoint.name for checkpoint in store.rows.checkpoints()]


def _projections(incomplete: str) -> list[str]:
    """Those of the domain; those that the store has rows of, if it can't be loaded."""
    try:
        return _offered([rows.name for rows in current().domain().row_types()], incomplete)
    except Exception:
        return from_store(_checkpoints)(incomplete)


# For `autocompletion=`. Typer inspects every completer that is declared, so none is unless a shell asks.
_asked = VARIABLE in os.environ
streams = from_store(_streams) if _asked else None
categories = from_store(_categories) if _asked else None
types = from_store(_types) if _asked else None
projections = _projections if _asked else None


def asked(completer: Completer) -> Completer | None:
    """The completer of a command's own, if a shell asks."""
    return completer if _asked else None


def show(shell: str, session: Session) -> None:
    """Print the script for a shell (empty: the one in use). Raises `Misuse` for one that is not known."""
    session.printer.print(Text(completion_script(_shell(shell), VARIABLE)))


def install(shell: str, session: Session) -> None:
    """Put the script where a shell (empty: the one in use) finds it. Raises `Misuse`."""
    name = _shell(shell)
    try:
        path = install_completion(name, VARIABLE)
    except OSError as error:
        raise Misuse(
            f"completion can't be installed: {error}",
            code="output",
            hint=f"cqrs --show-completion {name} prints the script, to put where {name} finds it",
        ) from error
    session.printer.message(f"completion for {name} is in {path}; a new shell has it")


def _shell(name: str) -> str:
    """The shell by name, or the one whose variable is set."""
    known = ("bash", "zsh", "fish")
    found = name or os.path.basename(os.environ.get("SHELL", ""))
    if found not in known:
        what = f"no completion for {found!r}" if found else "it is not known which shell this is"
        raise Misuse(what, hint=f"name it: --show-completion {'|'.join(known)}")
    return found
