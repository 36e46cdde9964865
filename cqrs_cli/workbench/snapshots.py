"""Snapshots: states that were stored, so that a load reads the tail of the stream only.

They can always be thrown away: none is ever needed, and losing or failing to write one fails nothing.
One counts if its aggregate's `version=` and `fingerprint` are today's, its event is where it was in the
log, and its state comes back from JSON as it was. Any other is passed over, and replaced in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

from cqrs_cli.domain.fingerprint import fingerprint
from cqrs_cli.domain.fold import AggregateFold, State
from cqrs_cli.domain.state_json import restored, state_json
from cqrs_cli.errors import CqrsError, Misuse, NotFound
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.moments import micros
from cqrs_cli.stores.names import no_stream
from cqrs_cli.stores.operational import SNAPSHOTS
from cqrs_cli.stores.rows import RowReader, Where
from cqrs_cli.workbench.engine import Engine

_GROUP = 100
_NONE_SECONDS = 1.0
"""For so long a store without snapshots is not asked again: loads are many, and none needs one."""
_REMEMBERED = 10_000
_SHORT = 100
"""Events that are read as soon as a snapshot is."""


class Snapshot(NamedTuple):
    """A stored state. version, position: of the last event in it. state: JSON. taken_us: microseconds UTC."""

    stream: str
    version: int
    position: int
    aggregate_version: int
    fingerprint: str
    state: str
    taken_us: int


class Judged(NamedTuple):
    """A snapshot as today's code sees it: the state it holds, or why it does not count."""

    snapshot: Snapshot
    state: State[Any] | None
    reason: str | None


class Taken(NamedTuple):
    """What became of a stream whose snapshot was to be taken. kept: the one that is there was right already."""

    stream: str
    version: int
    status: Literal["taken", "kept", "refused"]
    reason: str | None = None


