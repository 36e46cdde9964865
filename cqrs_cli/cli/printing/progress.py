"""Progress of long work on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO

BAR_AFTER = 0.5
BAR_EVERY = 0.1
LINE_EVERY = 5.0
_BAR = 30


class Progress:
    """Counts work. Use as a context manager and call it with the amount done since the last call.

        with printer.progress("replayed", total=head, unit="events") as done:
            for batch in batches:
                done(len(batch))

    On a terminal a bar appears after half a second and is wiped at the end; elsewhere a plain line is
    written every five seconds. `stream=None` shows nothing.
    """

    def __init__(self, stream: IO[str] | None, label: str, total: int | None, unit: str, width: int | None) -> None:
        """width: of the terminal, None where there is none."""
        self._stream = stream
        self._label = label
        self._unit = unit
        self._width = width
        self._drawn = False
        self.is_hidden = False
        self.total = total
        self.count = 0
        self._start = time.monotonic()
        self._next = self._start + (LINE_EVERY if width is None else BAR_AFTER)

    def __call__(self, amount: int = 1) -> None:
        """So much more is done."""
        self.count += amount
        if self._stream is not None and not self.is_hidden:
            now = time.monotonic()
            if now >= self._next:
                self._show(now)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Make room for what is printed on the same terminal; it comes again with the next step."""
        if self._drawn and self._stream is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False

    def _show(self, now: float) -> None:
        assert self._stream is not None
        rate = self.count / max(now - self._start, 1e-9)
        done = f"{self.count:,}" if self.total is None else f"{self.count:,} of {self.total:,}"
        text = f"{self._label} {done} {self._unit}, {rate:,.0f}/s"
        if self._width is not None:
            filled = min(_BAR, _BAR * self.count // self.total) if self.total else 0
            bar = f"[{'#' * filled}{'.' * (_BAR - filled)}] " if self.total else ""
            # A line that wraps could not be wiped.
            line = bar + text if len(bar + text) < self._width else text
            self._stream.write(f"\r\x1b[K{line[: self._width - 1]}")
            self._drawn = True
            self._next = now + BAR_EVERY
        else:
            self._stream.write(text + "\n")
            self._next = now + LINE_EVERY
        self._stream.flush()


def steps(done: Callable[[int], object]) -> Callable[[int, int], None]:
    """Progress as the workbench tells it (position, goal), for a bar that counts steps; of several the furthest."""
    last = 0

    def progress(position: int, _: int) -> None:
        nonlocal last
        if position > last:
            done(position - last)
            last = position

    return progress
