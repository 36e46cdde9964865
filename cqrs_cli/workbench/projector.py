"""Keeping the rows of projections: where they stand, catching up, rebuilding."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.row_model import RowType, outdated, source_changed
from cqrs_cli.errors import Conflict, CqrsError, Damaged, Misuse, Unavailable
from cqrs_cli.stores.contract import Checkpoint, RowReader, Rows, Selection, Store, Table
from cqrs_cli.workbench.poison import Poisoned, Skip, Stop, clear_stop, record_stop, skip, skips_of, stop_of
from cqrs_cli.workbench.row_fold import RowFold, write

Progress = Callable[[int, int], None]

BATCH_EVENTS = 5_000
BATCH_BYTES = 4 * 1024 * 1024
REBUILD = "~rebuild"
"""What follows the name of a projection in the name of the checkpoint of its rebuild."""
NO_EVENTS_FAULT = frozenset({"needs-rebuild", "table-changed"})
"""Codes of errors of stored rows, which no event is to blame for."""


class Status(NamedTuple):
    """Where a projection stands.

    status: `ready`, `behind`, `new` (never run), `stopped` (at an event that it can't take) or
    `needs-rebuild`. lag: events behind the head. reason: why it stopped or must be rebuilt.
    source_changed: the code of its clauses is not the one that the rows were made with (a hint only).
    rebuilding: how far a rebuild came that runs or was interrupted.
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


class Plan(NamedTuple):
    """What a rebuild would do. seconds: an estimate from a trial on the first events; None without any."""

    projection: str
    events: int
    rows_now: int
    seconds: float | None


class Projector:
    """Catches projections up with the log and rebuilds them."""

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
        stop = stop_of(rows, projection.name)
        if stop is not None and stop.position <= checkpoint.position:
            stop = None  # another runner has passed it since
        building = rows.checkpoint(projection.name + REBUILD)
        reason = outdated(checkpoint.definition, projection.definition)
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
        )

    def plan(self, projection: RowType) -> Plan:
        """What a rebuild would have to do, with a trial of the first events that is thrown away."""
        fold = self.fold_of(projection)
        fold.start_empty()
        events = sum(count for name, count in self._store.types().items() if name in fold.types)
        sample: Sequence[Any] = next(self.batches(fold, 0, self._store.head()))[0]
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
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is None:
            self._begin(projection)
        else:
            self._refuse_outdated(projection, checkpoint)
        try:
            self.advance(projection, projection.table, projection.name, self._store.head, progress)
        except Poisoned as poisoned:
            self._record_stop(projection, poisoned)
            raise stopped(projection, poisoned) from poisoned.error
        if stop_of(self._store.rows, projection.name) is not None:
            with self._store.transaction() as rows:
                clear_stop(rows, projection.name)

    def skip(self, projection: RowType, position: int, by: str, reason: str) -> None:
        """Pass the event at `position` over, for ever and on record. Raises `NotFound`, `Misuse`."""
        checkpoint = self._store.rows.checkpoint(projection.name)
        building = self._store.rows.checkpoint(projection.name + REBUILD)
        if building is not None and position > building.position:
            checkpoint = building  # it is the rebuild that can't take the event
        reached = checkpoint.position if checkpoint is not None else None
        status = f"cqrs project {projection.name} --status"
        skip(self._store, projection.name, position, reached, by, reason, status)

    def _record_stop(self, projection: RowType, poisoned: Poisoned) -> None:
        with self._store.transaction() as rows:
            now = rows.checkpoint(projection.name)
            if now is not None and now.position < poisoned.event.position:  # else another runner could take it
                record_stop(rows, projection.name, poisoned)

    def _begin(self, projection: RowType) -> None:
        with self._store.transaction() as rows:
            if rows.checkpoint(projection.name) is None:
                begin(rows, projection)

    def _refuse_outdated(self, projection: RowType, checkpoint: Checkpoint) -> None:
        reason = outdated(checkpoint.definition, projection.definition)
        if reason is not None:
            raise Misuse(
                f"{projection.name} needs a rebuild: {reason}",
                code="needs-rebuild",
                hint=f"cqrs project {projection.name} --rebuild",
                projection=projection.name,
            )

    # ── the loop ──────────────────────────────────────────────────────────────────────────────

    def advance(
        self, projection: RowType, table: Table, name: str, goal: Callable[[], int], progress: Progress | None
    ) -> None:
        """Take batches until the goal is reached. Raises `Poisoned` with the one event that can't be taken.

        Several batches share a commit, as rows near each other on disk are written once then; after
        a failure it goes on batch by batch, to find the event.
        """
        fold = self.fold_of(projection, table)
        careful = False
        while True:
            checkpoint = self._store.rows.checkpoint(name)
            if checkpoint is None:
                raise overtaken(projection)
            head = goal()
            if checkpoint.position >= head:
                return
            try:
                for events, position in self.batches(fold, checkpoint.position, head):
                    if careful:
                        checkpoint = self._take(fold, table, checkpoint, events, position)
                    else:
                        fold.gather(events)
                        if not (fold.is_full or position >= head):
                            continue
                        fold.apply()
                        checkpoint = self._commit(fold, table, checkpoint, position)
                    if progress is not None:
                        progress(position, head)
            except Conflict:  # another runner moved the checkpoint: its rows are the truth
                fold.forget()
            except (Unavailable, Damaged):
                raise
            except CqrsError as error:
                if careful or error.code in NO_EVENTS_FAULT:
                    raise
                careful = True
                fold.forget()

    def _commit(self, fold: RowFold, table: Table, checkpoint: Checkpoint, position: int) -> Checkpoint:
        """Rows and checkpoint in one transaction. Raises `Conflict` if somebody else moved the checkpoint."""
        moved, changes = checkpoint._replace(position=position), fold.changes()
        with self._store.transaction() as rows:
            rows.move(checkpoint.name, checkpoint, moved)
            write(rows, table, changes)
        return moved

    def _take(
        self, fold: RowFold, table: Table, checkpoint: Checkpoint, events: Sequence[Any], position: int
    ) -> Checkpoint:
        """Fold a batch and commit it with its checkpoint; a batch that fails is narrowed down to the one event."""
        try:
            fold.over(events)
            return self._commit(fold, table, checkpoint, position)
        except (Conflict, Unavailable, Damaged):
            fold.forget()
            raise
        except CqrsError as error:
            fold.forget()
            if error.code in NO_EVENTS_FAULT or not events:
                raise
            cut = self._cut(events, error.details.get("position"))
            if cut == 0:
                raise Poisoned(_blamed(fold, events, error), error) from error
        checkpoint = self._take(fold, table, checkpoint, events[:cut], events[cut - 1].position)
        return self._take(fold, table, checkpoint, events[cut:], position)

    def _cut(self, events: Sequence[Any], position: int | None) -> int:
        """Where to part a batch that failed (at `position`, if that is known); 0 if it is all one commit.

        Between commits: a value may pass from row to row within one, and nobody is to see half of it.
        """
        at = next((at for at, event in enumerate(events) if event.position == position), len(events) // 2)
        start = self._commit_start(events[at].position)
        cut = next(cut for cut, event in enumerate(events) if event.position >= start)
        if cut == 0:
            end = self._commit_end(events[at].position)
            cut = next((cut for cut, event in enumerate(events) if event.position > end), 0)
        return cut

    def batches(self, fold: RowFold, after: int, head: int) -> Iterator[tuple[Sequence[Any], int]]:
        """Batches of events up to `head`, with the position each reaches; none ends inside a commit."""
        selection = Selection(types=fold.types, after=after, before=head + 1)
        events: Iterator[Any] = iter((self._store.read if fold.needs_envelope else self._store.scan)(selection))
        carried: list[Any] = []
        while True:
            batch = carried
            if not _fill(batch, events):
                yield batch, head
                return
            end = self._commit_end(batch[-1].position)
            carried = []
            for event in events:
                if event.position > end:
                    carried = [event]
                    break
                batch.append(event)
            yield batch, end

    def _commit_start(self, position: int) -> int:
        """The position of the first event of the commit that holds `position`."""
        event = next(self._store.read(Selection(after=position - 1, limit=1)))
        return event.position - event.number + 1

    def _commit_end(self, position: int) -> int:
        """The position of the last event of the commit that holds `position`."""
        end, commit = position, None
        for event in self._store.read(Selection(after=position - 1, limit=1_001)):
            if commit is None:
                commit = event.commit_id
            elif event.commit_id != commit:
                break
            end = event.position
        return end


def overtaken(projection: RowType) -> Conflict:
    return Conflict(
        f"{projection.name} was rebuilt by another process meanwhile",
        code="checkpoint-moved",
        projection=projection.name,
    )


def _blamed(fold: RowFold, events: Sequence[Any], error: CqrsError) -> Any:
    """The event of a commit that can't be taken in; the last one if only the rows of all together can't be written."""
    if "position" not in error.details:  # a value that its column can't hold: after which event is it there?
        try:
            for event in events:
                fold.over((event,))
                fold.changes()
        except CqrsError:
            return event
        finally:
            fold.forget()
    return next((event for event in events if event.position == error.details.get("position")), events[-1])


def stopped(projection: RowType, poisoned: Poisoned, rebuilding: bool = False) -> CqrsError:
    """The error of the poison event, saying which projection it stopped and what can be done."""
    error, position, name = poisoned.error, poisoned.event.position, projection.name
    what = f"the rebuild of {name}" if rebuilding else name
    again = f"cqrs project {name}{' --rebuild' if rebuilding else ''}"
    error.args = (f"{what} stopped at @{position}: {error.message}",)
    error.message = error.args[0]
    error.hint = f"mend the code and run {again} again, or: cqrs project {name} --skip @{position} --reason …"
    error.details.update(projection=name, position=position)
    return error


def _fill(batch: list[Any], events: Iterator[Any]) -> bool:
    """Take events until the batch is full, by number or size of payloads; False if they come to an end first."""
    size = sum([len(event.data) for event in batch])
    while len(batch) < BATCH_EVENTS and size < BATCH_BYTES:
        event = next(events, None)
        if event is None:
            return False
        batch.append(event)
        size += len(event.data)
    return True


def begin(rows: Rows, projection: RowType) -> Checkpoint:
    """An empty table with a checkpoint before the first event, which there is none of yet."""
    checkpoint = Checkpoint(projection.name, 0, projection.definition)
    rows.drop(projection.name)  # rows without a checkpoint are nobody's
    rows.create(projection.table)
    rows.move(projection.name, None, checkpoint)
    return checkpoint
