"""How a command that has no end lives through a server that is away, or somebody who has what it wants."""

from __future__ import annotations

import time
from collections.abc import Callable

from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.errors import Passing

_LOOK_AGAIN = 0.1
_FIRST, _LONGEST = 0.5, 10.0
"""Seconds between two tries."""


class Endurance:
    """It is told what has come in between, once, and waits longer each time. stops: whether the command is to end."""

    def __init__(self, printer: Printer, stops: Callable[[], bool] = lambda: False) -> None:
        self._printer, self._stops = printer, stops
        self._pause, self._told, self._since = _FIRST, "", time.monotonic()

    def endure(self, error: Passing) -> None:
        """Say what it was, and wait; then the same is to be tried again."""
        if time.monotonic() - self._since > _LONGEST:  # it went well for a while
            self._pause, self._told = _FIRST, ""
        if error.message != self._told:
            self._printer.message(f"{error.message}; it is tried again until it goes on")
            self._told = error.message
        end = time.monotonic() + self._pause
        while not self._stops() and time.monotonic() < end:
            time.sleep(_LOOK_AGAIN)
        self._pause, self._since = min(self._pause * 2, _LONGEST), time.monotonic()
