"""The records of what a log has, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli.records.shape import Record, time_of

if TYPE_CHECKING:
    from cqrs_cli.log.statistics import Statistics


def statistics(found: Statistics) -> Record:
    """How much is in a store."""
    return {
        "events": sum(found.types.values()),
        "streams": sum(streams for streams, _ in found.categories.values()),
        "head": found.head,
        "first_recorded_at": time_of(found.first_recorded_us),
        "last_recorded_at": time_of(found.last_recorded_us),
        "categories": [
            {"category": name, "streams": streams, "events": events}
            for name, (streams, events) in sorted(found.categories.items())
        ],
        "types": [{"type": name, "events": count} for name, count in sorted(found.types.items())],
    }


def flat_statistics(record: Record) -> list[Record]:
    """The same as rows: one a category and a type."""
    return [
        {"kind": kind, "name": row[kind], "streams": row.get("streams"), "events": row["events"]}
        for kind, rows in (("category", record["categories"]), ("type", record["types"]))
        for row in rows
    ]


def counted(by: str, value: str | None, events: int) -> Record:
    """How many events there are of one day, user, type …: by is the name of the member."""
    return {by: value, "events": events}


def lag(name: str, position: int, behind: int) -> Record:
    """How far a projection has come and how many positions it is behind the head."""
    return {"projection": name, "position": position, "lag": behind}
