"""The runner: everything to the head, deadlines by an injected clock, waking up, several at once."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Domain, Policy, Workbench, react
from cqrs_cli.errors import DomainFailed, Unavailable
from cqrs_cli.log import outbox
from cqrs_cli.stores.moments import moment
from cqrs_cli.workbench.processors.loop import Loop, overtaken
from cqrs_cli.workbench.processors.runner import Round, Runner
from tests import office
from tests.limited import limited
from tests.reacting import Clock, dump, pay, sent, waiting


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "office.db"), office.domain) as opened:
        opened.runner().drain()
        yield opened


class Thread:
    """A runner in a thread of its own, with a workbench of its own, until it is stopped."""

    def __init__(self, path: Path, clock: Callable[[], Any], domain: Domain = office.domain, **limits: float) -> None:
        self.rounds: list[Round] = []
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._path, self._clock, self._domain, self._limits = path, clock, domain, limits
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with Workbench.open(str(self._path), self._domain) as bench:
            limited(bench, **self._limits).runner(clock=self._clock, stop=self._stop.is_set).run(self._report)

    def _report(self, done: Round) -> None:
        self.rounds.append(done)
        self._ready.set()

    def __enter__(self) -> "Thread":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def stop(self) -> None:
        """Let it end when it looks next."""
        self._stop.set()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds; long, as a busy machine lets others wait."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


# ── once ──────────────────────────────────────────────────────────────────────────────────────


def test_a_drain_brings_everything_to_the_head_and_says_what_it_did(bench):
    pay(bench, "o1", "bad1")
    done = bench.runner().drain()
    assert (done.position, done.sent, done.rejected, done.dead, done.held) == (bench.store.head(), 3, 1, 0, 0)
    assert done.failures == {}
    assert [one.status for one in bench.statuses()] == ["ready", "ready"]
    assert [one.status for one in bench.reactions()] == ["ready", "ready"]
    again = bench.runner().drain()
    assert (again.taken, again.sent, again.position) == (0, 0, done.position)


def test_more_commands_than_a_page_are_all_sent(bench):
    bench = limited(bench, outbox_page=2)
    pay(bench, *(f"o{number}" for number in range(7)))
    assert bench.runner().drain().sent == 14


# ── saying how far it is ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_batches(bench: Workbench) -> Workbench:
    return limited(bench, batch_events=1, waiting_events=1)


def test_a_long_drain_says_how_far_it_is(small_batches):
    bench = small_batches
    pay(bench, *(f"o{number}" for number in range(4)), "bad1")
    told: list[Round] = []
    seconds = itertools.count()
    runner = bench.runner(ticks=lambda: float(next(seconds)))
    done = runner.drain(told.append)
    assert {one.at_work.name for one in told if one.at_work} == {"counts", "orders", "fulfilment", "welcome"}
    assert told[0].at_work == ("counts", 1, 5)
    assert told[0].position == 1  # all of them went on together
    assert [one.position for one in told] == sorted(one.position for one in told)
    rest = runner.untold(done)
    assert (rest.position, rest.at_work) == (bench.store.head(), None)
    for name in ("taken", "sent", "rejected", "dead"):
        assert sum(getattr(one, name) for one in (*told, rest)) == getattr(done, name)
    assert (done.sent, done.rejected) == (9, 1)


def test_reports_are_told_now_and_then(small_batches):
    bench = small_batches
    pay(bench, *(f"o{number}" for number in range(20)))
    told: list[float] = []
    seconds = itertools.count()
    time_now = 0.0

    def ticks() -> float:
        nonlocal time_now
        time_now = next(seconds) / 10
        return time_now

    bench.runner(ticks=ticks).drain(lambda _: told.append(time_now))
    assert len(told) > 2
    assert min(after - before for before, after in itertools.pairwise([0.0, *told])) >= 0.5
    pay(bench, "o20")
    bench.runner(ticks=lambda: 0.0).drain(lambda _: pytest.fail("nobody waited"))


def test_what_was_told_during_a_drain_is_not_told_again_after_it(small_batches, monkeypatch):
    bench = small_batches
    pay(bench, "o1", "o2")
    told: list[Round] = []
    waited: list[Round] = []
    monkeypatch.setattr(Runner, "_wait", lambda self, done: waited.append(done))
    seconds = itertools.count()
    bench.runner(ticks=lambda: float(next(seconds)), stop=lambda: bool(waited)).run(told.append)
    assert len(told) > 2
    assert (told[-1].position, told[-1].at_work) == (bench.store.head(), None)
    assert sum(one.sent for one in told) == waited[0].sent == 4


def test_what_stands_still_is_among_all_reports(tmp_path):
    with Workbench.open(str(tmp_path / "office.db"), Domain("grumpy", office.domain, Grumpy)) as opened:
        bench = limited(opened, batch_events=1, waiting_events=1)
        bench.runner().drain()
        seconds = itertools.count()
        runner = bench.runner(ticks=lambda: float(next(seconds)))
        pay(bench, "o1")
        runner.drain()
        pay(bench, "o2")
        told: list[Round] = []
        runner.drain(told.append)
        assert len(told) > 1
        assert all(list(one.failures) == ["grumpy"] for one in told)
        assert told[-1].position > 1


# ── deadlines ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def unshipped(bench: Workbench) -> Workbench:
    """An order whose shipping is a dead letter, so that its deadline stands."""
    pay(bench, "boom1")
    bench.runner().drain()
    return bench


def test_a_deadline_counts_from_the_event_and_fires_by_the_clock_of_the_runner(unshipped, clock):
    paid = next(unshipped.store.read())
    runner = unshipped.runner(clock=clock)
    due_us = paid.recorded_us + 3_600_000_000
    assert runner.drain().next_due == due_us
    clock.forward(minutes=59)
    assert runner.drain().sent == 0
    clock.forward(minutes=1)
    assert runner.drain().sent == 1
    cancel = list(unshipped.store.commits())[-1]
    assert (cancel.command.type, cancel.command.issued_at, cancel.causation_id) == (
        "CancelOrder",
        due_us,
        "pay-boom1:1",
    )
    assert runner.drain().sent == 0
    assert waiting(unshipped.store) == []


def test_a_deadline_that_is_cancelled_before_it_is_due_never_fires(bench, clock):
    pay(bench, "o1")
    runner = bench.runner(clock=clock)
    runner.drain()
    clock.forward(hours=3)
    assert runner.drain().sent == 0
    assert "CancelOrder order-o1" not in sent(bench.store)


def test_no_deadline_fires_before_the_reactions_have_seen_what_may_cancel_it(unshipped, clock):
    clock.forward(hours=2)
    unshipped.store.append(_event("order-boom1", "Shipped"))  # by hand; the process hears of it first
    done = unshipped.runner(clock=clock).drain()
    assert "CancelOrder order-boom1" not in sent(unshipped.store)
    assert done.next_due is None


def test_no_deadline_fires_when_the_log_grew_while_it_was_caught_up_with(unshipped, clock, monkeypatch):
    clock.forward(hours=2)
    real = Loop.bring

    def bring(self, *given):
        monkeypatch.undo()
        faults = real(self, *given)
        unshipped.store.append(_event("order-boom1", "Shipped"))  # what cancels it comes just now
        return faults

    monkeypatch.setattr(Loop, "bring", bring)
    unshipped.runner(clock=clock).drain()
    assert "CancelOrder order-boom1" not in sent(unshipped.store)


def test_no_deadline_of_a_reaction_that_stands_still_fires(unshipped, clock):
    clock.forward(hours=2)
    unshipped.store.append(_event("order-boom1", "Shipped", b"not JSON for this class: []"))
    runner = unshipped.runner(clock=clock)
    for _ in range(2):
        done = runner.drain()
        assert {"fulfilment", "welcome", "counts", "orders"} == set(done.failures)
        assert "CancelOrder order-boom1" not in sent(unshipped.store)
    assert len(unshipped.failed()) == 1
    unshipped.skip_in_reaction("fulfilment", 2, by="ada", reason="broken")
    assert runner.drain().dead == 1  # now it was sent, to an order that can't be read
    assert unshipped.failed()[1].outgoing.command == "CancelOrder"


def _event(stream: str, type: str, data: bytes = b"{}") -> Any:
    from cqrs_cli.stores.commits import Commit, NewEvent

    return Commit(f"by-hand-{stream}", (NewEvent(stream, type, 1, data),))


# ── what stops ────────────────────────────────────────────────────────────────────────────────


class Grumpy(Policy):
    @react
    def grumble(self, event: office.Paid) -> None:
        raise ValueError("no")


def test_what_stops_does_not_stop_the_others(tmp_path):
    grumpy = Domain("grumpy", office.domain, Grumpy)
    with Workbench.open(str(tmp_path / "office.db"), grumpy) as bench:
        bench.runner().drain()
        pay(bench, "o1")
        done = bench.runner().drain()
        assert list(done.failures) == ["grumpy"]
        assert isinstance(done.failures["grumpy"], DomainFailed)
        assert done.sent == 2
        assert [one.status for one in bench.reactions()] == ["ready", "stopped", "ready"]


def test_what_another_process_rebuilds_meanwhile_is_no_failure(bench, monkeypatch):
    real = Loop.bring
    runner = bench.runner()
    pay(bench, "o1")

    def outrun(self, processors, head):
        others = [one for one in processors if one.name != "counts"]
        return real(self, others, head) | ({"counts": overtaken("counts")} if others != processors else {})

    monkeypatch.setattr(Loop, "bring", outrun)
    done = runner.drain()
    assert (done.failures, done.sent) == ({}, 2)
    monkeypatch.setattr(Loop, "bring", real)
    runner.drain()
    assert [one.lag for one in bench.statuses()] == [0, 0]  # it was looked at again


def test_stopping_lets_the_batch_end(bench):
    bench = limited(bench, batch_events=1, waiting_events=1)
    pay(bench, "o1", "o2", "o3")
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    bench.runner(stop=stop).drain()
    assert {one.position for one in bench.statuses()} == {2}  # the second batch was the last, for all
    assert sent(bench.store) == ["Pay order-o1", "Pay order-o2", "Pay order-o3"]
    bench.runner().drain()
    rows: list[Any] = list(bench.rows("fulfilment"))
    assert [row.state for row in rows] == ["shipped"] * 3


# ── on and on ─────────────────────────────────────────────────────────────────────────────────


def test_it_wakes_after_a_commit_of_somebody_else(bench, tmp_path):
    """By itself it would look again after a minute only."""

    def greeted(number: int) -> bool:
        return f"Greet order-o{number}" in sent(bench.store)

    with Thread(tmp_path / "office.db", Clock(), look_again=60.0) as thread:
        for number in range(3):
            pay(bench, f"o{number}")
            until(partial(greeted, number), 30)
        thread.stop()
        pay(bench, "last")  # and it sees that it is to stop
    assert sum(done.sent for done in thread.rounds) >= 6


def test_it_waits_no_longer_than_to_the_next_deadline(unshipped, clock, monkeypatch):
    runner = unshipped.runner(clock=clock)
    done = runner.drain()
    asked: list[float] = []
    monkeypatch.setattr(unshipped.store, "wait", lambda after, seconds: asked.append(seconds) or True)
    for before, waits in ((3600, [0.2]), (0.05, [0.05]), (0, [])):  # a fifth of a second, and it looks at its clock
        clock.time = moment(done.next_due) - timedelta(seconds=before)
        asked.clear()
        runner._wait(done)
        assert asked == waits


def test_it_wakes_when_a_deadline_is_due(unshipped, tmp_path, clock):
    with Thread(tmp_path / "office.db", clock):
        clock.forward(minutes=59)
        time.sleep(0.5)
        assert "CancelOrder order-boom1" not in sent(unshipped.store)
        clock.forward(minutes=2)
        until(lambda: "CancelOrder order-boom1" in sent(unshipped.store))


def test_it_sends_what_came_into_the_outbox_without_a_commit(unshipped, tmp_path, clock):
    letter = unshipped.failed()[0]
    unshipped.send(office.Greet(order_id="boom1"))
    with Thread(tmp_path / "office.db", clock):
        with unshipped.store.transaction() as rows:
            outbox.revive(
                rows,
                letter._replace(outgoing=letter.outgoing._replace(command="Greet", data='{"order_id": "boom1"}')),
                0,
            )
        until(lambda: sent(unshipped.store).count("Greet order-boom1") == 2)


def test_it_reports_only_what_changed(bench, tmp_path):
    # No report in the middle of a drain: after such a one, which has told all, the end of the drain is told as well.
    with Thread(tmp_path / "office.db", Clock(), report_every=60.0) as thread:
        time.sleep(1.5)  # it looks around by itself once a second
        pay(bench, "o1")
        until(lambda: sum(done.sent for done in thread.rounds[1:]) == 2)
        time.sleep(1.2)
    assert sum(done.sent for done in thread.rounds[1:]) == 2
    assert [done for done in thread.rounds[1:] if not (done.taken or done.sent)] == []


def test_a_store_that_goes_away_ends_the_run(bench, monkeypatch):
    def away(self: Runner, report: Any) -> Round:
        raise Unavailable("gone")

    monkeypatch.setattr(Runner, "drain", away)
    with pytest.raises(Unavailable):
        bench.runner().run()


def test_several_at_once_leave_what_one_leaves(tmp_path):
    names = [f"{kind}{number}" for number in range(12) for kind in ("o", "bad", "none", "boom")]

    def ran(path: Path, runners: int) -> dict[str, Any]:
        with Workbench.open(str(path), office.domain, durability="relaxed") as bench:
            bench.runner().drain()
            threads = [Thread(path, Clock()) for _ in range(runners)]
            for thread in threads:
                thread.__enter__()
            pay(bench, *names)
            until(lambda: all(one.status == "ready" and not one.waiting for one in bench.reactions()))
            for thread in threads:
                thread.__exit__()
            bench.runner().drain()
            return dump(bench)

    alone = ran(tmp_path / "one.db", 1)
    assert len(alone["commits"]) == 48 + 12 * (2 + 2 + 2)
    assert len(alone["dead"]) == 12
    assert ran(tmp_path / "three.db", 3) == alone
