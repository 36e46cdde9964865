"""How a SQLite file is opened as a store: told from other files, guarded, and as durable as it says."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import suppress
from glob import escape, glob
from typing import Literal, NamedTuple

from cqrs_cli.errors import ConfigurationError, NotFound, StoreNotFound, Unavailable
from cqrs_cli.ownership import is_trusted, owner
from cqrs_cli.stores.commits import MAX_COMMIT_BYTES
from cqrs_cli.stores.sqlite import definitions
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.connection import Connection, connect, give_back, identity_of, start_of
from cqrs_cli.stores.sqlite.errors import (
    damaged_fact,
    foreign,
    has_other_names,
    missing,
    not_its_log,
    overwritten,
    read_only,
    translate,
    unseen,
    unshared,
)
from cqrs_cli.stores.sqlite.mounts import is_mount_point
from cqrs_cli.stores.sqlite.patience import Patience
from cqrs_cli.stores.sqlite.witness import Witness, is_sqlites

APPLICATION_ID = 0x63717273  # "cqrs"
FORMAT = 4
_BEHIND = "behind"
MINIMUM_SQLITE = (3, 37, 0)
Mode = Literal["rw", "ro", "immutable"]

LONGEST = MAX_COMMIT_BYTES + 1024 * 1024
"""Bytes of a value or a row: the largest commit, and what else stands in its row."""
_SYNCHRONOUS = {"full": "EXTRA", "relaxed": "NORMAL"}
# With a rollback journal a power loss does more. After FULL the journal may not be gone: it comes back, and takes the
# last commit with it; EXTRA syncs the folder too. After NORMAL the journal may be used although its pages did not
# arrive, and the store is damaged: that is no durability to offer.
_SYNCHRONOUS_WITHOUT_WAL = {"full": "EXTRA", "relaxed": "FULL"}
_PAUSES = (0, 0.01, 0.05, 0.1, 0.3)
"""Seconds before each try, while files come and go."""
_SETTLED_NS = 50_000_000
_NOT_FILES = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device"),
)


def check_is_file(path: str, found: os.stat_result) -> None:
    """Raise `ConfigurationError` for what is there and is no file, which no store can be."""
    for is_such, what in _NOT_FILES:
        if is_such(found.st_mode):
            raise ConfigurationError(f"{path} is {what}", code="configuration", store=path)


_MAKING = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_HEADER = b"SQLite format 3\0"
_JOURNAL_HEADER = bytes.fromhex("d9d505f920a163d7")


class Opening:
    """The ways to open one path; nothing is created by any of them.

    path: as the user gave it. durability: what the user asks for, None for whatever the store was made
    with. immutable: the file is on a medium that nobody can write to, as `open` found out. rest: this user may not make
    the files through which SQLite shares a log, and nobody had made them: the file is read as it lies, while it does.
    lacks_wal: the file has a rollback journal, as copies have, and is to get a write-ahead log with its first write.
    """

    def __init__(self, path: str, *, read_only: bool, durability: str | None, timeout: float) -> None:
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise Unavailable(
                f"SQLite {sqlite3.sqlite_version} is too old: cqrs needs {'.'.join(map(str, MINIMUM_SQLITE))}",
                hint="use a Python that is linked to a newer SQLite",
                code="sqlite-too-old",
            )
        if durability is not None and durability not in _SYNCHRONOUS:
            raise ConfigurationError(f"no such durability: {durability!r}", hint="full or relaxed")
        if not path or path == ":memory:" or "\0" in path:
            raise ConfigurationError(f"{path!r} is no path of a store", code="configuration", store=path)
        self.path = path
        self.real_path = os.path.realpath(path)
        self.read_only = read_only
        self.immutable = False
        self.rest: Rest | None = None
        self.lacks_wal = False
        self.unlocked_because = sqlite_lock.why_not(self.real_path)
        self._durability, self._timeout = durability, timeout

    @property
    def is_there(self) -> bool:
        """Whether there is a file with something in it, whatever that is. Raises `Unavailable` if one can't tell."""
        found = self._look_at(self.real_path)
        return found is not None and found.st_size > 0

    def _look_at(self, path: str) -> os.stat_result | None:
        """What is at the path; None if nothing is."""
        try:
            return os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unseen(self.path, error) from error

    @property
    def durability(self) -> str:
        """What a store made here is to have."""
        return self._durability or "full"

    @property
    def journal(self) -> str:
        """The journal of a store made here: a write-ahead log wants the lock between processes."""
        return "wal" if self.unlocked_because is None else "delete"

    # ── the path ──────────────────────────────────────────────────────────────────────────────

    def check_path(self, create: bool) -> None:
        """Raise a typed error if no store can be there, or none can be made. Nothing is opened. create: one may be."""
        self.check_file()
        if is_mount_point(self.real_path):
            remedy = "mount the folder that it lies in, not the file alone"
            raise has_other_names(self.path, "is mounted from elsewhere", remedy)
        if not create:
            return
        folder = self._look_at(os.path.dirname(self.real_path))
        if folder is None or not stat.S_ISDIR(folder.st_mode):
            raise StoreNotFound(
                f"no folder for the store {self.path}",
                hint="make the folder first",
                store=self.path,
            )

    def check_file(self) -> os.stat_result | None:
        """Which file is at the path; None if there is none. Raises a typed error unless it is a file of one name."""
        found = self._look_at(self.real_path)
        if found is not None:
            self._check(found)
        return found

    def _check(self, found: os.stat_result) -> None:
        if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
            return
        check_is_file(self.path, found)
        if found.st_nlink == 2 and self._take_twin_away(found):
            return
        remedy = "keep one name, or make the other a copy, while nobody has the store open"
        raise has_other_names(self.path, f"has {found.st_nlink} names (hard links)", remedy)

    def _take_twin_away(self, found: os.stat_result) -> bool:
        """Whether its other name was the one under which `placement` made it, and who made it died before it went."""
        for twin in glob(escape(self.real_path) + ".????????.part"):
            with suppress(OSError):
                if os.path.samestat(os.lstat(twin), found):
                    os.unlink(twin)
                    return True
        return False

    def make_file(self) -> None:
        """An empty file for its owner alone. One that is there is taken if it can be trusted. Raises typed errors."""
        self.check_file()
        try:
            descriptor = os.open(self.real_path, _MAKING, 0o600)
        except OSError as error:
            raise read_only(self.path, error.strerror or str(error)) from error
        try:
            self._check(os.fstat(descriptor))
            if not is_trusted(descriptor):
                raise ConfigurationError(
                    f"the empty file {self.path} is {owner(descriptor)}'s, who could read what is written to it",
                    hint="delete it, or choose another path",
                    code="not-yours",
                    store=self.path,
                )
            if hasattr(os, "fchmod"):
                with suppress(OSError):  # on a file system without modes: doctor says who may read it
                    os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise read_only(self.path, error.strerror or str(error)) from error
        finally:
            give_back(descriptor)

    # ── a store that is there ─────────────────────────────────────────────────────────────────

    def open(self) -> tuple[Connection, dict[str, str]] | None:
        """A connection and the facts of the store; None if there is none.

        That is: no file, an empty one, or what an interrupted creation left.
        """
        self._check_log()
        if not self.is_there:
            return None
        if not self._has_header() and self.read_only:
            return None
        if not self.read_only and not os.access(self.real_path, os.W_OK):
            raise read_only(self.path, "no right to write")  # SQLite would open it for reading, and fail at a write
        while True:
            connection = self.connect("rw") if not self.read_only else self._connect_to_read()
            try:
                connection.execute("BEGIN")  # one view of it, for somebody may be making it
                facts = recognise(connection, self.path)
                connection.execute("COMMIT")
                return connection, facts
            except BaseException as error:
                connection.close()
                if isinstance(error, Exception) and not self.is_at_rest(self.rest):
                    continue
                if isinstance(error, NotFound):
                    return None
                raise

    def whose_log(self) -> str:
        """Which write-ahead log is whose: noted in the lock file before anything is written to the log."""
        return f"{identity_of(self.real_path + '-wal')} of {identity_of(self.real_path)}"

    def _check_log(self) -> None:
        """Raise `Unavailable` if the write-ahead log was begun for another file, whose place this one took, or for
        another content of this file.

        SQLite pairs them by name, and would mix the pages of both.
        """
        with suppress(OSError):
            if os.path.getsize(self.real_path + "-wal") and self.unlocked_because is None:
                log, _, file = self.whose_log().partition(" of ")
                noted_log, _, noted_file = sqlite_lock.noted(self.real_path + "-lock").partition(" of ")
                if log != noted_log.rpartition(" as ")[2]:
                    return
                if file != noted_file:
                    raise not_its_log(self.path)
                before = Witness.noted(self.real_path)
                if before is None or before.has_seen(os.stat(self.real_path)):
                    return
                if is_sqlites(self.real_path, before) is False:
                    raise overwritten(self.path)

    def _has_header(self) -> bool:
        """Whether it begins as a database does. False if the power failed while it was being made; else it is foreign.

        SQLite takes a file of less than 512 bytes for an empty database, and would overwrite it.
        """
        with suppress(OSError):  # what can't be read, SQLite reports
            if start_of(self.real_path, 16) not in (_HEADER, None):
                if not self._was_empty():
                    raise foreign(self.path, "is not a SQLite database, or its header is damaged")
                return False
        return True

    def _was_empty(self) -> bool:
        """Whether a rollback journal is there that empties the file again: it says how many pages were there before."""
        with suppress(OSError), open(self.real_path + "-journal", "rb") as file:
            header = file.read(20)
            return header[:8] == _JOURNAL_HEADER and header[16:] == bytes(4)
        return False

    def _connect_to_read(self) -> Connection:
        """A connection that reads: with others; or the file alone, when nobody else has it open.

        A log wants files beside the store, which come and go with those who write. Raises `Unavailable` if they
        are there and not to be had.
        """
        self.rest = None
        for pause in _PAUSES:
            time.sleep(pause)
            connection = self.connect_reader()
            try:
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()
                return connection
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                    return connection  # the first query says it again, as a typed error
                self.rest = Rest.of(self.real_path)
                if self.rest is None or not os.access(self.real_path, os.R_OK):
                    return connection
                locked_out = error.sqlite_errorname.startswith("SQLITE_CANTOPEN")
            except (sqlite3.DatabaseError, UnicodeDecodeError):
                return connection
            if not self._has_journal():
                connection.close()
                self.immutable = _is_read_only(self.real_path)
                connection = self.connect("immutable")
                if self.immutable:
                    self.rest = None
                return connection
            self.rest = None
            if not locked_out:
                return connection
            connection.close()
        raise unshared(self.path, os.path.dirname(self.real_path))

    def is_at_rest(self, rest: Rest | None) -> bool:
        """Whether what was read is true: nobody has come to write since the file was opened by itself.

        rest: as it was when it was opened; None if it was opened with others.
        """
        return rest is None or (rest == Rest.of(self.real_path) and not self._has_journal())

    def _has_journal(self) -> bool:
        for suffix in ("-wal", "-journal"):
            with suppress(OSError):
                if os.path.getsize(self.real_path + suffix):
                    return True
        return False

    def journal_of_medium(self) -> str | None:
        """The journal of a file that is read alone, as its header says; a connection to one says `delete` of any."""
        if self.immutable or self.rest is not None:
            with suppress(OSError):
                start = start_of(self.real_path, 19)
                return "wal" if start is None or start[18:] == b"\2" else "delete"
        return None

    # ── connections ───────────────────────────────────────────────────────────────────────────

    def connect(self, mode: Mode) -> Connection:
        """A guarded connection to the file, of which nothing was read yet."""
        self.check_file()
        try:
            connection = connect(self.path, self.real_path, mode, self._timeout)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        guard(connection)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        Patience(connection, self.real_path)
        if mode != "rw":
            connection.execute("PRAGMA query_only=ON")
        return connection

    def connect_reader(self) -> Connection:
        """A connection that reads and can't do anything else."""
        return self.connect("immutable" if self.immutable or self.rest is not None else "ro")

    def check_durability(self, recorded: str) -> None:
        """Raise `ConfigurationError` if the user asks for another durability than the store was made with."""
        if self._durability not in (None, recorded):
            raise ConfigurationError(
                f"{self.path} was made with durability {recorded}, not {self._durability}",
                hint=f"leave the setting out, or set it to {recorded}",
            )

    def give_wal(self, connection: sqlite3.Connection, durability: str) -> None:
        """A write-ahead log for a copy that lost it, under the lock between processes and outside of a transaction."""
        try:
            connection.execute("PRAGMA journal_mode=wal")
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        self.set_modes(connection, durability)

    def set_modes(self, connection: sqlite3.Connection, durability: str) -> None:
        """Durability as recorded; a rollback journal where no lock can be had. For a connection that writes."""
        try:
            wal = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            self.lacks_wal = not wal and self.unlocked_because is None
            levels = _SYNCHRONOUS if wal and self.unlocked_because is None else _SYNCHRONOUS_WITHOUT_WAL
            for pragma in (
                f"synchronous={levels[durability]}",
                "fullfsync=ON",
                "checkpoint_fullfsync=ON",
                "journal_size_limit=67108864",
                "wal_autocheckpoint=16000",
            ):
                connection.execute(f"PRAGMA {pragma}")
            if wal and self.unlocked_because is not None:
                connection.execute("PRAGMA journal_mode=delete")
        except sqlite3.Error as error:
            raise translate(error, self.path) from error


