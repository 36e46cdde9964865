"""Appending: one commit in one round trip; many, or one with a hook, inside one transaction, written in bulk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import psycopg

from cqrs_cli.errors import CqrsError, Damaged
from cqrs_cli.stores import chain
from cqrs_cli.stores.batch import Batch, Draft, Tail, streams_of
from cqrs_cli.stores.checks import check_same
from cqrs_cli.stores.commits import Commit, Receipt, Recorded, RecordedCommit
from cqrs_cli.stores.conditions import AtVersion, Condition, StreamExists
from cqrs_cli.stores.contract import ChainLink, Inline
from cqrs_cli.stores.postgres.connection import Connection, Row
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.postgres.read import PostgresLogReader
from cqrs_cli.stores.rows import Rows

_ONE = (
    "text", "text[]", "text[]", "int[]", "text[]", "text[]", "text", "int", "bytea", "text", "bigint", "text", "text",
    "text", "text", "text", "text", "text[]", "bigint[]", "bigint", "text",
)  # fmt: skip
_COMMITS = (
    "bigint", "text", "int", "bigint", "text", "int", "bytea", "text", "bigint", "text", "text", "text", "text",
    "bytea",
)  # fmt: skip
_EVENTS = ("bigint", "bigint", "text", "bigint", "text", "int", "text")
_ANY_VERSION = -1
_AS_DURABLE = (
    "set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', "
    "'remote_write') THEN 'on' ELSE current_setting('synchronous_commit') END, true)"
)
_WRITTEN = "pg_logical_emit_message(true, 'cqrs', ''::text)"
"""A record in the write-ahead log and nothing else: the end of a transaction that wrote none waits for nobody."""
Clock = Callable[[], int] | None
"""Nanoseconds since 1970; None for the server's own."""


def patience(seconds: float) -> str:
    """A time as the server's settings take it."""
    return f"{max(1, int(seconds * 1000))}ms"


def bound(commit: Commit, conditions: Sequence[Condition], clock: Clock, seconds: float) -> tuple[Any, ...]:
    """The values of `append`: what the hash needs is put together before the lock is taken."""
    id, events, command, correlation_id, causation_id, user_id, metadata, _ = commit
    before, after, links = chain.pieces(commit)
    sent: tuple[Any, ...] = (None,) * 5
    if command is not None:
        type, schema_version, digest, data, issued_at = command
        sent = (type, schema_version, digest, None if data is None else data.decode(), issued_at)
    return (
        id,
        [event.stream for event in events],
        [event.type for event in events],
        [event.schema_version for event in events],
        [event.data.decode() for event in events],
        links,
        *sent,
        None if correlation_id == id else correlation_id,
        causation_id,
        user_id,
        metadata,
        before,
        after,
        [condition.stream for condition in conditions],
        [_version_of(condition) for condition in conditions],
        None if clock is None else clock() // 1000,
        patience(seconds),
    )


def _version_of(condition: Condition) -> int:
    if isinstance(condition, AtVersion):
        # What no stream can be at is a conflict, and no number that the server can't take.
        return max(-(2**62), min(condition.version, 2**62)) if condition.version != _ANY_VERSION else -2
    return _ANY_VERSION if isinstance(condition, StreamExists) else 0


def append_one(link: Link, connection: Connection, values: tuple[Any, ...]) -> Row:
    """One call of `append`: its answer, a row. Raises psycopg's errors."""
    marks = ", ".join(f"%b::{type}" for type in _ONE)
    row = connection.run(f"SELECT * FROM {link.s}.append({marks})", values).fetchone()
    assert row is not None
    if row[0] == "duplicate":
        make_lasting(link, connection)
    return row


def make_lasting(link: Link, connection: Connection) -> None:
    """Let this transaction end as an append does: when the standbys have what is in the log.

    Without it, a commit whose wait for a standby was cut short (by who cancelled it, by a crash of the server) would be
    acknowledged to who sends it again, though it is on this server alone. Raises psycopg's errors.
    """
    if link.facts["durability"] != "relaxed":
        connection.later(f"SELECT {_AS_DURABLE}, {_WRITTEN}")


def answer_again(log: PostgresLogReader, commit: Commit) -> Receipt:
    """The first answer to a commit whose id is in the log. Raises `CommandReused`."""
    first = found_again(log, commit.id)
    check_same(commit, first)
    return Receipt(first.events, duplicate=True)


def found_again(log: PostgresLogReader, id: str) -> RecordedCommit:
    """The commit with an id that was found in the log."""
    first = log.commit(id)
    if not isinstance(first, RecordedCommit):
        raise Damaged(f"the commit {id!r} was found and can't be read", hint="restore a backup")
    return first


