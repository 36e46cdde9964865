"""The SQLite store: one file, the default. What it promises is in docs/format.md and in the contract."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Literal

from cqrs_cli.errors import CqrsError
from cqrs_cli.finding import Finding
from cqrs_cli.stores.batch import Draft, NothingWritten, draft
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import FURTHEST, Commit, Receipt
from cqrs_cli.stores.conditions import Condition
from cqrs_cli.stores.contract import Append, ChainLink, Inline, Selection, SQLRows, Written
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.rows import Rows
from cqrs_cli.stores.sqlite import forks as forks  # says to the system what to do at one
from cqrs_cli.stores.sqlite.append import SeenBefore, SQLiteBatch
from cqrs_cli.stores.sqlite.errors import damaged_fact, unread
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.queue import Queue
from cqrs_cli.stores.sqlite.read import SQLiteLogReader
from cqrs_cli.stores.sqlite.row_reader import SQLiteRowReader
from cqrs_cli.stores.sqlite.rows import SQLiteRows

if TYPE_CHECKING:
    from cqrs_cli.stores.audit import Audit

_LIMITS = Limits()


class SQLiteStore(SQLiteLogReader):
    """A `Store` in a SQLite file. Its threads take turns; a forked child reopens it by itself."""

    def __init__(
        self,
        path: str,
        *,
        create: bool | Literal["lazily"] = False,
        read_only: bool = False,
        durability: str | None = None,
        limits: Limits = _LIMITS,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open the file, or make it with `create`; with "lazily" the first write does, if it succeeds.

        durability: `full` (default; survives power loss) or `relaxed` (the last commits may be lost then);
        recorded when the store is made. clock: nanoseconds since 1970, for when commits were recorded.
        Raises `NotFound`, `Damaged` (not a store), `Unavailable` (newer format, rights), `ConfigurationError`.
        """
        super().__init__(
            SQLiteFile(path, create=create, read_only=read_only, durability=durability, limits=limits, clock=clock)
        )
        self._rows = SQLiteRowReader(self._file)
        self._queue = Queue(self._file.real_path + "-lock", limits.timeout, self._file.unlocked_because is None)
        self.url = "sqlite:" + path

    @property
    def made(self) -> bool:
        """Whether the store was not there and a write of this object made it."""
        return self._file.made

    # ── writing ───────────────────────────────────────────────────────────────────────────────

    def append(self, commit: Commit, conditions: Sequence[Condition] = (), inline: Inline | None = None) -> Receipt:
        """Append one commit; durable when it returns. See the contract for its errors."""
        item = Draft(Append(commit, tuple(conditions), inline))
        try:
            return self._append(item, careful=False)
        except SeenBefore:
            return self._append(item, careful=True)

    def _append(self, item: Draft, careful: bool) -> Receipt:
        with self._file.transaction() as connection:
            batch = SQLiteBatch(self._file, connection, [item], careful)
            receipt = batch.add(item)
            batch.flush()
        return receipt

    def append_many(self, appends: Sequence[Append]) -> list[Receipt | CqrsError]:
        """Commits in one durable write, each with an outcome of its own; see the contract for where it ends."""
        if not appends:
            return []
        drafts = [draft(append) for append in appends]
        try:
            return self._append_many(appends, drafts, careful=False)
        except SeenBefore:
            return self._append_many(appends, drafts, careful=True)

    def _append_many(
        self, appends: Sequence[Append], drafts: Sequence[Draft | CqrsError], careful: bool
    ) -> list[Receipt | CqrsError]:
        outcomes: list[Receipt | CqrsError] = []
        with suppress(NothingWritten), self._file.transaction() as connection:
            good = [item for item in drafts if isinstance(item, Draft)]
            SQLiteBatch(self._file, connection, good, careful).add_all(appends, drafts, outcomes)
        return outcomes

    def take_in(
        self, commits: Sequence[Commit], then: Callable[[Rows, int], None], links: Sequence[ChainLink | None] = ()
    ) -> bool:
        """Commits in one durable write, all or none, with rows in it; False if an id is there already."""
        for commit in commits:
            check_append(commit, ())
        streams = {event[0] for commit in commits for event in commit[1]}
        try:
            with self._file.transaction() as connection:
                batch = SQLiteBatch(self._file, connection, (), careful=False, more=streams)
                batch.take_all(commits, links)
                batch.flush()
                with SQLiteRows(self._file) as rows:
                    then(rows, batch.head)
        except SeenBefore:
            return False
        return True

    def turn(self, stream: str) -> AbstractContextManager[bool]:
        """Wait, not for ever, until nobody else decides for the stream; True if somebody did."""
        return nullcontext(False) if self._file.writing else self._queue.turn(stream)

    @contextmanager
    def transaction(self) -> Iterator[SQLiteRows]:
        """A write transaction for rows and checkpoints: all or nothing."""
        with self._file.transaction(), SQLiteRows(self._file) as rows:
            yield rows

    # ── reading ───────────────────────────────────────────────────────────────────────────────

    def wait(self, after: int, timeout: float) -> bool:
        """Until the head is past `after`, or `timeout` seconds are over."""
        end = time.monotonic() + timeout
        seen: tuple[object, ...] | None = None
        while True:
            mark = self._file.mark()  # cheaper than the head
            if mark != seen:
                seen = mark
                if self.head() > after:
                    return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(self._file.limits.poll, left))

    def written(self, after: int = 0) -> Iterator[Written]:
        """The commits after a position as they would be appended again, each compared with its hash."""
        from cqrs_cli.stores.sqlite.bulk import SQLiteWrittenReader

        return SQLiteWrittenReader(self, self._file).after(max(0, min(after, FURTHEST)))

    def sql(self, statement: str, parameters: Mapping[str, Any], seconds: float) -> SQLRows:
        """One statement of SQL that reads; the read models, and the log through its tables and views."""
        from cqrs_cli.stores.sqlite.sql import ReadOnlySQL

        return ReadOnlySQL(self._file, statement, parameters, seconds)

    @property
    def rows(self) -> SQLiteRowReader:
        """Read models and checkpoints, read only."""
        return self._rows

    @property
    def clock(self) -> Callable[[], int]:
        """Nanoseconds since 1970, for when commits are recorded."""
        return self._file.clock

    @clock.setter
    def clock(self, clock: Callable[[], int]) -> None:
        self._file.clock = clock

    # ── facts ─────────────────────────────────────────────────────────────────────────────────

    def describe(self) -> dict[str, Any]:
        """Facts for people and `doctor`; sizes in bytes."""
        file = self._file
        counts = file.query(
            "SELECT (SELECT count(*) FROM commits), (SELECT coalesce(max(id), 0) FROM streams), "
            "(SELECT coalesce(max(id), 0) FROM event_types)"
        )[0]
        return {
            "kind": "sqlite",
            "path": file.path,
            "format": int(file.facts["format"]),
            "created_at": rfc3339(_created_us(file)),
            "sqlite_version": sqlite3.sqlite_version,
            "journal_mode": file.journal_mode,
            "durability": file.facts["durability"],
            "lock": "flock" if file.unlocked_because is None else None,
            "lock_missing_because": file.unlocked_because,
            "locked": file.is_locked,
            "read_only": file.read_only,
            "immutable": file.immutable,
            "page_size": file.query("PRAGMA page_size")[0][0],
            "file_bytes": _size(file.real_path),
            "wal_bytes": _size(file.real_path + "-wal"),
            "head": self.head(),
            "commits": counts[0],
            "streams": counts[1],
            "event_types": counts[2],
        }

    def check(self, after: int = 0) -> None:
        """Raise `Damaged` unless the log after a position holds by its chain; of all of it, also SQLite's own check."""
        if after <= 0:
            for (told,) in self._file.query("PRAGMA integrity_check(1)"):
                if told != "ok":
                    raise unread(self._file.path, told) or self._proof.damage(told)
        deque(self.read(Selection(after=after)), maxlen=0)

    def findings(self) -> list[Finding]:
        """What is wrong with its tables and views, its lock, its rights, and with who else uses the file."""
        from cqrs_cli.stores.sqlite.health import findings

        return findings(self._file)

    def audit(self, wanted: Collection[int] = (), progress: Callable[[int], object] | None = None) -> Audit:
        """Look at all of the file, and say what is not as it was written."""
        from cqrs_cli.stores.sqlite.audit import audit

        return audit(self._file, wanted, progress)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._queue.close()
        self._file.close()

    def __enter__(self) -> SQLiteStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _created_us(file: SQLiteFile) -> int:
    text = file.facts.get("created_at", "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise damaged_fact(file.path, "created_at", text)
    return int(text)


def _size(path: str) -> int:
    with suppress(OSError):
        return os.path.getsize(path)
    return 0
