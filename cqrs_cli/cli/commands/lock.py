"""`cqrs schema --lock`: what the classes of a domain promise, written beside the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.replacement import Replacement
from cqrs_cli.errors import Misuse, Rejected

if TYPE_CHECKING:
    from cqrs_cli.cli.shell.session import Session

_COLUMNS = ("change", "kind", "name", "path", "what")


def write_lock(session: Session, accept: bool) -> None:
    """Write the lock of today's classes and print what changed. accept: whatever it is.

    Raises `Rejected` (`not-accepted`) where what was locked can't all be read any more; `Misuse` for what is no lock.
    """
    from cqrs_cli.checking.lock import compared
    from cqrs_cli.checking.lock_file import NAME, lock_of, read, text_of

    domain, path = session.domain(), session.settings.folder / NAME
    session.printer.ready()
    before = read(path)
    rows, failing = [], 0
    if before is not None:
        found = compared(domain, before, NAME, is_own=True)
        rows, failing = list(found.rows), sum(row["change"] != "compatible" for row in found.rows)
    today = lock_of(domain)
    table = Table(rows, _COLUMNS, members=_COLUMNS, empty=None if before is None else "nothing changed")
    if failing and not accept:
        session.printer.print(table)
        told = f"{counted(failing, 'change')} of {len(rows)} can't be locked: what was promised is not read any more"
        raise Rejected(told, code="not-accepted")
    _write(str(path), text_of(today))
    session.printer.print(table)
    kinds = {"event": "events", "command": "commands", "read model": "read_models", "aggregate": "aggregates"}
    counts = ", ".join(counted(len(today[kind]), name) for name, kind in kinds.items() if today[kind])
    session.printer.message(f"{'wrote' if before is None else 'locked'} {NAME}: {counts or 'nothing'}")


def _write(path: str, text: str) -> None:
    try:
        made = Replacement(path, "strict")
        try:
            made.stream.write(text)
        except BaseException:
            made.drop()
            raise
        made.put()
    except OSError as error:
        hint = "a folder that this user may write to: the lock stands beside the settings"
        raise Misuse(f"{path} can't be written: {error.strerror}", code="output", hint=hint) from error
