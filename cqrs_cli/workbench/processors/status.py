"""Where processors stand, in one kind of record for projections, process managers and policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from cqrs_cli.domain.row_model import RowType, outdated
from cqrs_cli.errors import CqrsError, Misuse, NeedsRebuild
from cqrs_cli.log.ends import beyond_the_end, head_for
from cqrs_cli.log.stops import Skip, Stop, contained, stops_and_skips
from cqrs_cli.log.waiting import lag_seconds
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Checkpoint, RowReader
from cqrs_cli.workbench.processors.definitions import made_by_others
from cqrs_cli.workbench.processors.taken_in import question, why_refold

REBUILD = "~rebuild"
"""What follows the name of a projection in the name of the checkpoint of its rebuild."""
Kind = Literal["projection", "process", "policy"]


class ProcessorStatus(NamedTuple):
    """Where a processor stands.

    status: `ready`, `behind`, `new` (never run), `stopped` (at an event that it can't take) or
    `needs-rebuild`. lag: events behind the head. lag_seconds: how old the oldest of these is. rows: how many it keeps.
    reason: why it stopped or must be rebuilt.
    source: that other code than today's took part in making the rows, or another Python did (a hint only).
    rebuilding: how far a rebuild came that runs or was interrupted. contained: positions of skipped events
    that are in the rows until these are rebuilt. Of reactions: waiting, deadlines: commands in the outbox;
    failed: open dead letters; rewound: how it was started again (see `definitions`). is_beyond: the log ends before
    what it has read.
    """

    name: str
    kind: Kind
    status: str
    position: int
    lag: int
    lag_seconds: float = 0.0
    rows: int = 0
    reason: str | None = None
    stop: Stop | None = None
    skips: Sequence[Skip] = ()
    source: Literal["code", "python"] | None = None
    rebuilding: int | None = None
    contained: frozenset[int] = frozenset()
    waiting: int = 0
    deadlines: int = 0
    failed: int = 0
    rewound: Sequence[Mapping[str, Any]] = ()
    is_beyond: bool = False


class Whereabouts(NamedTuple):
    """What the store knows of a processor. checkpoint: None if it never ran. skips: what it passes over."""

    checkpoint: Checkpoint | None
    stop: Stop | None = None
    skips: Sequence[Skip] = ()


def look(rows: RowReader, names: Iterable[str]) -> dict[str, Whereabouts]:
    """What the store knows of each of these, in few queries."""
    known, (stopped_at, skipped) = {one.name: one for one in rows.checkpoints()}, stops_and_skips(rows)
    return {name: Whereabouts(known.get(name), stopped_at.get(name), skipped.get(name, [])) for name in names}


def gone(rows: RowReader, projection: RowType) -> str | None:
    """Why rows that have a checkpoint must be made anew, if somebody dropped their table."""
    return None if rows.exists(projection.table) else "its table is gone"


def why_rebuild(store: Store, kind: RowType | None, definition: str, checkpoint: Checkpoint) -> str | None:
    """Why what a processor has (kind: its rows; None for a policy) is not what today's definition makes of the log."""
    changed = outdated(checkpoint.definition, definition) or why_refold(store, checkpoint, definition)
    return changed or (None if kind is None else gone(store.rows, kind))


def needs_rebuild(name: str, reason: str, what: str = "") -> NeedsRebuild:
    """The error of rows that must be made anew before anybody reads them or goes on with them."""
    return NeedsRebuild(f"{what}{name} needs a rebuild: {reason}", projection=name)


class Code(NamedTuple):
    """Today's code of a processor. fault: why it can't go on from a checkpoint, if so."""

    definition: str
    fault: Callable[[Checkpoint], CqrsError | None]


def code_of(store: Store, kind: RowType | None, definition: str, is_policy: bool = False) -> Code:
    """Today's code, which goes on from what it made itself: else it is `NeedsRebuild`, or a reaction asks first.

    kind: None where it is seen otherwise whether the rows are there.
    """

    def fault(found: Checkpoint) -> CqrsError | None:
        reason = why_rebuild(store, kind, definition, found)
        if reason is None:
            return question(store, found, definition)
        if not is_policy:
            return needs_rebuild(found.name, reason)
        return Misuse(  # there is nothing to make anew
            f"{found.name} can't go on: {reason}",
            code="other-domain",
            hint="a policy under a new name= is a new one: let it begin where the old one stands",
        )

    return Code(definition, fault)


class Named(NamedTuple):
    """Who is asked about. shape: of its rows; None for a policy. definition: today's."""

    name: str
    kind: Kind
    shape: RowType | None
    definition: str


def statuses_of(store: Store, asked: Sequence[Named], counted: bool = True) -> list[ProcessorStatus]:
    """What can be told of each from its checkpoint and its rows.

    counted: say how many rows there are, which takes the longer the more there are.
    """
    head = store.head()
    found = look(store.rows, [one.name + suffix for one in asked for suffix in ("", REBUILD)])
    told = [_status(store, one, head, found[one.name], found[one.name + REBUILD].checkpoint, counted) for one in asked]
    if any(one.position > head for one in told):  # others may have appended since
        head = head_for(store, max(one.position for one in told))
        told = [_beyond(one, head) if one.position > head else one for one in told]
    seconds = {position: lag_seconds(store, position) for position in {one.position for one in told if one.lag}}
    return [one._replace(lag_seconds=seconds.get(one.position, 0.0)) for one in told]


def _beyond(one: ProcessorStatus, head: int) -> ProcessorStatus:
    """Of one that has read what is not there: what comes there next it would pass over."""
    return one._replace(status="stopped", reason=beyond_the_end(one.position, head), is_beyond=True)


def _status(
    store: Store, one: Named, head: int, found: Whereabouts, building: Checkpoint | None, counted: bool
) -> ProcessorStatus:
    (name, kind, shape, definition), (checkpoint, stop, skips) = one, found
    if checkpoint is None:
        return ProcessorStatus(name, kind, "new", 0, head, skips=skips)
    reason, count = why_rebuild(store, shape, definition, checkpoint), 0
    if shape is not None and counted:
        try:
            count = store.rows.count(shape.table)
        except NeedsRebuild as error:  # the table went meanwhile
            reason = reason or error.message
    if stop is not None and stop.position <= checkpoint.position:
        stop = None  # another runner has passed that since
    lag = max(head - checkpoint.position, 0)
    status = "behind" if lag else "ready"
    source = made_by_others(checkpoint.definition, definition) if reason is None and shape is not None else None
    if reason is not None:
        status = "needs-rebuild"
    elif (asked := question(store, checkpoint, definition)) is not None:
        status, reason = "stopped", asked.message
    elif stop is not None:
        status, reason = "stopped", f"at @{stop.position} ({stop.type} in {stop.stream}): {stop.error}"
    return ProcessorStatus(
        name,
        kind,
        status,
        checkpoint.position,
        lag,
        rows=count,
        reason=reason,
        stop=stop,
        skips=skips,
        source=source,
        rebuilding=building.position if building is not None and kind == "projection" else None,
        contained=contained(checkpoint),
    )
