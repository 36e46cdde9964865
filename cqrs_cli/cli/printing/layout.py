"""How the rows of a table become lines: one each where it fits, else a record of a line for each field.

Anywhere but on a terminal nothing is cut and every row is a line. On a terminal the keys of a row and its numbers and
times are whole, its texts are cut first; a row that does not fit all the same is a record, as psql's expanded form.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Column
from cqrs_cli.cli.printing.styles import painted
from cqrs_cli.cli.printing.widths import pad, shorten, text_width

GAP = 2
SHORT = 5
"""Cells that a title that is cut keeps."""
GROWN = 40
WIDEST = 1_000
"""No column is wider: every row is filled up to its columns' widths, so one huge name would be paid for by each."""
_NUMBER = re.compile(r"@?[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}(Z|[+-][0-9:]{5})")
_LONGEST = 100
"""Letters of a number or a time at most: longer ones are texts."""


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, or a position."""
    return len(cell) < _LONGEST and _NUMBER.fullmatch(cell) is not None


def is_time(cell: str) -> bool:
    """Whether a cell holds a moment, which means nothing when it is cut."""
    return len(cell) < _LONGEST and _TIME.fullmatch(cell) is not None


class Fit(NamedTuple):
    """The columns that are shown, by their indexes, with their widths; and which of them stand right, and are whole."""

    shown: list[int]
    widths: list[int]
    right: list[bool]
    whole: list[bool]


class Layout:
    """The form of a table's lines, made for the rows that are known when it is made.

    room: cells of the terminal; None: nothing is cut. head: whether there is a line of titles. grows: rows come one by
    one, and a wider cell widens its column from then on. color: lines have colours. rule, mark: what a line is drawn
    with, and what ends a text that is cut.
    """

    def __init__(self, columns: Sequence[Column], room: int | None, head: bool = True, grows: bool = False) -> None:
        self.columns, self.room, self.head, self.grows = columns, room, head, grows
        self.color, self.rule, self.mark = False, "─", "…"
        self._titles = [visible(column.title or column.name) if head else "" for column in columns]
        self._data = [0] * len(columns)
        self._numeric: list[bool | None] = [None] * len(columns)
        self._timed: list[bool | None] = [None] * len(columns)
        self._has_lines = False
        self._fit: Fit | None = None

    # ── measuring ─────────────────────────────────────────────────────────────────────────────

    def learn(self, rows: Sequence[Sequence[str]]) -> None:
        """Measure rows; those that can't be lines of this terminal have no say."""
        most = WIDEST if self.room is not None or not self.grows else GROWN
        for row in rows:
            widths = [text_width(cell) for cell in row]
            if self._is_too_wide(row, widths):
                continue
            self._has_lines = True
            self._data = [max(before, min(most, width)) for before, width in zip(self._data, widths, strict=True)]
            for index, cell in enumerate(row):
                if cell:
                    self._numeric[index] = self._numeric[index] is not False and is_number(cell)
                    self._timed[index] = self._timed[index] is not False and is_time(cell)
        self._fit = self._fitted() if self._has_lines else None

    def _is_too_wide(self, row: Sequence[str], widths: Sequence[int]) -> bool:
        """Whether there is no room for a row, whatever the columns are like."""
        needed = [
            width if self._keeps(column, cell) else min(width, column.least)
            for column, cell, width in zip(self.columns, row, widths, strict=True)
            if not column.drop and (cell or not column.optional)
        ]
        return self.room is not None and sum(needed) + GAP * (len(needed) - 1) > self.room

    @staticmethod
    def _keeps(column: Column, cell: str) -> bool:
        """Whether a cell is never cut."""
        return column.keeps or is_number(cell) or is_time(cell)

    def _fitted(self) -> Fit | None:
        """Widths for what was learnt; None: there is no room for rows as lines."""
        shown = [index for index, column in enumerate(self.columns) if self._data[index] or not column.optional]
        titles = [text_width(title) for title in self._titles]
        natural = [max(data, title) for data, title in zip(self._data, titles, strict=True)]
        right = [bool(numeric) for numeric in self._numeric]
        whole = [column.keeps or right[index] or bool(self._timed[index]) for index, column in enumerate(self.columns)]

        def fit(widths: Sequence[int]) -> Fit:
            return Fit(shown, list(widths), right, whole)

        if self.room is None:
            return fit(natural)
        room = self.room

        def needed(index: int) -> int:
            least = min(titles[index], SHORT)
            if whole[index]:
                return max(self._data[index], least)
            return min(natural[index], max(self.columns[index].least, least))

        def left() -> int:
            return room - sum(map(needed, shown)) - GAP * (len(shown) - 1)

        for index in sorted(shown, key=lambda index: -self.columns[index].drop):
            if left() < 0 and self.columns[index].drop:
                shown.remove(index)
        spare = left()
        if spare < 0:
            return None
        widths = [needed(index) for index in range(len(self.columns))]
        # The narrowest first, so that what nearly fits does; what fills the line has what is left.
        waiting = sorted(shown, key=lambda index: (self.columns[index].fills, natural[index] - widths[index]))
        while waiting:
            index = waiting.pop(0)
            others = sum(not self.columns[other].fills for other in waiting)
            more = min(natural[index] - widths[index], spare // (others + 1))
            widths[index] += more
            spare -= more
        if shown and any(self.columns[index].fills for index in shown[:-1]):
            widths[next(index for index in shown if self.columns[index].fills)] += spare
        return fit(widths)

    # ── lines ─────────────────────────────────────────────────────────────────────────────────

    def top(self) -> Iterator[str]:
        """The titles and the line under them, if there are any."""
        if self.head and self._fit is not None:
            fit = self._fit
            cells = [
                pad(shorten(self._titles[index], fit.widths[index], self.mark), fit.widths[index], fit.right[index])
                for index in fit.shown
            ]
            yield painted((" " * GAP).join(cells).rstrip(" "), "head" if self.color else None)
            yield self.rule * (sum(fit.widths[index] for index in fit.shown) + GAP * (len(fit.shown) - 1))

    def lines(self, number: int, row: Sequence[str]) -> Iterator[str]:
        """A row. number: which of the table it is, from 1."""
        if self.grows:
            self.learn([row])
        line = None if self._fit is None else self._line(self._fit, row)
        if line is None:
            yield from self._record(number, row)
        else:
            yield line

    def _line(self, fit: Fit, row: Sequence[str]) -> str | None:
        last = max((at for at, index in enumerate(fit.shown) if row[index]), default=-1)
        out, used = [], 0
        for at, index in enumerate(fit.shown[: last + 1]):
            cell, width = row[index], fit.widths[index]
            if self.room is not None:
                if at == last:
                    width = max(width, self.room - used)  # nothing stands behind it
                if not self._keeps(self.columns[index], cell):
                    cell = shorten(cell, width, self.mark)
            out.append(self._painted(index, row, pad(cell, fit.widths[index], fit.right[index])))
            used += (text_width(cell) if at == last else max(text_width(cell), fit.widths[index])) + GAP
        if self.room is not None and used - GAP > self.room:
            return None
        return (" " * GAP).join(out).rstrip(" ") if not self.color else _trimmed((" " * GAP).join(out))

    def _record(self, number: int, row: Sequence[str]) -> Iterator[str]:
        """A line for each field, under a line with the number of the row."""
        titles = [visible(column.title or column.name) for column in self.columns]
        width = max(map(text_width, titles), default=0)
        begin = f"{self.rule}[ {number} ]"
        yield painted(begin + self.rule * (max(0, min(self.room or 0, 40) - len(begin))), "dim" if self.color else None)
        for index, (title, cell) in enumerate(zip(titles, row, strict=True)):
            column = self.columns[index]
            if column.drop or (column.optional and not cell):
                continue
            if self.room is not None and not self._keeps(column, cell):
                cell = shorten(cell, max(column.least, self.room - width - GAP), self.mark)
            yield f"{pad(title, width + GAP)}{self._painted(index, row, cell)}".rstrip(" ")

    def _painted(self, index: int, row: Sequence[str], text: str) -> str:
        style = self.columns[index].painted if self.color else None
        return painted(text, style(row[index]) if callable(style) else style)


def all_lines(layout: Layout, rows: Iterator[Sequence[str]], known: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table. known: its first rows, by which the columns are measured."""
    layout.learn(known)
    yield from layout.top()
    for number, row in enumerate(itertools.chain(known, rows), 1):
        yield from layout.lines(number, row)


def _trimmed(line: str) -> str:
    """The line without blanks at its end, before the escapes of colours that may follow them."""
    if not line.endswith("m"):
        return line.rstrip(" ")
    text = re.split(r"((?:\x1b\[[0-9;]*m)+)$", line, maxsplit=1)
    return text[0].rstrip(" ") + "".join(text[1:])
