"""Aggregates: the state that one stream folds to, and the rules that decide its commands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Literal, NamedTuple, Never, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from cqrs_cli.domain.clauses import Clause, by_message, clauses_of, refuse_hidden_clauses, refuse_other_clauses
from cqrs_cli.domain.keys import KEY_TYPES, Key, named_type, plain_type, stream_key, stream_name
from cqrs_cli.domain.messages import Command, Event, as_ignored, snake
from cqrs_cli.domain.mistakes import (
    as_aliases,
    check_aliases,
    check_folded,
    complete,
    first_complaint,
    refuse_keywords,
    refuse_private,
    refuse_taken,
)
from cqrs_cli.domain.storable import refuse_unreadable
from cqrs_cli.errors import DefinitionError, InvalidInput
from cqrs_cli.failure import domain_failed

_KEYS_IN_JSON = (str, int, float, Decimal, UUID, date, time, timedelta, Enum)
_SAMPLE_KEYS: dict[type, Key] = {str: "x", int: 1, UUID: UUID(int=1), date: date(2000, 1, 1)}


class Keywords(NamedTuple):
    """What the class statement said."""

    category: str
    key: tuple[str, ...]
    version: int
    snapshot_every: int | None = None
    aliases: tuple[str, ...] = ()


class Aggregate(BaseModel):
    """The fold of one stream: `class Order(Aggregate)` keeps the streams `order-<id>`.

    Class keywords: `category=` (default: the class's name in snake_case), `key=` (default
    `<category>_id`; a tuple of names for a composite key), `version=` (1; raised when snapshots
    of this class no longer count), `snapshot_every=` (take a snapshot of a stream whenever it passes a
    multiple of so many events; none without), `aliases=` (older categories: their streams are this class's too, and
    keep their names). The key is a field without default, filled in by the engine;
    every other field has a default. `ignores` lists events that are meant to change nothing, events with an `evolve`
    that nothing decides any more, and commands that are decided no more: `cqrs check` tells of all others.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    keywords: ClassVar[Keywords]
    ignores: ClassVar[tuple[type[Event] | type[Command], ...]] = ()

    def __init_subclass__(
        cls,
        *,
        category: str | None = None,
        key: str | tuple[str, ...] | None = None,
        version: int = 1,
        snapshot_every: int | None = None,
        aliases: tuple[str, ...] = (),
        **unknown: Never,
    ) -> None:
        refuse_keywords(cls, unknown, "category, key, version, snapshot_every and aliases")
        super().__init_subclass__()
        category = category or snake(cls.__name__)
        names = (key,) if isinstance(key, str) else tuple(key or (f"{category}_id",))
        cls.keywords = Keywords(category, names, version, snapshot_every, as_aliases(cls, aliases))

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        refuse_private(cls)
        refuse_taken(cls, "keywords", "ignores")
        refuse_hidden_clauses(cls)


class AggregateType(NamedTuple):
    """An aggregate class, read and checked.

    category: of its streams; aliases: of those that were opened when it had another name. key, key_types: the key's
    field names and types. deciders, evolvers: by message. events: all that its streams may hold (evolved or ignored).
    """

    cls: type[Aggregate]
    category: str
    key: tuple[str, ...]
    key_types: tuple[type, ...]
    deciders: Mapping[type[Command], Clause]
    evolvers: Mapping[type[Event], Clause]
    events: frozenset[type[Event]]
    aliases: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of its streams, today's first."""
        return (self.category, *self.aliases)

    def stream_of(self, key: tuple[Any, ...]) -> str:
        """The stream of the aggregate with this key, if it is opened today."""
        return stream_name(self.category, key)

    def key_of(self, stream: str) -> tuple[Key, ...]:
        """The key that a stream's name holds. Raises `InvalidInput`."""
        return stream_key(stream, self.key_types)

    def empty(self, key: tuple[Any, ...]) -> Aggregate:
        """The state before the first event. Raises `InvalidInput` for a key that the class does not take as it is."""
        try:
            state = self.cls(**dict(zip(self.key, key, strict=True)))
        except ValidationError as error:
            told = first_complaint(error)
            raise InvalidInput(
                f"{self.cls.__name__} can't have the key {_shown(key)}: {told}", hint=_SAME_KEY
            ) from None
        except BaseException as error:
            raise domain_failed(error, f"making {self.cls.__name__} {_shown(key)}") from error
        for name, part in zip(self.key, key, strict=True):
            if state.__dict__[name] != part:
                raise InvalidInput(
                    f"{self.cls.__name__} makes {state.__dict__[name]!r} of the key {part!r}, "
                    "which would be that of two streams",
                    hint=_SAME_KEY,
                )
        return state

    def command_key(self, command: Command) -> tuple[Any, ...] | None:
        """The key that the command names, or None if it leaves it to the engine."""
        values = tuple([getattr(command, name, None) for name in self.key])
        for value in values:
            if value is None or (isinstance(value, str) and not value):
                return None
        return values


