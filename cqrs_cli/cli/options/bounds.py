"""Dates, times and durations near a bound that pydantic names in an error: JSON Schemas don't tell such bounds."""

import contextlib
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta


def around(bound: str, later: bool) -> Iterator[str]:
    """The bound, and what comes soon after or before it; as pydantic writes dates, times and durations."""
    yield bound
    days = re.fullmatch(r"(-?\d+) days?(?: and (\d+):(\d+):(\d+))?", bound)
    if days:
        yield f"{'-' if int(days[1]) < 0 else ''}P{abs(int(days[1]) + (1 if later else -1))}D"
        return
    for step in (timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)):
        for kind in (date, datetime):
            with contextlib.suppress(ValueError, OverflowError):
                yield (kind.fromisoformat(bound) + (step if later else -step)).isoformat()
        with contextlib.suppress(ValueError, OverflowError):
            moment = datetime.combine(date(2000, 1, 1), time.fromisoformat(bound)) + (step if later else -step)
            if moment.date() == date(2000, 1, 1):
                yield moment.timetz().isoformat()
