"""A history step by step: every event of an aggregate or a row, and what it changed. One fold, whatever it is for.

What is told of the past beyond a state goes through here: steps, blame and diffs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from cqrs_cli.domain.fold import State
from cqrs_cli.history.clauses import ClauseOf
from cqrs_cli.history.comparison import Difference, compare
from cqrs_cli.history.folds import Folds, folds_of
from cqrs_cli.history.shapes import Shape
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench


class HistoryStep(NamedTuple):
    """An event, the state before and after it as plain JSON values (`ABSENT`: no row), and what differs."""

    event: Recorded
    before: Any
    after: Any
    difference: Difference | None


class History(Protocol):
    """What has a history. name: as it is addressed. start: before its first event. clause_of: see `ClauseOf`."""

    name: str
    shape: Shape
    start: Any
    clause_of: ClauseOf

    def steps(self) -> Iterator[HistoryStep]:
        """Its events in order. Raises `Undecodable` and `DomainFailed`, naming the event."""
        ...


def steps_on(source: Workbench | Folds, state: State[Any], last: int) -> Iterator[HistoryStep]:
    """The steps of a stream from a state on (which changes with them) to a version. Raises as `History.steps`."""
    folds = folds_of(source)
    kind, before = folds.kind_of(state.stream), folds.plain(state.state)
    rest = Selection(stream=state.stream, after=state.position, limit=last - state.version)
    for event in folds.store.read(rest):
        state = kind.fold.over(state, (event,))
        after = folds.plain(state.state)
        yield HistoryStep(event, before, after, compare(before, after, kind.shape))
        before = after


class StreamHistory:
    """The history of an aggregate, or without a domain of a stream. at, at_position: its last version or position.

    Raises at once `NotFound` if the stream, or the version, is not there.
    """

    def __init__(
        self, source: Workbench | Folds, stream: str, *, at: int | None = None, at_position: int | None = None
    ) -> None:
        folds = folds_of(source)
        kind = folds.kind_of(stream)
        self.name, self.shape, self.clause_of = stream, kind.shape, kind.clause_of
        self._plain, self._walked = folds.plain, folds.walk(stream, at=at, at_position=at_position)
        self.start: Any = self._plain(kind.fold.empty(stream).state)

    def steps(self) -> Iterator[HistoryStep]:
        """Once."""
        before = self.start
        for event, state in self._walked:
            after = self._plain(state.state)
            yield HistoryStep(event, before, after, compare(before, after, self.shape))
            before = after
