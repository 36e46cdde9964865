"""Dry runs say what sending would do: the events, the rows they change, and whether the rules over rows allow it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import DELETE, Aggregate, Command, Delete, Domain, Event, Projection, Workbench, decide, evolve
from cqrs_cli.errors import CqrsError, Damaged, NotUnique, Unavailable
from tests.members import Join, Score
from tests.members import domain as members


class Priced(Event):
    lot_id: str
    price: Decimal | None


class Sold(Event):
    lot_id: str


class Price(Command):
    """Sell some lots, then give others a price."""

    auction_id: str
    sold: list[str] = []
    prices: dict[str, Decimal | None] = {}


class Auction(Aggregate):
    auction_id: str

    @decide(creates="either")
    def price(self, command: Price) -> Iterator[Priced | Sold]:
        for lot_id in command.sold:
            yield Sold(lot_id=lot_id)
        for lot_id, price in command.prices.items():
            yield Priced(lot_id=lot_id, price=price)

    @evolve
    def priced(self, event: Priced) -> None: ...

    @evolve
    def was_sold(self, event: Sold) -> None: ...


class Lot(Projection, key="lot_id", inline=True, unique="price"):
    lot_id: str
    price: Decimal | None = None

    @evolve
    def priced(self, event: Priced) -> None:
        self.price = event.price

    @evolve
    def sold(self, event: Sold) -> Delete:
        return DELETE


@pytest.fixture
def auction(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "lots.db"), Domain("auctions", Auction, Lot)) as opened:
        yield opened


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "m.db"), members) as opened:
        opened.send(Join(member_id="a", email="a@x.org"))
        opened.send(Score(member_id="a", points=Decimal("1.50")))
        yield opened


def lots(bench: Workbench) -> list[tuple[Any, ...]]:
    return [(row.lot_id, row.price) for row in bench.rows(Lot)]


def totals(bench: Workbench, command: Command) -> tuple[Any, Any]:
    """The total of a member before and after the command, as a dry run says it."""
    (change,) = [one for one in bench.send(command, dry_run=True).changes if one.projection == "standing"]
    return change.before and change.before["total"], change.after and change.after["total"]


def test_rows_without_a_value_are_never_the_same(auction: Workbench) -> None:
    auction.send(Price(auction_id="x", prices={"a": None}))
    for command in (
        Price(auction_id="x", prices={"b": None}),
        Price(auction_id="x", prices={"c": None, "d": None}),
    ):
        assert len(auction.send(command, dry_run=True).changes) == len(command.prices)
        auction.send(command)
    assert lots(auction) == [("a", None), ("b", None), ("c", None), ("d", None)]


def test_a_value_passes_from_a_row_that_goes_to_one_that_comes(auction: Workbench) -> None:
    auction.send(Price(auction_id="x", prices={"a": Decimal(1)}))
    swap = Price(auction_id="x", sold=["a"], prices={"b": Decimal(1)})
    changes = auction.send(swap, dry_run=True).changes
    assert [(one.key["lot_id"], one.after is None) for one in changes] == [("a", True), ("b", False)]
    auction.send(swap)
    assert lots(auction) == [("b", Decimal(1))]


def test_one_decimal_twice_in_a_command_is_taken_however_it_is_written(auction: Workbench) -> None:
    twice = Price(auction_id="x", prices={"a": Decimal("1.0"), "b": Decimal("1.00")})
    for dry_run in (True, False):
        with pytest.raises(NotUnique, match="lot has a row with price"):
            auction.send(twice, dry_run=dry_run)
    assert lots(auction) == []


def test_rows_of_another_definition_do_not_count(bench: Workbench) -> None:
    bench.project()
    standing = members.projections["standing"]
    with bench.store.transaction() as rows:
        checkpoint = rows.checkpoint("standing")
        assert checkpoint is not None
        definition = json.loads(checkpoint.definition) | {"version": 9}
        rows.move("standing", checkpoint, checkpoint._replace(definition=json.dumps(definition)))
        rows.put(standing.table, [("a", "Paris", "900", 9)])
    more = Score(member_id="a", points=Decimal(2))
    assert totals(bench, more) == ("1.50", "3.50")
    bench.send(more)
    bench.rebuild("standing")
    assert [row.total for row in bench.rows("standing")] == [Decimal("3.50")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [Unavailable("the disk is away"), Damaged("a page is torn")])
def test_a_store_that_fails_is_no_projection_that_stops(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, error: CqrsError
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    more = Score(member_id="a", points=Decimal(2))
    assert totals(bench, more) == ("1.50", "3.50")
    monkeypatch.setattr(type(bench.store), "read", fail)
    with pytest.raises(type(error), match=error.message):
        bench.send(more, dry_run=True)


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"correlation_id": "story"},
        {"correlation_id": "story", "causation_id": "cause", "user_id": "ada", "metadata": {"channel": "web"}},
    ],
)
def test_the_events_are_those_that_sending_records(bench: Workbench, meta: dict[str, Any]) -> None:
    command = Score(member_id="a", points=Decimal(2), times=3).with_meta(command_id="c", **meta)
    dry = bench.send(command, dry_run=True)
    sent = bench.send(command)
    assert [event.position for event in dry.events] == [3, 4, 5]
    assert [event._replace(recorded_us=0) for event in dry.events] == [
        event._replace(recorded_us=0) for event in sent.events
    ]
    assert (dry.position, dry.streams, dry.version_before) == (sent.position, sent.streams, sent.version_before)
