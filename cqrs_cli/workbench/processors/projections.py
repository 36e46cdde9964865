"""Keeping the rows of projections: where they stand, catching up, what is passed over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.process_manager import ProcessManager
from cqrs_cli.domain.row_model import RowType, outdated
from cqrs_cli.errors import CqrsError, StoreFailed
from cqrs_cli.log import stops
from cqrs_cli.log.stops import (
    Skip,
    containing,
    now_us,
    skip,
    skips_of,
)
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Checkpoint, RowReader, Rows, Table
from cqrs_cli.workbench.processors.processor import Loop, Poisoned, Processor, Progress, batches, needs_rebuild
from cqrs_cli.workbench.processors.rows import RowFold
from cqrs_cli.workbench.processors.status import ProcessorStatus, gone, status_of

REBUILD = "~rebuild"
"""What follows the name of a projection in the name of the checkpoint of its rebuild."""


class Plan(NamedTuple):
    """What a rebuild would do. seconds: an estimate from a trial on the first events; None without any."""

    projection: str
    events: int
    rows_now: int
    seconds: float | None


class Projector:
    """Catches projections up with the log, and says where they stand."""

    def __init__(self, store: Store, domain: Domain, codec: Codec) -> None:
        self._store, self._domain, self._codec = store, domain, codec

    def fold_of(self, projection: RowType, table: Table | None = None, reader: RowReader | None = None) -> RowFold:
        """A fold over the projection's rows, or over those of another table of the same shape."""
        source = table if table is not None else projection.table
        rows = reader if reader is not None else self._store.rows
        routes = self._domain.routes[projection.name]
        return RowFold(projection, routes, self._codec, lambda keys: rows.load(source, keys), source)

    def processor(
        self,
        projection: RowType,
        checkpoint: Checkpoint,
        *,
        table: Table | None = None,
        reader: RowReader | None = None,
        goal: Callable[[], int] | None = None,
    ) -> Processor:
        """The projection on its way from a checkpoint, over its rows or those of another table."""
        skips = [skip.position for skip in skips_of(self._store.rows, projection.name)]
        return Processor(self.fold_of(projection, table, reader), checkpoint, projection.definition, skips, goal)

    # ── where it stands ───────────────────────────────────────────────────────────────────────

    def status(self, projection: RowType) -> ProcessorStatus:
        """Where a projection stands."""
        rows, head, name = self._store.rows, self._store.head(), projection.name
        skips, checkpoint, building = skips_of(rows, name), rows.checkpoint(name), rows.checkpoint(name + REBUILD)
        if checkpoint is None:
            return ProcessorStatus(name, "projection", "new", 0, head, skips=skips)
        found = status_of(rows, projection, projection.definition, checkpoint, head)
        return found._replace(skips=skips, rebuilding=building.position if building is not None else None)

    def plan(self, projection: RowType) -> Plan:
        """What a rebuild would have to do, with a trial of the first events that is thrown away."""
        trial = self.processor(projection, Checkpoint(projection.name, 0, projection.definition))
        fold = self.fold_of(projection)
        fold.start_empty()
        events = sum(count for name, count in self._store.types().items() if name in fold.types)
        sample = trial.own(next(batches(self._store, [trial], self._store.head()))[0])
        seconds = None
        if sample:
            start = time.perf_counter()
            fold.over(sample)
            fold.changes()
            seconds = (time.perf_counter() - start) / len(sample) * events * 1.3  # and the writing
        return Plan(projection.name, events, self._store.rows.count(projection.table), seconds)

    # ── catching up ───────────────────────────────────────────────────────────────────────────

    def catch_up(self, projections: Sequence[RowType], progress: Progress | None = None) -> dict[str, CqrsError]:
        """Bring live rows to the head, all in one go; the errors of those that could not be, by name.

        `NeedsRebuild`, or `DomainFailed`, `Undecodable` … for an event that can't be taken: the rows are then as
        before that event, and the stop is recorded. Raises `StoreFailed`.
        """
        ready, errors = self.ready(projections)
        loop = Loop(self._store, between=_told(progress))
        for name, fault in loop.bring(ready).items():
            errors[name] = self.stood_still(name, fault, stopped)
        loop.settle([one for one in ready if one.name not in errors])
        return errors

    def ready(self, projections: Sequence[RowType]) -> tuple[list[Processor], dict[str, CqrsError]]:
        """Projections made ready to be brought along the log, and the errors of those that can't be, by name."""
        known = {checkpoint.name: checkpoint for checkpoint in self._store.rows.checkpoints()}
        stopped_at, skipped = stops.stops(self._store.rows), stops.skips(self._store.rows)
        processors: list[Processor] = []
        errors: dict[str, CqrsError] = {}
        for projection in projections:
            try:
                checkpoint = known.get(projection.name) or self._begun(projection)
            except StoreFailed:
                raise
            except CqrsError as error:  # a table of somebody else's has its name
                errors[projection.name] = error
                continue
            reason = outdated(checkpoint.definition, projection.definition) or gone(self._store.rows, projection)
            if reason is not None:
                errors[projection.name] = needs_rebuild(projection.name, reason)
                continue
            skips = [skip.position for skip in skipped.get(projection.name, ())]
            one = Processor(self.fold_of(projection), checkpoint, projection.definition, skips)
            one.stopped = projection.name in stopped_at
            processors.append(one)
        return processors, errors

    def _begun(self, projection: RowType) -> Checkpoint:
        with self._store.transaction() as rows:
            return rows.checkpoint(projection.name) or begin(rows, projection)

    def stood_still(
        self, name: str, fault: CqrsError | Poisoned, told: Callable[[str, Poisoned], CqrsError]
    ) -> CqrsError:
        """The error of a processor that stands still; the stop at an event is put on record."""
        if not isinstance(fault, Poisoned):
            return fault
        with self._store.transaction() as rows:
            stops.record_stop(rows, name, fault.event, fault.error)
        return told(name, fault)

    def skip(self, projection: RowType, position: int, by: str, reason: str) -> None:
        """Pass the event at `position` over, for ever and on record. Raises `NotFound`, `Misuse`, `Conflict`.

        One that a rebuild can't take may be in the live rows: they keep it, and their status says so. A rebuild
        that has taken it in begins anew.
        """
        live, building = (self._store.rows.checkpoint(projection.name + suffix) for suffix in ("", REBUILD))
        reached = self.reached(projection.name, position)
        status = f"cqrs project {projection.name} --status"

        def also(rows: Rows) -> None:
            if live is not None and position <= live.position:
                rows.move(live.name, live, containing(live, position))
            if building is not None and position <= building.position:
                rows.forget(building.name)

        skip(self._store, Skip(projection.name, position, by, now_us(), reason), reached, status, also)

    def reached(self, name: str, position: int) -> int | None:
        """How far it has come that may have taken the event at `position`: the live rows, or a rebuild of them.

        None if it never ran.
        """
        checkpoint, building = (self._store.rows.checkpoint(name + suffix) for suffix in ("", REBUILD))
        if building is not None and position > building.position:
            checkpoint = building  # it is the rebuild that can't take the event
        return checkpoint.position if checkpoint is not None else None

    def refuse_gone(self, projection: RowType) -> None:
        """Raise `Misuse` (needs-rebuild) if the rows are to be read as they are, and somebody dropped them."""
        reason = gone(self._store.rows, projection)
        if reason is not None and self._store.rows.checkpoint(projection.name) is not None:
            raise needs_rebuild(projection.name, reason)

    def refuse_outdated(self, projection: RowType) -> None:
        """Raise `Misuse` (needs-rebuild) if there were rows, and they are gone or were made with another definition."""
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is None:
            return
        reason = outdated(checkpoint.definition, projection.definition) or gone(self._store.rows, projection)
        if reason is not None:
            raise needs_rebuild(projection.name, reason)


