"""Where data goes: standard output, or a file that is written beside and renamed at the end."""

import contextlib
import os
import re
import select
import stat
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

from cqrs_cli.cli.printing.replacement import Replacement
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


_LINKS = 40
_DATABASE = b"SQLite format 3\0"
_BESIDE_DATABASE = ("", "-wal", "-shm", "-journal", "-lock")


class Output:
    """A text sink. Nothing is opened before the first write, and a file appears only when all went well.

    path: the file, or None for standard output as it is now. `close(keep=True)` puts the file in place,
    `close(keep=False)` leaves what was there before. What is no file (a pipe, a device, `/dev/fd/3`) is written to
    as it comes. errors: what becomes of characters that a narrow
    encoding lacks (`json` writes them as JSON does). encoding: of standard output, where it is no terminal; None: as
    the locale has it. spared: a store, which may not be there yet, that is not
    overwritten; nor is any database. Raises `Misuse` when the file can't be opened, `Unavailable` when
    writing fails, and `BrokenPipeError` when nobody reads any more.
    """

    def __init__(
        self,
        path: str | None,
        errors: str = "backslashreplace",
        spared: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self._number = None if path is None else _descriptor(path)
        self.path = None if self._number == 1 else path
        self._errors, self._encoding = errors, encoding
        self._spared = None if spared is None else os.path.realpath(spared)
        self._stdout = sys.stdout
        self._apart: IO[str] | None = None
        self._stream: IO[str] | None = None
        self._replacement: Replacement | None = None

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

    def check_reader(self) -> None:
        """Raise `BrokenPipeError` if it leads to a pipe that nobody reads any more."""
        try:
            poll = select.poll()
            poll.register(self.stream.fileno(), 0)
            gone = any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
        except (AttributeError, OSError, ValueError):  # nothing of the system's, or a system without it
            return
        if gone:
            raise BrokenPipeError

    def close(self, keep: bool = True) -> None:
        """Finish. Closing twice is harmless."""
        try:
            self._finish(keep)
        finally:
            self._give_back()

    def _finish(self, keep: bool) -> None:
        if self.path is not None and self._stream is None and keep:
            self._stream = self._open(self.path)  # nothing was printed, so nothing is what the file holds
        stream, self._stream = self._stream, None
        replacement, self._replacement = self._replacement, None
        if stream is None:
            return
        if self.path is None:
            if keep:
                self._stream = stream
                self.flush()
            return
        try:
            if replacement is None:
                stream.close()
            elif keep:
                replacement.put()
            else:
                replacement.drop()
        except OSError as error:
            raise self._failed(error) from error

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
            reconfigure(errors=self._errors, encoding=None if is_terminal(self._stdout) else self._encoding)
        return self._stdout

    def _failed(self, error: OSError) -> OSError | CqrsError:
        if isinstance(error, BrokenPipeError):
            return error
        return unwritable(self.path or "standard output", error)

    def _open(self, path: str) -> IO[str]:
        if self._number is not None:
            return self._stream_on(path, lambda: os.dup(self._number or 0))
        target = os.path.realpath(path)
        if path.endswith(os.sep) and not os.path.isdir(target):
            raise _refused(path, "it is a folder by its name")
        if self._is_store(target):
            raise Misuse(
                f"{path} belongs to a store, which -o does not overwrite",
                code=UNWRITABLE,
                hint="another file; what -o names is replaced by what is printed",
            )
        # Not of the target: what a link in /proc leads to need not have a name.
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            return self._stream_on(path, lambda: path)
        try:
            self._replacement = Replacement(target, "backslashreplace")
        except OSError as error:
            raise _refused(path, error.strerror) from error
        return self._replacement.stream

    def _stream_on(self, path: str, file: Callable[[], int | str]) -> IO[str]:
        try:
            return open(file(), "w", encoding="utf-8", errors="backslashreplace", newline="")
        except OSError as error:
            raise _refused(path, error.strerror) from error


def _refused(path: str, why: str | None) -> Misuse:
    hint = "-o wants a file in a folder that exists and that you may write to"
    return Misuse(f"{path} can't be written: {why}", code=UNWRITABLE, hint=hint)


def _descriptor(path: str) -> int | None:
    """The number of this process's descriptor that a path stands for: `/dev/stdout`, `/dev/fd/63`, links to them.

    It is written to where it stands; by its name what is behind it would be emptied, or replaced, first.
    """
    ours = rf"/dev/fd|/proc/{os.getpid()}/(task/[0-9]+/)?fd"
    for _ in range(_LINKS):
        folder, name = os.path.split(os.path.abspath(path))
        if name.isdecimal() and re.fullmatch(ours, os.path.realpath(folder)):
            return int(name)
        try:
            path = os.path.join(folder, os.readlink(path))
        except OSError:  # no link
            return None
    return None
