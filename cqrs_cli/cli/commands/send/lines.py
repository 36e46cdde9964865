"""`cqrs send --batch`: JSON lines become requests, one at a time."""

from __future__ import annotations

import re
import select
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from cqrs_cli.cli.options import complaints
from cqrs_cli.cli.options.jsontext import JsonTextError, parse_json, unreadable
from cqrs_cli.cli.options.jsontypes import Fits, checker, misfits
from cqrs_cli.cli.options.normalisation import needs_normalising, normalised
from cqrs_cli.cli.options.payload import validate
from cqrs_cli.cli.options.shapes import Record, record_of
from cqrs_cli.cli.shell.model_command import by_word, look_up
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.workbench.outcome import Expect, Request

if TYPE_CHECKING:
    from typing import BinaryIO

    from cqrs_cli.domain.domain import Domain

MAX_LINE_BYTES = 32 * 1024 * 1024
_CHUNK = 256 * 1024
KEYS = ("command", "data", "command_id", "user_id", "timestamp", "correlation_id", "metadata", "expect")

_EXPECT = "the version that the stream is expected to have, 'new' for no stream yet"
FILE = "a file of JSON lines, or - for standard input"
_LINE = """a line of JSON: {"command": "create-order", "data": {…}}"""
_NAMES: dict[type, str] = {str: "a text", dict: "an object"}
_NEEDED: dict[str, type] = {"command": str, "data": dict}
_KINDS = _NEEDED | {"command_id": str, "user_id": str, "timestamp": str, "correlation_id": str, "metadata": dict}


class _Kind(NamedTuple):
    """A command class with what reading its data needs. record: its fields. denormal: normalise the data first.

    fits: whether its values have the types that they have in JSON.
    """

    cls: type[Command]
    record: Record
    denormal: bool
    fits: Fits | None


class LineReader:
    """Makes requests of lines. A line that no command comes of is a request with its error, never an exception.

    made_ids: there was a line without an id.
    """

    def __init__(self, domain: Domain) -> None:
        self.made_ids = False
        self._stopped = False
        self._domain = domain
        self._words = by_word(dict.fromkeys(domain.commands.values()))
        self._kinds: dict[str, _Kind] = {}

    def requests(self, file: BinaryIO) -> Iterator[Request | None]:
        """A request for each line that is not blank, one in memory at a time; None when no more is at hand now.

        Lines count from 1.
        """
        number = 0
        for line in _lines(file):
            if isinstance(line, _Idle):
                yield None
            else:
                number += 1
                if line is None:
                    yield Request(number, None, error=InvalidInput(f"longer than {MAX_LINE_BYTES} bytes", hint=_LINE))
                elif line and not line.isspace():
                    yield self.request(number, line)
            if self._stopped:  # before the next line is waited for
                return

    def stop(self) -> None:
        """Read no further line."""
        self._stopped = True

    def request(self, number: int, line: bytes) -> Request:
        """The request of a line; its error has all complaints about the line, or what a validator raised."""
        try:
            given = parse_json(line)
        except JsonTextError as error:
            return Request(number, None, error=InvalidInput(str(error), hint=_LINE))
        if type(given) is not dict:
            found = complaints.kind(given)
            return Request(number, None, error=InvalidInput(f"expected a JSON object, found {found}", hint=_LINE))
        plain = _plain_envelope(given)
        try:
            command = self._command(given, plain)
        except CqrsError as error:
            return Request(number, None, error=error, name=self._name(given), command_id=_text(given.get("command_id")))
        if plain or given.get("command_id") is None:
            self.made_ids = True
        return Request(number, command, None if plain else _expect(given.get("expect")))

    def _command(self, given: dict[str, Any], plain: bool) -> Command:
        """The command of a line's members. Raises `InvalidInput`, `DomainFailed`."""
        found = list(_envelope_complaints(given)) if not plain else []
        name = given.get("command")
        kind = (self._kinds.get(name) or self._kind(name, found)) if isinstance(name, str) else None
        command = _command(kind, given, found, plain) if kind is not None else None
        if found or command is None:
            shows = "cqrs send --help lists the commands" if kind is None else f"cqrs schema {name} shows its fields"
            raise complaints.invalid(str(given.get("command", "the line")), found, shows)
        return command

    def _name(self, given: dict[str, Any]) -> str | None:
        """The command's name as an outcome has it, or as the line has it if there is no such command."""
        name = _text(given.get("command"))
        kind = self._kinds.get(name) if name is not None else None
        return name if kind is None else kind.cls.stored.name

    def _kind(self, name: str, found: list[complaints.Complaint]) -> _Kind | None:
        """What reading a command of this name needs, from now on in `_kinds`."""
        cls = self._domain.commands.get(name) or look_up(self._words, name)
        if cls is None:
            near = did_you_mean(name, [*self._words, *self._domain.commands], 1)
            message = f"the domain has no command {name!r}" + (f"; {near}" if near else "")
            found.append(complaints.Complaint((), "command", message))
            return None
        record = record_of(cls)
        kind = self._kinds[name] = _Kind(cls, record, needs_normalising(record), checker(record))
        return kind


