"""The shape of a field: how its value is written on a command line.

`shape_of(annotation)` looks at a type hint once and answers with one of the classes below; everything
else (options, payloads, complaints, examples) goes by these and never looks at a type hint again.
"""

import collections
import collections.abc
import contextlib
import dataclasses
import datetime
import enum
import json
import re
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Union

import pydantic
from pydantic import BaseModel, JsonValue, RootModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from cqrs_cli.domain.pydantic_fast import UNDEFINED, is_complete, reads_raw

Takes = frozenset[type] | None
"""What a value may be when it was read from JSON; None: pydantic alone knows."""


class Scalar(NamedTuple):
    """One literal text: str, int, Decimal, UUID, date … `name` is for people; secret: never shown."""

    name: str
    secret: bool = False
    takes: Takes = None


class Flag(NamedTuple):
    """A bool: `--gift`, `--no-gift`, or not said at all."""

    name: str = "bool"
    takes: Takes = frozenset({bool})


class Choice(NamedTuple):
    """An enum or Literal: text → the value that pydantic takes for it."""

    values: dict[str, Any]

    @property
    def name(self) -> str:
        return "|".join(self.values)


class Loose(NamedTuple):
    """Several kinds of scalar, or anything: JSON if it reads as JSON, else the text itself.

    floats: JSON numbers become floats, because nothing says that digits matter (`Any`, `JsonValue`).
    """

    name: str
    floats: bool = False
    takes: Takes = None


class Json(NamedTuple):
    """A union of models, a recursive model, a dataclass …: JSON or `@file`. kinds: what it may be, as type hints."""

    name: str
    kinds: tuple[Any, ...] = ()


class Many(NamedTuple):
    """A list, set or tuple; `item` is the shape of each element."""

    item: "Shape"

    @property
    def name(self) -> str:
        return self.item.name


class Mapping(NamedTuple):
    """A dict; `value` is the shape of its values, keys are texts."""

    value: "Shape"

    @property
    def name(self) -> str:
        return f"key={self.value.name}"


class Member(NamedTuple):
    """A field of a model. names: the field's own, then its aliases; the first of `public` is what JSON calls it.

    raw: code of the user's gets what was given before pydantic looks at it, and may take anything.
    """

    name: str
    shape: "Shape"
    info: FieldInfo
    public: str
    names: tuple[str, ...]
    raw: bool = False

    @property
    def default(self) -> Any:
        """The default, `UNDEFINED` if there is none or a factory makes it."""
        return self.info.default if self.info.default_factory is None else UNDEFINED

    @property
    def singular(self) -> str | None:
        """What the field declares as its singular: `Field(json_schema_extra={"singular": "child"})`."""
        extra = self.info.json_schema_extra
        declared = extra.get("singular") if isinstance(extra, dict) else None
        return declared if isinstance(declared, str) else None


class Record(NamedTuple):
    """A nested model with its fields. open: it takes fields it doesn't know."""

    model: type[BaseModel]
    members: tuple[Member, ...]
    open: bool = False

    @property
    def name(self) -> str:
        return "k=v,…"

    def member(self, name: str) -> Member | None:
        """The field with this name or alias; kebab-case is understood."""
        for wanted in (name, name.replace("-", "_")):
            for member in self.members:
                if wanted in member.names:
                    return member
        return None


Shape = Union[Scalar, Flag, Choice, Loose, Json, Many, Mapping, Record]  # noqa: UP007  (a forward reference)

