"""The operational tables: records of `cqrs` itself, beside the read models. Every store has them when it is made.

They are written and read through `Rows`, and nobody but the store creates or changes them: its schema says how
they came about. The names of the columns are explained in docs/format.md.
"""

from __future__ import annotations

from cqrs_cli.stores.rows import Column, Table

STOPS = Table(
    "cqrs_stops",
    (
        Column("projection", "text"),
        Column("position", "integer"),
        Column("stream", "text"),
        Column("type", "text"),
        Column("code", "text"),
        Column("error", "text"),
        Column("stopped_us", "integer"),
    ),
    ("projection",),
)
SKIPS = Table(
    "cqrs_skips",
    (
        Column("projection", "text"),
        Column("position", "integer"),
        Column("skipped_by", "text"),
        Column("skipped_us", "integer"),
        Column("reason", "text"),
    ),
    ("projection", "position"),
)
COMMAND_COLUMNS = (
    Column("reaction", "text"),
    Column("event_id", "text"),
    Column("number", "integer"),
    Column("attempt", "integer"),
    Column("position", "integer"),
    Column("recorded_us", "integer"),
    Column("process", "text"),
    Column("clause", "text"),
    Column("deadline", "text", nullable=True),
    Column("due_us", "integer"),
    Column("command", "text"),
    Column("schema_version", "integer"),
    Column("data", "text"),
    Column("correlation_id", "text"),
    Column("user_id", "text", nullable=True),
    Column("metadata", "text"),
)
OUTBOX = Table(
    "cqrs_outbox",
    (Column("slot", "text"), *COMMAND_COLUMNS),
    ("reaction", "process", "slot"),
    indexes=(("reaction", "due_us", "position", "number"), ("correlation_id",)),
)
DEAD_LETTERS = Table(
    "cqrs_dead_letters",
    (
        *COMMAND_COLUMNS,
        Column("command_id", "text"),
        Column("code", "text"),
        Column("reason", "text"),
        Column("failed_us", "integer"),
        Column("dropped_us", "integer", nullable=True),
        Column("dropped_by", "text", nullable=True),
        Column("dropped_because", "text", nullable=True),
    ),
    ("reaction", "event_id", "number", "attempt"),
    indexes=(("command_id",), ("correlation_id",)),
)
SNAPSHOTS = Table(
    "cqrs_snapshots",
    (
        Column("stream", "text"),
        Column("version", "integer"),
        Column("position", "integer"),
        Column("aggregate_version", "integer"),
        Column("fingerprint", "text"),
        Column("state", "json"),
        Column("taken_us", "integer"),
    ),
    ("stream",),
)
OPERATIONAL = (STOPS, SKIPS, OUTBOX, DEAD_LETTERS, SNAPSHOTS)
