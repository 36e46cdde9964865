"""What a store finds when it looks at all of itself: its file or database, its definitions, and the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Flaw(NamedTuple):
    """Something that is not as it was written. position: in the log, None for what has none. code: stable."""

    position: int | None
    code: str
    what: str


class Audit(NamedTuple):
    """What was looked at, up to the head as it was at the beginning, and what is wrong with it.

    head, hash: the last position, and the hash of the commit that ends there (None for an empty log, or where it can't
    be read). hashes: those of the commits that end at the positions that were asked for; a position at which none ends
    is not among them.
    """

    commits: int
    events: int
    head: int
    hash: bytes | None
    hashes: Mapping[int, bytes]
    flaws: Sequence[Flaw]
