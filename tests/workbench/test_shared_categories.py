"""Two domains on one store whose aggregates have the same category: whoever meets the other's events says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    Domain,
    Event,
    Policy,
    Projection,
    Undecodable,
    Workbench,
    decide,
    evolve,
    react,
)


class Open(Command):
    order_id: str


class Fill(Command):
    order_id: str


class Note(Command):
    note_id: str


class Opened(Event): ...


class Filled(Event): ...


class Noted(Event): ...


class Order(Aggregate, category="order"):
    order_id: str

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened()

    ignores = (Opened,)


class Bag(Aggregate, category="order", key="order_id", snapshot_every=1):
    order_id: str
    filled: int = 0

    @decide(creates="either")
    def fill(self, command: Fill) -> Filled:
        return Filled()

    @evolve
    def was_filled(self, event: Filled) -> None:
        self.filled += 1


class Notes(Aggregate, category="note", key="note_id"):
    note_id: str

    @decide(creates="either")
    def note(self, command: Note) -> Noted:
        return Noted()

    ignores = (Noted, Opened)


class Bags(Projection, key="order_id"):
    order_id: str
    filled: int = 0

    @evolve
    def was_filled(self, event: Filled) -> None:
        self.filled += 1


class Reads(Policy):
    @react
    def opened(self, event: Opened) -> None:
        return None


SHOP, PACKING = Domain("shop", Order, Reads), Domain("packing", Bag, Bags)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(tmp_path / "shared.db", SHOP) as bench:
        bench.send(Open(order_id="a"))
        yield bench


@pytest.fixture
def packing(shop: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(tmp_path / "shared.db", PACKING) as bench:
        yield bench


def test_a_stream_of_both_is_loaded_by_neither(shop: Workbench, packing: Workbench) -> None:
    packing.send(Fill(order_id="b"))
    with pytest.raises(Undecodable, match=r"event 1 \(order-a version 1\): .* 'Opened'") as refused:
        packing.send(Fill(order_id="a"))
    assert "another domain on this store has the category 'order', give one another category=" in str(
        refused.value.hint
    )
    for does in (lambda: packing.load("order-a"), lambda: packing.load(Bag, "a"), lambda: list(packing.replay_all())):
        with pytest.raises(Undecodable, match="'Opened'"):
            does()
    with pytest.raises(Undecodable, match="'Filled'"):
        shop.load("order-b")
    assert packing.store.head() == 2


def test_a_state_that_is_cached_or_kept_meets_the_others_event(shop: Workbench, packing: Workbench) -> None:
    """The version that the append expects is not there any more, and what came between is read."""
    from cqrs_cli.stores.commits import Commit, NewEvent

    packing.send(Fill(order_id="b"))
    shop.store.append(Commit("other", (NewEvent("order-b", "Opened", 1, b"{}"),)))
    with pytest.raises(Undecodable, match="'Opened'"):
        packing.send(Fill(order_id="b"))


def test_an_event_of_another_aggregate_is_none_of_this_one(shop: Workbench, tmp_path: Path) -> None:
    with (
        Workbench.open(tmp_path / "shared.db", Domain("packing", Bag, Notes)) as bench,
        pytest.raises(Undecodable, match="Opened is no event of Bag") as refused,
    ):
        bench.load("order-a")
    assert "ignores = (Opened,)" in str(refused.value.hint)


def test_it_is_said_which_categories_are_shared_and_with_whom(shop: Workbench, packing: Workbench) -> None:
    assert shop.orphans() == []
    shop.runner(start=0).drain()
    packing.send(Fill(order_id="b"))
    packing.project()
    (of_shop,) = [one for one in shop.orphans() if one.code == "shared"]
    assert (of_shop.where, "such as Filled, which shop has not" in of_shop.message) == ("order-b", True)
    (of_packing,) = [one for one in packing.orphans() if one.code == "shared"]
    assert "such as Opened, which packing has not" in of_packing.message
    assert "(here too: shop)" in of_packing.message
    assert "(here too: packing)" in of_shop.message
    assert "category=" in str(of_packing.hint)
