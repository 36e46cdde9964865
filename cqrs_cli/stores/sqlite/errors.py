"""What SQLite reports, as errors of `cqrs` with a code, a hint and an exit code."""

from __future__ import annotations

import re
import sqlite3

from cqrs_cli.errors import CqrsError, Damaged, Misuse, StoreNotFound, Unavailable

_OWN = r"(?:main\.)?(?:streams|event_types|commits|events|event_log|cqrs_\w+)"
_OWN_PART = re.compile(rf"no such (?:table|view): {_OWN}$|no such column: |table {_OWN} has ")
"""Of what every store has. A table of another name is a mistake of ours, or of a read model."""
_PART = re.compile(r"no such (?:table|view|column): |table .* has (?:no column named|\d+ columns but) ")


def is_about_a_part(error: sqlite3.Error) -> bool:
    """Whether a table or column is not there that the statement names."""
    return _PART.match(str(error)) is not None


def missing(path: str) -> StoreNotFound:
    """There is no store at `path`."""
    return StoreNotFound(
        f"no store at {path}",
        hint="the first cqrs send creates it; another one: --store PATH",
        store=path,
    )


def foreign(path: str, what: str) -> Damaged:
    """The file at `path` is something else: `what` ends the sentence."""
    return Damaged(
        f"{path} {what}", hint="is it the right file? another one: --store PATH", code="not-a-store", store=path
    )


def locked(path: str, seconds: float) -> Unavailable:
    """Another process held the store for longer than we wait."""
    return Unavailable(
        f"{path} is locked: another process has been writing for {seconds:g} seconds",
        hint="try again when it is done; cqrs doctor shows the lock",
        code="locked",
        store=path,
    )


def read_only(path: str, why: str) -> Unavailable:
    """The store can be read, not written."""
    return Unavailable(
        f"{path} can't be written: {why}",
        hint="check the rights of the file and of its folder, where SQLite keeps the journal",
        code="read-only",
        store=path,
    )


def damaged(path: str, error: UnicodeDecodeError) -> Damaged:
    """The error for a store in which something can't even be told: SQLite's own message about it is no text."""
    return Damaged(
        f"{path} is damaged: SQLite's message about it is no UTF-8 ({error.object[:60]!r})",
        hint="restore a backup",
        store=path,
    )


def translate(error: sqlite3.Error, path: str, *, committing: bool = False) -> CqrsError | sqlite3.Error:
    """The typed error for what SQLite raised; a mistake of this package comes back as it is.

    committing: it was raised by COMMIT, so that a failed sync leaves open whether the commit is there.
    """
    name = getattr(error, "sqlite_errorname", None) or ""
    store = {"store": path}
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable(
            f"{path} is locked by another process",
            hint=f"try again when it is done; which programs have it open: fuser {path}",
            code="locked",
            **store,
        )
    if name == "SQLITE_READONLY_ROLLBACK":
        return Unavailable(
            f"{path} can't be read yet: a write was interrupted, and what it left has to be undone first",
            hint="the next command that writes does it: cqrs project, send or run",
            code="read-only",
            **store,
        )
    if name.startswith("SQLITE_READONLY"):
        return read_only(path, "the file or its folder is read-only")
    if name.startswith("SQLITE_FULL"):
        return Unavailable(
            f"no space left for {path}", hint="nothing was written; make room, then try again", code="full", **store
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or str(error).startswith("Could not decode"):
        return Damaged(
            f"{path} is damaged: {error}", hint="keep the file as it is and restore a backup beside it", **store
        )
    if name.startswith("SQLITE_IOERR"):
        if committing and "WRITE" not in name:
            return Unavailable(
                f"{path}: the disk failed while the commit was made durable ({name})",
                hint="it may be there or not: send the same command id again",
                code="outcome-unknown",
                **store,
            )
        return Unavailable(
            f"{path}: the disk or a size limit refused ({name})",
            hint="nothing was written; check the space, the limits and the disk",
            code="io-error",
            **store,
        )
    if name.startswith(
        ("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_NOMEM", "SQLITE_PROTOCOL", "SQLITE_NOLFS")
    ):
        return Unavailable(
            f"{path} can't be opened: {error}",
            hint="check the rights of the file and of its folder, where SQLite keeps the journal",
            code="cannot-open",
            **store,
        )
    if _OWN_PART.match(str(error)):
        return Damaged(
            f"{path} is damaged: {error}",
            hint="another tool changed the store: restore a backup",
            **store,
        )
    if name.startswith("SQLITE_TOOBIG"):
        return Misuse(f"a value is too large for {path}", code="too-big", hint="keep large content elsewhere", **store)
    if name.startswith("SQLITE_CONSTRAINT"):
        return Damaged(
            f"{path} refused the append: {error}", hint="its tables were changed by hand; restore a backup", **store
        )
    return error
