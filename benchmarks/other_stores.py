"""Logs of other stores, each written by its own writer, and what its own reader says is in them."""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit
from uuid import NAMESPACE_OID, UUID, uuid5

from benchmarks.sales import Line, Paper

_MESSAGE_DB = Path(__file__).resolve().parents[1] / ".venv/message-db/node_modules/@eventide/message-db/database"
"""Its SQL, which `make peers` takes from npm."""
_FUNCTIONS = (
    "hash-64", "acquire-lock", "category", "is-category", "id", "cardinal-id", "stream-version", "write-message",
    "get-stream-messages",
)  # fmt: skip
_PARTS = (
    "schema/message-store", "tables/messages", "types/message", *(f"functions/{name}" for name in _FUNCTIONS),
    *(f"indexes/messages-{name}" for name in ("id", "stream", "category")),
)  # fmt: skip


class Happened(NamedTuple):
    """An event as its store's own reader gives it, in the words of a mirror.

    version: from 1. payload: as JSON says it, decimals and times as text. time_us: microseconds UTC.
    """

    position: int
    stream: str
    version: int
    type: str
    payload: object
    time_us: int


class Writer(Protocol):
    """The log of a store. source: what is typed for it."""

    source: str

    def write(self, papers: Iterable[Paper]) -> int:
        """The papers as events; how many there are. Half of one is written with half of the next: streams overlap."""

    def happened(self) -> Sequence[Happened]:
        """All of the log, in its order."""


class PyEventSourcing:
    """An application of pyeventsourcing, in an SQLite file or in a database of PostgreSQL."""

    def __init__(self, source: str) -> None:
        self.source = source
        if "://" in source:
            split = urlsplit(source)
            self._environ = {
                "PERSISTENCE_MODULE": "eventsourcing.postgres", "POSTGRES_DBNAME": split.path[1:],
                "POSTGRES_HOST": str(split.hostname), "POSTGRES_PORT": str(split.port),
                "POSTGRES_USER": str(split.username), "POSTGRES_PASSWORD": split.password or "none",
            }  # fmt: skip
        else:
            self._environ = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": source}

    def write(self, papers: Iterable[Paper]) -> int:
        """Each paper an aggregate; the rest of one is saved with the begin of the next."""
        from benchmarks.peer_sales import Invoice, Sales

        written, open_ones = 0, list[tuple[Invoice, Sequence[Line]]]()
        with Sales(env=self._environ) as sales:
            for paper in chain(papers, (None,)):
                begun, before = list[tuple[Invoice, Sequence[Line]]](), open_ones
                if paper is not None:  # its times are before those of the rest, which comes before it in the log
                    written, half = written + paper.events, len(paper.lines) // 2
                    invoice = Invoice(paper.number, paper.customer, paper.country, paper.at)
                    invoice.sell_all(paper.lines[:half])
                    begun.append((invoice, paper.lines[half:]))
                for invoice, rest in before:
                    invoice.sell_all(rest)
                sales.save(*[invoice for invoice, _ in (*before, *begun)])
                open_ones = begun
        return written

    def happened(self) -> Sequence[Happened]:
        """By its notifications, made into its events."""
        from benchmarks.peer_sales import Sales

        with Sales(env=self._environ) as sales:
            return list(self._happened(sales))

    def _happened(self, sales: Any) -> Iterator[Happened]:
        start = 1
        while notifications := sales.recorder.select_notifications(start, 1_000):
            for one in notifications:
                event = sales.mapper.to_domain_event(one)
                told = {name: _said(value) for name, value in vars(event).items() if not name.startswith("originator_")}
                if event.originator_version == 1:
                    told["originator_topic"] = event.originator_topic
                stream, type = f"invoice-{event.originator_id}", one.topic.partition(":")[2]
                yield Happened(one.id, stream, event.originator_version, type, told, _micros(event.timestamp))
            start = notifications[-1].id + 1


class MessageDB:
    """The functions of Message DB, in a schema of a database of PostgreSQL that has none of its own yet."""

    def __init__(self, source: str) -> None:
        """Raises `FileNotFoundError` where its SQL is not."""
        self.source = source
        with self._connected() as connection:
            for part in _PARTS:
                connection.execute((_MESSAGE_DB / f"{part}.sql").read_bytes())

    @staticmethod
    def is_here() -> bool:
        """Whether its SQL is."""
        return _MESSAGE_DB.is_dir()

    def _connected(self) -> Any:
        import psycopg

        return psycopg.connect(self.source, autocommit=True, options="-c search_path=message_store,public")

    def write(self, papers: Iterable[Paper]) -> int:
        """Each paper a stream; the rest of one is written in one transaction with the begin of the next."""
        written, rest = 0, list[tuple[Any, ...]]()
        with self._connected() as connection, connection.cursor() as cursor:
            for paper in chain(papers, (None,)):
                messages = [] if paper is None else list(_messages(paper))
                written += len(messages)
                half = len(messages) // 2
                now, rest = [*rest, *messages[:half]], messages[half:]
                with connection.transaction():
                    cursor.executemany("SELECT write_message(%s, %s, %s, %s, %s, %s)", now)
        return written

    def happened(self) -> Sequence[Happened]:
        """Stream by stream, by its function."""
        found = []
        with self._connected() as connection:
            streams = connection.execute("SELECT DISTINCT stream_name FROM messages").fetchall()
            for stream in streams:
                for row in connection.execute("SELECT * FROM get_stream_messages(%s, 0, -1)", stream):
                    _, name, type, position, global_position, data, _, time = row
                    at = _micros(time.replace(tzinfo=UTC))
                    payload = json.loads(data)
                    found.append(Happened(global_position, name, position + 1, type, payload, at))
        return sorted(found)


def _messages(paper: Paper) -> Iterator[tuple[Any, ...]]:
    stream = f"invoice-{paper.number}"
    placed = {"number": paper.number, "country": paper.country, "placed_at": paper.at.isoformat()}
    told = json.dumps({"correlationStreamName": f"customer-{paper.customer}", "userId": paper.customer})
    said = [("Placed", json.dumps(placed))]
    for line in paper.lines:
        text = json.dumps({**line._asdict(), "unit_price": str(line.unit_price)}, ensure_ascii=False)
        said.append(("LineSold", text))
    for version, (type, data) in enumerate(said, -1):
        id = str(uuid5(NAMESPACE_OID, f"{stream} {version}"))
        yield id, stream, type, data, told if paper.customer else None, version


def _said(value: object) -> object:
    if isinstance(value, Decimal | UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _micros(moment: datetime) -> int:
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000 + whole.microseconds
