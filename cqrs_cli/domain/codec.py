"""Events and commands ⇄ stored JSON: names, versions, upcasters.

Nothing stored is ever imported or unpickled: a stored name is looked up among the classes of the domain.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from cqrs_cli.domain import factories
from cqrs_cli.domain.exact import Reader, Unproven, copied, given_fields
from cqrs_cli.domain.messages import Command, Event, Message
from cqrs_cli.domain.mistakes import first_complaint
from cqrs_cli.domain.payload import (
    canonical_json,
    canonical_plain_json,
    check_bounds,
    check_integers,
    may_be_beyond,
    payload_writer,
)
from cqrs_cli.domain.pydantic_fast import from_json, nodes, to_json
from cqrs_cli.domain.sameness import normal, same_value
from cqrs_cli.errors import DomainFailed, InvalidInput, Undecodable
from cqrs_cli.failure import domain_failed
from cqrs_cli.stores.commits import Recorded, SentCommand, StoredEvent

DecodeData = Callable[[bytes], Any]
_new = tuple.__new__  # the constructor of a named tuple takes twice as long, and a batch makes a dozen for each command


class Encoded(NamedTuple):
    """An event as it is stored, and a copy as those bytes give it, which folds take."""

    type: str
    schema_version: int
    data: bytes
    event: Event


class _Shape(NamedTuple):
    payload: Callable[[Any], bytes]
    read: DecodeData
    has_sets: bool
    plain: bool  # one model of texts, integers, booleans, ids and decimals, with pydantic's own way to write them
    shareable: bool  # nothing in an instance can change: one copy serves several folds
    given: Reader | None  # of a command: the fields that were set, proven by its types to come back from JSON the same
    has_integers: bool  # or what may be one, so that one may have more than 64 bits
    has_bounded: bool  # decimals or times, or what may be one, so that one may be beyond what columns take
    copied: Reader | None  # of an event with models inside: a copy as its JSON gives it, proven by its types


# Kinds of pydantic's core schemas. Only what is listed is trusted; others cost a second look at each instance.
_FRAMES = frozenset({"model", "model-fields", "model-field", "default", "nullable", "definitions", "definition-ref"})
_ATOMS = frozenset(
    {"str", "int", "bool", "uuid", "date", "datetime", "time", "timedelta", "decimal", "enum", "literal", "none"}
)
_WITHOUT_SETS = _FRAMES | _ATOMS | {"list", "tuple", "dict", "float", "union"}
_PLAIN = frozenset(
    {"model", "model-fields", "model-field", "default", "nullable", "str", "int", "bool", "uuid", "decimal"}
)
_WITHOUT_INTEGERS = _FRAMES | (_ATOMS - {"int", "literal", "enum"}) | {"list", "tuple", "dict", "float", "union"}
_WITHOUT_BOUNDED = _WITHOUT_SETS - {"decimal", "datetime"}
_UNCHANGING = _FRAMES | _ATOMS | {"float", "bytes", "tuple", "frozenset", "union"}


class Codec:
    """Encodes and decodes the messages of one domain; what depends on a type is looked up once."""

    def __init__(self, events: Mapping[str, type[Event]], commands: Mapping[str, type[Command]]) -> None:
        self._events = events
        self._commands = commands
        self._decoders: dict[tuple[str, int], DecodeData] = {}
        self._shapes: dict[type[Message], _Shape] = {}

    def encode(self, event: Event) -> Encoded:
        """The event as stored bytes. Raises `InvalidInput` if it would not come back the same, `DomainFailed`."""
        cls = type(event)
        shape, stored = self._shapes.get(cls) or self._shape(cls), cls.stored
        data = shape.payload(event)
        copy = _proven(shape.copied, event)
        if copy is None:
            copy = _read_back(event, data, shape.read)
        if shape.has_integers and (_holds_long(event) if shape.plain else _LONG_NUMBER(data)):
            check_integers(data, cls.__name__)
        if shape.has_bounded and may_be_beyond(data):
            check_bounds(event, cls.__name__)
        return _new(Encoded, (stored.name, stored.version, data, copy))

    def decode(self, stored: StoredEvent | Recorded) -> Any:
        """The event of a stored row, upcast to today's class. Raises `Undecodable`, `DomainFailed`, with the place."""
        try:
            return _decoded(self.decoder(stored.type, stored.schema_version), stored.data, stored.type)
        except (Undecodable, DomainFailed) as error:
            told = f"event {stored.position} ({stored.stream} version {stored.version}): {error.message}"
            place: dict[str, Any] = {"position": stored.position, "stream": stored.stream, "version": stored.version}
            raise error.retold(told, **place, type=stored.type) from error.__cause__

    def decoder(self, name: str, schema_version: int) -> DecodeData:
        """The function from payload bytes to an event of today's class, made once per stored type and version.

        It raises pydantic's `ValidationError` for bytes that don't fit, and what a validator of the class raises;
        `decode` says it in the words of this package.
        """
        found = self._decoders.get((name, schema_version))
        if found is None:
            cls = self.event_class(name)
            found = self._decoders[(name, schema_version)] = _without_new(cls, name, _decoder(cls, schema_version))
        return found

    @property
    def event_names(self) -> Collection[str]:
        """All names that events of the domain are stored under."""
        return self._events.keys()

    def event_class(self, name: str) -> type[Event]:
        """Today's class for a stored name. Raises `Undecodable`."""
        cls = self._events.get(name)
        if cls is None:
            raise Undecodable(
                f"no event of this domain is stored as {name!r}",
                hint="was it renamed? aliases=(…) on the new class keeps it readable",
            )
        return cls

    def shareable(self, event: type[Event]) -> bool:
        """Whether nothing inside such an event can be changed, so that several folds may take the same copy."""
        return (self._shapes.get(event) or self._shape(event)).shareable

    def sent(self, command: Command) -> SentCommand:
        """The command as a commit keeps it: payload, and the digest of the fields that were sent."""
        cls = type(command)
        shape, stored = self._shapes.get(cls) or self._shape(cls), cls.stored
        data = shape.payload(command)
        digest = hashlib.sha256(_canonical(command, data, shape)).digest()
        return _new(SentCommand, (stored.name, stored.version, digest, data, command.meta.timestamp_us))

    def is_same(self, command: Command, sent: SentCommand, known: SentCommand) -> bool:
        """Whether `known`, which was sent before, is the command `sent` in other words.

        Such as a default spelt out, 1.0 for 1.00, a moment in another zone. The digest is of what was sent as it was
        written; where it differs, the values of today's class tell.
        """
        cls = type(command)
        if known.type not in (cls.stored.name, *cls.stored.aliases):
            return False
        if sent.digest == known.digest:
            return True
        try:
            before = self.command(known.type, known.schema_version, known.data) if known.data is not None else None
        except (Undecodable, DomainFailed):
            before = None
        return before is not None and all(
            normal(getattr(before, name)) == normal(getattr(command, name))
            for name, info in cls.model_fields.items()
            # What a factory made was not sent: it is another each time.
            if info.default_factory is None or name in command.model_fields_set
        )

    def event(self, name: str, schema_version: int, data: bytes) -> Event:
        """A stored event, of no place, as an instance of today's class. Raises `Undecodable`, `DomainFailed`."""
        event: Event = _decoded(self.decoder(name, schema_version), data, name)
        return event

    def command(self, name: str, schema_version: int, data: bytes) -> Command:
        """A stored command as an instance of today's class. Raises `Undecodable`, `DomainFailed`."""
        cls = self._commands.get(name)
        if cls is None:
            raise Undecodable(
                f"no command of this domain is stored as {name!r}",
                hint="load the domain that sent it, or name it in aliases= of the class that took its place",
            )
        command: Command = _decoded(_decoder(cls, schema_version), data, name)
        return command

    def _shape(self, cls: type[Message]) -> _Shape:
        schemas = nodes(cls)
        kinds = {node["type"] for node in schemas}
        models = [node["cls"] for node in schemas if node["type"] == "model"]
        has_sets, given = not kinds <= _WITHOUT_SETS, given_fields(cls)
        plain = (
            kinds <= _PLAIN
            and len(models) == 1
            and not any("serialization" in node or "serialization_alias" in node for node in schemas)
        )
        shape = self._shapes[cls] = _Shape(
            payload_writer(cls, has_sets=has_sets, plain=plain or given is not None),
            from_json(cls),
            has_sets,
            plain,
            kinds <= _UNCHANGING and all(model.model_config.get("frozen") for model in models),
            given,
            not kinds <= _WITHOUT_INTEGERS,
            not kinds <= _WITHOUT_BOUNDED,
            copied(cls) if len(models) > 1 else None,  # one alone is read back in less time
        )
        return shape


