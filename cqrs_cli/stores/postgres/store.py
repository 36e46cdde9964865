"""The PostgreSQL store: one schema of a database. What it promises is in docs/postgresql.md and in the contract."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import psycopg

from cqrs_cli.errors import ConfigurationError, CqrsError, Unavailable
from cqrs_cli.finding import Finding
from cqrs_cli.stores.batch import Draft, NothingWritten, draft, receipt_of
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import FURTHEST, Commit, Receipt
from cqrs_cli.stores.conditions import Condition, check_version
from cqrs_cli.stores.contract import Append, ChainLink, Inline, Selection, SQLRows, Written
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.postgres.append import PostgresBatch, answer_again, append_one, bound
from cqrs_cli.stores.postgres.connection import Connection
from cqrs_cli.stores.postgres.errors import missing, outcome_unknown
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.link import Link, pauses
from cqrs_cli.stores.postgres.read import PostgresLogReader
from cqrs_cli.stores.postgres.row_reader import PostgresRowReader
from cqrs_cli.stores.postgres.rows import PostgresRows
from cqrs_cli.stores.postgres.schema import is_there, make
from cqrs_cli.stores.postgres.waiting import Waiter
from cqrs_cli.stores.rows import Rows

if TYPE_CHECKING:
    from cqrs_cli.stores.audit import Audit

T = TypeVar("T")
_LIMITS = Limits()
_PASSING = frozenset({"outcome-unknown", "connection-lost", "unreachable", "busy"})
"""After these the same append is sent again, with its id, until the time is over."""


class PostgresStore(PostgresLogReader):
    """A `Store` in a schema of a PostgreSQL database. Each thread's call has a connection of its own."""

    def __init__(
        self,
        url: str,
        *,
        create: bool | Literal["lazily"] = False,
        read_only: bool = False,
        durability: str | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        """Open the store, or make it with `create`; "lazily" opens only: a server's store is made on purpose.

        durability: `full` (default) or `relaxed` (the last commits may be lost when the server falls); recorded when
        the store is made. Raises `NotFound`, `Damaged`, `Unavailable`, `ConfigurationError`.
        """
        if durability not in (None, "full", "relaxed"):
            raise ConfigurationError(f"no such durability: {durability!r}", hint="full or relaxed")
        link = Link(url, read_only=read_only, limits=limits)
        super().__init__(link)
        self.url, self.made = link.name, False
        self._clock: Callable[[], int] | None = None
        self._rows, self._waiter = PostgresRowReader(link), Waiter(link)
        try:
            if not is_there(link):
                if read_only or create is not True:
                    raise missing(link.name, link.schema)
                make(link, durability or "full")
                self.made = is_there(link)
            recorded = link.facts["durability"]
            if durability not in (None, recorded):
                raise ConfigurationError(
                    f"{link.name} was made with durability {recorded}, not {durability}",
                    hint=f"leave the setting out, or set it to {recorded}",
                )
        except BaseException:
            link.close()
            raise

    # ── writing ───────────────────────────────────────────────────────────────────────────────

    def append(self, commit: Commit, conditions: Sequence[Condition] = (), inline: Inline | None = None) -> Receipt:
        """Append one commit; durable when it returns. See the contract for its errors."""
        conditions = tuple(conditions)
        if inline is not None or commit.recorded_us is not None:
            item = Draft(Append(commit, conditions, inline))
            return self._resolved([commit.id], lambda: self._append_in_batch(item))
        check_append(commit, conditions)
        self._link.check_writable()
        values = bound(commit, conditions, self._clock, self._link.limits.patience)
        return self._resolved([commit.id], lambda: self._append(commit, conditions, values))

    def _append(self, commit: Commit, conditions: Sequence[Condition], values: tuple[Any, ...]) -> Receipt:
        """In one round trip, which is a transaction of its own."""
        link = self._link
        with link.connection() as connection:
            connection.patience, connection.warned = link.limits.answer, False
            try:
                status, first, at, versions, which, actual = append_one(link, connection, values)
            except psycopg.Error as error:
                if connection.is_lost:
                    raise outcome_unknown(link.name) from error
                raise link.translate(error, connection) from error
            finally:
                connection.patience = None
            if connection.warned:  # it was not waited for the standby: what is here may be lost
                connection.close()
                raise outcome_unknown(link.name)
        if status == "conflict":
            check_version(conditions[which], actual)
        return answer_again(self, commit) if status == "duplicate" else receipt_of(commit, first, at, versions)

    def _append_in_batch(self, item: Draft) -> Receipt:
        with self._link.transaction(appending=True) as connection:
            batch = self._batch(connection, [item])
            receipt = batch.add(item)
            batch.flush()
        return receipt

    def append_many(self, appends: Sequence[Append]) -> list[Receipt | CqrsError]:
        """Commits in one durable write, each with an outcome of its own; see the contract for where it ends."""
        if not appends:
            return []
        drafts = [draft(append) for append in appends]
        return self._resolved([append.commit.id for append in appends], lambda: self._append_many(appends, drafts))

    def _append_many(self, appends: Sequence[Append], drafts: Sequence[Draft | CqrsError]) -> list[Receipt | CqrsError]:
        outcomes: list[Receipt | CqrsError] = []
        with suppress(NothingWritten), self._link.transaction(appending=True) as connection:
            good = [item for item in drafts if isinstance(item, Draft)]
            self._batch(connection, good).add_all(appends, drafts, outcomes)
        return outcomes

    def _batch(self, connection: Connection, drafts: Sequence[Draft], more: Sequence[Commit] = ()) -> PostgresBatch:
        link = self._link
        return PostgresBatch(link, connection, drafts, lambda: PostgresRows(link, connection), self._clock, more)

    def take_in(
        self, commits: Sequence[Commit], then: Callable[[Rows, int], None], links: Sequence[ChainLink | None] = ()
    ) -> bool:
        """Commits in one durable write, all or none, with rows in it; False if an id is there already."""
        for commit in commits:
            check_append(commit, ())
        ids = [commit.id for commit in commits]
        return len(set(ids)) == len(ids) and self._resolved(ids, lambda: self._take_in(commits, then, links))

    def _take_in(
        self, commits: Sequence[Commit], then: Callable[[Rows, int], None], links: Sequence[ChainLink | None]
    ) -> bool:
        with suppress(NothingWritten), self._link.transaction(appending=True) as connection:
            batch = self._batch(connection, (), commits)
            if batch.knows:  # also if an attempt of ours was written whose answer was lost
                raise NothingWritten
            batch.take_all(commits, links)
            with PostgresRows(self._link, connection) as rows:
                then(rows, batch.head)
            return True
        return False

    def _resolved(self, ids: Sequence[str], attempt: Callable[[], T]) -> T:
        """What the attempt gives. One without an answer is made again, with the same ids, on a new connection.

        A look at the log would not do instead: the first attempt may still be running. An id that is found then was
        written by an attempt of ours or by somebody else's, which is the same: `duplicate` says that it was there.
        """
        end = time.monotonic() + self._link.address.timeout
        unknown: Unavailable | None = None
        for pause in pauses():
            try:
                return attempt()
            except Unavailable as error:
                if error.code not in _PASSING and unknown is None:
                    raise
                if error.code == "outcome-unknown":  # and it stays so, whatever the server says of a later attempt
                    unknown = error
                if time.monotonic() + pause > end:
                    raise unknown or error from error.__cause__
            time.sleep(pause)
        raise AssertionError

    def turn(self, stream: str) -> AbstractContextManager[bool]:
        """No queue is kept: whoever is outrun rests and tries on."""
        return nullcontext(False)

    @contextmanager
    def transaction(self) -> Iterator[PostgresRows]:
        """A write transaction for rows and checkpoints: all or nothing. Others append meanwhile."""
        with self._link.transaction() as connection, PostgresRows(self._link, connection) as rows:
            yield rows

    # ── reading ───────────────────────────────────────────────────────────────────────────────

    def wait(self, after: int, timeout: float) -> bool:
        """Until the head is past `after`, or `timeout` seconds are over."""
        return self._waiter.wait(self.head, after, timeout)

    def written(self, after: int = 0) -> Iterator[Written]:
        """The commits after a position as they would be appended again, each compared with its hash."""
        from cqrs_cli.stores.postgres.bulk import PostgresWrittenReader

        return PostgresWrittenReader(self, self._link).after(max(0, min(after, FURTHEST)))

    def sql(self, statement: str, parameters: Mapping[str, Any], seconds: float) -> SQLRows:
        """One statement of SQL that reads; the read models, and the log through its tables and views."""
        from cqrs_cli.stores.postgres.sql import ReadOnlySQL

        return ReadOnlySQL(self._link, statement, parameters, seconds)

    @property
    def rows(self) -> PostgresRowReader:
        """Read models and checkpoints, read only."""
        return self._rows

    @property
    def clock(self) -> Callable[[], int]:
        """Nanoseconds since 1970, for when commits are recorded; the server's own clock counts until one is set."""
        return self._clock or time.time_ns

    @clock.setter
    def clock(self, clock: Callable[[], int]) -> None:
        self._clock = clock

    # ── facts ─────────────────────────────────────────────────────────────────────────────────

    def describe(self) -> dict[str, Any]:
        """Facts for people and `doctor`; sizes in bytes."""
        from cqrs_cli.stores.postgres import rights, server

        link = self._link
        s = link.s
        [(database, user, log_bytes, commits, streams)] = link.query(
            "SELECT current_database()::text, current_user::text, "
            f"pg_total_relation_size('{s}.events') + pg_total_relation_size('{s}.commits'), "
            f"(SELECT count(*) FROM {s}.commits), (SELECT count(*) FROM {s}.events WHERE version = 1)"
        )
        with link.connection() as connection:
            host, port = connection.info.host, connection.info.port
        return {
            "kind": "postgresql",
            "url": self.url,
            "host": host,
            "port": port,
            "database": database,
            "schema": link.schema,
            "user": user,
            "format": int(link.facts["format"]),
            "created_at": rfc3339(int(link.facts["created_at"])),
            "durability": link.facts["durability"],
            **server.facts(link),
            "may": rights.may(link),
            "read_only": link.read_only,
            "log_bytes": log_bytes,
            "head": self.head(),
            "commits": commits,
            "streams": streams,
            "event_types": len(self.type_names()),
        }

    def check(self, after: int = 0) -> None:
        """Raise `Damaged` unless the log after a position holds by its chain."""
        deque(self.read(Selection(after=after)), maxlen=0)

    def findings(self) -> list[Finding]:
        """What is wrong with its parts, with the settings of the server, and with who else uses it."""
        from cqrs_cli.stores.postgres.health import findings

        return findings(self._link)

    def audit(self, wanted: Collection[int] = (), progress: Callable[[int], object] | None = None) -> Audit:
        """Look at all of the log, and say what is not as it was written."""
        from cqrs_cli.stores.postgres.audit import audit

        return audit(self._link, wanted, progress)

    def close(self) -> None:
        """Give the connections back; closing twice is harmless."""
        self._waiter.close()
        self._link.close()

    def __enter__(self) -> PostgresStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
