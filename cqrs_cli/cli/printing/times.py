"""Times of the log as they are shown: to the millisecond, with their zone, so that they can be given back."""

from __future__ import annotations

from datetime import datetime

_SPANS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_SHOWN, _EXACT = len("2026-01-01T10:00:00.123"), len("2026-01-01T10:00:00.123456")


def shown_time(recorded: str, local: bool = False) -> str:
    """`2026-01-01T10:00:00.123Z` of a record's `…123456Z`; local: `2026-01-01T11:00:00.123+01:00`."""
    exact = exact_time(recorded, local)
    zone = exact[_EXACT:]
    return exact[:_SHOWN] + zone


def exact_time(recorded: str, local: bool = False) -> str:
    """The time with all its digits; local: in the zone of this machine."""
    if not local:
        return recorded
    try:
        return datetime.fromisoformat(recorded).astimezone().isoformat(timespec="microseconds")
    except (OverflowError, ValueError):  # a time of the year 1 or 9999 that this zone has not
        return recorded


def day_and_time(recorded: str, local: bool = False) -> tuple[str, str]:
    """The day with its zone, and the time of that day: `2026-01-01 UTC` and `10:00:00.123`."""
    shown = shown_time(recorded, local)
    day, _, time = shown.partition("T")
    zone = time[12:]
    return f"{day} {'UTC' if zone == 'Z' else zone}", time[:12]


def shown_span(seconds: float) -> str:
    """So long, in one or two units: `0.4s`, `12s`, `3m 20s`, `2h`, `4d 3h`; nothing for none."""
    if seconds < 10:
        return f"{seconds:.1f}s" if seconds > 0 else ""
    left = int(seconds)
    first = next(at for at, (_, size) in enumerate(_SPANS) if left >= size)
    told = []
    for unit, size in _SPANS[first : first + 2]:
        if left >= size:
            told.append(f"{left // size}{unit}")
        left %= size
    return " ".join(told)