class _Idle:
    """Nothing more is at hand now: whoever writes the other end of the pipe waits, perhaps for our answers."""


def _lines(file: BinaryIO) -> Iterator[bytes | _Idle | None]:
    """Lines one by one; None for one that is too long, which is read past but never held."""
    rest, too_long = b"", False
    while chunk := _read(file):
        *lines, last = chunk.split(b"\n")
        for line in lines:
            whole, rest = rest + line if rest else line, b""
            yield None if too_long or len(whole) > MAX_LINE_BYTES else whole
            too_long = False
        rest = b"" if too_long else rest + last
        if len(rest) > MAX_LINE_BYTES:
            rest, too_long = b"", True
        if not _is_ready(file):
            yield _Idle()
    if too_long or rest:
        yield None if too_long else rest


def _read(file: BinaryIO) -> bytes:
    try:
        chunk: bytes = file.read1(_CHUNK)  # type: ignore[attr-defined]  # every binary file of a shell is buffered
    except OSError as error:
        raise unreadable("--batch: the lines can't be read", error, FILE) from error
    return chunk


def _is_ready(file: BinaryIO) -> bool:
    """Whether there is something to read without waiting; a file on disk always has, also its end."""
    try:
        return bool(select.select([file], [], [], 0)[0])
    except (OSError, ValueError):  # no file of the operating system
        return True


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) else None


def _plain_envelope(given: dict[str, Any]) -> bool:
    """Whether there is nothing but the two members that every line has, of the right kinds."""
    return len(given) == 2 and type(given.get("command")) is str and type(given.get("data")) is dict


def _envelope_complaints(given: dict[str, Any]) -> Iterator[complaints.Complaint]:
    for name in given:
        if name not in KEYS:
            hint = did_you_mean(name, KEYS, 1) or f"known are {', '.join(KEYS)}"
            yield complaints.Complaint((), name, f"there is no such member; {hint}")
    for name, kind in _KINDS.items():
        value = given.get(name)
        if name in _NEEDED and name not in given:
            yield complaints.Complaint((), name, "is required")
        elif not isinstance(value, kind) and (name in _NEEDED or value is not None):
            yield complaints.Complaint((), name, f"expected {_NAMES[kind]}, found {complaints.kind(value)}")
    try:
        _expect(given.get("expect"))
    except InvalidInput as error:
        yield complaints.Complaint((), "expect", error.message)


def _command(kind: _Kind, given: dict[str, Any], found: list[complaints.Complaint], plain: bool) -> Command | None:
    """The command with its envelope; what is wrong with either is added to `found`. plain: it makes its own."""
    data = given.get("data")
    command = None
    if isinstance(data, dict):
        named = normalised(kind.record, data) if kind.denormal else data
        typed: list[complaints.Complaint] = []
        if kind.fits is not None and not kind.fits(named):
            typed += [complaints.misfit(*misfit) for misfit in misfits(kind.record, named)]
        found += typed
        try:
            command = validate(kind.cls, named)
        except ValidationError as error:
            found += complaints.of(error, kind.record, data, complaints.Typed(known=typed))
    if plain:
        return command
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
            metadata=normalised_metadata(metadata) if metadata else None,
        )
    except InvalidInput as error:
        found.append(complaints.Complaint((), "", error.message))
        return None


def normalised_metadata(metadata: dict[str, Any]) -> Any:
    """Metadata with plain numbers: they are kept as JSON and nobody counts their digits."""
    from cqrs_cli.cli.options.shapes import Loose, Mapping

    return normalised(Mapping(Loose("any", floats=True)), metadata)


def _timestamp(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise InvalidInput(
            f"expected a time like 2026-01-31T10:00:00Z (got {complaints.short(text)})", hint="with Z or an offset"
        )
    return moment


def _expect(given: Any) -> Expect:
    """`expect` of a line: a version as a number or in digits, `new`, `any` or null."""
    if type(given) is int and given >= 0:
        return given
    if given is None or isinstance(given, str):
        return parse_expect(given)
    raise InvalidInput(f"expected a version, 'new' or 'any' (got {complaints.short(given)})", hint=_EXPECT)


def parse_expect(text: str | None) -> Expect:
    """`N`, `new` or `any` (as if nothing was said). Raises `InvalidInput`."""
    if text is None or text == "any":
        return None
    if text == "new":
        return "new"
    if re.fullmatch("[0-9]{1,18}", text):
        return int(text)
    raise InvalidInput(f"expected a version, 'new' or 'any' (got {complaints.short(text)})", hint=_EXPECT)
