"""The fewest events of a stream after which a rule still fails: delta debugging (Zeller and Hildebrandt 2002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cqrs_cli.domain.fold import AggregateFold
from cqrs_cli.errors import DomainFailed, Misuse
from cqrs_cli.history.bisect import search_streams
from cqrs_cli.history.rules import Rule
from cqrs_cli.log.matching import FIELDS, RecordedFields
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench

T = TypeVar("T")


def fewest_events(bench: Workbench, rule: Rule, stream: str, version: int | None = None) -> list[Recorded] | None:
    """Events of the stream, the last of which breaks the rule, of which none can be left out; None if it holds.

    version: look no further. Events without which others can't be folded stay. Raises what the search for breaks does.
    """
    search = search_streams(bench, [rule], Selection(stream=stream), at=version)
    if not search.breaks:
        return None
    events = list(bench.log(Selection(stream=stream, before=search.breaks[0].position + 1)))
    last, fold = events[-1], bench.aggregates.fold_of(bench.domain.aggregate_of(stream))

    def fails(some: Sequence[Recorded]) -> bool:
        return _breaks(fold, rule, stream, [*some, last])

    return [*fewest(events[:-1], fails), last]


def fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Some of the items, in their order, with which it still fails, and without any one of which it does not.

    fails: is true of all items.
    """
    left, size = list(items), -(-len(items) // 2)
    while size and left:
        start, before = 0, len(left)
        while start < len(left):
            without = left[:start] + left[start + size :]
            if fails(without):
                left = without
            else:
                start += size
        if size > 1:
            size //= 2
        elif len(left) == before:
            break
    return left


class _Elsewhere(Exception):
    """The rule fails before the last event."""


def _breaks(fold: AggregateFold, rule: Rule, stream: str, events: Sequence[Recorded]) -> bool:
    """Whether the rule fails after the last event, and after none before it."""
    watch = _Watch(rule, fold.copy, events[-1])
    try:
        fold.over(fold.empty(stream), events, watch)
    except (DomainFailed, Misuse, _Elsewhere):  # without some events others can't be folded, or judged
        return False
    return watch.broken


class _Watch:
    """Asks a rule after each event. envelopes: it sees events as `Recorded`."""

    envelopes = True

    def __init__(self, rule: Rule, copy: Callable[[Any], Any], last: Recorded) -> None:
        self._rule, self._copy, self._last, self.broken = rule, copy, last, False
        self._of_event = rule.needs & frozenset((*FIELDS, "user_id", "recorded"))

    def copy(self, state: Any) -> Any:
        return self._copy(state) if "before" in self._rule.needs else None

    def look(self, stored: Any, event: Any, before: Any, state: Any, key: Any) -> None:
        values = {"state": state, "before": before, "event": event}
        if self._of_event:
            fields = RecordedFields(stored)
            values |= {name: fields if name == "recorded" else fields[name] for name in self._of_event}
        if not self._rule.holds(values.get):
            if stored is not self._last:
                raise _Elsewhere
            self.broken = True
