"""The operational tables: records of `cqrs` itself, beside the read models. Every store has them when it is made.

They are written and read through `Rows`, and nobody but the store creates or changes them: its schema says how
they came about. The names of the columns are explained in docs/format.md.
"""

from __future__ import annotations

from cqrs_cli.stores.rows import Column, Table


def _columns(declared: str) -> tuple[Column, ...]:
    """`name kind` for each column, with commas; `name kind null` where it may be absent."""
    words = [column.split() for column in declared.split(",")]
    return tuple(Column(name, kind, nullable=bool(null)) for name, kind, *null in words)


STOPS = Table(
    "cqrs_stops",
    _columns(
        "projection text, position integer, stream text, type text, code text, error text, stopped_us integer",
    ),
    ("projection",),
)
SKIPS = Table(
    "cqrs_skips",
    _columns("projection text, position integer, skipped_by text, skipped_us integer, reason text"),
    ("projection", "position"),
)
_COMMAND = (
    "reaction text, event_id text, number integer, attempt integer, position integer, recorded_us integer, "
    "process text, clause text, deadline text null, due_us integer, command text, schema_version integer, data text, "
    "correlation_id text, user_id text null, metadata text"
)
OUTBOX = Table(
    "cqrs_outbox",
    _columns(f"slot text, {_COMMAND}"),
    ("reaction", "process", "slot"),
    indexes=(("reaction", "due_us", "position", "number"), ("correlation_id",)),
)
DEAD_LETTERS = Table(
    "cqrs_dead_letters",
    _columns(
        f"{_COMMAND}, command_id text, code text, reason text, failed_us integer, "
        "dropped_us integer null, dropped_by text null, dropped_because text null"
    ),
    ("reaction", "event_id", "number", "attempt"),
    indexes=(("command_id",), ("correlation_id",)),
)
SNAPSHOTS = Table(
    "cqrs_snapshots",
    _columns(
        "stream text, version integer, position integer, aggregate_version integer, fingerprint text, state json, "
        "taken_us integer"
    ),
    ("stream",),
)
ORIGINS = Table(
    "cqrs_origins",
    _columns(
        "source text, kind text, source_position integer, source_hash text null, position integer, taken_us integer"
    ),
    ("source",),
)
REJECTIONS = Table(
    "cqrs_rejections",
    _columns(
        "command_id text, command text, schema_version integer, data text, issued_us integer, user_id text null, "
        "correlation_id text, causation_id text null, metadata text null, stream text, version integer, "
        "position integer, code text, reason text, rejected_us integer"
    ),
    ("command_id",),
    indexes=(("rejected_us",),),
)
OPERATIONAL = (STOPS, SKIPS, OUTBOX, DEAD_LETTERS, SNAPSHOTS, ORIGINS, REJECTIONS)
