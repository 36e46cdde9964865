"""A terminal that is drawn on as a whole until it is left; then it is as it was, however that came about."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any, NoReturn

from rich.console import Console
from rich.live import Live
from rich.text import Text

from cqrs_cli.cli.printing.output import is_terminal
from cqrs_cli.cli.printing.standard_streams import let_go

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal ends it, or the terminal is gone, which is as the signal that tells of it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Terminal:
    """Draws on the terminal that a stream leads to, and hears what is typed, if standard input is a terminal.

    Raises `Ended` from wherever it is when a signal comes that ends it.
    """

    def __init__(self, out: IO[str], color: bool) -> None:
        self._out, self._keys = out, sys.stdin.fileno() if is_terminal(sys.stdin) else None
        colors: Any = "standard" if color else None
        self._console = Console(file=out, force_terminal=True, color_system=colors, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._modes: list[Any] = []
        self._is_to_rest, self.is_blank = False, True

    @contextmanager
    def drawn_on(self) -> Iterator[None]:
        """While it is drawn on. A signal that comes while it is left is passed over: nothing is half restored."""
        before = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGTSTP)}
        ending = [number for number in _ENDING if before[number] is not signal.SIG_IGN]
        try:
            try:
                for number in ending:
                    signal.signal(number, self._end)
                signal.signal(signal.SIGTSTP, self._rest)
                self._enter()
                yield
            finally:
                _ignore(ending)
        finally:
            self._leave()
            for number, handler in before.items():
                signal.signal(number, handler)

    @staticmethod
    def _end(number: int, frame: FrameType | None) -> NoReturn:
        _ignore(_ENDING)
        raise Ended(number)

    def _rest(self, number: int, frame: FrameType | None) -> None:
        self._is_to_rest = True

    def _enter(self) -> None:
        if self._keys is not None:
            self._modes = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys, termios.TCSANOW)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()
        self.is_blank = True

    def _leave(self) -> None:
        try:
            if self._live is not None:
                self._live.stop()
        except (OSError, ValueError):  # it is gone, and what is buffered can go nowhere
            let_go(self._out)
        with suppress(OSError, termios.error):
            if self._keys is not None and self._modes:
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._modes)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now."""
        try:
            found = os.get_terminal_size(self._out.fileno())
        except OSError:
            raise Ended(signal.SIGHUP) from None
        return found.columns or 80, found.lines or 24

    def draw(self, lines: Sequence[str], size: tuple[int, int]) -> None:
        """Draw inert lines, which may have colours, in place of what there was."""
        assert self._live is not None, "it is not drawn on"
        self._console.size = size
        text = Text("\n", no_wrap=True, overflow="crop").join(Text.from_ansi(line) for line in lines[: size[1]])
        try:
            self._live.update(text, refresh=True)
            self.is_blank = False
        except OSError:
            raise Ended(signal.SIGHUP) from None

    def typed(self, seconds: float) -> bytes:
        """What is typed within so long. It rests, as Ctrl-Z asks for, until it is called to go on."""
        typed = b""
        if self._keys is None:
            time.sleep(seconds)
        elif select.select([self._keys], [], [], seconds)[0]:
            with suppress(OSError):
                typed = os.read(self._keys, 1_024)
            if not typed:
                raise Ended(signal.SIGHUP)
        if self._is_to_rest:
            self._is_to_rest = False
            self._leave()
            os.kill(os.getpid(), signal.SIGSTOP)
            self._enter()
        return typed


def _ignore(numbers: Sequence[int]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
