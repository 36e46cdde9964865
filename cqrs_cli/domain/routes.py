"""Routes: which rows of a projection, or which processes, an event concerns.

A field of the event with the key's name, else the key in the name of the event's stream, else the
user's own `key=`; what can't be resolved is an error when the `Domain` is made. A field that is None says nothing:
then it is the stream's name again, where the key is that of its aggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.columns import ColumnCodec
from cqrs_cli.domain.keys import named_type, plain_type
from cqrs_cli.domain.messages import Event
from cqrs_cli.domain.process_manager import CommandRejected, ReactionType
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import DefinitionError, DomainFailed, InvalidInput
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.streams import category_of

KeysOf = Callable[[Any, Recorded], Iterable[tuple[Any, ...]]]


class Route(NamedTuple):
    """Which rows of a projection, or which processes, an event concerns.

    fields: the parts of the key that are fields of the event; None: the user's `key=` function is asked.
    aggregate: the other parts are those of its stream, which is an aggregate's or a process's own.
    needs_envelope: the function (or the clause) looks at `Recorded`. categories: of the streams whose ids
    are those parts, which are the streams of every aggregate that has the event. telling: by category, the aggregates
    whose streams tell what a field of the event leaves open. domain: the categories of the domain, whose event
    it is; empty for one that no aggregate of the domain has, which may be in any stream.
    """

    clause: Clause
    fields: tuple[str, ...] | None
    aggregate: AggregateType | ReactionType | None
    needs_envelope: bool
    categories: tuple[str, ...] = ()
    telling: Mapping[str, AggregateType] = MappingProxyType({})
    domain: frozenset[str] = frozenset()

    def takes(self, stream: str) -> bool:
        """Whether an event in this stream is the domain's: another domain on the store may call its own the same."""
        return not self.domain or category_of(stream) in self.domain


def own_categories(
    event: type[Event], aggregates: Mapping[str, AggregateType], reactions: Mapping[str, ReactionType]
) -> frozenset[str]:
    """The categories of the streams in which an event is the domain's own; empty: it is another's, wherever it is."""
    if event is CommandRejected:
        return frozenset(reactions)
    known = any(event in aggregate.events for aggregate in aggregates.values())
    categories = (category for aggregate in aggregates.values() for category in aggregate.categories)
    return frozenset({*categories, *reactions}) if known else frozenset()


def streams_of(events: Iterable[type[Event]], aggregates: Mapping[str, AggregateType]) -> tuple[str, ...] | None:
    """The categories of the aggregates that have these events; None if one of these is no aggregate's."""
    found: set[str] = set()
    for event in events:
        owners = [aggregate for aggregate in aggregates.values() if event in aggregate.events]
        if not owners and event is not CommandRejected:
            return None
        found.update(category for owner in owners for category in owner.categories)
    return tuple(sorted(found))


def route_of(
    rows: RowType,
    event: type[Event],
    clause: Clause,
    aggregates: Mapping[str, AggregateType],
    reactions: Mapping[str, ReactionType],
) -> Route:
    """Which rows the event concerns, by the rules for keys. Raises `DefinitionError` that names `key=`."""
    domain = own_categories(event, aggregates, reactions)
    if clause.key is not None:
        return Route(clause, None, None, needs_envelope=True, domain=domain)
    if event is CommandRejected:
        own = reactions.get(rows.name)
        if own is None or own.rows is not rows:
            raise DefinitionError(
                f"{clause.where}: a CommandRejected concerns the process that sent the command", hint="give it key="
            )
        return Route(clause, (), own, clause.recorded)
    absent = [name for name in rows.table.key if name not in event.model_fields]
    owners = [aggregate for aggregate in aggregates.values() if event in aggregate.events] if absent else []
    if absent and not (
        owners and all(set(absent) <= set(owner.key) and owner.key == owners[0].key for owner in owners)
    ):
        raise DefinitionError(
            f"{clause.where}: which row does {event.__name__} concern? It has no field {', '.join(absent)}, "
            "and it is not an event of an aggregate with that key alone",
            hint=f"@evolve(key=lambda event, recorded: …), or put {absent[-1]} into the event",
        )
    telling = _telling(rows, event, aggregates.values())
    for column in rows.key_columns:
        name = column.column.name
        for aggregate in telling.values():
            if name in aggregate.key:
                _check_key_type(rows, column, event, clause, aggregate.key_types[aggregate.key.index(name)])
        if name not in absent:
            _check_key_type(rows, column, event, clause, plain_type(event.model_fields[name].annotation))
        for owner in owners if name in absent else ():
            _check_key_type(rows, column, event, clause, owner.key_types[owner.key.index(name)])
    fields = tuple(name for name in rows.table.key if name not in absent)
    categories = tuple(category for owner in owners for category in owner.categories)
    return Route(clause, fields, owners[0] if owners else None, clause.recorded, categories, telling, domain)


