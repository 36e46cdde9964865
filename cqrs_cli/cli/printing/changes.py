"""What changed, for people: old → new, red and green."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from cqrs_cli.cli.printing.documents import Column, Short, Table
from cqrs_cli.cli.printing.payload_text import is_structure, payload_text
from cqrs_cli.cli.printing.values import cell_text

PATH, OLD, NEW = Column("path"), Column("old", style="old"), Column("new", style="new")
WHO = (
    Column("position", "pos"),
    Column("recorded_at", "recorded at", moment=True, drop=4),
    Column("version", "ver", whole=False, drop=5),
    Column("type", whole=False, drop=2),
    Column("user_id", "user", whole=False, drop=3),
    Column("command", drop=6),
    Column("clause", drop=1),
)
"""The event that made a change."""

_UUID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def change_table(
    changes: Iterable[Mapping[str, Any]],
    columns: Sequence[Column],
    members: Sequence[str],
    empty: str,
    title: str | None = None,
) -> Table:
    """A table of changes."""
    group = None if title is None else lambda _: title
    return Table(changes, columns, row=change_row, members=members, empty=empty, group=group)


def change_line(change: Mapping[str, Any], short: Short = str) -> str:
    """`status: open → paid`; nothing is `∅`, the empty text `''`. change: a record with path, old and new."""
    return f"{_path(change['path'], short)}: {_told(change['old'], short)} → {_told(change['new'], short)}"


def change_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a table for a record with path, and old and new or a value, perhaps of an event."""
    told: dict[str, Any] = {name: partial(_told, record[name]) for name in ("old", "new", "value") if name in record}
    if record.get("clause") and "fold" in record:  # the title says that already, and there is little room
        told["clause"] = record["clause"].removeprefix(f"{record['fold']} fold: ")
    return {**record, "path": partial(_path, record["path"]), **told}


def _path(path: str, short: Short) -> str:
    """The place of a field; an id that tells an element of a list, or a row, may be typed by its beginning too."""
    return _UUID.sub(lambda found: short(found[0]), path)


def _told(value: Any, short: Short) -> str:
    """A value in a cell or line."""
    if is_structure(value) and value:
        return payload_text(value, False, short)
    return "∅" if value is None else "''" if value == "" else short(cell_text(value))
