"""What a model's annotations say of its JSON, as far as a comparison asks: members, elements and their keys."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from cqrs_cli.domain.keys import named_type
from cqrs_cli.errors import DefinitionError
from cqrs_cli.near_names import did_you_mean


class Shape:
    """The shape of a value: of one of several types, if its annotation is a union. Inner ones are made when met."""

    def __init__(self, *annotations: Any) -> None:
        self._kinds = [kind for annotation in annotations for kind in _kinds(annotation)]
        self._members: dict[str, Shape] = {}
        self._element: Shape | None = None
        self._names = {name: hints for kind in self._kinds for name, hints in _fields(kind).items()}

    @property
    def names(self) -> list[str] | None:
        """The names of its members; None where any name may be one, or nothing is known."""
        known = self._kinds and all(
            (_fields(kind) and not _is_open(kind)) or kind is type(None) for kind in self._kinds
        )
        return list(self._names) if known else None

    def member(self, name: str) -> Shape:
        """The shape of a member."""
        found = self._members.get(name)
        if found is None:
            values = [hints[name] for kind in self._kinds if name in (hints := _fields(kind))]
            values += [get_args(kind)[1] for kind in self._kinds if _is_a(kind, Mapping) and len(get_args(kind)) == 2]
            found = self._members[name] = Shape(*values)
        return found

    @property
    def element(self) -> Shape:
        """The shape of the elements of a list; of a tuple, of any of them."""
        if self._element is None:
            inner = [part for kind in self._kinds if not _is_a(kind, Mapping) for part in get_args(kind)]
            self._element = Shape(*(part for part in inner if part is not Ellipsis))
        return self._element

    @property
    def diff_key(self) -> str | None:
        """What the models say with `diff_key = "…"`. Raises `DefinitionError` if it is no field of theirs."""
        for kind in self._kinds:
            declared = getattr(kind, "diff_key", None)
            if not isinstance(kind, type) or declared is None or "diff_key" in _fields(kind):
                continue
            if declared not in _fields(kind):
                hint = did_you_mean(str(declared), list(_fields(kind))) or "the field that tells one from another"
                message = f"{kind.__name__}.diff_key is {declared!r}, which is no field of it"
                raise DefinitionError(message, hint=hint)
            return str(declared)
        return None


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that a value may be of."""
    annotation = named_type(annotation)
    if get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _kinds(part)
    else:
        yield annotation


def _fields(kind: Any) -> Mapping[str, Any]:
    if isinstance(kind, type) and get_origin(kind) is None:
        if issubclass(kind, BaseModel):
            fields = {name: field.annotation for name, field in kind.model_fields.items()}
            return fields | {name: field.return_type for name, field in kind.model_computed_fields.items()}
        if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
            try:
                return typing.get_type_hints(kind)
            except (NameError, TypeError):  # nothing is known then, and nothing asked of it
                return {}
    return {}


def _is_open(kind: Any) -> bool:
    """Whether there may be members that are no fields."""
    return issubclass(kind, BaseModel) and kind.model_config.get("extra") == "allow"


def _is_a(kind: Any, base: type) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, base)


ANY = Shape()
"""Nothing is known."""
