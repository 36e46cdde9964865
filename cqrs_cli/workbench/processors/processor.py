"""Taking a fold along the log: batch by batch, each committed with its checkpoint, down to the event that can't be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import Conflict, CqrsError, Damaged, Unavailable
from cqrs_cli.log.stops import Poisoned
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Checkpoint, Table
from cqrs_cli.workbench.processors.rows import RowFold, write

Progress = Callable[[int, int], None]
"""Told of the position reached and of the goal."""

BATCH_EVENTS = 5_000
BATCH_BYTES = 4 * 1024 * 1024
FEW_EVENTS = 50
NO_EVENTS_FAULT = frozenset({"needs-rebuild", "table-changed"})
"""Codes of errors of stored rows, which no event is to blame for."""


class Advance:
    """One fold on its way.

    table: where its rows are kept. name: of the checkpoint that moves with them.
    """

    def __init__(self, store: Store, fold: RowFold, table: Table, name: str) -> None:
        self._store, self._fold, self._table, self._name = store, fold, table, name

    def until(self, goal: Callable[[], int], progress: Progress | None = None) -> None:
        """Take batches until the goal is reached. Raises `Poisoned` with the one event that can't be taken.

        Several batches share a commit, as rows near each other on disk are written once then; after
        a failure it goes on batch by batch, to find the event.
        """
        fold, careful = self._fold, False
        while True:
            checkpoint = self._store.rows.checkpoint(self._name)
            if checkpoint is None:
                raise overtaken(fold.projection)
            head = goal()
            if checkpoint.position >= head:
                return
            try:
                for events, position in batches(self._store, fold, checkpoint.position, head):
                    if careful:
                        checkpoint = self._take(checkpoint, events, position)
                    else:
                        fold.gather(events)
                        if not (fold.is_full or position >= head):
                            continue
                        fold.apply()
                        checkpoint = self._commit(checkpoint, position)
                    if progress is not None:
                        progress(position, head)
            except Conflict:  # another runner moved the checkpoint: its rows are the truth
                fold.forget()
            except (Unavailable, Damaged):
                raise
            except CqrsError:
                if careful:
                    raise
                careful = True
                fold.forget()

    def _commit(self, checkpoint: Checkpoint, position: int) -> Checkpoint:
        """Rows and checkpoint in one transaction. Raises `Conflict` if somebody else moved the checkpoint."""
        moved, changes = checkpoint._replace(position=position), self._fold.changes()
        with self._store.transaction() as rows:
            rows.move(checkpoint.name, checkpoint, moved)
            write(rows, self._table, changes)
        return moved

    def _take(self, checkpoint: Checkpoint, events: Sequence[Any], position: int) -> Checkpoint:
        """Fold a batch and commit it with its checkpoint; a batch that fails is narrowed down to the one event."""
        fold = self._fold
        try:
            fold.over(events)
            return self._commit(checkpoint, position)
        except (Conflict, Unavailable, Damaged):
            raise
        except CqrsError as error:
            fold.forget()
            if error.code in NO_EVENTS_FAULT or not events:
                raise
            cut = _cut(self._store, events, error.details.get("position"))
            if cut == 0:
                raise Poisoned(blamed(fold, events, error), error) from error
        checkpoint = self._take(checkpoint, events[:cut], events[cut - 1].position)
        return self._take(checkpoint, events[cut:], position)


def overtaken(projection: RowType) -> Conflict:
    return Conflict(
        f"{projection.name} was rebuilt by another process meanwhile",
        hint="try again",
        code="checkpoint-moved",
        projection=projection.name,
    )


def blamed(fold: RowFold, events: Sequence[Any], error: CqrsError) -> Any:
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


# ── batches ───────────────────────────────────────────────────────────────────────────────────


def batches(store: Store, fold: RowFold, after: int, head: int) -> Iterator[tuple[Sequence[Any], int]]:
    """Batches of events up to `head`, with the position each reaches; none ends inside a commit."""
    selection = Selection(types=fold.types, after=after, before=head + 1)
    events: Iterator[Any] = iter((store.read if fold.needs_envelope else store.scan)(selection))
    carried: list[Any] = []
    while True:
        batch = carried
        if not _fill(batch, events):
            yield batch, head
            return
        end = _commit_end(store, batch[-1].position)
        carried = []
        for event in events:
            if event.position > end:
                carried = [event]
                break
            batch.append(event)
        yield batch, end


def _fill(batch: list[Any], events: Iterator[Any]) -> bool:
    """Take events until the batch is full, by number or size of payloads; False if they come to an end first."""
    size = sum([len(event.data) for event in batch])
    while len(batch) < BATCH_EVENTS and size < BATCH_BYTES:
        # Many at once while they are small; a large one is looked at by itself.
        step = FEW_EVENTS if size * FEW_EVENTS < BATCH_BYTES * len(batch) else 1
        some = list(islice(events, min(step, BATCH_EVENTS - len(batch))))
        if not some:
            return False
        batch += some
        size += sum([len(event.data) for event in some])
    return True


def _cut(store: Store, events: Sequence[Any], position: int | None) -> int:
    """Where to part a batch that failed (at `position`, if that is known); 0 if it is all one commit.

    Between commits: a value may pass from row to row within one, and nobody is to see half of it.
    """
    at = next((at for at, event in enumerate(events) if event.position == position), len(events) // 2)
    start = _commit_start(store, events[at].position)
    cut = next(cut for cut, event in enumerate(events) if event.position >= start)
    if cut == 0:
        end = _commit_end(store, events[at].position)
        cut = next((cut for cut, event in enumerate(events) if event.position > end), 0)
    return cut


def _commit_start(store: Store, position: int) -> int:
    """The position of the first event of the commit that holds `position`."""
    event = next(store.read(Selection(after=position - 1, limit=1)))
    return event.position - event.number + 1


def _commit_end(store: Store, position: int) -> int:
    """The position of the last event of the commit that holds `position`."""
    end, commit = position, None
    for event in store.read(Selection(after=position - 1, limit=1_001)):
        if commit is None:
            commit = event.commit_id
        elif event.commit_id != commit:
            break
        end = event.position
    return end
