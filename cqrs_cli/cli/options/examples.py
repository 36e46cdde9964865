"""An example of a model, made from its JSON Schema and proved by validating it. The same one every time.

Each place of the payload has a list of candidates. All places begin with their first; as long as
pydantic complains about a place, that place takes its next candidate.
"""

import hashlib
import itertools
import typing
import uuid
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from cqrs_cli.cli.options.bounds import around
from cqrs_cli.cli.options.patterns import text_for
from cqrs_cli.payloads.validation import validate

ROUNDS = 200

Path = tuple[str | int, ...]
Schema = dict[str, Any]

_TEXTS = {
    "date": ("2026-01-31", "2000-01-31", "2999-01-31"),
    "date-time": ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00", "2000-01-31T10:00:00Z", "2999-01-31T10:00:00Z"),
    "time": ("10:00:00Z", "10:00:00"),
    "duration": ("PT1H", "P1D", "P7D", "P30D", "P400D", "PT1S", "-PT1H"),
    "email": ("ada@example.com",),
    "idn-email": ("ada@example.com",),
    "name-email": ("Ada <ada@example.com>",),
    "uri": (
        "https://example.com/",
        "postgresql://user@example.com/name",
        "redis://example.com/0",
        "file:///tmp/example",
    ),
    "multi-host-uri": ("postgresql://user@example.com/name", "mongodb://user@example.com/name"),
    "hostname": ("example.com",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "ipvanyaddress": ("192.0.2.1",),
    "ipv4network": ("192.0.2.0/24",),
    "ipv6network": ("2001:db8::/32",),
    "ipvanynetwork": ("192.0.2.0/24",),
    "ipv4interface": ("192.0.2.1/24",),
    "ipv6interface": ("2001:db8::1/32",),
    "ipvanyinterface": ("192.0.2.1/24",),
    "json-string": ("{}", "[]", "1", '"text"', "[1]"),
    "regex": ("^[a-z]+$",),
    "base64": ("dGV4dA==",),
    "base64url": ("dGV4dA==",),
}


class Example(NamedTuple):
    """A payload, and what pydantic still refuses about it (None: it validates)."""

    payload: dict[str, Any]
    refused: ValidationError | None


class _Endless(Exception):
    """A required part of a recursive model leads back into itself here."""


def example_of(model: type[BaseModel]) -> Example:
    """An example with every field; with the required ones only if a validator refuses the rest."""
    full = _search(model, optional=True)
    if full.refused is None:
        return full
    least = _search(model, optional=False)
    return least if least.refused is None else full


def _search(model: type[BaseModel], optional: bool) -> Example:
    schema = model.model_json_schema()
    turns: dict[Path, int] = {}
    near: dict[Path, list[str]] = {}
    for _ in range(ROUNDS):
        maker = _Maker(schema.get("$defs", {}), turns, optional, near)
        payload = maker.make(schema, ())
        example = Example(payload, _refusal(model, payload))
        refused, choices = example.refused, maker.choices
        if refused is None or not (_look_near(near, turns, refused, choices) or _advance(turns, refused, choices)):
            break
    return example


def _refusal(model: type[BaseModel], payload: dict[str, Any]) -> ValidationError | None:
    try:
        validate(model, payload)
    except ValidationError as error:
        return error
    return None


def _advance(turns: dict[Path, int], error: ValidationError, choices: dict[Path, int]) -> bool:
    """Give the places that pydantic complains about their next candidate; False if none has one left."""
    moved = False
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        place = _known(detail["loc"], choices)
        if place is not None and turns.get(place, 0) + 1 < choices[place]:
            turns[place] = turns.get(place, 0) + 1
            moved = True
    return moved


def _look_near(
    near: dict[Path, list[str]], turns: dict[Path, int], error: ValidationError, choices: dict[Path, int]
) -> bool:
    """Give dates and times that are out of bounds, which their schemas don't tell, values at the bound."""
    found = False
    for detail in error.errors(include_url=False, include_input=False):
        place = _known(detail["loc"], choices)
        bound = next(iter(detail.get("ctx", {}).values()), None)
        if place is not None and place not in near and "than" in detail["type"] and isinstance(bound, str):
            near[place], turns[place], found = [*around(bound, later="greater" in detail["type"])], 0, True
    return found


def _known(loc: Path, choices: dict[Path, int]) -> Path | None:
    """The place with candidates that an error is about. Pydantic's own labels in the path are passed over."""
    if loc and loc[-1] == "[key]":
        loc = (*loc[:-2], "[key]")
    for length in range(len(loc), 0, -1):
        for steps in itertools.combinations(loc, length):
            if choices.get(steps, 0) > 1:
                return steps
    return None


class _Maker:
    """Makes one payload. choices: how many candidates each place has, filled in on the way."""

    def __init__(
        self, definitions: Schema, turns: dict[Path, int], optional: bool, near: typing.Mapping[Path, list[str]]
    ) -> None:
        self._near = near
        self.choices: dict[Path, int] = {}
        self._definitions, self._turns, self._optional = definitions, turns, optional
        self._inside: list[str] = []

    def make(self, schema: Schema, path: Path) -> Any:
        reference = schema.get("$ref")
        if reference is not None:
            return self._follow(reference.removeprefix("#/$defs/"), schema, path)
        if schema.get("examples"):
            return self._choose(path, schema["examples"])
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._branch(schema[word], path)
        if "allOf" in schema:
            return self.make({key: value for part in schema["allOf"] for key, value in part.items()}, path)
        match schema.get("type"):
            case "object":
                return self._object(schema, path)
            case "array":
                return self._array(schema, path)
        return self._choose(path, list(_scalars(schema, path)))

    def _follow(self, name: str, schema: Schema, path: Path) -> Any:
        if self._inside.count(name) > 1:
            raise _Endless
        self._inside.append(name)
        try:
            return self.make({**self._definitions[name], **{k: v for k, v in schema.items() if k == "examples"}}, path)
        finally:
            self._inside.pop()

    def _choose(self, path: Path, candidates: list[Any]) -> Any:
        candidates = [*self._near.get(path, ()), *candidates]
        self.choices[path] = len(candidates)
        return candidates[self._turns.get(path, 0) % len(candidates)]

    def _branch(self, branches: list[Schema], path: Path) -> Any:
        """A number that may also be a text is a Decimal: written as text, so that it keeps its digits."""
        kinds = [branch.get("type") for branch in branches]
        decimal = "number" in kinds and "string" in kinds
        candidates: list[Any] = []
        for branch in sorted(branches, key=lambda branch: branch.get("type") == "null"):
            if decimal and branch.get("type") == "string":
                continue
            inner = _Maker(self._definitions, {}, self._optional, self._near)
            inner._inside = self._inside
            try:
                made = inner.make(branch, path)
            except _Endless:
                continue
            if inner.choices.get(path, 0) > 1:
                candidates += _scalars(branch, path) if "type" in branch else [made]
            else:
                candidates.append(made)
        if not candidates:
            raise _Endless
        if decimal:
            candidates = [str(value) if isinstance(value, int | float | Decimal) else value for value in candidates]
        return self._choose(path, candidates)

    def _object(self, schema: Schema, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        required = schema.get("required", ())
        for name, inner in schema.get("properties", {}).items():
            if name not in required and not self._optional:
                continue
            if inner.get("default") is not None:
                inner = {**inner, "examples": [inner["default"]]}
            try:
                made[name] = self.make(inner, (*path, name))
            except _Endless:
                if name in required:
                    raise
        if "properties" not in schema:
            self._free_keys(made, schema, path)
        return made

    def _free_keys(self, made: dict[str, Any], schema: Schema, path: Path) -> None:
        """One member or as many as must be, under keys that fit; which ones those are is tried too."""
        patterns = schema.get("patternProperties") or {"": schema.get("additionalProperties")}
        for pattern, inner in patterns.items():
            if not isinstance(inner, dict):
                continue
            names = {"pattern": pattern} if pattern else schema.get("propertyNames", {})
            if "$ref" in names:
                names = self._definitions[names["$ref"].removeprefix("#/$defs/")]
            keys = _keys(names, path)
            place = (*path, "[key]")
            self.choices[place] = len(keys)
            start = self._turns.get(place, 0)
            for key in keys[start : start + max(1, schema.get("minProperties", 1))]:
                try:
                    made[key] = self.make(inner, (*path, key))
                except _Endless:
                    return

    def _array(self, schema: Schema, path: Path) -> list[Any]:
        fixed = schema.get("prefixItems")
        if fixed is not None:
            return [self.make(inner, (*path, number)) for number, inner in enumerate(fixed)]
        least, most = schema.get("minItems", 0), schema.get("maxItems", 1)
        made = []
        for number in range(max(least, min(1, most))):
            place = (*path, number)
            if schema.get("uniqueItems"):
                self._turns.setdefault(place, number)
            try:
                made.append(self.make(schema.get("items", {}), place))
            except _Endless:
                if least:
                    raise
                return []
        return made


def _keys(names: Schema, path: Path) -> list[str]:
    """Candidates for the keys of a free object: what its names must be, else names, numbers, ids."""
    if names:
        return list(dict.fromkeys(str(value) for value in _scalars({"type": "string", **names}, path)))
    texts = [f"key{number}" for number in range(1, 6)]
    return [*texts, *map(str, range(1, 51)), _uuid("uuid4", path), *_TEXTS["date"], "true"]


# ── candidates of one place ───────────────────────────────────────────────────────────────────


def _scalars(schema: Schema, path: Path) -> Iterator[Any]:
    if "const" in schema:
        yield schema["const"]
    elif "enum" in schema:
        yield from schema["enum"]
    elif schema.get("type") == "integer":
        yield from (int(number) for number in _numbers(schema) if number == int(number))
    elif schema.get("type") == "number":
        yield from (float(number) if number != int(number) else int(number) for number in _numbers(schema))
    elif schema.get("type") == "boolean":
        yield from (True, False)
    elif schema.get("type") == "null":
        yield None
    elif schema.get("type") == "string":
        yield from _strings(schema, path)
    else:
        yield from ("anything", 1, {}, [])


def _numbers(schema: Schema) -> Iterator[Decimal]:
    """Small numbers first, then those at the bounds; pydantic has the last word."""
    low, high = (_bound(schema, "minimum", "exclusiveMinimum"), _bound(schema, "maximum", "exclusiveMaximum"))
    step = Decimal(str(schema.get("multipleOf", 1)))
    start = [Decimal(1), Decimal(2), Decimal(0)] + [Decimal("1.5")] * (schema.get("type") == "number")
    near: list[Decimal] = []
    if low is not None:
        near += [low, low + 1, (low // step + 1) * step, low + Decimal("0.5"), low + Decimal("0.01")]
    if high is not None:
        near += [high, high - 1, high // step * step, (high // step - 1) * step, high - Decimal("0.01")]
    if low is not None and high is not None:
        near.insert(0, (low + high) / 2)
    every = [*start, *near, *(step * factor for factor in range(1, 20)), *map(Decimal, range(3, 100))]
    yield from dict.fromkeys(number for number in every if _fits(number, schema, low, high, step))
    yield from dict.fromkeys(every)


def _bound(schema: Schema, *words: str) -> Decimal | None:
    bounds = [Decimal(str(schema[word])) for word in words if word in schema]
    return (max if words[0] == "minimum" else min)(bounds) if bounds else None


def _fits(number: Decimal, schema: Schema, low: Decimal | None, high: Decimal | None, step: Decimal) -> bool:
    inside = (low is None or number >= low) and (high is None or number <= high)
    excluded = number == schema.get("exclusiveMinimum") or number == schema.get("exclusiveMaximum")
    return bool(inside and not excluded) and (number % step == 0 or "multipleOf" not in schema)


def _strings(schema: Schema, path: Path) -> Iterator[str]:
    kind = schema.get("format", "")
    if "pattern" in schema:
        for more in range(41):
            text = text_for(schema["pattern"], more)
            if text is not None and _long_enough(text, schema):
                yield text
    if kind.startswith("uuid"):
        yield _uuid(kind, path)
    yield from _TEXTS.get(kind, ())
    if schema.get("contentMediaType") == "application/json":
        yield from _TEXTS["json-string"]
    least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
    names = [str(step) for step in path if isinstance(step, str)]
    word = (names[-1] if names else "text").replace("_", " ")
    for text in (word, word.title(), "text", "abc", "1", "A", "2026-01-31", "ada@example.com", "https://example.com/"):
        yield text[:most] if len(text) >= least else (text * (least // len(text) + 1))[: max(least, 1)]


def _long_enough(text: str, schema: Schema) -> bool:
    return bool(schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text)))


def _uuid(kind: str, path: Iterable[str | int]) -> str:
    """An id that is the same for the same place, of the version that the format names."""
    digest = hashlib.sha256("/".join(map(str, path)).encode()).digest()[:16]
    version = kind.removeprefix("uuid")
    number = int.from_bytes(digest) & ~(0xF000 << 64) & ~(0xC000 << 48)
    return str(uuid.UUID(int=number | (int(version or 4) << 76) | (0x8000 << 48)))
