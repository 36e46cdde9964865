"""Deadlines: by which clock they count, and that none of an answer takes the place of another."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import (
    After,
    Aggregate,
    Cancel,
    Command,
    Domain,
    Event,
    Policy,
    ProcessManager,
    Recorded,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.log import outbox
from cqrs_cli.stores.moments import micros
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.workbench.outcome import Request
from tests.reacting import Clock

HOUR = timedelta(hours=1)


class Order(Command):
    order_id: str


class Remind(Command):
    order_id: str


class Ordered(Event):
    pass


class Reminded(Event):
    at: datetime


class Orders(Aggregate, category="order", key="order_id"):
    order_id: str
    reminded: list[datetime] = []

    @decide(creates=True)
    def order(self, command: Order) -> Ordered:
        return Ordered()

    @decide
    def remind(self, command: Remind) -> Reminded:
        return Reminded(at=command.meta.timestamp)

    @evolve
    def was_reminded(self, event: Reminded) -> None:
        self.reminded.append(event.at)

    ignores = (Ordered,)


def domain_of(answer: Callable[[Command], list[Any]], stateless: bool = False) -> Domain:
    """Orders that are answered so; answer: given the command that reminds."""

    class Payment(ProcessManager, key="order_id"):
        order_id: str

        @react
        def ordered(self, event: Ordered) -> Iterator[Remind | After | Cancel]:
            yield from answer(Remind(order_id=self.order_id))

    class Manners(Policy):
        @react
        def ordered(self, event: Ordered, recorded: Recorded) -> Iterator[Remind | After]:
            yield from answer(Remind(order_id=recorded.key))

    return Domain("shop", Orders, Manners if stateless else Payment)


def deadlines(bench: Workbench) -> list[tuple[str | None, float]]:
    """The names of the deadlines that wait, with their delays in hours."""
    waiting = [one for name in bench.domain.reactions for one in outbox.of_reaction(bench.store.rows, name)]
    return [(one.deadline, (one.due_us - one.recorded_us) / 3.6e9) for one in waiting if one.due_us]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "shop.db")


# ── clocks ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stateless", [False, True])
def test_a_clock_that_once_ran_ahead_stops_no_deadline(path: str, stateless: bool) -> None:
    ahead = SQLiteStore(path, create=True, clock=lambda: time.time_ns() + 10**18)
    domain = domain_of(lambda remind: [After(HOUR, remind), remind], stateless)
    with Workbench(ahead, domain) as bench:
        bench.send(Order(order_id="blip"))
    clock = Clock()
    with Workbench.open(path, domain) as bench:
        runner = bench.runner(clock=clock, start=0)
        bench.send(Order(order_id="a"))
        done = runner.drain()
        assert (done.sent, done.next_due) == (2, micros(clock() + HOUR))
        clock.forward(hours=1)
        assert runner.drain().sent == 2
        times = bench.load(Orders, "a").state.reminded
        assert times == [clock() - HOUR, clock()]  # what a decide is told is the time too


def test_a_deadline_counts_from_an_event_that_is_answered_late(path: str) -> None:
    clock = Clock()
    with Workbench.open(path, domain_of(lambda remind: [After(HOUR, remind)]), clock=clock) as bench:
        bench.send(Order(order_id="a"))
        clock.forward(minutes=50)
        runner = bench.runner(start=0)
        assert runner.drain().next_due == micros(clock() + timedelta(minutes=10))


def test_the_clock_of_a_workbench_is_that_of_everything(path: str) -> None:
    clock = Clock()
    clock.time = datetime(2001, 2, 3, tzinfo=UTC)
    with Workbench.open(path, domain_of(lambda remind: [After(HOUR, remind)]), clock=clock) as bench:
        bench.runner(start=0).drain()
        bench.send(Order(order_id="a"))
        clock.forward(hours=2)
        assert list(bench.send_batch([Request(1, Order(order_id="b"))]))
        assert bench.runner().drain().sent == 1
        assert [event.recorded_at for event in bench.log()] == [clock() - 2 * HOUR, clock(), clock()]
        assert [commit.command.issued_at for commit in bench.store.commits() if commit.command] == [
            micros(clock() - 2 * HOUR),
            micros(clock()),
            micros(clock() - HOUR),
        ]
        own = datetime(1999, 1, 1, tzinfo=UTC)
        bench.send(Order(order_id="c").with_meta(timestamp=own))
        assert [commit.command.issued_at for commit in bench.store.commits() if commit.command][-1] == micros(own)


# ── several in one answer ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        ([None, None, None], ["Remind", "Remind-2", "Remind-3"]),
        (["a", None, "Remind"], ["a", "Remind-2", "Remind"]),
        (["Remind-2", None, None], ["Remind-2", "Remind", "Remind-3"]),
    ],
)
def test_all_deadlines_of_an_answer_are_kept(path: str, names: list[str | None], kept: list[str]) -> None:
    def answer(remind: Command) -> list[Any]:
        return [Cancel("a"), *(After(HOUR * hours, remind, name) for hours, name in enumerate(names, 1))]

    with Workbench.open(path, domain_of(answer)) as bench:
        bench.send(Order(order_id="o"))
        bench.runner(start=0).drain()
        assert deadlines(bench) == list(zip(kept, [1.0, 2.0, 3.0], strict=True))


def test_two_deadlines_of_one_name_in_one_answer_stop_the_reaction(path: str) -> None:
    domain = domain_of(lambda remind: [After(HOUR, remind, "a"), Cancel("a"), After(2 * HOUR, remind, "a")])
    with Workbench.open(path, domain) as bench:
        bench.send(Order(order_id="o"))
        (error,) = bench.runner(start=0).drain().failures.values()
        assert "two deadlines of the name 'a'" in error.message
        assert deadlines(bench) == []