def unchanging(model: type[BaseModel]) -> bool:
    """Whether all values of the model's fields are such as nothing can change: no lists, mappings or models."""
    kinds = [node["type"] for node in nodes(model)]
    return _UNCHANGING.issuperset(kinds) and kinds.count("model") == 1


def _holds_long(event: Event) -> bool:
    for value in event.__dict__.values():  # noqa: SIM110 a generator takes as long as the rest
        if type(value) is int and not -(2**63) <= value < 2**63:
            return True
    return False


_LONG_NUMBER = re.compile(rb"[0-9]{19}").search
_BY_HAND = "another tool changed the store: restore a backup"
_CHANGED = "a class that changed wants another version= and an upcaster"
_STORABLE = "what is stored must be sayable in JSON: numbers (no NaN), texts, lists, nested models"
_MASKED = (
    "a SecretStr is masked in JSON, and the log keeps what it gets for ever: leave the secret out (a hash, the name of "
    "where it is kept), or write it out with a @field_serializer"
)

M = TypeVar("M", bound=Message)


def _canonical(command: Command, data: bytes, shape: _Shape) -> bytes:
    """The canonical JSON of a command that comes back from its payload. Raises `InvalidInput` if it does not."""
    given = _proven(shape.given, command)
    if given is not None:
        return to_json(given)
    _read_back(command, data, shape.read)
    return canonical_plain_json(command) if shape.plain else canonical_json(command, has_sets=shape.has_sets)


