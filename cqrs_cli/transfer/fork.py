"""A fork: a store of its own with the history of another up to a point, to be tried things on."""

from __future__ import annotations

import time

from cqrs_cli.errors import Damaged, Misuse, NotFound
from cqrs_cli.log.origins import FORK, Origin, note
from cqrs_cli.stores.commits import RecordedCommit
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.copying import copy_log
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.transfer.copy import AS_IT_IS, Between, copy, remembered
from cqrs_cli.transfer.placement import check_target, made_beside, put_in_place, sync
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource


def fork(source: Store, path: str, position: int | None = None, between: Between = AS_IT_IS) -> Origin:
    """Make the SQLite file `path` of the source's log up to a position, the end of a commit; None: all of it.

    It is there when it is whole, and not before. Ids, times, positions and hashes are those of the source; hashes are
    others if something is hidden between. Read models, deadlines and what waits to be sent are not copied. It is
    marked as a fork.
    Raises `Misuse` (a file is there; a position inside a commit), `NotFound` (a position past the head),
    `StoreNotFound` (no folder), and whatever the source or the new store raises.
    """
    end = end_of(source, position)
    check_target(path)
    with made_beside(path) as made:
        origin = _make(source, made, end, between)
        sync(made)
        put_in_place(made, path)
    return origin


def end_of(store: Store, position: int | None) -> RecordedCommit | None:
    """The commit that ends at the position, of the head without one; None for the beginning of the log.

    Raises `NotFound` for a position that is not there, `Misuse` for one inside a commit.
    """
    head = store.head()
    if position is None:
        position = head
    if position > head:
        raise NotFound(f"there is no position @{position} yet, the head is @{head}", code="position", head=head)
    found = next(store.read(Selection(before=position + 1, backwards=True, limit=1)), None) if position else None
    if found is None:
        return None
    commit = store.commit(found.commit_id)
    if commit is None:
        raise Damaged(f"the commit of @{found.position} is not there", hint="restore a backup", store=store.url)
    first, last = commit.events[0].position, commit.events[-1].position
    if last != found.position:
        raise Misuse(
            f"@{position} is inside the commit of @{first} to @{last}, which is one whole",
            hint=f"@{first - 1}, before it, or @{last}, with it",
            code="inside-commit",
            before=first - 1,
            after=last,
        )
    return commit


def _make(source: Store, path: str, end: RecordedCommit | None, between: Between) -> Origin:
    until = 0 if end is None else end.events[-1].position
    latest_ns = 0 if end is None else end.recorded_us * 1000
    open_store(path, create=True).close()
    is_copied = (
        not between.steps and isinstance(source, SQLiteStore) and end is not None and copy_log(source, path, until)
    )
    given = StoreSource(source, until)
    with open_store(path) as made:
        made.clock = lambda: max(time.time_ns(), latest_ns)  # a log that is ahead of the clock is copied as it is
        if not is_copied:
            copy(given, StoreSink(made), between)
        if not between.steps:
            _check(made, end)
        hash = between.sealed(end.hash.hex()) if end is not None and end.hash is not None else None
        origin = Origin(remembered(given, between), FORK, until, hash, made.head(), time.time_ns() // 1000)
        with made.transaction() as rows:
            note(rows, origin)
    return origin


def _check(made: Store, end: RecordedCommit | None) -> None:
    """Raise `Damaged` if the chain of the copy does not end as that of the source does."""
    last = next(made.read(Selection(backwards=True, limit=1)), None)
    commit = None if last is None else made.commit(last.commit_id)
    if (commit is None) != (end is None) or (
        commit is not None and end is not None and end.hash is not None and commit.hash != end.hash
    ):
        raise Damaged(
            "the copy does not end as its source does: the chain of the source does not hold",
            hint="restore a backup of the source",
        )
