"""A SQLite file as a store: how it is made, used and closed, and the one place that opens transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from cqrs_cli.errors import CqrsError, Damaged, Misuse, Unavailable
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.connection import Connection, State, check_inheritance, stat_of, state_of
from cqrs_cli.stores.sqlite.definitions import check_rows
from cqrs_cli.stores.sqlite.errors import (
    disturbed,
    forked,
    locked,
    missing,
    overwritten,
    read_only,
    replaced,
    translate,
)
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.opening import (
    End,
    Opening,
    Rest,
    end_of,
    establish,
    goes_on_from,
    guard,
    is_older,
    recognise,
    upgrade,
)
from cqrs_cli.stores.sqlite.patience import Patience
from cqrs_cli.stores.sqlite.tail import SQLiteTail
from cqrs_cli.stores.sqlite.transaction import Transaction
from cqrs_cli.stores.sqlite.witness import Watch

LOOK_SECONDS = 0.1
"""How often who only reads looks whether the file is still the one at the path."""

open_files: weakref.WeakSet[SQLiteFile] = weakref.WeakSet()

_ANOTHER = "was replaced while it was open, and the log that is there now is another one"


class SQLiteFile:
    """One connection to one store file, for the threads of one process: they take turns.

    path: as the user gave it. facts: what the store says about itself. clock: nanoseconds since 1970. commits: how many
    were made here. made: whether the store was, too. A transaction keeps its turn until it ends; who waits for it for
    longer than the limits allow gets `Unavailable`. docs/decisions/0010-threads.md says why it is one connection.
    Before a fork it is closed, and opened anew on both sides.

    Another file at the path is gone on with if its log goes on from where this one's ended; else everything raises
    `Unavailable` (`replaced`) until the store is opened anew. What is acknowledged is in the file at the path.
    docs/decisions/0016-one-store-is-one-file-of-one-name.md says why.

    A file of an older format is upgraded by the first transaction that writes; until then a table may be absent.
    A file to be made "lazily" is made by it, and goes again when that one fails; until then an empty log in
    memory is read in its place.
    """

    def __init__(
        self,
        path: str,
        *,
        create: bool | Literal["lazily"],
        read_only: bool,
        durability: str | None,
        limits: Limits,
        clock: Callable[[], int],
    ) -> None:
        self.limits, self.clock = limits, clock
        self._opening = Opening(path, read_only=read_only, durability=durability, timeout=limits.timeout)
        self.path, self.real_path, self.read_only = path, self._opening.real_path, read_only
        self.unlocked_because = self._opening.unlocked_because
        kind = sqlite_lock.WriteLock if self.unlocked_because is None else sqlite_lock.NoLock
        self.lock = kind(path, self.real_path + "-lock", limits.timeout)
        self._connection: Connection | None = None
        self._patience: Patience | None = None  # of that connection
        self._plain: set[str] = set()  # tables in it that are known to be rows and no more
        self._end: End | None = None  # of the log, when the connection before this one was put down
        self._seen: End | None = None  # of the log, when who reads last looked for the file
        self._watch: Watch | None = None  # of that connection, where a log is shared
        self._noted: object = None  # what the lock file says of it: which log it writes to, and what is in its file
        self._looked = 0.0  # when it was last seen that the file is in its place
        self.writers, self.turn = threading.RLock(), threading.RLock()
        self.writer: int | None = None  # the thread whose transaction is open
        self._closed = self._is_older = False
        self.commits = 0
        self.made = False
        self.facts: dict[str, str] = {}
        self.tail = SQLiteTail(limits.streams)
        if read_only:
            create = False
        self._opening.check_path(bool(create))
        self._absent = not self._found()
        self._new = False  # the file was made by the transaction that is open
        if self._absent and not create:
            raise missing(path)
        if self._absent and create != "lazily":
            with self.transaction():
                pass
        open_files.add(self)

    def _found(self) -> bool:
        """Connect to the store, if there is one."""
        opened = self._opening.open()
        if opened is None:
            return False
        connection, facts = opened
        try:
            if not goes_on_from(connection, self._end):
                raise replaced(self.path, _ANOTHER)
            if not self.read_only:
                self._opening.check_durability(facts["durability"])
                self._opening.set_modes(connection, facts["durability"])
        except BaseException:
            connection.close()
            raise
        self._use(connection)
        self._begin_watch(connection, connection.state)
        self.facts, self._is_older = facts, is_older(facts)
        self._absent, self._end, self._looked = False, None, time.monotonic()
        self.tail.forget()
        return True

    def _use(self, connection: Connection | None) -> None:
        self._connection, self._plain, self._watch = connection, set(), None
        self._patience = None if connection is None else Patience(connection, self.real_path)

    def _begin_watch(self, connection: Connection, state: State | None) -> None:
        """state: of the file, as far as it is known to be right; by default as it is now."""
        opening = self._opening
        if self.unlocked_because is None and opening.rest is None and not opening.immutable:
            found = stat_of(self.real_path)
            state = state or (None if found is None else state_of(found))
            self._watch = Watch(connection, self.path, self.real_path, state)

    # ── making ────────────────────────────────────────────────────────────────────────────────

    def _imagine(self) -> None:
        """An empty log in memory, to be read as long as there is no file."""
        connection = Connection(":memory:", isolation_level=None, cached_statements=256, check_same_thread=False)
        guard(connection)
        self._fill(connection)
        connection.execute("PRAGMA query_only=ON")
        self._use(connection)

    def _make(self) -> bool:
        """An empty file for the transaction that fills it, under the lock; False if somebody else made the store."""
        self._discard()
        if self._found():
            return False
        self._new = not os.path.exists(self.real_path)
        self._opening.make_file()
        try:
            connection = self._opening.connect("rw")
            self._use(connection)
            # Of no effect in a transaction, so that it is done before.
            connection.execute(f"PRAGMA journal_mode={self._opening.journal}")
            self._opening.set_modes(connection, self._opening.durability)
            self._begin_watch(connection, None)
        except BaseException as error:
            self._unmake(self._connection)
            if isinstance(error, sqlite3.Error):
                raise translate(error, self.path) from error
            raise
        self._absent = False
        return True

    def _fill(self, connection: sqlite3.Connection) -> None:
        """The schema and the facts, in the transaction that is open."""
        if not establish(
            connection, self._opening.durability, self.clock() // 1000
        ):  # somebody was faster, where there is no lock
            self._new = False
        self.facts = recognise(connection, self.path)
        self._opening.check_durability(self.facts["durability"])

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Bring a store of an older format up to date, in a transaction of its own; then the caller's begins."""
        self.facts = upgrade(connection, self.path)
        connection.execute("COMMIT")
        self._is_older = False
        connection.execute("BEGIN IMMEDIATE")

    def _unmake(self, connection: sqlite3.Connection | None) -> None:
        """Take away the file that a failed transaction was to fill. Nobody can use it yet, if all wait for the lock."""
        if connection is not self._connection:  # a child's view of its parent's, or a commit whose end is not known
            return
        self._discard()
        self._absent = True
        if self._new and self.unlocked_because is None:
            with suppress(OSError):
                os.unlink(self.real_path)
            self.lock.remove()

    # ── using ─────────────────────────────────────────────────────────────────────────────────

    @property
    def connection(self) -> Connection:
        """The connection of this process, for who has the turn. Raises `Misuse` after `close`."""
        self.check_use()
        if self._connection is None or (self._absent and self._opening.is_there):
            self._connect()
        assert self._connection is not None
        return self._connection

    def check_use(self) -> None:
        """Raise `Misuse` if it is closed, `Unavailable` if the parent of this process has it in use."""
        if self._closed:
            raise Misuse(f"the store {self.path} is closed", code="closed")
        check_inheritance(self.path, self.real_path)

    def _connect(self) -> None:
        imagined = self._connection if self._absent else None
        if self._found():
            if imagined is not None:
                imagined.close()
        elif not self._absent:
            raise missing(self.path)
        elif imagined is None:
            self._imagine()

    def _in_place(self) -> Connection:
        """The connection, to the file that is at the path now: another is taken up if its log goes on from this one's.

        For who has the turn, while no transaction is open. Raises `Unavailable` (`replaced`).
        """
        connection = self.connection
        if not self._absent:
            found = self._opening.check_file()
            if found is None:
                raise replaced(self.path, "was moved or deleted while it was open")
            watch = self._watch
            if (found.st_dev, found.st_ino) != connection.identity or (
                watch is not None and not watch.has_seen(found) and not watch.check()
            ):
                self._take_up(connection)
            elif watch is not None:
                watch.begin()
            self._looked = time.monotonic()
        return self.connection

    def _take_up(self, connection: Connection) -> None:
        """Go on with the file that has taken the place of the one that is open."""
        found = stat_of(self.real_path)
        is_same = found is not None and (found.st_dev, found.st_ino) == connection.identity
        try:  # of what was in a file that was overwritten, one knows what one has seen
            self._end = self.tail.end or self._seen if is_same else end_of(connection)
            is_store = self._found()
        except (sqlite3.Error, CqrsError) as error:
            raise replaced(self.path, _ANOTHER) from error
        finally:
            self._end = None
        if not is_store:
            raise replaced(self.path, _ANOTHER)
        connection.close()

    def query(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement. Raises typed errors."""
        try:
            return self.execute(sql, parameters)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error | UnicodeDecodeError) -> Exception:
        known = translate(error, self.path)
        return self.explained(known) if isinstance(known, Damaged) else known

    def explained(self, damage: Damaged) -> CqrsError:
        """What looks like damage may be another file that was copied onto this one while it was open."""
        if self._watch is not None and not self._absent:
            try:
                found = self._opening.check_file()
                if found is not None and not self._watch.has_seen(found) and not self._watch.check():
                    return overwritten(self.path)
            except CqrsError as reason:
                return reason
        return damage

    def execute(
        self, sql: str, parameters: Any = (), prepare: Callable[[sqlite3.Connection], None] | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of one statement, in one turn. prepare: gives the connection what the statement wants.

        Raises what SQLite does, and `Unavailable` if a transaction of another thread goes on for too long.
        """
        turn = self.turn
        if not turn.acquire(False):
            self.wait_for(turn)
        try:
            connection = self._connection
            if connection is None or self._absent or self._closed:
                connection = self.connection
            elif self.writer is None and time.monotonic() - self._looked > LOOK_SECONDS:
                connection = self._in_place()
                if self._watch is not None:
                    self._watch.check_beside()
                    self._seen = end_of(connection)
            if prepare is not None:
                prepare(connection)
            if self._patience is not None:
                self._patience.renew()
            if self._opening.rest is not None:
                return self._read_at_rest(sql, parameters, prepare)
            return connection.execute(sql, parameters).fetchall()
        finally:
            turn.release()

    def _read_at_rest(
        self, sql: str, parameters: Any, prepare: Callable[[sqlite3.Connection], None] | None
    ) -> list[tuple[Any, ...]]:
        """All rows of one statement over a file that nobody shares: read again, anew, if somebody came meanwhile."""
        while True:
            connection = self.connection
            if prepare is not None:
                prepare(connection)
            try:
                rows = connection.execute(sql, parameters).fetchall()
            except sqlite3.Error:
                if self._opening.is_at_rest(self._opening.rest):
                    raise
            else:
                if self._opening.is_at_rest(self._opening.rest):
                    return rows
            if self._in_place() is connection:
                self._discard()

    @property
    def rest(self) -> Rest | None:
        """By what a `reader` can tell that what it gives is true; None if it is anyhow."""
        return self._opening.rest

    def check_rest(self, rest: Rest | None) -> None:
        """Raise `Unavailable` if somebody came to write since then."""
        if not self._opening.is_at_rest(rest):
            raise disturbed(self.path)

    def holds_rows(self, table: str) -> bool:
        """Whether there is a table of that name. Raises `Damaged` if something is there that is not rows alone."""
        if table in self._plain:
            return True
        found = check_rows(self.query, self.path, table)
        if found:
            self._plain.add(table)
        return found

    @property
    def is_there(self) -> bool:
        """Whether there is a store, here or made by somebody else since."""
        return not self._absent or self._opening.is_there

    def mark(self) -> tuple[object, ...]:
        """What is another one after every commit: of others, of this connection's, or with the file itself."""
        version = self.query("PRAGMA data_version")[0][0]  # changes with the commits of others only
        return self._connection, version, self.commits

    @property
    def writing(self) -> bool:
        """Whether a transaction of this thread is open."""
        return self.writer == threading.get_ident()

    @property
    def is_locked(self) -> bool | None:
        """Whether somebody keeps the lock between processes; None where there is none, or we may not look.

        Raises `Unavailable` if the file system can't lock.
        """
        return sqlite_lock.is_held(self.path, self.real_path + "-lock") if self.unlocked_because is None else None

    @property
    def immutable(self) -> bool:
        """Whether the file is on a medium that nobody can write to."""
        return self._opening.immutable

    @property
    def journal_mode(self) -> str:
        """`wal`, `delete` …: that of the file."""
        return self._opening.journal_of_medium() or str(self.query("PRAGMA journal_mode")[0][0])

    @property
    def has_snapshots(self) -> bool:
        """Whether a reader may stay open while others write."""
        return self.immutable or (self._opening.rest is None and self.journal_mode == "wal")

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """A second, read-only connection, for a result that is too long to be held in memory.

        Whoever works with it has its `turn` meanwhile. Raises what `query` does.
        """
        if self._absent:
            raise missing(self.path)
        self.wait_for(self.turn)
        try:
            if not self.writing:
                self._in_place()
                self.query("SELECT 1")  # a file that lay by itself is opened anew, if it does no more
            connection = self._opening.connect_reader()
        finally:
            self.turn.release()
        try:
            yield connection
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        finally:
            connection.close()

    def transaction(self) -> Transaction:
        """The one place that writes: lock, BEGIN IMMEDIATE, COMMIT or ROLLBACK, unlock.

        Raises `Unavailable` and `Damaged` for what SQLite reports, and whatever the block raises;
        nothing is written then, and no file is made.
        """
        if self.read_only and not self._closed:
            raise read_only(self.path, "it was opened for reading only")
        if self.writing:
            raise Misuse("a transaction is open already", hint="they don't nest", code="nested-transaction")
        return Transaction(self)

    def begin(self) -> tuple[Connection, bool]:
        """For `Transaction`: the connection with an open transaction, and whether the file is made by it."""
        made = self._absent and self._make()
        connection = self._in_place()
        if self._opening.lacks_wal:
            self._opening.give_wal(connection, self.facts["durability"])
            self._begin_watch(connection, None)
        if self._patience is not None:
            self._patience.widen()
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._note()
            if made:
                self._fill(connection)
            elif self._is_older:
                self._upgrade(connection)
        except BaseException as error:
            self.give_up(connection, made, error)
            raise
        return connection, made

    def _note(self) -> None:
        """Write into the lock file what whoever opens the store is to know, unless it is there."""
        witness = None if self._watch is None else self._watch.witness
        if self._noted is None or self._noted != (self._connection, witness):
            whose_log = self._opening.whose_log()
            self.lock.note(whose_log if witness is None else witness.note(whose_log))
            self._noted = self._connection, witness

    def give_up(self, connection: sqlite3.Connection, made: bool, error: BaseException) -> None:
        """Undo the transaction that `error` ended. Raises the typed error in its place if SQLite raised it."""
        self._roll_back(connection)
        if made:
            self._unmake(connection)
        if isinstance(error, sqlite3.Error):
            raise self._translated(error) from error

    def commit(self, connection: Connection) -> None:
        """What was written is there, or a typed error is raised."""
        if connection is not self._connection:
            raise forked(self.path)
        self.commits += 1
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            known = translate(error, self.path, committing=True)
            if isinstance(known, CqrsError):
                # What SQLite believes about pages whose sync failed can't be trusted: begin afresh.
                self._roll_back(connection)
                self._discard()
            raise known from error
        found = stat_of(self.real_path)
        if found is None or (found.st_dev, found.st_ino) != connection.identity:
            raise replaced(self.path, "was moved, deleted or replaced while this was written to it")
        if self._watch is not None:
            self._watch.check_written(found)
            self._note()

    def has(self, connection: Connection) -> bool:
        """Whether it is still the connection: it may have been put down, or be that of the parent of this process."""
        return connection is self._connection

    def narrow(self) -> None:
        """A transaction is over: no statement may go on for as long as one."""
        if self._patience is not None:
            self._patience.narrow()

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        self.tail.forget()
        if connection is self._connection and connection.in_transaction:  # not a child's view of its parent's
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")

    def _discard(self) -> None:
        self.tail.forget()
        connection = self._connection
        self._use(None)
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close the connection, under the lock if it can checkpoint. Closing twice is harmless.

        Waits for the transaction of another thread; raises `Unavailable` if that goes on for too long.
        """
        writers, turn = self.writers, self.turn
        self.wait_for(writers)
        try:
            self.wait_for(turn)
            try:
                self._close()
            finally:
                turn.release()
        finally:
            writers.release()

    def _close(self) -> None:
        self._closed = True
        try:
            self._put_down()
        finally:
            self.lock.close()

    def _put_down(self) -> None:
        if self._connection is None or self.read_only or self._absent or not self._connection.is_in_place:
            self._discard()
            return
        if self._watch is not None:
            found = stat_of(self.real_path)
            with suppress(Unavailable):  # it is abandoned then
                self._watch.check_beside()
                if found is not None and not self._watch.has_seen(found):
                    self._watch.check()
        try:
            # Without the lock SQLite still checkpoints only if nobody else has the store open, and it keeps others
            # out meanwhile. So who wrote nothing does not wait, nor who has waited in vain just now.
            with suppress(CqrsError):
                self.lock.acquire(wait=self.commits > 0 and not self.lock.timed_out)
            self._discard()
        finally:
            self.lock.release()

    def wait_for(self, turn: threading.RLock) -> None:
        """Take a turn. Raises `Unavailable` if another thread has it for too long."""
        if not turn.acquire(True, self.limits.timeout):
            raise locked(self.path, self.limits.timeout)

    # ── forks ─────────────────────────────────────────────────────────────────────────────────

    def set_aside(self) -> bool:
        """Before a fork: close the connection, and keep everybody out until `go_on`.

        False, and nothing is done, if this thread's transaction is open, or another's for too long.
        """
        if self._closed or self.writing or not self.writers.acquire(True, self.limits.timeout):
            return False
        if not self.turn.acquire(True, self.limits.timeout):
            self.writers.release()
            return False
        try:
            if self._connection is not None and not self._absent:
                with suppress(sqlite3.Error):  # what the matter is with it, the next use says
                    self._end = end_of(self._connection)
            self._put_down()
        except BaseException:  # an interrupt
            self.go_on()
            raise
        return True

    def go_on(self) -> None:
        """After the fork, in the parent: the connection is made anew when it is asked for."""
        self.turn.release()
        self.writers.release()

    def begin_anew(self) -> None:
        """In the child of a fork: what was set aside is opened when it is asked for. The rest is the parent's."""
        connection = self._connection
        self._use(None)
        if connection is not None:
            connection.leave()
            if self.writing:  # whoever goes on in the transaction, while this thread unwinds, is refused
                connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        self.tail = SQLiteTail(self.limits.streams)
        self.writers, self.turn, self.writer = threading.RLock(), threading.RLock(), None
        self.lock.close()