def _proven(read: Reader | None, message: Message) -> Any:
    """What the reader makes of the message; None if types prove nothing, or not for one that was changed since."""
    try:
        return read(message) if read is not None else None
    except Unproven:
        return None


def _read_back(message: M, data: bytes, read: DecodeData) -> M:
    """The message made anew from its payload. Raises `InvalidInput` if it is not the same."""
    cls = type(message)
    try:
        again = read(data)
    except ValidationError as error:
        raise InvalidInput(f"{cls.__name__} does not survive JSON: {first_complaint(error)}", hint=_STORABLE) from None
    except BaseException as error:
        raise domain_failed(error, f"a validator of {cls.__name__}") from error
    # The first look is a sixth of the second, and the third is for times in hours that come twice.
    if again.__dict__ != message.__dict__ and again != message and not same_value(again, message):
        lost = [name for name in cls.model_fields if not same_value(getattr(again, name), getattr(message, name))]
        raise InvalidInput(
            f"{cls.__name__} does not survive JSON: {', '.join(lost) or 'it'} comes back changed",
            hint=_MASKED if b'"**********"' in data else _STORABLE,
        )
    copy: M = again
    return copy


def _decoded(decode: DecodeData, data: bytes, name: str) -> Any:
    try:
        return decode(data)
    except ValidationError as error:
        raise Undecodable(f"{name!r} does not fit {error.title}: {first_complaint(error)}", hint=_CHANGED) from None
    except (Undecodable, DomainFailed):
        raise
    except BaseException as error:
        raise domain_failed(error, f"a validator of {name}") from error


def _without_new(cls: type[Event], name: str, decode: DecodeData) -> DecodeData:
    """The decoder, refusing what a factory of today's class would make anew at each reading."""
    made = [node["default_factory"] for node in nodes(cls) if "default_factory" in node]
    if all(map(factories.is_constant, made)):
        return decode

    def complete(data: bytes) -> Any:
        event = decode(data)
        new = factories.made_anew(event)
        if new is None and decode(data) == event:  # of a dataclass nothing tells which fields were given
            return event
        version, field = cls.stored.version, (new or "…").partition(".")[2] or "…"
        raise Undecodable(
            f"{name!r} was stored without {new or 'what a default_factory makes'}, "
            "which would be another value at each reading",
            hint=f"class {cls.__name__}(Event, version={version + 1}, upcasters={{…, {version}: "
            f'lambda data: {{**data, "{field}": …}}}}) says what older ones have',
        )

    return complete


def _decoder(cls: type[Message], schema_version: int) -> DecodeData:
    current = cls.stored.version
    if schema_version > current:
        raise Undecodable(
            f"{cls.stored.name!r} was stored in version {schema_version}, this code knows {current}",
            hint="run it with the code that wrote it, or newer",
        )
    validate: DecodeData = from_json(cls)
    if schema_version == current:
        return validate
    steps = [
        (version, step)
        for version in range(schema_version, current)
        if (step := cls.stored.upcasters.get(version)) is not None
    ]

    def upcast(data: bytes) -> Any:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Undecodable(
                f"{cls.stored.name!r} version {schema_version} is no JSON: {error}", hint=_BY_HAND
            ) from None
        for version, step in steps:
            try:
                value = step(value)
            except BaseException as error:
                raise domain_failed(error, f"the upcaster of {cls.__name__} from version {version}") from error
        try:
            # Through JSON again, so that a text becomes a UUID or a date just as in a stored event.
            return validate(json.dumps(value).encode())
        except (ValidationError, ValueError, TypeError) as error:
            told = first_complaint(error) if isinstance(error, ValidationError) else str(error)
            raise Undecodable(
                f"{cls.stored.name!r} version {schema_version}, upcast, does not fit {cls.__name__}: {told}",
                hint="the upcaster must give what the class takes today",
            ) from None
        except BaseException as error:
            raise domain_failed(error, f"a validator of {cls.__name__}") from error

    return upcast
