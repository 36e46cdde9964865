"""One version of a stream: the versions around it, the state with what changed in it and which version set what."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cqrs_cli import records
from cqrs_cli.domain.fold import State
from cqrs_cli.errors import CqrsError
from cqrs_cli.history.attribution import Attribution
from cqrs_cli.history.changes import ORDER, PlacedChange, placed_changes
from cqrs_cli.history.comparison import ABSENT
from cqrs_cli.history.folds import Folds
from cqrs_cli.history.paths import path_text
from cqrs_cli.history.steps import HistoryStep, steps_on
from cqrs_cli.http.pages.json_lines import Line, Marked, Place, json_lines
from cqrs_cli.http.pages.site import Site
from cqrs_cli.http.pages.states import BUDGET, States
from cqrs_cli.json_text import json_text
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench

WINDOW = 100
"""Versions that a timeline has."""
BACK = 200
"""Versions before its first that are looked through for what set a field last."""
WEIGHT = 200_000
"""Bytes of states that are compared for one page; of large states fewer."""
PATHS = 3
_HEAD = ("version", "position", "type", "recorded_at", "user_id")


class Told(NamedTuple):
    """What the steps around a version came to.

    step: the version's own; None if it can't be folded (trouble says why), or not yet (reached: so far).
    changes: by version. blame: of what is set in the state, by which version; older: what else was set up to that one.
    """

    step: HistoryStep | None
    changes: dict[int, list[PlacedChange]]
    blame: dict[Place, int]
    older: int | None
    trouble: str | None
    reached: int | None


class View:
    """A version of a stream as its page shows it. last: the newest version."""

    def __init__(self, site: Site, states: States, folds: Folds, stream: str, version: int, last: int) -> None:
        self._site, self._states, self._folds = site, states, folds
        self.stream, self.version, self.last = stream, version, last
        self.first = (version - 1) // WINDOW * WINDOW + 1
        self.end = min(self.first + WINDOW - 1, last)

    def told(self, bench: Workbench) -> dict[str, Any]:
        """Everything for the template."""
        window = Selection(self.stream, after_version=self.first - 1, before_version=self.end + 1)
        events = list(bench.store.read(window))
        told, own = self._told(), events[self.version - self.first]
        return {
            "version": self.version, "last": self.last, "first": self.first, "end": self.end,
            "timeline": [self._row(bench, event, told.changes.get(event.version)) for event in reversed(events)],
            "event": self._site.plain(bench, records.event(own)),
            "generic": self._folds.name, "clause": self._clause(own.type),
            "trouble": None if told.trouble is None else self._site.prose(told.trouble), "reached": told.reached,
            **self._state(bench, told, own),
        }  # fmt: skip

    # ── what is folded ────────────────────────────────────────────────────────────────────────

    def _told(self) -> Told:
        changes: dict[int, list[PlacedChange]] = {}
        found: HistoryStep | None = None
        blame: dict[Place, int] = {}
        begin, trouble = 0, None
        try:
            start, steps = self._start()
            if start.version > self.version - 1 or start.version < self.version - steps:
                return Told(None, {}, {}, None, None, start.version)
            begin = start.version
            value, end = self._folds.plain(start.state), time.perf_counter() + BUDGET
            attribution = Attribution(value, self._folds.kind_of(self.stream).shape)
            for step in steps_on(self._folds, start, max(self.version, min(self.end, begin + steps))):
                version = step.event.version
                if version >= self.first:
                    changes[version] = list(placed_changes(step.difference))
                if version <= self.version:
                    attribution.take(step.difference, step.event)
                elif time.perf_counter() > end:  # what else the timeline could tell is not worth more
                    break
                if version == self.version:
                    found = step
                    set_by = attribution.leaves(step.after)
                    places = zip(_leaves(step.after, ()), set_by, strict=True)
                    blame = {place: event.version for place, (_, _, event) in places if event is not None}
        except CqrsError as error:  # of an event that today's code can't take: what is before it is told
            trouble = error.message
        return Told(found, changes, blame, begin or None, trouble, None)

    def _start(self) -> tuple[State[Any], int]:
        """The state to begin with, or how far it came; and how many steps may be looked at, fewer of large states."""
        base = max(0, self.first - 1 - BACK)
        state = self._states.towards(self._folds, self.stream, base, self.version - 1)
        if state.version < base:
            return state, 0
        weight = len(json_text(self._folds.plain(state.state)))
        steps = max(1, min(BACK + WINDOW, WEIGHT // weight))
        if state.version < self.version - steps:
            state = self._states.towards(self._folds, self.stream, self.version - steps)
        return state, steps

    # ── what is shown ─────────────────────────────────────────────────────────────────────────

    def _row(self, bench: Workbench, event: Recorded, changes: Sequence[PlacedChange] | None) -> dict[str, Any]:
        """An event of the timeline, with the first fields that it changed."""
        record = records.event(event)
        paths = [{"path": path_text(change.path)} for change in (changes or ())[:PATHS]]
        shown = self._site.plain(bench, {name: record[name] for name in _HEAD} | {"changes": paths})
        return shown | {"more": max(0, len(changes or ()) - PATHS)}

    def _state(self, bench: Workbench, told: Told, event: Recorded) -> dict[str, Any]:
        if told.step is None:
            return {"lines": None, "changes": None, "gone": []}
        placed = told.changes[self.version]
        state = {"stream": self.stream, "version": self.version, "state": told.step.after}
        shown = self._site.plain(bench, records.step(state, event, [change.told for change in placed]))
        marks = marked(placed, shown["changes"])
        gone = [one for one, change in zip(shown["changes"], placed, strict=True) if change.new is ABSENT]
        lines: list[Line] = json_lines(shown["state"], marks, told.blame, told.older)
        return {"lines": lines, "changes": shown["changes"], "gone": gone}

    def _clause(self, type: str) -> str | None:
        return self._folds.kind_of(self.stream).clause_of(type)


def marked(placed: Sequence[PlacedChange], shown: Sequence[dict[str, Any]]) -> dict[Place, Marked]:
    """What changed, by where it stands now. shown: the same changes as they may be seen."""
    marks: dict[Place, Marked] = {}
    for change, seen in zip(placed, shown, strict=True):
        if change.path[-1:] == (ORDER,):
            marks.setdefault(change.place, Marked("order"))
        elif change.old is ABSENT:
            marks[change.place] = Marked("add")
        elif change.new is not ABSENT:
            marks[change.place] = Marked("edit", seen["old"])
    return marks


def _leaves(value: Any, place: Place) -> Iterator[Place]:
    """Where the values are that have nothing in them, in the order of `Attribution.leaves`."""
    if isinstance(value, (dict, list)) and value:
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*place, name))
    else:
        yield place
