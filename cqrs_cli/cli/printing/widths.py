"""Terminal cells: how many a text takes, and the beginning of one that takes more than there are. rich is the ruler."""

import re

_NARROW = re.compile("[\x00-\u02ff\u2010-\u2027\u2190-\u21ff\u2200-\u22ff\u2500-\u257f]*").fullmatch
"""Letters, dashes, arrows, signs and rules that take one cell each: for those the ruler is not imported."""

LONG = 4_000
"""Letters that are measured: a text that is longer is wider than any terminal, and is not gone through for that."""


def text_width(text: str) -> int:
    """Terminal cells that a text takes: wide characters two, combining marks none."""
    if text.isascii() or len(text) > LONG or _NARROW(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, width: int, mark: str = "…") -> str:
    """The text if it fits in `width` cells, else its beginning, ended by the mark."""
    if text_width(text) <= width:
        return text
    room = max(0, width - 1)
    if text.isascii():
        return text[:room] + mark[:width]
    from rich.cells import set_cell_size

    return set_cell_size(text[: 4 * room + 4], room).rstrip(" ") + mark[:width]


def pad(text: str, width: int, right: bool = False) -> str:
    """The text at this width; a longer one is left as it is."""
    fill = " " * (width - text_width(text))
    return fill + text if right else text + fill
