"""Rows that are folds: what projections and process managers have in common."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict

from cqrs_cli.domain.clauses import Clause, by_message, clauses_of, refuse_hidden_clauses
from cqrs_cli.domain.code_digest import code_digest, event_code, shape_digest
from cqrs_cli.domain.columns import ColumnCodec, column_codec, same
from cqrs_cli.domain.keys import plain_type
from cqrs_cli.domain.messages import Event, Message
from cqrs_cli.domain.mistakes import check_folded, check_name, complete, refuse_private, refuse_taken
from cqrs_cli.domain.pydantic_fast import UNDEFINED, constructed, count_as_set, has_no_rules
from cqrs_cli.domain.storable import refuse_unreadable
from cqrs_cli.errors import DefinitionError, InvalidInput, NeedsRebuild
from cqrs_cli.stores.rows import LONGEST_COLUMN, LONGEST_TABLE, SYSTEM_COLUMNS, Scalar, Table

RESERVED_TABLES = frozenset(
    {
        "streams",
        "event_types",
        "commits",
        "events",
        "event_log",
        "stream_summary",
        "projection_status",
        "_sqlite_migrations",
    }
)


class Delete(Enum):
    """What an `evolve` returns to remove its row."""

    DELETE = "delete"


DELETE = Delete.DELETE


class Keywords(NamedTuple):
    """What the class statement said. unique, indexes: groups of columns. ignores: what `check` says nothing of."""

    key: tuple[str, ...]
    version: int
    table: str
    inline: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    aliases: tuple[str, ...] = ()
    ignores: tuple[type[Message], ...] = ()


class RowModel(BaseModel):
    """A row that is the fold of the events with its key. Not for direct use: `Projection` and `ProcessManager` are."""

    model_config = ConfigDict(allow_inf_nan=False)

    keywords: ClassVar[Keywords]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        refuse_private(cls)
        refuse_taken(cls, "keywords")
        refuse_hidden_clauses(cls)


class RowType(NamedTuple):
    """A row class, read and checked.

    table: its shape in the store. columns: how each field crosses to the store and back, in order.
    evolvers: by event. domain: the name of the domain that it is part of. streams: the categories of the aggregates
    whose events it takes in; None: any.
    """

    cls: type[RowModel]
    table: Table
    columns: tuple[ColumnCodec, ...]
    key_columns: tuple[ColumnCodec, ...]
    evolvers: Mapping[type[Event], Clause]
    inline: bool
    domain: str = ""
    streams: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """The table's name, which is the projection's."""
        return self.table.name

    @property
    def definition(self) -> str:
        """JSON of what its stored rows depend on (see `outdated`). Made when first asked for."""
        found = _definitions.get(self.cls)
        if found is None:
            found = _definitions[self.cls] = _definition(self)
        return of_domain(found, self.domain, self.streams)


_definitions: WeakKeyDictionary[type[RowModel], str] = WeakKeyDictionary()


def row_maker(kind: RowType) -> Callable[[Sequence[Scalar]], RowModel]:
    """The function from a stored row to an instance. It raises `Misuse` (needs-rebuild) for one that no longer fits."""
    cls, names = kind.cls, [column.column.name for column in kind.columns]
    converted = [(column.column.name, column.decode) for column in kind.columns if column.decode is not same]
    fields = set(cls.model_fields)

    def made(values: Sequence[Scalar]) -> RowModel:
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        for name, decode in converted:
            try:
                row[name] = decode(row[name])
            except Exception as error:
                raise NeedsRebuild(
                    f"{kind.name}.{name}: a stored value no longer fits {cls.__name__}: {str(error).splitlines()[0]}",
                    table=kind.name,
                ) from error
        return constructed(cls, row, fields)

    return made


def row_opener(kind: RowType) -> Callable[[tuple[Scalar, ...]], RowModel]:
    """The function from a stored key to a row before its first event: the key and the defaults.

    Like a row that was loaded, all its fields count as set: a fold doesn't depend on which of the two it meets.
    """
    cls, fields = kind.cls, set(kind.cls.model_fields)
    key = [(column.column.name, column.decode) for column in kind.key_columns]
    defaults = {name: info.default for name, info in cls.model_fields.items()}

    def validated(values: tuple[Scalar, ...]) -> RowModel:
        row = cls(**{name: decode(value) for (name, decode), value in zip(key, values, strict=True)})
        count_as_set(row, fields)
        return row

    def copied(values: tuple[Scalar, ...]) -> RowModel:
        row = defaults.copy()
        for (name, decode), value in zip(key, values, strict=True):
            row[name] = decode(value)
        return constructed(cls, row, fields)

    return copied if _is_plain(cls, kind.table.key) else validated


_UNCHANGING = (str, int, float, Decimal, UUID, date, Enum, type(None))
_HARMLESS = frozenset({"allow_inf_nan", "frozen", "title"})


def _is_plain(cls: type[RowModel], key: Sequence[str]) -> bool:
    """Whether a new instance is its key and defaults that can't change, with no code or rule of the class between."""
    return (
        cls.__init__ is RowModel.__init__
        and cls.__new__ is RowModel.__new__
        and has_no_rules(cls)
        and cls.model_config.keys() <= _HARMLESS
        and all(
            info.alias is None
            and info.validation_alias is None
            and (
                not info.metadata and plain_type(info.annotation) is info.annotation
                if name in key
                else info.default_factory is None
                and not info.validate_default
                and isinstance(info.default, _UNCHANGING)
            )
            for name, info in cls.model_fields.items()
        )
    )


