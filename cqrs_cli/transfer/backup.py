"""Backups: all of a store in one file, which is verified before it gets its name; and a store from one.

A backup is a store itself. It has all that the file has: the log, read models, checkpoints, what waits to be sent.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from cqrs_cli.errors import CqrsError, Damaged, Misuse, NotFound, StoreNotFound
from cqrs_cli.log.origins import fork_of
from cqrs_cli.log.verification import Verified, at, verify
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.operational import DEAD_LETTERS, REJECTIONS, SKIPS
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.copying import clear_beside, copy_all, nobody_writes, replace
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.transfer.placement import (
    check_folder,
    check_place,
    check_target,
    made_beside,
    put_in_place,
    sync,
    sync_folder,
    taken,
)

_ON_RECORD = (
    (REJECTIONS, "rejected commands"),
    (DEAD_LETTERS, "commands that came to nothing, or what was done with them,"),
    (SKIPS, "events that were passed over"),
)
"""What stands in no log, and is gone with a store."""

Steps = Callable[[int, int], object]


class Copied(NamedTuple):
    """What is in a copy that was verified. path: of the file. hash: of the commit at the head. bytes: its size."""

    path: str
    commits: int
    events: int
    head: int
    hash: bytes | None
    bytes: int


def backup(source: Store, path: str, *, force: bool = False, progress: Steps | None = None) -> Copied:
    """Copy all of a store, as it is at one moment, to the file `path`, while others read and append.

    It is there when it was verified, and not before; its mode is the store's. force: whatever is there is replaced.
    progress: is told how many pages are copied, of how many. Raises `Misuse` (something is there, or the store is in no
    file), `StoreNotFound` (no folder), `Damaged` (the store is not what was written), `Unavailable`.
    """
    file = _file_of(source)
    path = os.path.realpath(path)
    check_place(path)
    if os.path.exists(path) and os.path.samefile(file, path):
        raise Misuse("a store is no backup of itself", hint="another path, best on another disk", code="same-file")
    if force:
        check_folder(path)
    else:
        check_target(path)
        _check_nothing_beside(path)
    with made_beside(path) as made:
        found = _copied(source, made, like=file, progress=progress)
        if force and os.path.lexists(path):
            with nobody_writes(path):
                replace(made, path)
        else:
            if force:
                clear_beside(path)
            put_in_place(made, path)
        sync_folder(path)
    return found._replace(path=path)


def restore(backup: str, path: str, *, force: bool = False, progress: Steps | None = None) -> Copied:
    """Put the store in a file in the place of the one at `path`, as `mv` would; the backup stays as it is.

    It is verified first. What is beside the old store goes, so that it is not mixed with the new one; who has the old
    one open goes on with the new one if its log has all that was there, and is told so if not. The mode is that of the
    store that is replaced, else 0600. force: although the store has what the backup has not, or the backup is a fork.
    Raises `NotFound` (no backup), `Misuse` (`newer-store`, `fork`), `Damaged`, `Unavailable`.
    """
    path = os.path.realpath(path)
    check_folder(path)
    check_place(path)
    _check_there(backup)
    if os.path.exists(path) and os.path.samefile(backup, path):
        raise Misuse("a store is no backup of itself", hint="the file that a backup was written to", code="same-file")
    with open_store(backup, read_only=True) as source, made_beside(path) as made:
        if not force:
            _check_original(source, backup)
        is_there = os.path.exists(path)
        found = _copied(source, made, like=path if is_there else backup, progress=progress)
        if not is_there:
            os.chmod(made, 0o600)
        if os.path.lexists(path):
            with nobody_writes(path):
                if not force:
                    _check_older(path, made, backup)
                replace(made, path)
        else:
            clear_beside(path)
            put_in_place(made, path)
        sync_folder(path)
    return found._replace(path=path)


def _check_there(backup: str) -> None:
    hint = "the file that a backup was written to"
    try:
        os.stat(backup)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"no backup at {backup}", hint=hint, code="no-backup") from None
    except OSError as error:
        raise Misuse(f"{backup} can't be read: {error.strerror}", hint=hint, code="unreadable-file") from None


def _check_original(source: Store, backup: str) -> None:
    """Raise `Misuse` for a fork: the store would be one from then on, on which no reaction runs."""
    origin = fork_of(source.rows)
    if origin is not None:
        raise Misuse(
            f"{backup} is a fork of {origin.source}, made to try something: no reaction would run on the store",
            hint="a backup of the store; --force takes the fork all the same",
            code="fork-of-a-store",
        )


def _file_of(store: Store) -> str:
    if not isinstance(store, SQLiteStore):
        hint = "the database's own tools make one: for PostgreSQL, pg_dump"
        raise Misuse(f"{store.url} is in no file, of which a backup could be made", hint=hint, code="configuration")
    return store._file.real_path


def _check_nothing_beside(path: str) -> None:
    for suffix in ("-wal", "-journal"):
        with suppress(OSError):
            if os.path.getsize(path + suffix):
                raise taken(path + suffix)


def _copied(source: Store, made: str, like: str, progress: Steps | None = None) -> Copied:
    """Copy a store to a file that is not there, verify the copy, and have it on the disk."""
    _file_of(source)
    assert isinstance(source, SQLiteStore)
    os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy_all(source, made, progress)
    with open_store(made, read_only=True) as copy:
        found = verify(copy)
    _check(found, source.url)
    _share(made, os.stat(like))
    sync(made)
    return Copied(made, found.commits, found.events, found.head, found.hash, os.path.getsize(made))


def _check(found: Verified, url: str) -> None:
    if not found.ok:
        first, more = found.flaws[0], len(found.flaws) - 1
        told = f"{at(first)}{first.what}" + (f" (and {more:,} more)" if more else "")
        raise Damaged(f"a copy of {url} is not what was written: {told}", code="not-verified", flaws=len(found.flaws))


def _share(made: str, wanted: os.stat_result) -> None:
    """Give the file the owner, group and mode of another, as far as this user may."""
    found = os.stat(made)
    with suppress(OSError):
        if os.geteuid() == 0 and found.st_uid != wanted.st_uid:
            os.chown(made, wanted.st_uid, -1)
        if found.st_gid != wanted.st_gid:
            os.chown(made, -1, wanted.st_gid)
    with suppress(OSError):
        os.chmod(made, stat.S_IMODE(wanted.st_mode))


def _check_older(path: str, made: str, backup: str) -> None:
    """Raise `Misuse` unless all that the store at `path` has is in the copy, too."""
    try:
        with open_store(path, read_only=True) as store, open_store(made, read_only=True) as copy:
            lost = _lost(store, copy)
    except StoreNotFound:  # an empty file
        return
    except CqrsError as error:
        lost = f"can't be read, so that nobody knows what would be lost: {error.message}"
    if lost is not None:
        raise Misuse(f"{path} {lost}", code="newer-store", store=path, backup=backup)


def _lost(store: Store, copy: Store) -> str | None:
    last = next(store.read(Selection(backwards=True, limit=1)), None)
    if last is not None:
        here, there = store.commit(last.commit_id), copy.commit(last.commit_id)
        if here is None or there is None or here.hash != there.hash:
            return f"ends at @{last.position} with the commit {last.commit_id!r}, which the backup has not"
    known = {one.name: one.position for one in copy.rows.checkpoints()}
    for one in store.rows.checkpoints():
        if one.position > known.get(one.name, 0):
            return f"is further than the backup: {one.name} has read up to @{one.position}"
    for table, what in _ON_RECORD:
        kept = set(copy.rows.select(table))
        if any(row not in kept for row in store.rows.select(table)):
            return f"has {what} on record that the backup has not"
    return None
