"""Projections: tables whose rows are folds of the events with the same key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, NamedTuple, Never

from pydantic import BaseModel, ConfigDict

from cqrs_cli.clauses import Clause, by_message, clauses_of, refuse_hidden_clauses
from cqrs_cli.columns import ColumnCodec, column_codec
from cqrs_cli.errors import DefinitionError
from cqrs_cli.messages import Event, refuse_keywords, refuse_private, snake
from cqrs_cli.stores.contract import Table

RESERVED_TABLES = frozenset({"streams", "event_types", "commits", "events", "event_log", "stream_summary", "projection_status"})


class Delete(Enum):
    """What an `evolve` returns to remove its row."""

    DELETE = "delete"


DELETE = Delete.DELETE


class Keywords(NamedTuple):
    """What the class statement said."""

    key: tuple[str, ...]
    version: int
    table: str


class Projection(BaseModel):
    """A read model; the class is the row and the row is the table: `class OrderSummary(Projection, key="order_id")`.

    Class keywords: `key=` (a field, or a tuple of fields), `version=` (1; raise it when the meaning
    of the rows changes), `name=` (the table; default: the class's name in snake_case).
    Any event with a clause creates a missing row, so every field but the key has a default.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    keywords: ClassVar[Keywords]

    def __init_subclass__(
        cls,
        *,
        key: str | tuple[str, ...] = (),
        version: int = 1,
        name: str | None = None,
        **unknown: Never,
    ) -> None:
        refuse_keywords(cls, unknown, "key, version and name")
        super().__init_subclass__()
        cls.keywords = Keywords((key,) if isinstance(key, str) else tuple(key), version, name or snake(cls.__name__))

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        refuse_private(cls)
        refuse_hidden_clauses(cls)


class ProjectionType(NamedTuple):
    """A projection class, read and checked.

    table: its shape in the store. columns: how each field crosses to the store and back, in order.
    evolvers: by event. fingerprint: changes when the rows would no longer fit (columns, key, version).
    """

    cls: type[Projection]
    table: Table
    columns: tuple[ColumnCodec, ...]
    key_columns: tuple[ColumnCodec, ...]
    evolvers: Mapping[type[Event], Clause]
    fingerprint: str

    @property
    def name(self) -> str:
        """The table's name, which is the projection's."""
        return self.table.name


def projection_type(cls: type[Projection]) -> ProjectionType:
    """Read a projection class. Raises `DefinitionError` naming class, field and remedy."""
    key, version, name = cls.keywords
    if not key:
        raise DefinitionError(f"{cls.__name__} has no key", hint=f'class {cls.__name__}(Projection, key="order_id")')
    if not name.isascii() or not name.replace("_", "a").isalnum() or name[0].isdigit() or len(name) > 100:
        raise DefinitionError(f"{cls.__name__}: {name!r} can't be a table", hint="ASCII letters, digits and _, at most 100")
    if name.lower() in RESERVED_TABLES or name.lower().startswith(("cqrs_", "sqlite_")):
        raise DefinitionError(f"{cls.__name__}: the table {name!r} is one of the store's own", hint="choose another with name=")
    for field in key:
        if field not in cls.model_fields:
            raise DefinitionError(f"{cls.__name__} has no field {field!r} for its key", hint=f"add `{field}: UUID`, or correct key=")
    for field, info in cls.model_fields.items():
        if field not in key and info.is_required():
            raise DefinitionError(
                f"{cls.__name__}.{field} has no default", hint="an event may create the row: all but the key need defaults"
            )
    names = [field.lower() for field in cls.model_fields]
    if len(set(names)) < len(names):
        raise DefinitionError(f"{cls.__name__}: two fields differ in case only, which SQL can't tell apart")
    columns = tuple(column_codec(cls, field, info.annotation) for field, info in cls.model_fields.items())
    key_columns = tuple(column for name_ in key for column in columns if column.column.name == name_)
    for column in key_columns:
        if column.column.kind in ("json", "real", "decimal") or column.column.nullable:
            raise DefinitionError(
                f"{cls.__name__}.{column.column.name} can't be a key", hint="a key is a text, integer, UUID, date, time, bool or enum, never None"
            )
    table = Table(name, tuple(column.column for column in columns), key)
    evolvers = by_message(clauses_of(cls, "evolve"))
    if not evolvers:
        raise DefinitionError(f"{cls.__name__} has no @evolve", hint="a projection is the fold of at least one event")
    shape = repr((name, [tuple(column) for column in table.columns], key, version))
    return ProjectionType(
        cls, table, columns, key_columns, evolvers, hashlib.sha256(shape.encode()).hexdigest()[:16]
    )
