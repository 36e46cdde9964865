"""Files and folders that are only on the way: the end of this process takes them along, by a signal too.

Whoever makes one takes it away; but Ctrl-C may come while that is being done.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
_made: dict[str, int] = {}  # by path: the process that made it, as a child that the domain forked removes nothing


def passing(path: str) -> None:
    """Take the file or folder away if it is there yet when this process ends, or a signal ends it.

    Where somebody else listens to the signal, or wants it ignored, it is theirs, and the path is their matter.
    """
    _made[path] = os.getpid()
    with contextlib.suppress(ValueError):  # another thread than the main one, to which no signal comes
        for number in _ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)


def passed(path: str) -> None:
    """It is in its place, or gone: no longer listen for it."""
    _made.pop(path, None)
    if _made:
        return
    with contextlib.suppress(ValueError):
        for number in _ENDING:
            if signal.getsignal(number) is _end:
                signal.signal(number, signal.SIG_DFL)


@atexit.register
def _take_away() -> None:
    import shutil

    for path, process in list(_made.items()):
        if process != os.getpid():
            continue
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _end(number: int, frame: FrameType | None) -> None:
    _take_away()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@contextlib.contextmanager
def passing_folder(prefix: str, within: str | None = None) -> Iterator[str]:
    """A folder in that for temporary ones, or in another, which is removed at the end, also at one by a signal."""
    import tempfile

    folder = tempfile.TemporaryDirectory(prefix=prefix, dir=within)
    try:
        passing(folder.name)
        yield folder.name
    finally:
        folder.cleanup()
        passed(folder.name)
