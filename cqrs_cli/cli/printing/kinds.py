"""Complaints by kind: the first of each is told in full, the others are counted.

Two are of one kind if they have the same code and the same text but for the values in it: numbers, ids, what stands in
quotes, and the texts of the command that it is about. What is remembered is bounded, however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

MOST_CODES = 100
MOST_KINDS = 20
_OTHER = "other codes"
_LOOKED_AT = 1_000
_VALUE = re.compile(
    r"""
    (?<!\w)'[^'\n]*'(?!\w) | (?<!\w)"[^"\n]*"(?!\w)     # in quotes
    | \b[0-9a-f]{8,}(?:-[0-9a-f]+)*\b                   # an id, of letters only by chance
    | (?<![\w.:@+-])[\w.:@+-]*\d[\w.:@+-]*               # whatever has a digit: 7, 1.50, order-17@5, 2026-01-31T10:00Z
    """,
    re.VERBOSE,
)


class Span:
    """How many there were, and the first and the last number of them."""

    def __init__(self) -> None:
        self.count = self.first = self.last = 0

    def add(self, number: int) -> None:
        self.first = self.first if self.count else number
        self.count, self.last = self.count + 1, number


class Kind:
    """A kind of complaint: the number of the first one, and all that followed."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.more = Span()


class _Code:
    """The kinds of one code. rest: those of further kinds, which are counted only."""

    def __init__(self) -> None:
        self.all, self.rest = Span(), Span()
        self.kinds: dict[str, Kind] = {}


class Kinds:
    """Counts complaints. unit: what their numbers count, for sentences: `line`, or `@` for positions."""

    def __init__(self, unit: str = "line") -> None:
        self._unit = unit
        self._codes: dict[str, _Code] = {}
        self._last: Kind | None = None

    def add(self, code: str, text: str, number: int, values: Collection[str] = ()) -> Kind | None:
        """Count one; its kind if it is the first, which is to be told in full."""
        if code not in self._codes and len(self._codes) >= MOST_CODES:
            code = _OTHER
        found = self._codes.setdefault(code, _Code())
        found.all.add(number)
        shape = shape_of(text, values)
        kind = found.kinds.get(shape)
        if kind is None and len(found.kinds) < MOST_KINDS:
            self._last = found.kinds[shape] = Kind(number)
            return self._last
        (found.rest if kind is None else kind.more).add(number)
        return None

    def more(self) -> Iterator[str]:
        """`… and 2,995 more like it (lines 1226–4220)`, for each kind of which there were more."""
        for code, found in self._codes.items():
            for kind in found.kinds.values():
                if kind.more.count:
                    yield self.like(kind, "it" if kind is self._last else self._numbers(kind.number, kind.number))
            if found.rest.count:
                yield self.unlike(code, found.rest)

    def like(self, kind: Kind, what: str = "it") -> str:
        """How many more of a kind there were."""
        return f"… and {kind.more.count:,} more like {what} ({self.where(kind.more)})"

    def unlike(self, code: str, rest: Span) -> str:
        """How many more of a code there were that are of no kind that was told."""
        return f"… and {rest.count:,} more {code}, in other words ({self.where(rest)})"

    def rests(self) -> Iterator[tuple[str, Span]]:
        """By code, those that are of no kind that was told."""
        return ((code, found.rest) for code, found in self._codes.items() if found.rest.count)

    def table(self) -> list[str]:
        """All of them by code, if not every one was told."""
        if not any(found.all.count > len(found.kinds) for found in self._codes.values()):
            return []
        counts = {code: f"{found.all.count:,}" for code, found in self._codes.items()}
        wide, long = max(map(len, counts.values())), max(map(len, counts))
        return [
            f"{counts[code]:>{wide}}  {code:<{long}}  {self.where(found.all)}" for code, found in self._codes.items()
        ]

    def where(self, span: Span) -> str:
        """`line 7`, `lines 1226–4220`, `@1226–@4220`."""
        return self._numbers(span.first, span.last)

    def _numbers(self, first: int, last: int) -> str:
        if self._unit == "@":
            return f"@{first}" if first == last else f"@{first}–@{last}"
        return f"{self._unit} {first}" if first == last else f"{self._unit}s {first}–{last}"


def shape_of(text: str, values: Collection[str] = ()) -> str:
    """A text without its values. values: texts that are some, whatever they look like."""
    shape = text[:_LOOKED_AT]
    for value in sorted(values, key=len, reverse=True):
        if value:
            shape = _without(shape, value)
    return _VALUE.sub("…", shape)


def _without(text: str, value: str) -> str:
    """The text with `…` where the value stands as a word."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        if not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum():
            text, end = text[:start] + "…" + text[end:], start + 1
        start = text.find(value, end)
    return text
