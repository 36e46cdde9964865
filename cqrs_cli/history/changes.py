"""What changed, change by change: the comparison of two states as a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cqrs_cli.history.comparison import ABSENT, Difference, Elements, Members, compare, leaves
from cqrs_cli.history.paths import Keyed, Path, path_text, selects
from cqrs_cli.history.shapes import ANY, Shape

ORDER = "(order)"
"""The last step of a path, where the elements of a list changed places."""


class Change(NamedTuple):
    """One difference. path: as `items[product_id=7].quantity`; old or new is None where there is nothing."""

    path: str
    old: Any
    new: Any


class PlacedChange(NamedTuple):
    """One difference and its path in steps. old or new: `ABSENT` where there is nothing.

    place: where it stands in the new value, by names and places in lists; of what went, where it stood in the old one.
    """

    path: Path
    old: Any
    new: Any
    place: tuple[str | int, ...]

    @property
    def told(self) -> Change:
        """As it is shown."""
        return Change(path_text(self.path), *(None if value is ABSENT else value for value in (self.old, self.new)))

    def concerns(self, wanted: Path) -> bool:
        """Whether what was wanted is this value, or around it, or in it: in an element that came whole, say."""
        values = [value for value in (self.old, self.new) if value is not ABSENT]
        return any(
            selects(wanted, (*self.path, *inner)) for value in values for inner, _ in leaves(value, ANY)
        ) or selects(wanted, self.path)


def changes(old: Mapping[str, Any], new: Mapping[str, Any], shape: Shape = ANY) -> list[Change]:
    """What differs between two JSON-ready states, field by field; what came or went is one change, whole."""
    return [change.told for change in placed_changes(compare(dict(old), dict(new), shape))]


def placed_changes(
    difference: Difference | None, path: Path = (), place: tuple[str | int, ...] = ()
) -> Iterator[PlacedChange]:
    """The changes that a comparison found. Of a list: what is gone, then the rest in the new order, then the order."""
    if difference is None:
        return
    if isinstance(difference, Members):
        for name, member in difference.differing.items():
            yield from placed_changes(member, (*path, name), (*place, name))
    elif isinstance(difference, Elements):
        for at in difference.gone:
            yield PlacedChange((*path, difference.step(at, old=True)), difference.old[at], ABSENT, (*place, at))
        for at, (before, inner) in enumerate(difference.pairs):
            step = (*path, difference.step(at))
            if before is None:
                yield PlacedChange(step, ABSENT, difference.new[at], (*place, at))
            yield from placed_changes(inner, step, (*place, at))
        kept = difference.kept
        if kept != sorted(kept):
            yield PlacedChange((*path, ORDER), _called(difference, sorted(kept)), _called(difference, kept), place)
    else:
        yield PlacedChange(path, difference.old, difference.new, place)


def _called(difference: Elements, places: list[int]) -> list[str]:
    steps = (difference.step(place, old=True) for place in places)
    return [step.value if isinstance(step, Keyed) else str(step) for step in steps]
