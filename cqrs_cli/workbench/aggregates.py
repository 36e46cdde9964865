"""The repository of aggregates: loaded by key or stream, step by step, or all; and the one cache of their states."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from cqrs_cli.domain.aggregate import Aggregate, AggregateType
from cqrs_cli.domain.decision import Decided, Target, target_of
from cqrs_cli.domain.fold import A, AggregateFold, State, Watch
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import InvalidInput, Misuse, NotFound
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import no_stream
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.snapshots import Snapshots


class CachedStates:
    """The states that the last commands left, by stream; over the limit the one that was put in longest ago goes.

    A state that so many bytes went into at once is not kept: a few hundred of 1 MB would be all the memory there is.

    Each step is one operation on the dict, so that several threads may take and put.
    """

    def __init__(self, limit: int, most_bytes: int) -> None:
        self._states: OrderedDict[str, State[Any]] = OrderedDict()
        self._limit, self._most_bytes, self.clear = limit, most_bytes, self._states.clear

    def take(self, stream: str) -> State[Any] | None:
        """The state of the stream, which the caller may change; the cache has it no more."""
        return self._states.pop(stream, None)

    def put(self, decided: Decided) -> None:
        """Remember the state that a decision led to for the next command of its stream."""
        if decided.commit is not None:
            size = 0
            for event in decided.commit.events:
                size += len(event[3])
            if size > self._most_bytes:
                return
        self._states[decided.stream] = decided.state
        if len(self._states) > self._limit:
            self._states.popitem(last=False)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._states))


class Aggregates:
    """The aggregates of a domain in a store."""

    def __init__(self, engine: Engine) -> None:
        self._store, self._domain, self._codec = engine.store, engine.domain, engine.codec
        self._folds: dict[str, AggregateFold] = {}
        self._has_snapshots = any(each.cls.keywords.snapshot_every for each in engine.domain.aggregates.values())
        self.cached = CachedStates(engine.limits.cached_states, engine.limits.cached_bytes)
        self.snapshots = Snapshots(engine, lambda stream: self.fold_of(self._domain.aggregate_of(stream)))

    def fold_of(self, aggregate: AggregateType) -> AggregateFold:
        """The aggregate's fold, made once."""
        fold = self._folds.get(aggregate.category)
        if fold is None:
            fold = self._folds[aggregate.category] = AggregateFold(aggregate, self._codec)
        return fold

    def stream_of(self, aggregate: type[Aggregate] | str, *key: Any) -> str:
        """The stream of the aggregate with this key, or of this name. Raises `NotFound`, `InvalidInput`."""
        if isinstance(aggregate, str):
            if key:
                raise InvalidInput(f"{aggregate!r} with a key", hint="a stream's name alone, or a class and its key")
            if "-" not in aggregate and self._domain.aggregate_of(aggregate):
                raise no_stream(self._store, aggregate)
            return self.called_in_store(aggregate)
        kind = self._domain.aggregate(aggregate)
        if len(key) != len(kind.key):
            message = f"the key of {aggregate.__name__} is ({', '.join(kind.key)}), not {len(key)} values"
            raise InvalidInput(message, hint="one value for each part")
        stream = kind.stream_of(key)
        kind.key_of(stream)  # a text for a UUID must be one
        return self.called_in_store(stream)

    def target_of(self, command: Command) -> Target:
        """Who decides the command, on which stream of the store. Raises as `decision.target_of`, and `Misuse`."""
        return self.called(target_of(self._domain, command))

    def called(self, target: Target) -> Target:
        """The target with the name that its stream has in the store, which may be an older one. Raises `Misuse`."""
        aggregate = target.aggregate
        if not aggregate.aliases or target.made:
            return target
        stream, *others = self._names_of(aggregate, target.stream)
        return target._replace(stream=stream, others=tuple(others))

    def called_in_store(self, stream: str) -> str:
        """The stream of the same key, as it was called when it was opened. Raises `NotFound`, `Misuse`."""
        aggregate = self._domain.aggregate_of(stream)
        return self._names_of(aggregate, stream)[0] if aggregate.aliases else stream

    def _names_of(self, aggregate: AggregateType, stream: str) -> list[str]:
        """The name under which the stream is there, else today's; then the others that it could have."""
        rest = stream.partition("-")[2]
        names = [f"{category}-{rest}" for category in aggregate.categories]
        there = [name for name in names if self._store.version(name)]
        if len(there) > 1:
            raise Misuse(
                f"{' and '.join(there)} are both there, and {aggregate.cls.__name__} has one stream of each key",
                code="two-streams",
                stream=there[0],
                other=there[1],
            )
        return sorted(names, key=lambda name: name not in there)

    def load(
        self, aggregate: type[A] | str, *key: Any, at: int | None = None, at_position: int | None = None
    ) -> State[A]:
        """See `Workbench.load`."""
        stream = self.stream_of(aggregate, *key)
        fold = self.fold_of(self._domain.aggregate_of(stream))
        state = self.snapshots.load(fold, stream, at=at, before=_end(at_position))
        check_found(self._store, stream, state.version, at)
        return state

    def steps(
        self, aggregate: type[A] | str, *key: Any, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[A]]]:
        """See `Workbench.steps`."""
        stream = self.stream_of(aggregate, *key)
        copy = self.fold_of(self._domain.aggregate_of(stream)).copy
        walked = self.walk(stream, at=at, at_position=at_position)
        return ((event, state._replace(state=copy(state.state))) for event, state in walked)

    def walk(
        self, stream: str, *, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[Any]]]:
        """As `steps`, but the state is the fold's own and changes with the next event: to be looked at, not kept."""
        fold = self.fold_of(self._domain.aggregate_of(stream))
        walk = walked(self._store, fold, stream, at=at, at_position=at_position)
        return ((self._domain.envelope(event), state) for event, state in walk)

    def all(self, category: str | None = None, *, at_position: int | None = None) -> Iterator[State[Any]]:
        """See `Workbench.replay_all`."""
        for name in [category] if category is not None else sorted(self._domain.aggregates):
            for each in self._domain.aggregate_of(name).categories:
                yield from self.folded(Selection(category=each, before=_end(at_position), by_stream=True))

    def folded(self, selection: Selection, watch: Watch | None = None) -> Iterator[State[Any]]:
        """The states after the selected events, of one category, stream by stream; a watch sees every event."""
        fold = self.fold_of(self._domain.aggregate_of(selection.stream or selection.category or ""))
        return folded(self._store, fold, selection, watch)

    def take_snapshots(self, written: Iterable[Decided]) -> None:
        """Take the snapshots that are due after these decisions were written, in one transaction. Raises nothing."""
        if self._has_snapshots:
            due = [one.stream for one in written if self.snapshots.due(one.stream, one.before, one.state.version)]
            self.snapshots.take_due(dict.fromkeys(due))


