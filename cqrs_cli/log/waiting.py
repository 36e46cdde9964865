"""Waiting until the log, or what follows it, has come far enough: read your own writes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from cqrs_cli.errors import Unavailable
from cqrs_cli.log.points import parse_position
from cqrs_cli.stores.contract import Selection, Store

LOOK_AGAIN = 0.02


class Waiting:
    """Waits at most so many seconds, all in all. Raises `Unavailable` (`timed-out`) when they are over."""

    def __init__(self, store: Store, wanted: str, seconds: float) -> None:
        """wanted: `@1200`, or the id of a command."""
        self._store, self._wanted, self._seconds = store, wanted, seconds
        self._end = time.monotonic() + seconds

    def for_log(self) -> int:
        """Wait until the log has what is wanted; returns its position (of a command's last event)."""
        if self._wanted.startswith("@"):
            position = parse_position(self._wanted)
            if position and not self._store.wait(position - 1, self._seconds):
                raise self._late(f"the log is at @{self._store.head()}, not yet at {self._wanted}", position=position)
            return position
        while True:
            head = self._store.head()  # first: what comes after it ends the wait below
            commit = self._store.commit(self._wanted)
            if commit is not None:
                return commit.events[-1].position
            left = self._end - time.monotonic()
            if left <= 0:
                raise self._late(f"no commit with the id {self._wanted} came", command_id=self._wanted)
            self._store.wait(head, left)

    def for_checkpoints(self, names: Sequence[str], position: int) -> None:
        """Wait until somebody else has moved these checkpoints up to the position."""
        while behind := [name for name, at, _ in lags(self._store, names) if at < position]:
            if time.monotonic() >= self._end:
                what = f"@{position}" if self._wanted.startswith("@") else f"{self._wanted} (@{position})"
                raise self._late(f"{', '.join(behind)} had not come to {what}", position=position)
            time.sleep(LOOK_AGAIN)

    def _late(self, message: str, **details: Any) -> Unavailable:
        return Unavailable(f"{message} after {self._seconds:g} s", code="timed-out", **details)


def lags(store: Store, names: Iterable[str]) -> list[tuple[str, int, int]]:
    """Of each checkpoint its name, its position (0 without one) and how far it is behind the head."""
    positions = {checkpoint.name: checkpoint.position for checkpoint in store.rows.checkpoints()}
    head = store.head()
    return [(name, at, max(head - at, 0)) for name in names for at in [positions.get(name, 0)]]


def lag_seconds(store: Store, position: int) -> float:
    """How old the oldest event after a position is, by the clock that commits are recorded by; 0 if there is none."""
    oldest = next(iter(store.read(Selection(after=position, limit=1, as_found=True))), None)
    return 0.0 if oldest is None else max(0, store.clock() // 1000 - oldest.recorded_us) / 1e6
