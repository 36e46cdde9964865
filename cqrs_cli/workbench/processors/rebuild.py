"""Rebuilding projections: folded anew beside the live rows, then swapped in."""

from __future__ import annotations

from collections.abc import Sequence

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import Conflict, CqrsError, Damaged, Misuse, Unavailable
from cqrs_cli.log.stops import Poisoned, clear_stop
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Checkpoint, RowReader, Rows, Table
from cqrs_cli.workbench.processors.processor import Advance, Progress, batches, overtaken
from cqrs_cli.workbench.processors.projections import REBUILD, Projector, stopped
from cqrs_cli.workbench.processors.rows import write

ROUNDS = 10
SHORT = 1_000
"""Events that the last transaction may have to fold, while nobody can append."""


class Rebuild:
    """The rebuild of some projections, all or none."""

    def __init__(self, store: Store, domain: Domain, projector: Projector, projections: Sequence[RowType]) -> None:
        self._store, self._domain, self._projector, self._projections = store, domain, projector, projections

    def run(self, progress: Progress | None = None, restart: bool = False) -> None:
        """Fold the rows from the beginning, beside the live ones, and swap them in.

        Appends go on meanwhile. Interrupted, the live rows are untouched and the next rebuild goes
        on where this one stopped, unless `restart` or the code of the projection changed.
        Raises `DomainFailed`, `Undecodable`, `NotUnique` … for an event that can't be taken, and
        `Conflict` if another process finished the same rebuild before.
        """
        for projection in self._projections:
            self._begin(projection, restart)
        for _ in range(ROUNDS):
            for projection in self._projections:
                self._build(projection, progress)
            # While the others were being built, events were appended that the first one has not seen.
            if all(self._left(projection) <= SHORT for projection in self._projections):
                break
        with self._store.transaction() as rows:
            for projection in self._projections:
                if rows.checkpoint(projection.name + REBUILD) is not None:
                    rows.index(_beside(projection))
        try:
            self._swap()
        except (Conflict, Unavailable, Damaged):
            raise
        except CqrsError:
            for projection in self._projections:
                self._build(projection, progress)  # which says by what event
            self._swap()

    def _begin(self, projection: RowType, restart: bool) -> None:
        beside, name = _beside(projection), projection.name + REBUILD
        with self._store.transaction() as rows:
            rows.refuse_foreign(projection.name)  # now, not when all is built
            found = rows.checkpoint(name)
            if restart or found is None or found.definition != projection.definition:
                rows.drop(beside.name)
                rows.create(beside._replace(indexes=()))  # filling a table is faster before it has them
                if found is not None:
                    rows.forget(name)
                rows.move(name, None, Checkpoint(name, 0, projection.definition))

    def _build(self, projection: RowType, progress: Progress | None) -> None:
        beside, name = _beside(projection), projection.name + REBUILD
        advance = Advance(self._store, self._projector.fold_of(projection, beside), beside, name)
        try:
            advance.until(lambda: self._goal(projection, self._store.rows), progress)
        except Poisoned as poisoned:
            raise stopped(projection, poisoned, rebuilding=True) from poisoned.error

    def _left(self, projection: RowType) -> int:
        checkpoint = self._store.rows.checkpoint(projection.name + REBUILD)
        return 0 if checkpoint is None else self._goal(projection, self._store.rows) - checkpoint.position

    def _goal(self, projection: RowType, rows: RowReader) -> int:
        """Where a rebuild ends: at the head, or, for the rows of a process manager, where its reactions are."""
        if projection.name not in self._domain.reactions:
            return self._store.head()
        checkpoint = rows.checkpoint(projection.name)
        if checkpoint is None:
            raise Misuse(
                f"{projection.name} has not run yet: there is nothing to rebuild",
                code="not-begun",
                hint="cqrs run starts it",
            )
        return checkpoint.position

    def _swap(self) -> None:
        """In one transaction, during which nobody appends: the last few events, then the new names."""
        with self._store.transaction() as rows:
            for projection in self._projections:
                self._swap_one(projection, rows)

    def _swap_one(self, projection: RowType, rows: Rows) -> None:
        beside, name, head = _beside(projection), projection.name + REBUILD, self._goal(projection, rows)
        fold = self._projector.fold_of(projection, beside, rows)
        checkpoint = rows.checkpoint(name)
        if checkpoint is None:
            raise overtaken(projection)
        for events, _ in batches(self._store, fold, checkpoint.position, head):
            fold.over(events)
            write(rows, beside, fold.changes())
        rows.rename(beside, projection.name)
        rows.forget(name)
        moved = Checkpoint(projection.name, head, projection.definition)
        rows.move(projection.name, rows.checkpoint(projection.name), moved)
        clear_stop(rows, projection.name)


def _beside(projection: RowType) -> Table:
    return projection.table._replace(name=f"cqrs_new_{projection.name}")
