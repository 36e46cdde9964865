"""States of every sort for property tests: nested models, lists with and without keys, dicts, unions, times, decimals."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from hypothesis import strategies as st
from pydantic import BaseModel, Field

from cqrs_cli.jsonable import jsonable


class Leg(BaseModel):
    to: str
    amount: Decimal | None = None


class Item(BaseModel):
    customer_id: str
    product_id: int
    quantity: int = 1
    legs: list[Leg] = []


class Part(BaseModel):
    diff_key: ClassVar[str] = "sku"

    part_id: int
    sku: str
    at: datetime | None = None


class Inner(BaseModel):
    name: str | None = None
    value: int | str | list[int] | Leg | None = None
    inner: Inner | None = None


class Sample(BaseModel):
    total: Decimal = Decimal(0)
    at: datetime | None = None
    inner: Inner = Inner()
    items: list[Item] = []
    parts: list[Part] = []
    legs: list[Leg] = []
    tags: list[str] = []
    matrix: list[list[int]] = []
    prices: dict[str, Decimal] = {}
    by_name: dict[str, list[Item]] = {}
    anything: Any = Field(default=None)


_FEW = st.integers(0, 3)
_NAMES = st.sampled_from(["", "a", "b", "a/b", "~1", "x.y", "[0]", "ä\n"])
_DECIMALS = st.sampled_from([Decimal("0"), Decimal("1.50"), Decimal("1.5"), Decimal("-7")])
_TIMES = st.sampled_from([None, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)])
LEGS = st.builds(Leg, to=st.sampled_from("ab"), amount=st.none() | _DECIMALS)
ITEMS = st.builds(
    Item, customer_id=st.sampled_from("cd"), product_id=_FEW, quantity=_FEW, legs=st.lists(LEGS, max_size=2)
)
PARTS = st.builds(Part, part_id=_FEW, sku=_NAMES, at=_TIMES)
_INNERS = st.recursive(
    st.just(Inner()),
    lambda inner: st.builds(
        Inner, name=st.none() | _NAMES, value=st.none() | _FEW | _NAMES | st.lists(_FEW, max_size=3) | LEGS, inner=inner
    ),
    max_leaves=3,
)
_JSON = st.recursive(
    st.none() | st.booleans() | _FEW | st.sampled_from([0.0, 1.0, 1.5]) | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.just("id"), inner, max_size=3),
    max_leaves=6,
)
SAMPLES = st.builds(
    Sample,
    total=_DECIMALS,
    at=_TIMES,
    inner=_INNERS,
    items=st.lists(ITEMS, max_size=4) | st.lists(ITEMS, max_size=4, unique_by=lambda item: item.product_id),
    parts=st.lists(PARTS, max_size=4, unique_by=lambda part: part.sku),
    legs=st.lists(LEGS, max_size=5),
    tags=st.lists(st.sampled_from("abc"), max_size=8),
    matrix=st.lists(st.lists(_FEW, max_size=3), max_size=3),
    prices=st.dictionaries(_NAMES, _DECIMALS, max_size=3),
    by_name=st.dictionaries(_NAMES, st.lists(ITEMS, max_size=2), max_size=2),
    anything=_JSON,
)
STATES = SAMPLES.map(jsonable)


def apply_patch(document: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902, as far as add, remove, replace and move go; on a copy."""
    import copy

    root = {"": copy.deepcopy(document)}
    for operation in operations:
        value = copy.deepcopy(operation.get("value"))
        if operation["op"] == "move":
            value = _removed(root, operation["from"])
        if operation["op"] in ("add", "move"):
            holder, name = _place(root, operation["path"])
            if isinstance(holder, list):
                assert 0 <= int(name) <= len(holder)
                holder.insert(int(name), value)
            else:
                holder[name] = value
        elif operation["op"] == "replace":
            holder, name = _place(root, operation["path"])
            if isinstance(holder, list):
                assert 0 <= int(name) < len(holder)
                holder[int(name)] = value
            else:
                assert name in holder
                holder[name] = value
        else:
            assert operation["op"] == "remove"
            _removed(root, operation["path"])
    return root[""]


def _removed(root: Any, pointer: str) -> Any:
    holder, name = _place(root, pointer)
    return holder.pop(int(name)) if isinstance(holder, list) else holder.pop(name)


def _place(root: Any, pointer: str) -> tuple[Any, str]:
    assert pointer == "" or pointer.startswith("/")
    names = [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")]
    holder = root
    for name in names[:-1]:
        holder = holder[int(name)] if isinstance(holder, list) else holder[name]
    return holder, names[-1]
