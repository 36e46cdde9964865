"""Folding events into rows: which rows an event concerns, what becomes of them, what must be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any, NamedTuple

from cqrs_cli.domain.fold import Watch
from cqrs_cli.domain.keys import SpeltKey, spelt_key
from cqrs_cli.domain.routes import Route, keys_of, stream_kinds
from cqrs_cli.domain.row_model import DELETE, RowModel, RowType, row_maker, row_opener, stored_names
from cqrs_cli.domain.shared_objects import holds_twice, separate
from cqrs_cli.errors import CqrsError, DomainFailed, InvalidInput
from cqrs_cli.failure import domain_failed
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.rows import RowReader, Scalar, Table, reader_of
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.handler import Poisoned, Writes

Key = tuple[Any, ...]

_DECODED = 8
"""How much more memory an event takes than its JSON, about."""


class _Step(NamedTuple):
    decode: Callable[[bytes], Any]
    evolve: Callable[..., Any]
    keys: Callable[[Any, Any], Iterable[Key]]
    spelt: SpeltKey | None  # for a key that is all in the stream's name
    known: dict[str, Key] | None  # the keys so spelt, by stream; one for all steps with the same categories
    recorded: bool
    isolate: bool  # each row needs a copy of the event of its own
    where: str
    takes: Callable[[str], bool]  # asked with the stream, before anything of the event is looked at


class RowFold:
    """The fold of one projection: a bounded cache of rows over what the store has.

    Events are gathered first and applied together, so that the rows they concern are loaded in the order of the table.
    rows, table: where they are; None: in the engine's store, in the projection's own table. Rows that were touched
    wait in `touched` until they are taken with `changes`; the cache has them for the next batch.
    """

    def __init__(
        self, engine: Engine, projection: RowType, rows: RowReader | None = None, table: Table | None = None
    ) -> None:
        self.projection, self._table = projection, table or projection.table
        self._rows: RowReader | None = rows or engine.store.rows
        self._codec, self._limits, self._routes = engine.codec, engine.limits, engine.domain.routes[projection.name]
        # The stored names of the events that concern the projection, aliases included.
        self.types = stored_names(self._routes)
        self.needs_envelope = any(route.needs_envelope for route in self._routes.values())
        self.sends = False
        self._made, self._opened = row_maker(projection), row_opener(projection)
        self._key_in = reader_of(self._table, self._table.key)
        self._keys_of = {event: self._stored_keys(route) for event, route in self._routes.items()}
        self._steps: dict[tuple[str, int], _Step] = {}
        self._known: dict[tuple[str, ...], dict[str, Key]] = {}
        self._young: dict[Key, RowModel | None] = {}
        self._old: dict[Key, RowModel | None] = {}
        self._nested = [column.column.name for column in projection.columns if column.column.kind == "json"]
        self._settles = [
            (column.column.name, column.settle) for column in projection.columns if column.settle is not None
        ]
        self.touched: dict[Key, None] = {}
        self.wanted: Callable[[Key], bool] | None = None  # asked with the stored key: fold only these rows
        self.watch: Watch | None = None
        self._start_gathering()

    def _start_gathering(self) -> None:
        self._work: list[tuple[_Step, Any, Any, Key]] = []
        self._missing: dict[Key, None] = {}
        self._waiting_events = self._waiting_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be applied or written that it is time to do it."""
        limits = self._limits
        return (
            self._waiting_events >= limits.waiting_events
            or self._waiting_bytes >= limits.waiting_bytes
            or len(self._missing) + len(self.touched) >= limits.cached_rows // 2
        )

    def row(self, key: Key) -> RowModel | None:
        """The row with this stored key (see `stored_key`), as it is in the fold now."""
        if key not in self._young and key not in self._old:
            self._bring_in([key])
        return self._young[key] if key in self._young else self._old.get(key)

    def over(self, events: Sequence[StoredEvent] | Sequence[Recorded]) -> None:
        """Take the events in. Raises `Undecodable` or `DomainFailed` naming the event; the cache is then unusable."""
        try:
            self.gather(events)
            self.apply()
        except Poisoned as fault:
            raise fault.error from fault.error.__cause__

    def gather(self, events: Sequence[StoredEvent] | Sequence[Recorded]) -> None:
        """Find the rows that the events concern; `apply` folds them in. Raises `Poisoned`."""
        work, missing, young, old = self._work, self._missing, self._young, self._old
        steps, wanted = self._steps, self.wanted
        for stored in events:
            try:
                step = steps.get((stored[3], stored[4])) or self._step(stored)
            except CqrsError as error:
                raise Poisoned(stored, error) from error
            known = step.known
            spelt = None if known is None else known.get(stored[1]) or self._spelt_key(step, stored[1])
            event: Any = None
            keys: Iterable[Key] = (spelt,) if spelt is not None else ()
            if spelt is None:
                event, keys = self._decoded(step, stored)
                self._waiting_bytes += _DECODED * len(stored[5])
            for key in keys:
                if wanted is None or wanted(key):
                    if key not in young and key not in old:
                        missing[key] = None
                    work.append((step, event, stored, key))
                    if step.isolate:
                        event = None  # the next row decodes one of its own
        self._waiting_events += len(events)
        self._waiting_bytes += sum([len(stored[5]) for stored in events])

    def apply(self) -> None:
        """Fold in what was gathered. Raises `Poisoned`."""
        work, missing = self._work, self._missing
        self._start_gathering()
        young, old, touched, watch = self._young, self._old, self.touched, self.watch
        settles, several = self._settles, self._nested if len(self._nested) > 1 else None
        if missing:
            ordered = self._sorted(missing)
            self._bring_in(ordered)
            touched.update(dict.fromkeys(ordered))  # as they soon will be: now they need not be sorted again
        for step, event, stored, key in work:
            row = young.get(key)
            if row is None and key not in young:
                row = old.pop(key, None)
            before = None if watch is None else watch.copy(row)
            try:
                if event is None:
                    event = step.decode(stored[5])
                if row is None:
                    row = self._opened(key)
                result = step.evolve(row, event, stored) if step.recorded else step.evolve(row, event)
                if result is not None:
                    row = self._returned(result)
                if settles and row is not None:
                    values = vars(row)
                    for name, settle in settles:
                        values[name] = settle(values[name])
                if several and row is not None:
                    separate(vars(row), several)
            except BaseException as error:
                raise Poisoned(stored, self._failed(step, event, stored, error)) from error
            young[key] = row
            touched[key] = None
            if watch is not None:
                watch.look(stored, event, before, row, key)

    def _failed(self, step: _Step, event: Any, stored: Any, error: BaseException) -> CqrsError:
        if event is None:
            try:
                self._codec.decode(stored)  # says it with the place
            except CqrsError as undecodable:
                return undecodable
        where = f"{step.where} (event {stored.position}, {stored.stream} version {stored.version})"
        place = {"position": stored.position, "stream": stored.stream, "projection": self.projection.name}
        return domain_failed(error, where, **place)

    def bring_in(self, events: Sequence[Any]) -> None:
        """Load the rows that the events concern, all at once. What can't be taken is said when it is."""
        with suppress(Poisoned):
            missing = [key for key in self.keys_of(events) if key not in self._young and key not in self._old]
            self._bring_in(self._sorted(missing))

    def start_empty(self) -> None:
        """Fold from nothing: the stored rows do not count."""
        self._rows = None

    def keys_of(self, events: Sequence[Any]) -> list[Key]:
        """The stored keys of the rows that these events concern, each once."""
        keys: dict[Key, None] = {}
        for stored in events:
            step = self._steps.get((stored[3], stored[4])) or self._step(stored)
            keys.update(dict.fromkeys(self._decoded(step, stored)[1]))
        return list(keys)

    def writes(self) -> Writes:
        """What the events that were gathered make of the rows, to be written. Raises `Poisoned`, `DomainFailed`."""
        self.apply()
        return Writes(self._table, *self.changes())

    def changes(self) -> tuple[list[tuple[Scalar, ...]], list[Key]]:
        """The rows to write and the keys to remove since the last call, as the store takes them, by key."""
        puts, deletes = [], []
        columns = [(column.column.name, column.encode) for column in self.projection.columns]
        young, old, nested = self._young, self._old, self._nested
        for key in self._sorted(self.touched):
            row = young[key] if key in young else old.get(key)
            if row is None:
                deletes.append(key)
                continue
            values = row.__dict__
            try:
                put = tuple([encode(values[name]) for name, encode in columns])
            except InvalidInput as error:
                name = next(name for name, encode in columns if not _takes(encode, values[name]))
                hint = "the evolve gave it a value of another type"
                raise self._wrong(f".{name}: {error.message}", hint) from None
            seen: set[int] = set()
            for name in nested:
                if holds_twice(values[name], seen):
                    raise self._wrong(
                        f".{name} holds an object that the row holds in another place too: once loaded they are two",
                        "put a copy in one of them: copy.deepcopy(…), list(…)",
                    )
            if self._key_in(put) != key:
                hint = "a row keeps its key; key= says which rows an event concerns"
                raise self._wrong(f": the row of {key!r} was given another key by an evolve", hint)
            puts.append(put)
        self.touched = {}
        if len(self._young) >= self._limits.cached_rows // 2:
            self._old, self._young = self._young, {}
        return puts, deletes

    def forget(self) -> None:
        """Drop everything that was folded: the store is the truth again."""
        self._young, self._old, self.touched = {}, {}, {}
        self._start_gathering()

    def _sorted(self, keys: Iterable[Key]) -> list[Key]:
        """In the order of the table, so that rows near each other on disk are read and written together."""
        return sorted(keys, key=itemgetter(0) if len(self.projection.key_columns) == 1 else None)

    def _decoded(self, step: _Step, stored: Any) -> tuple[Any, Iterable[Key]]:
        """The event and the stored keys of its rows; no keys for one of another domain. Raises `Poisoned`."""
        if not step.takes(stored[1]):
            return None, ()
        try:
            event = step.decode(stored[5])
        except (Exception, SystemExit) as error:
            raise Poisoned(stored, self._failed(step, None, stored, error)) from error
        try:
            return event, step.keys(event, stored)
        except (DomainFailed, InvalidInput) as error:  # of the rules for keys; a Conflict, say, is the domain's own
            raise Poisoned(stored, error.retold(error.message, position=stored.position)) from error
        except BaseException as error:
            where = f"the key of {step.where} at event {stored.position}"
            raise Poisoned(stored, domain_failed(error, where, position=stored.position)) from error

    def _returned(self, result: Any) -> RowModel | None:
        if result is DELETE:
            return None
        if type(result) is not self.projection.cls:
            raise TypeError(f"it gave {type(result).__name__}, not None, DELETE or a {self.projection.cls.__name__}")
        row: RowModel = result
        return row

    def _bring_in(self, keys: list[Key]) -> None:
        young, made = self._young, self._made
        for start in range(0, len(keys), self._limits.loaded_rows):
            some = keys[start : start + self._limits.loaded_rows]
            rows = self._rows.load(self._table, some) if self._rows is not None else {}
            for key in some:
                values = rows.get(key)
                young[key] = made(values) if values is not None else None

    def _spelt_key(self, step: _Step, stream: str) -> Key | None:
        """The key in the stream's name, if it is stored as spelt: to make values of it and back takes long."""
        assert step.spelt is not None
        assert step.known is not None
        key = step.spelt(stream)
        if key is not None:
            if len(step.known) >= self._limits.cached_keys:
                step.known.clear()
            step.known[stream] = key
        return key

    def _stored_keys(self, route: Route) -> Callable[[Any, Any], Iterable[Key]]:
        """The function from an event to the stored keys of its rows."""
        keys, stored_key = keys_of(self.projection, route), self.stored_key
        # Each once: two keys may be one in the store, as a time with and without its zone are.
        return lambda event, recorded: dict.fromkeys([stored_key(key) for key in keys(event, recorded)])

    def stored_key(self, key: Key) -> Key:
        """A key's values as the store has them. Raises `DomainFailed` for values of another type."""
        try:
            return tuple([column.encode(part) for column, part in zip(self.projection.key_columns, key, strict=True)])
        except InvalidInput as error:
            hint = "key= gives values of the key's own type"
            raise self._wrong(f": {key!r} is no key: {error.message}", hint) from None

    def _step(self, stored: StoredEvent | Recorded) -> _Step:
        cls = self._codec.event_class(stored.type)
        route = self._routes[cls]
        kinds = stream_kinds(self.projection, route)
        spelt = spelt_key(kinds, route.categories) if kinds is not None else None
        step = _Step(
            self._codec.decoder(stored.type, stored.schema_version),
            route.clause.function,
            self._keys_of[cls],
            spelt,
            self._known.setdefault(route.categories, {}) if spelt is not None else None,
            route.clause.recorded,
            bool(self._nested) and not self._codec.shareable(cls),
            route.clause.where,
            route.takes,
        )
        self._steps[stored.type, stored.schema_version] = step
        return step

    def _wrong(self, what: str, hint: str) -> DomainFailed:
        return DomainFailed(f"{self.projection.cls.__name__}{what}", hint=hint)


def _takes(encode: Callable[[Any], Scalar], value: Any) -> bool:
    try:
        encode(value)
    except InvalidInput:
        return False
    return True
