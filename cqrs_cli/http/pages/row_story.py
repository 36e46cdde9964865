"""The events that concern a row, and which of them each of its fields is from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from cqrs_cli import records
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import NotFound
from cqrs_cli.history.blame import blame
from cqrs_cli.history.changes import placed_changes
from cqrs_cli.history.comparison import ABSENT
from cqrs_cli.history.rows import RowHistory, row_key_text
from cqrs_cli.history.steps import HistoryStep
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.processors.rows import Key
from cqrs_cli.workbench.workbench import Workbench

MOST_STEPS = 200
"""The last events of a row that are shown."""


class _Seen(RowHistory):
    """A history that keeps its last steps while it is read."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.last, self.count = deque[HistoryStep](maxlen=MOST_STEPS), 0

    def steps(self) -> Iterator[HistoryStep]:
        for step in super().steps():
            self.last.append(step)
            self.count += 1
            yield step


def row_story(bench: Workbench, kind: RowType, key: Key, at: int | None, progress: Progress) -> dict[str, Any]:
    """`{"row", "at", "earlier", "fields", "events", "count"}`, from one fold of the log up to a position.

    fields: as `cqrs blame` tells them, none if the row is gone; earlier: then, the position before that.
    events: the last of those that concern it, each with its `changes`; count: of all of them.
    Raises `NotFound` for a row that never was, and what the fold raises.
    """
    end = bench.store.head() if at is None else at
    history = _Seen(bench, kind, key, at, lambda position: progress(position, end))
    earlier = None
    try:
        fields = [records.blamed(one) for one in blame(history)]
    except NotFound as error:
        if not history.count:
            raise
        fields, earlier = [], error.details.get("earlier")
    return {
        "row": row_key_text(kind, key),
        "at": end,
        "earlier": earlier,
        "fields": fields,
        "events": [_step(one) for one in reversed(history.last)],
        "count": history.count,
    }


def _step(step: HistoryStep) -> dict[str, Any]:
    came, went = step.before is ABSENT, step.after is ABSENT
    found = [] if came or went else [records.change(one.told) for one in placed_changes(step.difference)]
    if came and not went:
        found = [{"path": name, "old": None, "new": value} for name, value in step.after.items()]
    return {"event": records.event(step.event), "changes": found, "came": came and not went, "went": went and not came}
