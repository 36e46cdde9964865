"""Whether snapshots are what the log folds to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cqrs_cli.errors import CqrsError
from cqrs_cli.history.changes import changes
from cqrs_cli.history.shapes import Shape
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench


class Difference(NamedTuple):
    """A place in a state where a load through the snapshot and a fold from the start differ.

    path: as `items[0].quantity`; None for the whole state, where folding from the start fails (`folded` says how).
    """

    stream: str
    path: str | None
    kept: Any
    folded: Any


class Compared(NamedTuple):
    """A stream that was looked at. version: of both states; None without a snapshot that counts."""

    stream: str
    version: int | None
    differences: list[Difference]


def compare(bench: Workbench, streams: Iterable[str]) -> Iterator[Compared]:
    """Load each stream through its snapshot, fold it from the start, and say what differs. Writes nothing."""
    for stream in streams:
        fold = bench.snapshots.fold_of(stream)
        start = bench.snapshots.start(fold, stream)
        if start is None:
            yield Compared(stream, None, [])
            continue
        loaded = fold.over(start, bench.store.scan(Selection(stream=stream, after=start.position)))
        try:
            # Up to where the first one came: others may append meanwhile.
            folded = bench.snapshots.from_the_start(fold, stream, before=loaded.position + 1)
        except CqrsError as error:
            found = [Difference(stream, None, bench.jsonable(loaded.state), f"{error.code}: {error.message}")]
        else:
            told = changes(bench.jsonable(loaded.state), bench.jsonable(folded.state), Shape(fold.aggregate.cls))
            found = [Difference(stream, change.path, change.old, change.new) for change in told]
            if loaded.version != folded.version:
                found.insert(0, Difference(stream, "(version)", loaded.version, folded.version))
        yield Compared(stream, loaded.version, found)