def stopped(name: str, fault: Poisoned, again: str = "", what: str = "", skip: str = "") -> CqrsError:
    """The error of the poison event, saying which projection it stopped and what can be done."""
    position = fault.event.position
    again, skip = again or f"cqrs project {name}", skip or f"cqrs project {name} --skip @{position} --reason …"
    return fault.error.retold(
        f"{what}{name} stopped at @{position}: {fault.error.message}",
        hint=f"mend the code and run {again} again, or: {skip}",
        projection=name,
        position=position,
    )


def _told(progress: Progress | None) -> Callable[[Sequence[str], int, int], None]:
    return lambda _, position, goal: None if progress is None else progress(position, goal)


def skip_words(rows: RowType, position: int) -> str:
    """The command that passes the event over, for a projection or a process manager."""
    if issubclass(rows.cls, ProcessManager):
        return f"cqrs run --skip {rows.name}@{position} --reason …"
    return f"cqrs project {rows.name} --skip @{position} --reason …"


def begin(rows: Rows, projection: RowType, table: Table | None = None) -> Checkpoint:
    """An empty table with a checkpoint before the first event, which there is none of yet."""
    checkpoint = Checkpoint(projection.name, 0, projection.definition)
    rows.drop(projection.name)  # rows of ours without a checkpoint count for nothing
    rows.create(table or projection.table)
    rows.move(projection.name, None, checkpoint)
    return checkpoint
