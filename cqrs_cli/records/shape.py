"""What all records are made with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.errors import CqrsError

Record = dict[str, Any]
Hints = Callable[["CqrsError"], str | None]
"""What helps after an error, in the words of the face that shows it."""


def named(names: Sequence[str], values: Iterable[Any]) -> Record:
    """A record of values, each under its name."""
    return dict(zip(names, values, strict=True))


def time_of(microseconds: int | None) -> str | None:
    """A moment as RFC 3339 UTC; null for none."""
    return None if microseconds is None else rfc3339(microseconds)
