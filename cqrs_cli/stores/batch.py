"""A batch of commits while it is being appended: positions, versions and hashes are worked out here, in memory.

What a store has of its own is how it learns the end of its log, and how it writes rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import repeat
from typing import Any

from cqrs_cli.errors import Conflict, CqrsError, StoreFailed
from cqrs_cli.stores import chain
from cqrs_cli.stores.checks import check_append, check_recorded, check_same
from cqrs_cli.stores.commits import Commit, Receipt, Recorded, RecordedCommit
from cqrs_cli.stores.conditions import check_version, holds
from cqrs_cli.stores.contract import Append, ChainLink, Inline

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


def streams_of(drafts: Iterable[Draft]) -> set[str]:
    """The streams that these drafts write to, or expect something of."""
    streams: set[str] = set()
    for item in drafts:
        commit, conditions, _, _, assumes = item.append
        for event in commit[1]:
            streams.add(event[0])
        for condition in conditions:
            streams.add(condition[0])
        for condition in assumes:
            streams.add(condition[0])
    return streams


def receipt_of(commit: Commit, first: int, at: int, versions: Sequence[int]) -> Receipt:
    """The answer to a commit that is in the log from a position on, recorded at a time in microseconds."""
    id, events, command, correlation_id, causation_id, user_id, metadata, _ = commit
    command_type = None if command is None else command.type
    recorded = []
    for number, ((stream, type, schema_version, data), version) in enumerate(zip(events, versions, strict=True)):
        envelope = (id, number + 1, command_type, correlation_id or id, causation_id, user_id, at, metadata)
        stored = (first + number, stream, version, type, schema_version, data)
        recorded.append(tuple.__new__(Recorded, (*stored, *envelope)))
    return Receipt(tuple(recorded))


class Outrun(Exception):
    """What a commit was decided on is not so: it and those after it are to be decided again."""


class NothingWritten(Exception):
    """All of a batch was refused: its transaction is to be rolled back, so that no store is made for it."""


class Tail:
    """What appending must know of the log, inside the transaction that appends.

    head, first: positions of the last event, and of the first one of the last commit. hash, recorded_us: of the last
    commit. streams: by name what stands for the name in an event's row, and the version. types: what stands for each.
    """

    head: int
    first: int
    hash: bytes
    recorded_us: int
    streams: dict[str, tuple[Any, int]]
    types: dict[str, Any]


class Batch(ABC):
    """The state of the log inside one transaction, and the rows that are still to be written.

    A commit with an inline hook is written at once, in a savepoint. commits, events: rows as the tables of the log
    have them, in the order of their columns.
    """

    __slots__ = ("_commits", "_events", "_known_ids", "_now_us", "_recorded_us", "_tail", "_written")

    def __init__(self, tail: Tail, known: set[str], now_us: int) -> None:
        """known: ids of commits that are in the log already, as far as they were looked up. now_us: microseconds."""
        self._commits: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []
        self._written: set[str] = set()
        self._tail, self._known_ids, self._now_us = tail, known, now_us
        self._recorded_us = max(tail.recorded_us, now_us)

    # ── what a store does in its own way ──────────────────────────────────────────────────────

    @abstractmethod
    def flush(self) -> None:
        """Write what is pending."""

    @abstractmethod
    def _find(self, id: str) -> RecordedCommit:
        """The commit with an id that is in the log, or in what was flushed."""

    @abstractmethod
    def _hooked(self, item: Draft, inline: Inline) -> Receipt:
        """Record, flush and run the hook; when it raises a `CqrsError`, all is as it was before, and it is raised."""

    def _is_known_after_all(self, id: str) -> bool:
        """Whether the log has an id that was not looked up; asked where that would matter."""
        return False

    def _new_stream(self, name: str) -> tuple[Any, int]:
        """What stands for a stream that the log has not, and its version: 0."""
        return name, 0

    def _new_type(self, name: str) -> Any:
        """What stands for a type that is not among those of the tail."""
        return name

    # ── taking commits ────────────────────────────────────────────────────────────────────────

    @property
    def head(self) -> int:
        """The position of the last event that was taken."""
        return self._tail.head

    def wrote(self, ids: Iterable[str]) -> bool:
        """Whether this batch has taken all of these commits."""
        return self._written.issuperset(ids)

    def add(self, item: Draft) -> Receipt:
        """Take one commit. It leaves nothing when a condition, the id or the inline hook raises. Raises `Outrun`."""
        commit, conditions, inline, follows, assumes = item.append
        if commit.id in self._known_ids:
            return self._answer_again(commit)
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
            if not self._is_known_after_all(commit.id):
                raise
            return self._answer_again(commit)
        if inline is None:
            receipt = tuple.__new__(Receipt, (self._record(item), False))
        else:
            self.flush()
            receipt = self._hooked(item, inline)
        self._known_ids.add(commit.id)
        self._written.add(commit.id)
        return receipt

    def _answer_again(self, commit: Commit) -> Receipt:
        self.flush()
        first = self._find(commit.id)
        check_same(commit, first)
        return Receipt(first.events, duplicate=True)

    def add_all(
        self, appends: Sequence[Append], drafts: Sequence[Draft | CqrsError], outcomes: list[Receipt | CqrsError]
    ) -> None:
        """Take all, add their outcomes as those of `append_many`, and write; it ends where a commit was outrun.

        Raises `NothingWritten`, and what concerns all of them.
        """
        for append, item in zip(appends, drafts, strict=True):
            if isinstance(item, CqrsError):
                if not self.wrote(append.follows):
                    break
                outcomes.append(item)
                continue
            try:
                outcomes.append(self.add(item))
            except Outrun:
                break
            except CqrsError as error:
                if self._is_over or isinstance(error, StoreFailed):
                    raise
                outcomes.append(error)
        if not any(isinstance(outcome, Receipt) for outcome in outcomes):
            raise NothingWritten
        self.flush()

    @property
    def _is_over(self) -> bool:
        """Whether the transaction has ended by itself, and all with it."""
        return False

    def _record(self, item: Draft) -> tuple[Recorded, ...]:
        id, events, command, correlation_id, causation_id, user_id, metadata, recorded_us = item.append.commit
        at, tail = self._recorded_us, self._tail
        if recorded_us is not None:
            check_recorded(item.append.commit, tail.recorded_us, self._now_us)
            at = recorded_us
        event_rows = self._events
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
        tail.head, tail.recorded_us, tail.first = position - 1, at, first
        tail.hash = chain.link(tail.hash, id, at, command, correlation, causation_id, user_id, metadata, links)
        self._commits.append(
            (
                first, id, number, at, command_type, command_version, command_digest, command_text, issued_at,
                correlation_id, causation_id, user_id, metadata, tail.hash,
            )
        )  # fmt: skip
        return tuple(recorded)

    def take_all(self, commits: Sequence[Commit], links: Sequence[ChainLink | None] = ()) -> None:
        """Take commits that passed `check_append`, under no condition. Raises `Misuse` for a time that can't be.

        As `_record` does for one, without what becomes of an append. links: as of `BulkStore.take_in`.
        """
        tail, now_us, commit_rows, event_rows = self._tail, self._now_us, self._commits, self._events
        streams, types = tail.streams, tail.types
        for commit, link in zip(commits, links or repeat(None, len(commits)), strict=True):
            id, events, command, correlation_id, causation_id, user_id, metadata, at = commit
            if at is None:
                at = max(tail.recorded_us, now_us)
            elif not tail.recorded_us <= at <= now_us:
                check_recorded(commit, tail.recorded_us, now_us)
            first = position = tail.head + 1
            versions = []
            for stream, type, schema_version, data in events:
                stream_id, version = streams.get(stream) or self._new_stream(stream)
                version += 1
                streams[stream] = (stream_id, version)
                type_id = types.get(type) or self._new_type(type)
                versions.append(version)
                event_rows.append((position, first, stream_id, version, type_id, schema_version, data.decode()))
                position += 1
            if link is None or link[0] != tail.hash or link[2] != tuple(versions) or at != commit[7]:
                tail.hash = chain.link_of(tail.hash, commit, at, versions)
            else:
                tail.hash = link[1]
            tail.head, tail.recorded_us = position - 1, at
            sent: tuple[Any, ...] = (None,) * 5
            if command is not None:
                kind, sent_version, digest, sent_data, issued_at = command
                sent = (kind, sent_version, digest, None if sent_data is None else sent_data.decode(), issued_at)
            correlation = None if correlation_id == id else correlation_id
            commit_rows.append(
                (first, id, position - first, at, *sent, correlation, causation_id, user_id, metadata, tail.hash)
            )
