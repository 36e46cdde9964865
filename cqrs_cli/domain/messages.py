"""Commands and events: what is asked for, and what happened.

Both are pydantic models that are stored under a *name* and a *version*, never under a Python path.
A command also carries its envelope, `meta`, apart from its fields, so that no field of yours clashes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from time import time_ns
from typing import Any, ClassVar, Never, Self

from pydantic import BaseModel, ConfigDict

from cqrs_cli.domain.mistakes import check_version, refuse_keywords, refuse_private, refuse_taken
from cqrs_cli.domain.pydantic_fast import also_read_as
from cqrs_cli.domain.renamed import older_names
from cqrs_cli.errors import DefinitionError, InvalidInput
from cqrs_cli.stores.moments import FIRST, LAST, micros, moment
from cqrs_cli.stores.streams import MAX_NAME_BYTES

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def snake(name: str) -> str:
    """`OrderSummary` → `order_summary`; `HTTPRoute` → `http_route`."""
    return _WORDS.sub("_", name).replace("-", "_").lower()


def kebab(name: str) -> str:
    """`CreateOrder` → `create-order`: how a class is called on the command line."""
    return snake(name).replace("_", "-")


class Stored:
    """Under which name and version a message class is stored, and how older versions are read."""

    __slots__ = ("aliases", "name", "upcasters", "version")

    def __init__(
        self, owner: str, name: str, version: int, aliases: tuple[str, ...], upcasters: Mapping[int, Upcaster]
    ):
        for text in (name, *aliases):
            if not isinstance(text, str) or not _NAME.fullmatch(text) or len(text) > 200:
                raise DefinitionError(
                    f"{owner}: {text!r} can't be a stored name", hint="letters, digits and _ . - , at most 200"
                )
        check_version(owner, version)
        missing = [step for step in range(1, version) if step not in upcasters]
        if missing:
            steps = ", ".join(f"{step}: lambda data: {{**data, …}}" for step in missing[:3])
            raise DefinitionError(
                f"{owner}: version {version} has no upcaster from version {missing[0]}",
                hint=f"upcasters={{{steps}}}: one step for each older version, from its dict to the next one's; "
                "`dict` for one that changes nothing",
            )
        if any(step < 1 or step >= version for step in upcasters):
            raise DefinitionError(
                f"{owner}: upcasters are for the versions 1 to {version - 1}", hint="raise version= with each step"
            )
        if not all(callable(step) for step in upcasters.values()):
            raise DefinitionError(f"{owner}: an upcaster is a function", hint="upcasters={1: function(dict) -> dict}")
        self.name, self.version, self.aliases, self.upcasters = name, version, aliases, dict(upcasters)


class Message(BaseModel):
    """What commands and events share. Not for direct use."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    stored: ClassVar[Stored]

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        version: int = 1,
        aliases: tuple[str, ...] = (),
        upcasters: Mapping[int, Upcaster] | None = None,
        **unknown: Never,
    ) -> None:
        refuse_keywords(cls, unknown, "name, version, aliases and upcasters")
        super().__init_subclass__()
        if isinstance(aliases, str):
            raise DefinitionError(
                f"{cls.__name__}: aliases={aliases!r} is one text, not several", hint=f"aliases=({aliases!r},)"
            )
        if name is None and "[" in cls.__name__:
            return  # `Changed[int]`, from which a class with a name of its own is made
        cls.stored = Stored(
            cls.__name__, cls.__name__ if name is None else name, version, tuple(aliases), upcasters or {}
        )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        refuse_private(cls)
        refuse_taken(cls, "stored")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        schema = handler(source)
        return also_read_as(source, schema, older_names(source)) if source is cls else schema


def as_ignored(cls: type, ignored: object, *kinds: type[Message]) -> tuple[type[Message], ...]:
    """What a class has in `ignores`, as it is. Raises `DefinitionError` for what is no tuple of such classes."""
    wanted = " or ".join(kind.__name__.lower() for kind in kinds)
    if not isinstance(ignored, tuple) or not all(isinstance(one, type) and issubclass(one, kinds) for one in ignored):
        raise DefinitionError(
            f"{cls.__name__}.ignores is {ignored!r}, not a tuple of {wanted} classes",
            hint="ignores = (OrderNoted,)" if kinds[0] is Event else "ignores = (PayOrder,)",
        )
    return ignored


