"""The records of states of aggregates, and of their snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cqrs_cli.jsonable import jsonable
from cqrs_cli.records.changes import CHANGE
from cqrs_cli.records.events import event
from cqrs_cli.records.shape import Record, named
from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.domain.fold import State
    from cqrs_cli.history.changes import Change
    from cqrs_cli.history.snapshot_comparison import Difference
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.workbench.snapshots import Judged, Taken

TAKEN = ("stream", "version", "status", "reason")
SNAPSHOT = ("stream", "version", "position", "aggregate_version", "bytes", "taken_at", "status", "reason")
DIFFERENCE = ("stream", "path", "kept", "folded")
taken: Callable[[Taken], Record] = partial(named, TAKEN)
difference: Callable[[Difference], Record] = partial(named, DIFFERENCE)


def state(found: State[Any]) -> Record:
    """The state of an aggregate."""
    return {"stream": found.stream, "version": found.version, "state": jsonable(found.state)}


def step(record: Record, recorded: Recorded, changes: Iterable[Change]) -> Record:
    """A state (its record), the event that led to it, and what that changed."""
    return {**record, "event": event(recorded), "changes": [named(CHANGE, change) for change in changes]}


def snapshot(one: Judged) -> Record:
    """A snapshot, and whether it counts for today's code."""
    found, status = one.snapshot, "valid" if one.reason is None else "ignored"
    size, taken_at = len(found.state.encode()), rfc3339(found.taken_us)
    values = (found.stream, found.version, found.position, found.aggregate_version, size, taken_at, status, one.reason)
    return named(SNAPSHOT, values)


def comparison(compared: int, differences: Sequence[Difference]) -> Record:
    """How many streams with a snapshot were compared, and what differs."""
    return {"compared": compared, "differences": [difference(one) for one in differences]}
