"""From what was typed into a form to a payload, read as leniently as the shell reads its options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cqrs_cli.domain.pydantic_fast import UNDEFINED
from cqrs_cli.http.pages.form_inputs import AS_JSON, name_of
from cqrs_cli.http.pages.forms import Field
from cqrs_cli.payloads import shapes
from cqrs_cli.payloads.complaints import Complaint, Path
from cqrs_cli.payloads.jsontext import JsonTextError, parse_json
from cqrs_cli.payloads.jsontypes import misfits
from cqrs_cli.payloads.model_reader import Model, ModelReader, model_reader
from cqrs_cli.payloads.normalisation import normalised
from cqrs_cli.payloads.shapes import Choice, Flag, Loose, Record

_FLAGS = {"true": True, "false": False}
_LOST = re.compile("[\x00\x80-\x9f\ud800-\udfff]")
"""What HTML makes other characters of."""
_OUT: Any = UNDEFINED
"""Of what is left out."""


class FormPayload:
    """The payload of a form. complaints: about what could not be read, each with the path to it."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.complaints: list[tuple[Path, str]] = []
        self._broken: list[Path] = []
        self.values = self._group(fields)

    def model(self, reader: ModelReader[Model]) -> Model | None:
        """The model, or None with complaints. Raises `DomainFailed` for what a validator of the user's raises."""
        made, found = reader.read(self.values, as_text=True)
        self.complaints += [(path, one.message) for one in found if not self._is_known(path := _path(one))]
        return None if self.complaints else made

    def _is_known(self, path: Path) -> bool:
        """Whether it was said already that something there, or around it, can't be read."""
        known = [*self._broken, *(path for path, _ in self.complaints)]
        return any(path[: len(one)] == one for one in known if one)

    def _group(self, fields: Sequence[Field]) -> dict[str, Any]:
        values = ((one, self._value(one)) for one in fields)
        return {str(one.step): value for one, value in values if value is not _OUT}

    def _value(self, field: Field) -> Any:
        if field.kind == "group":
            made = self._group(field.parts)
            return made if field.is_required or _is_typed(field) else _OUT
        if field.kind == "list":
            items = [self._item(one) for one in field.parts]
            return items if items or field.is_required or field.default not in (UNDEFINED, None) else _OUT
        if field.kind == "union":
            return self._chosen(field)
        if (lost := _LOST.search(field.value)) is not None:
            told = f"the character U+{ord(lost.group()):04X} can't be kept in a form; send it as JSON"
            self.complaints.append((field.path, told))
            return _OUT
        if field.value == "":
            return None if field.is_nullable else _OUT
        return self._text(field)

    def _item(self, field: Field) -> Any:
        """An element: it is there, also if nothing was typed into it."""
        value = self._value(field)
        return value if value is not _OUT else {} if field.kind == "group" else ""

    def _text(self, field: Field) -> Any:
        shape, text = field.shape, field.value
        if isinstance(shape, Choice):
            return shape.values.get(text, text)
        if isinstance(shape, Flag):
            return _FLAGS.get(text, text)
        if isinstance(shape, Loose):
            try:
                return normalised(shape, parse_json(text))
            except JsonTextError:
                return text
        if isinstance(shape, shapes.Scalar):
            return text
        try:
            value = normalised(shape, parse_json(text))
        except JsonTextError as error:
            self.complaints.append((field.path, f"{error}; JSON is taken here"))
            return _OUT
        found = list(misfits(shape, value, field.path, quoting=not field.is_hidden))
        self.complaints += found
        return value

    def _chosen(self, field: Field) -> Any:
        """The value of the kind that was chosen: made of it at once, so that it is taken for no other."""
        if not field.parts:
            return None if field.is_nullable else _OUT
        [part] = field.parts
        part.is_required = True
        value = self._value(part)
        if field.value == AS_JSON or not isinstance(part.shape, Record) or not isinstance(value, dict):
            return value
        before = len(self.complaints)
        made, found = model_reader(part.shape.model).read(value, as_text=True)
        self.complaints += [
            (path, one.message) for one in found if not self._is_known(path := (*field.path, *_path(one)))
        ]
        if len(self.complaints) == before and made is not None:
            return made
        self._broken.append(field.path)  # what the other kinds would miss in it is nobody's concern
        return value


def _is_typed(field: Field) -> bool:
    """Whether something of it was typed or chosen: a group that may be left out is, if nothing was."""
    return bool(field.value) or any(field.kind == "list" or _is_typed(one) for one in field.parts)


def _path(one: Complaint) -> Path:
    return one.place or one.path


def place_errors(fields: Sequence[Field], found: Sequence[tuple[Path, str]]) -> list[str]:
    """Put complaints at their fields, or at what is around them; those that are about no field are given back."""
    known: Mapping[str, Field] = {one.name: one for top in fields for one in top.all()}
    rest = []
    for path, message in dict.fromkeys(found):
        ends = (name_of(path[:end]) for end in range(len(path), 0, -1))
        at = next((name for name in ends if name in known), None)
        if at is None:
            rest.append(f"{name_of(path)[1:]}: {message}" if path else message)
        else:
            inside = name_of(path).removeprefix(at).lstrip("/")
            known[at].errors.append(f"{inside}: {message}" if inside else message)
    return rest