class Event(Message):
    """Something that happened, in the past tense: `class OrderCreated(Event)`.

    Class keywords: `name=` (default: the class's name), `version=` (1), `aliases=` (older names),
    `upcasters={1: function}` (each step makes the dict of one version into that of the next).
    Instances are frozen; fields unknown to today's class are passed over when an older event is read.
    """

    model_config = ConfigDict(extra="ignore")


class Meta:
    """The envelope of a command: who, when, and because of what.

    command_id: unique for ever; sending it again answers with the first result.
    timestamp: aware, UTC; the only clock a `decide` may look at.
    timestamp_us: the same in microseconds since 1970.
    id_is_new: it was made here and not sent yet, so no log can have it.
    """

    __slots__ = ("causation_id", "command_id", "correlation_id", "id_is_new", "metadata", "timestamp_us", "user_id")

    def __init__(
        self,
        command_id: str | None = None,
        timestamp: datetime | None = None,
        user_id: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if command_id is not None:
            _check_id(command_id)
        for name, text in (("user_id", user_id), ("correlation_id", correlation_id), ("causation_id", causation_id)):
            if text is not None and not isinstance(text, str):
                raise InvalidInput(f"the {name} of a command is a text, not {text!r}", hint=f"{name}=str(…)")
        if timestamp is not None and timestamp.utcoffset() is None:
            raise InvalidInput(f"the timestamp {timestamp.isoformat()} has no time zone", hint="add Z for UTC")
        self.id_is_new = command_id is None
        now = time_ns() // 1000
        self.command_id = command_id or _new_id(now)
        self.timestamp_us = _micros(timestamp) if timestamp is not None else now
        self.user_id = user_id
        self.correlation_id = correlation_id
        self.causation_id = causation_id
        self.metadata: Mapping[str, Any] = metadata or {}

    @property
    def timestamp(self) -> datetime:
        """When the command was issued, aware, in UTC."""
        return moment(self.timestamp_us)

    @property
    def metadata_json(self) -> str | None:
        """The metadata as a commit keeps it, None if there is none. Raises `InvalidInput` for what JSON has not."""
        return metadata_json(self.metadata, self.command_id) if self.metadata else None

    def __repr__(self) -> str:
        names = ("command_id", "timestamp", "user_id", "correlation_id", "causation_id", "metadata")
        return f"Meta({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def metadata_json(metadata: Mapping[str, Any], command_id: str) -> str | None:
    """Metadata as a commit keeps it, None if there is none. Raises `InvalidInput` for what JSON has not."""
    if not metadata:
        return None
    try:
        return json.dumps(metadata, ensure_ascii=False, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"the metadata of the command {command_id} is not JSON: {error}",
            hint="texts, finite numbers, booleans, lists and dicts of them",
        ) from None


def _micros(timestamp: datetime) -> int:
    found = micros(timestamp)
    if not FIRST <= found <= LAST:
        raise InvalidInput(
            f"the timestamp {timestamp.isoformat()} is no time in UTC", hint="years are 1 to 9999, also in UTC"
        )
    return found


_POOL = 64
_DIGITS = 20
_unused: list[str] = []
"""Random digits for the next ids: asking the system each time costs more than all the rest of an id."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unused.clear)  # or parent and child would make the same ids


def _new_id(microseconds: int) -> str:
    """A UUID of version 7 (RFC 9562), from the time now: new ids come at the end of a store's index of them."""
    try:
        digits = _unused.pop()
    except IndexError:
        pool = os.urandom(_POOL * _DIGITS // 2).hex()
        _unused.extend([pool[at : at + _DIGITS] for at in range(_DIGITS, len(pool), _DIGITS)])
        digits = pool[:_DIGITS]
    time = f"{max(microseconds // 1000, 0):012x}"  # a clock before 1970 is wrong, its ids need not be
    return f"{time[:8]}-{time[8:]}-7{digits[:3]}-{'89ab'[int(digits[3], 16) & 3]}{digits[4:7]}-{digits[7:19]}"


def _check_id(command_id: str) -> None:
    # Before the store is asked for it, and before a key is made from it.
    if not isinstance(command_id, str):
        raise InvalidInput(f"a command id is a text, not {command_id!r}", hint="command_id=str(…)")
    if not 0 < len(command_id) <= MAX_NAME_BYTES:
        raise InvalidInput(
            f"a command id has 1 to {MAX_NAME_BYTES} characters, this one {len(command_id)}",
            hint="a short name that is the same when the command is sent again, such as delivery-17",
        )
    if "\0" in command_id or any("\ud800" <= character <= "\udfff" for character in command_id):
        raise InvalidInput(
            f"the command id {command_id[:40]!r} holds U+0000 or is not valid Unicode",
            hint="letters, digits and dashes will do",
        )


class Command(Message):
    """A wish, in the imperative: `class CreateOrder(Command)`. The domain may reject it.

    Class keywords as with `Event`. `command.meta` is the envelope, made on first use, or given
    with `command.with_meta(command_id=…)`. Two commands are equal when type and fields are.
    """

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def __pydantic_init_subclass__(cls, **keywords: Any) -> None:
        super().__pydantic_init_subclass__(**keywords)
        refuse_taken(cls, "meta")

    # A slot, not a private attribute of pydantic's: read on the hot path, and no part of equality.
    __slots__ = ("__cqrs_meta__",)

    @property
    def meta(self) -> Meta:
        """The envelope: `command_id`, `timestamp`, `user_id`, `correlation_id`, `causation_id`, `metadata`."""
        try:
            return _meta_of(self)
        except AttributeError:
            found = Meta()
            _put_meta(self, found)
            return found

    def with_meta(
        self,
        *,
        command_id: str | None = None,
        timestamp: datetime | None = None,
        user_id: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """A copy with this envelope; what is not given is made anew (id, timestamp) or left empty."""
        copy = super().__copy__()
        _put_meta(copy, Meta(command_id, timestamp, user_id, correlation_id, causation_id, metadata))
        return copy

    # A copy is the same command, wherever it is sent from: it has the same envelope, made now if it had none yet.

    def __copy__(self) -> Self:
        copy = super().__copy__()
        _put_meta(copy, self.meta)
        return copy

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        copy = super().__deepcopy__(memo)
        _put_meta(copy, self.meta)
        return copy

    def __getstate__(self) -> dict[Any, Any]:
        self.meta.id_is_new = False  # two processes have it now, and who is first can't be told
        return {**super().__getstate__(), "__cqrs_meta__": self.meta}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        meta = state.get("__cqrs_meta__")
        if meta is not None:
            _put_meta(self, meta)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with the same envelope. With an update it is another command, by the same user for the same cause."""
        copy = super().model_copy(update=update, deep=deep)
        if update:
            meta = self.meta
            _put_meta(copy, Meta(None, None, meta.user_id, meta.correlation_id, meta.causation_id, meta.metadata))
        return copy

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return False
        mine, others = self.__dict__, other.__dict__
        # Values of cached properties stand beside the fields.
        return mine == others or all(mine[name] == others[name] for name in type(self).model_fields)

    def __hash__(self) -> int:
        return hash((type(self), *[self.__dict__[name] for name in type(self).model_fields]))


_meta_of: Callable[[Command], Meta] = Command.__dict__["__cqrs_meta__"].__get__


def give_time(command: Command, clock: Callable[[], datetime]) -> None:
    """Give the command the time of this clock, if it has no envelope yet."""
    try:
        _meta_of(command)
    except AttributeError:
        object.__setattr__(command, "__cqrs_meta__", Meta(timestamp=clock()))


def timed(command: Command, clock: Callable[[], datetime]) -> Command:
    """The command; if it has no envelope yet, a copy with one of the time of this clock."""
    try:
        _meta_of(command)
    except AttributeError:
        return command.with_meta(timestamp=clock())
    return command


_put_meta: Callable[[Command, Meta], None] = Command.__dict__["__cqrs_meta__"].__set__
