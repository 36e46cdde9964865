"""What one recorded event did: to the state of its aggregate, and which rows it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cqrs_cli.domain.fold import State
from cqrs_cli.domain.routes import keys_of
from cqrs_cli.history.changes import Change, changes
from cqrs_cli.history.folds import Folds
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.workbench.workbench import Workbench


class Concerned(NamedTuple):
    """A row, whether or not it is there: of which projection or process manager, and its key, by column."""

    projection: str
    key: Mapping[str, Any]


def state_changes(folds: Folds, event: Recorded, before: State[Any] | None = None) -> list[Change]:
    """What the event changed in the state of its stream. before: the state before it, if it is at hand.

    Raises `NotFound` for one that can't be folded, and what folding it does.
    """
    kind = folds.kind_of(event.stream)
    if before is None:
        is_first = event.version == 1
        before = kind.fold.empty(event.stream) if is_first else folds.load(event.stream, at=event.version - 1)
    told = folds.plain(before.state)
    after = kind.fold.over(before._replace(state=kind.fold.copy(before.state)), (event,))
    return changes(told, folds.plain(after.state), kind.shape)


def rows_concerned(bench: Workbench, event: Recorded) -> list[Concerned]:
    """The rows that the event concerns, by projection. Raises what decoding the event and the domain's `key=` do."""
    found = []
    decoded: Any = None
    for rows in sorted(bench.domain.row_types(), key=lambda rows: rows.name):
        for kind, route in bench.domain.routes[rows.name].items():
            if event.type not in (kind.stored.name, *kind.stored.aliases):
                continue
            decoded = bench.codec.decode(event) if decoded is None else decoded
            keys = keys_of(rows, route)(decoded, event)
            found += [Concerned(rows.name, dict(zip(rows.table.key, key, strict=True))) for key in keys]
    return found