class Snapshots:
    """The snapshots of a store. fold_of: the fold of a stream's aggregate; raises `NotFound`."""

    def __init__(self, engine: Engine, fold_of: Callable[[str], AggregateFold]) -> None:
        self._store, self._clock, self.fold_of = engine.store, engine.clock, fold_of
        self._fingerprints: dict[str, str] = {}
        self._refused: dict[str, Snapshot] = {}  # met by a load, to be replaced by the next write
        self._some, self._none_until = False, 0.0  # whether the store was seen to have any, and when to look again

    def load(self, fold: AggregateFold, stream: str, *, at: int | None = None, before: int | None = None) -> State[Any]:
        """The aggregate as the log has it, by its snapshot if that counts. at: a version; before: a position."""
        is_unknown = not self._some and time.monotonic() >= self._none_until
        if is_unknown and fold.aggregate.cls.keywords.snapshot_every is None:
            # Before it is asked whether there are any, taken by hand: what is short is read as soon.
            most = _SHORT if at is None else min(at, _SHORT)
            first = list(self._store.scan(Selection(stream=stream, before=before, limit=most)))
            if len(first) < most or len(first) == at:
                return fold.over(fold.empty(stream), first)
        start = self.start(fold, stream) or fold.empty(stream)
        if (at is not None and at < start.version) or (before is not None and before <= start.position):
            start = fold.empty(stream)
        limit = None if at is None else at - start.version
        rest = Selection(stream=stream, after=start.position, before=before, limit=limit)
        return fold.over(start, self._store.scan(rest))

    def start(self, fold: AggregateFold, stream: str) -> State[Any] | None:
        """The state that the stream's snapshot holds; None if there is none that counts."""
        if not self._some and time.monotonic() < self._none_until:
            return None
        try:
            if not self._some:  # most logs have none: one question then, for all streams
                self._some = next(self._store.rows.select(SNAPSHOTS, limit=1), None) is not None
                self._none_until = time.monotonic() + _NONE_SECONDS
            snapshot = _load(self._store.rows, [stream]).get(stream) if self._some else None
        except CqrsError:  # the log answers without it
            return None
        if snapshot is None:
            return None
        judged = self.judge(snapshot, fold)
        if judged.state is None:
            if len(self._refused) >= _REMEMBERED:
                self._refused.clear()
            self._refused[stream] = snapshot
        return judged.state

    def judge(self, snapshot: Snapshot, fold: AggregateFold) -> Judged:
        """Whether the snapshot counts today."""
        stream, version, position, aggregate_version, made_by, text, _ = snapshot
        aggregate, state = fold.aggregate, None
        declared = aggregate.cls.keywords.version
        if aggregate_version != declared:
            reason = f"version {aggregate_version} of {aggregate.cls.__name__} became {declared}"
        elif made_by != self._fingerprint(fold):
            reason = "the code or the shape of the state changed"
        elif not self._in_log(stream, version, position):
            reason = f"event {position} of the log is not version {version} of {stream}"
        elif (state := restored(aggregate, text)) is None:
            reason = "its state can't be read"
        elif tuple(getattr(state, name) for name in aggregate.key) != aggregate.key_of(stream):
            reason = "its state is that of another key"
        else:
            return Judged(snapshot, State(stream, version, state, position), None)
        return Judged(snapshot, None, reason)

    def _in_log(self, stream: str, version: int, position: int) -> bool:
        """Whether that is where the log has that version of the stream."""
        found = self._store.scan(Selection(after=position - 1, limit=1)) if position > 0 else ()
        return any((one.position, one.stream, one.version) == (position, stream, version) for one in found)

    def _fingerprint(self, fold: AggregateFold) -> str:
        category = fold.aggregate.category
        found = self._fingerprints.get(category)
        if found is None:
            found = self._fingerprints[category] = fingerprint(fold.aggregate)
        return found

    def due(self, stream: str, before: int, after: int) -> bool:
        """Whether `snapshot_every` wants a snapshot of the stream, now that it went from one version to another."""
        every = self.fold_of(stream).aggregate.cls.keywords.snapshot_every
        return every is not None and after > before and (before // every < after // every or stream in self._refused)

    def take_due(self, streams: Iterable[str]) -> None:
        """Take snapshots of these streams, in one transaction. Raises nothing: one that can't be taken is logged.

        Folded from the log and not taken from whoever sent: a `decide` may have touched its state.
        """
        made = []
        for stream in streams:
            try:
                fold = self.fold_of(stream)
                made.append(self._made(fold, self.load(fold, stream)))
            except (Exception, SystemExit) as error:  # user code may run in a validator or serializer
                self._refused.pop(stream, None)
                _warn(stream, error)
        if made:
            try:
                self._write(made)
            except (Exception, SystemExit) as error:
                _warn(made[0].stream, error)

    def take(self, streams: Iterable[str]) -> Iterator[Taken]:
        """Take snapshots of these streams, folded from their first events. Raises `NotFound`, `DomainFailed` …"""
        remaining = iter(streams)
        while group := list(islice(remaining, _GROUP)):
            made, refused = [], {}
            for stream in group:
                fold = self.fold_of(stream)
                state = self.from_the_start(fold, stream)
                if state.version == 0:
                    raise no_stream(self._store, stream)
                self.start(fold, stream)  # one that does not count is replaced whatever it says
                try:
                    made.append(self._made(fold, state))
                except Misuse as error:
                    refused[stream] = Taken(stream, state.version, "refused", error.message)
            written = self._write(made)
            versions = {snapshot.stream: snapshot.version for snapshot in made}
            for stream in group:
                yield refused.get(stream) or Taken(stream, versions[stream], "taken" if stream in written else "kept")

    def from_the_start(self, fold: AggregateFold, stream: str, before: int | None = None) -> State[Any]:
        """The aggregate folded from its first event, whatever its snapshot says."""
        return fold.over(fold.empty(stream), self._store.scan(Selection(stream=stream, before=before)))

    def all(self, category: str | None = None) -> Iterator[Judged]:
        """The snapshots by stream, of one category if given, each with what today's code says of it."""
        return map(self._judged, select(self._store, category))

    def of(self, stream: str) -> Judged | None:
        """The snapshot of a stream, with the same; None if there is none."""
        snapshot = _load(self._store.rows, [stream]).get(stream)
        return None if snapshot is None else self._judged(snapshot)

    def _judged(self, snapshot: Snapshot) -> Judged:
        try:
            return self.judge(snapshot, self.fold_of(snapshot.stream))
        except CqrsError as error:
            return Judged(snapshot, None, error.message)

    def _made(self, fold: AggregateFold, state: State[Any]) -> Snapshot:
        """The snapshot of a state. Raises `InvalidInput` if it would not come back the same."""
        declared, text = fold.aggregate.cls.keywords.version, state_json(fold.aggregate, state.state)
        made_by, now_us = self._fingerprint(fold), micros(self._clock())
        return Snapshot(state.stream, state.version, state.position, declared, made_by, text, now_us)

    def _write(self, made: list[Snapshot]) -> set[str]:
        """Write what is newer or better than what is there; the streams that were written."""
        if not made:
            return set()
        with self._store.transaction() as rows:
            present = _load(rows, [snapshot.stream for snapshot in made])
            better = [snapshot for snapshot in made if self._replaces(snapshot, present.get(snapshot.stream))]
            rows.put(SNAPSHOTS, better)
        self._some = True
        for snapshot in made:
            self._refused.pop(snapshot.stream, None)
        return {snapshot.stream for snapshot in better}

    def _replaces(self, new: Snapshot, old: Snapshot | None) -> bool:
        """Not a newer one that another writer took meanwhile with the same code."""
        if old is None or old == self._refused.get(new.stream) or old.version < new.version:
            return True
        same_code = (old.aggregate_version, old.fingerprint) == (new.aggregate_version, new.fingerprint)
        return not same_code or (old.version == new.version and old[:-1] != new[:-1])


def select(store: Store, category: str | None = None) -> Iterator[Snapshot]:
    """The snapshots of a store by stream, of one category if given; nothing where there never was one."""
    # A range, since '.' follows '-'.
    where = [] if category is None else [Where("stream", ">=", f"{category}-"), Where("stream", "<", f"{category}.")]
    for row in store.rows.select(SNAPSHOTS, where):
        yield Snapshot(*row)  # type: ignore[arg-type]


def drop(store: Store, streams: Iterable[str] | None = None, category: str | None = None) -> int:
    """Throw snapshots away: of these streams (`NotFound`: none), of a category, or all; how many. Needs no domain."""
    wanted = list(dict.fromkeys(streams)) if streams is not None else [one.stream for one in select(store, category)]
    with store.transaction() as rows:
        found = rows.load(SNAPSHOTS, [(stream,) for stream in wanted]) if streams is not None else {}
        for stream in wanted if streams is not None else ():
            if (stream,) not in found:
                raise NotFound(f"there is no snapshot of {stream}", code="snapshot-not-found", stream=stream)
        rows.delete(SNAPSHOTS, [(stream,) for stream in wanted])
    return len(wanted)


def _load(rows: RowReader, streams: list[str]) -> dict[str, Snapshot]:
    found = rows.load(SNAPSHOTS, [(stream,) for stream in streams])
    return {row[0]: Snapshot(*row) for row in found.values()}  # type: ignore[arg-type, misc]


def _warn(stream: str, error: BaseException) -> None:
    import logging

    logging.getLogger("cqrs").warning("no snapshot of %s: %s", stream, ascii(str(error)))
