"""Folding a stream into its aggregate: decode, look up the evolve, apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cqrs_cli.domain.aggregate import Aggregate, AggregateType
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.purity import Purity
from cqrs_cli.errors import Undecodable
from cqrs_cli.failure import domain_failed
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.streams import category_of

_Step = tuple[Callable[[bytes], Any], Callable[[Any, Any], Any] | None, str]


A = TypeVar("A", bound=Aggregate)


class State(NamedTuple, Generic[A]):
    """An aggregate at a version. position: of the last event that was folded (0: none)."""

    stream: str
    version: int
    state: A
    position: int = 0


class Watch(Protocol):
    """Looks on while states or rows are folded, event by event. It changes nothing.

    envelopes: whether it wants to see the stored events as `Recorded`.
    """

    envelopes: bool

    def copy(self, state: Any) -> Any:
        """What of a state is to be kept as it was before an event; None for nothing. state: None for no row."""
        ...

    def look(self, stored: Any, event: Any, before: Any, state: Any, key: Any) -> None:
        """An event was taken in. stored, event: as it is stored, and decoded. before: what `copy` gave.

        key: the stream, or the key of the row. What it raises ends the fold as it is.
        """
        ...


class AggregateFold:
    """Folds the streams of one aggregate. What depends on the event's type is looked up once."""

    def __init__(self, aggregate: AggregateType, codec: Codec) -> None:
        self.aggregate, self.codec = aggregate, codec
        self.purity = Purity(aggregate)
        self._steps: dict[tuple[str, int], _Step] = {}

    def empty(self, stream: str) -> State[Any]:
        """The stream's aggregate before its first event."""
        return State(stream, 0, self.aggregate.empty(self.aggregate.key_of(stream)))

    def over(
        self, start: State[Any], events: Iterable[StoredEvent | Recorded], watch: Watch | None = None
    ) -> State[Any]:
        """The state after these events of one stream. It is `start`'s state object, changed: the caller gives it away.

        Raises `Undecodable` and `DomainFailed`, naming the event.
        """
        stream, version, state, position = start
        steps = self._steps
        for event in events:
            step = steps.get((event[3], event[4]))
            if step is None:
                step = self._step(event)
            decode, evolve, where = step
            before = None if watch is None else watch.copy(state)
            try:
                decoded = decode(event[5])
                if evolve is not None:
                    result = evolve(state, decoded)
                    if result is not None:
                        state = self._returned(result)
            except BaseException as error:
                self.codec.decode(event)  # says it with the place, unless it was the evolve that raised
                raise domain_failed(
                    error,
                    f"{where} (event {event.position}, {event.stream} version {event.version})",
                    position=event.position,
                    stream=event.stream,
                    version=event.version,
                ) from error
            position, version = event[0], event[2]
            if watch is not None:
                watch.look(event, decoded, before, state, stream)
        return State(stream, version, state, position)

    def copy(self, state: Aggregate) -> Aggregate:
        """The state as an object of its own, with which nothing is shared that can change."""
        return state.model_copy(deep=not self.purity.flat)

    def apply(self, state: Aggregate, event: Any, command: str) -> Aggregate:
        """The state after one decoded event that `command` came to, not yet in the log. Raises `DomainFailed`."""
        clause = self.aggregate.evolvers.get(type(event))
        if clause is None:
            return state
        try:
            result = clause.function(state, event)
            return state if result is None else self._returned(result)
        except BaseException as error:
            raise domain_failed(error, f"{clause.where} (on the event that {command} decided)") from error

    def _foreign(self, event: StoredEvent | Recorded, what: str, hint: str) -> Undecodable:
        """The error of an event that is none of the aggregate's: renamed, or written by another domain."""
        category = category_of(event.stream)
        return Undecodable(
            f"event {event.position} ({event.stream} version {event.version}): {what}",
            hint=f"{hint}; if another domain on this store has the category {category!r}, give one another category=",
            position=event.position,
            stream=event.stream,
            version=event.version,
            type=event.type,
        )

    def _returned(self, result: Any) -> Aggregate:
        if not isinstance(result, self.aggregate.cls):
            raise TypeError(f"it gave {type(result).__name__}, not None or a {self.aggregate.cls.__name__}")
        return result

    def _step(self, event: StoredEvent | Recorded) -> _Step:
        try:
            decode = self.codec.decoder(event.type, event.schema_version)
        except Undecodable as error:
            if event.type in self.codec.event_names:  # of a version that is not known
                self.codec.decode(event)
            raise self._foreign(event, error.message, str(error.hint)) from None
        cls = self.codec.event_class(event.type)
        if cls not in self.aggregate.events:
            name = self.aggregate.cls.__name__
            hint = f"ignores = ({cls.__name__},) if it means nothing there any more"
            raise self._foreign(event, f"{event.type} is no event of {name}", hint)
        clause = self.aggregate.evolvers.get(cls)
        step = self._steps[(event.type, event.schema_version)] = (
            decode,
            clause.function if clause is not None else None,
            clause.where if clause is not None else cls.__name__,
        )
        return step
