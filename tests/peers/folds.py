"""The fold, written once more: what states and rows must be, from nothing but the events and the clauses.

No cache, no snapshot, no checkpoint and no batch is in it, so it can be compared with whatever the workbench gives.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from cqrs_cli import Workbench
from cqrs_cli.domain.row_model import Delete
from cqrs_cli.stores.commits import Recorded

Rows = dict[tuple[Any, ...], Any]


def slim(events: Iterable[Recorded]) -> list[tuple[Any, ...]]:
    """What two logs of the same commands have in common."""
    return [(event.stream, event.version, event.type, event.schema_version, event.data) for event in events]


def of_stream(events: Iterable[Recorded], stream: str) -> list[Recorded]:
    """Those of one stream."""
    return [event for event in events if event.stream == stream]


def state_of(bench: Workbench, stream: str, events: Sequence[Recorded]) -> Any:
    """The state of an aggregate after these events of its stream."""
    aggregate = bench.domain.aggregate_of(stream)
    state = aggregate.empty(aggregate.key_of(stream))
    for event in events:
        decoded = bench.codec.decode(event)
        clause = aggregate.evolvers.get(type(decoded))
        if clause is not None:
            state = clause.function(state, copy.deepcopy(decoded)) or state
    return state


def rows_of(bench: Workbench, name: str, events: Iterable[Recorded]) -> Rows:
    """The rows of a read model after these events, by key."""
    model = bench.domain.rows_of(name)
    rows: Rows = {}
    for event in events:
        cls: Any = bench.domain.events.get(event.type)
        if cls is None or cls not in bench.domain.routes[model.name]:
            continue
        decoded, clause = bench.codec.decode(event), model.evolvers[cls]
        for key in _keys_of(bench, model, clause, decoded, event):
            row = rows.get(key) or model.cls(**dict(zip(model.table.key, key, strict=True)))
            result = clause.function(row, copy.deepcopy(decoded), *((event,) if clause.recorded else ()))
            if isinstance(result, Delete):
                rows.pop(key, None)
            else:
                rows[key] = row if result is None else result
    return rows


def _keys_of(bench: Workbench, model: Any, clause: Any, decoded: Any, event: Recorded) -> list[tuple[Any, ...]]:
    if clause.key is not None:
        found = clause.key(decoded, event)
        found = [] if found is None else found if isinstance(found, list) else [found]
        return list(dict.fromkeys(key if isinstance(key, tuple) else (key,) for key in found))
    return [tuple(_field_of_key(bench, name, decoded, event) for name in model.table.key)]


def _field_of_key(bench: Workbench, name: str, decoded: Any, event: Recorded) -> Any:
    if name in type(decoded).model_fields:
        return getattr(decoded, name)
    category, _, id = event.stream.partition("-")
    if category in bench.domain.reactions:  # a rejection, in the process's own stream
        return UUID(id)
    aggregate = bench.domain.aggregate_of(event.stream)
    return dict(zip(aggregate.key, aggregate.key_of(event.stream), strict=True))[name]


def by_key(bench: Workbench, name: str, rows: Iterator[Any]) -> Rows:
    """Rows as the workbench gives them, by key."""
    key = bench.domain.rows_of(name).table.key
    return {tuple(getattr(row, field) for field in key): row for row in rows}


def live_rows(bench: Workbench, name: str) -> Rows:
    """The rows that are there now; none if there is no table yet."""
    there = bench.store.rows.exists(bench.domain.rows_of(name).table)
    return by_key(bench, name, bench.rows(name)) if there else {}
