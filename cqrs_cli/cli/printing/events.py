"""Events as rows: a line each, without titles.

@7  2026-01-01T10:00:00.123Z  order-17@5  OrderPaid  amount=7.20    by ada
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cqrs_cli.cli.printing.documents import Column, Table
from cqrs_cli.cli.printing.styles import of_stream
from cqrs_cli.cli.printing.times import day_and_time

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer

COLUMNS = (
    Column("position", style="dim"),
    Column("recorded_at", "recorded at", moment=True, style="dim"),
    Column("stream", style=of_stream),
    Column("type", whole=False, least=10),
    Column("data", fills=True, least=6),
    Column("by", optional=True, drop=1),
)
_OF_A_DAY = (COLUMNS[0], Column("recorded_at", "recorded at", whole=True, style="dim"), *COLUMNS[2:])


def event_row(record: Any) -> dict[str, Any]:
    """The row of a table for an event's record."""
    by = record["user_id"]
    return {
        **record,
        "data": None if record["data"] == "{}" else record["data"],
        "position": f"@{record['position']}",
        "stream": f"{record['stream']}@{record['version']}",
        "by": None if by is None else f"by {by}",
    }


def event_table(
    printer: Printer, events: Iterable[dict[str, Any]], empty: str | None = None, members: Iterable[str] = ()
) -> Table:
    """Events as a table; where lines are short under the day of each, so that a line has the time alone."""
    if not printer.cuts:
        return Table(events, COLUMNS, row=event_row, empty=empty, members=members, head=False)
    local = printer.settings.local

    def row(record: Any) -> dict[str, Any]:
        return {**event_row(record), "recorded_at": day_and_time(record["recorded_at"], local)[1]}

    def day(record: Any) -> str:
        return day_and_time(record["recorded_at"], local)[0]

    return Table(events, _OF_A_DAY, row=row, group=day, empty=empty, members=members, head=False)
