"""How much is in a store."""

from __future__ import annotations

from typing import NamedTuple

from cqrs_cli.stores.contract import Selection, Store


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
