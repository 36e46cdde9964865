"""What a SQLite store allows itself: how long it waits, and how much it takes at once."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """timeout: seconds to wait for other writers before `Unavailable` (code `locked`).

    poll: seconds between two looks of `wait`.
    window: positions that one statement looks through. smallest, largest: rows of a page.
    streams: whose ends are remembered between appends.
    """

    timeout: float = 10.0
    poll: float = 0.002
    window: int = 20_000
    smallest: int = 128
    largest: int = 1024
    streams: int = 20_000
