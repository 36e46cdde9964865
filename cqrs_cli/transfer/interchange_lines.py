"""The lines of an interchange file, version 1: docs/interchange.md. What a commit is as a line, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.log.rejections import Rejection
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.moments import micros, rfc3339
from cqrs_cli.transfer.exact import ExactJson, quote
from cqrs_cli.transfer.parcel import Parcel

VERSION = 1
_name = lru_cache(maxsize=4096)(quote)  # a log has few types, and many events of each
_is_hash = re.compile("[0-9a-f]{64}").fullmatch
_EVENT = frozenset({"stream", "type", "data", "data_text", "schema_version", "version"})
_COMMIT = frozenset(
    {
        *("id", "position", "recorded_at", "command", "correlation_id", "causation_id", "user_id"),
        *("metadata", "metadata_text", "events", "hash"),
    }
)
_COMMAND = frozenset({"type", "schema_version", "digest", "data", "data_text", "issued_us"})
_HEAD = frozenset({"cqrs_interchange", "source", "between", "after", "previous", "position", "events", "chain"})
_END = frozenset({"position", "commits", "events", "rejections", "hash"})
_REJECTED = frozenset(
    {
        *("id", "position", "stream", "version", "rejected_at", "command", "correlation_id", "causation_id"),
        *("user_id", "metadata", "metadata_text", "code", "reason"),
    }
)


class Head(NamedTuple):
    """The first line. source: what the log is called; between: what was left out or changed, in words.

    after, previous: the position that it begins after, and the hash there (None: not known). position: where it ends,
    events: how many it will have, if that was known. chain: the version of the hash chain, if each commit has its hash.
    """

    source: str
    between: str = ""
    after: int = 0
    previous: str | None = None
    position: int = 0
    events: int | None = None
    chain: int | None = None


class End(NamedTuple):
    """The last line: what there was before it. hash: of the last commit, None if it has none.

    rejections: how many commands that were rejected; None if there are none.
    """

    position: int
    commits: int
    events: int
    hash: str | None
    rejections: int | None = None


# ── writing ───────────────────────────────────────────────────────────────────────────────────


class LineWriter:
    """Makes lines, without their ends."""

    def __init__(self) -> None:
        self._json = ExactJson()

    def head(self, head: Head) -> str:
        """The first line."""
        return self._json_of({"cqrs_interchange": VERSION, **head._asdict()})

    def end(self, end: End) -> str:
        """The last line."""
        return self._json_of({"end": end._asdict()})

    def commit(self, parcel: Parcel, with_hash: bool) -> str:
        """One commit. with_hash: its mark is one of the chain, and it is whole."""
        commit, position, mark, versions, _ = parcel
        parts = [f'{{"id":{quote(commit.id)},"position":{position}']
        if commit.recorded_us is not None:
            parts.append(f'"recorded_at":"{rfc3339(commit.recorded_us)}"')
        if commit.command is not None:
            parts.append(f'"command":{self._command(commit.command)}')
        if commit.correlation_id is not None and commit.correlation_id != commit.id:
            parts.append(f'"correlation_id":{quote(commit.correlation_id)}')
        if commit.causation_id is not None:
            parts.append(f'"causation_id":{quote(commit.causation_id)}')
        if commit.user_id is not None:
            parts.append(f'"user_id":{quote(commit.user_id)}')
        if commit.metadata is not None:
            parts.append(self._metadata(commit.metadata))
        exact, events = self._json.is_exact, []
        for at, (stream, type, schema_version, data) in enumerate(commit.events):
            text, version = data.decode(), f'"version":{versions[at]},' if versions else ""
            payload = f'"data":{text}' if exact(text) else f'"data_text":{quote(text)}'
            events.append(
                f'{{"stream":{quote(stream)},{version}"type":{_name(type)},"schema_version":{schema_version},{payload}}}'
            )
        parts.append(f'"events":[{",".join(events)}]')
        if with_hash and mark is not None:
            parts.append(f'"hash":"{mark}"')
        return ",".join(parts) + "}"

    def rejection(self, one: Rejection) -> str:
        """A command that was rejected."""
        sent = f'{{"type":{_name(one.command)},"schema_version":{one.schema_version},{self._exact("data", one.data)}'
        parts = [
            f'{{"rejected":{{"id":{quote(one.command_id)},"position":{one.position}',
            f'"stream":{quote(one.stream)},"version":{one.version},"rejected_at":"{rfc3339(one.rejected_us)}"',
            f'"command":{sent},"issued_us":{one.issued_us}}}',
        ]
        if one.correlation_id != one.command_id:
            parts.append(f'"correlation_id":{quote(one.correlation_id)}')
        if one.causation_id is not None:
            parts.append(f'"causation_id":{quote(one.causation_id)}')
        if one.user_id is not None:
            parts.append(f'"user_id":{quote(one.user_id)}')
        if one.metadata is not None:
            parts.append(self._metadata(one.metadata))
        return ",".join([*parts, f'"code":{quote(one.code)}', f'"reason":{quote(one.reason)}}}}}'])

    def _metadata(self, text: str) -> str:
        is_object = text.startswith("{")  # what else there may be stands as a text
        return self._exact("metadata", text) if is_object else f'"metadata_text":{quote(text)}'

    def _command(self, command: SentCommand) -> str:
        type, schema_version, digest, data, issued_us = command
        told = f'{{"type":{_name(type)},"schema_version":{schema_version},"digest":"{digest.hex()}",'
        return told + ("" if data is None else self._exact("data", data.decode()) + ",") + f'"issued_us":{issued_us}}}'

    def _exact(self, name: str, text: str) -> str:
        return f'"{name}":{text}' if self._json.is_exact(text) else f'"{name}_text":{quote(text)}'

    def _json_of(self, record: Mapping[str, Any]) -> str:
        values = [
            f'"{name}":{self._json_of(value) if isinstance(value, Mapping) else _scalar(value)}'
            for name, value in record.items()
            if value is not None and value != ""
        ]
        return "{" + ",".join(values) + "}"


def _scalar(value: object) -> str:
    return quote(value) if isinstance(value, str) else str(value)


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def refused(message: str) -> CqrsError:
    """What is wrong with a line."""
    return InvalidInput(message, hint="docs/interchange.md says what a line has", code="line")


class LineReader:
    """Makes of a line what it says. Raises `InvalidInput` for one that says nothing of the kind."""

    def __init__(self) -> None:
        self.json = ExactJson()

    def record(self, line: bytes) -> dict[str, Any]:
        """The object in a line."""
        try:
            found = self.json.loads(line.decode())
        except UnicodeDecodeError:
            raise refused("it is no UTF-8") from None
        except ValueError as error:
            raise refused(f"it is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise refused("it is no JSON object")
        return found

    def head(self, record: dict[str, Any]) -> Head:
        """The first line of a file that an export made."""
        version = record.get("cqrs_interchange")
        if version != VERSION:
            raise refused(f"it is of version {version!r} of the format, and {VERSION} is known here")
        check_members(record, _HEAD)
        return Head(
            text_of(record, "source", needed=True) or "",
            text_of(record, "between") or "",
            whole_of(record, "after") or 0,
            _hash(record, "previous"),
            whole_of(record, "position") or 0,
            whole_of(record, "events"),
            whole_of(record, "chain"),
        )

    def end(self, record: dict[str, Any]) -> End:
        """The last line of a file that an export made."""
        end = record["end"]
        if not isinstance(end, dict):
            raise refused("end is no object")
        check_members(record, frozenset({"end"}))
        check_members(end, _END)
        position, commits, events = (whole_of(end, name) or 0 for name in ("position", "commits", "events"))
        return End(position, commits, events, _hash(end, "hash"), whole_of(end, "rejections"))

    def rejection(self, record: dict[str, Any]) -> Rejection:
        """A command that was rejected."""
        one = record["rejected"]
        check_members(record, frozenset({"rejected"}))
        if not isinstance(one, dict):
            raise refused("rejected is no object")
        check_members(one, _REJECTED)
        sent = one.get("command")
        if not isinstance(sent, dict):
            raise refused("command is no object")
        check_members(sent, _COMMAND - {"digest"})
        data, issued_us, id = self.exact(sent, "data"), _issued(sent), text_of(one, "id", needed=True) or ""
        rejected_us, version, position = (
            moment_of(one, "rejected_at"),
            whole_of(one, "version"),
            whole_of(one, "position"),
        )
        if data is None or issued_us is None or rejected_us is None or version is None or not position:
            raise refused("a rejected command wants position, version, rejected_at, and its command data and issued_us")
        return Rejection(
            command_id=id,
            command=text_of(sent, "type", needed=True) or "",
            schema_version=whole_of(sent, "schema_version") or 1,
            data=data,
            issued_us=issued_us,
            user_id=text_of(one, "user_id"),
            correlation_id=text_of(one, "correlation_id") or id,
            causation_id=text_of(one, "causation_id"),
            metadata=self.metadata(one),
            stream=text_of(one, "stream", needed=True) or "",
            version=version,
            position=position,
            code=text_of(one, "code", needed=True) or "",
            reason=text_of(one, "reason", needed=True) or "",
            rejected_us=rejected_us,
        )

    def parcel(self, record: dict[str, Any], made_id: str, after: int) -> Parcel:
        """A commit; or an event, which is a commit of its own. after: the position before it.

        made_id: for one that has none. The mark is its hash, if it has one.
        """
        found = record.get("events")
        if found is None:
            check_members(record, _EVENT | _COMMIT)
            events = [record]
        else:
            check_members(record, _COMMIT)
            events = found
        if not isinstance(events, list) or not events:
            raise refused("events is no array with something in it")
        new, versions = [], []
        for event in events:
            made, version = self._event(event, is_commit=found is None)
            new.append(made)
            if version:
                versions.append(version)
        position = whole_of(record, "position") or after + len(new)
        if position < after + len(new):
            raise refused(f"position {position} can't follow {after}")
        command = record.get("command")
        commit = Commit(
            text_of(record, "id") or made_id,
            tuple(new),
            None if command is None else self._command(command),
            text_of(record, "correlation_id") if "correlation_id" in record else None,
            text_of(record, "causation_id") if "causation_id" in record else None,
            text_of(record, "user_id") if "user_id" in record else None,
            self.metadata(record) if "metadata" in record or "metadata_text" in record else None,
            moment_of(record, "recorded_at"),
        )
        return Parcel(commit, position, _hash(record, "hash"), tuple(versions) if len(versions) == len(new) else ())

    def _event(self, event: Any, is_commit: bool) -> tuple[NewEvent, int | None]:
        if not isinstance(event, dict):
            raise refused("an event is no object")
        if not is_commit:
            check_members(event, _EVENT)
        data = self.exact(event, "data")
        if data is None:
            raise refused("an event has no data")
        made = NewEvent(
            text_of(event, "stream", needed=True) or "",
            text_of(event, "type", needed=True) or "",
            whole_of(event, "schema_version") or 1,
            data.encode("utf-8", "surrogatepass"),
        )
        return made, whole_of(event, "version")

    def _command(self, command: Any) -> SentCommand:
        if not isinstance(command, dict):
            raise refused("command is no object")
        check_members(command, _COMMAND)
        data, issued_us, digest = self.exact(command, "data"), _issued(command), _hash(command, "digest")
        if issued_us is None or digest is None:
            raise refused("a command wants a digest and issued_us, a whole number")
        return SentCommand(
            text_of(command, "type", needed=True) or "",
            whole_of(command, "schema_version") or 1,
            bytes.fromhex(digest),
            None if data is None else data.encode("utf-8", "surrogatepass"),
            issued_us,
        )

    def metadata(self, record: dict[str, Any]) -> str | None:
        """The text of an object that a commit has beside its events; None if there is none."""
        metadata = record.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise refused("metadata is no object")
        if metadata is None and record.get("metadata_text") is None:
            return None
        return self.exact(record, "metadata")

    def exact(self, record: dict[str, Any], name: str) -> str | None:
        """The text that a member stands for; None if it is not there."""
        text = record.get(f"{name}_text")
        if text is None:
            return self.json.dumps(record[name]) if name in record else None
        if name in record or not isinstance(text, str):
            raise refused(f"{name}_text is a string, in the place of {name}")
        return text


def check_members(record: dict[str, Any], known: frozenset[str]) -> None:
    """Raise `InvalidInput` for a member that is not known."""
    if not known.issuperset(record):
        name = next(name for name in record if name not in known)
        near = did_you_mean(name, sorted(known))
        raise refused(f"nothing is called {name!r}" + (f"; {near}" if near else ""))


def text_of(record: dict[str, Any], name: str, needed: bool = False) -> str | None:
    """A text that a member is; None if it is not there. Raises `InvalidInput`."""
    text = record.get(name)
    if type(text) is str and text:
        return text
    if text is None and not needed:
        return None
    if not isinstance(text, str) or not text:
        raise refused(f"{name} is missing" if text is None else f"{name} is no text with something in it")
    return text


def whole_of(record: dict[str, Any], name: str) -> int | None:
    """A whole number that a member is; None if it is not there. Raises `InvalidInput`."""
    number = record.get(name)
    if number is None or (type(number) is int and 0 <= number < 2**62):
        return number
    raise refused(f"{name} is no whole number")


def _issued(command: dict[str, Any]) -> int | None:
    """When it was issued, in microseconds; None if that is no whole number."""
    issued_us = command.get("issued_us")
    return issued_us if isinstance(issued_us, int) and not isinstance(issued_us, bool) else None


def _hash(record: dict[str, Any], name: str) -> str | None:
    text = record.get(name)
    if text is None:
        return None
    if isinstance(text, str) and _is_hash(text):
        return text
    raise refused(f"{name} is not 64 hex digits")


def moment_of(record: dict[str, Any], name: str) -> int | None:
    """A time that a member is, in microseconds UTC; None if it is not there. Raises `InvalidInput`."""
    text = record.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return micros(moment)
    except (TypeError, ValueError, OverflowError):
        pass
    raise refused(f"{name} is no time like 2026-01-31T10:00:00Z")
