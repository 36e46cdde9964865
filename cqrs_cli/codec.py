"""Events and commands ⇄ stored JSON: names, versions, upcasters.

Nothing stored is ever imported or unpickled: a stored name is looked up among the classes of the domain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from cqrs_cli.errors import DomainFailed, InvalidInput, Undecodable
from cqrs_cli.messages import Command, Event, Message
from cqrs_cli.payload import payload_json
from cqrs_cli.stores.contract import Recorded, SentCommand, StoredEvent, micros

DecodeData = Callable[[bytes], Any]


class Encoded(NamedTuple):
    """An event as it is stored, and the copy that was read back from those bytes, which folds take."""

    type: str
    schema_version: int
    data: bytes
    event: Event


class _Shape(NamedTuple):
    has_sets: bool
    has_mappings: bool
    flat: bool  # no model within
    shareable: bool  # nothing in an instance can change: one copy serves several folds


class Codec:
    """Encodes and decodes the messages of one domain; what depends on a type is looked up once."""

    def __init__(self, events: Mapping[str, type[Event]], commands: Mapping[str, type[Command]]) -> None:
        self._events = events
        self._commands = commands
        self._decoders: dict[tuple[str, int], DecodeData] = {}
        self._shapes: dict[type[Message], _Shape] = {}

    def encode(self, event: Event) -> Encoded:
        """The event as stored bytes. Raises `InvalidInput` if it would not come back the same."""
        cls = type(event)
        data = payload_json(event, has_sets=self._shape(cls).has_sets)
        try:
            again = cls.__pydantic_validator__.validate_json(data)
        except ValidationError as error:
            raise InvalidInput(f"{cls.__name__} does not survive JSON: {first_complaint(error)}", hint=_STORABLE) from None
        if again != event:
            lost = [name for name in cls.model_fields if getattr(again, name) != getattr(event, name)]
            raise InvalidInput(f"{cls.__name__} does not survive JSON: {', '.join(lost) or 'it'} comes back changed", hint=_STORABLE)
        return Encoded(cls.stored.name, cls.stored.version, data, again)

    def decode(self, stored: StoredEvent | Recorded) -> Any:
        """The event of a stored row, upcast to today's class. Raises `Undecodable`, naming the place."""
        try:
            return self.decoder(stored.type, stored.schema_version)(stored.data)
        except Undecodable as error:
            raise Undecodable(
                f"event {stored.position} ({stored.stream} version {stored.version}): {error.message}",
                hint=error.hint,
                position=stored.position,
                stream=stored.stream,
                version=stored.version,
                type=stored.type,
            ) from None

    def decoder(self, name: str, schema_version: int) -> DecodeData:
        """The function from payload bytes to an event of today's class, made once per stored type and version."""
        found = self._decoders.get((name, schema_version))
        if found is None:
            found = self._decoders[(name, schema_version)] = _decoder(self.event_class(name), schema_version)
        return found

    def event_class(self, name: str) -> type[Event]:
        """Today's class for a stored name. Raises `Undecodable`."""
        cls = self._events.get(name)
        if cls is None:
            raise Undecodable(
                f"no event of this domain is stored as {name!r}", hint="was it renamed? aliases=(…) on the new class keeps it readable"
            )
        return cls

    def shareable(self, event: type[Event]) -> bool:
        """Whether nothing inside such an event can be changed, so that several folds may take the same copy."""
        return self._shape(event).shareable

    def sent(self, command: Command) -> SentCommand:
        """The command as a commit keeps it: payload, and the digest of the fields that were sent."""
        cls = type(command)
        shape = self._shape(cls)
        data = payload_json(command, has_sets=shape.has_sets)
        sent = data
        if not shape.flat or len(command.model_fields_set) < len(cls.model_fields):
            sent = payload_json(command, has_sets=shape.has_sets, exclude_unset=True)
        if shape.has_mappings:  # the order in which somebody wrote a mapping is no difference
            sent = json.dumps(json.loads(sent), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        digest = hashlib.sha256(sent).digest()
        return SentCommand(cls.stored.name, cls.stored.version, digest, data, micros(command.meta.timestamp))

    def command(self, sent: SentCommand) -> Command:
        """A recorded command as an instance of today's class. Raises `Undecodable`."""
        cls = self._commands.get(sent.type)
        if cls is None:
            raise Undecodable(f"no command of this domain is stored as {sent.type!r}")
        if sent.data is None:
            raise Undecodable(f"the payload of this {sent.type!r} was not kept")
        command: Command = _decoder(cls, sent.schema_version)(sent.data)
        return command

    def _shape(self, cls: type[Message]) -> _Shape:
        shape = self._shapes.get(cls)
        if shape is None:
            kinds = set(_schema_kinds(cls.__pydantic_core_schema__, set()))
            shape = self._shapes[cls] = _Shape(
                has_sets=bool(kinds & {"set", "frozenset", "any"}),
                flat=_count_models(cls.__pydantic_core_schema__) <= 1,
                has_mappings=bool(kinds & {"dict", "any", "typed-dict"}),
                shareable=not kinds & {"list", "set", "dict", "any", "typed-dict", "dataclass", "is-instance", "bytes"}
                and _frozen_throughout(cls, set()),
            )
        return shape


_STORABLE = "an event holds what JSON can say: numbers (no NaN), texts, lists, nested models"


def _decoder(cls: type[Message], schema_version: int) -> DecodeData:
    current, validator = cls.stored.version, cls.__pydantic_validator__
    if schema_version > current:
        raise Undecodable(
            f"{cls.stored.name!r} was stored in version {schema_version}, this code knows {current}",
            hint="run it with the code that wrote it, or newer",
        )
    validate = validator.validate_json

    def direct(data: bytes) -> Any:
        try:
            return validate(data)
        except ValidationError as error:
            raise Undecodable(f"{cls.stored.name!r} does not fit {cls.__name__}: {first_complaint(error)}") from None

    if schema_version == current:
        return direct
    steps = [cls.stored.upcasters.get(version) for version in range(schema_version, current)]

    def upcast(data: bytes) -> Any:
        value = json.loads(data)
        for version, step in enumerate(steps, schema_version):
            if step is None:
                continue
            try:
                value = step(value)
            except Exception as error:
                raise DomainFailed(
                    f"the upcaster of {cls.__name__} from version {version} raised {type(error).__name__}: {error}"
                ) from error
        try:
            # Through JSON again, so that a text becomes a UUID or a date just as in a stored event.
            return validate(json.dumps(value))
        except (ValidationError, TypeError) as error:
            told = first_complaint(error) if isinstance(error, ValidationError) else str(error)
            raise Undecodable(f"{cls.stored.name!r} version {schema_version}, upcast, does not fit {cls.__name__}: {told}") from None

    return upcast


def first_complaint(error: ValidationError) -> str:
    """The first thing pydantic says, with its place: `items.0.quantity: Input should be …`."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _schema_kinds(schema: Any, seen: set[int]) -> Iterable[str]:
    if id(schema) in seen:
        return
    seen.add(id(schema))
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for key, value in schema.items():
            if key not in ("metadata", "default", "ref"):
                yield from _schema_kinds(value, seen)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _schema_kinds(value, seen)


def _count_models(schema: Any) -> int:
    return sum(kind in ("model", "dataclass", "typed-dict") for kind in _schema_kinds(schema, set()))


def _frozen_throughout(annotation: Any, seen: set[Any]) -> bool:
    """Whether every model within can't be assigned to."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        return bool(annotation.model_config.get("frozen")) and all(
            _frozen_throughout(field.annotation, seen) for field in annotation.model_fields.values()
        )
    return all(_frozen_throughout(argument, seen) for argument in getattr(annotation, "__args__", ()))
