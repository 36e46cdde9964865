"""The loop: whatever takes events is brought along the log by it, together with all that is at the same place.

The loop alone knows the rules. A commit is never cut. Rows and checkpoint move together, by compare-and-set. A fault
of the store or of a table is told apart from one of an event, which is found by narrowing. What is skipped is
passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cqrs_cli.errors import Conflict, CqrsError, NeedsRebuild, StoreFailed
from cqrs_cli.log.ends import end_lost
from cqrs_cli.log.stops import clear_stop
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Rows
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.batches import batches, commit_start, cut_of
from cqrs_cli.workbench.processors.handler import Poisoned, Writes
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.status import REBUILD

Progress = Callable[[int, int], None]
"""Told of the position reached and of the goal."""
Between = Callable[[Sequence[str], int, int], None]
"""Told, when a batch is taken, who took it, the position reached and the goal."""
Faults = dict[str, CqrsError | Poisoned]
"""Why processors stand still, by name."""


def telling(progress: Progress | None) -> Between:
    """What tells `progress`, whoever took the batch."""
    return lambda _, position, goal: None if progress is None else progress(position, goal)


class Loop:
    """Brings processors along the log. store: where rows and checkpoints are kept, if not beside the log.

    pending: what else the next transaction is to write; it stays when that fails.
    """

    def __init__(self, engine: Engine, between: Between, store: Store | None = None) -> None:
        self._engine, self._log, self._store, self._between = engine, engine.store, store or engine.store, between
        self.pending: list[Callable[[Rows], None]] = []

    def bring(self, processors: Sequence[Processor], head: int | None = None) -> Faults:
        """Bring each to its goal, or as far as it can go; the faults of those that stand still.

        head: of the log, if it was just looked up.
        Raises `StoreFailed`, and what `between` raises: what was committed stays.
        """
        faults: Faults = {}
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
                self._beyond(processors, head, faults)
                return faults
            for (_, goal), group in sorted(groups.items(), key=lambda item: item[0]):
                self._bring(group, goal, faults)

    def _beyond(self, processors: Sequence[Processor], head: int, faults: Faults) -> None:
        """Who has read more than the log has stands still. head: of the log, which others may have moved since."""
        some = [one for one in processors if one.goal is None and one.name not in faults and one.position > head]
        head = self._log.head() if some else head
        faults |= {one.name: end_lost(one.name, one.position, head) for one in some if one.position > head}

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

    def _bring(self, group: Sequence[Processor], goal: int, faults: Faults) -> None:
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
            blamed = fault.processor if isinstance(fault, Poisoned) else group[0].name if len(group) == 1 else None
            culprit = next((one for one in group if one.name == blamed), None)
            others = [[one] for one in group] if culprit is None else [[one for one in group if one is not culprit]]
            for part in filter(None, others):
                self._bring(part, goal, faults)
            if culprit is None:
                return
            if isinstance(fault, Poisoned) and self._is_next(culprit, fault.event):
                faults[culprit.name] = fault  # nothing comes before it that could be taken
            else:
                self._bring_slowly(culprit, goal, faults)

    def _is_next(self, one: Processor, event: StoredEvent | Recorded) -> bool:
        """Whether the event is in the first commit that has anything for the processor."""
        first = next(self._log.scan(Selection(types=one.handler.types, after=one.checkpoint.position, limit=1)))
        return first.position >= commit_start(self._log, event.position) and not one.skips

    def _take(self, group: Sequence[Processor], goal: int) -> None:
        """Several batches share a commit, as rows near each other on disk are written once then."""
        for events, position in batches(self._engine, group, goal):
            for one in group:
                one.gather(events if len(group) == 1 and not one.skips else one.own(events))
            if position >= goal or any(one.handler.is_full for one in group):
                self._commit(group, position)
                self._between([one.name for one in group], position, goal)

    def _bring_slowly(self, one: Processor, goal: int, faults: Faults) -> None:
        try:
            for events, position in batches(self._engine, [one], goal):
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
        fault: CqrsError | Poisoned
        try:
            one.gather(one.own(events))
            self._commit([one], position)
            return
        except (Conflict, StoreFailed, NeedsRebuild):
            raise
        except (CqrsError, Poisoned) as error:
            if not events:
                raise
            fault = error
        one.stands_at(one.checkpoint)
        cut = cut_of(self._log, events, fault.event if isinstance(fault, Poisoned) else None)
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
        writes, idle = [one.writes() for one in group], self._engine.limits.idle_events
        far = any(position - one.checkpoint.position > idle or one.stopped for one in group)
        if far or self.pending or any(writes):
            self._move(group, writes, position)
        for one in group:
            one.reached(position)

    def _move(self, group: Sequence[Processor], writes: Sequence[Writes], position: int | None = None) -> None:
        """Write rows and checkpoints, at `position` or where each is. Raises `Conflict` if another moved one."""
        took_in = [bool(some) for some in writes] or [False] * len(group)
        moved = [one.moved_to(position or one.position, took) for one, took in zip(group, took_in, strict=True)]
        with self._store.transaction() as rows:
            tables = [some.table.name for some in writes if some.table is not None]
            rows.hold([*(one.name for one in group), *tables])
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

    def _look_again(self, group: Sequence[Processor], faults: Faults) -> None:
        """Somebody else moved a checkpoint: what the store has is the truth, if this code may go on with it."""
        self._outrun = True
        now = {checkpoint.name: checkpoint for checkpoint in self._store.rows.checkpoints()}
        for one in group:
            found = now.get(one.name)
            fault = overtaken(one.name) if found is None else one.code.fault(found)
            if fault is not None:
                faults[one.name] = fault
            one.stands_at(one.checkpoint if found is None or fault is not None else found)


def overtaken(name: str) -> Conflict:
    """The error of who finds its checkpoint gone. name: of the checkpoint, which may be that of a rebuild."""
    name = name.removesuffix(REBUILD)
    return Conflict(
        f"{name} was rebuilt by another process meanwhile", hint="try again", code="checkpoint-moved", projection=name
    )
