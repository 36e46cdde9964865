"""Files copied by SQLite itself: a log, faster than commit by commit, and all of a store; and how one is replaced."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from cqrs_cli.errors import CqrsError, NotFound, Unavailable
from cqrs_cli.stores.sqlite.connection import connect
from cqrs_cli.stores.sqlite.definitions import definitions
from cqrs_cli.stores.sqlite.errors import translate
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.lock import NoLock, WriteLock, why_not
from cqrs_cli.stores.sqlite.opening import guard
from cqrs_cli.stores.sqlite.store import SQLiteStore

_PAGES = 4_096
"""Pages that are copied between two looks at whether somebody interrupts."""
_PARTS = (
    "INSERT INTO main.commits SELECT * FROM source.commits WHERE first_position <= :until",
    "INSERT INTO main.events SELECT * FROM source.events WHERE position <= :until",
    "INSERT INTO main.streams (id, name) SELECT id, name FROM source.streams WHERE id IN "
    "(SELECT stream_id FROM main.events)",
    "INSERT INTO main.event_types SELECT * FROM source.event_types WHERE id IN (SELECT type_id FROM main.events)",
)
_WHOLE = (
    "INSERT INTO main.commits SELECT * FROM source.commits",
    "INSERT INTO main.events SELECT * FROM source.events",
    "INSERT INTO main.streams (id, name) SELECT id, name FROM source.streams",
    "INSERT INTO main.event_types SELECT * FROM source.event_types",
)
"""Without a condition SQLite copies the pages of a table, indexes included, as they are."""


def copy_log(source: SQLiteStore, path: str, until: int) -> bool:
    """Copy the log up to a position, the end of a commit, into the empty store at `path`, which nobody has open.

    The rest of the source is left out. False, and nothing is done, for a source that is not shared as usual: it lies
    on a medium that nobody can write to, or this user may not make the files beside it.
    Raises `Damaged`, `Unavailable`, and `NotFound` if the log ends before it by now.
    """
    file = source._file
    if not file.has_snapshots or file.immutable:
        return False
    with closing(connect(path, path, "rw", file.limits.timeout)) as connection:
        try:
            guard(connection)
            connection.execute("PRAGMA synchronous=OFF")  # whoever asked for it syncs the file when it is whole
            connection.execute("PRAGMA journal_mode=OFF")
            with file.reader():  # so that a fork of this process knows the source to be open
                connection.execute("ATTACH ? AS source", (_uri(file),))
                _fill(connection, until)
                connection.execute("DETACH source")
            connection.execute("PRAGMA journal_mode=wal")
        except sqlite3.Error as error:
            raise translate(error, source.url) from error
    return True


def copy_all(source: SQLiteStore, path: str, progress: Callable[[int, int], object] | None = None) -> None:
    """Copy all of the source's file, as it is at one moment, to `path`: an empty file that nobody has open.

    Others may read and append meanwhile; without a write-ahead log who appends waits until it is done.
    progress: is told how many pages are copied, and of how many.
    Raises `Damaged`, and `Unavailable`: also for the disk that `path` is on.
    """
    file = source._file
    rest = file.rest

    def tell(_: int, left: int, pages: int) -> None:
        if progress is not None:
            progress(pages - left, pages)

    with file.reader() as reader, closing(sqlite3.connect(path, isolation_level=None)) as target:
        try:
            target.execute("PRAGMA synchronous=OFF")  # whoever asked for it syncs the file when it is whole
            target.execute("PRAGMA journal_mode=OFF")
            reader.execute("BEGIN")  # else each commit of others would begin the copy anew
            reader.execute("SELECT 1 FROM sqlite_master").fetchone()
            reader.backup(target, pages=_PAGES, progress=tell, sleep=0)
        except sqlite3.Error as error:
            is_of_disk = getattr(error, "sqlite_errorname", "").startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE"))
            raise translate(error, path if is_of_disk else source.url) from error
    file.check_rest(rest)


@contextmanager
def nobody_writes(path: str, timeout: float = Limits().timeout) -> Iterator[None]:
    """Keep others from writing to the store at `path` while another file takes its place. Raises `Unavailable`."""
    real_path = os.path.realpath(path)
    kind = WriteLock if why_not(real_path) is None else NoLock
    had_lock = os.path.lexists(real_path + "-lock")
    lock = kind(path, real_path + "-lock", timeout)
    lock.acquire()
    try:
        yield
    finally:
        if not had_lock:
            lock.remove()
        lock.release()
        lock.close()


def replace(made: str, path: str) -> None:
    """Have the file `made` take the place of the store at `path`, to which nobody writes, as `mv` does.

    What is left beside the old one goes: its log would be taken for that of the new one. Raises `Unavailable` if a
    write to the old one was interrupted, which is to be undone first.
    """
    journal = path + "-journal"
    with suppress(OSError):
        if os.path.getsize(journal):
            raise Unavailable(
                f"{path} can't be replaced: a write to it was interrupted, and {journal} would undo it in the new file",
                hint=f"have it undone by a command that writes; or, if {path} is lost anyhow, remove {journal}",
                code="interrupted-write",
                store=path,
            )
    with suppress(sqlite3.Error, CqrsError), closing(connect(path, path, "rw", 0)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that there is no moment in which both logs could be mixed
    os.replace(made, path)
    clear_beside(path)


def clear_beside(path: str) -> None:
    """Take away what a store that is gone has left beside its file."""
    for suffix in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(path + suffix)


def _fill(connection: sqlite3.Connection, until: int) -> None:
    """Copy in one transaction, so that the source is read as it is at one moment; without triggers, which slow it."""
    triggers = [name for name, sql in definitions().items() if sql.startswith("CREATE TRIGGER")]
    connection.execute("BEGIN IMMEDIATE")
    head = connection.execute("SELECT coalesce(max(position), 0) FROM source.events").fetchone()[0]
    if head < until:
        raise NotFound(f"there is no position @{until}, the head is @{head}", code="position", head=head)
    for name in triggers:
        connection.execute(f"DROP TRIGGER main.{name}")
    for statement in _WHOLE if head == until else _PARTS:
        connection.execute(statement, {} if head == until else {"until": until})
    for name in triggers:
        connection.execute(definitions()[name])
    connection.execute("COMMIT")


def _uri(file: SQLiteFile) -> str:
    quoted = file.real_path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode=ro"