def _weight(commit: Commit) -> int:
    """Bytes of its payloads. A gigabyte at once is more than a connection takes."""
    command = commit.command
    return sum([len(event[3]) for event in commit.events]) + len((command and command.data) or b"")


class PostgresBatch(Batch):
    """A batch inside one transaction of a server, which has the lock."""

    __slots__ = ("_bytes", "_connection", "_is_alone", "_link", "_log", "_rows")

    def __init__(
        self,
        link: Link,
        connection: Connection,
        drafts: Sequence[Draft],
        rows: Callable[[], AbstractContextManager[Rows]],
        clock: Clock = None,
        more: Sequence[Commit] = (),
    ) -> None:
        """rows: the rows of the transaction, for hooks. more: commits that `take_all` is given, besides the drafts."""
        self._link, self._connection, self._rows = link, connection, rows
        self._log = PostgresLogReader(link)
        self._bytes, self._is_alone = 0, len(drafts) == 1
        names = sorted(streams_of(drafts).union([event[0] for commit in more for event in commit[1]]))
        ids = [*(item.append.commit.id for item in drafts), *(commit.id for commit in more)]
        found = connection.run(
            "SELECT head, hash, recorded_at, now_us, versions, known "
            f"FROM {link.s}.begin_append(%b::text[], %b::text[], %b::text)",
            (names, ids, patience(link.limits.patience)),
        ).fetchone()
        assert found is not None
        tail = Tail()
        tail.head, tail.hash, tail.recorded_us, now_us, versions, known = found
        tail.streams = {name: (name, version) for name, version in zip(names, versions, strict=True)}
        tail.types = {}
        super().__init__(tail, set(known), now_us if clock is None else clock() // 1000)
        if known:
            make_lasting(link, connection)

    @property
    def knows(self) -> bool:
        """Whether the log has one of the commits."""
        return bool(self._known_ids)

    def _find(self, id: str) -> RecordedCommit:
        return found_again(self._log, id)

    def _hooked(self, item: Draft, inline: Inline) -> Receipt:
        if self._is_alone:  # what leaves nothing is then the transaction
            return self._recorded_with(item, inline)
        tail, connection = self._tail, self._connection
        saved = (tail.head, tail.hash, tail.recorded_us, dict(tail.streams))
        connection.later("SAVEPOINT inline")
        try:
            receipt = self._recorded_with(item, inline)
            connection.run("RELEASE inline")  # waits: what the server has against it is said here, not at the next one
        except CqrsError:
            self._commits.clear()
            self._events.clear()
            self._bytes = 0
            tail.head, tail.hash, tail.recorded_us, tail.streams = saved
            if not connection.is_lost:
                connection.later("ROLLBACK TO inline")
                connection.run("RELEASE inline")
            raise
        return receipt

    def _recorded_with(self, item: Draft, inline: Inline) -> Receipt:
        receipt = Receipt(self._record(item))
        self.flush()
        with self._rows() as rows:
            names = getattr(inline, "names", None)
            if names is None:
                # Settled, or the server would wait for the rest of the trip as long as that takes, not for 30 seconds.
                self._connection.settle()
            else:  # it asks at once what stands with them, which is the same trip
                rows.hold(names)
            inline(rows, receipt.events)
        return receipt

    def _record(self, item: Draft) -> tuple[Recorded, ...]:
        weight = _weight(item.append.commit)
        if self._commits and self._bytes + weight > self._link.limits.bytes:
            self.flush()
            self._connection.settle()
        self._bytes += weight
        return super()._record(item)

    def take_all(self, commits: Sequence[Commit], links: Sequence[ChainLink | None] = ()) -> None:
        """Take commits that passed `check_append`, under no condition, and write them in parts that can be sent."""
        start = size = 0
        for at, commit in enumerate(commits):
            weight = _weight(commit)
            if size and size + weight > self._link.limits.bytes:
                super().take_all(commits[start:at], links[start:at])
                self.flush()
                self._connection.settle()
                start, size = at, 0
            size += weight
        super().take_all(commits[start:], links[start:])
        self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        if not self._commits:
            return
        marks = ", ".join(f"%b::{type}[]" for type in (*_COMMITS, *_EVENTS))
        columns = [list(column) for rows in (self._commits, self._events) for column in zip(*rows, strict=True)]
        self._connection.later(f"SELECT {self._link.s}.write_commits({marks})", columns, self._refused)
        self._commits.clear()
        self._events.clear()
        self._bytes = 0

    def _refused(self, error: psycopg.Error) -> BaseException:
        if not isinstance(error, psycopg.errors.UniqueViolation):
            return error
        name = self._link.name
        return Damaged(f"{name} is damaged: {error.diag.message_primary}", hint="restore a backup", store=name)
