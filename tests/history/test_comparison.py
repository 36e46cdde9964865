"""The comparison of two states: patches give the second, changes say all and nothing else, elements are matched."""

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from cqrs_cli.errors import DefinitionError, Misuse
from cqrs_cli.history.changes import changes, placed_changes
from cqrs_cli.history.comparison import ABSENT, Elements, Members, compare, leaves
from cqrs_cli.history.jsonpatch import operations
from cqrs_cli.history.paths import Keyed, parse_path, path_text, selects
from cqrs_cli.history.shapes import ANY, Shape
from tests.history.states import STATES, Sample, apply_patch

SHAPE = Shape(Sample)
PAIRS = st.tuples(STATES, STATES) | STATES.map(lambda state: (state, json.loads(json.dumps(state))))


def text(value: Any) -> str:
    """Tells 1, 1.0 and true apart."""
    return json.dumps(value, sort_keys=True)


@settings(max_examples=150)
@given(PAIRS, st.sampled_from([ANY, SHAPE]))
def test_the_patch_gives_the_second_state(states: tuple[Any, Any], shape: Shape) -> None:
    old, new = states
    patch = list(operations(compare(old, new, shape)))
    assert text(apply_patch(old, json.loads(json.dumps(patch)))) == text(new)
    assert bool(patch) == (text(old) != text(new))


@settings(max_examples=60)
@given(PAIRS)
def test_there_are_changes_exactly_if_the_states_differ(states: tuple[Any, Any]) -> None:
    old, new = states
    found = list(placed_changes(compare(old, new, SHAPE)))
    assert bool(found) == (text(old) != text(new))
    for change in found:
        assert change.old is ABSENT or change.new is ABSENT or text(change.old) != text(change.new)
        assert change.concerns(change.path)


@settings(max_examples=60)
@given(STATES)
def test_a_path_is_read_as_it_is_written(state: Any) -> None:
    for path, _ in leaves(state, SHAPE):
        if path_text(path):
            assert path_text(parse_path(path_text(path))) == path_text(path)
            assert selects(parse_path(path_text(path)), path)


LISTS = st.lists(st.sampled_from("abcd"), max_size=12)


@settings(max_examples=150)
@given(LISTS, LISTS)
def test_what_two_lists_share_is_a_longest_common_subsequence(old: list[str], new: list[str]) -> None:
    found = compare(old, new)
    assert found is None or isinstance(found, Elements)
    same = len(old) if found is None else sum(place is not None and inner is None for place, inner in found.pairs)
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if one == other else max(lengths[i][j + 1], lengths[i + 1][j])
    assert same == lengths[-1][-1]


def told(old: Any, new: Any, shape: Shape = ANY) -> list[tuple[str, Any, Any]]:
    return [(change.path, change.old, change.new) for change in changes({"x": old}, {"x": new}, shape)]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ([{"id": 1, "n": 1}, {"id": 2, "n": 1}], [{"id": 2, "n": 5}], [("x[id=1]", {"id": 1, "n": 1}, None), ("x[id=2].n", 1, 5)]),
        ([{"a_id": "p", "n": 1}], [{"a_id": "p", "n": 2}], [("x[a_id=p].n", 1, 2)]),
        # `id` is there twice: the next one that is unique in both
        ([{"id": 1, "b_id": 1, "n": 0}, {"id": 1, "b_id": 2, "n": 0}], [{"id": 1, "b_id": 2, "n": 1}], [("x[b_id=1]", {"id": 1, "b_id": 1, "n": 0}, None), ("x[b_id=2].n", 0, 1)]),
        # no key is unique: by order
        ([{"id": 1, "n": 1}, {"id": 1, "n": 2}], [{"id": 1, "n": 2}], [("x[0]", {"id": 1, "n": 1}, None)]),
        ([{"_id": 1, "n": 1}], [{"_id": 1, "n": 2}], [("x[0].n", 1, 2)]),
        # an id of one and a text that reads the same can't be told apart in a path
        ([{"id": 1, "n": 1}, {"id": "1", "n": 1}], [{"id": 1, "n": 2}, {"id": "1", "n": 1}], [("x[0].n", 1, 2)]),
        ([{"id": None}], [{"id": 1}], [("x[0].id", None, 1)]),
        ([{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 1}], [("x.(order)", ["1", "2"], ["2", "1"])]),
        ([{"id": "a]b"}], [{"id": "a]b", "n": 1}], [('x[id="a]b"].n', None, 1)]),
        (["a", "b", "c"], ["b", "c", "d"], [("x[0]", "a", None), ("x[2]", None, "d")]),
        ([1, 2, 3], [1, 9, 3], [("x[1]", 2, 9)]),
        ([1, True, 2], [1.0, True, 2], [("x[0]", 1, 1.0)]),
        ([[1, 2], [3]], [[1, 2], [3, 4]], [("x[1][1]", None, 4)]),
        ({"a.b": 1, "": 2, "c-d": 3}, {}, [('x["a.b"]', 1, None), ('x[""]', 2, None), ("x.c-d", 3, None)]),
    ],
)  # fmt: skip
def test_elements_are_matched(old: Any, new: Any, wanted: list[tuple[str, Any, Any]]) -> None:
    assert told(old, new) == wanted


