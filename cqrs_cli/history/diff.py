"""What differs between two states: of a stream or row at two points, of two streams, of all rows at two positions.

Two states of one history are one fold: to the earlier of them, and on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from cqrs_cli.domain.fold import State
from cqrs_cli.domain.row_model import RowType, row_maker
from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.history.attribution import Attribution
from cqrs_cli.history.blame import BlamedChange
from cqrs_cli.history.changes import placed_changes
from cqrs_cli.history.clauses import ClauseOf, row_clauses
from cqrs_cli.history.comparison import ABSENT, compare
from cqrs_cli.history.folds import Folds, folds_of
from cqrs_cli.history.jsonpatch import Operation, escaped, operations
from cqrs_cli.history.paths import Keyed, Path, path_text
from cqrs_cli.history.rows import RowHistory, folded_rows, row_key_text
from cqrs_cli.history.shapes import Shape
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.names import no_stream
from cqrs_cli.workbench.processors.projections import Projector
from cqrs_cli.workbench.processors.refold import RowsBetween, rows_between
from cqrs_cli.workbench.processors.rows import Key
from cqrs_cli.workbench.workbench import Workbench

RowMatches = Callable[[Any], bool]
"""Whether a row, as a model, is asked for."""


class StateDiff(NamedTuple):
    """Two states as plain JSON values (`ABSENT`: none).

    attribution: of what happened between them, if it is asked. path: of the whole, for a row its key.
    """

    old: Any
    new: Any
    shape: Shape
    clause_of: ClauseOf
    attribution: Attribution | None = None
    path: Path = ()

    def changes(self) -> Iterator[BlamedChange]:
        """What differs; with the last event that changed it, if that was asked."""
        for change in placed_changes(compare(self.old, self.new, self.shape)):
            went = change.new is ABSENT
            event = None if self.attribution is None else self.attribution.event_of(change.path, self.new, went)
            clause = None if event is None else self.clause_of(event.type)
            yield BlamedChange(path_text((*self.path, *change.path)), change.old, change.new, event, clause)

    def operations(self, at: str = "") -> Iterator[Operation]:
        """The same as a JSON Patch: applied to the old state it gives the new one."""
        return operations(compare(self.old, self.new, self.shape), at)


class RowsDiff(NamedTuple):
    """All rows that differ, in the order of their keys. As a document the rows are one object, by their keys."""

    kind: RowType
    differing: Callable[[], Iterator[tuple[Key, StateDiff]]]

    def changes(self) -> Iterator[BlamedChange]:
        """What differs: `[customer_id=C1].total`; a row that came or went is one change."""
        for _, diff in self.differing():
            yield from diff.changes()

    def operations(self) -> Iterator[Operation]:
        """The same as a JSON Patch."""
        for key, diff in self.differing():
            yield from diff.operations(f"/{escaped(row_key_text(self.kind, key))}")


def version_at(source: Workbench | Folds, stream: str, position: int) -> int:
    """The version that a stream had at a position of the log; 0 before its first event."""
    wanted = Selection(stream=stream, before=position + 1, backwards=True, limit=1)
    return next((event.version for event in source.store.scan(wanted)), 0)


def stream_diff(source: Workbench | Folds, stream: str, start: int, end: int, blamed: bool = False) -> StateDiff:
    """One stream at two versions (0: before its first event). Raises `NotFound`, and what folding does."""
    check_direction(start, end, blamed)
    folds = folds_of(source)
    kind = folds.kind_of(stream)
    fold, shape = kind.fold, kind.shape
    first, last = sorted((start, end))
    state = _state_at(folds, stream, first, last)
    before = value = folds.plain(state.state)
    attribution = Attribution(before, shape) if blamed else None
    rest = Selection(stream=stream, after=state.position, limit=last - first)
    if attribution is None:
        value = folds.plain(fold.over(state, folds.store.scan(rest)).state)
    else:
        for event in folds.store.read(rest):
            state, earlier = fold.over(state, (event,)), value
            value = folds.plain(state.state)
            attribution.take(compare(earlier, value, shape), event)
    old, new = (before, value) if start <= end else (value, before)
    return StateDiff(old, new, shape, kind.clause_of, attribution)


def streams_diff(source: Workbench | Folds, one: tuple[str, int], other: tuple[str, int]) -> StateDiff:
    """Two streams of one category, each at a version. Raises as `stream_diff`, and `Misuse` for two categories."""
    folds = folds_of(source)
    kinds = [folds.kind_of(stream) for stream, _ in (one, other)]
    if kinds[0].category != kinds[1].category:
        message = f"{one[0]} and {other[0]} are of two categories"
        raise Misuse(message, hint="two streams of one category can be compared, or one at two points")
    old, new = (folds.plain(_state_at(folds, *each, each[1]).state) for each in (one, other))
    return StateDiff(old, new, kinds[0].shape, kinds[0].clause_of)


def _state_at(folds: Folds, stream: str, version: int, last: int) -> State[Any]:
    """The state at a version (0: before the first event) of a stream that has the last one. Raises `NotFound`."""
    latest = folds.store.version(stream)
    if latest == 0:
        raise no_stream(folds.store, stream)
    if last > latest:
        message = f"{stream} has no version {last}, it is at {latest}"
        raise NotFound(message, code="version-not-found", stream=stream)
    return folds.load(stream, at=version) if version else folds.kind_of(stream).fold.empty(stream)


def row_diff(bench: Workbench, kind: RowType, key: Key, start: int, end: int, blamed: bool = False) -> StateDiff:
    """One row at two positions. Raises `NotFound` if it is there at neither of them nor was between."""
    check_direction(start, end, blamed)
    first, last = sorted((start, end))
    history = RowHistory(bench, kind, key, last)
    before = value = history.start
    attribution, met = None, False
    for event, _, value, difference in history.steps():
        met = True
        if event.position <= first:
            before = value
        else:
            attribution = attribution or Attribution(before, history.shape)
            attribution.take(difference, event)
    if not met:
        raise history.missing(None)
    old, new = (before, value) if start <= end else (value, before)
    return StateDiff(old, new, history.shape, history.clause_of, attribution if blamed else None, row_path(kind, key))


@contextmanager
def rows_diff(
    bench: Workbench,
    kind: RowType,
    positions: tuple[int, int],
    matches: RowMatches | None = None,
    blamed: bool = False,
) -> Iterator[RowsDiff]:
    """The rows of a read model at two positions, as long as the context is open.

    matches: only rows that are so at one of the two. Raises what folding does; a row that differs is in memory only
    if `blamed`.
    """
    check_direction(*positions, blamed)
    first, last = sorted(positions)
    make, shape, clause_of = row_maker(kind), Shape(kind.cls), row_clauses(bench, kind.name)

    def differing(between: RowsBetween) -> Iterator[tuple[Key, StateDiff]]:
        for key, *pair in between.differing():
            models = [None if row is None else make(row) for row in pair]
            if matches is None or any(model is not None and matches(model) for model in models):
                values = [ABSENT if model is None else bench.jsonable(model) for model in models]
                old, new = values if positions[0] <= positions[1] else values[::-1]
                yield key, StateDiff(old, new, shape, clause_of, path=row_path(kind, key))

    with rows_between(Projector(bench.engine), kind, first, last) as between:
        if not blamed:
            yield RowsDiff(kind, lambda: differing(between))
        else:
            found = dict(differing(between))
            attributions = {key: Attribution(diff.old, shape) for key, diff in found.items()}
            states = {key: diff.old for key, diff in found.items()}
            source = (between.folded.rows, between.earlier)
            for event, key, after in folded_rows(bench, kind, found, first, last + 1, source):
                attributions[key].take(compare(states[key], after, shape), event)
                states[key] = after
            told = {key: diff._replace(attribution=attributions[key]) for key, diff in found.items()}
            yield RowsDiff(kind, lambda: iter(told.items()))


def row_path(kind: RowType, key: Key) -> Path:
    """A row as the beginning of a path: `[customer_id=C1]`."""
    return tuple(Keyed(name, str(part)) for name, part in zip(kind.table.key, key, strict=True))


def check_direction(start: int, end: int, blamed: bool) -> None:
    """Raise `Misuse` for events that are asked for backwards."""
    if blamed and start > end:
        message = "what happened between two points is told from the earlier to the later"
        raise Misuse(message, hint="put the earlier one first")
