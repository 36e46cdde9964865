"""`cqrs send --batch`: JSON lines become requests, outcomes become lines, counts and an exit code."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from cqrs_cli.cli import complaints
from cqrs_cli.cli.dynamic import by_word, look_up
from cqrs_cli.cli.jsontext import JsonTextError, parse_json
from cqrs_cli.cli.payload import needs_tidying, tidy, validate
from cqrs_cli.cli.shapes import Record, record_of
from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.messages import Command
from cqrs_cli.outcome import Expect, Outcome, Request

if TYPE_CHECKING:
    from typing import BinaryIO

    from cqrs_cli.cli.render import Printer
    from cqrs_cli.domain import Domain

MAX_LINE_BYTES = 32 * 1024 * 1024
KEYS = ("command", "data", "command_id", "user_id", "timestamp", "correlation_id", "metadata", "expect")

_NAMES: dict[type, str] = {str: "a text", dict: "an object"}
_NEEDED: dict[str, type] = {"command": str, "data": dict}
_KINDS: dict[str, type] = {"command_id": str, "user_id": str, "timestamp": str, "correlation_id": str, "metadata": dict}


# ── reading ───────────────────────────────────────────────────────────────────────────────────


class _Kind(NamedTuple):
    """A command class with what reading its data needs; record: only if data must be tidied first."""

    cls: type[Command]
    record: Record
    tidy: bool


class Reader:
    """Makes requests of lines. A line that can't be read is a request with an `InvalidInput`, never an exception."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._words = by_word(dict.fromkeys(domain.commands.values()))
        self._kinds: dict[str, _Kind] = {}

    def requests(self, file: BinaryIO) -> Iterator[Request]:
        """A request for each line that is not blank, one in memory at a time; lines count from 1."""
        for number, line in enumerate(_lines(file), 1):
            if line is None:
                error = InvalidInput(f"longer than {MAX_LINE_BYTES} bytes")
                yield Request(number, None, error=error)
            elif not line.isspace():
                try:
                    yield self.request(number, line)
                except InvalidInput as error:
                    yield Request(number, None, error=error)

    def request(self, number: int, line: bytes) -> Request:
        """The request of a line. Raises `InvalidInput` with all complaints about it."""
        try:
            given = parse_json(line)
        except JsonTextError as error:
            raise InvalidInput(str(error)) from None
        if type(given) is not dict:
            raise InvalidInput(f"expected a JSON object, found {complaints.kind(given)}")
        found = list(_envelope_complaints(given)) if not _plain_envelope(given) else []
        kind = self._kind(given.get("command"), found)
        command = _command(kind, given, found) if kind is not None else None
        if found or command is None:
            raise complaints.invalid(str(given.get("command", "the line")), found, None)
        return Request(number, command, _expect(given.get("expect")))

    def _kind(self, name: Any, found: list[complaints.Complaint]) -> _Kind | None:
        if not isinstance(name, str):
            return None
        kind = self._kinds.get(name)
        if kind is None:
            cls = self._domain.commands.get(name) or look_up(self._words, name)
            if cls is None:
                near = difflib.get_close_matches(name, [*self._words, *self._domain.commands], 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                found.append(complaints.Complaint((), "command", f"the domain has no command {name!r}{hint}"))
                return None
            record = record_of(cls)
            kind = self._kinds[name] = _Kind(cls, record, needs_tidying(record))
        return kind


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines one by one; None for one that is too long, which is read past but never held."""
    while line := file.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            yield None
        else:
            yield line


def _plain_envelope(given: dict[str, Any]) -> bool:
    """Whether there is nothing but the two members that every line has, of the right kinds."""
    return len(given) == 2 and type(given.get("command")) is str and type(given.get("data")) is dict


def _envelope_complaints(given: dict[str, Any]) -> Iterator[complaints.Complaint]:
    for name in given:
        if name not in KEYS:
            near = difflib.get_close_matches(name, KEYS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(KEYS)}"
            yield complaints.Complaint((), name, f"there is no such member; {hint}")
    for name, kind in _NEEDED.items():
        if name not in given:
            yield complaints.Complaint((), name, "is required")
        elif not isinstance(given[name], kind):
            yield complaints.Complaint((), name, f"expected {_NAMES[kind]}, found {complaints.kind(given[name])}")
    for name, kind in _KINDS.items():
        if given.get(name) is not None and not isinstance(given[name], kind):
            yield complaints.Complaint((), name, f"expected {_NAMES[kind]}, found {complaints.kind(given[name])}")
    try:
        _expect(given.get("expect"))
    except InvalidInput as error:
        yield complaints.Complaint((), "expect", error.message)


def _command(kind: _Kind, given: dict[str, Any], found: list[complaints.Complaint]) -> Command | None:
    """The command with its envelope; what is wrong with either is added to `found`."""
    data = given.get("data")
    command = None
    if isinstance(data, dict):
        try:
            command = validate(kind.cls, tidy(kind.record, data) if kind.tidy else data)
        except ValidationError as error:
            found += complaints.of(error, kind.record, data)
    try:
        timestamp = _timestamp(given.get("timestamp"))
    except InvalidInput as error:
        found.append(complaints.Complaint((), "timestamp", error.message))
    if command is None or found:
        return None
    metadata = given.get("metadata")
    try:
        return command.with_meta(
            command_id=given.get("command_id"),
            user_id=given.get("user_id"),
            timestamp=timestamp,
            correlation_id=given.get("correlation_id"),
            metadata=tidy_metadata(metadata) if metadata else None,
        )
    except InvalidInput as error:
        found.append(complaints.Complaint((), "", error.message))
        return None


def tidy_metadata(metadata: dict[str, Any]) -> Any:
    """Metadata with plain numbers: they are kept as JSON and nobody counts their digits."""
    from cqrs_cli.cli.shapes import Loose, Mapping

    return tidy(Mapping(Loose("any", floats=True)), metadata)


def _timestamp(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise InvalidInput(f"expected a time like 2026-01-31T10:00:00Z (got {complaints.short(text)})")
    return moment


def _expect(given: Any) -> Expect:
    """`expect` of a line: a version as a number or in digits, `new`, `any` or null."""
    if type(given) is int and given >= 0:
        return given
    if given is None or isinstance(given, str):
        return parse_expect(given)
    raise InvalidInput(f"expected a version, 'new' or 'any' (got {complaints.short(given)})")


def parse_expect(text: str | None) -> Expect:
    """`N`, `new` or `any` (as if nothing was said). Raises `InvalidInput`."""
    if text is None or text == "any":
        return None
    if text == "new":
        return "new"
    if re.fullmatch("[0-9]{1,18}", text):
        return int(text)
    raise InvalidInput(f"expected a version, 'new' or 'any' (got {complaints.short(text)})")


# ── outcomes ──────────────────────────────────────────────────────────────────────────────────


class Tally:
    """Counts outcomes by status, and events that were appended; knows the exit code."""

    def __init__(self) -> None:
        self.by_status: Counter[str] = Counter()
        self.events = 0

    def add(self, outcome: Outcome) -> None:
        self.by_status[outcome.status] += 1
        if outcome.status == "committed":
            self.events += len(outcome.events)

    def summary(self) -> dict[str, int]:
        """The JSON of a batch. `not-found` counts as rejected; conflicts and failures are named if there are any."""
        count = self.by_status
        told = {name: count[name] for name in ("committed", "duplicate", "unchanged")}
        told |= {"rejected": count["rejected"] + count["not-found"], "invalid": count["invalid"], "events": self.events}
        return told | {name: count[name] for name in ("conflict", "failed") if count[name]}

    def line(self) -> str:
        """`3 commands: 2 committed (5 events), 1 rejected`."""
        count = self.by_status
        parts = [f"{count['committed']:,} committed ({self.events:,} event{'' if self.events == 1 else 's'})"]
        parts += [f"{count[status]:,} {status}" for status in sorted(count) if status != "committed"]
        total = count.total()
        return f"{total:,} command{'' if total == 1 else 's'}: {', '.join(parts)}"

    def exit_code(self, allow_rejected: bool) -> int:
        """2 if a line was invalid, else 8 if the domain failed, 4 for a conflict, 1 for a rejection or no aggregate."""
        count = self.by_status
        if count["invalid"]:
            return 2
        if count["failed"]:
            return 8
        if count["conflict"]:
            return 4
        return 1 if count["not-found"] or (count["rejected"] and not allow_rejected) else 0


def print_outcomes(outcomes: Iterable[Outcome], printer: Printer, tally: Tally) -> None:
    """Print each outcome as it comes, in the printer's format; `tally` counts along."""
    counted = _counted(outcomes, tally)
    if printer.format == "jsonl":
        printer.records((outcome_record(outcome) for outcome in counted), live=True)
    elif printer.format in ("csv", "tsv", "md"):
        printer.records(_flat(outcome) for outcome in counted)
    else:
        for outcome in counted:
            if outcome.error is not None:
                for line in _failure_lines(outcome, outcome.error):
                    printer.message(line)
        if printer.format == "json":
            printer.record(tally.summary())


def _counted(outcomes: Iterable[Outcome], tally: Tally) -> Iterator[Outcome]:
    for outcome in outcomes:
        tally.add(outcome)
        yield outcome


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome in the stable shape of `send --json`; one without success has its line, reason and code."""
    from cqrs_cli.cli.events import event_record

    error = outcome.error
    if error is None:
        return {
            "status": outcome.status,
            "command": outcome.command,
            "command_id": outcome.command_id,
            "position": outcome.position,
            "streams": [{"stream": stream, "version": version} for stream, version in outcome.streams.items()],
            "events": [event_record(event) for event in outcome.events],
        }
    record = {
        "status": outcome.status,
        "line": outcome.line,
        "command": outcome.command,
        "command_id": outcome.command_id,
        "reason": error.message,
        "code": error.code,
    }
    found = getattr(error, "complaints", ())
    return record | ({"complaints": list(found)} if found else {})


def _flat(outcome: Outcome) -> dict[str, Any]:
    return {
        "line": outcome.line,
        "status": outcome.status,
        "command": outcome.command,
        "command_id": outcome.command_id,
        "position": outcome.position,
        "stream": outcome.stream,
        "events": len(outcome.events),
        "code": outcome.error.code if outcome.error is not None else None,
        "reason": _reason(outcome.error) if outcome.error is not None else None,
    }


def _reason(error: CqrsError) -> str:
    found = getattr(error, "complaints", ())
    return "; ".join([error.message, *found])


def _failure_lines(outcome: Outcome, error: CqrsError) -> Iterator[str]:
    code = "" if error.code == outcome.status else f"[{error.code}]"
    yield f"line {outcome.line}: {outcome.status}{code}: {error.message}"
    for complaint in getattr(error, "complaints", ()):
        yield f"  {complaint}"
