"""The contract of a store: an append-only log, with rows beside it.

Nothing here or in the values beside it (`commits`, `conditions`, `streams`, `rows`, `moments`) knows a user's class,
and nothing heavy is imported: the data commands of the shell start on them alone. A store that passes
`cqrs_cli.testing.store_contract` is a store.
"""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from cqrs_cli.errors import CqrsError
from cqrs_cli.finding import Finding
from cqrs_cli.stores.commits import Commit, NewEvent, Receipt, Recorded, RecordedCommit, StoredEvent
from cqrs_cli.stores.conditions import Condition
from cqrs_cli.stores.rows import RowReader, Rows
from cqrs_cli.stores.streams import StreamInfo

if TYPE_CHECKING:
    from cqrs_cli.stores.audit import Audit


class Selection(NamedTuple):
    """Which events to read, in position order: everything that is given must hold.

    stream: a full name. category: what stands before the first dash. types: stored type names.
    after, before: positions, both exclusive. after_version, before_version: versions in the event's own
    stream, both exclusive; with `stream`, nothing outside the bounds is read. limit: at most so many, counted
    in reading order. backwards: from the newest. by_stream: not in position order but stream after stream, each from
    its first version on (the order of the streams is the store's); not together with backwards. as_found: events with
    envelopes need not be proved, as those without never are: for folds of many.
    """

    stream: str | None = None
    category: str | None = None
    types: frozenset[str] | None = None
    after: int = 0
    before: int | None = None
    limit: int | None = None
    backwards: bool = False
    by_stream: bool = False
    after_version: int = 0
    before_version: int | None = None
    as_found: bool = False


Inline = Callable[[Rows, Sequence[Recorded]], None]
"""What runs in the transaction of an append. One that has `names`, of read models, holds these before anything else."""


class Append(NamedTuple):
    """One commit of `append_many`, with its own conditions and its own outcome.

    follows, assumes: what it was decided on, or something before it was: earlier commits of the same call by their ids
    (the version that is expected may be there all the same, but of somebody else's events), and versions of streams.
    Where such a commit is not written by this call, or such a version is another one, the call ends.
    """

    commit: Commit
    conditions: tuple[Condition, ...] = ()
    inline: Inline | None = None
    follows: tuple[str, ...] = ()
    assumes: tuple[Condition, ...] = ()


class SQLRows(Protocol):
    """The rows of a statement, to be iterated once. columns: their names, all different."""

    columns: list[str]

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...


