"""Which event each part of a state is from: a tree beside the state, that every step's comparison is put into.

A part keeps its marks wherever it goes: an element by its key or its place among its neighbours, a member that went
and came back by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from cqrs_cli.history.changes import ORDER
from cqrs_cli.history.comparison import ABSENT, Difference, Elements, Members, Whole, steps_of
from cqrs_cli.history.paths import Keyed, Path, Step, selects
from cqrs_cli.history.shapes import Shape
from cqrs_cli.stores.commits import Recorded


class Mark(NamedTuple):
    """An event that changed a value, from old to new; before it, others did.

    kind: `value`; `members`: what is in it came or went (told of that); `order`: its elements changed places.
    """

    event: Recorded
    kind: Literal["value", "members", "order"]
    old: Any
    new: Any
    earlier: Mark | None


class Part:
    """A value and what is in it. mark: None as long as it is what the state begins with. gone: what was in it once."""

    __slots__ = ("gone", "inner", "mark")

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self.inner: dict[str, Part] | list[Part] | None = None
        self.gone: dict[Step, Part] = {}


class Told(NamedTuple):
    """A change and the event that made it."""

    path: Path
    old: Any
    new: Any
    event: Recorded


class Attribution:
    """The parts of a state. value: what it begins with. history: remember every change, not only the last."""

    def __init__(self, value: Any, shape: Shape, history: bool = False) -> None:
        self._shape, self._history = shape, history
        self._root = Part()
        if value is not ABSENT:
            self._appear(self._root, value, shape, ABSENT, None)

    def take(self, difference: Difference | None, event: Recorded) -> None:
        """An event changed the state in this way."""
        if difference is not None:
            self._take(self._root, difference, self._shape, event)

    # ── what it tells ─────────────────────────────────────────────────────────────────────────

    def leaves(self, value: Any) -> Iterator[tuple[Path, Any, Recorded | None]]:
        """Every value in the state without anything inside, and its event. value: the state as it is now."""
        for path, leaf, part in _leaves(self._root, value, self._shape, ()):
            yield path, leaf, None if part.mark is None else part.mark.event

    def gone(self, wanted: Path) -> Iterator[tuple[Path, Recorded]]:
        """What was wanted and is there no more, and the event that removed it."""
        waiting: list[tuple[Path, Part]] = [((), self._root)]
        while waiting:
            path, part = waiting.pop()
            for step, child in part.gone.items():
                if selects(wanted, (*path, step)) and child.mark is not None:
                    yield (*path, step), child.mark.event
                else:
                    waiting.append(((*path, step), child))
            if isinstance(part.inner, dict):
                waiting += [((*path, step), child) for step, child in part.inner.items()]

    def changes(self, value: Any, wanted: Path) -> list[Told]:
        """Every change of what was wanted, in the order of the log; what came or went whole is one."""
        told = list(self._told(self._root, value, self._shape, (), wanted, frozenset()))
        return sorted(told, key=lambda one: one.event.position)

    def event_of(self, path: Path, value: Any, went: bool = False) -> Recorded | None:
        """The last event that changed what a path leads to, or else the nearest thing around it.

        value: the state now. went: it is there no more.
        """
        part, around = self._root, self._root.mark
        for at, step in enumerate(path, 1):
            # Of an element without a key that went nothing is kept but that its list changed.
            found = None if went and at == len(path) and isinstance(step, int) else _child(part, step, value)
            if found is None:
                return None if around is None else around.event
            part, value = found
            around = part.mark or around
        marks = list(_marks(part)) or ([] if around is None else [around])
        return max((mark.event for mark in marks), default=None, key=lambda event: event.position)

    def _told(
        self, part: Part, value: Any, shape: Shape, path: Path, wanted: Path, covered: frozenset[int]
    ) -> Iterator[Told]:
        if selects(wanted, path):
            mark = part.mark
            while mark is not None:
                if mark.kind != "members" and mark.event.position not in covered:
                    yield Told((*path, ORDER) if mark.kind == "order" else path, mark.old, mark.new, mark.event)
                if mark.kind == "value":
                    covered |= {mark.event.position}
                mark = mark.earlier
        for step, child, inner, inner_shape in _children(part, value, shape):
            yield from self._told(child, inner, inner_shape, (*path, step), wanted, covered)
        for step, child in part.gone.items():
            yield from self._told(child, ABSENT, shape, (*path, step), wanted, covered)

    # ── what it takes ─────────────────────────────────────────────────────────────────────────

    def _take(self, part: Part, difference: Difference, shape: Shape, event: Recorded) -> None:
        if isinstance(difference, Members):
            self._take_members(part, difference, shape, event)
        elif isinstance(difference, Elements):
            self._take_elements(part, difference, shape, event)
        else:
            self._bury(part, difference.old, shape, event)
            if difference.new is ABSENT:
                self._note(part, event, "value", difference.old, ABSENT)
            else:
                self._appear(part, difference.new, shape, difference.old, event)

    def _take_members(self, part: Part, difference: Members, shape: Shape, event: Recorded) -> None:
        assert isinstance(part.inner, dict)
        for name, inner in difference.differing.items():
            of_member = shape.member(name)
            if isinstance(inner, Whole) and inner.old is ABSENT:
                part.inner[name] = self._came(part, name, inner.new, of_member, event)
                self._note(part, event, "members")
            elif isinstance(inner, Whole) and inner.new is ABSENT:
                self._went(part, name, part.inner.pop(name), inner.old, of_member, event)
                self._note(part, event, "members")
            else:
                self._take(part.inner[name], inner, of_member, event)

    def _take_elements(self, part: Part, difference: Elements, shape: Shape, event: Recorded) -> None:
        olds, element = part.inner, shape.element
        assert isinstance(olds, list)
        for place in difference.gone:
            step = difference.step(place, old=True)
            self._went(part, step, olds[place], difference.old[place], element, event)
        part.inner = [
            self._came(part, difference.step(place), difference.new[place], element, event)
            if before is None
            else olds[before]
            for place, (before, _) in enumerate(difference.pairs)
        ]
        kept = difference.kept
        if kept != sorted(kept):
            orders = ([str(_name(difference.step(at, old=True))) for at in places] for places in (sorted(kept), kept))
            self._note(part, event, "order", *orders)
        elif difference.gone or len(kept) < len(difference.pairs):
            self._note(part, event, "members")
        for child, (_, inner) in zip(part.inner, difference.pairs, strict=True):
            if inner is not None:
                self._take(child, inner, element, event)

    def _came(self, part: Part, step: Step, value: Any, shape: Shape, event: Recorded | None) -> Part:
        """What is new in a part; it may have been there before."""
        child = part.gone.pop(step, None) or Part()
        self._appear(child, value, shape, ABSENT, event)
        return child

    def _appear(self, part: Part, value: Any, shape: Shape, old: Any, event: Recorded | None) -> None:
        self._note(part, event, "value", old, value)
        if isinstance(value, dict):
            part.inner = {name: self._came(part, name, one, shape.member(name), event) for name, one in value.items()}
        elif isinstance(value, list):
            steps = steps_of(value, shape.element)
            part.inner = [
                self._came(part, step, one, shape.element, event) for step, one in zip(steps, value, strict=True)
            ]

    def _went(self, part: Part, step: Step, child: Part, value: Any, shape: Shape, event: Recorded) -> None:
        self._bury(child, value, shape, event)
        self._note(child, event, "value", value, ABSENT)
        if not isinstance(step, int):
            part.gone[step] = child

    def _bury(self, part: Part, value: Any, shape: Shape, event: Recorded) -> None:
        for step, child, inner, inner_shape in list(_children(part, value, shape)):
            self._went(part, step, child, inner, inner_shape, event)
        part.inner = None

    def _note(
        self,
        part: Part,
        event: Recorded | None,
        kind: Literal["value", "members", "order"],
        old: Any = None,
        new: Any = None,
    ) -> None:
        if event is not None:
            part.mark = Mark(event, kind, old, new, part.mark if self._history else None)


def _children(part: Part, value: Any, shape: Shape) -> Iterator[tuple[Step, Part, Any, Shape]]:
    """What is in a part, with its steps, values and shapes."""
    if isinstance(part.inner, dict):
        for name, child in part.inner.items():
            yield name, child, value[name], shape.member(name)
    elif isinstance(part.inner, list):
        for step, child, inner in zip(steps_of(value, shape.element), part.inner, value, strict=True):
            yield step, child, inner, shape.element


def _leaves(part: Part, value: Any, shape: Shape, path: Path) -> Iterator[tuple[Path, Any, Part]]:
    if not part.inner:
        yield path, value, part
    for step, child, inner, inner_shape in _children(part, value, shape):
        yield from _leaves(child, inner, inner_shape, (*path, step))


def _child(part: Part, step: Step, value: Any) -> tuple[Part, Any] | None:
    if isinstance(part.inner, dict) and isinstance(step, str) and step in part.inner:
        return part.inner[step], value[step]
    if isinstance(part.inner, list) and isinstance(step, Keyed):
        for child, inner in zip(part.inner, value, strict=True):
            if isinstance(inner, dict) and str(inner.get(step.field)) == step.value:
                return child, inner
    if isinstance(part.inner, list) and isinstance(step, int) and step < len(part.inner):
        return part.inner[step], value[step]
    gone = part.gone.get(step)
    return None if gone is None else (gone, ABSENT)


def _marks(part: Part) -> Iterator[Mark]:
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if one.mark is not None:
            yield one.mark
        inner = one.inner
        waiting += list(inner.values()) if isinstance(inner, dict) else inner or []


def _name(step: Step) -> Step:
    return step.value if isinstance(step, Keyed) else step
