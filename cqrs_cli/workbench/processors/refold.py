"""Read models folded again beside the live ones: as they were at a position, and whether the live rows drifted.

They are folded into a store of their own in a temporary folder, so that it needs no memory for the
rows, writes nothing to the live store, and works on one that can only be read.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from cqrs_cli.domain.fold import Watch
from cqrs_cli.domain.row_model import RowModel, RowType, row_maker
from cqrs_cli.errors import CqrsError, NotFound, Unavailable
from cqrs_cli.log.stops import skips_of
from cqrs_cli.passing import passing_folder
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, Order, Scalar, Table, Where, reader_of
from cqrs_cli.workbench.processors.handler import Poisoned
from cqrs_cli.workbench.processors.loop import Loop, Progress, telling
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.projections import Projector, begin, named, stopped
from cqrs_cli.workbench.processors.rows import Key, RowFold
from cqrs_cli.workbench.processors.status import Code, Whereabouts, needs_rebuild, why_rebuild

_Row = tuple[Scalar, ...]
_Pair = tuple[Key, _Row | None, _Row | None]
Wanted = Callable[[Key], bool]
_COPIED = 5_000


class Drift(NamedTuple):
    """One difference. key: of the row. column: None if the row is missing on one side (None there)."""

    key: dict[str, Scalar]
    column: str | None
    live: Any
    fresh: Any


class Check(NamedTuple):
    """What came of comparing a projection: how many rows were compared, and what differed."""

    projection: str
    position: int
    compared: int
    drift: Sequence[Drift]

    @property
    def ok(self) -> bool:
        """Whether all rows are as the log has them."""
        return not self.drift


class Refold:
    """A projection's rows, folded from the beginning into `store`, in `table`.

    wanted: only rows with such keys. watch: looks on.
    """

    def __init__(
        self,
        projector: Projector,
        projection: RowType,
        store: Store,
        wanted: Wanted | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._engine, self._projection, self.store, self.rows = projector.engine, projection, store, store.rows
        self._goal = 0
        # What is unique is a rule for commands; a fold of what happened is compared without it.
        self.table = projection.table._replace(unique=(), indexes=())
        with store.transaction() as rows:
            checkpoint = begin(rows, projection, self.table)
        fold = RowFold(self._engine, projection, self.rows, self.table)
        fold.wanted, fold.watch = wanted, watch
        fold.needs_envelope = fold.needs_envelope or (watch is not None and watch.envelopes)
        found = Whereabouts(checkpoint, skips=skips_of(self._engine.store.rows, projection.name))
        code = Code(projection.definition, lambda _: None)  # nobody else is at work there
        self._processor = Processor(fold, code, found, lambda: self._goal)

    def advance(self, position: int, progress: Progress | None = None) -> None:
        """Fold on, up to this position. Raises as catching up does, with nothing recorded."""
        self._goal = max(position, self._goal)
        for fault in Loop(self._engine, telling(progress), self.store).bring([self._processor]).values():
            if isinstance(fault, Poisoned):
                raise self._stopped(fault) from fault.error
            raise fault

    def set_aside(self) -> Table:
        """Keep the rows as they are now in a table beside them; it is given."""
        kept = self.table._replace(name=f"{self.table.name}_set_aside")
        with self.store.transaction() as rows:
            rows.create(kept)
        found = self.rows.select(self.table)
        while some := list(islice(found, _COPIED)):
            with self.store.transaction() as rows:
                rows.put(kept, some)
        return kept

    def _stopped(self, fault: Poisoned) -> CqrsError:
        what = f"{self._projection.name} can't be folded afresh: it stops"
        live = self._engine.store.rows.checkpoint(self._projection.name)
        if live is None or live.position < fault.event.position:
            return stopped(fault, what, afresh=True, **named(self._projection))
        # The live rows took the event, so that only a rebuild can leave it out.
        return stopped(fault, what, taken=True, **named(self._projection))


@contextmanager
def _store_beside() -> Iterator[Store]:
    with (
        passing_folder("cqrs-refold-") as folder,
        open_store(str(Path(folder) / "refold.db"), create=True, durability="relaxed") as store,
    ):
        yield store


@contextmanager
def past_rows(projector: Projector, position: int) -> Iterator[tuple[Store, Callable[[RowType], None]]]:
    """A store for read models as they were at a position, and what folds one into it; as long as it is used."""
    with _store_beside() as store:
        yield store, lambda projection: Refold(projector, projection, store).advance(position)


@contextmanager
def refold(
    projector: Projector, projection: RowType, wanted: Wanted | None = None, watch: Watch | None = None
) -> Iterator[Refold]:
    """A refold at the beginning of the log, and the store that it needs as long as it is used."""
    with _store_beside() as store:
        yield Refold(projector, projection, store, wanted, watch)


def rows_at(
    projector: Projector,
    projection: RowType,
    position: int,
    progress: Progress | None,
    selection: tuple[Sequence[Where], Sequence[Order]] = ((), ()),
) -> Iterator[RowModel]:
    """The rows as they were at a position, selected and ordered, else by their keys; folded when one is asked for."""
    with refold(projector, projection) as folded:
        folded.advance(position, progress)
        yield from map(row_maker(projection), folded.rows.select(folded.table, *selection))


def watched(
    projector: Projector, projection: RowType, watch: Watch, position: int, wanted: Wanted | None = None
) -> int:
    """Fold the rows (or those that are wanted) up to a position while a watch looks on; how many there are then."""
    with refold(projector, projection, wanted, watch) as folded:
        folded.advance(position)
        return folded.rows.count(folded.table)


class RowsBetween(NamedTuple):
    """Rows at two positions, in a store of their own: the earlier ones in a table beside those that were folded on."""

    folded: Refold
    earlier: Table

    def differing(self) -> Iterator[_Pair]:
        """The keys of rows that differ, in their order, and both rows; None where one is not there."""
        key_of = reader_of(self.earlier, self.earlier.key)
        rows, table = self.folded.rows, self.folded.table
        for pair in _side_by_side(rows.select(self.earlier), rows.select(table), key_of):
            if pair[1] != pair[2]:
                yield pair


@contextmanager
def rows_between(
    projector: Projector, projection: RowType, start: int, end: int, progress: Progress | None = None
) -> Iterator[RowsBetween]:
    """The rows at two positions of the log, the first not after the second: every event is folded once."""
    with refold(projector, projection) as folded:
        folded.advance(start, progress)
        earlier = folded.set_aside()
        folded.advance(end, progress)
        yield RowsBetween(folded, earlier)


def check(
    projector: Projector, projection: RowType, sample: int | None = None, progress: Progress | None = None
) -> Check:
    """Fold again up to where the live rows stand, and compare row by row. Writes nothing to the store, locks nothing.

    sample: so many rows, chosen by a hash of their keys. Raises `NotFound` for a projection that never ran,
    `NeedsRebuild`, and `Unavailable` (busy) if rows that differ change all the time.
    """
    live, key_of, chosen = projector.engine.store.rows, reader_of(projection.table, projection.table.key), None
    if sample is not None and sample < live.count(projection.table):
        chosen = _sampler(map(key_of, live.select(projection.table)), sample)
    with refold(projector, projection, chosen) as again:
        checkpoint = _checkpoint(projector.engine.store, projection)
        again.advance(checkpoint.position, progress)
        compared, differing = 0, []
        for pair in _side_by_side(live.select(projection.table), again.rows.select(again.table), key_of):
            if chosen is None or chosen(pair[0]):
                compared += 1
                if pair[1] != pair[2]:
                    differing.append(pair)
        position = checkpoint.position
        if differing and live.checkpoint(projection.name) != checkpoint:
            # Somebody projected meanwhile: only what still differs at one and the same position is drift.
            position, differing = _compared_again(projector, projection, again, [key for key, _, _ in differing])
        drift = [one for pair in differing for one in _drift(projection, *pair)]
        return Check(projection.name, position, compared, drift)


def _checkpoint(store: Store, projection: RowType) -> Checkpoint:
    checkpoint = store.rows.checkpoint(projection.name)
    if checkpoint is None:
        raise NotFound(f"{projection.name} has no rows yet", code="never-projected", projection=projection.name)
    reason = why_rebuild(store, projection, projection.definition, checkpoint)
    if reason is not None:
        raise needs_rebuild(projection.name, reason)
    return checkpoint


def _sampler(keys: Iterator[Key], sample: int) -> Wanted:
    """Whether a key is in the sample: those with the smallest hashes are. It remembers one number a sampled row."""
    salt = int.from_bytes(os.urandom(4))

    def hashed(key: Key) -> int:
        return crc32(repr(key).encode(), salt)

    largest = max(heapq.nsmallest(sample, map(hashed, keys)), default=0)
    return lambda key: hashed(key) <= largest


def _compared_again(
    projector: Projector, projection: RowType, again: Refold, keys: Sequence[Key]
) -> tuple[int, list[_Pair]]:
    """Those of the rows that differ while nobody moves the projection, and the position of the last look."""
    live, limits = projector.engine.store.rows, projector.engine.limits
    differing: list[_Pair] = []
    position = 0
    for start in range(0, len(keys), limits.compared_rows):
        part = keys[start : start + limits.compared_rows]
        for _ in range(limits.compare_tries):
            checkpoint = _checkpoint(projector.engine.store, projection)
            again.advance(checkpoint.position)
            ours, theirs = live.load(projection.table, part), again.rows.load(again.table, part)
            if live.checkpoint(projection.name) == checkpoint:
                break
        else:
            raise Unavailable(
                f"{projection.name} is being projected faster than it can be compared",
                code="busy",
                hint="check it when fewer write",
            )
        position = checkpoint.position
        differing += [(key, ours.get(key), theirs.get(key)) for key in part if ours.get(key) != theirs.get(key)]
    return position, differing


def _drift(projection: RowType, key: Key, ours: _Row | None, theirs: _Row | None) -> list[Drift]:
    names = [column.name for column in projection.table.columns]
    shown = dict(zip(projection.table.key, key, strict=True))
    if ours is None or theirs is None:
        live, folded = (None if row is None else dict(zip(names, row, strict=True)) for row in (ours, theirs))
        return [Drift(shown, None, live, folded)]
    both = zip(names, ours, theirs, strict=True)
    return [Drift(shown, name, mine, other) for name, mine, other in both if mine != other]


def _side_by_side(live: Iterator[_Row], folded: Iterator[_Row], key_of: Callable[[_Row], Key]) -> Iterator[_Pair]:
    """Both sides by key, which both are ordered by; None where one has no such row."""
    ours, theirs = ((key_of(row), "live", row) for row in live), ((key_of(row), "folded", row) for row in folded)
    for key, found in groupby(heapq.merge(ours, theirs, key=itemgetter(0)), key=itemgetter(0)):
        rows = {side: row for _, side, row in found}
        yield key, rows.get("live"), rows.get("folded")
