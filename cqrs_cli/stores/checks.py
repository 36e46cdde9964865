"""What every store checks alike: names and limits before a write, conditions and command ids within it."""

from __future__ import annotations

from collections.abc import Sequence

from cqrs_cli.errors import CommandReused, Conflict, InvalidInput, LimitExceeded, Misuse
from cqrs_cli.stores.contract import (
    MAX_COMMIT_BYTES,
    MAX_COMMIT_EVENTS,
    MAX_EVENT_BYTES,
    MAX_NAME_BYTES,
    AtVersion,
    Commit,
    Condition,
    NewEvent,
    NewStream,
    RecordedCommit,
    SentCommand,
    check_stream_name,
)

_MAX_ID_BYTES = 2 * MAX_NAME_BYTES  # an event id is a commit id and a number, so it needs more than a name
_INTEGERS = range(-(2**63), 2**63)
_VERSIONS = range(1, 2**31)
_WITHOUT_PUNCTUATION = {ord(character): None for character in "-_.%,"}


def check_append(commit: Commit, conditions: Sequence[Condition]) -> None:
    """Raise `LimitExceeded`, `InvalidInput` or `Misuse` if no store may take this, whatever it holds."""
    if not commit.events:
        raise Misuse(f"the commit {commit.id!r} has no events", code="no-events")
    if len(commit.events) > MAX_COMMIT_EVENTS:
        raise LimitExceeded(
            f"the commit {commit.id!r} has {len(commit.events)} events, at most {MAX_COMMIT_EVENTS} are taken",
            hint="split it into several commands",
            limit=MAX_COMMIT_EVENTS,
        )
    check_text("commit id", commit.id, MAX_NAME_BYTES)
    check_optional_text("correlation id", commit.correlation_id, _MAX_ID_BYTES)
    check_optional_text("causation id", commit.causation_id, _MAX_ID_BYTES)
    check_optional_text("user id", commit.user_id, _MAX_ID_BYTES)
    check_optional_text("metadata", commit.metadata, MAX_COMMIT_BYTES)
    size = len(commit.metadata or "")
    if commit.command is not None:
        size += _check_command(commit.command)
    for event in commit.events:
        size += _check_event(event)
    if size > MAX_COMMIT_BYTES:
        raise LimitExceeded(
            f"the commit {commit.id!r} has {size} bytes, at most {MAX_COMMIT_BYTES} are taken",
            hint="split it into several commands",
            limit=MAX_COMMIT_BYTES,
        )
    for condition in conditions:
        if not isinstance(condition, (NewStream, AtVersion)):
            raise Misuse(f"no such condition: {condition!r}", code="unknown-condition")
        _check_stream(condition.stream)


def _check_stream(stream: str) -> None:
    # The plain names, which are nearly all, without a step for each character.
    if not (stream.isascii() and len(stream) <= MAX_NAME_BYTES and stream.translate(_WITHOUT_PUNCTUATION).isalnum()):
        check_stream_name(stream)


def _check_event(event: NewEvent) -> int:
    stream, type, schema_version, data = event
    _check_stream(stream)
    check_text("event type", type, MAX_NAME_BYTES)
    if schema_version not in _VERSIONS:
        raise Misuse(f"{schema_version!r} is no schema version of {type}", code="schema-version")
    if len(data) > MAX_EVENT_BYTES:
        raise LimitExceeded(
            f"an event {type} has {len(data)} bytes, at most {MAX_EVENT_BYTES} are taken",
            hint="keep large content elsewhere and its address in the event",
            limit=MAX_EVENT_BYTES,
        )
    _check_payload(type, data)
    return len(data)


def _check_command(command: SentCommand) -> int:
    check_text("command type", command.type, MAX_NAME_BYTES)
    if command.schema_version not in _VERSIONS:
        raise Misuse(f"{command.schema_version!r} is no schema version of {command.type}", code="schema-version")
    if len(command.digest) != 32:
        raise Misuse(f"the digest of {command.type} has {len(command.digest)} bytes instead of 32", code="digest")
    if command.issued_at not in _INTEGERS:
        raise Misuse(f"the time of {command.type} is out of range", code="issued-at")
    if command.data is None:
        return 0
    _check_payload(command.type, command.data)
    return len(command.data)


def _check_payload(type: str, data: bytes) -> None:
    if not data or b"\0" in data or (not data.isascii() and not _is_utf8(data)):
        raise InvalidInput(f"the payload of {type} is not UTF-8 JSON", hint="a payload is JSON text, without U+0000")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_optional_text(what: str, value: str | None, limit: int) -> None:
    """`check_text` for what may be None."""
    if value is not None:
        check_text(what, value, limit)


def check_text(what: str, value: str, limit: int) -> None:
    """Raise if the text is empty, too long (bytes of UTF-8), holds U+0000 or can't be UTF-8."""
    if value.isascii():
        size = len(value)
    else:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise InvalidInput(f"the {what} {value[:40]!r} is not valid Unicode") from None
    if not value or "\0" in value:
        raise InvalidInput(f"the {what} {value[:40]!r} is empty or holds U+0000")
    if size > limit:
        raise LimitExceeded(f"the {what} {value[:40]!r}… has {size} bytes, at most {limit} are taken", limit=limit)


def check_version(condition: Condition, actual: int) -> None:
    """Raise `Conflict` if the condition does not hold for a stream at version `actual` (0: no such stream)."""
    stream = condition.stream
    if isinstance(condition, NewStream):
        if actual:
            raise Conflict(
                f"{stream} is at version {actual}, expected a new stream",
                hint="it exists already: read it, decide again, then retry",
                stream=stream,
                expected=0,
                actual=actual,
            )
    elif actual != condition.version:
        raise Conflict(
            f"{stream} is at version {actual}, expected {condition.version}",
            hint="read it again, decide again, then retry",
            stream=stream,
            expected=condition.version,
            actual=actual,
        )


def check_same(commit: Commit, recorded: RecordedCommit) -> None:
    """Raise `CommandReused` if a commit with the id of a recorded one is not the same again."""
    sent, known = commit.command, recorded.command
    if sent is not None and known is not None:
        same = sent.type == known.type and sent.digest == known.digest
    else:
        same = sent is known and commit.events == tuple(
            NewEvent(event.stream, event.type, event.schema_version, event.data) for event in recorded.events
        )
    if not same:
        first = f"{known.type} at" if known is not None else "a commit without a command at"
        raise CommandReused(
            f"the command id {commit.id!r} was used before, by {first} position {recorded.events[0].position}, "
            "with other contents",
            hint="give a new command another id; the same id is for sending the very same command again",
            command_id=commit.id,
            position=recorded.events[0].position,
        )