class Store(Protocol):
    """An append-only event log with rows beside it. Close it, or use `with`.

    One object serves several threads. What is read in one transaction's thread is what that transaction sees;
    other threads see it when it is committed. An iterator is for one thread at a time.
    """

    url: str

    @property
    def clock(self) -> Callable[[], int]:
        """Nanoseconds since 1970, for when commits are recorded. A test may set one of its own."""

    @clock.setter
    def clock(self, clock: Callable[[], int]) -> None: ...

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
        """Commits in one durable write; each has its own outcome, in order.

        A commit that fails leaves nothing, and those after it are written all the same, until one comes that `follows`
        or `assumes` what is not so, and whose id is new: it has no outcome, nor have those after it, and none of them
        is written. Only what concerns all (`Unavailable`, `Damaged`) is raised; then none was written, or the outcome
        is unknown.
        """

    def turn(self, stream: str) -> AbstractContextManager[bool]:
        """Wait, not for ever, until nobody else decides for the stream; it is this thread's until the end.

        Gives whether somebody else had it. A courtesy among writers, so that none is outrun for ever: what keeps
        the log right are the conditions. A store that knows no queue gives `contextlib.nullcontext(False)`.
        """

    def commit(self, id: str) -> RecordedCommit | None:
        """The commit with this id, with its events, or None."""

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the commit ids that the log has."""

    def ids_beginning(self, beginning: str, limit: int) -> list[str]:
        """The commit ids that begin so, at most so many, in the order of their letters."""

    def correlated(self, correlation_id: str) -> Iterator[RecordedCommit]:
        """The commits with this correlation id, in position order."""

    def commits(self, after: int = 0, limit: int | None = None) -> Iterator[RecordedCommit]:
        """Commits whose events come after position `after`, in position order."""

    def read(self, selection: Selection = Selection()) -> Iterator[Recorded]:
        """The selected events with their envelopes. Holds no lock and no snapshot while the caller works.

        A store that keeps hashes compares what it gives with them. Raises `Damaged`, as whoever reads commits does.
        """

    def scan(self, selection: Selection = Selection()) -> Iterator[StoredEvent]:
        """The selected events without envelopes, several times as fast as `read`; they are not proved."""

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

    def types(self, before: int | None = None) -> dict[str, int]:
        """Stored event types with the number of their events, of those before a position."""

    def type_names(self) -> frozenset[str]:
        """Stored event types that the log has, without a look at its events: at once, however long it is."""

    def kinds(
        self, types: Collection[str] | None = None, categories: Collection[str] | None = None, after: int = 0
    ) -> dict[tuple[str, int], int]:
        """The number of events by stored type and schema version; one look at every event after the position.

        Of these types, in streams of these categories, or of all without.
        """

    def wait(self, after: int, timeout: float) -> bool:
        """Until the head is past `after`: True; False when `timeout` seconds are over."""

    def describe(self) -> Mapping[str, Any]:
        """Facts for people and `doctor`: kind, format, modes, versions, sizes, counts. JSON-ready."""

    def check(self, after: int = 0) -> None:
        """Raise `Damaged` unless the log after a position is what was appended; for 0, the file it is in, too."""

    def findings(self) -> list[Finding]:
        """What is wrong with the store's own parts and with who else uses it, as far as is soon said."""

    def audit(self, wanted: Collection[int] = (), progress: Callable[[int], object] | None = None) -> Audit:
        """Look at all that is stored, as it is stored, and say what is not as it was written.

        The database's own check, its definitions, each commit against the hash chain, positions and versions. wanted:
        positions of which the chain's hash is asked for. progress: is told how many events more were looked at. Others
        may append meanwhile. Raises `Unavailable`; what is damaged is a flaw, unless the store can't be read at all.
        """

    def sql(self, statement: str, parameters: Mapping[str, Any], seconds: float) -> SQLRows:
        """One statement of SQL that reads, over the log's views and the read models; `seconds` limit its work.

        Raises `Unavailable` (code `timed-out`) when they are over, as 0 are at once; `Misuse` (code `sql`) for SQL
        that is wrong, that writes, or where the store has none.
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


class ChainLink(NamedTuple):
    """What the hash of a commit, its time in it, was computed to be: by this process, from the object beside which it
    stands. previous: the hash before it. versions: of its events in their streams."""

    previous: bytes
    hash: bytes
    versions: tuple[int, ...]


class Written(NamedTuple):
    """A commit as it would be appended again, its time with it, and what it became where it was appended.

    position: of its last event. hash: its link of the chain, where there is one. versions: of its events in their
    streams. previous: the hash before it, if its own was computed after that and found to be the one that is stored.
    """

    commit: Commit
    position: int
    hash: bytes | None
    versions: tuple[int, ...]
    previous: bytes | None = None


def written(found: RecordedCommit) -> Written:
    """A commit as it would be appended again, of what the log gave."""
    id, command, correlation_id, causation_id, user_id, metadata, recorded_us, hash, events = found
    new = tuple([NewEvent(event[1], event[3], event[4], event[5]) for event in events])
    commit = Commit(id, new, command, correlation_id, causation_id, user_id, metadata, recorded_us)
    return Written(commit, events[-1].position, hash, tuple([event.version for event in events]))


@runtime_checkable
class BulkStore(Protocol):
    """What a store may have besides, for copies of many events. What it lacks is done by way of `Store`."""

    def written(self, after: int = 0) -> Iterator[Written]:
        """As `Store.commits`: each is compared with its hash. Raises `Damaged`."""

    def take_in(
        self, commits: Sequence[Commit], then: Callable[[Rows, int], None], links: Sequence[ChainLink | None] = ()
    ) -> bool:
        """Append commits in one durable write, all or none, and let `then` write rows in it.

        then: is given the position of the last event. links: what is known of each, if anything is: a hash that comes
        after the one that it came after then, with the same versions, is the same again, and need not be computed.
        False, and nothing was written, if an id is in the log already or stands there twice. Raises what `Store.append`
        does for any of them.
        """
