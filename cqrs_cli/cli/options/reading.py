"""From the texts of an option to its value. What can't be read is left out, and all of it is complained about."""

from collections.abc import Iterator, Sequence
from typing import Any

from cqrs_cli.cli.options.keyvalue import COMMA, KeyValueError, parse_pairs
from cqrs_cli.cli.options.parameters import Option
from cqrs_cli.cli.options.sources import UNREADABLE_FILE, Sources
from cqrs_cli.errors import Misuse
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads import complaints, shapes
from cqrs_cli.payloads.complaints import Path
from cqrs_cli.payloads.jsontext import JsonTextError, parse_json
from cqrs_cli.payloads.jsontypes import misfits
from cqrs_cli.payloads.normalisation import from_text, normalised
from cqrs_cli.payloads.shapes import Choice, Json, Loose, Many, Record, Shape


class Unreadable(ValueError):
    """A text does not follow the grammar of what it stands for."""


class Reading:
    """Reads options one by one.

    complaints: what could not be read, with the path of it. It is missing in the values, whose other parts can
    still be judged. numbers: for a list with gaps, by its path, which of the elements typed are there.
    """

    def __init__(self, sources: Sources) -> None:
        self.complaints: list[tuple[Path, str]] = []
        self.numbers: dict[Path, list[int]] = {}
        self._sources = sources
        self._asker = ""
        self._is_secret = False

    def complain(self, path: Path, error: Unreadable) -> None:
        """Note what can't be read."""
        self.complaints.append((path, str(error)))

    def option(self, option: Option, given: str | Sequence[str]) -> Any:
        """The value of an option. Raises `Unreadable` if there is none at all."""
        self._asker, self._is_secret = option.flag, option.is_secret
        return self._texts(option.shape, [given] if isinstance(given, str) else given, option.path)

    def _texts(self, shape: Shape, texts: Sequence[str], path: Path) -> Any:
        """The value that one or more texts (of a repeatable option, a repeated key) stand for."""
        if isinstance(shape, Many):
            return self._many(shape.item, texts, path)
        if isinstance(shape, shapes.Mapping):
            made: dict[str, Any] = {}
            for text in texts:
                try:
                    self._add_pairs(made, shape.value, text, path)
                except Unreadable as error:
                    self.complain((*path, None), error)
            return made
        self._check_utf8(texts[-1])
        return self._one(shape, texts[-1], path)

    def _many(self, item: Shape, texts: Sequence[str], path: Path) -> list[Any]:
        made: list[Any] = []
        numbers: list[int] = []
        number = 0
        for text in texts:
            try:
                read = list(self._items(item, text, (*path, number)))
            except Unreadable as error:
                self.complain((*path, number), error)
                number += 1
            else:
                made += read
                numbers += range(number, number + len(read))
                number += len(read)
        if len(made) < number:
            self.numbers[path] = numbers
        return made

    def _items(self, item: Shape, text: str, path: Path) -> Iterator[Any]:
        """The elements of a list that one text stands for: one, or those of a JSON array of models."""
        self._check_utf8(text)
        if isinstance(item, Record | Json) and (text.startswith("@") or text.lstrip().startswith("[")):
            value = self._json(item, text, path)
            yield from value if isinstance(value, list) else [value]
        elif isinstance(item, Many | shapes.Mapping):
            yield self._json(item, text, path)
        else:
            yield self._one(item, text, path)

    def _add_pairs(self, made: dict[str, Any], value: Shape, text: str, path: Path) -> None:
        self._check_utf8(text)
        if text.lstrip().startswith("{"):
            made.update(self._json(shapes.Mapping(value), text, path))
            return
        key, equals, rest = text.partition("=")
        if not equals:
            raise Unreadable(f"expected key=value{self._got(text)}")
        if key in made:
            raise Unreadable(f"the key{self._named(key)} is given twice")
        is_nested = isinstance(value, Many | shapes.Mapping)
        made[key] = self._json(value, rest, (*path, key)) if is_nested else self._one(value, rest, (*path, key))

    def _one(self, shape: Shape, text: str, path: Path) -> Any:
        if isinstance(shape, Choice):
            return shape.values.get(text, text)
        if isinstance(shape, Loose):
            return from_text(shape, text)
        if isinstance(shape, Record) and not text.startswith("@") and not text.lstrip().startswith("{"):
            return self._pairs(shape, text, path)
        return self._json(shape, text, path) if isinstance(shape, Record | Json) else text

    def _json(self, shape: Shape, text: str, path: Path) -> Any:
        file = text[1:] if text.startswith("@") and not isinstance(shape, Many | shapes.Mapping) else None
        try:
            value = parse_json(text if file is None else self._sources.read(file, self._asker))
        except JsonTextError as error:
            takes = "" if file is not None else f"{self._got(text)}; JSON or @FILE is taken here"
            raise Unreadable(f"{error}{f' of {file}' if file is not None else ''}{takes}") from None
        except Misuse as error:
            if error.code != UNREADABLE_FILE:
                raise
            raise Unreadable(error.message.removeprefix(f"{self._asker}: ")) from None
        if isinstance(value, list) and isinstance(shape, Record):  # elements of the list that it is one of
            first = path[-1] if path and isinstance(path[-1], int) else 0
            items = [normalised(shape, item) for item in value]
            for number, item in enumerate(items, first):
                self._check_types(shape, item, (*path[:-1], number))
            return items
        named = normalised(shape, value)
        self._check_types(shape, named, path)
        return named

    def _check_types(self, shape: Shape, value: Any, path: Path) -> None:
        self.complaints += misfits(shape, value, path, quoting=not self._is_secret)

    # ── K=V ───────────────────────────────────────────────────────────────────────────────────

    def _pairs(self, record: Record, text: str, path: Path) -> dict[str, Any]:
        try:
            pairs = parse_pairs(text)
        except KeyValueError as error:
            said = error.what if self._is_secret else error
            raise Unreadable(f"{said}; key=value,…, a JSON object or @FILE is taken here") from None
        grouped: dict[str, list[str]] = {}
        for key, value in pairs:
            grouped.setdefault(key, []).append(value)
        payload: dict[str, Any] = {}
        for key, texts in grouped.items():
            self._set_key(payload, record, key, texts, path)
        return payload

    def _set_key(self, payload: dict[str, Any], record: Record, key: str, texts: list[str], path: Path) -> None:
        """Put a key, `quantity` or `address.street`, where it belongs, or complain about it."""
        head, dot, rest = key.partition(".")
        whole = record.member(key)
        member = whole or (record.member(head) if dot else None)
        name = member.name if member is not None else key
        shape = member.shape if member is not None else Loose("any")
        inside = (*path, name)
        try:
            if member is None and not record.open:
                inside = (*path, None)
                raise Unreadable(self._unknown(record, key))
            if len(texts) > 1 and not isinstance(shape, Many):
                raise Unreadable(f"the key{self._named(key)} is given twice")
            if member is None or whole is not None:
                if name in payload and not (isinstance(shape, Record) and isinstance(payload[name], dict)):
                    raise Unreadable(f"the key{self._named(key)} is given twice")
                payload[name] = self._texts(shape, texts, inside)
            elif isinstance(shape, Record):
                self._set_key(payload.setdefault(name, {}), shape, rest, texts, inside)
            elif isinstance(shape, shapes.Mapping):
                payload.setdefault(name, {})[rest] = self._one(shape.value, texts[-1], (*inside, rest))
            else:
                raise Unreadable(f"{head!r} has no parts, so {key!r} means nothing")
        except Unreadable as error:
            self.complain(inside, error)

    # ── what is said ──────────────────────────────────────────────────────────────────────────

    def _got(self, text: str) -> str:
        """What was typed, for a complaint; nothing where it may hold a secret."""
        return "" if self._is_secret else f" (got {complaints.short(text)})"

    def _named(self, key: str) -> str:
        return "" if self._is_secret else f" {key!r}"

    def _check_utf8(self, text: str) -> None:
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # bytes of the command line that were no UTF-8
            raise Unreadable(f"not a text in UTF-8{self._got(text)}")

    def _unknown(self, record: Record, key: str) -> str:
        names = [member.public for member in record.members]
        known = f"known are {', '.join(names)}"
        if self._is_secret:  # the key may be a part of one
            return f"no such key; {known}"
        comma = f"; {COMMA}" if " " in key else ""
        return f"no such key {key!r}; {did_you_mean(key, names, 1) or known}{comma}"
