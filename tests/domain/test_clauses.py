"""Deciding without a store: `decide(state, command, *services)`, and what a decide may return."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cqrs_cli import Aggregate, Command, DefinitionError, DomainFailed, Event, Rejected, decide


class Do(Command):
    order_id: str = "1"
    how: str = "event"


class Other(Command):
    order_id: str = "1"


class Done(Event):
    number: int = 1


class Box:
    full = False


class Order(Aggregate):
    order_id: str
    seen: int = 7

    @decide
    def do(self, command: Do, box: Box) -> Any:
        if box.full:
            raise Rejected("full", code="full")
        return {
            "event": Done(number=self.seen),
            "list": [Done(), Done(number=2)],
            "tuple": (Done(),),
            "none": None,
            "empty": [],
            "generator": (Done(number=number) for number in range(3)),
            "number": 5,
            "text": "Done",
            "mapping": {"a": Done()},
            "empty text": "",
            "empty mapping": {},
            "command": Do(),
            "mixed": [Done(), "Done"],
            "class": Done,
        }[command.how]


class Slow(Aggregate, category="order"):
    order_id: str

    @decide
    async def do(self, command: Do) -> list[Done]:
        await asyncio.sleep(0)
        if command.how == "reject":
            raise Rejected("no", code="slow")
        return [Done(), Done(number=2)]

    @decide
    def other(self, command: Other) -> Iterator[Done]:
        yield Done()
        raise Rejected("after all")


@pytest.mark.parametrize(
    ("how", "numbers"),
    [("event", [7]), ("list", [1, 2]), ("tuple", [1]), ("none", []), ("empty", []), ("generator", [0, 1, 2])],
)
def test_what_a_decide_may_return(how: str, numbers: list[int]) -> None:
    assert decide(Order(order_id="1"), Do(how=how), Box()) == [Done(number=number) for number in numbers]


@pytest.mark.parametrize(
    "how", ["number", "text", "mapping", "empty text", "empty mapping", "command", "mixed", "class"]
)
def test_what_a_decide_must_not_return(how: str) -> None:
    with pytest.raises(DomainFailed, match=r"Order\.do gave .*, which is no Event"):
        decide(Order(order_id="1"), Do(how=how), Box())


def test_a_rejection_is_raised_as_it_is() -> None:
    box = Box()
    box.full = True
    with pytest.raises(Rejected) as caught:
        decide(Order(order_id="1"), Do(), box)
    assert caught.value.code == "full"
    with pytest.raises(Rejected, match="after all"):
        decide(Slow(order_id="1"), Other())


def test_a_coroutine_function_is_waited_for() -> None:
    assert decide(Slow(order_id="1"), Do()) == [Done(), Done(number=2)]
    with pytest.raises(Rejected, match="no"):
        decide(Slow(order_id="1"), Do(how="reject"))


def test_a_coroutine_function_is_waited_for_under_a_running_loop() -> None:
    async def caller() -> list[Event]:
        return decide(Slow(order_id="1"), Do())

    assert asyncio.run(caller()) == [Done(), Done(number=2)]


def test_nobody_decides() -> None:
    with pytest.raises(DefinitionError, match="Order has no decide for Other"):
        decide(Order(order_id="1"), Other())


def test_a_decorated_method_is_still_the_method() -> None:
    assert list(Order(order_id="1").do(Do(how="tuple"), Box())) == [Done()]
