"""What `cqrs watch` draws: the tail of the log, and below it what is behind, stands still or came to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cqrs_cli import records
from cqrs_cli.cli.commands.watch.looking import Seen
from cqrs_cli.cli.printing.documents import Column, Table, Text
from cqrs_cli.cli.printing.events import event_row
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.printing.styles import of_stream, painted
from cqrs_cli.cli.printing.times import day_and_time, shown_span

_EVENT = (
    Column("position", style="dim"),
    Column("recorded_at", whole=True, drop=3, style="dim"),
    Column("stream", whole=False, least=12, style=of_stream),
    Column("type", whole=False, least=8),
    Column("data", least=6, drop=1),
    Column("by", optional=True, drop=2),
)
_PROCESSOR = (
    Column("name", whole=False, least=10),
    Column("status", least=7),
    Column("position", drop=2),
    "lag",
    Column("lag_seconds", "behind for", whole=True, optional=True),
    Column("failed", optional=True, drop=1),
)
_WORST = {"stopped": 0, "needs-rebuild": 1, "behind": 2, "new": 3}


class Picture:
    """Makes lines of what was seen, for a terminal of any size. title: of the store, and what is chosen of it."""

    def __init__(self, printer: Printer, title: str, most: int) -> None:
        self._printer, self._title, self._most = printer, title, most

    def lines(self, seen: Seen, note: str, size: tuple[int, int]) -> list[str]:
        """As many as the terminal has: what does not fit below is told by a number, the oldest of the log goes."""
        _, height = size
        below = self._below(seen, note, max(height // 2, 3))
        room = max(height - 1 - len(below), 0)
        shown = min(room, self._most)
        events = self._events(seen.events[-shown:] if shown else ())[-room:] if room else []
        head = self._line(f"{self._title}  @{seen.head:,}  q ends", "title")
        return [head, *events, *[""] * (room - len(events)), *below]

    def _line(self, text: str, style: str | None = None) -> str:
        printer = self._printer
        [line] = printer.drawn(Text(text.replace("\n", " ")))
        return painted(printer.cut(line), style if printer.color else None)

    def _events(self, events: Sequence[records.Record]) -> list[str]:
        local = self._printer.settings.local
        today = day_and_time(datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"), local)[0]

        def row(record: Any) -> dict[str, Any]:
            day, time = day_and_time(record["recorded_at"], local)
            return {**event_row(record), "recorded_at": time if day == today else f"{day[:10]}  "}

        return self._printer.drawn(Table(events, _EVENT, row=row, head=False)) if events else []

    def _below(self, seen: Seen, note: str, room: int) -> list[str]:
        rule = self._printer.glyph("─", "-") * (self._printer.width or 80)
        told = [self._line(text, style) for text, style in self._told(seen, note)][: room - 1]
        left = room - 1 - len(told)
        table = self._processors(seen, left) if left > 0 else []
        return [rule, *table, *told]

    def _told(self, seen: Seen, note: str) -> Iterator[tuple[str, str | None]]:
        if seen.trouble is not None:
            yield f"waiting: {seen.trouble}", "worst"
        if seen.statuses is None:
            if seen.trouble is None or seen.head:
                yield "no domain, so no lag is known: --app MODULE:ATTR", "dim"
            for stop in seen.stops:
                where = f"at @{stop.position} ({stop.type} in {stop.stream})"
                yield f"{stop.projection} stopped {where}: {stop.error}", "bad"
        else:
            for one in seen.statuses:
                if one.reason is not None:
                    yield f"{one.name} {one.status}: {one.reason}", "bad"
        if seen.dead:
            yield f"{counted(seen.dead, 'command')} came to nothing: cqrs run --failed", "bad"
        for letter in seen.letters:
            sent = letter.outgoing
            yield f"  @{sent.position} {sent.reaction} {sent.command} {sent.process}: {letter.reason}", None
        if note:
            yield note, "dim"

    def _processors(self, seen: Seen, room: int) -> list[str]:
        """A table of at most so many lines, the worst first; what is left out is a number."""
        statuses = sorted(seen.statuses or (), key=lambda one: (_WORST.get(one.status, 4), -one.lag, one.name))
        if not statuses:
            return []

        def row(one: Any) -> dict[str, Any]:
            found = {name: getattr(one, name) for name in ("name", "status", "position", "lag")}
            return found | {"lag_seconds": shown_span(one.lag_seconds), "failed": one.failed or None}

        shown = max(room - 2 if len(statuses) <= room - 2 else room - 3, 0)
        rest = statuses[shown:]
        lines = self._printer.drawn(Table(list(map(row, statuses[:shown])), _PROCESSOR)) if shown else []
        if rest:
            standing = {one.status for one in rest}
            told = f"all {standing.pop()}" if len(standing) == 1 else f"{sum(one.lag > 0 for one in rest)} behind"
            lines.append(self._line(f"{self._printer.glyph('…', '...')} {len(rest):,} more, {told}", "dim"))
        return lines[:room]