class _Fold(Protocol):
    """An `AggregateFold`, or what folds without a domain."""

    def empty(self, stream: str) -> State[Any]: ...

    def over(
        self, start: State[Any], events: Iterable[StoredEvent | Recorded], watch: Watch | None = None
    ) -> State[Any]: ...


def walked(
    store: Store, fold: _Fold, stream: str, *, at: int | None = None, at_position: int | None = None
) -> Iterator[tuple[Recorded, State[Any]]]:
    """See `Aggregates.walk`: the same with any fold."""
    wanted = Selection(stream=stream, before=_end(at_position))
    last = next(iter(store.read(wanted._replace(backwards=True, limit=1))), None)
    check_found(store, stream, 0 if last is None else last.version, at)

    def steps() -> Iterator[tuple[Recorded, State[Any]]]:
        state = fold.empty(stream)
        for event in store.read(wanted._replace(limit=at)):
            state = fold.over(state, (event,))
            yield event, state

    return steps()


def folded(store: Store, fold: _Fold, selection: Selection, watch: Watch | None = None) -> Iterator[State[Any]]:
    """See `Aggregates.folded`: the same with any fold."""
    read: Any = store.read if watch is not None and watch.envelopes else store.scan
    for stream, of_stream in groupby(read(selection), key=itemgetter(1)):
        yield fold.over(fold.empty(stream), of_stream, watch)


def check_found(store: Store, stream: str, version: int, at: int | None) -> None:
    """Raise `NotFound` for a version of a stream (0: there is no event) that is not what was asked for."""
    if at is not None and 0 < version < at:
        message = f"{stream} has no version {at}, it is at {version}"
        raise NotFound(message, code="version-not-found", stream=stream)
    if version == 0 and store.version(stream):
        raise NotFound(f"no stream {stream} at that point", code="stream-not-found", stream=stream, later=True)
    if version == 0:
        raise no_stream(store, stream)


def _end(at_position: int | None) -> int | None:
    return None if at_position is None else at_position + 1
