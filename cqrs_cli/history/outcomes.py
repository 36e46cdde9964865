"""What a command came to, and where two outcomes of one command differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from cqrs_cli.domain.messages import Event
from cqrs_cli.errors import DomainFailed
from cqrs_cli.history.changes import Change, changes
from cqrs_cli.history.shapes import Shape

SAME, DIFFERENT, REJECTED, ACCEPTED = "same", "different", "rejected", "accepted"
"""`rejected`, `accepted`: by the second of two, and not by the first."""
Plain = Callable[[Any], dict[str, Any]]
"""Gives a model as plain JSON values."""


class Came(NamedTuple):
    """What a command came to: events of today's classes on a stream; or (code, reason) a rejection or a failure."""

    stream: str
    events: tuple[Event, ...] = ()
    code: str | None = None
    reason: str | None = None

    @property
    def told(self) -> str:
        """In a few words: the names of the events, or why there are none."""
        if self.code is not None:
            return f"{self.code}: {self.reason}"
        return ", ".join(type(event).stored.name for event in self.events) or "no event"


def verdict(before: Came, after: Came, found: Sequence[Change]) -> str:
    """What the differences between two outcomes amount to."""
    if not found:
        return SAME
    if before.code is not None and after.code is None:
        return ACCEPTED
    if before.code is None and after.code is not None:
        return REJECTED if after.code != DomainFailed.code else DIFFERENT
    return DIFFERENT


def differences(one: Came, other: Came, plain: Plain, ignored: Collection[str] = ()) -> list[Change]:
    """Where two outcomes differ, but for the fields of events that are ignored (`OrderCreated.total`)."""
    if one.code != other.code:
        return [Change("outcome", one.told, other.told)]
    if one.code is not None:
        return []
    found = [] if one.stream == other.stream else [Change("stream", one.stream, other.stream)]
    if one.events == other.events and list(map(type, one.events)) == list(map(type, other.events)):
        return found
    names = [[type(event).stored.name for event in came.events] for came in (one, other)]
    if names[0] != names[1]:
        return [*found, Change("events", *names)]
    for number, (old, new) in enumerate(zip(one.events, other.events, strict=True), 1):
        name = names[0][number - 1]
        place = f"{name}#{number}" if names[0].count(name) > 1 else name
        for change in changes(plain(old), plain(new), Shape(type(new))):
            if not is_ignored(f"{name}.{change.path}", ignored):
                found.append(change._replace(path=f"{place}.{change.path}"))
    return found


def is_ignored(path: str, ignored: Collection[str]) -> bool:
    """Whether a path is one of those that are ignored, or inside of one."""
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in ignored)
