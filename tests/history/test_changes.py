"""The differences of two states, path by path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_cli.history.changes import Change, changes


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": None}, {}, [("a", None, None)]),
        ({}, {"a": [1]}, [("a", None, [1])]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("a.c", 2, 3)]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [("a[1]", 2, 3), ("a[2]", None, 4)]),
        ({"a": [{"b": 1}]}, {"a": []}, [("a[0]", {"b": 1}, None)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [("a[0].b", 1, 2)]),
        ({"a": {"b": 1}}, {"a": [1]}, [("a", {"b": 1}, [1])]),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, [("b", 1, 2), ("a", 1, 2)]),
    ],
)
def test_changes(old: dict[str, Any], new: dict[str, Any], wanted: list[tuple[str, Any, Any]]) -> None:
    assert changes(old, new) == [Change(*one) for one in wanted]


STATES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 2),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner),
    ),
)


@given(STATES, STATES)
def test_there_are_changes_exactly_if_the_states_differ(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert bool(changes(old, new)) == _differ(old, new)


def _differ(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() != new.keys() or any(_differ(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) != len(new) or any(map(_differ, old, new))
    return type(old) is not type(new) or bool(old != new)
