"""Where in whose files something is, for programs that show it there."""

import contextlib
import inspect
import os
from typing import NamedTuple


class Place(NamedTuple):
    """A file, relative to the working directory where it lies in it, and a line of it if one is known."""

    file: str
    line: int | None = None


def place_of(cls: type | None, otherwise: str) -> Place:
    """Where a class is defined; for none, or one without a source, the file `otherwise`."""
    file, line = otherwise, None
    if cls is not None:
        with contextlib.suppress(OSError, TypeError):  # made in a shell, or its module is gone
            file, line = inspect.getsourcefile(cls) or otherwise, inspect.getsourcelines(cls)[1]
    relative = os.path.relpath(file)
    return Place(file if relative.startswith(os.pardir) else relative, line)