_SAME_KEY = "give the key the same type in the commands, so that it is changed or refused there"


def _shown(key: tuple[Any, ...]) -> str:
    return ", ".join(map(repr, key))


def aggregate_type(cls: type[Aggregate]) -> AggregateType:
    """Read an aggregate class. Raises `DefinitionError` naming class, method and remedy."""
    complete(cls)
    category, key, version, every, aliases = cls.keywords
    check_aliases(cls.__name__, category, aliases, "category")
    if every is not None and (type(every) is not int or every < 1):
        raise DefinitionError(
            f"{cls.__name__}: snapshot_every={every!r}, but it counts events, from 1 on",
            hint="snapshot_every=100, or leave it away",
        )
    key_types = _key_types(cls, key)
    check_folded(cls, key, version, "the state begins before the first event")
    _refuse_unstorable_state(cls, key, key_types)
    ignored = as_ignored(cls, cls.ignores, Event, Command)
    refuse_other_clauses(cls, "decide", "evolve")
    deciders = by_message(clauses_of(cls, "decide"))
    evolvers = by_message(clauses_of(cls, "evolve"))
    for clause in evolvers.values():
        if clause.recorded:
            raise DefinitionError(
                f"{clause.where} asks for the envelope",
                hint="an aggregate's evolve takes the event alone: put the fact into the event",
            )
        if clause.key is not None:
            raise DefinitionError(
                f"{clause.where}: key= is for projections", hint="an aggregate's events are those of its stream"
            )
    events = frozenset({*evolvers, *(one for one in ignored if issubclass(one, Event))})
    for command, clause in deciders.items():
        _check_command_key(cls, key, key_types, command, clause)
        _check_decided_events(cls, events, clause)
    return AggregateType(cls, category, key, key_types, deciders, evolvers, events, aliases)


def _check_decided_events(cls: type[Aggregate], events: frozenset[type[Event]], clause: Clause) -> None:
    """An event that a decide names is evolved or ignored, or stands for others that are."""
    for event in clause.produces:
        if not any(issubclass(known, event) for known in events):
            raise DefinitionError(
                f"{clause.where}: {event.__name__} is decided but {cls.__name__} has no evolve for it",
                hint=f"add one, or ignores = ({event.__name__},) if it changes nothing in the state",
            )


def _key_types(cls: type[Aggregate], key: tuple[str, ...]) -> tuple[type, ...]:
    kinds = []
    for name in key:
        field = cls.model_fields.get(name)
        if field is None:
            raise DefinitionError(
                f"{cls.__name__} has no field {name!r} for its key",
                hint=f"add `{name}: UUID`, or name another with key=",
            )
        kind = plain_type(field.annotation)
        if kind not in KEY_TYPES or type(None) in get_args(named_type(field.annotation)):
            raise DefinitionError(
                f"{cls.__name__}.{name}: a key is str, int, UUID or date, not {field.annotation}",
                hint="keep other values in fields of their own",
            )
        kinds.append(kind)
    return tuple(kinds)


def _check_command_key(
    cls: type[Aggregate], key: tuple[str, ...], kinds: tuple[type, ...], command: type[Command], clause: Clause
) -> None:
    for name, kind in zip(key, kinds, strict=True):
        field = command.model_fields.get(name)
        if field is None:
            if clause.creates is False:
                raise DefinitionError(
                    f"{command.__name__} has no field {name!r}, "
                    f"so {clause.where} can't know which {cls.__name__} is meant",
                    hint=f"add `{name}: {kind.__name__}` to the command, or creates=True to the decide",
                )
            if len(key) > 1 or kind not in (str, UUID):
                raise DefinitionError(
                    f"{command.__name__} has no field {name!r} and a new {cls.__name__} can't be given one",
                    hint="only a single UUID or str key is made by the engine: add the field to the command",
                )
            _refuse_near_key(cls, name, command, clause)
        elif plain_type(field.annotation) is not kind:
            raise DefinitionError(
                f"{command.__name__}.{name} is {field.annotation}, but the key of {cls.__name__} is {kind.__name__}",
                hint="give both the same type",
            )


def _refuse_near_key(cls: type[Aggregate], name: str, command: type[Command], clause: Clause) -> None:
    """A command that opens an aggregate may leave the key to the engine, but not by a slip of the pen."""
    for field, info in command.model_fields.items():
        by_alias = name in (info.alias, info.validation_alias)
        if by_alias or (plain_type(info.annotation) in KEY_TYPES and _is_nearly(field, name)):
            raise DefinitionError(
                f"{command.__name__}.{field} is nearly the key {name!r} of {cls.__name__}, but not it: "
                f"{clause.where} would open one with a key of the engine's making",
                hint=f"call the field {name}, or something that can't be taken for it",
            )


