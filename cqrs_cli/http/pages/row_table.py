"""Rows of a read model as a table: what its columns are, and where its values lead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from cqrs_cli import records
from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.keys import plain_type
from cqrs_cli.domain.row_model import RowModel, RowType
from cqrs_cli.errors import CqrsError
from cqrs_cli.history.rows import row_key_text
from cqrs_cli.http.pages.site import Site
from cqrs_cli.json_text import json_text
from cqrs_cli.payloads.conditions import kinds_of
from cqrs_cli.payloads.jsontext import parse_json
from cqrs_cli.workbench.workbench import Workbench

NUMBERS = frozenset({"integer", "decimal", "real"})


class Column(NamedTuple):
    """A column. kind: as its table has it."""

    name: str
    kind: str
    is_key: bool
    is_time: bool

    @property
    def is_number(self) -> bool:
        """Whether its values stand to the right."""
        return self.kind in NUMBERS


class Row(NamedTuple):
    """A row without what is hidden. streams: by column, the stream whose key its value is.

    key: as it is typed; None if a part of it is hidden. hidden: the columns whose values are not shown.
    """

    values: dict[str, Any]
    streams: dict[str, str]
    key: str | None
    hidden: frozenset[str]


class RowTable:
    """The table of a read model's rows."""

    def __init__(self, site: Site, kind: RowType) -> None:
        self._site, self._kind = site, kind
        annotations = kinds_of(kind)
        self.columns = [
            Column(one.name, one.kind, one.name in kind.table.key, _is_time(annotations[one.name]))
            for one in kind.table.columns
        ]
        self._keyed = {one.name: _keyed_by(site, one.name) for one in self.columns}

    def rows(self, bench: Workbench, found: Iterable[RowModel]) -> list[Row]:
        """The rows, with links to the streams that are there."""
        return [self._row(bench, row) for row in found]

    def _row(self, bench: Workbench, row: RowModel) -> Row:
        values, hidden = self._site.plain(bench, records.answer(row)), frozenset[str]()
        if self._site.face.hiding is not None:
            raw = parse_json(json_text(bench.jsonable(row)))
            hidden = frozenset(one.name for one in self.columns if raw[one.name] != values.get(one.name))
        streams = {
            name: self._site.plain(bench, {"stream": stream})["stream"]
            for name, kinds in self._keyed.items()
            for kind in kinds
            if name not in hidden and (stream := _stream(bench, kind, getattr(row, name))) is not None
        }
        key = None if hidden.intersection(self._kind.table.key) else row_key_text(self._kind, self.key_of(row))
        return Row(values, streams, key, hidden)

    def key_of(self, row: RowModel) -> tuple[Any, ...]:
        """The stored key of a row."""
        return tuple(one.encode(getattr(row, one.column.name)) for one in self._kind.key_columns)


def _is_time(annotation: Any) -> bool:
    return plain_type(annotation) is datetime


def _keyed_by(site: Site, name: str) -> list[AggregateType]:
    """The aggregates whose whole key has this name."""
    return [one for one in site.face.domain.aggregates.values() if one.key == (name,)]


def _stream(bench: Workbench, kind: AggregateType, value: Any) -> str | None:
    """The stream of this key, if there is one."""
    try:
        stream = kind.stream_of((value,))
    except CqrsError:  # no key can be like that
        return None
    return stream if bench.store.version(stream) else None
