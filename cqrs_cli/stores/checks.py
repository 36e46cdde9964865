"""What every store checks alike: names and limits before a write, ids and what is unique within it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from cqrs_cli.errors import CommandReused, InvalidInput, LimitExceeded, Misuse, NotUnique
from cqrs_cli.stores.commits import (
    MAX_COMMIT_BYTES,
    MAX_COMMIT_EVENTS,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    Commit,
    NewEvent,
    RecordedCommit,
    SentCommand,
)
from cqrs_cli.stores.conditions import CONDITIONS, Condition
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.rows import Scalar, Table
from cqrs_cli.stores.streams import MAX_NAME_BYTES, check_stream_name

_MAX_ID_BYTES = 2 * MAX_NAME_BYTES  # an event id is a commit id and a number, so it needs more than a name
_MAX_SCHEMA_VERSION = 2**31 - 1
_TEXT = "some text in UTF-8, without U+0000"
_is_plain_stream = re.compile(rf"[A-Za-z0-9._%,-]{{1,{MAX_NAME_BYTES}}}").fullmatch
_is_plain_id = re.compile(rf"[A-Za-z0-9._:-]{{1,{MAX_NAME_BYTES}}}").fullmatch
"""What nearly all names are, without a step for each rule."""


def check_append(commit: Commit, conditions: Sequence[Condition]) -> None:
    """Raise `LimitExceeded`, `InvalidInput` or `Misuse` if no store may take this, whatever it holds."""
    id, events, command, correlation_id, causation_id, user_id, metadata, _ = commit
    if not events:
        raise Misuse(f"the commit {id!r} has no events", code="no-events")
    if len(events) > MAX_COMMIT_EVENTS:
        raise LimitExceeded(
            f"the commit {id!r} has {len(events)} events, at most {MAX_COMMIT_EVENTS} are taken",
            hint="split it into several commands",
            limit=MAX_COMMIT_EVENTS,
        )
    if not _is_plain_id(id):
        check_text("commit id", id, MAX_NAME_BYTES)
    if correlation_id is not None:
        check_text("correlation id", correlation_id, _MAX_ID_BYTES)
    if causation_id is not None:
        check_text("causation id", causation_id, _MAX_ID_BYTES)
    if user_id is not None:
        check_text("user id", user_id, _MAX_ID_BYTES)
    size = 0
    if metadata is not None:
        check_text("metadata", metadata, MAX_COMMIT_BYTES)
        if metadata.count("[") + metadata.count("{") > MAX_DEPTH and depth(metadata.encode()) > MAX_DEPTH:
            raise LimitExceeded(
                f"the metadata of {id!r} is nested more than {MAX_DEPTH} deep", hint="make it flatter", limit=MAX_DEPTH
            )
        size = len(metadata.encode())
    if command is not None:
        size += _check_command(command)
    for event in events:
        stream, type, schema_version, data = event
        if (
            data
            and 0 < schema_version <= _MAX_SCHEMA_VERSION
            and len(data) <= MAX_EVENT_BYTES
            and data.isascii()
            and b"\0" not in data
            and _is_plain_stream(stream)
        ):
            _check_type("event type", type)
            size += len(data)
        else:
            size += _check_event(event)
    if size > MAX_COMMIT_BYTES:
        raise LimitExceeded(
            f"the commit {id!r} has {size} bytes, at most {MAX_COMMIT_BYTES} are taken",
            hint="split it into several commands",
            limit=MAX_COMMIT_BYTES,
        )
    for condition in conditions:
        if not isinstance(condition, CONDITIONS):
            raise Misuse(f"no such condition: {condition!r}", code="unknown-condition")
        if condition[0] != events[0][0] and not _is_plain_stream(condition[0]):  # the first event's was looked at
            check_stream_name(condition[0])


@lru_cache(maxsize=4096)  # a log has few types, and many events of each
def _check_type(what: str, type: str) -> None:
    check_text(what, type, MAX_NAME_BYTES)


def _check_event(event: NewEvent) -> int:
    stream, type, schema_version, data = event
    if not _is_plain_stream(stream):
        check_stream_name(stream)
    _check_type("event type", type)
    if not 0 < schema_version <= _MAX_SCHEMA_VERSION:
        raise Misuse(f"{schema_version!r} is no schema version of {type}", code="schema-version")
    if len(data) > MAX_EVENT_BYTES:
        raise LimitExceeded(
            f"an event {type} has {len(data)} bytes, at most {MAX_EVENT_BYTES} are taken",
            hint="keep large content elsewhere and its address in the event",
            limit=MAX_EVENT_BYTES,
        )
    if not data or not data.isascii() or b"\0" in data:
        _check_payload(type, data)
    return len(data)


def _check_command(command: SentCommand) -> int:
    type, schema_version, digest, data, issued_at = command
    _check_type("command type", type)
    if not 0 < schema_version <= _MAX_SCHEMA_VERSION:
        raise Misuse(f"{schema_version!r} is no schema version of {type}", code="schema-version")
    if len(digest) != 32:
        raise Misuse(f"the digest of {type} has {len(digest)} bytes instead of 32", code="digest")
    if not -(2**63) <= issued_at < 2**63:
        raise Misuse(f"the time of {type} is out of range", code="issued-at")
    if data is None:
        return 0
    if not data or not data.isascii() or b"\0" in data:
        _check_payload(type, data)
    return len(data)


def _check_payload(type: str, data: bytes) -> None:
    if not data or b"\0" in data or not _is_utf8(data):
        raise InvalidInput(f"the payload of {type} is not UTF-8 JSON", hint="a payload is JSON text, without U+0000")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_text(what: str, value: str, limit: int) -> None:
    """Raise if the text is empty, too long (bytes of UTF-8), holds U+0000 or can't be UTF-8."""
    if value.isascii():
        size = len(value)
        if 0 < size <= limit and "\0" not in value:
            return
    else:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise InvalidInput(f"the {what} {value[:40]!r} is not valid Unicode", hint=_TEXT) from None
    if not value or "\0" in value:
        raise InvalidInput(f"the {what} {value[:40]!r} is empty or holds U+0000", hint=_TEXT)
    if size > limit:
        raise LimitExceeded(
            f"the {what} {value[:40]!r}… has {size} bytes, at most {limit} are taken",
            hint="a shorter one; what is long belongs in a payload",
            limit=limit,
        )


