"""Appending: a batch of commits inside one transaction, checked in memory and written by `executemany`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from cqrs_cli.errors import Conflict, CqrsError
from cqrs_cli.stores import chain
from cqrs_cli.stores.checks import check_append, check_same
from cqrs_cli.stores.commits import Receipt, Recorded, RecordedCommit
from cqrs_cli.stores.conditions import check_version, holds
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.read import SQLiteLogReader
from cqrs_cli.stores.sqlite.rows import SQLiteRows

_INSERTS = (
    "INSERT INTO streams (id, name) VALUES (?, ?)",
    "INSERT INTO event_types (id, name) VALUES (?, ?)",
    "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
)
_NO_STREAM = (0, 0)


class Draft:
    """An append that passed the checks, with what can be computed before the lock is taken.

    payloads: for each event its data as text, and their SHA-256 in hex.
    """

    __slots__ = ("append", "payloads")

    def __init__(self, append: Append) -> None:
        commit, conditions, _, _, assumes = append
        check_append(commit, conditions + assumes)
        self.append = append
        self.payloads = [(event[3].decode(), sha256(event[3]).hexdigest()) for event in commit[1]]


def draft(append: Append) -> Draft | CqrsError:
    """The draft, or why no store may take the append."""
    try:
        return Draft(append)
    except CqrsError as error:
        return error


class SeenBefore(Exception):
    """A commit's id is in the log already, which nobody had looked up: the transaction is to be tried again."""


class Outrun(Exception):
    """What a commit was decided on is not so: it and those after it are to be decided again."""


class Batch:
    """The state of the log inside one transaction, and the rows that are still to be written.

    Positions, versions and hashes are worked out here; SQLite sees the rows in bulk. A commit with an
    inline hook is written at once, in a savepoint; when the hook raises, everything known is read again.

    careful: look all ids up first. Else an id counts as new until a condition fails or the log refuses it
    (`SeenBefore`): nearly all are, and the index is asked when they are written anyhow.
    """

    __slots__ = (
        "_careful", "_connection", "_drafts", "_file", "_known_ids", "_log", "_pending", "_recorded_us", "_tail",
        "_written",
    )  # fmt: skip

    def __init__(
        self,
        file: SQLiteFile,
        connection: sqlite3.Connection,
        drafts: Sequence[Draft],
        careful: bool,
    ) -> None:
        self._file = file
        self._connection = connection
        self._drafts = drafts
        self._pending: tuple[list[Any], list[Any], list[Any], list[Any]] = ([], [], [], [])
        self._careful = careful
        self._log = SQLiteLogReader(file)
        self._known_ids = self._log.known([item.append.commit.id for item in drafts]) if careful else set()
        self._written: set[str] = set()
        self._tail = file.tail
        self._read_tail()

    def _read_tail(self) -> None:
        streams = set()
        for item in self._drafts:
            commit, conditions, _, _, assumes = item.append
            for event in commit[1]:
                streams.add(event[0])
            for condition in conditions:
                streams.add(condition[0])
            for condition in assumes:
                streams.add(condition[0])
        self._tail.read(self._connection, streams)
        self._recorded_us = max(self._tail.recorded_us, self._file.clock() // 1000)

    def wrote(self, ids: Iterable[str]) -> bool:
        """Whether this batch has taken all of these commits."""
        return self._written.issuperset(ids)

    def add(self, item: Draft) -> Receipt:
        """Take one commit. It leaves nothing when a condition, the id or the inline hook raises. Raises `Outrun`."""
        commit, conditions, inline, follows, assumes = item.append
        if commit.id in self._known_ids:
            return self._answer_again(item)
        streams = self._tail.streams
        try:
            if follows and not self._written.issuperset(follows):
                raise Outrun
            for condition in assumes:
                if not holds(condition, streams.get(condition[0], _NO_STREAM)[1]):
                    raise Outrun
            for condition in conditions:
                check_version(condition, streams.get(condition[0], _NO_STREAM)[1])
        except (Conflict, Outrun):
            if self._careful or not self._log.known([commit.id]):
                raise
            return self._answer_again(item)
        if inline is None:
            receipt = tuple.__new__(Receipt, (self._record(item), False))
        else:
            self.flush()
            self._connection.execute("SAVEPOINT inline")
            try:
                receipt = Receipt(self._record(item))
                self.flush()
                with SQLiteRows(self._file) as rows:
                    inline(rows, receipt.events)
                self._connection.execute("RELEASE inline")
            except CqrsError:
                self._connection.execute("ROLLBACK TO inline")
                self._connection.execute("RELEASE inline")
                for rows_ in self._pending:
                    rows_.clear()
                self._tail.forget()
                self._read_tail()
                raise
        self._known_ids.add(commit.id)
        self._written.add(commit.id)
        return receipt

    def _answer_again(self, item: Draft) -> Receipt:
        self.flush()
        first = self._log.commit(item.append.commit.id)
        assert isinstance(first, RecordedCommit)
        check_same(item.append.commit, first)
        return Receipt(first.events, duplicate=True)

    def _record(self, item: Draft) -> tuple[Recorded, ...]:
        id, events, command, correlation_id, causation_id, user_id, metadata = item.append.commit
        at, tail = self._recorded_us, self._tail
        _, _, commit_rows, event_rows = self._pending
        first = tail.head + 1
        position, number = first, 0
        if command is None:
            command_type = command_version = command_digest = command_text = issued_at = None
        else:
            command_type, command_version, command_digest, command_data, issued_at = command
            command_text = None if command_data is None else command_data.decode()
        correlation = correlation_id or id
        if correlation == id:
            correlation_id = None
        links, recorded = [], []
        for (stream, type, schema_version, data), (text, digest) in zip(events, item.payloads):  # noqa: B905  (hot)
            stream_id, version = tail.streams.get(stream) or self._new_stream(stream)
            version += 1
            tail.streams[stream] = (stream_id, version)
            type_id = tail.types.get(type) or self._new_type(type)
            number += 1
            event_rows.append((position, first, stream_id, version, type_id, schema_version, text))
            links.append((stream, version, type, schema_version, digest))
            recorded.append(
                tuple.__new__(
                    Recorded,
                    (
                        position, stream, version, type, schema_version, data, id, number, command_type,
                        correlation, causation_id, user_id, at, metadata,
                    ),
                )
            )  # fmt: skip
            position += 1
        tail.head, tail.recorded_us = position - 1, at
        tail.hash = chain.link(tail.hash, id, at, command, correlation, causation_id, user_id, metadata, links)
        commit_rows.append(
            (
                first, id, number, at, command_type, command_version, command_digest, command_text, issued_at,
                correlation_id, causation_id, user_id, metadata, tail.hash,
            )
        )  # fmt: skip
        return tuple(recorded)

    def _new_stream(self, name: str) -> tuple[int, int]:
        id = self._tail.new_stream(self._connection)
        self._pending[0].append((id, name))
        return id, 0

    def _new_type(self, name: str) -> int:
        """The id of a type that this connection has not met: the log may have it."""
        id, new = self._tail.type_id(self._connection, name)
        if new:
            self._pending[1].append((id, name))
        return id

    def flush(self) -> None:
        """Write what is pending. Raises `SeenBefore`."""
        run, run_many = self._connection.execute, self._connection.executemany
        try:
            for sql, rows in zip(_INSERTS, self._pending):  # noqa: B905  (four of each)
                if len(rows) == 1:
                    run(sql, rows.pop())
                elif rows:
                    run_many(sql, rows)
                    rows.clear()
        except sqlite3.IntegrityError:
            if self._careful:
                raise
            raise SeenBefore from None
