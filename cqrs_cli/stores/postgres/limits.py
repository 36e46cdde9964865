"""What a store on a server allows itself: how long it waits, and how much it takes at once."""

from __future__ import annotations

from typing import NamedTuple

OLDEST = 140_000
"""The oldest server, as its version is told in numbers."""


class Limits(NamedTuple):
    """patience: seconds to wait for a lock before `Unavailable` (code `locked`). step: for who reads a table that is to
    be replaced: others queue behind us meanwhile.

    answer: seconds to wait for the answer of one append, until the same is asked anew: a server that is frozen keeps
    its sockets open. poll: seconds between two looks of `wait`, where nobody tells of a commit.
    window: positions that one statement looks through. smallest, largest: rows of a page. bytes: of the payloads that
    are sent at once. idle: connections that are kept for the next who wants one. rest: seconds after which such a one
    is asked whether it is still there, before anything that can't be asked again.
    """

    patience: float = 10.0
    step: float = 0.2
    answer: float = 15.0
    poll: float = 0.05
    window: int = 20_000
    smallest: int = 128
    largest: int = 1024
    bytes: int = 16 * 1024 * 1024
    idle: int = 4
    rest: float = 30.0
