"""The repository of aggregates: loaded by key or stream, step by step, or all; and the one cache of their states."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from cqrs_cli.domain.aggregate import Aggregate, AggregateType
from cqrs_cli.domain.decision import Decided
from cqrs_cli.domain.fold import A, AggregateFold, State
from cqrs_cli.errors import InvalidInput, NotFound
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
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
            return aggregate
        kind = self._domain.aggregate(aggregate)
        if len(key) != len(kind.key):
            message = f"the key of {aggregate.__name__} is ({', '.join(kind.key)}), not {len(key)} values"
            raise InvalidInput(message, hint="one value for each part")
        stream = kind.stream_of(key)
        kind.key_of(stream)  # a text for a UUID must be one
        return stream

    def load(
        self, aggregate: type[A] | str, *key: Any, at: int | None = None, at_position: int | None = None
    ) -> State[A]:
        """See `Workbench.load`."""
        stream = self.stream_of(aggregate, *key)
        fold = self.fold_of(self._domain.aggregate_of(stream))
        state = self.snapshots.load(fold, stream, at=at, before=_end(at_position))
        self._check_found(stream, state.version, at)
        return state

    def steps(
        self, aggregate: type[A] | str, *key: Any, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[A]]]:
        """See `Workbench.steps`."""
        stream = self.stream_of(aggregate, *key)
        wanted = Selection(stream=stream, before=_end(at_position))
        fold = self.fold_of(self._domain.aggregate_of(stream))
        last = next(iter(self._store.read(wanted._replace(backwards=True, limit=1))), None)
        self._check_found(stream, 0 if last is None else last.version, at)

        def steps() -> Iterator[tuple[Recorded, State[A]]]:
            state = fold.empty(stream)
            for event in self._store.read(wanted._replace(limit=at)):
                state = fold.over(state, (event,))
                yield self._domain.envelope(event), state._replace(state=fold.copy(state.state))

        return steps()

    def all(self, category: str | None = None, *, at_position: int | None = None) -> Iterator[State[Any]]:
        """See `Workbench.replay_all`."""
        for name in [category] if category is not None else sorted(self._domain.aggregates):
            fold = self.fold_of(self._domain.aggregate_of(name))
            events = self._store.scan(Selection(category=name, before=_end(at_position), by_stream=True))
            for stream, of_stream in groupby(events, key=itemgetter(1)):
                yield fold.over(fold.empty(stream), of_stream)

    def take_snapshots(self, written: Iterable[Decided]) -> None:
        """Take the snapshots that are due after these decisions were written, in one transaction. Raises nothing."""
        if self._has_snapshots:
            due = [one.stream for one in written if self.snapshots.due(one.stream, one.before, one.state.version)]
            self.snapshots.take_due(dict.fromkeys(due))

    def _check_found(self, stream: str, version: int, at: int | None) -> None:
        """Raise `NotFound` for a version of a stream (0: there is no event) that is not what was asked for."""
        if at is not None and 0 < version < at:
            message = f"{stream} has no version {at}, it is at {version}"
            raise NotFound(message, code="version-not-found", stream=stream)
        if version == 0 and self._store.version(stream):
            raise NotFound(f"no stream {stream} at that point", code="stream-not-found", stream=stream, later=True)
        if version == 0:
            raise no_stream(self._store, stream)


def _end(at_position: int | None) -> int | None:
    return None if at_position is None else at_position + 1
