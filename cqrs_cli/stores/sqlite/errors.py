"""What SQLite reports, as errors of `cqrs`: each has a code, and a hint unless a face finds one by the code."""

from __future__ import annotations

import re
import sqlite3

from cqrs_cli.errors import CqrsError, Damaged, Misuse, StoreNotFound, Unavailable

_OWN = r"(?:main\.)?(?:streams|event_types|commits|events|event_log|cqrs_\w+)"
_OWN_PART = re.compile(rf"no such (?:table|view): {_OWN}$|no such column: |table {_OWN} has ")
"""Of what every store has. A table of another name is a mistake of ours, or of a read model."""
_PART = re.compile(r"no such (?:table|view|column): |table .* has (?:no column named|\d+ columns but) ")
_PAGE_CODE = re.compile(r"unable to get the page\. error code=(\d+)")

_FORKED = "{path} was in use when this process was forked, and can't be used in it"
_FORK = "fork while no transaction is open and no rows are half read, or begin the process anew (spawn)"
_RIGHTS = "check the rights of the file and of its folder, where SQLite keeps the journal"
_BACKUP = "keep the file as it is and restore a backup beside it"
_Raised = sqlite3.Error | UnicodeDecodeError
_Report = tuple[tuple[str, ...], type[CqrsError], str, str, str | None]
_REPORTS: tuple[_Report, ...] = (
    (
        ("SQLITE_BUSY", "SQLITE_LOCKED"), Unavailable, "locked", "{path} is locked by another process",
        "try again when it is done; which programs have it open: fuser {path}",
    ),
    (
        ("SQLITE_READONLY_ROLLBACK",), Unavailable, "read-only",
        "{path} can't be read yet: a write was interrupted, and what it left has to be undone first", None,
    ),
    (
        ("SQLITE_READONLY",), Unavailable, "read-only",
        "{path} can't be written: the file or its folder is read-only", _RIGHTS,
    ),
    (
        ("SQLITE_FULL",), Unavailable, "full", "no space left for {path}",
        "nothing was written; make room, then try again",
    ),
    (
        # Also of a page that the disk can't read: SQLite says the same of it.
        ("SQLITE_CORRUPT",), Damaged, "damaged", "{path} is damaged, or the disk could not read it: {error}", _BACKUP,
    ),
    (("SQLITE_NOTADB",), Damaged, "damaged", "{path} is damaged: {error}", _BACKUP),
    (
        ("SQLITE_INTERRUPT",), Damaged, "damaged",
        "{path} is damaged: reading it takes longer than its size explains, as if it had no end", _BACKUP,
    ),
    (
        ("SQLITE_IOERR",), Unavailable, "io-error", "{path}: the disk or a size limit refused ({name})",
        "nothing was written; check the space, the limits and the disk",
    ),
    (
        ("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_NOMEM", "SQLITE_PROTOCOL", "SQLITE_NOLFS"),
        Unavailable, "cannot-open", "{path} can't be opened: {error}", _RIGHTS,
    ),
    # In the child of a fork nothing is authorised on what its parent has in use.
    (("SQLITE_AUTH",), Unavailable, "forked", _FORKED, _FORK),
    (("SQLITE_TOOBIG",), Misuse, "too-big", "a value is too large for {path}", "keep large content elsewhere"),
    (
        ("SQLITE_CONSTRAINT",), Damaged, "damaged", "{path} refused the append: {error}",
        "its tables were changed by hand; restore a backup",
    ),
)  # fmt: skip
"""By the name of the report, the first that fits: the error's class, code, message and hint."""
_UNSYNCED: _Report = (
    ("SQLITE_IOERR",), Unavailable, "outcome-unknown",
    "{path}: the disk failed while the commit was made durable ({name})",
    "it may be there or not: send the same command id again",
)  # fmt: skip


def is_about_a_part(error: sqlite3.Error) -> bool:
    """Whether a table or column is not there that the statement names."""
    return _PART.match(str(error)) is not None


def missing(path: str) -> StoreNotFound:
    """There is no store at `path`."""
    return StoreNotFound(f"no store at {path}", store=path)


def unseen(path: str, error: OSError) -> Unavailable:
    """The system does not say what is at `path`, which is not to say that nothing is."""
    message = f"{path} can't be looked at: {error.strerror or error}"
    return Unavailable(message, hint=_RIGHTS, code="cannot-open", store=path)


def foreign(path: str, what: str) -> Damaged:
    """The file at `path` is something else: `what` ends the sentence."""
    return Damaged(f"{path} {what}", code="not-a-store", store=path)


def damaged_fact(path: str, name: str, value: str | None) -> Damaged:
    """What the store says about itself under `name` can't be."""
    return Damaged(f"{path} is damaged: its {name} can't be {(value or '')[:40]!r}", hint=_BACKUP, store=path)


def locked(path: str, seconds: float) -> Unavailable:
    """Another process held the store for longer than we wait."""
    message = f"{path} is locked: another process has been writing for {seconds:g} seconds"
    return Unavailable(message, code="locked", store=path)


