"""Events and moments in tables."""

from typing import Any

from cqrs_cli.cli.printing.documents import Column

COLUMNS = (
    Column("position", "pos"),
    Column("recorded_at", "recorded at", drop=2),
    Column("stream"),
    Column("version", "ver"),
    Column("type", whole=False),
    Column("data", drop=1),
)


def event_row(record: Any) -> dict[str, Any]:
    """The row of a table for an event's record."""
    return shown_times(record, "recorded_at")


def shown_times(record: Any, *names: str) -> dict[str, Any]:
    """The record with these times as people read them, exact enough to be given back to `--at`."""
    return {**record, **{name: record[name][:23].replace("T", " ") for name in names}}
