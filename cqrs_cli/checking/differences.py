"""What became of the values that an older schema takes: whether a newer one takes them all, and if not, why.

Two JSON Schemas are compared, place by place. Each difference has a verdict: *compatible*, what was stored is read as
it is; *upcaster*, some of it is not, and a step from one version to the next can make it so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.checking.schemas import Schema, resolved
from cqrs_cli.domain.renamed import RENAMED_FROM

COMPATIBLE, UPCASTER, BREAKING, FAILS = "compatible", "needs-upcaster", "breaking", "upcaster-fails"
Path = tuple[str, ...]
ITEM, VALUE = "[]", "{}"


class Difference(NamedTuple):
    """A place that differs. path: the names of fields; `[]` an item of a list, `{}` a value of a mapping.

    step: what an upcaster has to do there: `rename` from the field `other`, `fill` in what older ones lack, `convert`.
    """

    path: Path
    verdict: str
    what: str
    step: str = "convert"
    other: str = ""


# What pydantic reads from JSON all the same: from the first kind to the second.
_READ_AS = {
    ("integer", "number"), ("integer", "decimal"), ("number", "decimal"), ("decimal", "number"), ("decimal", "string"),
    ("uuid", "string"), ("date", "string"), ("date-time", "string"), ("time", "string"), ("duration", "string"),
    ("date", "date-time"), ("binary", "string"), ("string", "binary"), ("boolean", "integer"), ("boolean", "number"),
    ("uri", "string"), ("email", "string"), ("path", "string"), ("string", "path"), ("ipv4", "string"),
    ("ipv6", "string"),
}  # fmt: skip
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = (
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxDigits", "decimalPlaces",
)  # fmt: skip
_EXACT = ("pattern", "multipleOf")


def differences(old: Schema, new: Schema) -> list[Difference]:
    """All differences of two whole schemas, each with its own `$defs`."""
    return list(_Comparison(old.get("$defs", {}), new.get("$defs", {})).of(old, new, ()))


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()

    def of(self, old: Schema, new: Schema, path: Path) -> Iterator[Difference]:
        """The differences between two schemas at a place."""
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if all(pair):
            if pair in self._seen:  # a model in itself
                return
            self._seen.add(pair)
        old, new = resolved(old, self._old), resolved(new, self._new)
        before, after = _options(old, self._old), _options(new, self._new)
        if len(before) > 1 or len(after) > 1:
            yield from self._unions(before, after, path)
        else:
            yield from self._single(old, new, path)
        self._seen.discard(pair)

    def _unions(self, before: Sequence[Schema], after: Sequence[Schema], path: Path) -> Iterator[Difference]:
        taken: list[Schema] = []
        kinds = {id(one): kind_of(resolved(one, self._old)) for one in before}
        kinds |= {id(one): kind_of(resolved(one, self._new)) for one in after}
        for one in before:
            tried = [(other, list(self.of(one, other, path))) for other in after]
            alike = [pair for pair in tried if kinds[id(pair[0])] == kinds[id(one)]]
            fitting = [pair for pair in tried if not _failing(pair[1])]
            nearest = min(alike or fitting, key=lambda pair: (_failing(pair[1]), len(pair[1])), default=None)
            chosen = nearest if nearest is None or not fitting or not _failing(nearest[1]) else fitting[0]
            if chosen is None:
                yield Difference(path, UPCASTER, f"no longer takes {said(resolved(one, self._old))}")
                continue
            taken.append(chosen[0])
            yield from chosen[1]
        for other in after:
            if not any(other is one for one in taken):
                yield Difference(path, COMPATIBLE, f"takes {said(resolved(other, self._new))} too")

    def _single(self, old: Schema, new: Schema, path: Path) -> Iterator[Difference]:
        if "enum" in old or "enum" in new:
            yield from self._choices(old, new, path)
            return
        before, after = kind_of(old), kind_of(new)
        if before != after:
            if after == "anything" or (before, after) in _READ_AS:
                lost = (
                    ", and digits beyond those of a float are lost" if (before, after) == ("decimal", "number") else ""
                )
                yield Difference(path, COMPATIBLE, f"was {said(old)}, is {said(new)}{lost}")
            else:
                yield Difference(path, UPCASTER, f"was {said(old)}, is {said(new)}")
                return
        yield from self._bounds(old, new, path)
        if before == "object" and after == "object":
            yield from self._fields(old, new, path)
        elif before == "array" and after == "array":
            yield from self._items(old, new, path)

    def _choices(self, old: Schema, new: Schema, path: Path) -> Iterator[Difference]:
        if "enum" not in new:
            values = {_kind_of_value(value) for value in old["enum"]}
            fits = all(kind_of(new) in (kind, "anything") or (kind, kind_of(new)) in _READ_AS for kind in values)
            yield Difference(path, COMPATIBLE if fits else UPCASTER, f"was one of {len(old['enum'])}, is {said(new)}")
            if fits:
                yield from (one for one in self._bounds({}, new, path))
            return
        if "enum" not in old:
            yield Difference(path, UPCASTER, f"was {said(old)}, is one of {_listed(new['enum'])}")
            return
        gone = [value for value in old["enum"] if value not in new["enum"]]
        more = [value for value in new["enum"] if value not in old["enum"]]
        if gone:
            yield Difference(path, UPCASTER, f"no longer takes {_listed(gone)}")
        if more:
            yield Difference(path, COMPATIBLE, f"takes {_listed(more)} too")

    def _bounds(self, old: Schema, new: Schema, path: Path) -> Iterator[Difference]:
        for name in (*_LEAST, *_MOST, *_EXACT):
            was, now = old.get(name), new.get(name)
            if was == now:
                continue
            looser = now is None or (
                was is not None
                and name not in _EXACT
                and (float(now) < float(was) if name in _LEAST else float(now) > float(was))
            )
            if name == "multipleOf" and was is not None and now is not None:
                looser = float(was) % float(now) == 0
            told = f"{name} was {'none' if was is None else was}, is {'none' if now is None else now}"
            yield Difference(path, COMPATIBLE if looser or self._implied(name, old, new) else UPCASTER, told)

    @staticmethod
    def _implied(name: str, old: Schema, new: Schema) -> bool:
        """Whether a new bound asks for no more than the other bound of the same side did (> 0 and then >= 0)."""
        other = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}.get(name)
        if other is None or old.get(other) is None or new.get(name) is None:
            return False
        was, now = float(old[other]), float(new[name])
        return now <= was if name == "minimum" else now >= was

    def _items(self, old: Schema, new: Schema, path: Path) -> Iterator[Difference]:
        inner = (*path, ITEM)
        if old.get("uniqueItems") != new.get("uniqueItems"):
            told = "is a set: order and what came twice are lost" if new.get("uniqueItems") else "is a list, was a set"
            yield Difference(path, COMPATIBLE, told)
        before, after = list(old.get("prefixItems", ())), list(new.get("prefixItems", ()))
        if before and after:
            for one, other in zip(before, after, strict=False):  # how many there must be is told by the bounds
                yield from self.of(one, other, inner)
        elif before:
            for one in before:
                yield from self.of(one, new.get("items", {}), inner)
        elif after:
            yield Difference(path, UPCASTER, f"was a list, is a tuple of {len(after)}")
        else:
            yield from self.of(old.get("items", {}), new.get("items", {}), inner)

    def _fields(self, old: Schema, new: Schema, path: Path) -> Iterator[Difference]:
        before, after = old.get("properties"), new.get("properties")
        if before is None and after is None:  # mappings
            yield from self.of(_values(old), _values(new), (*path, VALUE))
            return
        if before is None or after is None:
            told = "was a mapping, has fields" if before is None else "had fields, is a mapping"
            if before is None:
                yield Difference(path, UPCASTER, told)
                return
            yield Difference(path, COMPATIBLE, told)
            for one in before.values():
                yield from self.of(one, _values(new), (*path, VALUE))
            return
        yield from self._named(before, after, old, new, path)

    def _named(self, before: Schema, after: Schema, old: Schema, new: Schema, path: Path) -> Iterator[Difference]:
        pairs = {name: name for name in after if name in before}
        for name in after.keys() - before.keys():
            source = next((one for one in _older(after[name]) if one in before and one not in after), None)
            if source is not None:
                pairs[name] = source
                yield Difference((*path, name), COMPATIBLE, f"was called {source}, which is read, too")
        gone = [name for name in before if name not in after and name not in pairs.values()]
        required, was_required = set(new.get("required", ())), set(old.get("required", ()))
        for name in sorted(after.keys() - pairs.keys()):
            yield from self._added(name, after[name], gone, before, name in required, path)
        if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
            yield Difference(path, COMPATIBLE, "refuses fields that it does not know, as older ones may have")
        for name in gone:
            refused = new.get("additionalProperties") is False
            told = "is gone, and a field that is not known is refused" if refused else "is read no more"
            yield Difference((*path, name), UPCASTER if refused else COMPATIBLE, told, "drop")
        for name, source in sorted(pairs.items()):
            inner = (*path, name)
            if name in required and source not in was_required:
                yield Difference(inner, UPCASTER, "is required, and could be left out", "fill")
            elif name not in required and source in was_required:
                yield Difference(inner, COMPATIBLE, "may be left out")
            elif before[source].get("default") != after[name].get("default") and source not in was_required:
                yield Difference(inner, COMPATIBLE, f"where it is left out it is {after[name].get('default')!r} now")
            yield from self.of(before[source], after[name], inner)

    def _added(
        self, name: str, schema: Schema, gone: list[str], before: Schema, is_required: bool, path: Path
    ) -> Iterator[Difference]:
        inner = (*path, name)
        for source in gone:
            same = not any(one.verdict != COMPATIBLE for one in self.of(before[source], schema, inner))
            if same and kind_of(resolved(before[source], self._old)) == kind_of(resolved(schema, self._new)):
                gone.remove(source)
                how = "is required" if is_required else "has a default, which older ones would get"
                told = f"{how}, and {source} of the same type is gone: was it renamed?"
                yield Difference(inner, UPCASTER, told, "rename", source)
                return
        if is_required:
            yield Difference(inner, UPCASTER, "is required, and older ones have none", "fill")
        elif schema.get("made-anew"):
            yield Difference(inner, UPCASTER, "is made anew at each reading of older ones", "fill")
        else:
            yield Difference(inner, COMPATIBLE, "is new, and has a default")


def _failing(found: Sequence[Difference]) -> int:
    return sum(one.verdict != COMPATIBLE for one in found)


def _options(schema: Schema, definitions: Schema) -> list[Schema]:
    """The alternatives of a union, references as they are; else the schema alone."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{**schema, "type": kind} for kind in kinds]
    found: list[Schema] = []
    for one in schema.get("anyOf") or schema.get("oneOf") or ():
        inner = resolved(one, definitions)
        found += _options(inner, definitions) if "anyOf" in inner or "oneOf" in inner else [one]
    return found or [schema]


def kind_of(schema: Schema) -> str:
    """The kind of values that a schema without alternatives takes."""
    if "enum" in schema:
        return "enum"
    kind = schema.get("type")
    if kind is None:
        return f"python {schema['python']}" if "python" in schema else "anything"
    return str(schema.get("format", kind)) if kind == "string" else str(kind)


def said(schema: Schema) -> str:
    """What it takes, in a word or two."""
    return f"one of {_listed(schema['enum'])}" if "enum" in schema else kind_of(schema)


def _values(schema: Schema) -> Schema:
    found = schema.get("additionalProperties", {})
    return found if isinstance(found, Mapping) else {}


def _older(schema: Schema) -> Sequence[str]:
    found: Any = schema.get(RENAMED_FROM, ())
    return (found,) if isinstance(found, str) else tuple(found)


def _kind_of_value(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return kinds.get(type(value), "string")


def _listed(values: Sequence[Any]) -> str:
    told = ", ".join(map(repr, values[:5]))
    return told + (f" and {len(values) - 5} more" if len(values) > 5 else "")
