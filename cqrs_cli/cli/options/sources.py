"""`@file` and `@-`: texts from files, with one reader of standard input."""

import os
import sys

from cqrs_cli.errors import Misuse

UNREADABLE_FILE = "unreadable-file"


def unreadable(what: str, error: OSError | ValueError, hint: str) -> Misuse:
    """The error for a file that can't be read."""
    return Misuse(f"{what}: {getattr(error, 'strerror', None) or error}", code=UNREADABLE_FILE, hint=hint)


class Sources:
    """Reads `@file` and `@-`; stdin can be read by one asker only."""

    def __init__(self) -> None:
        self._stdin_reader: str | None = None

    def read(self, name: str, asker: str) -> bytes:
        """The content of the file `name`, of stdin for `-`. `asker` is the option that wants it.

        Raises `Misuse` for a file that can't be read and for a second reader of stdin.
        """
        if name == "-":
            self.claim_stdin(asker)
        try:
            if name == "-":
                return sys.stdin.buffer.read()
            with open(name, "rb") as file:
                return file.read()
        except (OSError, ValueError) as error:
            hint = f"paths begin at {os.getcwd()}; - is standard input"
            raise unreadable(f"{asker}: can't read {name!r}", error, hint) from None

    def claim_stdin(self, asker: str) -> None:
        """Say that `asker` is going to read stdin. Raises `Misuse` when another one does."""
        if self._stdin_reader is not None:
            other = "twice" if self._stdin_reader == asker else f"by {self._stdin_reader} and {asker}"
            raise Misuse(f"stdin can't be read {other}", hint="give one of them a file: @FILE")
        self._stdin_reader = asker
