"""What one recorded event did: to the state of its aggregate, and which rows it concerns."""

from __future__ import annotations

from typing import Any, NamedTuple

from cqrs_cli.domain.routes import keys_of
from cqrs_cli.history.changes import Change, changes
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.workbench.workbench import Workbench


class Concerned(NamedTuple):
    """A row, whether or not it is there: of which projection or process manager, and its key."""

    projection: str
    key: tuple[Any, ...]


def state_changes(bench: Workbench, event: Recorded) -> list[Change]:
    """What the event changed in its aggregate. Raises `NotFound` for a stream of no aggregate, and what `load` does."""
    aggregate = bench.domain.aggregate_of(event.stream)
    before = aggregate.empty(aggregate.key_of(event.stream))
    if event.version > 1:
        before = bench.replay(event.stream, at=event.version - 1).state
    after = bench.replay(event.stream, at=event.version).state
    return changes(bench.jsonable(before), bench.jsonable(after))


def rows_concerned(bench: Workbench, event: Recorded) -> list[Concerned]:
    """The rows that the event concerns, by projection. Raises what decoding the event and the domain's `key=` do."""
    found = []
    decoded: Any = None
    for rows in sorted(bench.domain.row_types(), key=lambda rows: rows.name):
        for kind, route in bench.domain.routes[rows.name].items():
            if event.type not in (kind.stored.name, *kind.stored.aliases):
                continue
            decoded = bench.codec.decode(event) if decoded is None else decoded
            found += [Concerned(rows.name, key) for key in keys_of(rows, route)(decoded, event)]
    return found
