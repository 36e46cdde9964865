"""Keeping the rows of projections: where they stand, catching up, what is passed over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.process_manager import ProcessManager
from cqrs_cli.domain.row_model import RowType, outdated, source_changed
from cqrs_cli.errors import CqrsError, Misuse, NeedsRebuild
from cqrs_cli.log.stops import (
    Poisoned,
    Skip,
    Stop,
    held,
    holding,
    skip,
    skips_of,
    stop_ahead,
    stops_on_record,
)
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Checkpoint, RowReader, Rows, Table
from cqrs_cli.workbench.processors.processor import Advance, Progress, batches
from cqrs_cli.workbench.processors.rows import RowFold

REBUILD = "~rebuild"
"""What follows the name of a projection in the name of the checkpoint of its rebuild."""


class Status(NamedTuple):
    """Where a projection stands.

    status: `ready`, `behind`, `new` (never run), `stopped` (at an event that it can't take) or
    `needs-rebuild`. lag: events behind the head. reason: why it stopped or must be rebuilt.
    source_changed: the code of its clauses is not the one that the rows were made with (a hint only).
    rebuilding: how far a rebuild came that runs or was interrupted. held: positions of skipped events
    that are in the rows until these are rebuilt.
    """

    projection: str
    status: str
    position: int
    lag: int
    rows: int
    reason: str | None = None
    stop: Stop | None = None
    skips: Sequence[Skip] = ()
    source_changed: bool = False
    rebuilding: int | None = None
    held: frozenset[int] = frozenset()


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
        skips = frozenset(skip.position for skip in skips_of(self._store.rows, projection.name))
        return RowFold(
            projection, self._domain.routes[projection.name], self._codec, lambda keys: rows.load(source, keys), skips
        )

    # ── where it stands ───────────────────────────────────────────────────────────────────────

    def status(self, projection: RowType) -> Status:
        """Where a projection stands."""
        rows, head = self._store.rows, self._store.head()
        skips = skips_of(rows, projection.name)
        checkpoint = rows.checkpoint(projection.name)
        if checkpoint is None:
            return Status(projection.name, "new", 0, head, 0, skips=skips)
        lag = max(head - checkpoint.position, 0)
        stop = stop_ahead(rows, projection.name, checkpoint.position)
        building = rows.checkpoint(projection.name + REBUILD)
        reason = outdated(checkpoint.definition, projection.definition) or gone(rows, projection)
        if reason is not None:
            status = "needs-rebuild"
        elif stop is not None:
            status, reason = "stopped", f"at @{stop.position} ({stop.type} in {stop.stream}): {stop.error}"
        else:
            status = "behind" if lag else "ready"
        changed = reason is None and source_changed(checkpoint.definition, projection.definition)
        return Status(
            projection.name,
            status,
            checkpoint.position,
            lag,
            rows.count(projection.table),
            reason,
            stop,
            skips,
            changed,
            building.position if building is not None else None,
            held(checkpoint),
        )

    def plan(self, projection: RowType) -> Plan:
        """What a rebuild would have to do, with a trial of the first events that is thrown away."""
        fold = self.fold_of(projection)
        fold.start_empty()
        events = sum(count for name, count in self._store.types().items() if name in fold.types)
        sample: Sequence[Any] = next(batches(self._store, fold, 0, self._store.head()))[0]
        seconds = None
        if sample:
            start = time.perf_counter()
            fold.over(sample)
            fold.changes()
            seconds = (time.perf_counter() - start) / len(sample) * events * 1.3  # and the writing
        return Plan(projection.name, events, self._store.rows.count(projection.table), seconds)

    # ── catching up ───────────────────────────────────────────────────────────────────────────

    def catch_up(self, projection: RowType, progress: Progress | None = None) -> None:
        """Bring the live rows to the head.

        Raises `Misuse` (needs-rebuild), or `DomainFailed`/`Undecodable` … for an event that can't be
        taken: the rows are then as before that event, and the stop is recorded.
        """
        if self._store.rows.checkpoint(projection.name) is None:
            self._begin(projection)
        else:
            self.refuse_outdated(projection)
        advance = Advance(self._store, self.fold_of(projection), projection.table, projection.name)
        try:
            with stops_on_record(self._store, projection.name):
                advance.until(self._store.head, progress)
        except Poisoned as poisoned:
            raise stopped(projection, poisoned) from poisoned.error

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
                rows.move(live.name, live, holding(live, position))
            if building is not None and position <= building.position:
                rows.forget(building.name)

        skip(self._store, projection.name, position, reached, by, reason, status, also)

    def reached(self, name: str, position: int) -> int | None:
        """How far it has come that may have taken the event at `position`: the live rows, or a rebuild of them.

        None if it never ran.
        """
        checkpoint, building = (self._store.rows.checkpoint(name + suffix) for suffix in ("", REBUILD))
        if building is not None and position > building.position:
            checkpoint = building  # it is the rebuild that can't take the event
        return checkpoint.position if checkpoint is not None else None

    def _begin(self, projection: RowType) -> None:
        with self._store.transaction() as rows:
            if rows.checkpoint(projection.name) is None:
                begin(rows, projection)

    def refuse_gone(self, projection: RowType) -> None:
        """Raise `Misuse` (needs-rebuild) if the rows are to be read as they are, and somebody dropped them."""
        reason = gone(self._store.rows, projection)
        if reason is not None and self._store.rows.checkpoint(projection.name) is not None:
            raise needs_rebuild(projection, reason)

    def refuse_outdated(self, projection: RowType) -> None:
        """Raise `Misuse` (needs-rebuild) if there were rows, and they are gone or were made with another definition."""
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is None:
            return
        reason = outdated(checkpoint.definition, projection.definition) or gone(self._store.rows, projection)
        if reason is not None:
            raise needs_rebuild(projection, reason)


def gone(rows: RowReader, projection: RowType) -> str | None:
    """Why rows that have a checkpoint must be made anew, if somebody dropped their table."""
    return None if rows.exists(projection.table) else "its table is gone"


def needs_rebuild(projection: RowType, reason: str) -> Misuse:
    """The error of rows that must be made anew before anybody reads them."""
    return NeedsRebuild(
        f"{projection.name} needs a rebuild: {reason}",
        hint=f"cqrs project {projection.name} --rebuild",
        projection=projection.name,
    )


def stopped(projection: RowType, poisoned: Poisoned, rebuilding: bool = False) -> CqrsError:
    """The error of the poison event, saying which projection it stopped and what can be done."""
    error, position, name = poisoned.error, poisoned.event.position, projection.name
    what = f"the rebuild of {name}" if rebuilding else name
    again = f"cqrs project {name}{' --rebuild' if rebuilding else ''}"
    error.args = (f"{what} stopped at @{position}: {error.message}",)
    error.message = error.args[0]
    error.hint = f"mend the code and run {again} again, or: {skip_words(projection, position)}"
    error.details.update(projection=name, position=position)
    return error


def skip_words(rows: RowType, position: int) -> str:
    """The command that passes the event over, for a projection or a process manager."""
    if issubclass(rows.cls, ProcessManager):
        return f"cqrs run --skip {rows.name}@{position} --reason …"
    return f"cqrs project {rows.name} --skip @{position} --reason …"


def begin(rows: Rows, projection: RowType) -> Checkpoint:
    """An empty table with a checkpoint before the first event, which there is none of yet."""
    checkpoint = Checkpoint(projection.name, 0, projection.definition)
    rows.drop(projection.name)  # rows of ours without a checkpoint count for nothing
    rows.create(projection.table)
    rows.move(projection.name, None, checkpoint)
    return checkpoint
