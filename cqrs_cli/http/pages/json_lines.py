"""A JSON value as lines to be shown, with what changed and who set it last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from markupsafe import Markup

from cqrs_cli.http.pages.text import compact, short

MOST_LINES = 1_500
_DEEPEST = 8
"""Steps to the right; what is deeper stands below the last of them."""
Place = tuple[str | int, ...]
"""Where something stands in a value: names of members, and places in lists as they are now."""


class Line(NamedTuple):
    """A line. mark: `add`, `edit`, or nothing; old: what was there before; blame: the version that set it.

    is_older: that version or one before it.
    """

    text: Markup
    depth: int = 0
    mark: str = ""
    old: str = ""
    blame: int | None = None
    is_older: bool = False


class Marked(NamedTuple):
    """How a place changed: `add` or `edit`, and what was there; `order` for a list whose elements changed places."""

    mark: str
    old: Any = None


def json_lines(
    value: Any,
    changed: Mapping[Place, Marked] | None = None,
    blame: Mapping[Place, int] | None = None,
    older: int | None = None,
) -> list[Line]:
    """The lines of a value as `parse_json` gives it. Of one that has very many, the first, and what changed.

    blame: by what has nothing in it. older: the version up to which everything else was set.
    """
    lines = list(_Lines(changed or {}, blame or {}, older).of(value, (), 0, None, ""))
    return [line.written() for line in (lines if len(lines) <= MOST_LINES else _cut(lines))]


def unmarked(lines: Sequence[Line]) -> list[Line]:
    """The lines without what changed in them."""
    return [Line(line.text, line.depth) for line in lines]


class _Found(NamedTuple):
    """A line that may be shown: only those that are become text. name: of a member; text: a bracket, else the value."""

    name: str | None
    value: Any
    text: str
    comma: str
    depth: int
    mark: str
    old: str = ""
    blame: int | None = None
    is_older: bool = False

    def written(self) -> Line:
        """As it is shown."""
        lead = Markup("") if self.name is None else Markup('<span class="k">{}</span>: ').format(compact(self.name))
        text = Markup(self.text) if self.text else _written(self.value)
        return Line(lead + text + self.comma, self.depth, self.mark, self.old, self.blame, self.is_older)


class _Lines:
    def __init__(self, changed: Mapping[Place, Marked], blame: Mapping[Place, int], older: int | None) -> None:
        self._changed, self._blame, self._older = changed, blame, older

    def of(
        self, value: Any, place: Place, depth: int, name: str | None, comma: str, inherited: str = ""
    ) -> Iterator[_Found]:
        """The lines of what stands at a place. inherited: the mark of what it is in, if all of that is new."""
        marked = self._changed.get(place, Marked(inherited))
        mark = "edit" if marked.mark == "order" else marked.mark
        old = short(marked.old) if marked.mark == "edit" else "another order" if marked.mark == "order" else ""
        level, by = min(depth, _DEEPEST), self._blame.get(place)
        if not isinstance(value, (dict, list)) or not value:
            is_older = by is None and self._older is not None
            yield _Found(name, value, "", comma, level, mark, old, self._older if is_older else by, is_older)
            return
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        within = "add" if mark == "add" else ""
        yield _Found(name, None, opening, "", level, mark, old, by)
        for number, (key, inner) in enumerate(value.items() if isinstance(value, dict) else enumerate(value), 1):
            called = str(key) if isinstance(value, dict) else None
            yield from self.of(inner, (*place, key), depth + 1, called, "," if number < len(value) else "", within)
        yield _Found(None, None, closing, comma, level, within)


def _cut(lines: list[_Found]) -> Iterator[_Found]:
    """The first lines, then those that are marked; what is left out is counted where it stood."""
    head, left = MOST_LINES // 2, MOST_LINES // 2
    yield from lines[:head]
    for is_marked, run in groupby(lines[head:-1], lambda line: bool(line.mark)):
        part = list(run)
        shown = part[:left] if is_marked else []
        yield from shown
        left -= len(shown)
        if len(shown) < len(part):
            yield _Found(None, None, f'<span class="z">… {len(part) - len(shown)} lines</span>', "", 1, "")
    yield lines[-1]


def _written(value: Any) -> Markup:
    if isinstance(value, (dict, list)):
        return Markup("{}") if isinstance(value, dict) else Markup("[]")
    kind = "s" if isinstance(value, str) else "b" if isinstance(value, bool) else "z" if value is None else "n"
    return Markup('<span class="{}">{}</span>').format(kind, compact(value))
