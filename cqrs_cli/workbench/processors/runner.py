"""Keeping everything up to date: projections, reactions, what they want sent, deadlines."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from cqrs_cli.errors import Conflict, CqrsError, Misuse, StoreFailed
from cqrs_cli.log import outbox
from cqrs_cli.log.outbox import Outgoing
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.delivery import Courier
from cqrs_cli.workbench.processors.loop import Loop
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.reactions import Reactor
from cqrs_cli.workbench.processors.status import Whereabouts, look


class AtWork(NamedTuple):
    """Who is being brought to the head, and how far that is."""

    name: str
    position: int
    head: int


class Round(NamedTuple):
    """What a drain came to, or has come to so far.

    position: what everything was brought to; at the end, the head. taken: events that reactions answered.
    sent, honoured (the log had them already), rejected, dead, held: commands. failures: the errors of the projections
    and reactions that stand still, by name. next_due: of the deadlines, microseconds UTC. at_work: None at the end.
    """

    position: int
    taken: int = 0
    sent: int = 0
    rejected: int = 0
    dead: int = 0
    held: int = 0
    honoured: int = 0
    failures: dict[str, CqrsError] = {}
    next_due: int | None = None
    at_work: AtWork | None = None

    def since(self, told: Round) -> Round:
        """What was done since an earlier report of the same drain."""
        counts: dict[str, Any] = {name: getattr(self, name) - getattr(told, name) for name in _COUNTS}
        return self._replace(**counts)


_COUNTS = ("taken", "sent", "honoured", "rejected", "dead", "held")
Report = Callable[[Round], None]


class _Stopping(Exception):
    """Somebody asked to stop, and the batch is finished."""


class Runner:
    """Runs the projections and reactions of a domain on a store. Several on one store don't disturb each other.

    courier: sends, and has the clock that deadlines are compared with. start: the position after which new reactions
    begin; None: the head, if the log has nothing for them. stop: asked between batches; once it says yes, `drain`
    returns with what is done. ticks: seconds that never go back, by which reports are due.
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
        self._store, self._domain, self._limits = engine.store, engine.domain, engine.limits
        self._reactor, self._projector, self._courier = reactor, reactor.projector, courier
        self._start, self._stop, self._ticks = start, stop, ticks
        self._answers = (
            start is not None
        )  # what reactions ask when this begins; what they ask later is for somebody else
        self._names = sorted(self._domain.reactions)
        self._loop = Loop(engine, self._between)
        self._processors: dict[str, Processor] = {}  # of this drain and those before, with what they have cached
        self._active: dict[str, Processor] = {}
        self._resting: dict[str, tuple[Whereabouts, CqrsError]] = {}
        self._reset(None)

    def drain(self, report: Report | None = None) -> Round:
        """Bring everything to the head, send what waits and what is due, again and again until nothing moves.

        report: told twice a second what was done since it was told last, while it takes so long; what
        is left for the end is in `untold`. What stops does not stop the others: its error is among the failures.
        Raises `Misuse` (a start past the head; `new-reaction`: no start, and the log has events that a reaction would
        answer which never ran), `Unavailable` and `Damaged`; what was done stays done.
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
                if not moved and head == reached and not self._deliver(self._due()):
                    break
        self._loop.settle(list(self._active.values()))
        return self._round(self._store.head() if head is None else head)

    def untold(self, done: Round) -> Round:
        """Of what a drain came to, what its reports have not told."""
        return done if self._told is None else done.since(self._told)

    def _reset(self, report: Report | None) -> None:
        self._report, self._next_report = report, self._ticks() + self._limits.report_every
        self._told: Round | None = None
        for one in self._processors.values():
            one.taken = 0
        self._counts: Counter[str] = Counter()
        self._deferred: set[Outgoing] = set()
        self._failures: dict[str, CqrsError] = {}

    def _round(self, position: int, at_work: AtWork | None = None) -> Round:
        taken = sum(one.taken for name, one in self._processors.items() if name in self._names)
        next_due, failures = outbox.next_due(self._store.rows, self._names), dict(self._failures)
        return Round(position, taken, **self._counts, failures=failures, next_due=next_due, at_work=at_work)

    def _report_if_due(self, at_work: AtWork | None) -> None:
        if self._report is None or self._ticks() < self._next_report:
            return
        reached = min([one.position for one in self._active.values()] or [self._store.head()])
        # The errors so far, those of a drain before too where this one has not come to them yet.
        failures = {name: error for name, (_, error) in self._resting.items()}
        so_far = self._round(reached, at_work)._replace(failures=failures)
        self._report(self.untold(so_far))
        self._told, self._next_report = so_far, self._ticks() + self._limits.report_every

    def _ready(self) -> None:
        """Find out where everything is, in few looks. What stopped rests until something about it changes."""
        self._active = {}
        found = self._look()
        if any(found[name].checkpoint is None for name in self._names):
            if self._start is None:
                self._refuse_to_guess(found)
            found |= self._reactor.begin(self._start_of_new(), found)
        if self._answers and self._reactor.asks(found):
            found |= self._reactor.answer(self._start_of_new(), found)
        self._answers = False
        for name, whereabouts in found.items():
            resting, cached = self._resting.get(name), self._processors.get(name)
            if resting is not None and resting[0] == whereabouts:
                self._failures[name] = resting[1]
            elif cached is not None and cached.takes_up(whereabouts):
                self._active[name] = cached
            else:
                self._make(name, whereabouts)

    def _refuse_to_guess(self, found: dict[str, Whereabouts]) -> None:
        """Raise `Misuse` if nobody says whether reactions that never ran answer what the log has for them."""
        would = {name: count for name, count in self._reactor.unbegun(found).items() if count}
        if would:
            head, events = self._store.head(), sum(would.values())
            what = f"the log has {events:,} event{'' if events == 1 else 's'} that"
            told = ", ".join(f"{name} ({count:,})" for name, count in sorted(would.items()))
            message = f"{next(iter(would))} never ran, and {what} it would answer"
            if len(would) > 1:
                message = f"{told} never ran, and {what} they would answer"
            raise Misuse(message, code="new-reaction", reactions=sorted(would), events=events, reached=head)

    def _look(self) -> dict[str, Whereabouts]:
        return look(self._store.rows, [*sorted(self._domain.projections), *self._names])

    def _make(self, name: str, whereabouts: Whereabouts) -> None:
        try:
            if name in self._domain.reactions:
                one = self._reactor.live(self._domain.reactions[name], whereabouts, partial(self._between, [name]))
            else:
                one = self._projector.live(self._domain.projections[name], whereabouts)
        except StoreFailed:
            raise
        except Conflict:  # another process rebuilds it; it is looked at again soon
            pass
        except CqrsError as error:
            self._rest(name, error)
        else:
            self._processors[name] = self._active[name] = one

    def _rest(self, name: str, error: CqrsError) -> None:
        self._failures[name] = error
        self._resting[name] = (self._look()[name], error)
        self._active.pop(name, None)

    def _start_of_new(self) -> int:
        head, start = self._store.head(), self._start
        if start is not None and start > head:
            message = f"there is no position @{start} yet, the head is @{head}"
            raise Misuse(message, hint="a position of the log: 0 for its beginning")
        return head if start is None else start

    def _catch_up(self, head: int) -> None:
        for name, fault in self._loop.bring(list(self._active.values()), head).items():
            if isinstance(fault, Conflict):  # another process rebuilds it; it is looked at again soon
                del self._active[name]
            else:
                self._rest(name, self._projector.stood_still(name, fault))
        if self._loop.pending:
            self._loop.settle([])

    def _between(self, names: Sequence[str], position: int, head: int) -> None:
        """Between two batches, when the one before is committed."""
        for name in names:
            self._report_if_due(AtWork(name, position, head))
        if self._stop():
            raise _Stopping

    def _waiting(self) -> list[Outgoing]:
        return outbox.waiting(self._store.rows, self._names, self._limits.outbox_page + len(self._deferred))

    def _due(self) -> list[Outgoing]:
        """The deadlines that are due, of reactions that have seen everything that could cancel them."""
        ready, most = [name for name in self._names if name in self._active], self._limits.outbox_page
        return outbox.due(self._store.rows, ready, self._courier.now_us(), most + len(self._deferred))

    def _deliver(self, found: Sequence[Outgoing]) -> bool:
        """Send these, but for what was deferred before; whether there was anything.

        What is done is crossed out by the next transaction: until then it would be sent again, and honoured once.
        """
        page = [outgoing for outgoing in found if outgoing not in self._deferred]
        deliveries = self._courier.send(page) if page else []
        for delivery in deliveries:
            self._counts[delivery.status] += 1
            if delivery.status == "held":
                self._deferred.add(delivery.outgoing)
        if deliveries:
            self._loop.pending.append(lambda rows: self._courier.settle(rows, deliveries))
        return bool(deliveries)

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
            due_us, left = outbox.next_due(rows, names), self._limits.look_again
            if due_us is not None and not done.held:
                left = min((due_us - self._courier.now_us()) / 1e6, left)
            if left <= 0 or self._store.wait(done.position, left):
                return


def _did_something(done: Round, before: Round) -> bool:
    now, then = ({name: error.message for name, error in one.failures.items()} for one in (done, before))
    return (
        done.position != before.position
        or any((done.taken, done.sent, done.honoured, done.rejected, done.dead))
        or now != then
    )
