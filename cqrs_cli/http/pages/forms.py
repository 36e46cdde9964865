"""Forms for payloads: the fields of a class, filled with what was typed, and the payload that this comes to.

What is left empty is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic import BaseModel

from cqrs_cli.domain.keys import named_type
from cqrs_cli.domain.pydantic_fast import UNDEFINED
from cqrs_cli.errors import InvalidInput
from cqrs_cli.http.pages.field_hints import Hint, Schema, schema_of
from cqrs_cli.http.pages.form_inputs import AS_BODY, AS_JSON, count_of, name_of, singular, typed_of
from cqrs_cli.json_text import json_text
from cqrs_cli.jsonable import jsonable
from cqrs_cli.payloads import shapes
from cqrs_cli.payloads.complaints import Path
from cqrs_cli.payloads.shapes import Choice, Flag, Json, Many, Member, Record, Scalar, Shape

MOST_FIELDS = 3_000
Kind = Literal["text", "secret", "json", "choice", "group", "list", "union"]


@dataclass
class Field:
    """A field of a form. value: as it was typed; empty_is: what it means to leave it empty (`None`: it is left out).

    parts: fields of a group, elements of a list, the value of the kind that was chosen of a union.
    step: its name in what it is part of. options: of a choice. errors: what is wrong with it.
    """

    path: Path
    label: str
    kind: Kind
    shape: Shape
    step: str | int | None
    is_required: bool = False
    value: str = ""
    default: Any = UNDEFINED
    is_nullable: bool = False
    is_hidden: bool = False
    hint: Hint = field(default_factory=Hint)
    options: list[str] = field(default_factory=list)
    parts: list[Field] = field(default_factory=list)
    category: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As its input is called."""
        return name_of(self.path)

    @property
    def id(self) -> str:
        """What the page calls it."""
        return "f" + self.name.replace("/", "-")

    @property
    def singular(self) -> str:
        """What its elements are called."""
        return singular(self.step)

    @property
    def default_text(self) -> str:
        """What holds if it is left empty, for people."""
        if self.default is UNDEFINED or self.default is None or self.is_hidden:
            return ""
        plain = jsonable(self.default)
        return plain if isinstance(plain, str) else json_text(plain)

    def all(self) -> Iterator[Field]:
        """It and all that is in it."""
        yield self
        for one in self.parts:
            yield from one.all()


class Form:
    """The form of a class. keys: by the name of a field, the category whose streams it may be a key of."""

    def __init__(self, record: Record, keys: Mapping[str, str]) -> None:
        self._record, self._keys, self._schema = record, keys, schema_of(record.model)

    def filled(self, typed: Mapping[str, str]) -> list[Field]:
        """Its fields with what was typed. Raises `InvalidInput` for more fields than a form may have."""
        return _Filling(self._keys, typed).members(self._record, self._schema, (), is_needed=True)


class _Filling:
    def __init__(self, keys: Mapping[str, str], typed: Mapping[str, str]) -> None:
        self._keys, self._typed, self._count = keys, typed, 0

    def members(self, record: Record, schema: Schema, path: Path, is_needed: bool) -> list[Field]:
        return [self._member(one, schema.member(one.public), path, is_needed) for one in record.members]

    def _member(self, member: Member, schema: Schema, path: Path, is_needed: bool) -> Field:
        made = self._field(member.shape, schema, (*path, member.name), member.name, member.default)
        made.is_required = member.info.is_required() and is_needed
        made.is_nullable = member.info.is_required() and takes_none(member.info.annotation)
        made.is_hidden = made.is_hidden or shapes.holds_secret(member.info.annotation)
        made.hint = made.hint._replace(description=member.info.description or made.hint.description)
        made.category = self._keys.get(member.name, "")
        if made.kind == "list" and f"{made.name}#" not in self._typed:
            made.parts = self._first(made, schema)
        return made

    def _first(self, made: Field, schema: Schema) -> list[Field]:
        """The elements of a list before anything was typed: those of its default, or one to fill in if it needs any."""
        typed = typed_of(made.shape, jsonable(made.default), made.name) if made.default_text else {}
        count = int(typed.get(f"{made.name}#", made.is_required))
        before, self._typed = self._typed, {**self._typed, **typed}
        try:
            return [self._item(made.shape, schema, made.path, number) for number in range(count)]
        finally:
            self._typed = before

    def _field(self, shape: Shape, schema: Schema, path: Path, label: str, default: Any = UNDEFINED) -> Field:
        self._count += 1
        if self._count > MOST_FIELDS:
            raise InvalidInput(f"a form has at most {MOST_FIELDS} fields", hint=AS_BODY)
        name = name_of(path)
        made = Field(path, label, "text", shape, path[-1], default=default, hint=schema.hint)
        made.value, made.is_hidden = self._typed.get(name, ""), _is_secret(shape)
        if isinstance(shape, Scalar) and made.is_hidden:
            made.kind = "secret"
        elif isinstance(shape, Record):
            made.kind, made.parts = "group", self.members(shape, schema, path, is_needed=True)
        elif isinstance(shape, Many):
            made.kind = "list"
            made.parts = [self._item(shape, schema, path, n) for n in range(count_of(self._typed, name))]
        elif isinstance(shape, Choice | Flag):
            made.kind = "choice"
            made.options = list(shape.values) if isinstance(shape, Choice) else ["true", "false"]
        elif isinstance(shape, Json) and len(shape.kinds) > 1:
            self._choose(made, shape, name)
        elif isinstance(shape, Json | shapes.Mapping):
            made.kind = "json"
        return made

    def _choose(self, made: Field, shape: Json, name: str) -> None:
        kinds = {_kind_name(one): one for one in shape.kinds}
        made.kind, made.options, made.value = "union", [*kinds, AS_JSON], self._typed.get(f"{name}?", "")
        if made.value == AS_JSON:
            text = self._typed.get(name, "")
            made.parts = [Field(made.path, AS_JSON, "json", shape, made.step, value=text, is_hidden=made.is_hidden)]
        elif made.value in kinds:
            chosen = kinds[made.value]
            inner = schema_of(chosen) if _is_model(chosen) else Schema({}, {})
            made.parts = [self._field(shapes.shape_of(chosen), inner, made.path, made.value)]

    def _item(self, shape: Shape, schema: Schema, path: Path, number: int) -> Field:
        assert isinstance(shape, Many)
        made = self._field(shape.item, schema.item, (*path, number), f"{singular(path[-1])} {number + 1}")
        made.is_required = True
        return made


def takes_none(annotation: Any) -> bool:
    """Whether null is a value of this type."""
    return type(None) in get_args(named_type(annotation))


def _is_secret(shape: Shape) -> bool:
    if isinstance(shape, Json):
        return any(map(shapes.holds_secret, shape.kinds))
    if isinstance(shape, Many | shapes.Mapping):
        return _is_secret(shape.item if isinstance(shape, Many) else shape.value)
    return isinstance(shape, Scalar) and shape.secret


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else shapes.shape_of(kind).name