class Rest(NamedTuple):
    """By what one tells that a file is as it was."""

    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: str) -> Rest | None:
        """That of a file; None if it is gone. A change just now is let settle: clocks of files are coarse."""
        with suppress(OSError):
            found = os.stat(path)
            if time.time_ns() - found.st_mtime_ns < _SETTLED_NS:
                time.sleep(_SETTLED_NS / 1e9)
                found = os.stat(path)
            return cls(found.st_ino, found.st_size, found.st_mtime_ns)
        return None


def _is_read_only(path: str) -> bool:
    """Whether nobody can write there, whatever rights they have."""
    with suppress(OSError, AttributeError):  # not every system can say it
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return False


def guard(connection: sqlite3.Connection) -> None:
    """What every connection has, to a file or not."""
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "recursive_triggers=ON"):
        connection.execute(f"PRAGMA {pragma}")


def recognise(connection: sqlite3.Connection, path: str) -> dict[str, str]:
    """What the store says about itself: its format, durability and age, by name.

    Raises `NotFound` if the database is empty, and typed errors for one that is no store, newer or damaged.
    """
    try:
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        if application_id != APPLICATION_ID:
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if application_id == 0 and not there:
                raise missing(path)
            if application_id != 0 or "cqrs_store" not in there:
                raise foreign(path, "is a SQLite database, but not a cqrs store")
        definitions.check_facts_table(connection, path)
        facts: dict[str, str] = dict(connection.execute("SELECT name, value FROM cqrs_store"))
        of_today = definitions.check(connection, path, _format(facts, path))
        if application_id == 0 or not of_today:  # SQL that a store is restored from does not say the application_id
            facts[_BEHIND] = "yes"
        connection.execute("PRAGMA cache_size=-16000")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise foreign(path, "is not a SQLite database, or its header is damaged") from error
        raise translate(error, path) from error
    if facts.get("durability") not in _SYNCHRONOUS:
        raise damaged_fact(path, "durability", facts.get("durability"))
    return facts


