"""Keeping everything up to date: projections, reactions, what they want sent, deadlines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from cqrs_cli.errors import Conflict, CqrsError, Misuse, StoreFailed
from cqrs_cli.log import outbox
from cqrs_cli.log.outbox import Outgoing
from cqrs_cli.log.stops import Skip, Stop, skips, stops
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.delivery import PAGE, Courier
from cqrs_cli.workbench.processors.processor import Loop, Processor
from cqrs_cli.workbench.processors.projections import stopped
from cqrs_cli.workbench.processors.reactions import Reactor, reaction_stopped

LOOK_AGAIN = 0.2
"""Seconds after which a runner that waits looks at its clock and at whether to stop."""


REPORT_EVERY = 0.5
"""Seconds between two reports of a drain that goes on."""


class AtWork(NamedTuple):
    """Who is being brought to the head, and how far that is."""

    name: str
    position: int
    head: int


class Round(NamedTuple):
    """What a drain came to, or has come to so far.

    position: what everything was brought to; at the end, the head. taken: events that reactions answered.
    sent, rejected, dead, held: commands. failures: the errors of the projections and reactions that
    stand still, by name. next_due: of the deadlines, microseconds UTC. at_work: None at the end.
    """

    position: int
    taken: int = 0
    sent: int = 0
    rejected: int = 0
    dead: int = 0
    held: int = 0
    failures: dict[str, CqrsError] = {}
    next_due: int | None = None
    at_work: AtWork | None = None

    def since(self, told: Round) -> Round:
        """What was done since an earlier report of the same drain."""
        return self._replace(
            taken=self.taken - told.taken,
            sent=self.sent - told.sent,
            rejected=self.rejected - told.rejected,
            dead=self.dead - told.dead,
            held=self.held - told.held,
        )


Report = Callable[[Round], None]


_Circumstances = tuple[Checkpoint | None, Stop | None, list[Skip]]


class _Stopping(Exception):
    """Somebody asked to stop, and the batch is finished."""


class Runner:
    """Runs the projections and reactions of a domain on a store. Several on one store don't disturb each other.

    courier: sends, and has the clock that deadlines are compared with.
    start: the position after which new reactions begin; None: the head.
    stop: asked between batches of work; once it says yes, `drain` returns with what is done.
    ticks: seconds that never go back, by which reports are due.
    """

    def __init__(
        self,
        engine: Engine,
        reactor: Reactor,
        courier: Courier,
        *,
        start: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._domain, self._reactor, self._courier = engine.store, engine.domain, reactor, courier
        self._projector = reactor.projector
        self._start, self._stop, self._ticks = start, stop, ticks
        self._names = sorted(self._domain.reactions)
        self._loop = Loop(self._store, between=self._between)
        self._processors: dict[str, Processor] = {}  # of this drain and those before, with what they have cached
        self._active: dict[str, Processor] = {}
        self._resting: dict[str, tuple[_Circumstances, CqrsError]] = {}
        self._reset(None)

    # ── once ──────────────────────────────────────────────────────────────────────────────────

    def drain(self, report: Report | None = None) -> Round:
        """Bring everything to the head, send what waits and what is due, again and again until nothing moves.

        report: told twice a second what was done since it was told last, while it takes so long; what
        is left for the end is in `untold`. What stops does not stop the others: its error is among the failures.
        Raises `Misuse` (a start past the head), `Unavailable` and `Damaged`; what was done stays done.
        """
        self._reset(report)
        head = None
        with suppress(_Stopping):
            self._ready()
            while not self._stop():
                head = self._store.head() if head is None else head
                self._catch_up(head)
                moved = self._deliver(self._waiting())
                self._report_if_due(None)
                reached, head = head, self._store.head()
                if not moved and head == reached and not self._deliver(self._due(head)):
                    break
        self._loop.settle(list(self._active.values()))
        return self._round(self._store.head() if head is None else head)

    def untold(self, done: Round) -> Round:
        """Of what a drain came to, what its reports have not told."""
        return done if self._told is None else done.since(self._told)

    def _reset(self, report: Report | None) -> None:
        self._report, self._next_report = report, self._ticks() + REPORT_EVERY
        self._told: Round | None = None
        for one in self._processors.values():
            one.taken = 0
        self._counts = {"sent": 0, "rejected": 0, "dead": 0, "held": 0}
        self._held: set[Outgoing] = set()
        self._failures: dict[str, CqrsError] = {}

    def _round(self, position: int, at_work: AtWork | None = None) -> Round:
        counts, taken = self._counts, sum(one.taken for name, one in self._processors.items() if name in self._names)
        return Round(
            position, taken, counts["sent"], counts["rejected"], counts["dead"], counts["held"],
            dict(self._failures), outbox.next_due(self._store.rows, self._names), at_work,
        )  # fmt: skip

    def _report_if_due(self, at_work: AtWork | None) -> None:
        if self._report is None or self._ticks() < self._next_report:
            return
        so_far = self._round(self._reached(), at_work)._replace(failures=self._standing_still())
        self._report(self.untold(so_far))
        self._told, self._next_report = so_far, self._ticks() + REPORT_EVERY

    def _reached(self) -> int:
        """The position that everything has come to, but for what stands still."""
        return min([one.position for one in self._active.values()] or [self._store.head()])

    def _standing_still(self) -> dict[str, CqrsError]:
        """The errors so far, those of a drain before too where this one has not come to them yet."""
        return {name: error for name, (_, error) in self._resting.items()}

    # ── who takes part ────────────────────────────────────────────────────────────────────────

    def _ready(self) -> None:
        """Find out where everything is, in few looks. What stopped rests until something about it changes."""
        self._active = {}
        found = self._look()
        known = {name: checkpoint for name, (checkpoint, _, _) in found.items() if checkpoint is not None}
        begun: dict[str, Checkpoint] = {}
        if any(name not in known for name in self._names):
            begun = self._reactor.begin(self._start_of_new(), known)
            found |= {name: (checkpoint, None, []) for name, checkpoint in begun.items()}
        new: list[str] = []
        for name, circumstances in found.items():
            resting, cached = self._resting.get(name), self._processors.get(name)
            if resting is not None and resting[0] == circumstances:
                self._failures[name] = resting[1]
            elif cached is not None and cached.takes_up(*circumstances):
                self._active[name] = cached
            else:
                new.append(name)
        self._make(new, {**known, **begun})

    def _look(self) -> dict[str, _Circumstances]:
        rows = self._store.rows
        known, stopped_at, skipped = {one.name: one for one in rows.checkpoints()}, stops(rows), skips(rows)
        names = [*sorted(self._domain.projections), *self._names]
        return {name: (known.get(name), stopped_at.get(name), skipped.get(name, [])) for name in names}

    def _make(self, names: Sequence[str], known: Mapping[str, Checkpoint]) -> None:
        projections = [self._domain.projections[name] for name in names if name in self._domain.projections]
        ready, errors = self._projector.ready(projections) if projections else ([], {})
        for name in names:
            if name in self._domain.reactions:
                try:
                    progress = partial(self._between, [name])
                    ready.append(self._reactor.processor(self._domain.reactions[name], known[name], progress))
                except Conflict:  # another process rebuilds it; it is looked at again soon
                    continue
                except StoreFailed:
                    raise
                except CqrsError as error:
                    errors[name] = error
        self._processors |= {one.name: one for one in ready}
        self._active |= {one.name: one for one in ready}
        for name, failed in errors.items():
            self._rest(name, failed)

    def _rest(self, name: str, error: CqrsError) -> None:
        self._failures[name] = error
        self._resting[name] = (self._look()[name], error)
        self._active.pop(name, None)

    def _start_of_new(self) -> int:
        head = self._store.head()
        if self._start is not None and self._start > head:
            raise Misuse(
                f"there is no position @{self._start} yet, the head is @{head}",
                hint="--from takes a position of the log",
            )
        return head if self._start is None else self._start

    # ── catching up ───────────────────────────────────────────────────────────────────────────

    def _catch_up(self, head: int) -> None:
        for name, fault in self._loop.bring(list(self._active.values()), head).items():
            if isinstance(fault, Conflict):  # another process rebuilds it; it is looked at again soon
                del self._active[name]
            else:
                told = reaction_stopped if name in self._domain.reactions else stopped
                self._rest(name, self._projector.stood_still(name, fault, told))
        if self._loop.pending:
            self._loop.settle([])

    def _between(self, names: Sequence[str], position: int, head: int) -> None:
        """Between two batches, when the one before is committed."""
        for name in names:
            self._report_if_due(AtWork(name, position, head))
        if self._stop():
            raise _Stopping

    # ── sending ───────────────────────────────────────────────────────────────────────────────

    def _waiting(self) -> list[Outgoing]:
        return self._fresh(outbox.waiting(self._store.rows, self._names, PAGE + len(self._held)))

    def _due(self, head: int) -> list[Outgoing]:
        """The deadlines that are due, of reactions that have seen everything that could cancel them."""
        ready = [name for name in self._names if name in self._active and self._active[name].position >= head]
        return self._fresh(outbox.due(self._store.rows, ready, self._courier.now_us(), PAGE + len(self._held)))

    def _fresh(self, page: Sequence[Outgoing]) -> list[Outgoing]:
        return [outgoing for outgoing in page if outgoing not in self._held]

    def _deliver(self, page: Sequence[Outgoing]) -> bool:
        """Send a page; whether there was anything. What it holds is sent, or left out of the pages from now on.

        What is done is crossed out by the next transaction: until then it would be sent again, and honoured once.
        """
        deliveries = self._courier.send(page) if page else []
        for delivery in deliveries:
            self._counts[delivery.status] += 1
            if delivery.status == "held":
                self._held.add(delivery.outgoing)
        if deliveries:
            self._loop.pending.append(lambda rows: self._courier.settle(rows, deliveries))
        return bool(deliveries)

    # ── on and on ─────────────────────────────────────────────────────────────────────────────

    def run(self, report: Report = lambda _: None) -> None:
        """Drain, then wait for the next commit (of any process) or deadline, until `stop` says so.

        report: called while a drain goes on, after each that did something, and after the first.
        """
        quiet: Round | None = None
        while not self._stop():
            done = self.drain(report)
            if quiet is None or self._told is not None or _did_something(done, quiet):
                report(self.untold(done))
            quiet = done
            self._wait(done)

    def _wait(self, done: Round) -> None:
        """Until there is something to do: a commit, or a deadline that is due."""
        rows, names = self._store.rows, [name for name in self._names if name not in done.failures]
        look_again_at = time.monotonic() + 1.0  # a skip, a rebuild, a retry: what changes without a commit
        while not self._stop() and time.monotonic() < look_again_at:
            due_us, left = outbox.next_due(rows, names), LOOK_AGAIN
            if due_us is not None and not done.held:
                left = min((due_us - self._courier.now_us()) / 1e6, LOOK_AGAIN)
            if left <= 0 or self._store.wait(done.position, left):
                return


def _did_something(done: Round, before: Round) -> bool:
    moved = done.position != before.position or done.taken or done.sent or done.rejected or done.dead
    return bool(moved) or _messages(done) != _messages(before)


def _messages(done: Round) -> dict[str, str]:
    return {name: error.message for name, error in done.failures.items()}
