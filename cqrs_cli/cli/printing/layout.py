"""How wide the columns of a table are, and how it is drawn: by rich when small, as plain lines when large."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cqrs_cli.cli.printing.control_characters import no_command, visible
from cqrs_cli.cli.printing.documents import Column

GAP = 2
LEAST = 12
GROWN = 40
WIDEST = 1_000
"""No column is wider: every row is filled up to its columns' widths, so one huge name would be paid for by each."""
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?")


def text_width(text: str) -> int:
    """Terminal cells that a text takes: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    wide = unicodedata.east_asian_width
    return sum(0 if unicodedata.combining(c) or c == "\u200d" else 2 if wide(c) in "WF" else 1 for c in text)


class Fit(NamedTuple):
    """What fits: indexes of the columns that are shown, their widths, and whether numbers stand right."""

    shown: list[int]
    widths: list[int]
    right: list[bool]


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], available: int | None, folds: bool = True) -> Fit:
    """Widths for the columns. On a terminal of `available` cells the columns that need not stay whole are narrowed,
    then those that should, but the first of them, then columns that need not stay whole are dropped from the right.

    folds: cells go on in the next line; without, what is narrowed is cut, so that what should stay whole does, even
    if it does not fit.
    """
    titles = [visible(column.title or column.name) for column in columns]
    natural = [
        min(WIDEST, max([text_width(title), *[text_width(row[index]) for row in rows]]))
        for index, title in enumerate(titles)
    ]
    right = [_numeric(row[index] for row in rows) for index in range(len(columns))]
    shown = list(range(len(columns)))
    if available is None:
        return Fit(shown, natural, right)

    whole = {index for index in shown if columns[index].keeps}

    def room() -> int:
        return available - sum(natural[index] for index in shown if index in whole) - GAP * (len(shown) - 1)

    def narrowed() -> list[int]:
        return [index for index in shown if index not in whole]

    def is_tight() -> bool:
        return sum(min(natural[index], LEAST) for index in narrowed()) > room()

    if folds and is_tight():
        whole = set(sorted(whole)[:1])
    while is_tight() and len(shown) > 1 and (droppable := [index for index in shown if not columns[index].keeps]):
        shown.remove(max(droppable, key=lambda index: (columns[index].drop, index)))
    widths = list(natural)
    left, waiting = room(), sorted(narrowed(), key=lambda index: natural[index])
    while waiting:
        index = waiting.pop(0)
        widths[index] = max(1, min(natural[index], left // (len(waiting) + 1)))
        left -= widths[index]
    return Fit(shown, [widths[index] for index in shown], [right[index] for index in shown])


def _numeric(cells: Iterable[str]) -> bool:
    seen = False
    for cell in cells:
        if cell:
            if not _NUMBER.fullmatch(cell):
                return False
            seen = True
    return seen


def pad(text: str, width: int, right: bool) -> str:
    """The text at this width; a longer one is left as it is."""
    fill = " " * (width - text_width(text))
    return fill + text if right else text + fill


def plain_lines(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], fitted: Fit, cut: bool, grow: bool = False
) -> Iterator[str]:
    """Aligned lines, one a row, as rows come, under a header.

    cut: shorten cells of columns that need not stay whole. grow: a wider cell widens its column from then on.
    """
    chosen = [columns[index] for index in fitted.shown]
    widths = list(fitted.widths)

    def line(cells: Sequence[str]) -> str:
        out = []
        for index, (cell, width, right) in enumerate(zip(cells, widths, fitted.right, strict=True)):
            if not cell.isascii() or len(cell) > width:
                wide = text_width(cell)
                if wide > width and cut and not chosen[index].keeps:
                    cell = shorten(cell, width)
                elif wide > width and grow:
                    widths[index] = min(wide, GROWN)
            out.append(pad(cell, width, right))
        return (" " * GAP).join(out).rstrip(" ")

    yield line([visible(column.title or column.name) for column in chosen])
    yield "─" * (sum(fitted.widths) + GAP * (len(fitted.widths) - 1))
    for row in rows:
        yield line([row[index] for index in fitted.shown])


def shorten(text: str, width: int) -> str:
    """The beginning of a text, ended by `…`, in at most `width` cells."""
    out, used = [], 0
    for character in text:
        used += text_width(character)
        if used > width - 1:
            break
        out.append(character)
    return "".join(out) + "…"


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[str]], fitted: Fit, color: bool) -> str:
    """The table drawn by rich, cells folded at their width; cells are text, never markup."""
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0), header_style="bold")
    for index, width, right in zip(fitted.shown, fitted.widths, fitted.right, strict=True):
        column = columns[index]
        title = Text(visible(column.title or column.name))
        table.add_column(title, width=width, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(row[index]) for index in fitted.shown])
    out = io.StringIO()
    total = sum(fitted.widths) + GAP * len(fitted.widths) + 8
    console = Console(
        file=out,
        width=total,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=False,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    console.print(table)
    # A cell that goes on in the next line may go on with what is a command to a CI job there.
    return no_command("".join(f"{_trimmed(line)}\n" for line in out.getvalue().splitlines()))


def _trimmed(line: str) -> str:
    """The line without blanks at its end, before the escapes of colours that may follow them."""
    if not line.endswith("m"):
        return line.rstrip(" ")
    text = re.split(r"((?:\x1b\[[0-9;]*m)+)$", line, maxsplit=1)
    return text[0].rstrip(" ") + "".join(text[1:])
