"""What a colour means. Nothing is said by a colour alone: what it tells stands there as a word too."""

import re
import zlib
from collections.abc import Callable

_CODES = {
    "head": "1",
    "title": "1",
    "dim": "2",
    "old": "31",
    "new": "32",
    "good": "32",
    "late": "33",
    "bad": "31",
    "worst": "1;31",
}
"""Of the terminal's own eight colours, which its owner chose to be read on its background."""
_CATEGORIES = ("36", "35", "34", "33", "32")
Style = str | Callable[[str], str | None] | None
"""The name of a style, or what gives one for the text of a cell."""

_CHANGE = re.compile("(: )([^→;]*)( → )([^→;]*)")
_STATES = {
    "ready": "good",
    "idle": "good",
    "new": "dim",
    "behind": "late",
    "stopped": "bad",
    "needs-rebuild": "bad",
    "committed": "good",
    "sent": "good",
    "rejected": "late",
    "failed": "bad",
}


def painted(text: str, style: str | None) -> str:
    """The text in a style; none: as it is."""
    if style is None or not text:
        return text
    if style == "changes":
        return _CHANGE.sub(
            lambda match: match[1] + painted(match[2], "old") + match[3] + painted(match[4], "new"), text
        )
    code = _CODES.get(style, style)
    return f"\x1b[{code}m{text}\x1b[0m"


def of_stream(stream: str) -> str | None:
    """A colour for each category, the same at every time."""
    category = stream.partition("-")[0]
    return _CATEGORIES[zlib.crc32(category.encode("utf-8", "surrogatepass")) % len(_CATEGORIES)] if category else None


def of_state(state: str) -> str | None:
    """Of a processor, a command or a snapshot."""
    return _STATES.get(state)