_LISTS: tuple[Any, ...] = (
    *(list, set, frozenset, tuple, collections.deque, collections.abc.Sequence, collections.abc.MutableSequence),
    *(collections.abc.Set, collections.abc.MutableSet, collections.abc.Iterable, collections.abc.Collection),
)
_DICTS: tuple[Any, ...] = (
    *(dict, collections.OrderedDict, collections.defaultdict),
    *(collections.abc.Mapping, collections.abc.MutableMapping),
)
_JSON_TEXT: Any = pydantic.Json
_BEFORE = (pydantic.BeforeValidator, pydantic.PlainValidator, pydantic.WrapValidator)
_NUMBERS = frozenset({int, float, Decimal})
_TAKES: dict[type, Takes] = {
    str: frozenset({str}),
    int: _NUMBERS,  # 5.0 is one
    float: _NUMBERS,
    Decimal: _NUMBERS | {str},
    datetime.date: frozenset({str}),
    datetime.datetime: frozenset({str}),
    datetime.time: frozenset({str}),
    datetime.timedelta: _NUMBERS | {str},
}
_LITERAL_IN_JSON = (int, float, bool)
TIMES = frozenset({"date", "datetime"})
"""What is no number, in a text neither: 2026 is a year there, and pydantic would count it in seconds since 1970."""
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)\s*")


def record_of(model: type[BaseModel], parents: tuple[type, ...] = ()) -> Record:
    """The shape of a model. A model inside itself is `Json`, so that this ends."""
    if not is_complete(model):
        model.model_rebuild()
    inside = (*parents, model)
    raw = reads_raw(model)
    members = tuple(
        _member(name, info, inside)._replace(raw=name in raw or _is_raw(info.metadata))
        for name, info in model.model_fields.items()
        if info.init is not False
    )
    return Record(model, members, model.model_config.get("extra") == "allow")


def _member(name: str, info: FieldInfo, inside: tuple[type, ...]) -> Member:
    literal = _is_json_text(info.metadata)
    shape = Scalar("json") if literal else shape_of(info.annotation, inside)
    aliases = tuple(_aliases(info))
    return Member(name, shape, info, aliases[0] if aliases else name, tuple(dict.fromkeys((name, *aliases))))


def _is_json_text(metadata: typing.Iterable[Any]) -> bool:
    """`pydantic.Json[…]`: the field takes a JSON text, so what is typed is handed on as it is."""
    return any(piece is _JSON_TEXT or isinstance(piece, _JSON_TEXT) for piece in metadata)


def _aliases(info: FieldInfo) -> Iterator[str]:
    """The plain aliases that validation takes; a path into nested data is none of them."""
    for alias in (info.validation_alias, info.alias):
        for choice in getattr(alias, "choices", (alias,)):
            if isinstance(choice, str):
                yield choice


def shape_of(annotation: Any, inside: tuple[type, ...] = ()) -> Shape:
    """The shape of a type hint. `inside`: the models that lead to it, to find recursion."""
    if typing.get_origin(annotation) is typing.Annotated and _is_raw(annotation.__metadata__):
        shape = shape_of(annotation.__origin__, inside)
        return shape._replace(takes=None) if isinstance(shape, Scalar | Flag | Loose) else shape
    annotation = _bare(annotation)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any or annotation is object or annotation is JsonValue or isinstance(annotation, typing.TypeVar):
        return Loose("any", floats=True)
    if origin is Literal:
        return _choice(args)
    if origin in (Union, types.UnionType):
        return _union(tuple(_bare(arg) for arg in args), inside)
    plain = origin or annotation
    if plain in _LISTS:
        return _many(plain, args, inside)
    if plain in _DICTS:
        return Mapping(shape_of(args[1], inside) if len(args) == 2 else Loose("any", floats=True))
    if isinstance(plain, type):
        return _class(plain, inside)
    return Loose(str(annotation))


def _is_raw(metadata: typing.Iterable[Any]) -> bool:
    return any(isinstance(piece, _BEFORE) for piece in metadata)


