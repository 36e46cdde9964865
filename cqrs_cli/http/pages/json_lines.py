"""A JSON value as lines to be shown, with what changed and who set it last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from cqrs_cli.http.pages.text import scalar
from cqrs_cli.json_text import json_text

_DEEPEST = 8
"""Steps to the right; what is deeper stands below the last of them."""


class Line(NamedTuple):
    """A line. mark: `add`, `edit`, or nothing; old: what was there before; blame: the version that set it."""

    text: Markup
    depth: int = 0
    mark: str = ""
    old: str = ""
    blame: int | None = None


class Marked(NamedTuple):
    """How a path changed: `add` or `edit`, and what was there."""

    mark: str
    old: Any = None


def json_lines(
    value: Any, changed: Mapping[str, Marked] | None = None, blame: Mapping[str, int] | None = None
) -> list[Line]:
    """The lines of a value as `parse_json` gives it. changed and blame: by path, as `items[0].quantity`."""
    return list(_Lines(changed or {}, blame or {}).of(value, "", 0, Markup(""), ""))


class _Lines:
    def __init__(self, changed: Mapping[str, Marked], blame: Mapping[str, int]) -> None:
        self._changed, self._blame = changed, blame

    def of(self, value: Any, path: str, depth: int, lead: Markup, comma: str, inherited: str = "") -> Iterator[Line]:
        """The lines of what stands at a path. inherited: the mark of what it is in, if all of that is new."""
        marked = self._changed.get(path, Marked(inherited))
        mark = marked.mark
        level, by = min(depth, _DEEPEST), self._blame.get(path)
        if not isinstance(value, (dict, list)) or not value:
            was = "" if mark != "edit" else json_text(marked.old)
            yield Line(lead + _written(value) + comma, level, mark, was, by)
            return
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        within = "add" if mark == "add" else ""
        yield Line(lead + opening, level, mark, "", by)
        for number, (name, inner) in enumerate(value.items() if isinstance(value, dict) else enumerate(value), 1):
            key = Markup("")
            if isinstance(value, dict):
                key = Markup('<span class="k">{}</span>: ').format(json_text(name))
                at = f"{path}.{name}" if path else str(name)
            else:
                at = f"{path}[{name}]"
            yield from self.of(inner, at, depth + 1, key, "," if number < len(value) else "", within)
        yield Line(Markup(closing + comma), level, within)


def _written(value: Any) -> Markup:
    if isinstance(value, (dict, list)):
        return Markup("{}") if isinstance(value, dict) else Markup("[]")
    kind = "s" if isinstance(value, str) else "b" if isinstance(value, bool) else "z" if value is None else "n"
    return Markup('<span class="{}">{}</span>').format(kind, scalar(value))
