"""Commits: what is appended, and what the log gives back."""

from datetime import datetime
from typing import Any, NamedTuple

from cqrs_cli.stores.conditions import AtVersion as AtVersion  # what a commit is appended under, for who looks here
from cqrs_cli.stores.conditions import NewStream as NewStream
from cqrs_cli.stores.moments import moment
from cqrs_cli.stores.stored_json import stored_object

MAX_EVENT_BYTES = 1024 * 1024
MAX_COMMIT_BYTES = 16 * 1024 * 1024
MAX_COMMIT_EVENTS = 10_000
MAX_DEPTH = 64
FURTHEST = 2**62
"""Positions end before it: one beyond was written by hand, and leaves no room for those to come."""


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
    """The unit of writing: 1..10,000 events, all or nothing.

    id: the command's id when there is a command; imports make their own.
    correlation_id: None means the commit's own id. causation_id: the event that caused the command.
    metadata: a JSON object as text, or None.
    recorded_us: for what was recorded elsewhere and is copied: when that was, in microseconds UTC, not before the
    newest commit of the log and not after now. None: the moment of the append.
    """

    id: str
    events: tuple[NewEvent, ...]
    command: SentCommand | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    user_id: str | None = None
    metadata: str | None = None
    recorded_us: int | None = None


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
    def key(self) -> Any:
        """The key of the stream: the text after its category. A domain's own envelopes have it as a UUID, an int …"""
        return self.stream.partition("-")[2]

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
        return stored_object(self.metadata_json, f"the metadata of the commit {self.commit_id!r}")


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