def _bare(annotation: Any) -> Any:
    """The hint without `Annotated`, `type X = …` and `NewType` around it."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            if _is_json_text(annotation.__metadata__):
                return str
            annotation = annotation.__origin__
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif annotation is not JsonValue and hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation


def _choice(values: typing.Iterable[Any]) -> Choice:
    texts: dict[str, Any] = {}
    for value in values:
        plain = value.value if isinstance(value, enum.Enum) else value
        if plain is not None:
            texts[plain if isinstance(plain, str) else json.dumps(plain, default=str)] = plain
    return Choice(texts)


def _union(members: tuple[Any, ...], inside: tuple[type, ...]) -> Shape:
    known = [member for member in members if member is not type(None)]
    shapes = [shape_of(member, inside) for member in known]
    if len(shapes) == 1:
        return shapes[0]
    if all(isinstance(shape, Choice) for shape in shapes):
        return Choice({text: value for shape in shapes for text, value in typing.cast(Choice, shape).values.items()})
    name = "|".join(dict.fromkeys(shape.name for shape in shapes))
    if any(isinstance(shape, Loose) and shape.floats for shape in shapes):
        return Loose("any", floats=True)
    if not all(isinstance(shape, Scalar | Flag | Choice | Loose) for shape in shapes):
        return Json("json", tuple(known))
    # `int | str`: only JSON tells 5 from "5". `UUID | str` or `int | float`: the text says it all.
    numbers = any(isinstance(member, type) and issubclass(member, _LITERAL_IN_JSON) for member in known)
    takes = _all_of(getattr(shape, "takes", None) for shape in shapes)
    if numbers and str in known:
        return Loose(name, takes=takes)
    return Scalar(name, any(getattr(shape, "secret", False) for shape in shapes), takes)


def is_number(text: str) -> bool:
    """Whether a text is nothing but digits, with a sign and a point if there are any."""
    return _NUMBER.fullmatch(text) is not None


def is_typed_dict(plain: Any) -> bool:
    """Whether it is a `TypedDict`, that of `typing_extensions` too, which pydantic wants before Python 3.12."""
    return typing.is_typeddict(plain) or (
        isinstance(plain, type) and issubclass(plain, dict) and hasattr(plain, "__total__")
    )


def _all_of(several: typing.Iterable[Takes]) -> Takes:
    together: frozenset[type] = frozenset()
    for takes in several:
        if takes is None:
            return None
        together |= takes
    return together


def holds_secret(annotation: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Whether a `SecretStr` or `SecretBytes` is anywhere in a type hint."""
    annotation = _bare(annotation)
    if annotation in seen:
        return False
    plain, inner = typing.get_origin(annotation) or annotation, list(typing.get_args(annotation))
    if isinstance(plain, type):
        if issubclass(plain, SecretStr | SecretBytes):
            return True
        if issubclass(plain, BaseModel):
            inner += [info.annotation for info in plain.model_fields.values()]
        elif dataclasses.is_dataclass(plain) or hasattr(plain, "__annotations__"):  # or a NamedTuple, a TypedDict
            with contextlib.suppress(NameError, TypeError):
                inner += typing.get_type_hints(plain, include_extras=True).values()
    return any(holds_secret(part, (*seen, annotation)) for part in inner)


def _many(plain: Any, args: tuple[Any, ...], inside: tuple[type, ...]) -> Shape:
    if not args:
        return Many(Loose("any", floats=True))
    if plain is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        shapes = [shape_of(arg, inside) for arg in args]
        if all(isinstance(shape, Scalar) for shape in shapes):
            secret = any(typing.cast(Scalar, shape).secret for shape in shapes)
            takes = _all_of(typing.cast(Scalar, shape).takes for shape in shapes)
            return Many(Scalar(" ".join(shape.name for shape in shapes), secret, takes))
        return Json("json")
    return Many(shape_of(args[0], inside))


def _class(plain: type, inside: tuple[type, ...]) -> Shape:
    if plain in inside:
        return Json("json", (plain,))
    if issubclass(plain, RootModel):
        return shape_of(plain.model_fields["root"].annotation, (*inside, plain))
    if issubclass(plain, BaseModel):
        return record_of(plain, inside)
    if issubclass(plain, enum.Enum):
        return _choice(plain)
    if plain is bool:
        return Flag()
    if dataclasses.is_dataclass(plain) or issubclass(plain, tuple) or is_typed_dict(plain):
        return Json("json", (plain,))
    names = {str: "text", Decimal: "decimal"}
    return Scalar(names.get(plain, plain.__name__.lower()), plain in (SecretStr, SecretBytes), _TAKES.get(plain))
