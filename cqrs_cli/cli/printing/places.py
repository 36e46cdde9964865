"""Where in whose files something is, for programs that show it there."""

import contextlib
import inspect
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from cqrs_cli.finding import Spot


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
    return _relative(file, line)


def place_of_subject(subject: Any, otherwise: str) -> Place:
    """Where a class, a function or a `Spot` is; for anything else, and what has no source, the file `otherwise`."""
    if isinstance(subject, Spot):
        return _relative(subject.file, subject.line)
    if subject is None or isinstance(subject, type):
        return place_of(subject, otherwise)
    return place_of_function(subject) or place_of(None, otherwise)


def place_of_function(function: Callable[..., Any]) -> Place | None:
    """Where a function begins, its decorators aside; None without a source."""
    with contextlib.suppress(OSError, TypeError):
        inner = inspect.unwrap(function)
        lines, first = inspect.getsourcelines(inner)
        below = next((number for number, line in enumerate(lines) if re.match(r"\s*(async\s+)?def\s", line)), 0)
        return _relative(inspect.getsourcefile(inner) or inner.__code__.co_filename, first + below)
    return None


def _relative(file: str, line: int | None) -> Place:
    relative = os.path.relpath(file)
    return Place(file if relative.startswith(os.pardir) else relative, line)
