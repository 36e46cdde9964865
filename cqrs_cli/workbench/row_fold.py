"""Folding events into rows: which rows an event concerns, what becomes of them, what must be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.keys import spelt_key
from cqrs_cli.domain.messages import Event
from cqrs_cli.domain.routes import Route, keys_of, stream_kinds
from cqrs_cli.domain.row_model import DELETE, RowModel, RowType, row_of
from cqrs_cli.errors import CqrsError, DomainFailed, InvalidInput
from cqrs_cli.failure import domain_failed
from cqrs_cli.stores.contract import Recorded, Rows, Scalar, StoredEvent, Table

Key = tuple[Any, ...]
Load = Callable[[Sequence[Key]], dict[Key, tuple[Scalar, ...]]]

CACHED_ROWS = 100_000
LOAD_KEYS = 500


class _Step(NamedTuple):
    decode: Callable[[bytes], Any]
    evolve: Callable[..., Any]
    keys: Callable[[Any, Any], Iterable[Key]]
    recorded: bool
    isolate: bool  # each row needs a copy of the event of its own
    where: str


class RowFold:
    """The fold of one projection: a bounded cache of rows over what the store has.

    load: the stored rows for some keys. skips: positions of events that are passed over. Rows that
    were touched wait in `touched` until they are taken with `changes`; the cache keeps them for the
    next batch.
    """

    def __init__(
        self,
        projection: RowType,
        routes: Mapping[type[Event], Route],
        codec: Codec,
        load: Load,
        skips: frozenset[int] = frozenset(),
    ) -> None:
        self.projection, self._skips = projection, skips
        self._codec, self._load, self._routes = codec, load, routes
        self._keys_of = {event: self._stored_keys(route) for event, route in routes.items()}
        self._steps: dict[tuple[str, int], _Step] = {}
        self._young: dict[Key, RowModel | None] = {}
        self._old: dict[Key, RowModel | None] = {}
        self._flat = all(column.column.kind != "json" for column in projection.columns)
        self._settles = [
            (column.column.name, column.settle) for column in projection.columns if column.settle is not None
        ]
        self.touched: dict[Key, None] = {}
        self.wanted: Callable[[Key], bool] | None = None  # asked with the stored key: fold only these rows

    @property
    def types(self) -> frozenset[str]:
        """The stored names of the events that concern the projection, aliases included."""
        return frozenset(name for event in self._routes for name in (event.stored.name, *event.stored.aliases))

    @property
    def needs_envelope(self) -> bool:
        """Whether the events must be read as `Recorded`."""
        return any(route.needs_envelope for route in self._routes.values())

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait to be written that it is time to do it."""
        return len(self.touched) >= CACHED_ROWS // 4

    def row(self, key: Key) -> RowModel | None:
        """The row with this stored key (see `stored_key`), as it is in the fold now."""
        if key not in self._young and key not in self._old:
            self._bring_in([key])
        return self._young[key] if key in self._young else self._old.get(key)

    def over(self, events: Sequence[StoredEvent] | Sequence[Recorded]) -> None:
        """Take the events in. Raises `Undecodable` or `DomainFailed` naming the event; the cache is then unusable."""
        work: list[tuple[_Step, Any, Any, Key]] = []
        missing: dict[Key, None] = {}
        young, old = self._young, self._old
        for stored in events:
            if stored[0] in self._skips:
                continue
            try:
                step = self._steps.get((stored[3], stored[4])) or self._step(stored)
            except CqrsError as error:
                raise _at(error, stored) from error
            try:
                event = step.decode(stored[5])
                for key in step.keys(event, stored):
                    if self.wanted is not None and not self.wanted(key):
                        continue
                    if key not in young and key not in old:
                        missing[key] = None
                    work.append((step, event, stored, key))
                    if step.isolate:
                        event = None  # the next row decodes one of its own
            except CqrsError as error:
                self._codec.decode(stored)
                raise _at(error, stored) from error
            except Exception as error:
                raise domain_failed(
                    error, f"the key of {step.where} at event {stored.position}", position=stored.position
                ) from error
        if missing:
            self._bring_in(sorted(missing))
        for step, event, stored, key in work:
            self._apply(step, event, stored, key)

    def start_empty(self) -> None:
        """Fold from nothing: the stored rows do not count."""
        self._load = lambda _: {}

    def keys_of(self, events: Sequence[Any]) -> list[Key]:
        """The stored keys of the rows that these events concern, each once."""
        keys: dict[Key, None] = {}
        for stored in events:
            step = self._steps.get((stored[3], stored[4])) or self._step(stored)
            keys.update(dict.fromkeys(step.keys(step.decode(stored[5]), stored)))
        return list(keys)

    def changes(self) -> tuple[list[tuple[Scalar, ...]], list[Key]]:
        """The rows to write and the keys to remove since the last call, as the store takes them."""
        puts, deletes = [], []
        columns = [(column.column.name, column.encode) for column in self.projection.columns]
        places = [self.projection.columns.index(column) for column in self.projection.key_columns]
        for key in sorted(self.touched):  # so that rows near each other on disk are written together
            row = self.row(key)
            if row is None:
                deletes.append(key)
                continue
            values = row.__dict__
            try:
                put = tuple([encode(values[name]) for name, encode in columns])
            except InvalidInput as error:
                raise self._bad_value(row, error) from None
            if tuple([put[place] for place in places]) != key:
                raise DomainFailed(
                    f"{self.projection.cls.__name__}: the row of {key!r} was given another key by an evolve",
                    hint="a row keeps its key; key= says which rows an event concerns",
                )
            puts.append(put)
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
                row = self._new(key)
            if event is None:
                event = step.decode(stored[5])
            result = step.evolve(row, event, stored) if step.recorded else step.evolve(row, event)
            if result is not None:
                if result is not DELETE and type(result) is not self.projection.cls:
                    raise TypeError(
                        f"it gave {type(result).__name__}, not None, DELETE or a {self.projection.cls.__name__}"
                    )
                row = None if result is DELETE else result
            if row is not None:
                values = row.__dict__
                for name, settle in self._settles:
                    values[name] = settle(values[name])
        except Exception as error:
            raise domain_failed(
                error,
                f"{step.where} (event {stored.position}, {stored.stream} version {stored.version})",
                position=stored.position,
                stream=stored.stream,
                projection=self.projection.name,
            ) from error
        young[key] = row
        self.touched[key] = None

    def _bring_in(self, keys: list[Key]) -> None:
        for start in range(0, len(keys), LOAD_KEYS):
            some = keys[start : start + LOAD_KEYS]
            rows = self._load(some)
            for key in some:
                values = rows.get(key)
                self._young[key] = row_of(self.projection, values) if values is not None else None

    def _new(self, key: Key) -> RowModel:
        """A row before its first event."""
        columns = self.projection.key_columns
        return self.projection.cls(
            **{column.column.name: column.decode(part) for column, part in zip(columns, key, strict=True)}
        )

    def _stored_keys(self, route: Route) -> Callable[[Any, Any], Iterable[Key]]:
        """The function from an event to the stored keys of its rows.

        Most keys stand in the name of the stream just as they are stored: they are not made values
        of and back, as that takes longer than the rest of the fold.
        """
        keys, stored_key = keys_of(self.projection, route), self.stored_key
        kinds = stream_kinds(self.projection, route)

        def stored(event: Any, recorded: Any) -> Iterable[Key]:
            if kinds is not None and (spelt := spelt_key(recorded[1], kinds)) is not None:
                return (spelt,)
            return [stored_key(key) for key in keys(event, recorded)]

        return stored

    def stored_key(self, key: Key) -> Key:
        """A key's values as the store has them. Raises `DomainFailed` for values of another type."""
        try:
            return tuple([column.encode(part) for column, part in zip(self.projection.key_columns, key, strict=True)])
        except InvalidInput as error:
            raise DomainFailed(
                f"{self.projection.cls.__name__}: {key!r} is no key: {error.message}",
                hint="key= gives values of the key's own type",
            ) from None

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

    def _bad_value(self, row: RowModel, error: InvalidInput) -> DomainFailed:
        for column in self.projection.columns:
            try:
                column.encode(row.__dict__[column.column.name])
            except InvalidInput as complaint:
                return DomainFailed(
                    f"{self.projection.cls.__name__}.{column.column.name}: {complaint.message}",
                    hint="the evolve gave it a value of another type",
                )
        return DomainFailed(f"{self.projection.cls.__name__}: {error.message}")


def _at(error: CqrsError, stored: Any) -> CqrsError:
    error.details.setdefault("position", stored.position)
    return error


def write(rows: Rows, table: Table, fold: RowFold) -> None:
    """Put what the fold changed into the table, in the transaction of `rows`."""
    puts, deletes = fold.changes()
    if deletes:
        rows.delete(table, deletes)
    if puts:
        rows.put(table, puts)
