"""What is wrong with a SQLite store beyond what opening it refuses: parts that are missing, rights, who else writes.

Opening finds what was altered. What is missing it leaves to who needs it, and nobody needs a trigger that guards.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing

from cqrs_cli.errors import CqrsError
from cqrs_cli.finding import Finding
from cqrs_cli.ownership import owner
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite import release
from cqrs_cli.stores.sqlite.connection import connect
from cqrs_cli.stores.sqlite.definitions import definitions, statements
from cqrs_cli.stores.sqlite.file import SQLiteFile

_GUARDED = ("UPDATE", "DELETE", "INSERT")
_REPLICATION = ("_litestream_seq", "_litestream_lock")
_RESTORE = "another program dropped it: restore a backup"


def findings(file: SQLiteFile) -> list[Finding]:
    """All that is soon said; nothing of it looks at an event."""
    return [*_missing(file), *_of_others(file), *_rights(file), *_foreign_writer(file)]


def _missing(file: SQLiteFile) -> Iterator[Finding]:
    """The store's own parts that are not there. In one of format 1 the operational ones come with the first write."""
    there = {name.lower() for (name,) in file.query("SELECT name FROM sqlite_master")}
    lazily = set(statements("operational.sql")) if int(file.facts["format"]) == 1 else set()
    for name, sql in definitions().items():
        if name.lower() in there or name in lazily:
            continue
        kind = sql.split(None, 2)[1].lower()
        if kind == "trigger":
            what = next(word for word in _GUARDED if f" {word} ON " in sql).lower()
            said = f"the trigger {name} is missing: nothing refuses a program's {what} of what is only ever appended"
            yield Finding("missing-trigger", "error", file.path, said, _RESTORE)
        elif kind == "table":
            yield Finding("missing-table", "error", file.path, f"the table {name} is missing", _RESTORE)
        else:
            yield Finding(f"missing-{kind}", "warning", file.path, f"the {kind} {name} is missing", _RESTORE)


def _of_others(file: SQLiteFile) -> Iterator[Finding]:
    marks = ", ".join("?" * len(_REPLICATION))
    found = file.query(f"SELECT name FROM sqlite_master WHERE name IN ({marks}) ORDER BY name", _REPLICATION)
    if not found:
        return
    said = (
        f"Litestream has its tables here ({', '.join(name for (name,) in found)}): it writes to the file and makes "
        f"checkpoints without the lock between processes, and SQLite {release.release()} here"
    )
    gone = "if it no longer runs, DROP TABLE them with sqlite3"
    if release.has_wal_reset_bug():
        hint = f"use SQLite 3.51.3, 3.50.7 or 3.44.6 and later of their lines, or let it replicate a backup; {gone}"
        said += " has the WAL-reset bug: commits may be lost"
        yield Finding("litestream", "warning", file.path, said, hint)
    else:
        hint = f"it must have 3.51.3 or later, too, as Litestream 0.5.17 does; {gone}"
        yield Finding("litestream", "note", file.path, f"{said} has no WAL-reset bug", hint)


def _rights(file: SQLiteFile) -> Iterator[Finding]:
    """Whether this user could write: the file, its folder, where SQLite keeps the journal, and the lock."""
    path, lock = file.real_path, file.real_path + "-lock"
    if not file.immutable:  # of which the facts tell
        for which, what in ((path, "the file"), (os.path.dirname(path), "the folder")):
            if not os.access(which, os.W_OK):
                said = f"{what} can't be written by this user: {_whose(which)}; no command can be sent to the store"
                yield Finding("read-only", "warning", file.path, said, "run as its owner, or change the rights")
    if file.unlocked_because is None and os.path.lexists(lock):
        why = _why_not_opened(lock)
        if why:
            said = f"the lock {lock} can't be opened ({why}): {_whose(lock)}; no command can be sent to the store"
            hint = "run as its owner, or give it the owner, group and mode of the store"
            yield Finding("lock-unreadable", "error", file.path, said, hint)


def _why_not_opened(path: str) -> str | None:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return "it is no file"
    except OSError as error:
        return error.strerror
    return None if os.access(path, os.R_OK | os.W_OK) else "permission denied"


def _whose(path: str) -> str:
    try:
        return f"it is {owner(path)}'s, mode {stat.S_IMODE(os.stat(path).st_mode):o}"
    except OSError as error:
        return str(error.strerror)


def _foreign_writer(file: SQLiteFile) -> Iterator[Finding]:
    """Who has begun to write past the lock between processes. What we begin to find that out, we take back at once."""
    if file.rest is not None or file.immutable or file.unlocked_because is not None:
        return  # nobody shares the file, or there is no lock to go past
    if not os.access(file.real_path, os.W_OK):
        return
    lock, has_lock = sqlite_lock.WriteLock(file.path, file.real_path + "-lock", 0), False
    try:
        if os.path.lexists(file.real_path + "-lock"):  # else none of ours writes, and we make no file
            lock.acquire(wait=False)
            has_lock = True
        busy = _is_busy(file)
    except CqrsError:  # one of ours has it, which the facts tell
        return
    finally:
        if has_lock:
            lock.release()
        lock.close()
    if busy:
        said = "another program has begun to write to the file, past the lock between processes: nothing can be written"
        hint = f"end it; which it may be: fuser {file.path}"
        yield Finding("foreign-writer", "error", file.path, said, hint)


def _is_busy(file: SQLiteFile) -> bool:
    """Whether SQLite's own lock for writers is held, and kept."""
    for attempt in range(sqlite_lock.PROBES):
        if attempt:
            time.sleep(sqlite_lock.PROBE_SECONDS)
        try:
            with closing(connect(file.path, file.real_path, "rw", 0)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return False
        except sqlite3.Error as error:
            if not getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                return False  # what else is wrong, whoever writes is told
    return True
