"""The next page, as a command line to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator


def next_page(words: tuple[str, ...], cursor: str) -> str:
    """The command line as it was typed, with another cursor."""
    return shlex.join(["cqrs", *_without_cursor(words), "--cursor", cursor])


def _without_cursor(words: tuple[str, ...]) -> Iterator[str]:
    passing = False
    for word in words:
        if passing or word == "--cursor":
            passing = word == "--cursor" and not passing
        elif not word.startswith("--cursor="):
            yield word