def as_groups(columns: Iterable[str | tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """`("email", ("city", "street"))` as groups of columns."""
    return tuple((group,) if isinstance(group, str) else tuple(group) for group in columns)


def as_rules(columns: Iterable[str | tuple[str, ...]] | str) -> tuple[tuple[str, ...], ...]:
    """What `unique=` says, as groups of columns: a name, or a tuple of names as in `key=`, is one rule.

    Several rules are a list of names and tuples, or a tuple with a tuple in it.
    """
    if isinstance(columns, str):
        return ((columns,),)
    names = tuple(column for column in columns if isinstance(column, str))
    return (names,) if names and names == columns else as_groups(columns)


def row_type(cls: type[RowModel]) -> RowType:
    """Read a row class. Raises `DefinitionError` naming class, field and remedy."""
    complete(cls)
    key, version, name, inline, unique, indexes, *_ = cls.keywords
    _check_names(cls, key, name, (*unique, *indexes))
    check_folded(cls, key, version, "an event may create the row")
    refuse_unreadable(cls)
    if unique and not inline:
        # Written in batches, the rows would break the rule or not by where a batch happens to end.
        raise DefinitionError(
            f"{cls.__name__} has unique= but is not inline: its rows change when nothing can be refused any more",
            hint="add inline=True, and a command that would break the rule is rejected",
        )
    columns = tuple(column_codec(cls, field, info.annotation) for field, info in cls.model_fields.items())
    for column in columns:
        _check_default(cls, column)
    key_columns = tuple(column for name_ in key for column in columns if column.column.name == name_)
    for column in key_columns:
        if column.column.kind in ("json", "real", "decimal") or column.column.nullable:
            raise DefinitionError(
                f"{cls.__name__}.{column.column.name} can't be a key",
                hint="a key is a text, integer, UUID, date, time, bool or enum, never None",
            )
    table = Table(name, tuple(column.column for column in columns), key, unique, indexes)
    evolvers: dict[type[Event], Clause] = by_message(clauses_of(cls, "evolve"))
    return RowType(cls, table, columns, key_columns, evolvers, inline)


def of_domain(definition: str, name: str, streams: Sequence[str] | None) -> str:
    """The definition as that of a part of this domain."""
    told = "" if streams is None else f',"streams":{json.dumps(sorted(streams))}'
    return f'{definition[:-1]},"domain":{json.dumps(name)}{told}}}'


@lru_cache(maxsize=256)
def foreign(stored: str, definition: str) -> str | None:
    """Why what is on record under this name is another domain's, or None if it is this one's."""
    old, new = ((_read(text) or {}).get("domain") for text in (stored, definition))
    if not old or not new or old == new:  # not in stores of the first versions
        return None
    return (
        f"it is of the domain {old!r}, and this is {new!r}: give one a name= of its own, unless the domain was renamed"
    )


def _check_default(cls: type[RowModel], column: ColumnCodec) -> None:
    name = column.column.name
    default = cls.model_fields[name].default
    if default is None or default is UNDEFINED:  # None may stand for what the first event says
        return
    try:
        column.encode(default)
    except InvalidInput as error:
        raise DefinitionError(
            f"{cls.__name__}.{name}: the default can't be stored: {error.message}",
            hint="a default of the field's own type",
        ) from None


def outdated(stored: str, definition: str) -> str | None:
    """Why rows made with the `stored` definition no longer count, or None if they do."""
    old, new = _read(stored), json.loads(definition)
    if old is None:
        return "what its rows were made with can't be read any more"
    other = foreign(stored, definition)
    if other is not None:
        return other
    reasons = []
    if old["version"] != new["version"]:
        reasons.append(f"version {old['version']} became {new['version']}")
    if old["key"] != new["key"]:
        reasons.append(f"the key ({', '.join(old['key'])}) became ({', '.join(new['key'])})")
    before, after = ({name: kind for name, *kind in columns["columns"]} for columns in (old, new))
    reasons += [f"column {name} is new" for name in after if name not in before]
    reasons += [f"column {name} is gone" for name in before if name not in after]
    reasons += [f"column {name} changed its type" for name in after if name in before and before[name] != after[name]]
    new_shapes: dict[str, str] = new.get("shapes", {})
    shapes = old.get("shapes", new_shapes)  # not in stores of the first versions
    reasons += [
        f"column {name} changed its shape"
        for name in after
        if before.get(name) == after[name] and shapes.get(name) != new_shapes.get(name)
    ]
    if not reasons and list(before) != list(after):
        reasons.append("the order of the columns changed")
    for what, told in (("unique", "the unique columns"), ("indexes", "the indexes")):
        if old[what] != new[what]:
            reasons.append(f"{told} changed")
    return "; ".join(reasons) or None


def _read(stored: str) -> dict[str, Any] | None:
    """A stored definition; None if it is none (changed by hand, or damaged)."""
    try:
        found: dict[str, Any] = json.loads(stored)
        _ = {name: kind for name, *kind in found["columns"]}, ", ".join(found["key"]), found.get("shapes", {}).keys()
        return found if {"version", "unique", "indexes", "source"} <= found.keys() else None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def stored_names(events: Iterable[type[Event]]) -> frozenset[str]:
    """The names under which these events are stored, aliases included."""
    return frozenset(name for event in events for name in (event.stored.name, *event.stored.aliases))


def aliases_of(events: Iterable[type[Event]]) -> dict[str, list[str]]:
    """The older names of these events by today's, of those that have any."""
    return {event.stored.name: sorted(event.stored.aliases) for event in events if event.stored.aliases}


def _definition(kind: RowType) -> str:
    clauses = [clause.function for clause in kind.evolvers.values()]
    fields = kind.cls.model_fields
    shapes = {one.name: shape_digest(fields[one.name].annotation) for one in kind.table.columns if one.kind == "json"}
    return json.dumps(
        {
            "version": kind.cls.keywords.version,
            "key": kind.table.key,
            "columns": [tuple(column) for column in kind.table.columns],
            "shapes": shapes,
            "unique": kind.table.unique,
            "indexes": kind.table.indexes,
            "types": sorted(stored_names(kind.evolvers)),
            "aliases": aliases_of(kind.evolvers),
            "python": sys.implementation.cache_tag,
            "source": code_digest([kind.cls, *clauses, *event_code(kind.evolvers)]),
        },
        separators=(",", ":"),
    )


def refuse_reserved(cls: type[RowModel], *names: str) -> None:
    """Raise `DefinitionError` for a name that a table of the store has."""
    for name in names:
        if name.lower() in RESERVED_TABLES or name.lower().startswith(("cqrs_", "sqlite_", "pg_")):
            raise DefinitionError(
                f"{cls.__name__}: the table {name!r} is one of the store's own", hint="choose another with name="
            )


def _check_names(cls: type[RowModel], key: tuple[str, ...], name: str, groups: Iterable[tuple[str, ...]]) -> None:
    if not key:
        raise DefinitionError(
            f"{cls.__name__} has no key", hint=f'class {cls.__name__}({cls.__bases__[0].__name__}, key="order_id")'
        )
    check_name(cls.__name__, name, "table")
    refuse_reserved(cls, name)
    _refuse_unfit(cls, name)
    for field in key:
        if field not in cls.model_fields:
            raise DefinitionError(
                f"{cls.__name__} has no field {field!r} for its key", hint=f"add `{field}: UUID`, or correct key="
            )
    for group in groups:
        for field in group:
            if field not in cls.model_fields:
                raise DefinitionError(
                    f"{cls.__name__} has no field {field!r}", hint="unique= and indexes= name fields of the class"
                )
    names = [field.lower() for field in cls.model_fields]
    if len(set(names)) < len(names):
        raise DefinitionError(f"{cls.__name__}: two fields differ in case only, which SQL can't tell apart")


def _refuse_unfit(cls: type[RowModel], name: str) -> None:
    """Raise `DefinitionError` for a name of the table or of a column that not every store can hold."""
    if len(name) > LONGEST_TABLE:
        raise DefinitionError(
            f"{cls.__name__}: the table {name!r} has {len(name)} letters, and a store takes {LONGEST_TABLE}",
            hint='a shorter one with name="…", under which rows are made anew; a process manager that began '
            "under the longer one goes on there with it in aliases=(…,)",
        )
    for field in cls.model_fields:
        if field.lower() in SYSTEM_COLUMNS:
            message = f"{cls.__name__}.{field}: each table of PostgreSQL has a column {field.lower()} of its own"
            raise DefinitionError(message, hint="another name for the field")
        if len(field.encode()) > LONGEST_COLUMN:
            message = (
                f"{cls.__name__}.{field}: its name has {len(field.encode())} bytes, and a store takes {LONGEST_COLUMN}"
            )
            raise DefinitionError(message, hint="a shorter name for the field")
