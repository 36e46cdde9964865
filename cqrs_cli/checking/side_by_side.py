"""Two ordered sequences as one: what has the same key stands side by side."""

from collections.abc import Iterator
from typing import Any

_NOTHING: Any = object()


def side_by_side(one: Iterator[tuple[Any, Any]], other: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any, Any]]:
    """Each key with the values of both; None where one has it not. Both are (key, value) by key, each key once.

    Neither is read further than it has to be, so that a value may be an iterator over what comes before the next.
    """
    left, right = next(one, _NOTHING), next(other, _NOTHING)
    while left is not _NOTHING or right is not _NOTHING:
        if right is _NOTHING or (left is not _NOTHING and left[0] < right[0]):
            yield left[0], left[1], None
            left = next(one, _NOTHING)
        elif left is _NOTHING or right[0] < left[0]:
            yield right[0], None, right[1]
            right = next(other, _NOTHING)
        else:
            yield left[0], left[1], right[1]
            left, right = next(one, _NOTHING), next(other, _NOTHING)
