"""The loop: whatever takes events is brought along the log by it, together with all that is at the same place.

A processor is a handler (the events' types, `gather`, `writes`, `forget`) and how far it has come. The loop
alone knows the rules. A commit is never cut. Rows and checkpoint move together, by compare-and-set. A fault of
the store or of a table is told apart from one of an event, which is found by narrowing. What is skipped is
passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, Protocol

from cqrs_cli.domain.row_model import outdated
from cqrs_cli.errors import Conflict, CqrsError, NeedsRebuild, StoreFailed
from cqrs_cli.log import outbox
from cqrs_cli.log.stops import Skip, Stop, clear_stop
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Checkpoint, Rows, Scalar, Table

Progress = Callable[[int, int], None]
"""Told of the position reached and of the goal."""
Between = Callable[[Sequence[str], int, int], None]
"""Told, when a batch is taken, who took it, the position reached and the goal."""

BATCH_EVENTS = 5_000
BATCH_BYTES = 4 * 1024 * 1024
FEW_EVENTS = 50
IDLE_EVENTS = 10_000
"""So far a processor without events of its own may go before its checkpoint is moved for it alone."""


class Poisoned(Exception):
    """One event that could not be taken in, what it led to, and by which processor, once the loop has seen it."""

    def __init__(self, event: StoredEvent | Recorded, error: CqrsError) -> None:
        super().__init__(error.message)
        self.event, self.error = event, error
        self.processor: Processor | None = None


class Writes(NamedTuple):
    """What a handler wants written in the transaction that moves its checkpoint."""

    table: Table | None = None
    puts: Sequence[tuple[Scalar, ...]] = ()
    deletes: Sequence[tuple[Scalar, ...]] = ()
    commands: Sequence[outbox.Change] = ()

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes or self.commands)

    def apply(self, rows: Rows) -> None:
        """Write it."""
        if self.table is not None and self.deletes:
            rows.delete(self.table, self.deletes)
        if self.table is not None and self.puts:
            rows.put(self.table, self.puts)
        outbox.apply(rows, self.commands)


class Handler(Protocol):
    """What takes events. Of those that it is given it may keep many before it is asked for what to write.

    types: stored names of the events that concern it. needs_envelope: they must be read as `Recorded`.
    """

    types: frozenset[str]
    needs_envelope: bool

    @property
    def is_full(self) -> bool:
        """Whether so much was gathered that it is time to write."""
        ...

    def gather(self, events: Sequence[Any]) -> None:
        """Take events in. Raises `Poisoned` for one that it can't take."""

    def writes(self) -> Writes:
        """What is to be written of all that was gathered. Raises `Poisoned`, or an error of no one event."""
        ...

    def forget(self) -> None:
        """Drop everything that was gathered or cached: the store is the truth again."""


class Processor:
    """A handler, and how far it has come.

    checkpoint: as the store has it. position: reached in fact, past the checkpoint if no event was for it since.
    definition: of today's code; None: any will do. goal: where it stops; None: at the head of the log.
    skips: positions that it passes over. stopped: a stop is on record, to be cleared when it goes on.
    taken: how many events it has taken in for good.
    """

    def __init__(
        self,
        handler: Handler,
        checkpoint: Checkpoint,
        definition: str | None = None,
        skips: Iterable[int] = (),
        goal: Callable[[], int] | None = None,
    ) -> None:
        self.handler, self.definition, self.goal = handler, definition, goal
        self.skips, self.stopped, self.taken = frozenset(skips), False, 0
        self.stands_at(checkpoint)

    @property
    def name(self) -> str:
        """The name of its checkpoint."""
        return self.checkpoint.name

    def stands_at(self, checkpoint: Checkpoint) -> None:
        """Take up from a checkpoint, whatever was in between."""
        self.handler.forget()
        self.checkpoint, self.position = checkpoint, checkpoint.position
        self._gathered = 0

    def takes_up(self, checkpoint: Checkpoint | None, stop: Stop | None, skips: Sequence[Skip]) -> bool:
        """Whether it can go on with what it has cached, as the store is now."""
        self.stopped = stop is not None
        return checkpoint == self.checkpoint and self.skips == {skip.position for skip in skips}

    def gather(self, events: Sequence[Any]) -> None:
        """Let the handler take events in. Raises `Poisoned`."""
        with self._blamed():
            self.handler.gather(events)
        self._gathered += len(events)

    def writes(self) -> Writes:
        """What the handler wants written. Raises `Poisoned`, or an error of no one event."""
        with self._blamed():
            return self.handler.writes()

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except Poisoned as fault:
            fault.processor = self
            raise

    def reached(self, position: int) -> None:
        """All that was gathered is written, or needs no writing."""
        self.position, self.taken, self._gathered = position, self.taken + self._gathered, 0

    def own(self, events: Sequence[Any]) -> Sequence[Any]:
        """Those of the events that are for it."""
        types, skips = self.handler.types, self.skips
        return [event for event in events if event[3] in types and event[0] not in skips]


