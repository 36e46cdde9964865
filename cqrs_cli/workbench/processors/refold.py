"""Read models folded afresh beside the live ones: as they were at a position, and whether the live rows drifted.

The fold is kept in a store of its own in a temporary folder, so that it needs no memory for the
rows, writes nothing to the live store, and works on one that can only be read.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from zlib import crc32

from cqrs_cli.domain.row_model import RowType, outdated
from cqrs_cli.errors import CqrsError, NotFound, Unavailable
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, RowReader, Scalar
from cqrs_cli.workbench.processors.processor import Loop, Poisoned, Progress, needs_rebuild
from cqrs_cli.workbench.processors.projections import Projector, begin, skip_words
from cqrs_cli.workbench.processors.rows import RowFold

RETRIES = 200
LOOKED_AT = 100


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
        """Whether all rows are as a fresh fold has them."""
        return not self.drift


class Refold:
    """A projection's rows, folded from the beginning. Use it as a context manager; `rows` reads them.

    live: the store with the events, and the rows beside which it is folded. wanted: only the rows whose
    stored key it says yes to.
    """

    def __init__(
        self,
        live: Store,
        projector: Projector,
        projection: RowType,
        wanted: Callable[[tuple[Any, ...]], bool] | None = None,
    ) -> None:
        self._live, self._projector, self._projection, self._wanted = live, projector, projection, wanted
        self._stack = ExitStack()
        self._goal = 0
        self._progress: Progress | None = None
        # What is unique is a rule for commands; a fold of what happened is compared without it.
        self.table = projection.table._replace(unique=(), indexes=())

    def __enter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cqrs-fresh-"))
        self._store: Store = self._stack.enter_context(
            open_store(str(Path(folder) / "fresh.db"), create=True, durability="relaxed")
        )
        with self._store.transaction() as rows:
            checkpoint = begin(rows, self._projection, self.table)
        self._processor = self._projector.processor(
            self._projection, checkpoint, table=self.table, reader=self._store.rows, goal=lambda: self._goal
        )
        assert isinstance(self._processor.handler, RowFold)
        self._processor.handler.wanted = self._wanted
        self._loop = Loop(self._live, self._store, self._told)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def rows(self) -> RowReader:
        """The rows as far as they were folded."""
        return self._store.rows

    def advance(self, position: int, progress: Progress | None = None) -> None:
        """Fold on, up to this position. Raises as catching up does, with nothing recorded."""
        self._goal, self._progress = max(position, self._goal), progress
        for fault in self._loop.bring([self._processor]).values():
            if isinstance(fault, Poisoned):
                raise self._explained(fault) from fault.error
            raise fault

    def _told(self, _: Sequence[str], position: int, goal: int) -> None:
        if self._progress is not None:
            self._progress(position, goal)

    def _explained(self, fault: Poisoned) -> CqrsError:
        """Which projection the event stops, and what can be done."""
        name, position, error = self._projection.name, fault.event.position, fault.error
        hint, skip = "mend the code, or: {}", skip_words(self._projection, position)
        checkpoint = self._live.rows.checkpoint(name)
        if checkpoint is not None and position <= checkpoint.position:
            # The live rows took it, so only a rebuild can leave it out.
            hint = f"mend the code, or leave the event out: cqrs project {name} --rebuild stops at it, then {{}}"
        message = f"{name} can't be folded afresh: it stops at @{position}: {error.message}"
        return error.retold(message, hint=hint.format(skip), projection=name, position=position)


def check(
    store: Store,
    projector: Projector,
    projection: RowType,
    sample: int | None = None,
    progress: Progress | None = None,
) -> Check:
    """Fold afresh up to where the live rows stand, and compare row by row. Writes nothing to the store, locks nothing.

    sample: so many rows, chosen by a hash of their keys. Raises `NotFound` for a projection
    that never ran, `Misuse` (needs-rebuild) for one of another definition and `Unavailable` (busy)
    if rows that differ change all the time.
    """
    chosen = None
    if sample is not None and sample < store.rows.count(projection.table):
        chosen = _sampler(store.rows, projection, sample)
    with Refold(store, projector, projection, chosen) as refold:
        checkpoint = _checkpoint(store.rows, projection)
        refold.advance(checkpoint.position, progress)
        compared, differing = _compare(store.rows, refold, projection, chosen)
        position = checkpoint.position
        if differing and store.rows.checkpoint(projection.name) != checkpoint:
            # Somebody projected meanwhile: only what still differs at one and the same position is drift.
            position, differing = _again(store, refold, projection, [key for key, _, _ in differing])
        drift = [one for key, ours, theirs in differing for one in _drift(projection, key, ours, theirs)]
        return Check(projection.name, position, compared, drift)


def _checkpoint(rows: RowReader, projection: RowType) -> Checkpoint:
    checkpoint = rows.checkpoint(projection.name)
    if checkpoint is None:
        raise NotFound(
            f"{projection.name} has no rows yet", code="never-projected", hint=f"cqrs project {projection.name}"
        )
    reason = outdated(checkpoint.definition, projection.definition)
    if reason is not None:
        raise needs_rebuild(projection.name, reason)
    return checkpoint


def _sampler(live: RowReader, projection: RowType, sample: int) -> Callable[[tuple[Any, ...]], bool]:
    """Whether a key is in the sample: those with the smallest hashes are. It remembers one number a sampled row."""
    salt = int.from_bytes(os.urandom(4))

    def hashed(key: tuple[Any, ...]) -> int:
        return crc32(repr(key).encode(), salt)

    keys = map(_key_reader(projection), live.select(projection.table))
    largest = max(heapq.nsmallest(sample, map(hashed, keys)), default=0)
    return lambda stored_key: hashed(stored_key) <= largest


_Row = tuple[Scalar, ...]
_Pair = tuple[_Row, _Row | None, _Row | None]


def _compare(
    live: RowReader, refold: Refold, projection: RowType, chosen: Callable[[_Row], bool] | None
) -> tuple[int, list[_Pair]]:
    """How many rows were compared, and those that differ: key, live row, fresh row."""
    key_of = _key_reader(projection)
    compared, differing = 0, []
    for key, ours, theirs in _side_by_side(live.select(projection.table), refold.rows.select(refold.table), key_of):
        if chosen is None or chosen(key):
            compared += 1
            if ours != theirs:
                differing.append((key, ours, theirs))
    return compared, differing


def _again(store: Store, refold: Refold, projection: RowType, keys: Sequence[_Row]) -> tuple[int, list[_Pair]]:
    """Those of the rows that differ while nobody moves the projection, and the position of the last look."""
    differing: list[_Pair] = []
    position = 0
    for start in range(0, len(keys), LOOKED_AT):
        part = keys[start : start + LOOKED_AT]
        for _ in range(RETRIES):
            checkpoint = _checkpoint(store.rows, projection)
            refold.advance(checkpoint.position)
            ours, theirs = store.rows.load(projection.table, part), refold.rows.load(refold.table, part)
            if store.rows.checkpoint(projection.name) == checkpoint:
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


def _drift(projection: RowType, key: _Row, ours: _Row | None, theirs: _Row | None) -> list[Drift]:
    names = [column.name for column in projection.table.columns]
    shown = dict(zip(projection.table.key, key, strict=True))
    if ours is None or theirs is None:
        return [Drift(shown, None, _as_dict(names, ours), _as_dict(names, theirs))]
    both = zip(names, ours, theirs, strict=True)
    return [Drift(shown, name, mine, other) for name, mine, other in both if mine != other]


def _as_dict(names: Sequence[str], row: tuple[Scalar, ...] | None) -> dict[str, Scalar] | None:
    return None if row is None else dict(zip(names, row, strict=True))


def _key_reader(projection: RowType) -> Callable[[_Row], Any]:
    """The function from a stored row to its key, as a tuple."""
    names = [column.name for column in projection.table.columns]
    places = [names.index(name) for name in projection.table.key]
    return lambda row: tuple(row[place] for place in places)


def _side_by_side(left: Iterator[_Row], right: Iterator[_Row], key_of: Callable[[_Row], Any]) -> Iterator[_Pair]:
    """Both sides by key, which both are ordered by; None where one has no such row."""
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and key_of(ours) < key_of(theirs)):
            assert ours is not None
            yield key_of(ours), ours, None
            ours = next(left, None)
        elif ours is None or key_of(theirs) < key_of(ours):
            yield key_of(theirs), None, theirs
            theirs = next(right, None)
        else:
            yield key_of(ours), ours, theirs
            ours, theirs = next(left, None), next(right, None)