def depth(data: bytes) -> int:
    """The deepest nesting, read from the bytes so that no parser's own limit is met."""
    deepest = level = 0
    in_string = escaped = False
    for byte in data:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
    return deepest


def check_recorded(commit: Commit, newest_us: int, now_us: int) -> None:
    """Raise `Misuse` if a commit that is copied can't stand where it is to: times of a log never fall."""
    recorded_us = commit.recorded_us
    assert recorded_us is not None
    if recorded_us < newest_us:
        raise Misuse(
            f"the commit {commit.id!r} was recorded at {rfc3339(recorded_us)}, before the newest one of the log, "
            f"at {rfc3339(newest_us)}",
            hint="what is copied keeps its times: copy it into a log that ends before it, or let it take today's time",
            code="recorded-before",
        )
    if recorded_us > now_us:
        raise Misuse(
            f"the commit {commit.id!r} was recorded at {rfc3339(recorded_us)}, which is not over yet",
            hint="set the clock right, of this machine or of the one that it comes from",
            code="recorded-ahead",
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


def not_unique(table: Table, group: Sequence[str], values: Sequence[Scalar]) -> NotUnique:
    """The error of a row whose values of these columns, declared unique together, another row has."""
    shown = ", ".join(f"{name} {value!r}" for name, value in zip(group, values, strict=True))
    return NotUnique(
        f"{table.name} has a row with {shown} already",
        hint=f"another value of {' or '.join(group)}",
        table=table.name,
        columns=list(group),
    )
