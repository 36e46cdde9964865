"""Keeping the rows of projections: catching up, rebuilding, and folding rows in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from cqrs_cli.codec import Codec
from cqrs_cli.domain import Domain, Route, keys_of
from cqrs_cli.errors import Conflict, CqrsError, DomainFailed, InvalidInput, Misuse
from cqrs_cli.failure import domain_failed
from cqrs_cli.messages import Event
from cqrs_cli.projection import DELETE, Projection, ProjectionType
from cqrs_cli.stores.contract import Checkpoint, Recorded, RowReader, Rows, Scalar, Selection, Store, StoredEvent, Table

Key = tuple[Any, ...]
Progress = Callable[[int, int], None]

BATCH_EVENTS = 2_000
CACHED_ROWS = 100_000
LOAD_KEYS = 500
REBUILD = "~rebuild"


class _Step(NamedTuple):
    decode: Callable[[bytes], Any]
    evolve: Callable[..., Any]
    keys: Callable[[Any, Any], Iterable[Key]]
    recorded: bool
    isolate: bool  # each row needs a copy of the event of its own
    where: str


class RowFold:
    """The fold of one projection: a bounded cache of rows over what the store has.

    load: the stored rows for some keys. Rows that were touched wait in `touched` until they are
    taken with `changes`; the cache keeps them for the next batch.
    """

    def __init__(self, projection: ProjectionType, routes: dict[type[Event], Route], codec: Codec, load: Callable[[Sequence[Key]], dict[Key, tuple[Scalar, ...]]]) -> None:
        self.projection = projection
        self._codec, self._load, self._routes = codec, load, routes
        self._keys_of = {event: keys_of(projection, route) for event, route in routes.items()}
        self._steps: dict[tuple[str, int], _Step] = {}
        self._young: dict[Key, Projection | None] = {}
        self._old: dict[Key, Projection | None] = {}
        self._flat = all(column.column.kind != "json" for column in projection.columns)
        self.touched: dict[Key, None] = {}

    @property
    def types(self) -> frozenset[str]:
        """The stored names of the events that concern the projection, aliases included."""
        return frozenset(name for event in self._routes for name in (event.stored.name, *event.stored.aliases))

    @property
    def needs_envelope(self) -> bool:
        """Whether the events must be read as `Recorded`."""
        return any(route.needs_envelope for route in self._routes.values())

    def row(self, key: Key) -> Projection | None:
        """The row as it is in the fold now."""
        if key not in self._young and key not in self._old:
            self._bring_in([key])
        return self._young[key] if key in self._young else self._old.get(key)

    def over(self, events: Sequence[StoredEvent] | Sequence[Recorded]) -> None:
        """Take the events in. Raises `Undecodable` or `DomainFailed` naming the event; the cache is then unusable."""
        work: list[tuple[_Step, Any, Any, Key]] = []
        missing: dict[Key, None] = {}
        young, old = self._young, self._old
        for stored in events:
            step = self._steps.get((stored[3], stored[4])) or self._step(stored)
            try:
                event = step.decode(stored[5])
                keys = step.keys(event, stored)
                for key in keys:
                    if key not in young and key not in old:
                        missing[key] = None
                    work.append((step, event, stored, key))
            except CqrsError as error:
                self._codec.decode(stored)
                raise _at(error, stored) from error
            except Exception as error:
                raise domain_failed(error, f"the key of {step.where} at event {stored.position}", position=stored.position) from error
        if missing:
            self._bring_in(list(missing))
        for step, event, stored, key in work:
            self._apply(step, event, stored, key)

    def start_empty(self) -> None:
        """Fold from nothing: the stored rows do not count."""
        self._load = lambda _: {}

    def keys_of(self, events: Sequence[Any]) -> list[Key]:
        """The rows that these events concern, each once."""
        keys: dict[Key, None] = {}
        for stored in events:
            step = self._steps.get((stored[3], stored[4])) or self._step(stored)
            keys.update(dict.fromkeys(step.keys(step.decode(stored[5]), stored)))
        return list(keys)

    def changes(self) -> tuple[list[tuple[Scalar, ...]], list[Key]]:
        """The rows to write and the keys to remove since the last call, as the store takes them."""
        puts, deletes = [], []
        columns = [(column.column.name, column.encode) for column in self.projection.columns]
        for key in self.touched:
            row = self.row(key)
            if row is None:
                deletes.append(self._stored_key(key))
                continue
            values = row.__dict__
            try:
                puts.append(tuple([encode(values[name]) for name, encode in columns]))
            except InvalidInput as error:
                raise self._bad_value(row, error) from None
        self.touched = {}
        if len(self._young) > CACHED_ROWS // 2:
            self._old, self._young = self._young, {}
        return puts, deletes

    def forget(self) -> None:
        """Drop everything that was folded: the store is the truth again."""
        self._young, self._old, self.touched = {}, {}, {}

    def _apply(self, step: _Step, event: Any, stored: Any, key: Key) -> None:
        young = self._young
        row = young.get(key)
        if row is None and key not in young:
            row = self._old.pop(key, None)
        try:
            if row is None:
                row = self.projection.cls(**dict(zip(self.projection.table.key, key, strict=True)))
            if step.isolate:
                event = step.decode(stored[5])
            result = step.evolve(row, event, stored) if step.recorded else step.evolve(row, event)
        except Exception as error:
            raise domain_failed(
                error, f"{step.where} (event {stored.position}, {stored.stream} version {stored.version})",
                position=stored.position, stream=stored.stream, projection=self.projection.name,
            ) from error
        if result is not None:
            row = None if result is DELETE else result
        young[key] = row
        self.touched[key] = None

    def _bring_in(self, keys: list[Key]) -> None:
        decoders = [(column.column.name, column.decode) for column in self.projection.columns]
        construct = self.projection.cls.model_construct
        for start in range(0, len(keys), LOAD_KEYS):
            some = keys[start : start + LOAD_KEYS]
            stored_keys = [self._stored_key(key) for key in some]
            rows = self._load(stored_keys)
            for key, stored_key in zip(some, stored_keys, strict=True):
                values = rows.get(stored_key)
                self._young[key] = (
                    construct(**{name: decode(value) for (name, decode), value in zip(decoders, values, strict=True)})
                    if values is not None
                    else None
                )

    def _stored_key(self, key: Key) -> Key:
        try:
            return tuple([column.encode(part) for column, part in zip(self.projection.key_columns, key, strict=True)])
        except InvalidInput as error:
            raise DomainFailed(f"{self.projection.cls.__name__}: {key!r} is no key: {error.message}", hint="key= gives values of the key's own type") from None

    def _step(self, stored: StoredEvent | Recorded) -> _Step:
        cls = self._codec.event_class(stored.type)
        route = self._routes[cls]
        step = self._steps[(stored.type, stored.schema_version)] = _Step(
            self._codec.decoder(stored.type, stored.schema_version),
            route.clause.function,
            self._keys_of[cls],
            route.clause.recorded,
            not (self._flat or self._codec.shareable(cls)),
            route.clause.where,
        )
        return step

    def _bad_value(self, row: Projection, error: InvalidInput) -> DomainFailed:
        for column in self.projection.columns:
            try:
                column.encode(row.__dict__[column.column.name])
            except InvalidInput as complaint:
                return DomainFailed(
                    f"{self.projection.cls.__name__}.{column.column.name}: {complaint.message}", hint="the evolve gave it a value of another type"
                )
        return DomainFailed(f"{self.projection.cls.__name__}: {error.message}")


def _at(error: CqrsError, stored: Any) -> CqrsError:
    error.details.setdefault("position", stored.position)
    return error


class Status(NamedTuple):
    """Where a projection stands. status: `ready`, `behind`, `new` (never run), `needs-rebuild`. lag: events behind the head."""

    projection: str
    status: str
    position: int
    lag: int
    rows: int
    reason: str | None = None


class Projector:
    """Catches projections up with the log and rebuilds them."""

    def __init__(self, store: Store, domain: Domain, codec: Codec) -> None:
        self._store, self._domain, self._codec = store, domain, codec

    def fold_of(self, projection: ProjectionType, table: Table | None = None, reader: RowReader | None = None) -> RowFold:
        """A fold over the projection's rows, or over those of another table of the same shape."""
        source = table if table is not None else projection.table
        rows = reader if reader is not None else self._store.rows
        return RowFold(projection, dict(self._domain.routes[projection.name]), self._codec, lambda keys: rows.load(source, keys))

    def statuses(self) -> list[Status]:
        """Where each projection of the domain stands, by name."""
        return [self.status(projection) for _, projection in sorted(self._domain.projections.items())]

    def status(self, projection: ProjectionType) -> Status:
        """Where one projection stands."""
        head = self._store.head()
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is None:
            return Status(projection.name, "new", 0, head, 0)
        rows = self._store.rows.count(projection.table)
        lag = max(head - checkpoint.position, 0)
        if checkpoint.fingerprint != projection.fingerprint:
            return Status(projection.name, "needs-rebuild", checkpoint.position, lag, rows, "its columns, key or version changed")
        return Status(projection.name, "behind" if lag else "ready", checkpoint.position, lag, rows)

    def catch_up(self, projection: ProjectionType, progress: Progress | None = None) -> None:
        """Bring the live rows to the head. Raises `Misuse` (needs-rebuild), `DomainFailed`, `Undecodable`."""
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is None:
            with self._store.transaction() as rows:
                if rows.checkpoint(projection.name) is None:
                    rows.drop(projection.name)  # rows without a checkpoint are nobody's
                    rows.create(projection.table)
                    rows.move(projection.name, None, Checkpoint(projection.name, 0, projection.fingerprint))
        elif checkpoint.fingerprint != projection.fingerprint:
            raise Misuse(
                f"{projection.name} was made with another definition: its columns, key or version changed",
                code="needs-rebuild",
                hint=f"cqrs project {projection.name} --rebuild",
            )
        self._advance(projection, projection.table, projection.name, progress)

    def rebuild(self, projections: Sequence[ProjectionType], progress: Progress | None = None, restart: bool = False) -> None:
        """Fold the rows from the beginning, beside the live ones, and swap them in: all projections or none.

        Appends go on meanwhile. Interrupted, the live rows are untouched and the next rebuild goes
        on where this one stopped, unless `restart`.
        """
        for projection in projections:
            beside, name = _beside(projection), projection.name + REBUILD
            with self._store.transaction() as rows:
                found = rows.checkpoint(name)
                if restart or found is None or found.fingerprint != projection.fingerprint:
                    rows.drop(beside.name)
                    rows.create(beside)
                    if found is not None:
                        rows.forget(name)
                    rows.move(name, None, Checkpoint(name, 0, projection.fingerprint))
            self._advance(projection, beside, name, progress)
        with self._store.transaction() as rows:  # no append can come in between: the last few events, then the swap
            for projection in projections:
                beside, name = _beside(projection), projection.name + REBUILD
                fold = self.fold_of(projection, beside, rows)
                checkpoint = rows.checkpoint(name)
                assert checkpoint is not None
                for events, position in self._batches(fold, checkpoint.position, self._store.head()):
                    fold.over(events)
                    _write(rows, beside, fold)
                    checkpoint = checkpoint._replace(position=position)
                rows.rename(beside, projection.name)
                rows.forget(name)
                rows.move(projection.name, rows.checkpoint(projection.name), checkpoint._replace(name=projection.name))

    def _advance(self, projection: ProjectionType, table: Table, name: str, progress: Progress | None) -> None:
        fold = self.fold_of(projection, table)
        while True:
            checkpoint = self._store.rows.checkpoint(name)
            assert checkpoint is not None
            head = self._store.head()
            if checkpoint.position >= head:
                return
            try:
                for events, position in self._batches(fold, checkpoint.position, head):
                    checkpoint = self._take(fold, table, checkpoint, events, position)
                    if progress is not None:
                        progress(position, head)
            except Conflict:  # another runner moved the checkpoint: its rows are the truth
                fold.forget()

    def _take(self, fold: RowFold, table: Table, checkpoint: Checkpoint, events: Sequence[Any], position: int) -> Checkpoint:
        try:
            fold.over(events)
            return self._commit(fold, table, checkpoint, position)
        except (CqrsError, RecursionError) as error:
            fold.forget()
            poison = error.details.get("position") if isinstance(error, CqrsError) else None
            before = [event for event in events if poison is not None and event.position < poison]
            if before and not isinstance(error, Conflict):  # what came before the poison is sound: keep it
                fold.over(before)
                self._commit(fold, table, checkpoint, before[-1].position)
            raise

    def _commit(self, fold: RowFold, table: Table, checkpoint: Checkpoint, position: int) -> Checkpoint:
        moved = checkpoint._replace(position=position)
        with self._store.transaction() as rows:
            rows.move(checkpoint.name, checkpoint, moved)
            _write(rows, table, fold)
        return moved

    def _batches(self, fold: RowFold, after: int, head: int) -> Iterator[tuple[Sequence[Any], int]]:
        """Batches of events up to `head`, with the position each reaches; none ends inside a commit."""
        selection = Selection(types=fold.types, after=after, before=head + 1)
        read = self._store.read if fold.needs_envelope else self._store.scan
        events: Iterator[Any] = iter(read(selection))
        carried: list[Any] = []
        while True:
            batch = carried + list(islice(events, BATCH_EVENTS - len(carried)))
            if len(batch) < BATCH_EVENTS:
                yield batch, head
                return
            end = self._commit_end(batch[-1].position)
            carried = []
            for event in events:
                if event.position > end:
                    carried = [event]
                    break
                batch.append(event)
            yield batch, end

    def _commit_end(self, position: int) -> int:
        """The position of the last event of the commit that holds `position`."""
        end, commit = position, None
        for event in self._store.read(Selection(after=position - 1, limit=1_001)):
            if commit is None:
                commit = event.commit_id
            elif event.commit_id != commit:
                break
            end = event.position
        return end


def _beside(projection: ProjectionType) -> Table:
    return projection.table._replace(name=f"cqrs_new_{projection.name}")


def _write(rows: Rows, table: Table, fold: RowFold) -> None:
    puts, deletes = fold.changes()
    if deletes:
        rows.delete(table, deletes)
    if puts:
        rows.put(table, puts)
