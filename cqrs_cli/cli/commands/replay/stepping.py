"""`cqrs replay --steps`: each event of a stream, when and by whom, and what it changed."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cqrs_cli import records
from cqrs_cli.cli.options.addresses import time_typed
from cqrs_cli.cli.options.generic import labelled, titled
from cqrs_cli.cli.printing.changes import change_line
from cqrs_cli.cli.printing.documents import Column, Short, Table
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.history.blame import check_field
from cqrs_cli.history.changes import placed_changes
from cqrs_cli.history.paths import Path, parse_path
from cqrs_cli.history.steps import HistoryStep, StreamHistory
from cqrs_cli.log.points import Address
from cqrs_cli.log.selection import check_limit

if TYPE_CHECKING:
    from cqrs_cli.history.changes import PlacedChange
    from cqrs_cli.history.folds import Folds

COLUMNS = (
    Column("version", "ver"),
    Column("position", "pos", drop=2),
    Column("recorded_at", "recorded at", moment=True, drop=3),
    Column("type", whole=False),
    Column("user_id", "user", whole=False, drop=1, optional=True),
    Column("changes", least=24),
)


class Window(NamedTuple):
    """Which steps are shown, as typed: see the options of `cqrs replay`."""

    limit: int | None = None
    reverse: bool = False
    since: str | None = None
    until: str | None = None
    changed: str | None = None


def print_steps(session: Session, by: Folds, wanted: Sequence[Address], window: Window) -> None:
    """The steps of these streams, one stream after the other. What is not there is said before anything is printed."""
    since = None if window.since is None else time_typed(window.since)
    until = None if window.until is None else time_typed(window.until)
    changed = None if window.changed is None else parse_path(window.changed)
    check_limit(window.limit)
    histories = [StreamHistory(by, one.stream or "", at=one.version, at_position=one.position) for one in wanted]
    for history in histories:
        check_field(history, changed)

    def told(history: StreamHistory) -> Iterator[dict[str, Any]]:
        every = (
            (step, found)
            for step in history.steps()
            if (since is None or since <= step.event.recorded_us) and (until is None or step.event.recorded_us < until)
            if (found := _changes(step, changed)) or changed is None
        )
        chosen = reversed(deque(every, window.limit)) if window.reverse else itertools.islice(every, window.limit)
        for step, found in chosen:
            state = {"stream": history.name, "version": step.event.version, "state": step.after}
            yield labelled(by, records.step(state, step.event, [change.told for change in found]))

    steps = itertools.chain.from_iterable(map(told, histories))
    empty = "no steps" if changed is None else f"no event changed {window.changed}"
    session.printer.print(
        Table(steps, COLUMNS, row=_row, group=lambda record: titled(by, record["stream"]) or "", empty=empty)
    )


def _changes(step: HistoryStep, wanted: Path | None) -> list[PlacedChange]:
    """What the event changed, as far as it was asked for."""
    every = list(placed_changes(step.difference))
    return [change for change in every if change.concerns(wanted)] if wanted is not None else every


def _row(record: Any) -> dict[str, Any]:
    def told(short: Short) -> str:
        return "; ".join(change_line(change, short) for change in record["changes"])

    return {**record["event"], "changes": told}
