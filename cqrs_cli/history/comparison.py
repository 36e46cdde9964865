"""What differs between two states: the one structural comparison that steps, blame, diffs and patches are made of.

Objects are compared member by member. The elements of two lists are matched by their key, a field that is unique in
both: the one that their model names with `diff_key`, else `id`, else the first `…_id`. Without one they are matched by
the longest common subsequence, and what stands between two common elements place by place.
"""

from __future__ import annotations

import marshal
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cqrs_cli.history.paths import Keyed, Path, Step
from cqrs_cli.history.shapes import ANY, Shape

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "absent"})()
"""Stands where there is no value, which is something else than null."""

_MOST_PAIRS = 250_000
"""Equal elements of two lists, in pairs: above, only elements that are there once tell where the lists agree."""


class Whole(NamedTuple):
    """The value is another one, or came, or went: `ABSENT` is on the other side then."""

    old: Any
    new: Any


class Members(NamedTuple):
    """What differs in an object, by the names of its members."""

    differing: dict[str, Difference]


class Elements(NamedTuple):
    """What differs between two lists. key: the field that they were matched by; None: by their order.

    pairs: for each new element the place of the old one (None: it is new), and what differs. gone: places of old ones.
    """

    key: str | None
    old: list[Any]
    new: list[Any]
    pairs: list[tuple[int | None, Difference | None]]
    gone: list[int]

    @property
    def kept(self) -> list[int]:
        """The places of the old elements that are still there, in the new order."""
        return [place for place, _ in self.pairs if place is not None]

    def step(self, place: int, *, old: bool = False) -> Step:
        """What an element is called in a path."""
        element = (self.old if old else self.new)[place]
        return place if self.key is None else Keyed(self.key, str(element[self.key]))


Difference = Whole | Members | Elements


def compare(old: Any, new: Any, shape: Shape = ANY) -> Difference | None:
    """What differs between two JSON-ready values; None if nothing does. `1`, `1.0` and `true` differ."""
    if old is new:
        return None
    if isinstance(old, dict | list) and _image(old) == _image(new):  # most are, and nothing is as quick
        return None
    if isinstance(old, dict) and isinstance(new, dict):
        differing = {}
        for name in dict.fromkeys([*old, *new]):
            found = compare(old.get(name, ABSENT), new.get(name, ABSENT), shape.member(name))
            if found is not None:
                differing[name] = found
        return Members(differing) if differing else None
    if isinstance(old, list) and isinstance(new, list):
        return _compare_lists(old, new, shape.element)
    if type(old) is type(new) and (old == new or (old != old and new != new)):  # NaN is NaN
        return None
    return Whole(old, new)


def _compare_lists(old: list[Any], new: list[Any], shape: Shape) -> Elements | None:
    key = key_field(shape, old, new)
    places = _by_order(old, new) if key is None else _by_key(old, new, key)
    pairs = [
        (place, None if place is None else compare(old[place], element, shape))
        for place, element in zip(places, new, strict=True)
    ]
    gone = sorted(set(range(len(old))) - {place for place in places if place is not None})
    found = Elements(key, old, new, pairs, gone)
    same = not gone and all(place == at and inner is None for at, (place, inner) in enumerate(pairs))
    return None if same else found


# ── which element is which ────────────────────────────────────────────────────────────────────


def key_field(shape: Shape, *lists: Sequence[Any]) -> str | None:
    """The field by which the elements of these lists are told apart; None if there is none. shape: of an element."""
    first = next((one[0] for one in lists if one), None)
    if not isinstance(first, dict):
        return None
    declared = shape.diff_key
    candidates = [declared] if declared is not None else [name for name in ("id",) if name in first]
    if declared is None:
        candidates += [name for name in first if name.endswith("_id") and len(name) > len("_id")]
    return next((name for name in candidates if all(_is_key(name, one) for one in lists)), None)


def _is_key(name: str, elements: Sequence[Any]) -> bool:
    values = [element.get(name) if isinstance(element, dict) else None for element in elements]
    return {*map(type, values)} <= {str, int} and len({*map(str, values)}) == len(values)


def steps_of(elements: Sequence[Any], shape: Shape) -> list[Step]:
    """What the elements of one list are called in a path. shape: of an element."""
    key = key_field(shape, elements)
    return [at if key is None else Keyed(key, str(one[key])) for at, one in enumerate(elements)]


def leaves(value: Any, shape: Shape, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value without anything inside, with its path; empty objects and lists too."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves(part, shape.member(name), (*path, name))
    elif isinstance(value, list) and value:
        for step, part in zip(steps_of(value, shape.element), value, strict=True):
            yield from leaves(part, shape.element, (*path, step))
    else:
        yield path, value


def _by_key(old: list[Any], new: list[Any], key: str) -> list[int | None]:
    places = {str(element[key]): place for place, element in enumerate(old)}
    return [places.get(str(element[key])) for element in new]


def _by_order(old: list[Any], new: list[Any]) -> list[int | None]:
    """For each new element the place of the old one that it was."""
    places: list[int | None] = [None] * len(new)
    done = at = 0
    for one, other in [*_common([*map(_image, old)], [*map(_image, new)]), (len(old), len(new))]:
        for _ in range(min(one - done, other - at)):  # between two that are the same: place by place
            places[at] = done
            done, at = done + 1, at + 1
        if other < len(new):
            places[other] = one
        done, at = one + 1, other + 1
    return places


def _image(value: Any) -> bytes:
    """The same for values that are the same, members in the same order; `1`, `1.0` and `true` differ."""
    try:
        return marshal.dumps(value, 2)  # the later versions write how often an object is used, too
    except ValueError:  # no plain value
        return repr(value).encode("utf-8", "backslashreplace")


def _common(old: list[bytes], new: list[bytes]) -> list[tuple[int, int]]:
    """The places of a longest common subsequence, in both (Hunt and Szymanski 1977)."""
    start, end = 0, min(len(old), len(new))
    while start < end and old[start] == new[start]:
        start += 1
    behind = 0
    while behind < end - start and old[-1 - behind] == new[-1 - behind]:
        behind += 1
    middle = _longest(old[start : len(old) - behind], new[start : len(new) - behind])
    return [
        *((at, at) for at in range(start)),
        *((one + start, other + start) for one, other in middle),
        *((len(old) - at, len(new) - at) for at in range(behind, 0, -1)),
    ]


def _longest(old: list[bytes], new: list[bytes]) -> list[tuple[int, int]]:
    places: dict[bytes, list[int]] = {}
    for at in reversed(range(len(new))):
        places.setdefault(new[at], []).append(at)
    counts = Counter(old)
    if sum(counts[token] * len(found) for token, found in places.items()) > _MOST_PAIRS:
        places = {token: found for token, found in places.items() if len(found) == counts[token] == 1}
    ends: list[int] = []  # of the best subsequence of each length, where it ends in `new`
    chains: list[Any] = []
    for at, token in enumerate(old):
        for place in places.get(token, ()):
            length = bisect_left(ends, place)
            ends[length : length + 1] = [place]
            chains[length : length + 1] = [(at, place, chains[length - 1] if length else None)]
    found, last = [], chains[-1] if chains else None
    while last is not None:
        found.append(last[:2])
        last = last[2]
    return found[::-1]