def _is_nearly(field: str, key: str) -> bool:
    """`acount_id`, `accountId` or `id` for `account_id`: one letter is wrong, missing, too much or in another place."""
    one, other = (name.replace("_", "").lower() for name in (field, key))
    if one == other or (field.lower() == "id" and key.endswith("_id")):
        return True
    if min(len(one), len(other)) < 4 or abs(len(one) - len(other)) > 1:
        return False
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    swapped = one[:at] + one[at + 1 : at + 2] + one[at : at + 1] + one[at + 2 :]
    return swapped == other or other[at + 1 :] in (one[at:], one[at + 1 :]) or one[at + 1 :] == other[at:]


def _refuse_unstorable_state(cls: type[Aggregate], key: tuple[str, ...], kinds: tuple[type, ...]) -> None:
    """A state is kept and shown as JSON: what would not come back the same is refused now."""
    if cls.model_config.get("allow_inf_nan"):
        raise DefinitionError(f"{cls.__name__}: NaN and infinities do not survive JSON", hint="drop allow_inf_nan=True")
    for name, field in cls.model_fields.items():
        bad = _unstorable(field.annotation, set())
        if bad is not None:
            raise DefinitionError(
                f"{cls.__name__}.{name}: {bad} does not survive JSON", hint="use text keys, lists or a nested model"
            )
    refuse_unreadable(cls)
    sample: dict[str, Any] = {name: _SAMPLE_KEYS[kind] for name, kind in zip(key, kinds, strict=True)}
    state = cls.model_construct(**sample)
    try:
        again = cls.model_validate_json(state.model_dump_json(round_trip=True, warnings="error"))
    except ValidationError as error:
        wrong = [complaint for complaint in error.errors() if complaint["loc"][:1] not in [(name,) for name in key]]
        if wrong:  # a sample may well be no key of this aggregate, if its type has constraints
            place, told = ".".join(map(str, wrong[0]["loc"])), wrong[0]["msg"]
            raise DefinitionError(
                f"{cls.__name__}.{place}: the default does not survive JSON: {told}",
                hint="give it a default of its own type; NaN and infinities have no JSON",
            ) from None
        return
    except (ValueError, TypeError) as error:
        raise DefinitionError(
            f"{cls.__name__}: its first state can't be written as JSON: {error}",
            hint="give each field a default of its own type",
        ) from None
    if again != state:
        lost = [name for name in cls.model_fields if getattr(again, name) != getattr(state, name)]
        raise DefinitionError(
            f"{cls.__name__}.{', '.join(lost)}: the default does not survive JSON", hint="NaN and infinities don't"
        )


def _unstorable(annotation: Any, seen: set[Any]) -> str | None:
    """What in an annotation can't be told from its JSON, or None."""
    annotation = plain_type(annotation)
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments:
        keyed = plain_type(arguments[0])
        simple = isinstance(keyed, type) and get_origin(keyed) is None and issubclass(keyed, _KEYS_IN_JSON)
        if not simple and get_origin(keyed) is not Literal:
            return f"a dict with {getattr(keyed, '__name__', keyed) if get_origin(keyed) is None else keyed} keys"
    if isinstance(annotation, type) and get_origin(annotation) is None and annotation not in seen:
        seen.add(annotation)
        if issubclass(annotation, BaseModel):
            hidden = [*annotation.__private_attributes__, *(n for n, f in annotation.model_fields.items() if f.exclude)]
            if hidden:
                return f"{annotation.__name__}.{hidden[0]}, which is not written,"
            arguments = tuple(field.annotation for field in annotation.model_fields.values())
        elif is_dataclass(annotation) or hasattr(annotation, "_fields") or is_typeddict(annotation):
            with suppress(NameError, TypeError):
                hints = get_type_hints(annotation, include_extras=True).values()
                arguments = tuple(hint for hint in hints if get_origin(hint) is not ClassVar and hint is not ClassVar)
    for argument in arguments:
        found = _unstorable(argument, seen)
        if found is not None:
            return found
    return None


def made_key(aggregate: AggregateType, clause: Clause, command: Command) -> tuple[Any, ...]:
    """The key of an aggregate that a command opens without naming it: the same for the same command id.

    Raises `InvalidInput` for a command that may not leave it out.
    """
    from uuid import NAMESPACE_URL, uuid5

    names, kind = ", ".join(aggregate.key), aggregate.key_types[0]
    if clause.creates is False:
        raise InvalidInput(
            f"{type(command).__name__} needs {names}: which {aggregate.cls.__name__} is meant?",
            hint="only a creating command may leave it out",
        )
    if len(aggregate.key) > 1 or kind not in (str, UUID):
        raise InvalidInput(
            f"{aggregate.cls.__name__} needs its key: {names}",
            hint="only a single key that is a UUID or a text can be made up; give the command its key",
        )
    made = uuid5(NAMESPACE_URL, f"cqrs:{aggregate.category}:{command.meta.command_id}")
    return (made if kind is UUID else str(made),)
