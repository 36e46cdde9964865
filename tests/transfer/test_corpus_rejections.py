"""Rejected commands in a corpus: which are taken, that they are judged as in their store, and what is hidden in them."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Rejected, Workbench
from cqrs_cli.errors import CqrsError, Damaged
from cqrs_cli.history.rehearsal import rehearse
from cqrs_cli.log.rejections import Rejection, judged_on, keep, rejections
from cqrs_cli.masking import Mask
from cqrs_cli.pseudonyms import Pseudonyms
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from cqrs_cli.transfer import corpus
from cqrs_cli.transfer.choice import MOST_ALIKE, choose
from cqrs_cli.transfer.copy import Between
from cqrs_cli.transfer.redaction import Hidden, Redaction
from cqrs_cli.transfer.store_source import StoreSource
from samples.orders import domain
from samples.orders.fulfilment import domain as fulfilment
from samples.orders.history import write
from samples.orders.order import Address, CreateOrder, OrderItem, RemoveOrderItem, SubmitOrder

PEN, NONE_LEFT, ADA = UUID(int=1), UUID("33333333-3333-4333-8333-333333333333"), UUID(int=9)


def order(product: UUID, name: str, city: str = "Paris") -> CreateOrder:
    home = Address(street="1 Main Street", city=city, postal_code="75001", country="FR")
    item = OrderItem(product_id=product, product_name=name, quantity=1, unit_price=Decimal("1.50"))
    return CreateOrder(customer_id=ADA, items=[item], shipping_address=home)


def refused(bench: Workbench, command: Any, code: str) -> None:
    with pytest.raises(Rejected) as found:
        bench.send(command)
    assert found.value.code == code


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    """Three orders that are alike, of which the last had a command rejected; and one that was never opened."""
    with Workbench.open(tmp_path / "shop.db", domain) as opened:
        ids = [opened.send(order(PEN, "Pen")).events[0].key for _ in range(3)]
        refused(opened, order(NONE_LEFT, "Sold-out hat", "Atlantis"), "out-of-stock")
        refused(opened, RemoveOrderItem(order_id=ids[2], product_id=NONE_LEFT).with_meta(user_id="zoe"), "not-in-order")
        for one in ids:
            opened.send(SubmitOrder(order_id=one))
        refused(opened, RemoveOrderItem(order_id=ids[2], product_id=PEN), "not-pending")
        yield opened


def verdicts(path: str) -> list[tuple[str, str, str | None]]:
    with Workbench.open(path, domain, read_only=True) as bench:
        return [(one.verdict, one.command, one.recorded and one.recorded.code) for one in rehearse(bench)]


def test_each_code_is_shown(bench: Workbench) -> None:
    found = choose(bench.store)
    assert len(found.chosen) == 1, "one order shows all, with what was rejected on it"
    assert [(one.command, one.code) for one in found.rejections] == [
        ("CreateOrder", "out-of-stock"),
        ("RemoveOrderItem", "not-in-order"),
        ("RemoveOrderItem", "not-pending"),
    ]
    assert {one.stream for one in found.rejections[1:]} == set(found.chosen)
    assert {what: count for what, count in found.covered.items() if what.startswith("rejection")} == {
        "rejection CreateOrder out-of-stock": 1,
        "rejection RemoveOrderItem not-in-order": 1,
        "rejection RemoveOrderItem not-pending": 1,
    }
    assert found.streams == 3, "an order that was never opened is no stream"


def test_not_too_many_of_a_kind(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "log.db"), create=True) as store:
        store.append(commit("a", event("order-1", "Placed")))

        def rejection(number: int, stream: str, version: int, code: str) -> Rejection:
            id = f"r{number:03}"
            asked = (id, "Pay", 1, "{}", 0, None, id, None, None)
            return Rejection(*asked, stream, version, 1, code, "No.", number)

        many = [rejection(number, "order-1", 1, "late") for number in range(30)]
        opening = [rejection(100 + number, f"order-x{number}", 0, "shut") for number in range(30)]
        keep(store, [*many, rejection(99, "order-1", 1, "early"), *opening], 1_000)
        found = choose(store)
        assert found.chosen == ["order-1"]
        kept = [one.command_id for one in found.rejections]
        assert kept == [one.command_id for one in (*many[:MOST_ALIKE], rejection(99, "", 1, ""), *opening[:MOST_ALIKE])]
        assert choose(store, concerns=lambda stream: stream != "order-1").rejections == opening[:MOST_ALIKE]


def test_they_are_judged_as_in_the_store(bench: Workbench, tmp_path: Path) -> None:
    found, folder = choose(bench.store), str(tmp_path / "histories")
    corpus.write(bench.store, folder, found.chosen, rejected=found.rejections)
    before = (tmp_path / "histories/order.jsonl").read_bytes()
    assert json.loads(before.splitlines()[-1])["end"]["rejections"] == 3
    with corpus.unpacked(folder) as path:
        with open_store(path, read_only=True) as store:
            kept = list(rejections(store.rows))
            assert [one._replace(position=0) for one in kept] == [one._replace(position=0) for one in found.rejections]
            assert [one.position for one in kept] == [2, 2, 3], "the log of the corpus is shorter"
        codes = [code for _, _, code in verdicts(path)]
        assert codes == [None, "out-of-stock", "not-in-order", None, "not-pending"], "where they were judged"
        assert {verdict for verdict, *_ in verdicts(path)} == {"same"}
    corpus.write(bench.store, folder, found.chosen, rejected=choose(bench.store, kept=found.chosen).rejections)
    assert (tmp_path / "histories/order.jsonl").read_bytes() == before, "the same again"


def test_a_process_brings_along_what_its_commands_were_rejected_on(tmp_path: Path) -> None:
    write(str(tmp_path / "week.db"))
    with Workbench.open(tmp_path / "week.db", fulfilment, read_only=True) as bench:
        (heard,) = bench.log(Selection(category="fulfilment"))
        stock, version = judged_on(heard.metadata) or ("", 0)
        assert (stock.partition("-")[0], version) == ("stock", 1)
        found, folder = choose(bench.store), str(tmp_path / "histories")
        assert stock in found.chosen
        corpus.write(bench.store, folder, found.chosen, rejected=found.rejections)
        with corpus.unpacked(folder) as path, Workbench.open(path, fulfilment, read_only=True) as again:
            assert {one.verdict for one in rehearse(again)} == {"same"}
        part = choose(bench.store, concerns=lambda stream: not stream.startswith("stock-"))
        corpus.write(bench.store, folder, part.chosen, rejected=part.rejections)
        with corpus.unpacked(folder) as path, Workbench.open(path, fulfilment, read_only=True) as again:
            others = {(one.command, one.verdict) for one in rehearse(again) if one.verdict != "same"}
            assert others == {("ReserveStock", "unjudged")}, "what can't be told is not told as a difference"


def test_a_process_that_does_not_know_on_what_it_was_rejected(tmp_path: Path) -> None:
    """As logs have it that were written before it was noted."""
    write(str(tmp_path / "week.db"))
    with (
        open_store(str(tmp_path / "week.db"), read_only=True) as store,
        open_store(str(tmp_path / "old.db"), create=True) as old,
    ):
        for parcel in StoreSource(store, store.head()).parcels(0):
            metadata = json.loads(parcel.commit.metadata or "{}")
            metadata.pop("$judged_on", None)
            if parcel.commit.events[0].stream.partition("-")[0] != "stock":
                old.append(parcel.commit._replace(metadata=json.dumps(metadata)))
    with Workbench.open(tmp_path / "old.db", fulfilment, read_only=True) as bench:
        others = [one for one in rehearse(bench) if one.verdict != "same"]
        assert [(one.command, one.verdict) for one in others] == [("ReserveStock", "unjudged")]
        assert "on which it was judged, is not in this log" in (others[0].why or "")


def test_a_line_that_is_gone_is_noticed(bench: Workbench, tmp_path: Path) -> None:
    found, file = choose(bench.store), tmp_path / "histories/order.jsonl"
    corpus.write(bench.store, str(file.parent), found.chosen, rejected=found.rejections)
    lines = file.read_text().splitlines(keepends=True)
    without = [line for line in lines if '"not-in-order"' not in line]
    assert len(without) == len(lines) - 1
    file.write_text("".join(without))
    with pytest.raises(Damaged, match=r"2 rejected commands; its last line says .* 3 rejected commands"):
        corpus.CorpusSource(str(file.parent)).check()
    file.write_text("".join(lines).replace('"reason":', '"because":', 1))
    with pytest.raises(CqrsError, match="nothing is called 'because'"):
        corpus.CorpusSource(str(file.parent)).check()


def test_nothing_hidden_is_in_it(bench: Workbench, tmp_path: Path) -> None:
    """Searched for over the bytes: values that are in rejected commands alone, and in their reasons, too."""
    wanted = dict.fromkeys(("product_name", "user_id", "product_id"), "pseudonym") | {"city": "hash"}
    redaction = Redaction(Hidden(wanted, Mask(wanted, Pseudonyms(b"k" * 32))))
    found, folder = choose(bench.store), tmp_path / "histories"
    plain = tmp_path / "plain"
    corpus.write(bench.store, str(plain), found.chosen, rejected=found.rejections)
    corpus.write(
        bench.store, str(folder), found.chosen, Between((redaction,), redaction.name), rejected=found.rejections
    )
    clear, hidden = (b"".join(one.read_bytes() for one in place.iterdir()) for place in (plain, folder))
    for value in (b"Sold-out hat", b"Atlantis", b"Paris", b"zoe", str(NONE_LEFT).encode()):
        assert value in clear
        assert value not in hidden
    with corpus.unpacked(str(folder)) as path, open_store(path, read_only=True) as store:
        (stream,) = {one.stream for one in store.read(Selection())}
        kept = list(rejections(store.rows))
        assert [one.stream for one in kept[1:]] == [stream] * 2, "what belongs together still does"
        hat = json.loads(kept[0].data)["items"][0]["product_name"]
        assert hat in kept[0].reason
        assert {verdict for verdict, *_ in verdicts(path)} == {"same"}, "rules are asked with what services answered"
