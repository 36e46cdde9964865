"""The log of an application of pyeventsourcing, the package `eventsourcing` (9.x), in SQLite or PostgreSQL.

A row has the id of an aggregate, a version, a topic (`module:Class.Event`) and a state: JSON, packed with zlib perhaps.
The aggregate's class, which is the category here, is that of its first event: all of its events are in one stream.
"""

from __future__ import annotations

import json
import re
import zlib
from operator import methodcaller
from typing import Any, NamedTuple
from uuid import UUID

from cqrs_cli.errors import InvalidInput
from cqrs_cli.transfer.dialects.database import Database, Kind, Select
from cqrs_cli.transfer.dialects.dialect import PRODUCED, Dialect, Place, shape
from cqrs_cli.transfer.dialects.event import ForeignEvent, Mapped, Row, category, encoded, parsed, time_of

_TAGGED = re.compile(
    rb'\{"_type_":"(datetime_iso|decimal_str|uuid_hex|date_iso)","_data_":("[^"\\]*(?:\\.[^"\\]*)*")\}'
)
"""A value as its transcoder writes it. In JSON the first letters can't stand inside of a text."""
_text = methodcaller("group", 2)
_is_hex = re.compile("[0-9a-f]{32}").fullmatch
_MOST_NAMES = 200_000
_MOST_UNPACKED = 64 * 1024 * 1024


class _Topic(NamedTuple):
    type: str
    owner: str
    metadata: str


class _Events:
    """Makes events of rows."""

    def __init__(self, database: Database, place: Place) -> None:
        self._database = database
        self._first = (
            f"SELECT topic, state FROM {place[0].quoted} WHERE originator_id = ? ORDER BY originator_version LIMIT 1"
        )
        self._topics: dict[str, _Topic] = {}
        self._streams: dict[object, str] = {}

    def __call__(self, row: Row) -> ForeignEvent:
        position, originator, version, topic, packed = row
        data = _json_of(packed, position)
        state = parsed(data, position, "state")
        stream = self._streams.get(originator)
        if stream is None:
            stream = self._named(originator, version, topic, state, position)
        told = self._topics.get(topic) or self._topic(topic)
        time_us = time_of(state.get("timestamp")) if isinstance(state, dict) else None
        return ForeignEvent(position, stream, told.type, data, f"{stream}:{version:d}", time_us, version, told.metadata)

    def _topic(self, topic: str) -> _Topic:
        name = topic.partition(":")[2] or topic
        owner = name.rpartition(".")[0] or name
        self._topics[topic] = told = _Topic(
            name, owner.rpartition(".")[2], json.dumps({"topic": topic}, ensure_ascii=False, separators=(",", ":"))
        )
        return told

    def _named(self, originator: object, version: int, topic: str, state: Any, position: int) -> str:
        """The stream of an aggregate."""
        if originator is None:
            raise ValueError("it has no originator_id")
        if version != 1:
            found = self._database.first(self._first, originator)
            if found is not None:
                topic, state = found[0], parsed(_json_of(found[1], position), position, "state")
        made_by = state.get("originator_topic") if isinstance(state, dict) else None
        kind = str(made_by).rpartition(":")[2].rpartition(".")[2] if made_by else self._topic(topic).owner
        key = str(originator)
        key = str(UUID(key)) if _is_hex(key) else encoded(key)
        begins = category(kind) + "-"
        stream = key if key.startswith(begins) else begins + key
        if len(self._streams) >= _MOST_NAMES:
            del self._streams[next(iter(self._streams))]
        self._streams[originator] = stream
        return stream


def _json_of(state: Any, position: int) -> bytes:
    data = bytes(state) if not isinstance(state, str) else state.encode()
    if data[:1] == b"x":
        data = _unpacked(data, position)
    if not data.startswith((b"{", b"[")):
        raise InvalidInput(
            f"the state at position {position:,} of the source is no JSON",
            hint="states that the application encrypts, or writes in another form, can't be read here",
            code="not-json",
            position=position,
        )
    if b'{"_type_":"' not in data:
        return data
    return _TAGGED.sub(_value if b'"uuid_hex"' in data else _text, data)


def _unpacked(data: bytes, position: int) -> bytes:
    try:
        unpacking = zlib.decompressobj()
        return unpacking.decompress(data, _MOST_UNPACKED)
    except zlib.error:
        return data


def _value(found: re.Match[bytes]) -> bytes:
    kind, value = found.groups()
    if kind == b"uuid_hex":
        return b'"' + str(UUID(value[1:-1].decode())).encode() + b'"'
    return value


def _select(kind: Kind, place: Place) -> Select:
    position = "rowid" if kind == "sqlite" else "notification_id"
    columns = "originator_id, originator_version, topic, state"
    return Select(f"{position}, {columns}", place[0].quoted, position)


def _mapped(database: Database, place: Place) -> Mapped:
    return _Events(database, place)


PYEVENTSOURCING = Dialect(
    "pyeventsourcing",
    "pyeventsourcing (the Python package eventsourcing, 9)",
    PRODUCED,
    {
        "sqlite": (shape(None, "rowid originator_id originator_version topic state"),),
        "postgresql": (shape(None, "notification_id originator_id originator_version topic state"),),
    },
    _select,
    _mapped,
)
