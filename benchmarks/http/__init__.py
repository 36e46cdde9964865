"""`python -m benchmarks http`: `cqrs serve` under load, with followers, and on a long log. On Linux: it reads /proc."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.folders import Folders
from benchmarks.sizes import Sizes


def measure(folder: Path, sizes: Sizes) -> Iterator[tuple[str, str]]:
    """All parts, in turn."""
    from benchmarks.http import followers, load, long_log  # they want the extra, and a system that has /proc

    folders = Folders(folder)
    yield from load.measure(folders, sizes.served_seconds, sizes.turns)
    yield from followers.measure(folders, 4 * sizes.served_seconds)
    long = long_log.made(folders, sizes.served_events)
    yield from long_log.look(folders, long)
    yield from followers.from_the_beginning(folders, long)
