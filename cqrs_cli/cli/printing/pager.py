"""What no screen holds goes to a pager, as it comes; what fits is printed.

CQRS_PAGER, else PAGER, else `less -FRX` where there is a less; `cat` or nothing at all is none.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from cqrs_cli.cli.printing.widths import text_width

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.output import Output

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_LEFT = frozenset({0, -signal.SIGINT, 128 + signal.SIGINT})
"""How a pager ends whose reader has seen enough."""
KEPT = 1 << 20
"""Letters that are kept until a pager has shown that it works."""
DEFAULT = ("less", "-FRX")


def command(environ: Mapping[str, str]) -> list[str] | None:
    """The pager as words, None where there is none. Raises `ValueError` for quotes that have no end."""
    for name in ("CQRS_PAGER", "PAGER"):
        asked = environ.get(name)
        if asked is not None:
            words = shlex.split(asked)
            return None if words in ([], ["cat"]) else words
    return list(DEFAULT) if shutil.which(DEFAULT[0], path=environ.get("PATH")) else None


class PagerLeft(BrokenPipeError):
    """The person who read has seen enough: no failure of the command."""


class Pager:
    """Takes text for a terminal: keeps it while a screen holds it, else gives it to a program.

    words: the program. screen: its columns and lines. out: where what fits is printed. terminal: its descriptor.
    Used once: `write`, then `close`, which waits until the person has read. Raises `PagerLeft` when the person has
    left; `is_over` then. A program that can't be started or fails loses nothing: the text goes to the terminal.
    trouble: what was the matter with it, to be said. starts: called before the program has the terminal.
    """

    def __init__(
        self, words: list[str], screen: tuple[int, int], out: Output, terminal: int, starts: Callable[[], None]
    ) -> None:
        self._words, self._out, self._terminal, self._starts = words, out, terminal, starts
        self._width, self._room = max(screen[0], 1), screen[1] - 1
        self._kept: list[str] = []
        self._size = 0
        self._process: subprocess.Popen[str] | None = None
        self._is_direct = self.is_over = False
        self.trouble: str | None = None

    def write(self, text: str) -> None:
        """Take text; whole lines come sooner or later."""
        if self._is_direct or self.is_over:
            if not self.is_over:
                self._out.write(text)
            return
        if self._size <= KEPT:
            self._kept.append(text)
            self._size += len(text)
        if self._process is not None:
            self._feed(text)
            return
        self._room -= sum(map(self._lines, text.split("\n")[:-1]))
        if self._room < 0 or self._size > KEPT:
            self._start()

    def _lines(self, line: str) -> int:
        """How many lines of the screen a line takes."""
        return max(1, -(-text_width(_COLOR.sub("", line)) // self._width))

    def close(self) -> None:
        """Print what is left, or wait until it is read."""
        process, self._process = self._process, None
        if process is None:
            if not (self._is_direct or self.is_over):
                self._out.write("".join(self._kept))
            return
        with _interrupts_ignored():
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
            code = process.wait()
        self._judge(code)

    def _start(self) -> None:
        self._starts()
        self._out.flush()
        try:
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=self._terminal,
                encoding="utf-8",
                errors="backslashreplace",
            )
        except OSError as error:
            self.trouble = f"the pager {self._words[0]} can't be started: {error.strerror}"
            self._go_direct()
            return
        self._feed("".join(self._kept))

    def _feed(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text)
        except BrokenPipeError:
            process, self._process = self._process, None
            with _interrupts_ignored():
                with contextlib.suppress(OSError):
                    process.stdin.close()  # type: ignore[union-attr]
                code = process.wait()
            if self._judge(code):
                self.is_over = True
                raise PagerLeft from None

    def _judge(self, code: int) -> bool:
        """Whether the program did its work; one that failed at once is made up for."""
        if code in _LEFT:
            return True
        self.trouble = f"the pager {self._words[0]} ended with exit {code}"
        if self._size <= KEPT:
            self._go_direct()
        else:
            self._is_direct = True
            self.trouble += "; what it had taken is not printed again, --no-pager prints all"
        return False

    def _go_direct(self) -> None:
        self._is_direct = True
        self._out.write("".join(self._kept))


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """While a pager is read, Ctrl-C is for it."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the thread that hears of signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