def _telling(rows: RowType, event: type[Event], aggregates: Iterable[AggregateType]) -> dict[str, AggregateType]:
    """The aggregates that have the event and whose key has a part of the row's key that the event may leave open."""
    fields = event.model_fields
    nullable = [
        name
        for name in rows.table.key
        if name in fields and type(None) in get_args(named_type(fields[name].annotation))
    ]
    return {
        category: aggregate
        for aggregate in aggregates
        for category in aggregate.categories
        if event in aggregate.events and any(name in aggregate.key for name in nullable)
    }


def _check_key_type(projection: RowType, column: ColumnCodec, event: type[Event], clause: Clause, kind: Any) -> None:
    wanted = plain_type(projection.cls.model_fields[column.column.name].annotation)
    if kind is not wanted:
        raise DefinitionError(
            f"{clause.where}: the key {column.column.name!r} is {getattr(wanted, '__name__', wanted)} "
            f"in {projection.cls.__name__} but {getattr(kind, '__name__', kind)} by way of {event.__name__}",
            hint="give both the same type, or convert it with key=",
        )


def keys_of(projection: RowType, route: Route) -> KeysOf:
    """The function from an event to the keys of its rows, each a tuple, each once."""
    single = len(projection.table.key) == 1
    if route.fields is not None and route.aggregate is not None:
        return _keys_from_stream(projection.table.key, route.fields, route.aggregate, route)
    if route.fields is not None:
        names = route.fields

        def from_fields(event: Any, recorded: Recorded) -> Iterable[tuple[Any, ...]]:
            return _complete(names, tuple([getattr(event, name) for name in names]), recorded, route)

        return from_fields
    function = route.clause.key
    assert function is not None
    encoders = [column.encode for column in projection.key_columns]

    def from_function(event: Any, recorded: Recorded) -> Iterable[tuple[Any, ...]]:
        answer = function(event, recorded)
        if answer is None:
            return ()
        many = (
            answer
            if isinstance(answer, Iterable) and not isinstance(answer, str if single else tuple | str)
            else (answer,)
        )
        keys: dict[tuple[Any, ...], None] = {}
        for key in many:
            if key is None:
                continue
            parts = (key,) if single else tuple(key) if isinstance(key, tuple | list) else ()
            try:
                for encode, part in zip(encoders, parts, strict=True):
                    encode(part)  # now, while it is known which event gave it: only the column's own type is a key
            except (InvalidInput, ValueError) as error:
                told = (
                    error.message
                    if isinstance(error, InvalidInput)
                    else f"it takes ({', '.join(projection.table.key)})"
                )
                raise DomainFailed(
                    f"{route.clause.where}: key= gave {key!r}, which is no key: {told}", hint=_KEYS_HINT
                ) from None
            keys[parts] = None
        return keys

    return from_function


def _complete(names: tuple[str, ...], key: tuple[Any, ...], recorded: Recorded, route: Route) -> Sequence[Any]:
    """The key, what is None in it taken from the event's stream where that can tell; nothing if a part stays open."""
    if None not in key:
        return (key,)
    aggregate = route.telling.get(category_of(recorded.stream))
    if aggregate is None:
        return ()
    own = dict(zip(aggregate.key, aggregate.key_of(recorded.stream), strict=True))
    key = tuple([own.get(name) if part is None else part for name, part in zip(names, key, strict=True)])
    return () if None in key else (key,)


def stream_kinds(projection: RowType, route: Route) -> tuple[type, ...] | None:
    """The types of a key that is all in the name of an aggregate's stream; None for any other key."""
    aggregate = route.aggregate
    if isinstance(aggregate, AggregateType) and not route.fields and aggregate.key == projection.table.key:
        return aggregate.key_types
    return None


def _keys_from_stream(
    key: tuple[str, ...], fields: tuple[str, ...], aggregate: AggregateType | ReactionType, route: Route
) -> KeysOf:
    """The key of the event's stream, with the parts in between that the event itself names."""
    if isinstance(aggregate, ReactionType):  # other processes' rejections are in streams of their own
        own, prefix = aggregate, f"{aggregate.name}-"
        return lambda _, recorded: (own.key_of(recorded.stream),) if recorded.stream.startswith(prefix) else ()

    @lru_cache(maxsize=65_536)  # an event's stream often is that of the one before
    def key_of(stream: str) -> tuple[Any, ...]:
        if category_of(stream) not in route.categories:  # an import
            raise DomainFailed(
                f"{route.clause.where}: {stream} is no stream of {' or '.join(route.categories)}, "
                "so its id is not the key of a row",
                hint="give the clause key=, or pass the event over",
            )
        return aggregate.key_of(stream)

    if key == aggregate.key and not fields:
        return lambda _, recorded: (key_of(recorded.stream),)
    sources = [(name, None if name in fields else aggregate.key.index(name)) for name in key]

    def mixed(event: Any, recorded: Recorded) -> Iterable[tuple[Any, ...]]:
        parts = key_of(recorded.stream)
        row = tuple([getattr(event, name) if index is None else parts[index] for name, index in sources])
        return _complete(key, row, recorded, route)

    return mixed


_KEYS_HINT = "a key, an iterable of keys or None; keys of several parts are tuples"
