"""A terminal for tests: a command in a process of its own, with a screen and a keyboard."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

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
