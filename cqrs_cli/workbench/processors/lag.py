"""How far processors may be behind: a number of events, or how old the oldest of these may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.log.points import parse_duration
from cqrs_cli.workbench.processors.status import ProcessorStatus

PATTERN = "[0-9]{1,9}[smhdw]?"
"""What a limit looks like."""
STANDING_STILL = frozenset({"stopped", "needs-rebuild"})
"""What a processor is that gets no further by itself, whatever its lag is."""


class MostLag(NamedTuple):
    """A limit: at most so many events, or else none that waits for longer than so many seconds."""

    events: int | None = None
    seconds: float | None = None

    def is_exceeded(self, one: ProcessorStatus) -> bool:
        """Whether a processor is further behind."""
        if self.seconds is not None:
            return one.lag_seconds > self.seconds
        return self.events is not None and one.lag > self.events

    def late(self, statuses: Iterable[ProcessorStatus]) -> list[ProcessorStatus]:
        """Those that are further behind, or stand still."""
        return [one for one in statuses if one.status in STANDING_STILL or self.is_exceeded(one)]


def parse_most_lag(text: str) -> MostLag:
    """`100` (events), or how old the oldest of them may be: `30s`, `5m`. Raises `Misuse`."""
    if not re.fullmatch(PATTERN, text):
        hint = "100 (events), or how old the oldest that waits may be: 30s, 5m, 2h"
        raise Misuse(f"{text[:40]!r} is neither a number of events nor a duration", hint=hint)
    duration = parse_duration(text)
    return MostLag(int(text)) if duration is None else MostLag(seconds=duration / 1e6)
