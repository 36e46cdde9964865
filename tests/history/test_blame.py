"""Blame against brute force: every version replayed and compared."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from cqrs_cli import Aggregate, Command, Domain, Event, Workbench, decide, evolve
from cqrs_cli.errors import DomainFailed, Misuse, NotFound
from cqrs_cli.history.blame import Blamed, BlamedChange, blame, field_history
from cqrs_cli.history.comparison import ABSENT, key_field, leaves
from cqrs_cli.history.paths import Keyed, Step, parse_path, path_text
from cqrs_cli.history.rows import RowHistory, row_key, row_key_text
from cqrs_cli.history.shapes import Shape
from cqrs_cli.history.steps import StreamHistory
from cqrs_cli.stores.commits import Commit, NewEvent
from tests.history.carts import Cart, domain, fill

STREAMS, EVENTS, FIELDS = 30, 40, 1_000


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with Workbench.open(tmp_path_factory.mktemp("carts") / "a.db", domain) as bench:
        fill(bench.store, STREAMS, EVENTS)
        yield bench


def version(change: BlamedChange) -> int:
    assert change.event is not None
    return change.event.version


def followed(state: Any, path: tuple[Step, ...], final: Any) -> Any:
    """What a path of the final state leads to in another one: legs are told apart by where they go, tags by themselves."""
    for step in path:
        if isinstance(step, str):
            state, final = state.get(step, ABSENT) if isinstance(state, dict) else ABSENT, final[step]
            continue
        listed: list[Any] = state if isinstance(state, list) else []
        if isinstance(step, Keyed):
            name, value = step
            found = [one for one in listed if one[name] == value]
            state, final = found[0] if found else ABSENT, next(one for one in final if one[name] == value)
            continue
        final = inside = final[step]
        if isinstance(inside, dict):
            to: Any = inside["to"]
            found = [one for one in listed if one["to"] == to]
            state = found[0] if found else ABSENT
        elif isinstance(inside, str):
            state = inside if inside in listed else ABSENT
        else:
            state = listed[step] if listed else ABSENT
    return state


def test_blame_is_what_brute_force_finds_on_a_thousand_fields(bench: Workbench) -> None:
    dice = Random(2)
    versions = {
        number: [
            bench.jsonable(Cart(cart_id=str(number))),
            *(bench.jsonable(bench.replay(f"cart-{number}", at=at).state) for at in range(1, EVENTS + 1)),
        ]
        for number in range(STREAMS)
    }
    told: dict[tuple[int, int], list[Blamed]] = {}
    kinds = set()
    for _ in range(FIELDS):
        number, at = dice.randrange(STREAMS), dice.randrange(1, EVENTS + 1)
        states = versions[number]
        path, value = dice.choice(list(leaves(states[at], Shape(Cart))))
        if (number, at) not in told:
            told[number, at] = blame(StreamHistory(bench, f"cart-{number}", at=at))
        values = [followed(state, path, states[at]) for state in states[: at + 1]]
        last = max((version for version in range(1, at + 1) if values[version] != values[version - 1]), default=None)
        [found] = [one for one in told[number, at] if one.path == path_text(path)]
        assert (found.value, found.event and found.event.version) == (value, last), (number, at, path_text(path))
        kinds.add(".".join("[]" if not isinstance(step, str) else step for step in path))
    assert {
        "items.[].quantity",
        "items.[].ship_to.city",
        "legs.[].cost",
        "tags.[]",
        "grid.[].[]",
        "prices.pen",
    } <= kinds


def test_every_value_of_a_state_is_told_of_once(bench: Workbench) -> None:
    for number in range(STREAMS):
        state = bench.jsonable(bench.replay(f"cart-{number}").state)
        wanted = [(path_text(path), value) for path, value in leaves(state, Shape(Cart))]
        assert [(one.path, one.value) for one in blame(StreamHistory(bench, f"cart-{number}"))] == wanted


def test_the_history_of_a_field_is_every_change_of_it(bench: Workbench) -> None:
    for number in range(STREAMS):
        states = [bench.jsonable(Cart(cart_id=str(number)))]
        states += [bench.jsonable(bench.replay(f"cart-{number}", at=at).state) for at in range(1, EVENTS + 1)]
        for name in ("note", "total", "prices.pen", "prices.ink"):
            path = parse_path(name)
            values = [
                followed(state, path, {"prices": {"pen": 0, "ink": 0}, "note": 0, "total": 0}) for state in states
            ]
            wanted = [(v, values[v - 1], values[v]) for v in range(1, EVENTS + 1) if values[v] != values[v - 1]]
            try:
                found = field_history(StreamHistory(bench, f"cart-{number}"), path)
            except NotFound:
                found = []
            assert [(version(one), one.old, one.new) for one in found] == wanted
        for product in ("pen", "ink"):
            items = [{one["product_id"]: one for one in state["items"]}.get(product, ABSENT) for state in states]
            met = [v for v in range(1, EVENTS + 1) if items[v] != items[v - 1]]
            try:
                found = field_history(
                    StreamHistory(bench, f"cart-{number}"), parse_path(f"items[product_id={product}]")
                )
            except NotFound:
                found = []
            assert [version(one) for one in found] == met  # each once, what came whole too


def rows_at(bench: Workbench, position: int) -> dict[tuple[str, str], Any]:
    found: Iterator[Any] = bench.rows_at("cart_totals", position)
    return {(row.cart_id, row.what): bench.jsonable(row) for row in found}


def test_rows_are_blamed_as_brute_force_does(bench: Workbench) -> None:
    kind = bench.domain.rows_of("cart_totals")
    dice, met = Random(3), 0
    positions = [*range(0, bench.store.head() + 1, 100), bench.store.head()]
    rows = {at: rows_at(bench, at) for at in positions}
    every = [
        (number, what) for number in map(str, range(3)) for what in ("note", "total", "item", "leg", "tag", "price")
    ]
    for key in dice.sample(every, 4):
        for at in positions[1::6]:
            history = RowHistory(bench, kind, key, at)
            if key not in rows[at]:
                with pytest.raises(NotFound) as caught:
                    blame(history)
                assert caught.value.code == "row-not-found"
                continue
            found = {one.path: one for one in blame(history)}
            assert {path: one.value for path, one in found.items()} == {
                path_text(path): value for path, value in leaves(rows[at][key], Shape(kind.cls))
            }
            for one in found.values():
                assert one.event is not None
                place = one.event.position
                before, after = (rows_at(bench, at).get(key, ABSENT) for at in (place - 1, place))
                if one.path in ("times", "last"):
                    assert before is ABSENT or before[one.path] != after[one.path]
                    met += 1
    assert met > 2


def test_what_is_gone_has_an_event_too(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "a.db", domain) as bench:
        for n, data in enumerate(
            (
                b'{"what":"item","name":"pen","number":4}',
                b'{"what":"item","name":"pen","number":3}',
                b'{"what":"note","name":"x"}',
            )
        ):
            bench.store.append(Commit(f"c{n}", (NewEvent("cart-1", "Changed", 1, data),)))
        [found] = blame(StreamHistory(bench, "cart-1"), parse_path("items[product-id=pen].quantity"))
        assert (found.path, found.value) == ("items[product_id=pen].quantity", ABSENT)
        assert found.event is not None
        assert found.event.version == 2
        [items] = blame(StreamHistory(bench, "cart-1"), parse_path("items"))
        assert (items.value, items.event and items.event.version) == ([], 2)
        assert [one.new for one in field_history(StreamHistory(bench, "cart-1"), parse_path("items.quantity"))] == [
            4,
            ABSENT,
        ]
        row = RowHistory(bench, bench.domain.rows_of("cart_totals"), ("1", "item"))
        assert [version(one) for one in field_history(row, parse_path("times"))] == [1, 2]


@pytest.mark.parametrize(
    ("field", "error"),
    [("itms", Misuse), ("items.quantty", Misuse), ("address.town", Misuse), ("items[product_id=none]", NotFound), ("prices.none", NotFound), ("legs[99]", NotFound), ("note.x", NotFound)],
)  # fmt: skip
def test_a_field_that_is_not_there(bench: Workbench, field: str, error: type) -> None:
    for ask in (blame, field_history):
        with pytest.raises(error):
            ask(StreamHistory(bench, "cart-0", at=3), parse_path(field))


def test_the_clause_has_the_line_of_its_def(bench: Workbench) -> None:
    clause = next(one.clause for one in blame(StreamHistory(bench, "cart-0")) if one.clause)
    lines, first = inspect.getsourcelines(Cart.changed)
    assert "def changed" in lines[1]
    assert clause == f"Cart.changed (tests/history/carts.py:{first + 1})"


def test_what_can_t_be_folded_is_said_with_its_place(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "a.db", domain) as bench:
        bench.store.append(Commit("c1", (NewEvent("cart-1", "Changed", 1, b'{"what":"note"}'),)))
        bench.store.append(Commit("c2", (NewEvent("cart-1", "Changed", 1, b'{"number":1}'),)))
        assert len(blame(StreamHistory(bench, "cart-1", at=1))) > 5
        for history in (
            StreamHistory(bench, "cart-1"),
            RowHistory(bench, bench.domain.rows_of("cart_totals"), ("1", "note")),
        ):
            with pytest.raises(Exception, match="2") as caught:
                blame(history)
            assert getattr(caught.value, "exit_code", None) == DomainFailed.exit_code


def test_keys_of_rows_are_typed_as_in_the_names_of_streams(bench: Workbench) -> None:
    kind = bench.domain.rows_of("cart_totals")
    assert row_key(kind, "a%2Cb,note") == ("a,b", "note")
    assert row_key_text(kind, ("a,b", "note")) == "a%2Cb,note"
    for text in ("a", "a,b,c", ""):
        with pytest.raises(Misuse):
            row_key(kind, text)


def test_elements_are_told_apart_by_what_their_model_names(bench: Workbench) -> None:
    assert key_field(Shape(Cart).member("items").element, [{"product_id": "a"}]) == "product_id"


def test_blame_is_one_fold(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = type(bench.aggregates.fold_of(bench.domain.aggregate_of("cart-1")))
    taken, over = list[int](), fold.over

    def counted(self: Any, start: Any, events: Any) -> Any:
        listed = list(events)
        taken.extend(event.version for event in listed)
        return over(self, start, listed)

    monkeypatch.setattr(fold, "over", counted)
    for ask in (blame, lambda history: field_history(history, ("total",))):
        taken.clear()
        ask(StreamHistory(bench, "cart-1"))
        assert taken == list(range(1, EVENTS + 1))


class Added(Event, aliases=("Increased",)):
    n: int


class Add(Command):
    tally_id: str
    n: int


class Part(BaseModel):
    diff_key: ClassVar[str] = "sku"

    part_id: int
    sku: str


class Tally(Aggregate):
    tally_id: str
    total: int = 0
    parts: list[Part] = []

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(n=command.n)

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.n
        self.parts = [Part(part_id=self.total, sku="a"), *self.parts[:0]]


def test_a_renamed_type_and_a_declared_key(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "a.db", Domain("tallies", Tally)) as bench:
        bench.send(Add(tally_id="a", n=1))
        bench.store.append(Commit("old", (NewEvent("tally-a", "Increased", 1, b'{"n":2}'),)))
        found = {one.path: one for one in blame(StreamHistory(bench, "tally-a"))}
    assert list(found) == ["tally_id", "total", "parts[sku=a].part_id", "parts[sku=a].sku"]
    told = [(one.event.type, one.clause) if one.event and one.clause else None for one in found.values()]
    assert [one and one[0] for one in told] == [None, "Increased", "Increased", "Added"]
    assert all(one is None or one[1].startswith("Tally.added (") for one in told)
