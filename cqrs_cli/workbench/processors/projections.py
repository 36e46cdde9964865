"""Keeping the rows of projections: where they stand, catching up, what is passed over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from cqrs_cli.domain.process_manager import ProcessManager
from cqrs_cli.domain.row_model import RowType, foreign
from cqrs_cli.errors import Conflict, CqrsError, StoreFailed
from cqrs_cli.log import stops
from cqrs_cli.log.ends import check_ends
from cqrs_cli.stores.rows import Checkpoint, Rows, Table
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.batches import batches
from cqrs_cli.workbench.processors.begun_names import begun_otherwise
from cqrs_cli.workbench.processors.definitions import adopting, begun
from cqrs_cli.workbench.processors.handler import Poisoned
from cqrs_cli.workbench.processors.loop import Loop, Progress, overtaken, telling
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.rows import RowFold
from cqrs_cli.workbench.processors.status import (
    REBUILD,
    Code,
    Named,
    ProcessorStatus,
    Whereabouts,
    code_of,
    gone,
    look,
    needs_rebuild,
    statuses_of,
)


class Plan(NamedTuple):
    """What a rebuild would do. seconds: an estimate from a trial on the first events; None without any."""

    projection: str
    events: int
    rows_now: int
    seconds: float | None


class Projector:
    """Catches projections up with the log, and says where they stand."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self._store = engine, engine.store
        self._there = 0  # a position that the log is known to have: who reads again need not ask

    def code(self, projection: RowType) -> Code:
        """Today's code of a projection."""
        return code_of(self._store, projection, projection.definition)

    def adopted(self, code: Code, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint as today's code goes on from it: the types that it has learnt are in it before any is met.

        From then on older code, which would pass them over, can't move it. Raises what `code.fault` gives.
        """
        now: Checkpoint | None = checkpoint
        while now is not None:
            fault = code.fault(now)
            if fault is not None:
                raise fault
            new = now._replace(definition=adopting(now.definition, code.definition))
            if new == now:
                return now
            try:
                with self._store.transaction() as rows:
                    rows.move(new.name, now, new)
                return new
            except Conflict:  # somebody moved it meanwhile
                now = self._store.rows.checkpoint(new.name)
        raise overtaken(checkpoint.name)

    def statuses(self, projections: Sequence[RowType], counted: bool = True) -> list[ProcessorStatus]:
        """Where projections stand. counted: with the number of their rows."""
        asked = [Named(one.name, "projection", one, one.definition) for one in projections]
        return statuses_of(self._store, asked, counted)

    def plan(self, projection: RowType) -> Plan:
        """What a rebuild would have to do, with a trial of the first events that is thrown away."""
        checkpoint = Checkpoint(projection.name, 0, projection.definition)
        empty = Whereabouts(checkpoint, skips=stops.skips_of(self._store.rows, projection.name))
        trial = Processor(RowFold(self.engine, projection), self.code(projection), empty)
        fold = RowFold(self.engine, projection)
        fold.start_empty()
        events = sum(count for name, count in self._store.types().items() if name in fold.types)
        sample = trial.own(next(batches(self.engine, [trial], self._store.head()))[0])
        seconds = None
        if sample:
            start = time.perf_counter()
            fold.over(sample)
            fold.changes()
            seconds = (time.perf_counter() - start) / len(sample) * events * 1.3  # and the writing
        return Plan(projection.name, events, self._store.rows.count(projection.table), seconds)

    def catch_up(self, projections: Sequence[RowType], progress: Progress | None = None) -> dict[str, CqrsError]:
        """Bring live rows to the head, all in one go; the errors of those that could not be, by name.

        `NeedsRebuild`, or `DomainFailed`, `Undecodable` … for an event that can't be taken: the rows are then as
        before that event, and the stop is recorded. Raises `StoreFailed`.
        """
        found = look(self._store.rows, [projection.name for projection in projections])
        live: list[Processor] = []
        errors: dict[str, CqrsError] = {}
        for projection in projections:
            try:
                live.append(self.live(projection, found[projection.name]))
            except StoreFailed:
                raise
            except CqrsError as error:
                errors[projection.name] = error
        loop = Loop(self.engine, telling(progress))
        for name, fault in loop.bring(live).items():
            errors[name] = self.stood_still(name, fault)
        loop.settle([one for one in live if one.name not in errors])
        return errors

    def live(self, projection: RowType, found: Whereabouts) -> Processor:
        """The projection, to be brought along the log. Raises `NeedsRebuild`, or `Misuse` if its table is not ours."""
        code = self.code(projection)
        checkpoint = self.adopted(code, found.checkpoint or self._begun(projection))
        return Processor(RowFold(self.engine, projection), code, found._replace(checkpoint=checkpoint))

    def _begun(self, projection: RowType) -> Checkpoint:
        with self._store.transaction() as rows:
            return rows.checkpoint(projection.name) or begin(rows, projection)

    def stood_still(self, name: str, fault: CqrsError | Poisoned) -> CqrsError:
        """The error of a processor that stands still; the stop at an event is put on record."""
        if not isinstance(fault, Poisoned):
            return fault
        with self._store.transaction() as rows:
            stops.record_stop(rows, name, fault.event, fault.error)
        role = "reaction" if name in self.engine.domain.reactions else "projection"
        return stopped(fault, f"{name} stopped", **{role: name})

    def skip(self, name: str, position: int, by: str, reason: str, role: stops.Role = "projection") -> None:
        """Let a processor pass the event at `position` over, for ever and on record.

        One that a rebuild can't take may be in the live rows: they keep it, and their status says so. A rebuild
        that has taken it in begins anew. Raises `NotFound`, `Misuse`, `Conflict`.
        """
        live, building = (self._store.rows.checkpoint(name + suffix) for suffix in ("", REBUILD))
        stuck = building if building is not None and position > building.position else live

        def also(rows: Rows) -> None:
            rows.hold([name, name + REBUILD])
            if live is not None and position <= live.position:
                rows.move(name, live, stops.containing(live, position))
            if building is not None and position <= building.position:
                rows.forget(building.name)

        reached = stuck.position if stuck is not None else None
        stops.skip(self._store, stops.Skip(name, position, by, stops.now_us(), reason), reached, role, also)

    def ready_to_read(self, projection: RowType, read_only: bool) -> None:
        """Catch the rows up, where that may be. Those of reactions are read as they are: they move when these run.

        Raises `NeedsRebuild` for rows that are gone, or that were made with another definition and are to be moved;
        `Damaged` for those of more events than the log has.
        """
        reaction = self.engine.domain.reactions.get(projection.name)
        if reaction is None and not read_only:
            for error in self.catch_up([projection]).values():
                raise error
            return
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is not None and checkpoint.position > self._there:
            check_ends(self._store, [checkpoint])
            self._there = checkpoint.position
        if reaction is not None:
            fault = begun_otherwise(reaction, self._store.rows, own=checkpoint is not None)
            if fault is None and checkpoint is not None:
                fault = self.code(projection).fault(checkpoint)
            if fault is not None:
                raise fault
        elif checkpoint is not None:
            reason = foreign(checkpoint.definition, projection.definition) or gone(self._store.rows, projection)
            if reason is not None:
                raise needs_rebuild(projection.name, reason)


def stopped(fault: Poisoned, what: str, **details: Any) -> CqrsError:
    """The error of the poison event, saying what it stopped. details: by which a face knows what can be done."""
    position = fault.event.position
    told = fault.error.retold(f"{what} at @{position}: {fault.error.message}", position=position, **details)
    told.hint = None  # what would help with the error alone is not what helps with the stop
    return told


def named(rows: RowType) -> dict[str, str]:
    """The details by which an error names who has these rows."""
    return {"projection": rows.name} | ({"reaction": rows.name} if issubclass(rows.cls, ProcessManager) else {})


def begin(rows: Rows, projection: RowType, table: Table | None = None) -> Checkpoint:
    """An empty table with a checkpoint before the first event, which there is none of yet."""
    checkpoint = Checkpoint(projection.name, 0, begun(projection.definition))
    rows.drop(projection.name)  # rows of ours without a checkpoint count for nothing
    rows.create(table or projection.table)
    rows.move(projection.name, None, checkpoint)
    return checkpoint
