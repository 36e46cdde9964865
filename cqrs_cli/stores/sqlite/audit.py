"""A SQLite store looked at as a whole: SQLite's own check, the definitions, and each commit against the hash chain.

Everything is read as it is stored, past the readers that others use. Of each commit the hash is computed from its
fields, its events and the stored hash of the commit before, so that one change is found where it is, and not again in
all that follows.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import sha256
from itertools import chain as chained
from itertools import islice
from typing import Any

from cqrs_cli.stores import chain
from cqrs_cli.stores.audit import Audit, Flaw
from cqrs_cli.stores.bulk import ChainTexts
from cqrs_cli.stores.commits import MAX_COMMIT_EVENTS, SentCommand
from cqrs_cli.stores.operational import OPERATIONAL, REJECTIONS
from cqrs_cli.stores.sqlite.connection import Connection
from cqrs_cli.stores.sqlite.definitions import definitions
from cqrs_cli.stores.sqlite.errors import translate, unread
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.name_tables import NameTable

MOST = 1_000
"""Flaws, after which no more are looked for: such a file is none of ours any more."""
_FILE_COMPLAINTS = 100
_COMMITS_A_PAGE = 2_000
_COUNTS = range(1, MAX_COMMIT_EVENTS + 1)
_COMMITS = (
    "SELECT first_position, event_count, id, recorded_at, command_type, command_schema_version, command_digest, "
    "CAST(command_data AS BLOB), issued_at, coalesce(correlation_id, id), causation_id, user_id, metadata, hash "
    "FROM commits WHERE first_position > ? AND first_position <= ? ORDER BY first_position LIMIT ?"
)
_EVENTS = (
    "SELECT position, commit_position, stream_id, version, type_id, schema_version, CAST(data AS BLOB) "
    "FROM events WHERE position > ? AND position <= ? ORDER BY position"
)
_Row = tuple[Any, ...]
_Progress = Callable[[int], object]


def audit(file: SQLiteFile, wanted: Collection[int] = (), progress: _Progress | None = None) -> Audit:
    """Look at all of it, up to the head as it is now. wanted: positions of which the hash is asked for.

    progress: is told how many events more were looked at. Others may append meanwhile. What can't be read is a flaw;
    raises `Unavailable` for what is wrong with the disk or with who reads.
    """
    rest = file.rest
    with file.reader() as connection, file.reader() as beside, _OwnCheck(beside) as own_check:
        walk = _Walk(connection, frozenset(wanted))
        try:
            walk.flaws += _definitions(connection, int(file.facts["format"]))
            walk.run(progress)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            told = f"what comes after @{walk.head} can't be read, nor was looked at: {_damage(error, file.path)}"
            walk.flaws.append(Flaw(walk.head + 1, "unreadable", told))
        flaws = own_check.flaws(file.path) + walk.flaws  # what explains the rest is said first
    file.check_rest(rest)
    return Audit(walk.commits, walk.events, walk.head, walk.hash, walk.hashes, flaws[:MOST])


def _damage(error: sqlite3.Error | UnicodeDecodeError, path: str) -> str:
    """What an error says of a damaged file. Raises it if it is of another kind."""
    from cqrs_cli.errors import Damaged

    told = translate(error, path)
    if not isinstance(told, (Damaged, sqlite3.Error)) or str(error) == "interrupted":
        raise told from error
    return str(error)


class _OwnCheck:
    """SQLite's own check of the file, in a thread: it is one statement, during which Python is free to walk the log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lines: list[str] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="cqrs-check", daemon=True)

    def __enter__(self) -> _OwnCheck:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        while self._thread.is_alive():  # an interrupt before the statement begins is lost
            self._connection.interrupt()
            self._thread.join(0.01)

    def _run(self) -> None:
        try:
            with self._connection.turn:
                told = self._connection.execute(f"PRAGMA integrity_check({_FILE_COMPLAINTS})").fetchall()
            self._lines = [line for (line,) in told]
        except BaseException as error:
            self._error = error

    def flaws(self, path: str) -> list[Flaw]:
        """What it says of pages, indexes, types and values that must be there. Raises `Unavailable` for the disk."""
        self._thread.join()
        if isinstance(self._error, (sqlite3.Error, UnicodeDecodeError)):
            return [Flaw(None, "file", f"SQLite's own check can't be made: {_damage(self._error, path)}")]
        if self._error is not None:
            raise self._error
        return _told(self._lines, path)


def _told(lines: Sequence[str], path: str) -> list[Flaw]:
    """What SQLite's own check said. Raises `Unavailable` for the disk."""
    failed = next(filter(None, (unread(path, line) for line in lines)), None)
    if failed is not None:
        raise failed
    return [Flaw(None, "file", f"SQLite's own check: {line}") for line in lines if line != "ok"]


