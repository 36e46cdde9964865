"""A command as a line of JSON, with its envelope: `{"command": "create-order", "data": {…}}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads import complaints
from cqrs_cli.payloads.jsontext import JsonTextError, parse_json
from cqrs_cli.payloads.model_reader import ModelReader, model_reader
from cqrs_cli.payloads.normalisation import normalised
from cqrs_cli.payloads.shapes import Loose, Mapping
from cqrs_cli.payloads.words import by_word, look_up
from cqrs_cli.workbench.outcome import Expect, Request

if TYPE_CHECKING:
    from cqrs_cli.domain.domain import Domain

KEYS = ("command", "data", "command_id", "user_id", "timestamp", "correlation_id", "metadata", "expect")

_EXPECT = "the version that the stream is expected to have, 'new' for no stream yet"
_REJECTION = """a rejection is expected with its code: {"rejected": "sold-out"}"""
LINE = """a line of JSON: {"command": "create-order", "data": {…}}"""
_NAMES: dict[type, str] = {str: "a text", dict: "an object"}
_NEEDED: dict[str, type] = {"command": str, "data": dict}
_KINDS = _NEEDED | {"command_id": str, "user_id": str, "timestamp": str, "correlation_id": str, "metadata": dict}


class RequestReader:
    """Makes requests of lines. A line that no command comes of is a request with its error, never an exception.

    shows: what tells more of a command by its name, or which there are, in the words of the face that reads.
    made_ids: there was a line without an id.
    """

    def __init__(self, domain: Domain, shows: Callable[[str | None], str | None] = lambda _: None) -> None:
        self.made_ids = False
        self._domain, self._shows = domain, shows
        self._words = by_word(dict.fromkeys(domain.commands.values()))
        self._kinds: dict[str, ModelReader[Command]] = {}

    def request(self, number: int, line: bytes) -> Request:
        """The request of a line; its error has all complaints about the line, or what a validator raised."""
        try:
            given = parse_json(line)
        except JsonTextError as error:
            return Request(number, None, error=InvalidInput(str(error), hint=LINE))
        if type(given) is not dict:
            found = complaints.kind(given)
            return Request(number, None, error=InvalidInput(f"expected a JSON object, found {found}", hint=LINE))
        plain = _plain_envelope(given)
        try:
            command = self._command(given, plain)
        except CqrsError as error:
            return Request(number, None, error=error, name=self._name(given), command_id=_text(given.get("command_id")))
        if plain or given.get("command_id") is None:
            self.made_ids = True
        if plain:
            return Request(number, command)
        expect, rejection = _expectation(given.get("expect"))
        return Request(number, command, expect, rejection=rejection)

    def _command(self, given: dict[str, Any], plain: bool) -> Command:
        """The command of a line's members. Raises `InvalidInput`, `DomainFailed`."""
        found = list(_envelope_complaints(given)) if not plain else []
        name = given.get("command")
        kind = (self._kinds.get(name) or self._kind(name, found)) if isinstance(name, str) else None
        command = _command(kind, given, found, plain) if kind is not None else None
        if found or command is None:
            raise complaints.invalid(str(given.get("command", "the line")), found, self._shows(kind and name))
        return command

    def _name(self, given: dict[str, Any]) -> str | None:
        """The command's name as an outcome has it, or as the line has it if there is no such command."""
        name = _text(given.get("command"))
        kind = self._kinds.get(name) if name is not None else None
        return name if kind is None else kind.cls.stored.name

    def _kind(self, name: str, found: list[complaints.Complaint]) -> ModelReader[Command] | None:
        """What reading a command of this name needs, from now on in `_kinds`."""
        cls = self._domain.commands.get(name) or look_up(self._words, name)
        if cls is None:
            near = did_you_mean(name, [*self._words, *self._domain.commands], 1)
            message = f"the domain has no command {name!r}" + (f"; {near}" if near else "")
            found.append(complaints.Complaint((), "command", message))
            return None
        kind = self._kinds[name] = model_reader(cls)
        return kind


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
        _expectation(given.get("expect"))
    except InvalidInput as error:
        yield complaints.Complaint((), "expect", error.message)


def _command(
    kind: ModelReader[Command], given: dict[str, Any], found: list[complaints.Complaint], plain: bool
) -> Command | None:
    """The command with its envelope; what is wrong with either is added to `found`. plain: it makes its own."""
    data = given.get("data")
    command = None
    if isinstance(data, dict):
        command, wrong = kind.read(data)
        found += wrong
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


def _expectation(given: Any) -> tuple[Expect, str | None]:
    """`expect` of a line: a version as a number or in digits, `new`, `any` or null; or the code of a rejection."""
    if type(given) is int and given >= 0:
        return given, None
    if given is None or isinstance(given, str):
        return parse_expect(given), None
    if isinstance(given, dict):
        code = given.get("rejected")
        if len(given) == 1 and isinstance(code, str) and code:
            return None, code
        raise InvalidInput(f'expected {{"rejected": "CODE"}} (got {complaints.short(given)})', hint=_REJECTION)
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
