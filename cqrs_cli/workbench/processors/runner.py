"""Keeping everything up to date: projections, reactions, what they want sent, deadlines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.errors import Conflict, CqrsError, Damaged, Misuse, Unavailable
from cqrs_cli.log import outbox
from cqrs_cli.log.outbox import Outgoing
from cqrs_cli.log.stops import skips_of, stop_of
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.moments import micros
from cqrs_cli.workbench.processors.delivery import PAGE, Courier, Delivery
from cqrs_cli.workbench.processors.projections import Projector
from cqrs_cli.workbench.processors.reactions import Reactor

Clock = Callable[[], datetime]

LOOK_AGAIN = 0.2
"""Seconds after which a runner that waits looks at its clock and at whether to stop."""


REPORT_EVERY = 0.5
"""Seconds between two reports of a drain that goes on."""


def now() -> datetime:
    """The time of this machine, UTC."""
    return datetime.now(UTC)


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


class _Stopping(Exception):
    """Somebody asked to stop, and the batch is finished."""


class Runner:
    """Runs the projections and reactions of a domain on a store. Several on one store don't disturb each other.

    clock: what deadlines are compared with. start: the position after which new reactions begin; None: the head.
    stop: asked between batches of work; once it says yes, `drain` returns with what is done.
    ticks: seconds that never go back, by which reports are due.
    """

    def __init__(
        self,
        store: Store,
        domain: Domain,
        projector: Projector,
        reactor: Reactor,
        courier: Courier,
        *,
        clock: Clock = now,
        start: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._domain, self._projector, self._reactor, self._courier = (
            store,
            domain,
            projector,
            reactor,
            courier,
        )
        self._clock, self._start, self._stop, self._ticks = clock, start, stop, ticks
        self._names = sorted(domain.reactions)
        self._resting: dict[str, tuple[object, CqrsError]] = {}
        self._reset(None)

    # ── once ──────────────────────────────────────────────────────────────────────────────────

    def drain(self, report: Report | None = None) -> Round:
        """Bring everything to the head, send what waits and what is due, again and again until nothing moves.

        report: told twice a second what was done since it was told last, while it takes so long; what
        is left for the end is in `untold`. What stops does not stop the others: its error is among the failures.
        Raises `Misuse` (a start past the head), `Unavailable` and `Damaged`; what was done stays done.
        """
        self._reset(report)
        self._begin()
        while not self._stop():
            head = self._store.head()
            try:
                self._catch_up()
            except _Stopping:
                break
            moved = self._deliver(self._waiting())
            self._report_if_due(None)
            if not moved and self._store.head() == head:
                moved = self._deliver(self._due())
                if not moved:
                    return self._round(head)
        return self._round(self._store.head())

    def untold(self, done: Round) -> Round:
        """Of what a drain came to, what its reports have not told."""
        return done if self._told is None else done.since(self._told)

    def _reset(self, report: Report | None) -> None:
        self._report, self._next_report = report, self._ticks() + REPORT_EVERY
        self._told: Round | None = None
        self._taken = 0
        self._counts = {"sent": 0, "rejected": 0, "dead": 0, "held": 0}
        self._held: set[Outgoing] = set()
        self._failures: dict[str, CqrsError] = {}

    def _round(self, position: int, at_work: AtWork | None = None) -> Round:
        counts = self._counts
        return Round(
            position, self._taken, counts["sent"], counts["rejected"], counts["dead"], counts["held"],
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
        reached = {checkpoint.name: checkpoint.position for checkpoint in self._store.rows.checkpoints()}
        names = [name for name in (*self._domain.projections, *self._names) if name not in self._resting]
        return min((reached.get(name, 0) for name in names), default=self._store.head())

    def _standing_still(self) -> dict[str, CqrsError]:
        """The errors so far, those of a drain before too where this one has not come to them yet."""
        return {name: error for name, (_, error) in self._resting.items()}

    def _begin(self) -> None:
        new = [reaction for reaction in self._reactions() if self._reactor.is_new(reaction)]
        if not new:
            return
        head = self._store.head()
        if self._start is not None and self._start > head:
            raise Misuse(
                f"there is no position @{self._start} yet, the head is @{head}",
                hint="--from takes a position of the log",
            )
        for reaction in new:
            self._reactor.begin(reaction, head if self._start is None else self._start)

    def _reactions(self) -> Iterator[ReactionType]:
        return (self._domain.reactions[name] for name in self._names)

    # ── catching up ───────────────────────────────────────────────────────────────────────────

    def _catch_up(self) -> None:
        for name, projection in sorted(self._domain.projections.items()):
            self._tried(name, partial(self._projector.catch_up, projection, partial(self._between, name)))
        for reaction in self._reactions():
            self._tried(reaction.name, partial(self._reactor.catch_up, reaction, partial(self._between, reaction.name)))

    def _tried(self, name: str, work: Callable[[], int | None]) -> None:
        """Do the work, and keep its error. What stopped rests until something about it changes: its code can't."""
        resting = self._resting.get(name)
        if resting is not None and resting[0] == self._circumstances(name):
            self._failures[name] = resting[1]
            return
        try:
            self._taken += work() or 0
            self._resting.pop(name, None)
            self._failures.pop(name, None)
        except (Unavailable, Damaged):
            raise
        except Conflict:  # another process rebuilds it; it is looked at again soon
            self._failures.pop(name, None)
        except CqrsError as error:
            self._failures[name] = error
            self._resting[name] = (self._circumstances(name), error)

    def _between(self, name: str, position: int, head: int) -> None:
        """Between two batches, when the one before is committed."""
        self._report_if_due(AtWork(name, position, head))
        if self._stop():
            raise _Stopping

    def _circumstances(self, name: str) -> object:
        rows = self._store.rows
        return rows.checkpoint(name), stop_of(rows, name), skips_of(rows, name)

    # ── sending ───────────────────────────────────────────────────────────────────────────────

    def _waiting(self) -> list[Outgoing]:
        return self._fresh(outbox.waiting(self._store.rows, self._names, PAGE + len(self._held)))

    def _due(self) -> list[Outgoing]:
        """The deadlines that are due, of reactions that have seen everything that could cancel them."""
        head = self._store.head()
        ready = [reaction.name for reaction in self._reactions() if self._reactor.has_caught_up(reaction, head)]
        return self._fresh(outbox.due(self._store.rows, ready, micros(self._clock()), PAGE + len(self._held)))

    def _fresh(self, page: Sequence[Outgoing]) -> list[Outgoing]:
        return [outgoing for outgoing in page if outgoing not in self._held]

    def _deliver(self, page: Sequence[Outgoing]) -> bool:
        """Send a page; whether there was anything. What it holds is sent, or left out of the pages from now on."""
        deliveries: list[Delivery] = self._courier.deliver(page) if page else []
        for delivery in deliveries:
            self._counts[delivery.status] += 1
            if delivery.status == "held":
                self._held.add(delivery.outgoing)
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
                left = min((due_us - micros(self._clock())) / 1e6, LOOK_AGAIN)
            if left <= 0 or self._store.wait(done.position, left):
                return


def _did_something(done: Round, before: Round) -> bool:
    moved = done.position != before.position or done.taken or done.sent or done.rejected or done.dead
    return bool(moved) or _messages(done) != _messages(before)


def _messages(done: Round) -> dict[str, str]:
    return {name: error.message for name, error in done.failures.items()}
