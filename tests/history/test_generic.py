"""States without a domain: what the rules do to plain values, in words as they are typed, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_cli.errors import Damaged, Misuse, NotFound
from cqrs_cli.history.blame import blame, field_history
from cqrs_cli.history.changes import changes
from cqrs_cli.history.diff import stream_diff, streams_diff
from cqrs_cli.history.fold_rules import fold_rule
from cqrs_cli.history.generic import GenericFold, GenericFolds
from cqrs_cli.history.paths import parse_path
from cqrs_cli.history.steps import StreamHistory
from cqrs_cli.stores.commits import Commit, NewEvent, StoredEvent
from cqrs_cli.stores.contract import Append, Selection, Store
from cqrs_cli.stores.registry import open_store

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def folded(rule: Any, *payloads: Any) -> Any:
    """The state after events of one type, by its rule; bytes are the payload as it stands in the log."""
    fold = GenericFold({} if rule is None else {"T": fold_rule("T", rule)})
    events = [
        StoredEvent(at, "s-1", at, "T", 1, one if isinstance(one, bytes) else json.dumps(one).encode())
        for at, one in enumerate(payloads, 1)
    ]
    return fold.over(fold.empty("s-1"), events).state


@given(st.lists(OBJECTS, max_size=5))
def test_fields_overwrite_each_other_whole(payloads: list[dict[str, Any]]) -> None:
    wanted: dict[str, Any] = {}
    for payload in payloads:
        wanted |= payload
    assert folded(None, *payloads) == folded("overwrite", *payloads) == wanted
    assert list(folded(None, *payloads)) == list(wanted)


@given(st.lists(VALUES, max_size=5))
def test_what_is_appended_is_every_payload(payloads: list[Any]) -> None:
    assert folded("append all", *payloads) == ({"all": payloads} if payloads else {})


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9), max_size=6))
def test_what_is_added_is_exact(numbers: list[Any]) -> None:
    payloads = [b'{"n": %s}' % f"{number:f}".encode() for number in numbers]
    found = folded("add n", *payloads)
    texts = folded("add n", *({"n": f"{number:f}"} for number in numbers))
    back = folded(["add n", "add n from -n"], *payloads)
    if numbers:
        from decimal import Decimal, localcontext

        with localcontext() as context:
            context.prec = 500
            assert Decimal(found["n"]) == Decimal(texts["n"]) == sum(numbers)
            assert Decimal(back["n"]) == 0


RULES: list[tuple[Any, list[Any], Any]] = [
    ("ignore", [{"a": 1}], {}),
    ("overwrite a, b.c", [{"a": 1, "b": {"c": 2, "d": 3}, "e": 4}, {"a": 5}], {"a": 5, "b": {"c": 2}}),
    ("overwrite from data", [{"data": {"a": 1}, "meta": 2}], {"a": 1}),
    ("overwrite a from data.inner", [{"data": {"inner": {"a": 1, "b": 2}}}], {"a": 1}),
    ("replace", [{"a": 1, "b": 2}, {"a": 3}], {"a": 3}),
    ("replace address", [{"city": "Rome", "zip": "1"}, {"city": "Oslo"}], {"address": {"city": "Oslo"}}),
    ("replace last.name from name", [{"name": "x"}], {"last": {"name": "x"}}),
    ("append items from item", [{"item": "a"}, {"item": [1]}], {"items": ["a", [1]]}),
    ("append order.items", [{"n": 1}], {"order": {"items": [{"n": 1}]}}),
    (["append seen from id", "remove seen from gone"], [{"id": 1, "gone": 2}, {"id": 2, "gone": 1}], {"seen": [2]}),
    (["append items", "remove items by id from old"], [{"id": 1, "old": 9}, {"id": 2, "old": "1"}], {"items": ...}),
    (["overwrite", "remove b"], [{"a": 1, "b": 2}], {"a": 1}),
    (["overwrite", "remove b.c"], [{"b": {"c": 1, "d": 2}}], {"b": {"d": 2}}),
    ("remove items by id", [{"id": 1}], {}),
    ("add n", [{"n": 1}, {"n": 2}, {"n": None}], {"n": 3}),
    ("add n", [{"n": "10.10"}, {"n": 1}], {"n": "11.10"}),
    ("add a, t.b", [{"a": 1, "t": {"b": 2}}, {"a": 1, "t": {"b": 5}}], {"a": 2, "t": {"b": 7}}),
    ("add balance from -amount", [{"amount": "0.30"}, {"amount": 2}], {"balance": "-2.30"}),
    ('add ["a b"] from n', [{"n": 1}], {"a b": 1}),
    ("add n", [{"n": 10**30}, {"n": 1}], {"n": 10**30 + 1}),
    (None, [b'{"n": 1.50, "big": 0.10000000000000000000001}'], {"n": "1.50", "big": "0.10000000000000000000001"}),
]


@pytest.mark.parametrize(("rule", "payloads", "wanted"), RULES)
def test_what_a_rule_does(rule: Any, payloads: list[Any], wanted: Any) -> None:
    if wanted == {"items": ...}:  # 7 and "7" are one key
        wanted = {"items": [{"id": 2, "old": "1"}]}
    assert folded(rule, *payloads) == wanted


def test_nothing_is_shared_between_what_two_rules_put_in_a_state() -> None:
    rules = ["append seen", "overwrite totals", "add totals.n from more"]
    state = folded(rules, {"totals": {"n": 1}, "more": 5})
    assert state == {"seen": [{"totals": {"n": 1}, "more": 5}], "totals": {"n": 6}}


REFUSED: list[tuple[Any, list[Any], str]] = [
    ("add n", [{"m": 1}], "the payload has no n"),
    ("add n", [{"n": "ten"}], "n is a text, no number"),
    ("add n", [{"n": True}], "n is true or false, no number"),
    ("add n", [{"n": "NaN"}], "no number"),
    ("add n", [{"n": "1_000"}], "no number"),
    ("add n", [{"n": 1}, b'{"n": 1E+99999}'], "more than a thousand digits"),
    (["overwrite", "add n from m"], [{"n": "x", "m": 1}], "n is a text, no number"),
    ("append a from b.c", [{"b": 1}], "the payload has no b.c"),
    (["overwrite", "append a"], [{"a": 1}], "a is a number, nothing can be appended"),
    (["overwrite", "append a.b"], [{"a": [1]}], "a is a list, nothing can be in it"),
    ("remove items by sku", [{"id": 1}], "the payload has no sku"),
    (["overwrite", "remove a by b"], [{"a": 1, "b": 2}], "no list to remove elements from"),
    ("overwrite", [[1]], "the payload is a list, and has no fields"),
    (None, [b"7"], "the payload is a number"),
    ("replace from a", [{"a": 1}], "a is a number"),
]


@pytest.mark.parametrize(("rule", "payloads", "told"), REFUSED)
def test_what_a_rule_can_not_take_is_said_with_its_place(rule: Any, payloads: list[Any], told: str) -> None:
    with pytest.raises(Misuse) as raised:
        folded(rule, *payloads)
    error = raised.value
    assert told in error.message
    assert f"event {len(payloads)} (s-1 version {len(payloads)}, T)" in error.message
    assert error.code == "fold"
    assert error.details["position"] == len(payloads)
    assert "[tool.cqrs.fold]" in str(error.hint)


@pytest.mark.parametrize("data", [b"{", b'{"a": NaN}', b'{"a": Infinity}', b"\xff"])
def test_what_is_no_json_is_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        folded(None, data)


@pytest.mark.parametrize(
    "rule",
    [
        *("", "apend items", "append", "append a, b", "append a b", "append a,", "append items from", "ignore a"),
        *("append items from a b", "append items by id", "overwrite from -a", "add", "add a, b from c", "replace a, b"),
        *(
            "remove",
            "remove a by",
            "append items[0]",
            "append items[id=7]",
            "ignore from a",
            "append from a",
            "add , a",
        ),
        *("append .a", 7, None, [], [7], ["ignore", 7], {"append": "items"}),
    ],
)
def test_what_is_no_rule(rule: Any) -> None:
    with pytest.raises(Misuse) as raised:
        fold_rule("ItemAdded", rule)
    assert raised.value.code in ("fold", "field")
    assert "ItemAdded" in raised.value.message
    assert raised.value.hint


def test_a_misspelt_rule_has_a_near_one() -> None:
    with pytest.raises(Misuse) as raised:
        fold_rule("T", "apend items")
    assert raised.value.hint == "did you mean 'append'?"


# ── over a store ──────────────────────────────────────────────────────────────────────────────

ITEMS = {
    "ItemAdded": ["append items from item", "add pieces from item.quantity"],
    "ItemRemoved": ["remove items by sku", "add pieces from -quantity"],
}


def fill(store: Store, events: Sequence[tuple[str, str, Any]]) -> None:
    store.append_many(
        [
            Append(Commit(id=f"c{at}", events=(NewEvent(stream, type, 1, json.dumps(data).encode()),)))
            for at, (stream, type, data) in enumerate(events)
        ]
    )


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "a.db"), create=True) as store:
        events: list[tuple[str, str, Any]] = []
        for at in range(1, 13):
            stream = f"order-{at % 3}"
            events.append((stream, "ItemAdded", {"item": {"sku": f"p{at}", "quantity": at}}))
            if at % 4 == 0:
                events.append((stream, "ItemRemoved", {"sku": f"p{at}", "quantity": at}))
        fill(store, [*events, ("order-1", "Paid", {"paid": True, "to": {"bank": "x"}}), ("cart-1", "Paid", {})])
        yield store


def test_steps_are_the_states_of_the_versions(orders: Store) -> None:
    folds = GenericFolds(orders, ITEMS)
    before: dict[str, Any] = {}
    for step in StreamHistory(folds, "order-1").steps():
        state = folds.load("order-1", at=step.event.version)
        assert (state.version, state.position, state.state) == (step.event.version, step.event.position, step.after)
        assert step.before == before
        assert folds.load("order-1", at_position=step.event.position).state == step.after
        assert bool(changes(before, step.after)) == (step.difference is not None)
        before = step.after
    assert before["paid"] is True
    assert before["pieces"] == sum(item["quantity"] for item in before["items"])


def test_blame_names_the_event_and_the_rule(orders: Store) -> None:
    folds = GenericFolds(orders, ITEMS)
    found = {one.path: one for one in blame(StreamHistory(folds, "order-1"))}
    state = folds.load("order-1").state
    assert found["to.bank"].value == "x"
    assert found["to.bank"].clause == "generic fold: overwrite"
    assert found["pieces"].value == state["pieces"]
    assert found["pieces"].clause is not None
    assert "add pieces" in found["pieces"].clause
    for item in state["items"]:
        added = found[f"items[{state['items'].index(item)}].quantity"].event
        assert added is not None
        assert json.loads(added.data)["item"] == item
    history = field_history(StreamHistory(folds, "order-1"), parse_path("pieces"))
    assert [one.new for one in history][-1] == state["pieces"]
    assert all(one.clause and one.clause.startswith("generic fold") for one in history)


def test_diffs_are_between_the_states(orders: Store) -> None:
    folds = GenericFolds(orders, ITEMS)
    for start, end in ((0, 3), (1, 4), (4, 2)):
        found = stream_diff(folds, "order-1", start, end)
        old, new = (folds.load("order-1", at=at).state if at else {} for at in (start, end))
        assert (found.old, found.new) == (old, new)
    told = list(stream_diff(folds, "order-1", 0, 5, blamed=True).changes())
    assert told
    assert all(one.event is not None for one in told)
    assert list(streams_diff(folds, ("order-1", 1), ("order-2", 1)).changes())
    with pytest.raises(Misuse, match="two categories"):
        streams_diff(folds, ("order-1", 1), ("cart-1", 1))


def test_all_streams_of_a_category(orders: Store) -> None:
    folds = GenericFolds(orders, ITEMS)
    found = {state.stream: state for state in folds.folded(Selection(category="order", by_stream=True))}
    assert sorted(found) == ["order-0", "order-1", "order-2"]
    assert all(found[stream] == folds.load(stream) for stream in found)


@pytest.mark.parametrize("how", [{"at": 99}, {"at_position": 1}])
def test_what_is_not_there(orders: Store, how: dict[str, int]) -> None:
    folds = GenericFolds(orders)
    for ask in (folds.load, folds.walk):
        with pytest.raises(NotFound):
            ask("order-9")
        with pytest.raises(NotFound):
            ask("order-2", **how)


def test_what_was_told_of_a_step_stays_as_it_was(orders: Store) -> None:
    fold = {"ItemAdded": ["append deep.items", "add deep.n.total from item.quantity"]}
    steps = list(StreamHistory(GenericFolds(orders, fold), "order-2").steps())
    added = [step for step in steps if step.event.type == "ItemAdded"]
    assert [len(step.after["deep"]["items"]) for step in added] == list(range(1, len(added) + 1))
    totals = [step.after["deep"]["n"]["total"] for step in added]
    assert totals == sorted(set(totals))
