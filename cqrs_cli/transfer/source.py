"""Where commits come from: the one thing that another store's log has to be made into, to be copied."""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from cqrs_cli.transfer.parcel import Parcel


class Source(Protocol):
    """Commits in an order that stays, read only.

    name: what it is remembered by, the same wherever one stands. has_chain: whether its marks are hashes of the chain
    over commits, so that a copy of all of it has the same. begins: the position that it has nothing before,
    nearly always 0.
    """

    name: str
    has_chain: bool
    begins: int

    def parcels(self, after: int) -> Iterator[Parcel]:
        """What comes after a position, which only grows; holds no more than a few in memory."""

    def mark(self, position: int) -> str | None:
        """What the source says of itself up to a position that a parcel had; None: nothing, or it ends before."""

    def wait(self, after: int, seconds: float) -> bool:
        """Until something comes after a position; False when the time is over, or nothing ever comes."""
