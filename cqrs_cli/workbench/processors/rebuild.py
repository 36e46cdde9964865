"""Rebuilding projections: folded anew beside the live rows, then swapped in."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial

from cqrs_cli.domain.row_model import RowType, stored_names
from cqrs_cli.errors import Conflict, CqrsError, Misuse, Passing, StoreFailed
from cqrs_cli.log.stops import clear_stop, skips_of
from cqrs_cli.stores.operational import STOPS
from cqrs_cli.stores.rows import Checkpoint, RowReader, Rows, Table
from cqrs_cli.workbench.processors.batches import batches
from cqrs_cli.workbench.processors.definitions import begun, is_of, swapped_in
from cqrs_cli.workbench.processors.handler import Poisoned
from cqrs_cli.workbench.processors.loop import Loop, Progress, overtaken, telling
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.projections import Projector, named, stopped
from cqrs_cli.workbench.processors.rows import RowFold
from cqrs_cli.workbench.processors.status import REBUILD, Code, Whereabouts

_BETWEEN_SWAPS = (0.1, 0.5)
"""Seconds, at random."""


class Rebuild:
    """The rebuild of some projections, all or none."""

    def __init__(self, projector: Projector, projections: Sequence[RowType]) -> None:
        # In one order: two rebuilds that each want what the other has would wait for each other.
        self._projector, self._projections = projector, sorted(projections, key=lambda projection: projection.name)
        self._engine, self._store = projector.engine, projector.engine.store

    def run(self, progress: Progress | None = None, restart: bool = False) -> None:
        """Fold the rows from the beginning, beside the live ones, and swap them in. Appends go on meanwhile.

        Interrupted, the next rebuild goes on where this one stopped, unless `restart` or the projection's code changed.
        Raises `DomainFailed`, `NotUnique` … for an event that can't be taken, `Conflict` if another finished it before.
        """
        for projection in self._projections:
            self._begin(projection, restart)
        for _ in range(self._engine.limits.rebuild_rounds):
            self._build(progress)
            # Meanwhile events were appended, and the reactions of a process manager went on.
            if all(self._left(projection) <= self._engine.limits.swapped_events for projection in self._projections):
                break
        with self._store.transaction() as rows:
            rows.hold(_names(self._projections))
            for projection in self._projections:
                if rows.checkpoint(projection.name + REBUILD) is not None:
                    rows.index(_beside(projection))
        try:
            self._swap_when_free()
        except (Conflict, StoreFailed):
            raise
        except CqrsError:
            self._build(progress)  # which says by what event
            self._swap_when_free()

    def _begin(self, projection: RowType, restart: bool) -> None:
        beside, name = _beside(projection), projection.name + REBUILD
        with self._store.transaction() as rows:
            rows.hold(_names([projection]))
            rows.refuse_foreign(projection.name)  # now, not when all is built
            found = rows.checkpoint(name)
            if restart or found is None or not is_of(found.definition, projection.definition):
                rows.drop(beside.name)
                rows.create(beside._replace(indexes=()))  # filling a table is faster before it has them
                rows.forget(name)
                rows.move(name, None, Checkpoint(name, 0, begun(projection.definition)))

    def _build(self, progress: Progress | None) -> None:
        """Fold all of them up to their goals, in one reading of the log."""
        processors = [self._processor(projection, self._store.rows) for projection in self._projections]
        loop = Loop(self._engine, telling(progress))
        faults = loop.bring(processors)
        loop.settle([one for one in processors if one.name not in faults])
        for projection in self._projections:
            fault = faults.get(projection.name + REBUILD)
            if isinstance(fault, Poisoned):
                what = f"the rebuild of {projection.name} stopped"
                raise stopped(fault, what, rebuilding=True, **named(projection)) from fault.error
            if fault is not None:
                raise fault

    def _processor(self, projection: RowType, rows: RowReader) -> Processor:
        checkpoint = rows.checkpoint(projection.name + REBUILD)
        if checkpoint is None or not is_of(checkpoint.definition, projection.definition):
            raise overtaken(projection.name)
        fold = RowFold(self._engine, projection, rows, _beside(projection))
        found = Whereabouts(checkpoint, skips=skips_of(self._store.rows, projection.name))
        return Processor(fold, _code(projection, checkpoint), found, partial(self._goal, projection, rows))

    def _left(self, projection: RowType) -> int:
        checkpoint = self._store.rows.checkpoint(projection.name + REBUILD)
        return 0 if checkpoint is None else self._goal(projection, self._store.rows) - checkpoint.position

    def _goal(self, projection: RowType, rows: RowReader) -> int:
        """Where a rebuild ends: at the head, or, for the rows of a process manager, where its reactions are."""
        if projection.name not in self._engine.domain.reactions:
            return self._store.head()
        checkpoint = rows.checkpoint(projection.name)
        if checkpoint is None:
            raise Misuse(f"{projection.name} has not run yet: there is nothing to rebuild", code="not-begun")
        return checkpoint.position

    def _swap_when_free(self) -> None:
        """Swap as soon as nobody reads the rows for a moment; between two tries nothing is held, and all go on."""
        end = time.monotonic() + self._engine.limits.swap_patience
        while True:
            try:
                return self._swap()
            except Passing:
                if time.monotonic() > end:
                    raise
            time.sleep(random.uniform(*_BETWEEN_SWAPS))

    def _swap(self) -> None:
        """In one transaction, during which nobody appends: the last few events, then the new names."""
        with self._store.transaction() as rows:
            # All at once, the stops too: who renames keeps readers out, and waits for nobody any more.
            rows.hold([*_names(self._projections), STOPS.name])
            caught_up = [self._caught_up(projection, rows) for projection in self._projections]
            rows.rename_all([(_beside(projection), projection.name) for projection in self._projections])
            for projection, (one, goal) in zip(self._projections, caught_up, strict=True):
                self._swapped_in(projection, rows, one, goal)
                clear_stop(rows, projection.name)

    def _caught_up(self, projection: RowType, rows: Rows) -> tuple[Processor, int]:
        """The rebuild of a projection with its last few events, and where it ends."""
        one, goal = self._processor(projection, rows), self._goal(projection, rows)
        try:
            for events, _ in batches(self._engine, [one], goal):
                one.handler.gather(one.own(events))
                one.handler.writes().apply(rows)
        except Poisoned as fault:
            raise fault.error from fault
        return one, goal

    def _swapped_in(self, projection: RowType, rows: Rows, one: Processor, goal: int) -> None:
        rows.forget(one.name)
        live = rows.checkpoint(projection.name)
        reaction = self._engine.domain.reactions.get(projection.name)
        answers = stored_names(reaction.reactors if reaction else ())
        made_with = swapped_in(one.checkpoint.definition, live and live.definition, answers)
        rows.move(projection.name, live, Checkpoint(projection.name, goal, made_with))


def _code(projection: RowType, begun: Checkpoint) -> Code:
    """Rows of another rebuild, with other code or other skips, are not gone on with in the middle of the log."""

    def fault(found: Checkpoint) -> CqrsError | None:
        return None if found.definition == begun.definition else overtaken(projection.name)

    return Code(projection.definition, fault)


def _names(projections: Sequence[RowType]) -> list[str]:
    """What the rebuild of these changes."""
    return [name for one in projections for name in (one.name, one.name + REBUILD, _beside(one).name)]


def _beside(projection: RowType) -> Table:
    return projection.table._replace(name=f"cqrs_new_{projection.name}")
