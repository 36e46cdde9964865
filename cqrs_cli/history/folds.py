"""What makes states of streams: a domain's aggregates here; `generic` does it without a domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cqrs_cli.domain.fold import State, Watch
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import stream_named
from cqrs_cli.workbench.workbench import Workbench

if TYPE_CHECKING:
    from cqrs_cli.history.clauses import ClauseOf
    from cqrs_cli.history.shapes import Shape


class StreamFold(Protocol):
    """Folds streams. What it raises names the event."""

    def empty(self, stream: str) -> State[Any]:
        """The stream before its first event."""
        ...

    def over(
        self, start: State[Any], events: Iterable[StoredEvent | Recorded], watch: Watch | None = None
    ) -> State[Any]:
        """The state after these events of one stream. It is `start`'s state object, changed."""
        ...

    def copy(self, state: Any) -> Any:
        """The state as an object of its own, with which nothing is shared that can change."""
        ...


class Kind(NamedTuple):
    """Streams that are folded alike.

    category: today's name; categories: older ones too. state: the type of their states, `Any` if nothing is known.
    """

    category: str
    categories: tuple[str, ...]
    fold: StreamFold
    state: Any
    shape: Shape
    clause_of: ClauseOf


class Folds(Protocol):
    """All that makes states of a store's streams."""

    store: Store

    @property
    def name(self) -> str | None:
        """What these folds are called where they are no domain's."""
        ...

    def kind_of(self, stream: str) -> Kind:
        """How a stream, or a category, is folded. Raises `NotFound`."""
        ...

    def load(self, stream: str, *, at: int | None = None, at_position: int | None = None) -> State[Any]:
        """A stream's state, at a version or a position. Raises `NotFound`, and what its fold raises."""
        ...

    def walk(
        self, stream: str, *, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[Any]]]:
        """Each event with the state after it, which changes with the next. Raises `NotFound` at once."""
        ...

    def folded(self, selection: Selection, watch: Watch | None = None) -> Iterator[State[Any]]:
        """The states after the selected events of one category, stream by stream; a watch sees every event."""
        ...

    def plain(self, state: Any) -> dict[str, Any]:
        """A state as plain JSON values, which stay as they are."""
        ...

    def log(self, selection: Selection = Selection()) -> Iterator[Recorded]:
        """The selected events with their envelopes."""
        ...

    # ── what is typed ─────────────────────────────────────────────────────────────────────────

    def key_of_words(self, word: str) -> tuple[str, int] | None:
        """The category that a word names, and how many words its key has; None if it names none."""
        ...

    def category(self, word: str) -> str:
        """The category that a word names. Raises `NotFound`."""
        ...

    def called(self, stream: str) -> str:
        """The stream as the store has it, of a name that may be cut or an older one. Raises `NotFound`, `Misuse`."""
        ...


class DomainFolds:
    """The folds of a domain's aggregates."""

    name: str | None = None

    def __init__(self, bench: Workbench) -> None:
        self.bench, self.store, self.log = bench, bench.store, bench.log
        self.folded = bench.aggregates.folded

    def kind_of(self, stream: str) -> Kind:
        """See `Folds`."""
        from cqrs_cli.history.clauses import aggregate_clauses  # a state alone is told without
        from cqrs_cli.history.shapes import Shape

        aggregate = self.bench.domain.aggregate_of(stream)
        fold, clauses = self.bench.aggregates.fold_of(aggregate), aggregate_clauses(self.bench, stream)
        return Kind(aggregate.category, aggregate.categories, fold, aggregate.cls, Shape(aggregate.cls), clauses)

    def load(self, stream: str, *, at: int | None = None, at_position: int | None = None) -> State[Any]:
        """See `Folds`. From the stream's snapshot on, if that will do."""
        return self.bench.load(stream, at=at, at_position=at_position)

    def walk(
        self, stream: str, *, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[Any]]]:
        """See `Folds`."""
        return self.bench.aggregates.walk(stream, at=at, at_position=at_position)

    def plain(self, state: Any) -> dict[str, Any]:
        """See `Folds`."""
        return self.bench.jsonable(state)

    def key_of_words(self, word: str) -> tuple[str, int] | None:
        """See `Folds`."""
        found = self.bench.domain.categories.get(word.replace("-", "_"))
        return None if found is None else (found.category, len(found.key))

    def category(self, word: str) -> str:
        """See `Folds`."""
        return self.bench.domain.aggregate_of(word.replace("-", "_")).category

    def called(self, stream: str) -> str:
        """See `Folds`."""
        aggregate, key = self.bench.domain.aggregate_of(stream), stream.partition("-")[2]
        found = stream_named(self.store, stream)
        if aggregate.aliases and key:
            named = (stream_named(self.store, f"{category}-{key}") for category in aggregate.categories)
            found = self.bench.aggregates.called_in_store(next(filter(self.store.version, named), found))
        return found


def folds_of(source: Workbench | Folds) -> Folds:
    """The folds of a workbench; others are what they are."""
    return DomainFolds(source) if isinstance(source, Workbench) else source
