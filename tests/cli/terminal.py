"""A terminal for tests: a command in a process of its own, with a screen and a keyboard."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

PATIENCE = 60.0


class Shown(NamedTuple):
    """What was on the screen, and how the command ended."""

    text: str
    code: int


def on_a_terminal(
    words: Sequence[str],
    environ: Mapping[str, str],
    keys: Sequence[tuple[str, bytes]] = (),
    screen: tuple[int, int] = (80, 24),
) -> Shown:
    """Run it on a screen of columns and lines. keys: what is typed once a text is there, one after the other; the last
    of them again and again until it ends."""
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(
            signal.SIGHUP, signal.SIG_DFL
        )  # whoever runs the tests may have been told to go on without a terminal
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", screen[1], screen[0], 0, 0))
        os.execvpe(words[0], list(words), dict(environ))
    shown, left, end = b"", list(keys), time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            if left and left[0][0].encode() in shown:
                os.write(terminal, left.pop(0)[1])
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    more = os.read(terminal, 65_536)
                except OSError:  # nobody has it open any more
                    break
                if not more:
                    break
                shown += more
            elif keys and not left:  # a program that heard of an interrupt throws away what was typed with it
                with contextlib.suppress(OSError):
                    os.write(terminal, keys[-1][1])
        else:
            os.kill(pid, 9)
    finally:
        status = os.waitpid(pid, 0)[1]
        os.close(terminal)
    return Shown(shown.decode("utf-8", "replace").replace("\r\n", "\n"), os.waitstatus_to_exitcode(status))


ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"


class Window:
    """A terminal on which a command goes on until it is ended. size: columns and lines."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], size: tuple[int, int] = (80, 24)) -> None:
        self.pid, self._ours = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            time.sleep(0.2)  # so that its size is known, and its modes are seen
            os.execvpe(words[0], list(words), dict(environ))
        self.size = size
        self.resize(*size)
        self.modes = termios.tcgetattr(self._ours)
        self.text, self._decoder = "", codecs.getincrementaldecoder("utf-8")("replace")
        self._code: int | None = None

    def resize(self, columns: int, lines: int) -> None:
        """As whoever drags its corner does."""
        self.size = columns, lines
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def now_modes(self) -> list[Any]:
        """What `stty` tells of it."""
        return termios.tcgetattr(self._ours)

    def type(self, keys: bytes) -> None:
        """Type them."""
        os.write(self._ours, keys)

    def signal(self, number: int) -> None:
        """Send it to the command."""
        os.kill(self.pid, number)

    def until(self, is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Read what comes until something is so, which is an error if it never is."""
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, self.text[-3000:]
            self.read(0.05)

    def read(self, seconds: float) -> None:
        """Take what comes in that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._ours], [], [], left)[0]:
                try:
                    self.text += self._decoder.decode(os.read(self._ours, 65_536))
                except OSError:  # nobody has it open any more
                    return

    @property
    def screen(self) -> list[str]:
        """The lines of what was drawn last as a whole, without colours; nothing if it draws no longer."""
        drawn = self.text.rpartition(ALTERNATE)[2]
        for frame in [] if BACK in drawn else reversed(drawn.split("\x1b[H")[1:]):
            lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).split("\r\n")
            if len(lines) == self.size[1] and len(lines[-1]) >= self.size[0]:
                return lines
        return []

    def shows(self, *texts: str) -> Callable[[], bool]:
        """Whether all of them are on the screen."""
        return lambda: all(text in "\n".join(self.screen) for text in texts)

    def ended(self) -> bool:
        """Whether it has."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code is not None

    def end(self) -> int:
        """Wait for its end; its exit code."""
        self.until(self.ended)
        self.read(0.1)
        assert self._code is not None
        return self._code

    def hang_up(self) -> None:
        """Close it, as whoever closes the window does."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def close(self) -> None:
        """End whatever still runs."""
        if not self.ended():
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            self._code = -9
        self.hang_up()
