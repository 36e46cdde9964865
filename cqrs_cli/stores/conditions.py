"""The conditions of an append: what must hold of a stream when the commit is written."""

from __future__ import annotations

from typing import NamedTuple

from cqrs_cli.errors import Conflict


class NewStream(NamedTuple):
    """The stream does not exist yet."""

    stream: str


class AtVersion(NamedTuple):
    """The stream is at exactly this version (0: it does not exist)."""

    stream: str
    version: int


class StreamExists(NamedTuple):
    """The stream exists, at whatever version."""

    stream: str


CONDITIONS = (NewStream, AtVersion, StreamExists)
Condition = NewStream | AtVersion | StreamExists


def holds(condition: Condition, actual: int) -> bool:
    """Whether the condition holds for a stream at version `actual` (0: no such stream)."""
    if isinstance(condition, StreamExists):
        return actual > 0
    return actual == (condition.version if isinstance(condition, AtVersion) else 0)


def check_version(condition: Condition, actual: int) -> None:
    """Raise `Conflict` if it does not hold for a stream at version `actual` (0: no such stream)."""
    if isinstance(condition, StreamExists):
        if actual == 0:
            raise Conflict(
                f"{condition.stream} does not exist, expected a stream that does",
                hint="read it again, decide again, then retry",
                stream=condition.stream,
                expected="exists",
                actual=0,
            )
        return
    expected = 0 if isinstance(condition, NewStream) else condition.version
    if actual != expected:
        is_new = isinstance(condition, NewStream)
        raise Conflict(
            f"{condition.stream} is at version {actual}, expected {'a new stream' if is_new else expected}",
            hint=f"{'it exists already: read it' if is_new else 'read it again'}, decide again, then retry",
            stream=condition.stream,
            expected=expected,
            actual=actual,
        )
