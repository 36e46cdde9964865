"""What the same rows cost with nothing but sqlite3: the tables of a store, prepared values, no checks."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from cqrs_cli.stores.registry import open_store

PRAGMAS = (
    "synchronous=FULL",
    "fullfsync=ON",
    "checkpoint_fullfsync=ON",
    "wal_autocheckpoint=16000",
    "journal_size_limit=67108864",
)
"""Those of a store with full durability; the journal mode is WAL already."""

_STREAM = "INSERT INTO streams (id, name) VALUES (?, ?)"
_COMMIT = "INSERT INTO commits VALUES (?, ?, 1, ?, ?, 1, ?, ?, ?, NULL, NULL, NULL, NULL, ?)"
_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, 1, ?)"
_KNOWN = "SELECT 1 FROM commits WHERE id = ?"
_STREAM_EVENTS = (
    "SELECT e.version, t.name, e.data FROM events e JOIN event_types t ON t.id = e.type_id "
    "WHERE e.stream_id = (SELECT id FROM streams WHERE name = ?) ORDER BY e.version"
)
_DIGEST = bytes(range(32))
_NOW = 1_767_261_600_000_000


class Inserts:
    """Prepared values of single-event commits: each account is opened, then deposits go round."""

    def __init__(self, accounts: Sequence[UUID], commands: int) -> None:
        self.commits: list[list[tuple[str, tuple[object, ...]]]] = []
        self.ids: list[str] = []
        self.streams: list[str] = []
        for number in range(commands):
            position, (turn, at) = number + 1, divmod(number, len(accounts))
            stream, opens = at + 1, turn == 0
            data = '{"owner":"Ada Lovelace"}' if opens else '{"cents":100}'
            sent = f'{{"account_id":"{accounts[at]}",{data[1:]}'
            type_id, name = (1, "OpenAccount") if opens else (2, "Deposit")
            self.ids.append(str(uuid4()))
            self.streams.append(f"account-{accounts[at]}")
            rows: list[tuple[str, tuple[object, ...]]] = [(_STREAM, (stream, self.streams[-1]))] if opens else []
            rows.append((_COMMIT, (position, self.ids[-1], _NOW, name, _DIGEST, sent, _NOW, _DIGEST)))
            rows.append((_EVENT, (position, position, stream, turn + 1, type_id, data)))
            self.commits.append(rows)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a new store's tables, with a store's pragmas."""
    open_store(str(path), create=True).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("INSERT INTO event_types VALUES (1, 'AccountOpened'), (2, 'Deposited')")
        yield connection


def insert_one_by_one(connection: sqlite3.Connection, inserts: Inserts) -> None:
    """A durable transaction for each commit."""
    for rows in inserts.commits:
        connection.execute("BEGIN IMMEDIATE")
        for sql, values in rows:
            connection.execute(sql, values)
        connection.execute("COMMIT")


def read_and_insert_one_by_one(connection: sqlite3.Connection, inserts: Inserts) -> None:
    """The same, after reading the stream and looking the commit's id up, as every event store has to."""
    for id, stream, rows in zip(inserts.ids, inserts.streams, inserts.commits, strict=True):
        connection.execute(_STREAM_EVENTS, (stream,)).fetchall()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_KNOWN, (id,)).fetchone()
        for sql, values in rows:
            connection.execute(sql, values)
        connection.execute("COMMIT")
