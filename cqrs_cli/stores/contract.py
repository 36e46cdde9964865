"""What every store takes and gives: values, limits, and the two contracts (`Store`, `Rows`).

Nothing here knows a user's class, and nothing heavy is imported: the data commands of the shell
start on this module alone. A store that passes `tests/stores/contract.py` is a store.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from cqrs_cli.errors import CqrsError, LimitExceeded, Misuse

MAX_EVENT_BYTES = 1024 * 1024
MAX_COMMIT_BYTES = 16 * 1024 * 1024
MAX_COMMIT_EVENTS = 1_000
MAX_NAME_BYTES = 200
MAX_DEPTH = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STREAM_PUNCTUATION = frozenset("-_.%,")


def micros(moment: datetime) -> int:
    """An aware moment as integer microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The aware UTC moment of `micros`, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def rfc3339(microseconds: int) -> str:
    """`2026-01-01T10:00:00.000123Z`: always six digits, so that texts sort as times do."""
    return (
        moment(microseconds).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    )  # strftime does not pad years


# ── streams ───────────────────────────────────────────────────────────────────────────────────


def category_of(stream: str) -> str:
    """`order` of `order-17`: what stands before the first dash; all of it if there is none."""
    return stream.partition("-")[0]


def check_stream_name(stream: str) -> str:
    """The name itself, or `Misuse`/`LimitExceeded`.

    Letters and digits of any script (NFC) and `- _ . % ,`; at most 200 bytes of UTF-8; not empty;
    never `@` `/` `:` or a control character, which the shell's addresses and subjects use.
    """
    if not stream:
        raise Misuse("a stream name can't be empty", code="stream-name", hint="CATEGORY-ID, such as order-17")
    if len(stream) > MAX_NAME_BYTES or len(stream.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise LimitExceeded(
            f"the stream name {stream[:40]!r}… has more than {MAX_NAME_BYTES} bytes",
            hint="a shorter key; letters that are percent-encoded count three times and more",
            limit=MAX_NAME_BYTES,
        )
    if not stream.isascii() and unicodedata.normalize("NFC", stream) != stream:
        raise Misuse(
            f"the stream name {stream!r} is not in Unicode's NFC form",
            code="stream-name",
            hint=f"in NFC it is {unicodedata.normalize('NFC', stream)!r}",
        )
    for character in stream:
        if not (character.isalnum() or character in _STREAM_PUNCTUATION):
            raise Misuse(
                f"the stream name {stream!r} holds {character!r}",
                code="stream-name",
                hint="letters, digits and - _ . % , are allowed; other characters are percent-encoded",
            )
    return stream


# ── what goes in ──────────────────────────────────────────────────────────────────────────────


class NewEvent(NamedTuple):
    """An event to be appended: `data` is its payload as UTF-8 JSON bytes, stored as they are."""

    stream: str
    type: str
    schema_version: int
    data: bytes


class SentCommand(NamedTuple):
    """The command behind a commit: its name, schema version, payload and the digest that tells two apart.

    digest: 32 bytes, SHA-256 over the canonical JSON of the fields that were sent.
    data: the payload as UTF-8 JSON, or None when it is not kept.
    issued_at: microseconds UTC, from the sender.
    """

    type: str
    schema_version: int
    digest: bytes
    data: bytes | None
    issued_at: int


class Commit(NamedTuple):
    """The unit of writing: 1..1000 events, all or nothing.

    id: the command's id when there is a command; imports make their own.
    correlation_id: None means the commit's own id. causation_id: the event that caused the command.
    metadata: a JSON object as text, or None.
    """

    id: str
    events: tuple[NewEvent, ...]
    command: SentCommand | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    user_id: str | None = None
    metadata: str | None = None


class NewStream(NamedTuple):
    """Condition: the stream does not exist yet."""

    stream: str


class AtVersion(NamedTuple):
    """Condition: the stream is at exactly this version (0: it does not exist)."""

    stream: str
    version: int


Condition = NewStream | AtVersion


class Selection(NamedTuple):
    """Which events to read, in position order: everything that is given must hold.

    stream: a full name. category: what stands before the first dash. types: stored type names.
    after, before: positions, both exclusive. limit: at most so many, counted in reading order.
    backwards: from the newest. by_stream: not in position order but stream after stream, each from
    its first version on (the order of the streams is the store's); not together with backwards.
    """

    stream: str | None = None
    category: str | None = None
    types: frozenset[str] | None = None
    after: int = 0
    before: int | None = None
    limit: int | None = None
    backwards: bool = False
    by_stream: bool = False


# ── what comes out ────────────────────────────────────────────────────────────────────────────


class StoredEvent(NamedTuple):
    """What a fold needs of an event, and no more. The same six fields open a `Recorded`."""

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    data: bytes


class Recorded(NamedTuple):
    """An event with its envelope, as the log keeps it.

    position: in the whole log. version: in the stream, from 1. number: in the commit, from 1.
    recorded_us: microseconds UTC, never smaller than those of the event before.
    """

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    data: bytes
    commit_id: str
    number: int
    command_type: str | None
    correlation_id: str
    causation_id: str | None
    user_id: str | None
    recorded_us: int
    metadata_json: str | None

    @property
    def event_id(self) -> str:
        """`<commit id>:<number>`, unique and stable for ever."""
        return f"{self.commit_id}:{self.number}"

    @property
    def command_id(self) -> str | None:
        """The id of the command that led to the event; None for imported events."""
        return self.commit_id if self.command_type is not None else None

    @property
    def recorded_at(self) -> datetime:
        """When the event was appended, as an aware UTC moment."""
        return moment(self.recorded_us)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the sender attached, a JSON object; empty if nothing."""
        if self.metadata_json is None:
            return {}
        import json

        loaded: dict[str, Any] = json.loads(self.metadata_json)
        return loaded


class RecordedCommit(NamedTuple):
    """A commit as the log keeps it; `hash` is its link of the chain (None where a store keeps none)."""

    id: str
    command: SentCommand | None
    correlation_id: str
    causation_id: str | None
    user_id: str | None
    metadata_json: str | None
    recorded_us: int
    hash: bytes | None
    events: tuple[Recorded, ...]


class Receipt(NamedTuple):
    """The answer to an append: the events as recorded, now or (`duplicate`) the first time."""

    events: tuple[Recorded, ...]
    duplicate: bool = False

    @property
    def position(self) -> int:
        """The position of the last event."""
        return self.events[-1].position

    @property
    def streams(self) -> dict[str, int]:
        """Each stream that was written, with the version it has after this commit."""
        return {event.stream: event.version for event in self.events}


class Append(NamedTuple):
    """One commit of `append_many`, with its own conditions and its own outcome.

    follows: the id of an earlier commit of the same call, on whose events this one was decided. Unless
    that one is written now, this one is a `Conflict`: the version that it expects may be there all
    the same, but of somebody else's events.
    """

    commit: Commit
    conditions: tuple[Condition, ...] = ()
    inline: Inline | None = None
    follows: str | None = None


class StreamInfo(NamedTuple):
    """A stream and where it stands; times in microseconds UTC."""

    stream: str
    category: str
    version: int
    first_recorded_us: int
    last_recorded_us: int


# ── rows: the second narrow contract ──────────────────────────────────────────────────────────

Scalar = str | int | float | None


class Column(NamedTuple):
    """A column of a read model.

    kind: text, integer, real, boolean, decimal, uuid, date, datetime or json. Values cross the
    contract as plain scalars: booleans as 0/1, decimals as their digits, ids, dates, times and JSON as text.
    """

    name: str
    kind: str
    nullable: bool = False


class Table(NamedTuple):
    """A read model's table: its name, its columns in order and the names of its key columns.

    unique: groups of columns in which no two rows may be equal (rows with a None in the group are
    never equal). indexes: groups of columns to find rows by.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


class Order(NamedTuple):
    """One column of an `ORDER BY`; decimals are ordered as numbers."""

    column: str
    descending: bool = False


class Where(NamedTuple):
    """`column operator value`; operators: = != < <= > >= in. None compares as SQL's IS."""

    column: str
    operator: str
    value: Scalar | tuple[Scalar, ...]


class Checkpoint(NamedTuple):
    """How far a projection (or reaction) has read. definition: JSON of what its rows were made with."""

    name: str
    position: int
    definition: str


class RowReader(Protocol):
    """Rows and checkpoints, read only. Every method sees a consistent state of its own."""

    def checkpoint(self, name: str) -> Checkpoint | None:
        """The checkpoint, or None if the projection never ran."""

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, by name."""

    def load(self, table: Table, keys: Sequence[tuple[Scalar, ...]]) -> dict[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """The rows that exist among `keys`, by key; one query for many keys."""

    def select(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: tuple[Scalar, ...] | None = None,
        limit: int | None = None,
    ) -> Iterator[tuple[Scalar, ...]]:
        """Rows in the given order, then by key (always a total order).

        after: the values of the order's columns and of the key of the last row already seen; only
        rows that come after it are given. Raises `Misuse` for a column or operator that is not there.
        """

    def count(self, table: Table) -> int:
        """How many rows the table has; 0 if it does not exist."""

    def exists(self, table: Table) -> bool:
        """Whether there is such a table."""


class Rows(RowReader, Protocol):
    """Rows and checkpoints inside one write transaction."""

    def create(self, table: Table) -> None:
        """Make the table if it is not there. A table of that name with other columns is `Misuse` (needs a rebuild)."""

    def index(self, table: Table) -> None:
        """Make those of the table's indexes that are not there yet."""

    def refuse_foreign(self, name: str) -> None:
        """Raise `Misuse` if there is a table of that name that `create` did not make: it is not ours to drop."""

    def drop(self, name: str) -> None:
        """Remove the table if it is there. `Misuse` as `refuse_foreign`."""

    def rename(self, table: Table, name: str) -> None:
        """Give `table` the name `name`, replacing a table of that name. `Misuse` as `refuse_foreign`."""

    def put(self, table: Table, rows: Iterable[tuple[Scalar, ...]]) -> None:
        """Insert or replace rows, in column order; all of them, then what is unique is looked at.

        Rows that free a unique value and rows that take it may come in any order. Decimals are the same
        value if they are the same number.
        Raises `NotUnique` naming the columns and the value.
        """

    def delete(self, table: Table, keys: Iterable[tuple[Scalar, ...]]) -> None:
        """Remove the rows with these keys."""

    def move(self, name: str, old: Checkpoint | None, new: Checkpoint) -> None:
        """Compare-and-set of a checkpoint. Raises `Conflict` if it is not `old` (None: must not exist)."""

    def forget(self, name: str) -> None:
        """Remove a checkpoint."""


Inline = Callable[[Rows, Sequence[Recorded]], None]


# ── the log: the first contract ───────────────────────────────────────────────────────────────


class SQLRows(Protocol):
    """The rows of a statement, to be iterated once. columns: their names, all different."""

    columns: list[str]

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...


class Store(Protocol):
    """An append-only event log with rows beside it. One object a thread; close it, or use `with`."""

    url: str

    def append(self, commit: Commit, conditions: Sequence[Condition] = (), inline: Inline | None = None) -> Receipt:
        """Append the commit if every condition holds; durable when it returns.

        The commit's id is looked up first: the same id with the same command type and digest (or,
        without commands, the same events) is answered with the first receipt, `duplicate=True`,
        whatever the conditions. `inline` runs in the same transaction, after the events are in.

        Raises `CommandReused` (id with another body), `Conflict` (a condition does not hold),
        `LimitExceeded`, `Misuse` (a stream name, an unknown condition, no events), `Unavailable`,
        `Damaged`, and whatever `inline` raises. Nothing is written then.
        """

    def append_many(self, appends: Sequence[Append]) -> list[Receipt | CqrsError]:
        """Independent commits in one durable write; each has its own outcome, in order.

        A commit that fails leaves nothing and does not disturb the others. Only what concerns all
        of them (`Unavailable`, `Damaged`) is raised; then none was written, or the outcome is unknown.
        """

    def commit(self, id: str) -> RecordedCommit | None:
        """The commit with this id, with its events, or None."""

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the commit ids that the log has."""

    def correlated(self, correlation_id: str) -> Iterator[RecordedCommit]:
        """The commits with this correlation id, in position order."""

    def commits(self, after: int = 0, limit: int | None = None) -> Iterator[RecordedCommit]:
        """Commits whose events come after position `after`, in position order."""

    def read(self, selection: Selection = Selection()) -> Iterator[Recorded]:
        """The selected events with their envelopes. Holds no lock and no snapshot while the caller works."""

    def scan(self, selection: Selection = Selection()) -> Iterator[StoredEvent]:
        """The selected events without envelopes: about twice as fast as `read`."""

    def version(self, stream: str) -> int:
        """The stream's current version; 0 if there is no such stream."""

    def streams(
        self, category: str | None = None, after: str | None = None, limit: int | None = None
    ) -> Iterator[StreamInfo]:
        """Streams by name, of one category if given, beginning after the name `after`."""

    def head(self) -> int:
        """The position of the newest event; 0 for an empty log."""

    def position_at(self, recorded_us: int) -> int:
        """The last position recorded at or before this moment; 0 if there is none."""

    def types(self) -> dict[str, int]:
        """Stored event types with the number of their events."""

    def wait(self, after: int, timeout: float) -> bool:
        """Until the head is past `after`: True; False when `timeout` seconds are over."""

    def describe(self) -> Mapping[str, Any]:
        """Facts for people and `doctor`: kind, format, modes, versions, sizes, counts. JSON-ready."""

    def sql(self, statement: str, parameters: Mapping[str, Any], seconds: float) -> SQLRows:
        """One statement of SQL that reads, over the log's views and the read models; `seconds` limit its work.

        Raises `Misuse` (code `sql`) for SQL that is wrong, that writes, or where the store has none.
        """

    @property
    def rows(self) -> RowReader:
        """Read models and checkpoints, read only."""

    def transaction(self) -> AbstractContextManager[Rows]:
        """A write transaction for rows and checkpoints: all or nothing."""

    def close(self) -> None:
        """Give everything back; closing twice is harmless."""

    def __enter__(self) -> Store: ...

    def __exit__(self, *exc: object) -> None: ...
