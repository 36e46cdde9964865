"""What a store has of classes that a domain has not."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import (
    After,
    Aggregate,
    Command,
    Domain,
    Event,
    Policy,
    ProcessManager,
    Projection,
    Recorded,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.stores.commits import Commit, NewEvent


class Order(Command):
    order_id: str


class Ship(Command):
    order_id: str


class Ordered(Event):
    pass


class Shipped(Event):
    pass


class Orders(Aggregate, category="order", key="order_id"):
    order_id: str

    @decide(creates=True)
    def order(self, command: Order) -> Ordered:
        return Ordered()

    @decide
    def ship(self, command: Ship) -> Shipped:
        if self.order_id == "bad":
            raise RuntimeError("no")
        return Shipped()

    ignores = (Ordered, Shipped)


class Counted(Projection, key="order_id"):
    order_id: str
    count: int = 0

    @evolve
    def ordered(self, event: Ordered) -> None:
        self.count += 1


class Payment(ProcessManager, key="order_id"):
    order_id: str

    @react
    def remind(self, event: Ordered) -> After:
        return After(timedelta(days=1), Ship(order_id=self.order_id))


class Manners(Policy):
    @react
    def ship(self, event: Ordered, recorded: Recorded) -> Ship:
        return Ship(order_id=recorded.key)


class Renamed(Aggregate, category="purchase", key="order_id"):
    order_id: str

    @decide(creates=True)
    def order(self, command: Order) -> Ordered:
        return Ordered()

    @decide
    def ship(self, command: Ship) -> Shipped:
        return Shipped()

    ignores = (Ordered, Shipped)


class CountedAgain(Counted, key="order_id"):
    pass


class PaymentProcess(Payment, key="order_id"):
    pass


class GoodManners(Manners):
    pass


WHOLE = Domain("shop", Orders, Counted, Payment, Manners)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A log with an order whose shipping came to nothing, one that was shipped, and deadlines of both."""
    path = str(tmp_path / "shop.db")
    with Workbench.open(path, WHOLE) as bench:
        bench.send(Order(order_id="a"))
        bench.send(Order(order_id="bad"))
        bench.runner(start=0).drain()
        for number, stream in enumerate(["another-1", "another-2", "x", "zebra-1"]):
            bench.store.append(Commit(f"other-{number}", (NewEvent(stream, "Other", 1, b"{}"),)))
    return path


def told(path: str, *parts: Any) -> Iterator[tuple[str, str, str | None]]:
    with Workbench.open(path, Domain("shop", *parts)) as bench:
        assert [one for one in bench.orphans() if "category" in one.message] == bench.orphaned_streams()
        yield from [(one.where, one.message, one.hint) for one in bench.orphans()]


def test_whoever_has_all_is_told_nothing(path: str) -> None:
    assert list(told(path, Orders, Counted, Payment, Manners)) == []


def test_a_renamed_aggregate(path: str) -> None:
    ((stream, message, hint),) = told(path, Renamed, Counted, Payment, Manners)
    assert stream == "order-a"
    assert message == (
        "streams of the category 'order' hold events such as Ordered, and no aggregate of shop has that category"
    )
    assert hint == 'if a class was renamed: aliases=("order",)'


@pytest.mark.parametrize(
    ("parts", "message", "hint"),
    [
        (
            (Orders, CountedAgain, Payment, Manners),
            "counted has a checkpoint at @3, and nothing of shop is called so",
            'if a class was renamed: name="counted" goes on',
        ),
        (
            (Orders, Counted, PaymentProcess, Manners),
            "payment has a checkpoint at @3, commands that wait or have a deadline: 2, "
            "and nothing of shop is called so: they are not sent",
            'if a class was renamed: name="payment" goes on',
        ),
        (
            (Orders, Counted, Payment, GoodManners),
            "manners has a checkpoint at @3, commands that came to nothing: 1, and nothing of shop is called so",
            'if a class was renamed: name="manners" goes on',
        ),
    ],
)
def test_a_renamed_processor(path: str, parts: tuple[Any, ...], message: str, hint: str) -> None:
    ((_, said, remedy),) = told(path, *parts)
    assert (said.replace("@2", "@3"), remedy) == (message, hint)


def test_the_remedy_goes_on(path: str) -> None:
    class Reminders(Payment, key="order_id", name="payment"):
        pass

    assert list(told(path, Orders, Counted, Reminders, Manners)) == []


def test_letters_that_were_dropped_are_told_no_more(path: str) -> None:
    with Workbench.open(path, WHOLE) as bench:
        (letter,) = bench.failed()
        bench.drop(letter.command_id, by="ada", reason="no")
        with bench.store.transaction() as rows:
            rows.forget("manners")
    assert list(told(path, Orders, Counted, Payment)) == []