class Loop:
    """Brings processors along the log.

    log: where the events are. store: where rows and checkpoints are kept, mostly the same.
    pending: what else the next transaction is to write; it stays when that fails.
    """

    def __init__(self, log: Store, store: Store | None = None, between: Between = lambda *_: None) -> None:
        self._log, self._store, self._between = log, store or log, between
        self.pending: list[Callable[[Rows], None]] = []

    def bring(self, processors: Sequence[Processor], head: int | None = None) -> dict[str, CqrsError | Poisoned]:
        """Bring each to its goal, or as far as it can go; the faults of those that stand still, by name.

        head: of the log, if it was just looked up.

        Raises `StoreFailed`, and what `between` raises: what was committed stays.
        """
        faults: dict[str, CqrsError | Poisoned] = {}
        self._outrun = False
        while True:
            if self._outrun or head is None:
                head, self._outrun = self._log.head(), False
            groups: dict[tuple[int, int], list[Processor]] = {}
            for one in processors:
                goal = head if one.goal is None else one.goal()
                if one.name not in faults and one.position < goal:
                    groups.setdefault((one.position, goal), []).append(one)
            if not groups:
                return faults
            for (_, goal), group in sorted(groups.items(), key=lambda item: item[0]):
                self._bring(group, goal, faults)

    def settle(self, processors: Sequence[Processor]) -> None:
        """Write how far those have come that had no event of their own of late, and what is pending."""
        moved = [one for one in processors if one.position > one.checkpoint.position or one.stopped]
        if moved or self.pending:
            try:
                self._move(moved, [])
            except Conflict:  # somebody else took them further
                self._look_again(moved, {})
                if self.pending:
                    self._move([], [])

    def _bring(self, group: Sequence[Processor], goal: int, faults: dict[str, CqrsError | Poisoned]) -> None:
        """All of a group together; where that fails each alone, and batch by batch, to find the event."""
        try:
            self._take(group, goal)
        except Conflict:
            self._look_again(group, faults)
        except StoreFailed:
            raise
        except (CqrsError, Poisoned) as fault:
            for one in group:
                one.stands_at(one.checkpoint)
            culprit = fault.processor if isinstance(fault, Poisoned) else None
            others = [one for one in group if one is not culprit]
            if culprit is None and len(group) > 1:
                for one in group:
                    self._bring([one], goal, faults)
                return
            if len(group) > 1:
                self._bring(others, goal, faults)
            alone = culprit or group[0]
            if isinstance(fault, Poisoned) and self._is_next(alone, fault.event):
                faults[alone.name] = fault  # nothing comes before it that could be taken
            else:
                self._bring_slowly(alone, goal, faults)

    def _is_next(self, one: Processor, event: StoredEvent | Recorded) -> bool:
        """Whether the event is in the first commit that has anything for the processor."""
        first = next(self._log.scan(Selection(types=one.handler.types, after=one.checkpoint.position, limit=1)))
        return first.position >= _commit_start(self._log, event.position) and not one.skips

    def _take(self, group: Sequence[Processor], goal: int) -> None:
        """Several batches share a commit, as rows near each other on disk are written once then."""
        for events, position in batches(self._log, group, goal):
            for one in group:
                one.gather(events if len(group) == 1 and not one.skips else one.own(events))
            if position >= goal or any(one.handler.is_full for one in group):
                self._commit(group, position)
                self._between([one.name for one in group], position, goal)

    def _bring_slowly(self, one: Processor, goal: int, faults: dict[str, CqrsError | Poisoned]) -> None:
        try:
            for events, position in batches(self._log, [one], goal):
                self._narrow(one, events, position)
                self._between([one.name], position, goal)
        except Conflict:
            self._look_again([one], faults)
        except StoreFailed:
            raise
        except (CqrsError, Poisoned) as fault:
            one.stands_at(one.checkpoint)
            faults[one.name] = fault

    def _narrow(self, one: Processor, events: Sequence[Any], position: int) -> None:
        """Take a batch; one that fails is parted, down to the commit. Raises `Poisoned` with its event."""
        event: Any = None
        fault: CqrsError | Poisoned
        try:
            one.gather(one.own(events))
            self._commit([one], position)
            return
        except (Conflict, StoreFailed, NeedsRebuild):
            raise
        except Poisoned as poisoned:
            event, fault = poisoned.event, poisoned
        except CqrsError as error:
            if not events:
                raise
            fault = error
        one.stands_at(one.checkpoint)
        cut = _cut(self._log, events, event)
        if cut == 0:
            raise fault if isinstance(fault, Poisoned) else self._blamed(one, events, fault) from fault
        self._narrow(one, events[:cut], events[cut - 1].position)
        self._narrow(one, events[cut:], position)

    def _blamed(self, one: Processor, events: Sequence[Any], error: CqrsError) -> Poisoned:
        """The event of a commit after which the rows can't be written; the last if only those of all together can't."""
        blamed = events[-1]
        for event in one.own(events):
            try:
                one.handler.gather((event,))
                one.handler.writes()
            except (CqrsError, Poisoned):
                blamed = event
                break
        one.stands_at(one.checkpoint)
        return Poisoned(blamed, error)

    def _commit(self, group: Sequence[Processor], position: int) -> None:
        """Rows and checkpoints in one transaction; none, if there is nothing to write and they are not far apart."""
        writes = [one.writes() for one in group]
        far = any(position - one.checkpoint.position > IDLE_EVENTS or one.stopped for one in group)
        if far or self.pending or any(writes):
            self._move(group, writes, position)
        for one in group:
            one.reached(position)

    def _move(self, group: Sequence[Processor], writes: Sequence[Writes], position: int | None = None) -> None:
        """Write rows and checkpoints, at `position` or where each is. Raises `Conflict` if another moved one."""
        moved = [one.checkpoint._replace(position=position or one.position) for one in group]
        with self._store.transaction() as rows:
            rows.move_all([(one.checkpoint, new) for one, new in zip(group, moved, strict=True)])
            for some in writes:
                some.apply(rows)
            for one in group:
                if one.stopped:
                    clear_stop(rows, one.name)
            for write in self.pending:
                write(rows)
        self.pending.clear()
        for one, new in zip(group, moved, strict=True):
            one.checkpoint, one.stopped = new, False

    def _look_again(self, group: Sequence[Processor], faults: dict[str, CqrsError | Poisoned]) -> None:
        """Somebody else moved a checkpoint: what the store has is the truth, if it was made with this code."""
        self._outrun = True
        now = {checkpoint.name: checkpoint for checkpoint in self._store.rows.checkpoints()}
        for one in group:
            found = now.get(one.name)
            if found is None:
                faults[one.name] = overtaken(one.name)
                continue
            reason = None if one.definition is None else outdated(found.definition, one.definition)
            if reason is not None:
                faults[one.name] = needs_rebuild(one.name, reason)
            one.stands_at(found)


