"""A file that takes the place of another one when it is whole, and leaves nothing behind when it never is."""

import contextlib
import os
import signal
import stat
from types import FrameType
from typing import IO, Any

_ENDING = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


class Replacement:
    """Written beside `target`, which is as it was until `put`. Mode and owner are those of what is replaced.

    `stream` is what it is written with. A signal that ends this process takes the file away first. Raises `OSError`,
    also where what is there may not be written to.
    """

    def __init__(self, target: str, errors: str) -> None:
        self._target, self._process = target, os.getpid()
        before = os.stat(target) if os.path.exists(target) else None
        if before is not None and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
        folder, name = os.path.split(target)
        self._beside = os.path.join(folder, f".{name[:60]}.{os.urandom(4).hex()}.tmp")
        # Nobody else may read before the mode is known to let them.
        descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if before is None else 0o600)
        self._heard = {number: signal.getsignal(number) for number in _ENDING}
        with contextlib.suppress(ValueError):  # another thread than the main one, to which no signal comes
            for number in self._ours():
                signal.signal(number, self._end)
        if before is not None:
            with contextlib.suppress(OSError):  # only root may give a file away
                os.fchown(descriptor, before.st_uid, before.st_gid)
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
        self.stream: IO[str] = open(descriptor, "w", encoding="utf-8", errors=errors, newline="")  # noqa: SIM115

    def put(self) -> None:
        """Finish it and put it in place. Nothing is left of it when that fails."""
        try:
            self.stream.flush()
            os.fsync(self.stream.fileno())
            self.stream.close()
            os.replace(self._beside, self._target)
        except BaseException:
            self.drop()
            raise
        self._let_signals_be()

    def drop(self) -> None:
        """Take it away."""
        with contextlib.suppress(OSError):  # what is buffered may not fit on the disk
            self.stream.close()
        with contextlib.suppress(OSError):
            os.unlink(self._beside)
        self._let_signals_be()

    def _ours(self) -> list[signal.Signals]:
        """Signals that would end the process: where somebody else listens, or wants them ignored, it is theirs."""
        return [number for number in _ENDING if self._heard[number] is signal.SIG_DFL]

    def _end(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._process:  # not in a process that the domain forked
            with contextlib.suppress(OSError):
                os.unlink(self._beside)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _let_signals_be(self) -> None:
        ours: Any = self._end
        with contextlib.suppress(ValueError):
            for number in self._ours():
                if signal.getsignal(number) == ours:
                    signal.signal(number, signal.SIG_DFL)