def _format(facts: dict[str, str], path: str) -> int:
    text = facts.get("format", "")
    stored = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if stored < 1:
        raise foreign(path, "does not say which format of a cqrs store it has")
    if stored > FORMAT:
        raise Unavailable(
            f"{path} has format {stored}, this cqrs knows up to {FORMAT}",
            hint="use a newer cqrs",
            code="newer-format",
            store=path,
        )
    return stored


End = tuple[int, bytes]


def end_of(connection: sqlite3.Connection) -> End | None:
    """The last commit of the log: its first position, and its hash, in which all before it are. None without one."""
    sql = "SELECT first_position, hash FROM commits ORDER BY first_position DESC LIMIT 1"
    found: End | None = connection.execute(sql).fetchone()
    return found


def goes_on_from(connection: sqlite3.Connection, end: End | None) -> bool:
    """Whether the log has everything that one had which ended there."""
    sql = "SELECT 1 FROM commits WHERE first_position = ? AND hash = ?"
    return end is None or connection.execute(sql, end).fetchone() is not None


def establish(connection: sqlite3.Connection, durability: str, now_us: int) -> bool:
    """Make an empty database a store, in the transaction that is open; False if the database is not empty."""
    from cqrs_cli.stores.sqlite.schema import bring_up_to_date  # sqlite-utils is for who makes a store

    if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
        return False
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    bring_up_to_date(connection)
    definitions.renew_views(connection)
    facts = {"format": str(FORMAT), "durability": durability, "created_at": str(now_us)}
    connection.executemany("INSERT INTO cqrs_store VALUES (?, ?)", facts.items())
    return True


def upgrade(connection: sqlite3.Connection, path: str) -> dict[str, str]:
    """Give a store of an older format today's, and one without the mark or today's views those; the facts then.

    In the transaction that is open; nothing is lost. Somebody else may have been faster, with this format or a newer
    one: errors as `recognise`.
    """
    facts = recognise(connection, path)
    if int(facts["format"]) < FORMAT:
        from cqrs_cli.stores.sqlite.schema import bring_up_to_date

        bring_up_to_date(connection)
        connection.execute("UPDATE cqrs_store SET value = ? WHERE name = 'format'", (str(FORMAT),))
    if is_older(facts):
        definitions.renew_views(connection)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    return recognise(connection, path)


def is_older(facts: dict[str, str]) -> bool:
    """Whether the store is to be upgraded before it is written to."""
    return int(facts["format"]) < FORMAT or _BEHIND in facts