def _definitions(connection: sqlite3.Connection, format: int) -> list[Flaw]:
    """What a store has of its own, and this one lacks. That what is there is as it should be, opening has seen."""
    there = {name.lower() for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    lazily = {table.name for table in OPERATIONAL if format < 3 or (format < 4 and table is REJECTIONS)}
    flaws = []
    for name, sql in definitions().items():
        kind = sql.split(None, 2)[1].lower()
        # Format 1 gave the indexes of operational tables other names.
        if name in there or name in lazily or (kind == "index" and name.startswith("cqrs_")):
            continue
        flaws.append(Flaw(None, "schema", f"the {kind} {name} is missing: another tool has dropped it"))
    return flaws


class _Walk:
    """Along the log, commit by commit. head, hash: of the last one that was looked at."""

    def __init__(self, connection: sqlite3.Connection, wanted: frozenset[int]) -> None:
        self._connection, self._wanted = connection, wanted
        self.commits = self.events = self.head = 0
        self.hash: bytes | None = None
        self.hashes: dict[int, bytes] = {}
        self.flaws: list[Flaw] = []
        self._at = 0  # when the last one was recorded
        self._streams, types = NameTable(self._rows, "streams"), NameTable(self._rows, "event_types")
        self._stream_texts, self._type_texts = ChainTexts(self._streams), ChainTexts(types)
        self._versions = array("q")

    def run(self, progress: _Progress | None) -> None:
        """Look at all of it, and add to `flaws` what is wrong."""
        query = self._connection.execute
        query("BEGIN")  # the ends as they are at one moment
        last = query("SELECT max(first_position) FROM commits").fetchone()[0] or 0
        end = query("SELECT max(position) FROM events").fetchone()[0] or 0
        streams = self._numbered("streams")
        self._numbered("event_types")
        query("COMMIT")
        self._versions = array("q", bytes(8 * (streams + 1)))
        after, seen = -(2**63), 0
        while len(self.flaws) < MOST:
            commits = query(_COMMITS, (after, last, _COMMITS_A_PAGE))
            events: Iterator[_Row] = query(_EVENTS, (self.head, end))
            page = 0
            for commit in commits:
                own = list(islice(events, commit[1])) if type(commit[1]) is int and commit[1] in _COUNTS else []
                if not self._is_plain(commit, own):
                    events = self._take(commit, own, events)
                after, page = commit[0], page + 1
            if page < _COMMITS_A_PAGE:
                self._loose(islice(events, MOST))
                break
            if progress is not None:
                progress(self.events - seen)
                seen = self.events
        if progress is not None:
            progress(self.events - seen)
        for id in [id for id in range(1, len(self._versions)) if not self._versions[id]][:MOST]:
            name = dict(query("SELECT id, name FROM streams WHERE id = ?", (id,))).get(id)
            if name is not None and not self.flaws:  # where events are amiss, that was said
                self._flaw(None, "stream", f"the stream {name} has no event")

    def _numbered(self, table: str) -> int:
        """How many names a table has; their ids are to be 1, 2, 3 …"""
        count, first, last = self._connection.execute(f"SELECT count(*), min(id), max(id) FROM {table}").fetchone()
        if count and (first, last) != (1, count):
            self._flaw(None, "names", f"the ids of the {count} rows of {table} go from {first} to {last}")
        return int(count)

    def _flaw(self, position: int | None, code: str, what: str) -> None:
        self.flaws.append(Flaw(position, code, what))

    def _take(self, commit: _Row, own: list[_Row], events: Iterator[_Row]) -> Iterator[_Row]:
        """Say what is wrong with a commit and its events, which are the next ones; gives those after them."""
        first, count, at = commit[0], commit[1], commit[3]
        if type(count) is not int or not 0 < count <= MAX_COMMIT_EVENTS:
            count = 0
        last = first + count - 1
        if first != self.head + 1:
            self._amiss(first)
        if not own or own[0][0] != first or own[-1][0] != last or len(own) != count:
            own, events = self._sorted_out(commit, chained(own, events))
        if not self._holds(commit, own):
            told = f"the commit {commit[2]!r} (@{first} to @{last})" if count > 1 else f"the commit {commit[2]!r}"
            self._flaw(first, "chain", f"{told} is not what was appended after the one before: its hash does not hold")
        if type(at) is int:
            if at < self._at:
                self._flaw(first, "time", f"the commit {commit[2]!r} was recorded before the one that it follows")
        else:
            at = self._at
        self._took(max(last, first), at, commit[13] if isinstance(commit[13], bytes) else None, len(own))
        return events

    def _took(self, head: int, at: int, hash: bytes | None, events: int) -> None:
        self.commits += 1
        self.events += events
        self.head, self.hash, self._at = head, hash, at
        if head in self._wanted and hash is not None:
            self.hashes[head] = hash

    def _is_plain(self, commit: _Row, own: list[_Row]) -> bool:
        """Take a commit that is, with these events, just as it should be; else nothing is known of them."""
        first, count, id, at, type_, schema_version, digest, data, issued, correlation, causation, user, extra, hash = (
            commit
        )
        if first != self.head + 1 or type(at) is not int or at < self._at:
            return False
        streams, types, versions, due, text = self._stream_texts, self._type_texts, self._versions, first, ""
        try:
            for position, owner, stream_id, version, type_id, event_version, payload in own:
                if position != due or owner != first or version != versions[stream_id] + 1:
                    break
                versions[stream_id] = version
                due += 1
                text += (
                    f"{streams[stream_id]}{version},{types[type_id]}{event_version},64:{sha256(payload).hexdigest()},"
                )
            else:
                command = None if type_ is None else SentCommand(type_, schema_version, digest, data, issued)
                before = chain.GENESIS if self.hash is None else self.hash
                fields = (id, at, command, correlation, causation, user, extra)
                if due == first + count and chain.seal(before, fields, count, text) == hash:
                    self.commits += 1
                    self.events += count
                    self.head, self.hash, self._at = due - 1, hash, at
                    if due - 1 in self._wanted:
                        self.hashes[due - 1] = hash
                    return True
        except (TypeError, ValueError, AttributeError, LookupError, OverflowError):  # absent, or of another kind
            pass
        for _, _, stream_id, *_ in own[: due - first]:
            versions[stream_id] -= 1
        return False

    def _rows(self, sql: str, values: Sequence[Any]) -> list[_Row]:
        return self._connection.execute(sql, values).fetchall()

    def _amiss(self, first: int) -> None:
        due = self.head + 1
        if first > due:
            self._flaw(due, "position", f"no commit has the positions @{due} to @{first - 1}")
        else:
            self._flaw(first, "position", f"a commit begins at @{first}, which one before it has already")

    def _sorted_out(self, commit: _Row, events: Iterator[_Row]) -> tuple[list[_Row], Iterator[_Row]]:
        """The events of a commit where they are not just those that they should be."""
        first, count = commit[0], commit[1]
        last = first + (count if type(count) is int else 1) - 1
        own: list[_Row] = []
        for event in events:
            if event[0] > last:
                events = chained((event,), events)
                break
            if event[0] < first:
                self._loose(iter((event,)))
            elif len(own) < MAX_COMMIT_EVENTS:
                own.append(event)
        there = {event[0] for event in own}
        lost = [
            position for position in range(first, min(last, first + MAX_COMMIT_EVENTS) + 1) if position not in there
        ]
        if lost:
            self._flaw(lost[0], "event", f"the event at @{lost[0]} of the commit {commit[2]!r} is missing")
        return own, events

    def _loose(self, events: Iterator[_Row]) -> None:
        for event in events:
            self._flaw(event[0], "event", f"the event at @{event[0]} belongs to no commit")

    def _holds(self, commit: _Row, events: list[_Row]) -> bool:
        """Whether its hash is that of its fields and events; versions are looked at on the way."""
        first, count, id, at, type_, schema_version, digest, data, issued, correlation, causation, user, extra, hash = (
            commit
        )
        versions, text = self._versions, ""
        try:
            for position, owner, stream_id, version, type_id, event_version, payload in events:
                stream = self._streams[stream_id]
                due = versions[stream_id] = versions[stream_id] + 1
                if version != due:
                    self._flaw(position, "version", f"{stream} has version {version} at @{position}, {due} was due")
                    versions[stream_id] = version
                if owner != first:
                    self._flaw(position, "event", f"the event at @{position} says that it is of the commit at @{owner}")
                text += f"{self._stream_texts[stream_id]}{version},{self._type_texts[type_id]}{event_version},"
                text += f"64:{sha256(payload).hexdigest()},"
            command = None if type_ is None else SentCommand(type_, schema_version, digest, data, issued)
            before = chain.GENESIS if self.hash is None else self.hash
            link = chain.seal(before, (id, at, command, correlation, causation, user, extra), len(events), text)
        except (TypeError, ValueError, AttributeError, LookupError, OverflowError):  # absent, or of another kind
            return False
        return len(events) == count and bool(link == hash)
