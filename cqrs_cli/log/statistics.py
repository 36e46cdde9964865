"""How much is in a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.moments import moment, rfc3339
from cqrs_cli.stores.streams import category_of


class Statistics(NamedTuple):
    """Counts of a log: streams and events by category, events by type; times in microseconds UTC, None if empty."""

    head: int
    first_recorded_us: int | None
    last_recorded_us: int | None
    categories: dict[str, tuple[int, int]]
    types: dict[str, int]


def count(store: Store) -> Statistics:
    """Count what the log holds."""
    categories: dict[str, tuple[int, int]] = {}
    for info in store.streams():
        streams, events = categories.get(info.category, (0, 0))
        categories[info.category] = streams + 1, events + info.version
    first = next(iter(store.read(Selection(limit=1))), None)
    last = next(iter(store.read(Selection(limit=1, backwards=True))), None)
    return Statistics(store.head(), first and first.recorded_us, last and last.recorded_us, categories, store.types())


BY: dict[str, Callable[[Recorded], str | None]] = {
    "day": lambda event: rfc3339(event.recorded_us)[:10],
    "hour": lambda event: rfc3339(event.recorded_us)[:13] + ":00Z",
    "user": lambda event: event.user_id,
    "type": lambda event: event.type,
    "category": lambda event: category_of(event.stream),
    "command": lambda event: event.command_type,
}
"""By what events can be counted. None: it has none, as an imported event has no command."""


_LOCAL: dict[str, Callable[[Recorded], str | None]] = {
    "day": lambda event: moment(event.recorded_us).astimezone().isoformat()[:10],
    "hour": lambda event: moment(event.recorded_us).astimezone().replace(minute=0).isoformat(timespec="minutes"),
}


def count_by(events: Iterable[Recorded], by: str, local: bool = False) -> list[tuple[str | None, int]]:
    """How many events there are of each: days and hours in their order, else the most first. by: one of `BY`.

    local: days and hours are those of this machine's zone, not of UTC.
    """
    found: dict[str | None, int] = {}
    value_of = _LOCAL.get(by, BY[by]) if local else BY[by]
    for event in events:
        value = value_of(event)
        found[value] = found.get(value, 0) + 1
    if by in ("day", "hour"):
        return sorted(found.items(), key=lambda pair: pair[0] or "")
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0] or ""))