def test_a_model_names_its_key() -> None:
    old = {"parts": [{"part_id": 1, "sku": "a", "at": None}, {"part_id": 2, "sku": "b", "at": None}]}
    new = {"parts": [{"part_id": 9, "sku": "a", "at": None}, {"part_id": 2, "sku": "b", "at": None}]}
    assert [change.path for change in changes(old, new, SHAPE)] == ["parts[sku=a].part_id"]
    assert [change.path for change in changes(old, new)] == ["parts[part_id=1]", "parts[part_id=9]"]
    twice = {"parts": [{"part_id": 1, "sku": "a"}, {"part_id": 2, "sku": "a"}]}
    assert [change.path for change in changes(twice, {"parts": twice["parts"][1:]}, SHAPE)] == ["parts[0]"]


def test_a_key_that_is_no_field_is_refused() -> None:
    class Wrong(BaseModel):
        diff_key: ClassVar[str] = "skuu"
        sku: str

    class Holder(BaseModel):
        parts: list[Wrong] = []

    one, two = {"parts": [{"sku": "a"}]}, {"parts": [{"sku": "b"}]}
    with pytest.raises(DefinitionError, match=r"Wrong\.diff_key is 'skuu'"):
        changes(one, two, Shape(Holder))


def test_lists_that_repeat_themselves_cost_no_more_than_they_must() -> None:
    old, new = [0, 1] * 3_000, [1, 0, 7] * 2_000
    found = compare(old, new)
    assert isinstance(found, Elements)
    assert apply_patch(old, list(operations(found))) == new
    longer = list(range(6_000))
    moved = compare(longer, [*longer[1:3_000], -1, *longer[3_000:]])
    assert isinstance(moved, Elements)
    assert moved.gone == [0]
    assert [at for at, (place, _) in enumerate(moved.pairs) if place is None] == [2_999]


@pytest.mark.parametrize("typed", ["", ".a", "a..b", "a[", "a[]", "a[x=]", "a]b", "a b", "[0]x", 'a["x]', "a[-1]"])
def test_what_is_no_path(typed: str) -> None:
    with pytest.raises(Misuse):
        parse_path(typed)


UUID = "0f0e0d0c-1111-4111-8111-111111111111"


@pytest.mark.parametrize(
    ("typed", "is_it"),
    [
        ("items", True),
        ("items.quantity", True),
        (f"items[product_id={UUID}].quantity", True),
        (f"items[product_id={UUID}]", True),
        ("items[product_id=0f0e0d0c].quantity", True),
        ("items[product-id=0F0E0D0C].quantity", True),
        ("items[product_id=0f0e].quantity", False),
        ("items[other_id=0f0e0d0c].quantity", False),
        ("items[0].quantity", False),
        ("items.quantity.more", False),
        ("items.price", False),
        ("item", False),
        ("quantity", False),
    ],
)
def test_what_a_typed_path_selects(typed: str, is_it: bool) -> None:
    assert selects(parse_path(typed), ("items", Keyed("product_id", UUID), "quantity")) is is_it


def test_what_came_whole_concerns_what_is_in_it() -> None:
    found = compare({"items": []}, {"items": [{"id": 1, "to": {"city": "Rome"}}]})
    assert isinstance(found, Members)
    [change] = placed_changes(found)
    for typed, is_it in (
        ("items.to.city", True),
        ("items[id=1].to", True),
        ("items[id=2]", False),
        ("items.zip", False),
    ):
        assert change.concerns(parse_path(typed)) is is_it


def test_names_are_known_unless_any_may_be_there() -> None:
    class Open(BaseModel, extra="allow"):
        name: str = ""

    assert Shape(Open).names is None
    assert Shape(Sample).names == list(Sample.model_fields)
    assert Shape(Sample).member("by_name").member("x").element.names == [
        "customer_id",
        "product_id",
        "quantity",
        "legs",
    ]
    assert Shape(Sample).member("inner").member("value").names is None
    assert Shape(Sample).member("anything").names is None


def test_what_looks_alike_is_the_same_however_it_came_to_be() -> None:
    import sys

    made = "".join(["pay", "-me"])
    for one, other in ((sys.intern("pay-me"), made), ("a", "ba"[1:]), ([made, made], [made, "".join(["pay-", "me"])])):
        assert compare([{"n": one}] * 3, [{"n": other}, {"n": one}, {"n": other}]) is None
    unlike: list[tuple[Any, Any]] = [(1, True), (1, 1.0), (0, False), ("1", 1), (None, False), ("", None)]
    for a, b in unlike:
        assert compare({"x": [a, 5]}, {"x": [b, 5]}) is not None
        assert compare({"x": {"y": a}}, {"x": {"y": b}}) is not None
    assert compare({"a": 1, "b": [1]}, {"b": [1], "a": 1}) is None
