"""A file that takes the place of another one when it is whole, and leaves nothing behind when it never is."""

import contextlib
import io
import os
import stat
from typing import IO, Any

PACKED = ".gz"
_LEVEL = 3
"""Of gzip: above, writing takes longer than making what is written."""


class Replacement:
    """Written beside `target`, which is as it was until `put`. Mode and owner are those of what is replaced.

    What is called `.gz` is packed with gzip.

    `stream` is what it is written with. A signal that ends this process takes the file away first. Raises `OSError`,
    also where what is there may not be written to.
    """

    def __init__(self, target: str, errors: str) -> None:
        self._target = target
        before = os.stat(target) if os.path.exists(target) else None
        if before is not None and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
        folder, name = os.path.split(target)
        self._beside = os.path.join(folder, f".{name[:60]}.{os.urandom(4).hex()}.tmp")
        from cqrs_cli.passing import passed, passing  # most commands write no file

        passing(self._beside)
        # Nobody else may read before the mode is known to let them.
        try:
            descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if before is None else 0o600)
        except OSError:
            passed(self._beside)
            raise
        if before is not None:
            with contextlib.suppress(OSError):  # only root may give a file away
                os.fchown(descriptor, before.st_uid, before.st_gid)
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
        self._file = open(descriptor, "wb")  # noqa: SIM115
        whole: Any = self._file
        self._is_packed = target.endswith(PACKED)
        if self._is_packed:
            import gzip

            # Without name and time: the same data is the same file.
            whole = gzip.GzipFile("", "wb", _LEVEL, self._file, 0)
        self.stream: IO[str] = io.TextIOWrapper(whole, "utf-8", errors, "")

    def put(self) -> None:
        """Finish it and put it in place. Nothing is left of it when that fails."""
        try:
            self.stream.flush()
            if self._is_packed:
                self.stream.close()  # writes its end, and leaves the file open
                self._file.flush()
            os.fsync(self._file.fileno())
            self.stream.close()
            self._file.close()
            os.replace(self._beside, self._target)
        except BaseException:
            self.drop()
            raise
        from cqrs_cli.passing import passed

        passed(self._beside)

    def drop(self) -> None:
        """Take it away."""
        with contextlib.suppress(OSError):  # what is buffered may not fit on the disk
            self.stream.close()
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._beside)
        from cqrs_cli.passing import passed

        passed(self._beside)
