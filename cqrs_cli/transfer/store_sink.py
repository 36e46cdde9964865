"""A store as a sink: many commits a transaction, and in the same one how far the source was copied."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

from cqrs_cli.errors import CommandReused, CqrsError, StoreFailed
from cqrs_cli.log.ends import check_ends
from cqrs_cli.log.origins import IMPORT, Origin, note, origin_of, refuse_other_masks
from cqrs_cli.stores.commits import Commit, NewEvent, Receipt, RecordedCommit
from cqrs_cli.stores.contract import Append, BulkStore, Selection, Store
from cqrs_cli.stores.rows import Rows
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.sink import Reached


class StoreSink:
    """Appends to a store, and notes in its `cqrs_origins` what came from where."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def reached(self, source: str) -> Reached | None:
        """As it is noted. A fork is as far as it was taken.

        Raises `Misuse` if it came under other masks; `Damaged` if the store has lost its end.
        """
        check_ends(self.store, self.store.rows.checkpoints())
        refuse_other_masks(self.store.rows, source)
        origin = origin_of(self.store.rows, source)
        return None if origin is None else Reached(origin.source_position, origin.source_hash)

    def has(self, position: int, mark: str | None) -> bool:
        """Whether a commit ends there with this hash."""
        last = next(self.store.read(Selection(before=position + 1, backwards=True, limit=1)), None)
        commit = None if last is None or last.position != position else self.store.commit(last.commit_id)
        return commit is not None and commit.hash is not None and commit.hash.hex() == mark

    def take(self, source: str, parcels: Sequence[Parcel], reached: Reached) -> int:
        """Append what is not there. Raises `CommandReused` for an id that is there with another body."""
        return 0 if self._take_at_once(source, parcels, reached) else self._take_each(source, parcels, reached)

    def _take_at_once(self, source: str, parcels: Sequence[Parcel], reached: Reached) -> bool:
        """Append them in one go, where the store can; False, and nothing was written, if each is to be looked at."""
        store = self.store
        if not parcels or not isinstance(store, BulkStore):
            return False
        try:
            return store.take_in(
                [one.commit for one in parcels],
                lambda rows, position: self._note(rows, source, reached, position),
                [one.link for one in parcels],
            )
        except StoreFailed:
            raise
        except CqrsError:  # one can't be taken: those before it are, and it is named
            return False

    def _take_each(self, source: str, parcels: Sequence[Parcel], reached: Reached) -> int:
        store, count = self.store, len(parcels)
        parcels = _once(parcels)
        known = store.known([one.commit.id for one in parcels])
        for one in parcels:
            if one.commit.id in known:
                self._check_same(one.commit)
        new = [one.commit for one in parcels if one.commit.id not in known]
        if not new:
            with store.transaction() as rows:
                self._note(rows, source, reached, None)
            return count
        appends = [Append(commit) for commit in new[:1]]
        # None is written after one that can't be: the next copy begins with it.
        appends += [Append(commit, follows=(before.id,)) for before, commit in pairwise(new)]
        appends[-1] = appends[-1]._replace(
            inline=lambda rows, events: self._note(rows, source, reached, events[-1].position)
        )
        again = 0
        for commit, answer in zip(new, store.append_many(appends), strict=False):
            if isinstance(answer, CqrsError):
                if store.known([commit.id]):  # somebody else copies the same, and was faster
                    return self.take(source, parcels, reached)
                raise answer
            again += self._is_again(commit, answer)
        if again:  # somebody else copies the same: perhaps it was the last, and nothing was noted
            with store.transaction() as rows:
                self._note(rows, source, reached, None)
        return count - len(new) + again

    def _note(self, rows: Rows, source: str, reached: Reached, position: int | None) -> None:
        """position: of the last event here that came of it; None: it stays what it was."""
        before = origin_of(rows, source)
        if before is not None and before.source_position > reached.position:
            return  # somebody else copies the same, and is further
        kind = IMPORT if before is None else before.kind  # a fork that goes on with its original is one all the same
        if position is None:
            position = 0 if before is None else before.position
        note(rows, Origin(source, kind, reached.position, reached.mark, position, time.time_ns() // 1000))

    def _is_again(self, commit: Commit, receipt: Receipt) -> bool:
        if receipt.duplicate:
            self._check_same(commit)
        return receipt.duplicate

    def _check_same(self, commit: Commit) -> None:
        there = self.store.commit(commit.id)
        assert there is not None
        differing = _differing(commit, there)
        if differing:
            raise CommandReused(
                f"the commit {commit.id!r} is there already, at @{there.events[0].position}, "
                f"with other contents: {differing}",
                hint="two logs that share ids but not what happened can't be one: copy into a store of its own",
                command_id=commit.id,
                position=there.events[0].position,
            )


def _once(parcels: Sequence[Parcel]) -> Sequence[Parcel]:
    """Without those that come again as they are. Raises `CommandReused` for one that comes again as another."""
    first: dict[str, Commit] = {}
    for one in parcels:
        commit = one.commit
        before = first.setdefault(commit.id, commit)
        if before._replace(recorded_us=None) != commit._replace(recorded_us=None):
            raise CommandReused(
                f"the commit {commit.id!r} comes twice, with other contents the second time, at "
                f"position {one.position:,} of the source",
                hint="nothing of what it comes with was taken: give one of them another id, there or by --map",
                command_id=commit.id,
                position=one.position,
            )
    return parcels if len(first) == len(parcels) else [one for one in parcels if first.pop(one.commit.id, None)]


def _differing(commit: Commit, there: RecordedCommit) -> str | None:
    """What differs between a commit and the one with its id; the time may."""
    events = tuple([NewEvent(event[1], event[3], event[4], event[5]) for event in there.events])
    parts = (
        ("events", commit.events, events),
        ("command", commit.command, there.command),
        ("correlation id", commit.correlation_id or commit.id, there.correlation_id),
        ("causation id", commit.causation_id, there.causation_id),
        ("user", commit.user_id, there.user_id),
        ("metadata", commit.metadata, there.metadata_json),
    )
    return ", ".join(name for name, ours, theirs in parts if ours != theirs) or None
