"""A corpus: what of a log it has, and that it is read as a store is."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs_cli import Workbench
from cqrs_cli.errors import CqrsError, NotFound
from cqrs_cli.history.rehearsal import rehearse
from cqrs_cli.stores.contract import Append, Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.transfer import corpus
from cqrs_cli.transfer.choice import choose
from cqrs_cli.transfer.copy import Between
from samples.inventory.stock import ReceiveStock
from samples.orders.fulfilment import domain as fulfilment
from samples.orders.inventory import Inventory, Plenty
from samples.orders.order import PayOrder, SubmitOrder
from tests.history.orders import created

PEN, CAP = UUID(int=1), UUID(int=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as opened:
        yield opened


def fill(store: Store) -> None:
    """Forty streams, of which two show all there is."""
    for number in range(40):
        store.append(commit(f"a{number}", event(f"order-{number}", "Placed")))
    store.append(commit("b1", event("order-7", "Paid")))
    store.append(commit("b2", event("order-9", "Paid", schema_version=2)))
    store.append(commit("b3", event("order-9", "Paid")))


def test_few_streams_that_show_all(store: Store) -> None:
    fill(store)
    found = choose(store)
    assert found.chosen == ["order-9"]
    assert (found.streams, found.events) == (40, 3)
    assert found.covered == {
        "command PlaceOrder": 40,
        "event order Paid v1": 2,
        "event order Paid v2": 1,
        "event order Placed v1": 40,
    }


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from("ABCDEFG"), st.integers(1, 2)), min_size=1, max_size=30))
def test_no_search_finds_fewer_streams_in_a_small_log(events: list[tuple[int, str, int]]) -> None:
    with open_store("memory:", create=True) as store:
        shown: dict[str, set[tuple[str, int]]] = {}
        for number, (stream, type, version) in enumerate(events):
            store.append(commit(f"c{number}", event(f"order-{stream}", type, schema_version=version)))
            shown.setdefault(f"order-{stream}", set()).add((type, version))
        found = choose(store).chosen
        everything = set().union(*shown.values())
        assert set().union(*(shown[one] for one in found)) == everything
        best = next(
            size
            for size in range(len(shown) + 1)
            if any(set().union(*(shown[one] for one in some)) == everything for some in combinations(shown, size))
        )
        assert len(found) <= 1.2 * best


@pytest.mark.slow
def test_a_large_log_is_covered_by_few(tmp_path: Path) -> None:
    """100,000 events, of which thirteen types are in one stream each: no corpus does without those."""
    with open_store(str(tmp_path / "large.db"), create=True) as store:
        appends = []
        for number in range(1_000):
            rare = [event(f"order-{number}", f"Rare{number // 80}")] * (number % 80 == 7)
            usual = [event(f"order-{number}", f"Usual{(number + at) % 40}") for at in range(100)]
            for start in range(0, 100, 50):
                appends.append(Append(commit(f"c{number}-{start}", *usual[start : start + 50], *rare[:start])))
        store.append_many(appends)
        found = choose(store)
        assert found.streams == 1_000
        assert store.head() > 100_000
        chosen, types = set(found.chosen), store.types()
        assert len([one for one in types if one.startswith("Rare")]) == 13
        assert {one.type for stream in chosen for one in store.read(Selection(stream=stream))} == set(types)
        assert len(found.chosen) <= 1.2 * 13


def test_a_sample_is_the_same_each_time(store: Store) -> None:
    fill(store)
    found = choose(store, sample=12)
    assert len(found.chosen) == 12
    assert "order-9" in found.chosen
    store.append(commit("c", event("order-50", "Placed")))
    again = choose(store, sample=12, kept=found.chosen)
    assert again.chosen == found.chosen


def test_those_of_the_last_time_stay(store: Store) -> None:
    fill(store)
    assert choose(store, kept=["order-3"]).chosen == ["order-9"]
    store.append(commit("c1", event("order-3", "Paid", schema_version=2), event("order-3", "Paid")))
    store.append(commit("c2", event("order-1", "Paid", schema_version=2), event("order-1", "Paid")))
    assert choose(store, kept=["order-3"]).chosen == ["order-3"]


def test_streams_that_share_a_commit_are_taken_together(store: Store) -> None:
    store.append(commit("a", event("order-1", "Placed")))
    store.append(commit("b", event("order-1", "Moved"), event("stock-1", "Taken")))
    store.append(commit("c", event("stock-2", "Taken"), event("stock-2", "Counted")))
    assert choose(store).chosen == ["order-1", "stock-1", "stock-2"], "stock-1 shows nothing of its own"


def test_files_and_back(store: Store, tmp_path: Path) -> None:
    fill(store)
    store.append(commit("d", event("stock-1", "Counted")))
    folder = str(tmp_path / "histories")
    assert corpus.write(store, folder, ["order-9", "order-7", "stock-1"]) == ["order.jsonl", "stock.jsonl"]
    with corpus.unpacked(folder) as path, open_store(path, read_only=True) as again:
        assert [one.id for one in again.commits()] == ["a7", "a9", "b1", "b2", "b3", "d"]
        kept = [one for one in store.read() if one.stream in ("order-7", "order-9", "stock-1")]
        assert [one[1:6] + one[8:] for one in again.read()] == [one[1:6] + one[8:] for one in kept]
    assert not Path(path).exists()
    before = (tmp_path / "histories/stock.jsonl").read_bytes()
    (tmp_path / "histories/notes.jsonl").write_text('{"mine": true}\n')
    corpus.write(store, folder, ["stock-1"])
    assert sorted(one.name for one in (tmp_path / "histories").iterdir()) == ["notes.jsonl", "stock.jsonl"]
    assert (tmp_path / "histories/stock.jsonl").read_bytes() == before, "the same streams are the same bytes"


def test_no_half_file(store: Store, tmp_path: Path) -> None:
    fill(store)
    folder = tmp_path / "histories"
    corpus.write(store, str(folder), ["order-9"])
    before = (folder / "order.jsonl").read_bytes()
    between = Between((lambda parcel: 1 // 0,))  # type: ignore[arg-type, return-value]
    with pytest.raises(ZeroDivisionError):
        corpus.write(store, str(folder), ["order-7"], between)
    assert [one.name for one in folder.iterdir()] == ["order.jsonl"]
    assert (folder / "order.jsonl").read_bytes() == before


def test_a_damaged_file_is_refused(store: Store, tmp_path: Path) -> None:
    fill(store)
    folder = tmp_path / "histories"
    corpus.write(store, str(folder), ["order-9"])
    text = (folder / "order.jsonl").read_text()
    for broken in (
        text[: len(text) // 2],
        text[: text.index('{"end"')],
        text.replace('"type":"Paid"', '"kind":"Paid"'),
    ):
        (folder / "order.jsonl").write_text(broken)
        with pytest.raises(CqrsError), corpus.unpacked(str(folder)):
            pass
    with pytest.raises(NotFound), corpus.unpacked(str(tmp_path / "nowhere")):
        pass
    with pytest.raises(NotFound), corpus.unpacked(str(tmp_path)):
        pass


def test_reactions_and_rejections_are_history_too(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "shop.db", fulfilment, services={Inventory: Plenty()}) as bench:
        bench.send(ReceiveStock(product_id=PEN, quantity=100))
        bench.runner().drain()
        for product in (PEN,) * 5 + (CAP,) * 3:
            order_id = created(bench, product)
            bench.send(SubmitOrder(order_id=order_id))
            bench.send(PayOrder(order_id=order_id))
        bench.runner().drain()
        found = choose(bench.store)
        assert any(item.startswith("rejection ReserveStock ") for item in found.covered)
        assert any(item.startswith("reaction fulfilment.") for item in found.covered)
        folder = str(tmp_path / "histories")
        corpus.write(bench.store, folder, found.chosen)
        with corpus.unpacked(folder) as path, open_store(path, read_only=True) as store:
            assert choose(store).covered.keys() == found.covered.keys()
            verdicts = {one.verdict for one in rehearse(Workbench(store, fulfilment, read_only=True))}
            assert verdicts == {"same"}
            streams = {one.stream for one in store.read(Selection())}
            assert len(streams) < found.streams / 2
