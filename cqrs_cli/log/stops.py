"""Events that a projection can't take: where it stopped, and which ones somebody chose to skip.

Both are operational records: they are backed up with the store and never rebuilt.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from cqrs_cli.errors import CqrsError, Misuse, NotFound
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.operational import SKIPS, STOPS
from cqrs_cli.stores.rows import Checkpoint, RowReader, Rows, Scalar, Table, Where
from cqrs_cli.stores.stored_json import stored_object

_FEW = 5_000
Role = Literal["projection", "reaction"]


class Stop(NamedTuple):
    """Where a projection stopped and why. stopped_us: microseconds UTC."""

    projection: str
    position: int
    stream: str
    type: str
    code: str
    error: str
    stopped_us: int


class Skip(NamedTuple):
    """An event that a projection passes over, by whose decision and why. skipped_us: microseconds UTC."""

    projection: str
    position: int
    skipped_by: str
    skipped_us: int
    reason: str


def stops(rows: RowReader) -> dict[str, Stop]:
    """Where processors stopped, by name."""
    return {found[0]: Stop(*found) for found in _few(rows, STOPS)}  # type: ignore[arg-type, misc]


def _few(rows: RowReader, table: Table, *where: Where) -> Iterator[tuple[Scalar, ...]]:
    """All rows of a table that has few, so that no snapshot is opened to stream them."""
    found = list(rows.select(table, where, limit=_FEW))
    return iter(found) if len(found) < _FEW else rows.select(table, where)


def stops_and_skips(rows: RowReader) -> tuple[dict[str, Stop], dict[str, list[Skip]]]:
    """What `stops` and `skips` give, in one question."""
    stopped, skipped = rows.few((STOPS, SKIPS), _FEW)
    if len(stopped) == _FEW or len(skipped) == _FEW:
        return stops(rows), skips(rows)
    found = {row[0]: Stop(*row) for row in stopped}  # type: ignore[arg-type]
    return found, _by_name(Skip(*row) for row in skipped)  # type: ignore[arg-type, return-value]


def record_stop(rows: Rows, name: str, event: StoredEvent | Recorded, error: CqrsError) -> None:
    """Keep where and why a processor stopped, unless another runner could take the event meanwhile."""
    now = rows.checkpoint(name)
    if now is not None and now.position < event.position:
        rows.put(STOPS, [Stop(name, event.position, event.stream, event.type, error.code, error.message, now_us())])


def clear_stop(rows: Rows, name: str) -> None:
    """The processor runs again."""
    rows.delete(STOPS, [(name,)])


def now_us() -> int:
    return time.time_ns() // 1000


def skips(rows: RowReader, *where: Where) -> dict[str, list[Skip]]:
    """The events that processors pass over, by name and position."""
    return _by_name(Skip(*row) for row in _few(rows, SKIPS, *where))  # type: ignore[arg-type]


def skips_of_each(rows: RowReader, projections: Sequence[str]) -> dict[str, list[Skip]]:
    """The events that these pass over, by name and position, in one question."""
    return skips(rows, Where("projection", "in", tuple(projections)))


def _by_name(found: Iterable[Skip]) -> dict[str, list[Skip]]:
    return {name: list(of_name) for name, of_name in groupby(found, key=attrgetter("projection"))}


def skips_of(rows: RowReader, projection: str) -> list[Skip]:
    """The events that the projection passes over, by position."""
    return [Skip(*found) for found in _few(rows, SKIPS, Where("projection", "=", projection))]  # type: ignore[arg-type]


def contained(checkpoint: Checkpoint) -> frozenset[int]:
    """The skipped events that the rows of this checkpoint hold nonetheless: they were skipped for a rebuild, later."""
    try:
        held = json.loads(checkpoint.definition).get("held", ())
        return frozenset(position for position in held if isinstance(position, int))
    except (
        ValueError,
        AttributeError,
        TypeError,
        RecursionError,
    ):  # no definition of ours: the rows need a rebuild anyhow
        return frozenset()


def containing(checkpoint: Checkpoint, position: int) -> Checkpoint:
    """The checkpoint of rows that contain an event which is skipped now. Raises `Damaged`."""
    definition = stored_object(checkpoint.definition, f"the definition in the checkpoint of {checkpoint.name}")
    definition["held"] = sorted(contained(checkpoint) | {position})
    return checkpoint._replace(definition=json.dumps(definition, separators=(",", ":")))


def skip(store: Store, wanted: Skip, reached: int | None, role: Role, also: Callable[[Rows], None]) -> None:
    """Pass an event over, for ever and on record.

    reached: how far the processor has come (None: it never ran), or its rebuild. role: what errors call it.
    also: what changes in the same transaction. Raises `NotFound` without such an event, `Misuse` if it was taken.
    """
    name, position = wanted.projection, wanted.position
    named: dict[str, Any] = {role: name}
    event = next(store.read(Selection(after=position - 1, limit=1)), None) if position > 0 else None
    if event is None or event.position != position:
        raise NotFound(f"there is no event @{position}", code="event-not-found", **named)
    if any(known.position == position for known in skips_of(store.rows, name)):
        raise Misuse(f"{name} skips @{position} already", skipped=position, **named)
    if reached is not None and position <= reached:
        message = f"{name} has taken @{position} in already, it is at @{reached}"
        raise Misuse(message, hint="only what lies ahead can be skipped")
    with store.transaction() as rows:
        also(rows)
        rows.put(SKIPS, [wanted])
