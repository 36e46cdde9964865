"""CloudEvents 1.0, structured, one event a line: https://github.com/cloudevents/spec, version 1.0.2.

What a commit is beyond that goes in extension attributes, whose names are of lower-case letters and digits, so that a
store's commits survive the trip. docs/interchange.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.transfer.exact import ExactJson, quote
from cqrs_cli.transfer.interchange_lines import moment_of, refused, text_of
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.sink import Reached

SPEC = "specversion"


class CloudEventsSink:
    """Writes the events with `write`, which takes text. source: what the log is called. after: where it begins."""

    def __init__(self, write: Callable[[str], object], source: str, after: int = 0) -> None:
        self._begun = Reached(after, None)
        self._write, self._source, self._json = write, source, ExactJson()
        self.events = 0

    def reached(self, source: str) -> Reached | None:
        """Where it was told to begin."""
        return self._begun

    def has(self, position: int, mark: str | None) -> bool:
        """It is told where it begins."""
        return True

    def take(self, source: str, parcels: Sequence[Parcel], reached: Reached) -> int:
        """Write them."""
        for parcel in parcels:
            self._write("".join([line + "\n" for line in self._lines(parcel)]))
            self.events += len(parcel.commit.events)
        return 0

    def _lines(self, parcel: Parcel) -> list[str]:
        commit, position, mark, versions, _ = parcel
        shared = [f'"cqrscommit":{quote(commit.id)}', f'"cqrscount":{len(commit.events)}', *_envelope(commit)]
        if mark is not None:
            shared.append(f'"cqrshash":"{mark}"')
        if commit.metadata is not None:
            shared.append(f'"cqrsmetadata":{quote(commit.metadata)}')
        lines = []
        for number, (stream, type, schema_version, data) in enumerate(commit.events, 1):
            text = data.decode()
            own = [
                f'{{"specversion":"1.0","id":{quote(f"{commit.id}:{number}")},"source":{quote(self._source)}',
                f'"type":{quote(type)},"subject":{quote(stream)},"datacontenttype":"application/json"',
                f'"cqrsnumber":{number},"cqrsschema":{schema_version}',
                f'"cqrsposition":"{position - len(commit.events) + number}"',
                *([f'"cqrsversion":{versions[number - 1]}'] if versions else []),
                *shared,
            ]
            exact = self._json.is_exact(text)
            own.append(f'"data":{text}' if exact else f'"cqrsdata":{quote(text)}')
            lines.append(",".join(own) + "}")
        return lines


def _envelope(commit: Commit) -> list[str]:
    told = [] if commit.recorded_us is None else [f'"time":"{rfc3339(commit.recorded_us)}"']
    if commit.command is not None:
        type, schema_version, digest, data, issued_us = commit.command
        told.append(f'"cqrscommand":{quote(type)},"cqrscommandschema":{schema_version},"cqrsdigest":"{digest.hex()}"')
        told.append(f'"cqrsissued":"{issued_us}"')
        if data is not None:
            told.append(f'"cqrscommanddata":{quote(data.decode())}')
    for name, value in (
        ("correlationid", commit.correlation_id),
        ("causationid", commit.causation_id),
        ("cqrsuser", commit.user_id),
    ):
        if value is not None:
            told.append(f'"{name}":{quote(value)}')
    return told


class CloudEventReader:
    """Puts events together to commits again. One of somebody else's is a commit of its own."""

    def __init__(self, json: ExactJson) -> None:
        self._json = json
        self._commit: Commit | None = None
        self._events: list[NewEvent] = []
        self._versions: list[int] = []
        self._count = 0

    @property
    def has_begun(self) -> bool:
        """Whether a commit is not complete yet."""
        return bool(self._events)

    def check_whole(self) -> None:
        """Raise `InvalidInput` if a commit has begun and not ended."""
        if self._events:
            there, count, commit, self._events = len(self._events), self._count, self._commit, []
            assert commit is not None
            raise refused(f"the commit {commit.id!r} has {there} of its {count} events before it")

    def take(self, record: dict[str, Any], after: int) -> Parcel | None:
        """The commit that an event completes. after: the position before its commit."""
        if record[SPEC] != "1.0":
            raise refused(f"CloudEvents of version {record[SPEC]!r}, and 1.0 is known here")
        event = self._event(record)
        if "cqrscommit" not in record:
            self.check_whole()
            return Parcel(self._foreign(record, event), after + 1)
        commit = self._envelope(record)
        if self._events and commit != self._commit:
            self.check_whole()
        number, count = _number(record, "cqrsnumber"), _number(record, "cqrscount")
        if number != len(self._events) + 1 or number > count:
            self._events = []
            raise refused(f"event {number} of {count} of the commit {commit.id!r} is not the next one")
        self._versions = [*self._versions[: number - 1], _number(record, "cqrsversion", 0)]
        self._events.append(event)
        self._commit, self._count = commit, count
        if number < count:
            return None
        events, self._events = tuple(self._events), []
        position = _number(record, "cqrsposition", after + count)
        if position < after + count:
            raise refused(f"position {position} can't follow {after}")
        mark = record.get("cqrshash")
        versions = tuple(self._versions) if all(self._versions) else ()
        return Parcel(commit._replace(events=events), position, None if mark is None else str(mark), versions)

    def _event(self, record: dict[str, Any]) -> NewEvent:
        if "subject" not in record:
            raise refused("it has no subject, which names its stream")
        if "data_base64" in record or not str(record.get("datacontenttype", "application/json")).endswith("json"):
            raise refused("its data is no JSON")
        if "cqrsdata" in record:
            data = text_of(record, "cqrsdata") or ""
        else:
            data = self._json.dumps(record["data"]) if "data" in record else "{}"
        return NewEvent(
            text_of(record, "subject", needed=True) or "",
            text_of(record, "type", needed=True) or "",
            _number(record, "cqrsschema", 1),
            data.encode("utf-8", "surrogatepass"),
        )

    def _envelope(self, record: dict[str, Any]) -> Commit:
        command = None
        if "cqrscommand" in record:
            data = text_of(record, "cqrscommanddata")
            try:
                digest = bytes.fromhex(text_of(record, "cqrsdigest", needed=True) or "")
            except ValueError:
                raise refused("cqrsdigest is not 64 hex digits") from None
            command = SentCommand(
                text_of(record, "cqrscommand", needed=True) or "",
                _number(record, "cqrscommandschema", 1),
                digest,
                None if data is None else data.encode("utf-8", "surrogatepass"),
                _number(record, "cqrsissued"),
            )
        return Commit(
            text_of(record, "cqrscommit", needed=True) or "",
            (),
            command,
            text_of(record, "correlationid"),
            text_of(record, "causationid"),
            text_of(record, "cqrsuser"),
            text_of(record, "cqrsmetadata"),
            moment_of(record, "time"),
        )

    def _foreign(self, record: dict[str, Any], event: NewEvent) -> Commit:
        """Its time is when something happened, not when it was recorded here: it is kept in the metadata."""
        source, id = text_of(record, "source", needed=True), text_of(record, "id", needed=True)
        kept = {name: value for name, value in record.items() if name not in ("data", "type", "subject", SPEC)}
        made = sha256(f"{source}\n{id}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return Commit(made, (event,), None, metadata=self._json.dumps({"cloudevent": kept}))


def _number(record: dict[str, Any], name: str, otherwise: int | None = None) -> int:
    """A whole number, which may stand as a text: those of CloudEvents have 32 bits."""
    value = record.get(name, otherwise)
    try:
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return int(value)
    except ValueError:
        pass
    raise refused(f"{name} is no whole number")


def is_cloud_event(record: dict[str, Any]) -> bool:
    """Whether a line is one."""
    return SPEC in record
