"""Commands that were rejected, on record: what the log itself does not have, as nothing happened.

Operational records, bounded by number: outside the hash chain, backed up with the store, and not copied with a log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.operational import REJECTIONS
from cqrs_cli.stores.rows import Order, RowReader, Where


class Rejection(NamedTuple):
    """A command and why it was rejected; of an id that was sent again, the last time.

    stream, version: what it was judged on. position: of the log's head then. data: its fields as JSON. metadata: a JSON
    object, with what services answered if that is kept. Times are microseconds UTC.
    """

    command_id: str
    command: str
    schema_version: int
    data: str
    issued_us: int
    user_id: str | None
    correlation_id: str
    causation_id: str | None
    metadata: str | None
    stream: str
    version: int
    position: int
    code: str
    reason: str
    rejected_us: int


def keep(store: Store, found: Sequence[Rejection], most: int) -> None:
    """Put them on record, and let go of the oldest over `most`. Raises `StoreFailed`."""
    if not found:
        return
    with store.transaction() as rows:
        rows.put(REJECTIONS, [tuple(one) for one in found])
        over = rows.count(REJECTIONS) - most
        if over > 0:
            oldest = rows.select(REJECTIONS, order=[Order("rejected_us")], limit=over)
            rows.delete(REJECTIONS, [(one[0],) for one in list(oldest)])


def rejections(rows: RowReader, after: int = 0) -> Iterator[Rejection]:
    """Those that were judged when the head of the log was after a position, by that position."""
    order = [Order("position"), Order("rejected_us"), Order("version")]
    found = rows.select(REJECTIONS, [Where("position", ">=", after)] if after else [], order)
    return (Rejection(*one) for one in found)  # type: ignore[arg-type]


JUDGED_ON = "$judged_on"
"""The member of a commit's metadata by which a process hears on what its command was judged: `stock-17@3`."""


def judged_on(metadata: Mapping[str, Any]) -> tuple[str, int] | None:
    """The stream and version on which a command of a reaction was rejected; None where nobody noted it."""
    stream, _, version = str(metadata.get(JUDGED_ON, "")).rpartition("@")
    return (stream, int(version)) if stream and version.isdecimal() and version.isascii() else None


_UNKNOWN = b"\0" * 32


def commit_of(one: Rejection) -> Commit:
    """A commit with all that was asked, for whoever looks through commits: its event is only there to name the stream.

    The digest of the command is not known.
    """
    sent = SentCommand(one.command, one.schema_version, _UNKNOWN, one.data.encode(), one.issued_us)
    event = NewEvent(one.stream, one.command, one.schema_version, b"{}")
    envelope = one.correlation_id, one.causation_id, one.user_id, one.metadata, one.rejected_us
    return Commit(one.command_id, (event,), sent, *envelope)


def of_commit(one: Rejection, commit: Commit) -> Rejection:
    """The rejection with what such a commit says in the place of its own."""
    sent = commit.command
    assert sent is not None
    assert sent.data is not None
    return one._replace(
        command_id=commit.id,
        data=sent.data.decode(),
        user_id=commit.user_id,
        correlation_id=commit.correlation_id or commit.id,
        causation_id=commit.causation_id,
        metadata=commit.metadata,
        stream=commit.events[0].stream,
    )
