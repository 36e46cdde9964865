"""Where commits go to."""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cqrs_cli.transfer.parcel import Parcel


class Reached(NamedTuple):
    """How far a source was copied: the last position in it, and its mark there."""

    position: int
    mark: str | None


class Sink(Protocol):
    """Takes commits in order and says how far it is."""

    def reached(self, source: str) -> Reached | None:
        """How far it has taken a source; None if it has nothing of it."""

    def has(self, position: int, mark: str | None) -> bool:
        """Whether it has all of a log up to a position, where this is the mark, though nobody noted that."""

    def take(self, source: str, parcels: Sequence[Parcel], reached: Reached) -> int:
        """Take these, and know from now on how far the source was read; how many of them it had already.

        Raises if one can't be taken. Those before it may be there then, and are known again.
        """
