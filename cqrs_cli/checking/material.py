"""What a check has to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from cqrs_cli.domain.domain import Domain
from cqrs_cli.workbench.workbench import Workbench

Progress = Callable[[str, int | None, str], AbstractContextManager[Callable[[int], object]]]
"""Shows how far something is: what is done, how many there are (None: nobody knows), of what."""


class Material(NamedTuple):
    """A domain and what is at hand beside it. Each part takes what it needs of it.

    app, folder: `module:attribute` and the folder of the settings, by which another process loads the same domain.
    bench: the domain on a store, read only; None if there is none, and `no_store` says so. rules: those of the
    settings. reserved: names that options of the command line have. against: what the lock is compared with, None for
    the lock file. commands: whether stored commands are looked at, too. store: the path or URL by which another process
    opens the same store, with its password; None: the name that the store has.
    """

    domain: Domain
    app: str
    folder: Path
    bench: Workbench | None
    no_store: str
    progress: Progress
    rules: Mapping[str, Any] = {}
    reserved: frozenset[str] = frozenset()
    against: str | None = None
    commands: bool = False
    store: str | None = None