def unlockable(path: str, file: str, error: OSError) -> Unavailable:
    """The system can't lock the lock file, which is not to say that somebody else has it."""
    return Unavailable(
        f"{path} can't be locked: {file}: {error.strerror or error}",
        hint="nothing was written; a store wants a file system with flock, best a local one",
        code="cannot-lock",
        store=path,
    )


def unshared(path: str, folder: str) -> Unavailable:
    """Commits are in the log beside the store, and this user may not share it."""
    return Unavailable(
        f"{path} can't be read by this user now: its last commits are in {path}-wal, and {path}-shm can't be opened",
        hint=f"to read them, one needs the right to write to {folder}, or to read a -shm that a writer made there",
        code="cannot-open",
        store=path,
    )


def disturbed(path: str) -> Unavailable:
    """Somebody came to write, and this user may not share the files through which one reads meanwhile."""
    message = f"{path} was written to while it was read"
    return Unavailable(message, hint="try again", code="locked", store=path)


def read_only(path: str, why: str) -> Unavailable:
    """The store can be read, not written."""
    return Unavailable(f"{path} can't be written: {why}", hint=_RIGHTS, code="read-only", store=path)


def forked(path: str) -> Unavailable:
    """The parent of this process was using the store when it forked: SQLite's locks can't be had in the child."""
    return Unavailable(_FORKED.format(path=path), hint=_FORK, code="forked", store=path)


def replaced(path: str, what: str) -> Unavailable:
    """The file that is open is no longer the store at `path`: `what` ends the sentence."""
    return Unavailable(
        f"{path} {what}",
        hint="open the store that is there now; a command that is sent again with its id is honoured once",
        code="replaced",
        store=path,
    )


def not_its_log(path: str) -> Unavailable:
    """The file at `path` took the place of another, whose write-ahead log is still beside it."""
    return Unavailable(
        f"{path} took the place of another file, whose newest commits are still beside it in {path}-wal",
        hint=f"end what has it open; then, to go on with this file as it is, remove {path}-wal and {path}-shm. "
        f"If both were put there together, remove {path}-lock instead",
        code="replaced",
        store=path,
    )


def overwritten(path: str) -> Unavailable:
    """Somebody wrote to the file at `path` itself, past SQLite, while a write-ahead log of it was beside it."""
    return Unavailable(
        f"{path} was overwritten while it was open: what is in it is not what its write-ahead log goes on from",
        hint=f"end what has it open; then, to go on with this file as it is, remove {path}-wal and {path}-shm, "
        f"in which are the newest commits. If nobody wrote to it, remove {path}-lock instead",
        code="replaced",
        store=path,
    )


def has_other_names(path: str, how: str, remedy: str) -> Unavailable:
    """The file at `path` can be reached under another name, beside which lie other files. `how` ends the sentence."""
    why = "what is written under one name is not seen under the other, and is lost"
    return Unavailable(f"{path} {how}: {why}", hint=remedy, code="other-names", store=path)


def unread(path: str, told: str) -> Unavailable | None:
    """What SQLite's own check says of a page that the disk did not give, which is no damage; None of anything else."""
    code = _PAGE_CODE.search(told)
    if code is None or int(code[1]) & 0xFF != sqlite3.SQLITE_IOERR:
        return None
    hint = "check the disk; of what is stored nothing is known to be wrong"
    return Unavailable(f"{path}: the disk could not read it ({code[0]})", hint=hint, code="io-error", store=path)


def reported(error: sqlite3.Error, path: str, *, committing: bool = False) -> CqrsError | None:
    """The typed error for a report of the file, the disk or other processes, whatever the statement was; else None.

    committing: it was raised by COMMIT, so that a failed sync leaves open whether the commit is there.
    """
    name = getattr(error, "sqlite_errorname", None) or ""  # Python's own errors have none
    unsynced: tuple[_Report, ...] = (_UNSYNCED,) if committing and "WRITE" not in name else ()
    for names, kind, code, message, hint in (*unsynced, *_REPORTS):
        if name.startswith(names):
            message = message.format(path=path, error=error, name=name)
            return kind(message, hint=hint and hint.format(path=path), code=code, store=path)
    return None


def translate(error: _Raised, path: str, *, committing: bool = False) -> CqrsError | _Raised:
    """The typed error for what SQLite raised; a mistake of this package comes back as it is. committing: as above."""
    if isinstance(error, UnicodeDecodeError):  # something is damaged, and SQLite's own message about it is no text
        message = f"{path} is damaged: SQLite's message about it is no UTF-8 ({error.object[:60]!r})"
        return Damaged(message, hint="restore a backup", store=path)
    if str(error).startswith("Could not decode"):
        return Damaged(f"{path} is damaged: {error}", hint=_BACKUP, store=path)
    if _OWN_PART.match(str(error)):
        hint = "another tool changed the store: restore a backup"
        return Damaged(f"{path} is damaged: {error}", hint=hint, store=path)
    return reported(error, path, committing=committing) or error
