"""Where processors stand, in one kind of record for projections, process managers and policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from cqrs_cli.domain.row_model import RowType, outdated, source_changed
from cqrs_cli.log.stops import Skip, Stop, contained, stop_ahead
from cqrs_cli.stores.rows import Checkpoint, RowReader


class ProcessorStatus(NamedTuple):
    """Where a processor stands.

    status: `ready`, `behind`, `new` (never run), `stopped` (at an event that it can't take) or
    `needs-rebuild`. lag: events behind the head. rows: how many it keeps. reason: why it stopped or must be rebuilt.
    source_changed: the code of its clauses is not the one that the rows were made with (a hint only).
    rebuilding: how far a rebuild came that runs or was interrupted. contained: positions of skipped events
    that are in the rows until these are rebuilt. Of reactions: waiting, deadlines: commands in the outbox;
    failed: open dead letters.
    """

    name: str
    kind: Literal["projection", "process", "policy"]
    status: str
    position: int
    lag: int
    rows: int = 0
    reason: str | None = None
    stop: Stop | None = None
    skips: Sequence[Skip] = ()
    source_changed: bool = False
    rebuilding: int | None = None
    contained: frozenset[int] = frozenset()
    waiting: int = 0
    deadlines: int = 0
    failed: int = 0


def gone(rows: RowReader, projection: RowType) -> str | None:
    """Why rows that have a checkpoint must be made anew, if somebody dropped their table."""
    return None if rows.exists(projection.table) else "its table is gone"


def status_of(
    rows: RowReader, kept: RowType | None, definition: str, checkpoint: Checkpoint, head: int
) -> ProcessorStatus:
    """What can be told from its checkpoint and its rows (kept: None for a policy), with today's definition."""
    reason = outdated(checkpoint.definition, definition) or (gone(rows, kept) if kept is not None else None)
    stop = stop_ahead(rows, checkpoint.name, checkpoint.position)
    lag = max(head - checkpoint.position, 0)
    status = "behind" if lag else "ready"
    changed = reason is None and source_changed(checkpoint.definition, definition)
    if reason is not None:
        status = "needs-rebuild"
    elif stop is not None:
        status, reason = "stopped", f"at @{stop.position} ({stop.type} in {stop.stream}): {stop.error}"
    return ProcessorStatus(
        checkpoint.name,
        "projection",
        status,
        checkpoint.position,
        lag,
        rows.count(kept.table) if kept is not None else 0,
        reason,
        stop,
        source_changed=changed,
        contained=contained(checkpoint),
    )
