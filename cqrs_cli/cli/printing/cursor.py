"""The next page, as a command line to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer


def tell_next_page(printer: Printer, words: tuple[str, ...], cursor: str | None, limit: int | None) -> None:
    """Say that there is more, if there is a cursor to it, with the line typed and that cursor.

    Where nobody asked for a limit, -q does not silence it: what was printed is not all that matched.
    """
    if cursor is not None:
        tell = printer.error if limit is None else printer.message
        if printer.hides:
            tell("there is more; -n shows it: the cursor to it holds values, which a mask is to hide")
            return
        line = shlex.join(["cqrs", *_without_cursor(words), "--cursor", cursor])
        tell(f"there is more; the next page: {line}")


def _without_cursor(words: tuple[str, ...]) -> Iterator[str]:
    passing = False
    for word in words:
        if passing or word == "--cursor":
            passing = word == "--cursor" and not passing
        elif not word.startswith("--cursor="):
            yield word
