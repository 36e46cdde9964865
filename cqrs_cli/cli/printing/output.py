"""Where data goes: standard output, or a file that is written beside and renamed at the end."""

import contextlib
import os
import stat
import sys
from collections.abc import Mapping
from typing import IO, Any

from cqrs_cli.errors import CqrsError, Misuse, Unavailable

PIECE = 16_384
UNWRITABLE = "output"


def wants_color(choice: str, stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Whether escape sequences may be written: the flag, else NO_COLOR, FORCE_COLOR, TERM=dumb, else a terminal."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") != "0":
        return True
    return environ.get("TERM") != "dumb" and is_terminal(stream)


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person is looking; a closed stream is nobody."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def terminal_width(stream: IO[str], environ: Mapping[str, str]) -> int | None:
    """Columns of the terminal (COLUMNS is believed over it), or None when the stream is not one."""
    if not is_terminal(stream):
        return None
    asked = environ.get("COLUMNS", "")
    if asked.isdecimal() and len(asked) < 10 and int(asked) > 0:
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def unwritable(what: str, error: OSError) -> CqrsError:
    """The error for output that could not be written: the disk is full, the terminal is gone."""
    return Unavailable(
        f"{what} can't be written: {error.strerror}", code=UNWRITABLE, hint="what was printed is not complete"
    )


_DATABASE = b"SQLite format 3\0"
_BESIDE_DATABASE = ("", "-wal", "-shm", "-journal", "-lock")


class Output:
    """A text sink. Nothing is opened before the first write, and a file appears only when all went well.

    path: the file, or None for standard output as it is now. `close(keep=True)` puts the file in place,
    `close(keep=False)` leaves what was there before. errors: what becomes of characters that a narrow
    encoding lacks (`json` writes them as JSON does). spared: a store, which may not be there yet, that is not
    overwritten; nor is any database. Raises `Misuse` when the file can't be opened, `Unavailable` when
    writing fails, and `BrokenPipeError` when nobody reads any more.
    """

    def __init__(self, path: str | None, errors: str = "backslashreplace", spared: str | None = None) -> None:
        self.path = path
        self._errors = errors
        self._spared = None if spared is None else os.path.realpath(spared)
        self._stdout = sys.stdout
        self._apart: IO[str] | None = None
        self._stream: IO[str] | None = None
        self._beside: str | None = None

    @property
    def stream(self) -> IO[str]:
        """The stream behind it, opened now if it was not."""
        if self._stream is None:
            self._stream = self._standard() if self.path is None else self._open(self.path)
        return self._stream

    def stand_apart(self) -> None:
        """Write to standard output through a descriptor of its own from now on; 1 leads to standard error.

        So what a program that the domain starts prints is no data, nor what a library in C does. Nothing is done
        where standard output is not that of the process: what is printed is caught then.
        """
        try:
            out: Any = self._stdout
            if self._apart is not None or out.fileno() != 1:
                return
            out.flush()
            own = os.dup(1)
        except (AttributeError, OSError, ValueError):
            return
        try:
            os.dup2(2, 1)
        except OSError:  # there is no standard error
            os.close(own)
            return
        buffering = 1 if out.line_buffering else -1
        self._apart = self._stdout = open(own, "w", buffering, encoding=out.encoding, errors=out.errors)  # noqa: SIM115
        if self.path is None:
            self._stream = None

    def _give_back(self) -> None:
        own, self._apart = self._apart, None
        if own is not None:
            if self._stream is own:
                self._stream = None
            with contextlib.suppress(OSError):
                os.dup2(own.fileno(), 1)
            with contextlib.suppress(OSError):
                own.close()

    def write(self, text: str) -> None:
        """Append text; buffered."""
        # In pieces: without Python's buffer (-u) a pipe that is closed during a large write gives no error.
        try:
            for start in range(0, len(text), PIECE):
                self.stream.write(text[start : start + PIECE])
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        """Push out what is buffered."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except OSError as error:
                raise self._failed(error) from error

    def close(self, keep: bool = True) -> None:
        """Finish. Closing twice is harmless."""
        try:
            self._finish(keep)
        finally:
            self._give_back()

    def _finish(self, keep: bool) -> None:
        stream, self._stream = self._stream, None
        beside, self._beside = self._beside, None
        if self.path is None:
            if stream is not None and keep:
                self._stream = stream
                self.flush()
            return
        if stream is None and keep:
            stream = self._open(self.path)  # nothing was printed, so nothing is what the file holds
            beside, self._beside = self._beside, None
        if stream is None:
            return
        try:
            if keep:
                stream.flush()
                if beside is not None:
                    os.fsync(stream.fileno())
            stream.close()
            if keep and beside is not None:
                os.replace(beside, os.path.realpath(self.path))
                beside = None
        except OSError as error:
            raise self._failed(error) from error
        finally:
            if beside is not None:
                with contextlib.suppress(OSError):
                    os.unlink(beside)

    def _is_store(self, target: str) -> bool:
        """Whether a file is a database, the store that is spared, or what SQLite and the lock keep beside one."""
        for ending in _BESIDE_DATABASE:
            if target.endswith(ending):
                database = target[: len(target) - len(ending)]
                if database == self._spared:
                    return True
                with contextlib.suppress(OSError):
                    if stat.S_ISREG(os.stat(database).st_mode):
                        with open(database, "rb") as file:
                            if file.read(len(_DATABASE)) == _DATABASE:
                                return True
        return False

    def _standard(self) -> IO[str]:
        # What a narrow encoding can't say is escaped rather than fatal.
        reconfigure = getattr(self._stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=self._errors)
        return self._stdout

    def _failed(self, error: OSError) -> OSError | CqrsError:
        if isinstance(error, BrokenPipeError):
            return error
        return unwritable(self.path or "standard output", error)

    def _open(self, path: str) -> IO[str]:
        target = os.path.realpath(path)
        if self._is_store(target):
            raise Misuse(
                f"{path} belongs to a store, which -o does not overwrite",
                code=UNWRITABLE,
                hint="another file; what -o names is replaced by what is printed",
            )
        try:
            if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
                return open(target, "w", encoding="utf-8", errors="backslashreplace", newline="")  # a device or pipe
            self._beside = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.{os.getpid()}.tmp")
            return open(self._beside, "x", encoding="utf-8", errors="backslashreplace", newline="")
        except OSError as error:
            self._beside = None
            raise Misuse(
                f"{path} can't be written: {error.strerror}",
                code=UNWRITABLE,
                hint="-o wants a file in a folder that exists and that you may write to",
            ) from error
