"""The fewest sets: all is covered, and no search finds much fewer."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from cqrs_cli.transfer.cover import cover

SETS = st.dictionaries(st.integers(0, 30), st.frozensets(st.integers(0, 11), max_size=6), min_size=1, max_size=11)


def best(sets: dict[int, frozenset[int]]) -> int:
    everything = frozenset[int]().union(*sets.values())
    for size in range(len(sets) + 1):
        if any(frozenset[int]().union(*(sets[one] for one in some)) == everything for some in combinations(sets, size)):
            return size
    raise AssertionError


@given(SETS)
def test_all_is_covered_by_as_few_as_there_can_be(sets: dict[int, frozenset[int]]) -> None:
    found = cover(sets)
    assert frozenset[int]().union(*(sets[one] for one in found)) == frozenset[int]().union(*sets.values())
    assert len(found) == len(set(found)) == best(sets)
    assert found == sorted(found, key=list(sets).index)


def test_the_first_of_those_that_are_as_good() -> None:
    assert cover({"b": frozenset({1, 2}), "a": frozenset({1, 2}), "c": frozenset({2})}) == ["b"]


def test_where_the_greedy_way_takes_more() -> None:
    """The largest set is no part of the best answer."""
    sets = {
        "large": frozenset({1, 2, 3, 4, 5, 6}),
        "left": frozenset({1, 2, 3, 7, 8}),
        "right": frozenset({4, 5, 6, 9, 10}),
    }
    assert cover(sets) == ["left", "right"]


def test_very_many() -> None:
    """What a large log has: few kinds of sets, and a search that ends."""
    sets = {number: frozenset({number % 7, 7 + number % 11, 18 + number % 13}) for number in range(50_000)}
    found = cover(sets)
    assert frozenset[int]().union(*(sets[one] for one in found)) == frozenset(range(31))
    assert len(found) == 13


def test_nothing() -> None:
    assert cover({}) == []
    assert cover({"empty": frozenset()}) == []
