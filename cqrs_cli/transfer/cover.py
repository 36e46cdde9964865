"""The fewest sets that together have all that any of them has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

_LOOKS = 1_000_000
"""How many items are looked at to find fewer sets than at first: about a second."""


def cover(sets: Mapping[T, frozenset[int]]) -> list[T]:
    """Names whose sets have together what all have. Of sets that are as good, the one that is named first.

    Greedy at first, then without those that are not needed, then by search, as long as that takes no time: of a few
    dozen sets that matter the answer is the best there is.
    """
    names = _without_parts(sets)
    found = _without_needless(_greedy(names, sets), sets)
    return sorted(_fewer(names, sets, found), key=list(sets).index)


def _without_parts(sets: Mapping[T, frozenset[int]]) -> list[T]:
    """The names of sets that are no part of another's, in their order; of equal sets the first."""
    first: dict[frozenset[int], T] = {}
    for name, items in sets.items():
        first.setdefault(items, name)
    counts = Counter(item for items in first for item in items)
    having: dict[int, list[frozenset[int]]] = {item: [] for item in counts}
    whole = set[frozenset[int]]()
    for items in sorted(first, key=len, reverse=True):
        # What has all of them has the rarest one, too.
        if items and not any(items <= other for other in having[min(items, key=counts.__getitem__)]):
            whole.add(items)
            for item in items:
                having[item].append(items)
    return [name for items, name in first.items() if items in whole]


def _greedy(names: Sequence[T], sets: Mapping[T, frozenset[int]]) -> list[T]:
    missing = set[int]().union(*sets.values())
    found: list[T] = []
    while missing:
        best = max(names, key=lambda name: len(sets[name] & missing))
        found.append(best)
        missing -= sets[best]
    return found


def _without_needless(names: Sequence[T], sets: Mapping[T, frozenset[int]]) -> list[T]:
    """The smallest first: what the others have together is not needed."""
    kept = list(names)
    for name in sorted(names, key=lambda one: len(sets[one])):
        others = set[int]().union(*(sets[other] for other in kept if other != name))
        if sets[name] <= others:
            kept.remove(name)
    return kept


def _fewer(names: Sequence[T], sets: Mapping[T, frozenset[int]], found: list[T]) -> list[T]:
    """As few as a search finds: for the item that the fewest sets have, one of them is taken."""
    having: dict[int, list[T]] = {}
    for name in names:
        for item in sets[name]:
            having.setdefault(item, []).append(name)
    most = max((len(sets[name]) for name in names), default=1)
    best, looks = found, 0

    def search(taken: list[T], missing: frozenset[int]) -> None:
        nonlocal best, looks
        looks += len(missing) + 1
        if not missing:
            best = list(taken)
            return
        if looks > _LOOKS or len(taken) + -(-len(missing) // most) >= len(best):
            return
        item = min(missing, key=lambda one: (len(having[one]), one))
        for name in sorted(having[item], key=lambda one: -len(sets[one] & missing)):
            search([*taken, name], missing - sets[name])

    search([], frozenset(having))
    return best