def overtaken(name: str) -> Conflict:
    """The error of who finds its checkpoint gone."""
    return Conflict(
        f"{name} was rebuilt by another process meanwhile", hint="try again", code="checkpoint-moved", projection=name
    )


def needs_rebuild(name: str, reason: str) -> NeedsRebuild:
    """The error of rows that must be made anew before anybody reads them or goes on with them."""
    return NeedsRebuild(f"{name} needs a rebuild: {reason}", hint=f"cqrs project {name} --rebuild", projection=name)


# ── batches ───────────────────────────────────────────────────────────────────────────────────


def batches(log: Store, group: Sequence[Processor], goal: int) -> Iterator[tuple[Sequence[Any], int]]:
    """Batches of the events of a group up to the goal, with the position each reaches; none ends inside a commit."""
    handlers = [one.handler for one in group]
    selection = Selection(
        types=frozenset().union(*(handler.types for handler in handlers)), after=group[0].position, before=goal + 1
    )
    envelopes = any(handler.needs_envelope for handler in handlers)
    events: Iterator[Any] = iter((log.read if envelopes else log.scan)(selection))
    carried: list[Any] = []
    while True:
        batch = carried
        if not _fill(batch, events):
            yield batch, goal
            return
        end = _commit_end(log, batch[-1].position)
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


def _cut(log: Store, events: Sequence[Any], fault: StoredEvent | Recorded | None) -> int:
    """Where to part a batch that failed (at the event `fault`, if that is known); 0 if it is all one commit.

    Between commits: a value may pass from row to row within one, and nobody is to see half of it.
    """
    at = next((at for at, event in enumerate(events) if event is fault), len(events) // 2)
    start = _commit_start(log, events[at].position)
    cut = next(cut for cut, event in enumerate(events) if event.position >= start)
    if cut == 0:
        end = _commit_end(log, events[at].position)
        cut = next((cut for cut, event in enumerate(events) if event.position > end), 0)
    return cut


def _commit_start(log: Store, position: int) -> int:
    """The position of the first event of the commit that holds `position`."""
    event = next(log.read(Selection(after=position - 1, limit=1)))
    return event.position - event.number + 1


def _commit_end(log: Store, position: int) -> int:
    """The position of the last event of the commit that holds `position`."""
    end, commit = position, None
    for event in log.read(Selection(after=position - 1, limit=1_001)):
        if commit is None:
            commit = event.commit_id
        elif event.commit_id != commit:
            break
        end = event.position
    return end
