"""The clock of the log: times of commits never go back, so a clock that once ran ahead keeps it ahead of all others."""

from __future__ import annotations

from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.moments import rfc3339

TOLERATED_US = 10_000_000
"""Clocks of several machines are never quite the same."""
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def last_recorded(store: Store) -> int | None:
    """When the newest commit was recorded, in microseconds UTC; None for an empty log."""
    last = next(iter(store.read(Selection(limit=1, backwards=True))), None)
    return None if last is None else last.recorded_us


def ahead_of(now_us: int, recorded_us: int | None) -> str | None:
    """What is to be said if the log's end was recorded in the future of a clock."""
    if recorded_us is None or recorded_us - now_us <= TOLERATED_US:
        return None
    return (
        f"the log's end is {_span(recorded_us - now_us)} ahead of this machine's clock: "
        f"until {rfc3339(recorded_us)[:19]}Z everything is recorded at that time, wherever a time is asked for"
    )


def _span(microseconds: int) -> str:
    seconds = microseconds // 1_000_000
    name, size = next(unit for unit in _UNITS if seconds >= unit[1])
    return f"{seconds // size:,} {name}{'' if seconds // size == 1 else 's'}"
