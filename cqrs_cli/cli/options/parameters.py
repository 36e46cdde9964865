"""Which options a model has: names, aliases, help, and the Typer parameters made of them.

Typer only ever sees optional texts (and three-valued flags); pydantic judges them later, all at once.
"""

from __future__ import annotations

import enum
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import typer
from pydantic import BaseModel

from cqrs_cli.domain.pydantic_fast import UNDEFINED, to_jsonable_python
from cqrs_cli.payloads import shapes
from cqrs_cli.payloads.shapes import Choice, Flag, Json, Loose, Many, Member, Record, Shape

GLOBALS = frozenset(
    {
        "store",
        "app",
        "config",
        "format",
        "json",
        "jsonl",
        "csv",
        "spreadsheet",
        "output",
        "color",
        "quiet",
        "debug",
        "mask",
        "redact",
        "no-progress",
        "no-pager",
        "wide",
        "local",
        "help",
    }
)
RESERVED = GLOBALS | {"data", "expect", "command-id", "as", "meta", "dry-run", "explain", "batch", "limit", "cursor"}


class Option(NamedTuple):
    """One field as an option.

    id: its parameter's name. path: the names of the fields that lead to it. flags: the first is the one
    that messages name. off: the `--no-` of a flag. annotation: the field's type.
    """

    id: str
    path: tuple[str, ...]
    flags: tuple[str, ...]
    off: str | None
    shape: Shape
    help: str
    annotation: Any

    @property
    def is_secret(self) -> bool:
        """Whether what is given for it may hold a secret, and is never quoted."""
        return shapes.holds_secret(self.annotation)

    @property
    def flag(self) -> str:
        return self.flags[0]

    @property
    def repeatable(self) -> bool:
        return isinstance(self.shape, Many | shapes.Mapping)

    @property
    def decls(self) -> tuple[str, ...]:
        """As Typer wants them: `--gift/--no-gift`, or `--items`, `--item`."""
        first = f"{self.flag}/{self.off}" if self.off else self.flag
        return (first, *self.flags[1:])


class Options:
    """The options of one model; `by_path` finds that of a field."""

    def __init__(self, model: type[BaseModel], reserved: frozenset[str] = RESERVED) -> None:
        self.record = shapes.record_of(model)
        self._reserved = {f"--{name}" for name in reserved}
        self._taken = set(self._reserved)
        found = list(_fields(self.record))
        firsts = [self._claim(field.steps) for field in found]
        self.all = tuple(
            self._option(f"field_{number}", field, first)
            for number, (field, first) in enumerate(zip(found, firsts, strict=True))
        )
        self.by_path = {option.path: option for option in self.all}

    def _claim(self, path: tuple[str, ...]) -> str:
        name = ".".join(path)
        while f"--{name}" in self._taken:
            name = f"field.{name}"
        self._taken.add(f"--{name}")
        return f"--{name}"

    def _more(self, wanted: Iterator[str]) -> Iterator[str]:
        for name in wanted:
            flag = f"--field.{name[2:]}" if name in self._reserved else name
            if flag not in self._taken:
                self._taken.add(flag)
                yield flag

    def _option(self, id: str, field: _Field, first: str) -> Option:
        more = tuple(self._more(_aliases(field)))
        off = next(self._more(iter((f"--no-{first[2:]}",))), None) if isinstance(field.member.shape, Flag) else None
        told, annotation = _help(field.member, field.condition), field.member.info.annotation
        return Option(id, field.path, (first, *more), off, field.member.shape, told, annotation)


class _Field(NamedTuple):
    """A field on its way to be an option: names in the payload, names on the command line, and the
    option that must be used for it to be required ("" if none)."""

    path: tuple[str, ...]
    steps: tuple[str, ...]
    member: Member
    condition: str


def _fields(record: Record, above: _Field | None = None) -> Iterator[_Field]:
    path, steps, condition = (above.path, above.steps, above.condition) if above else ((), (), "")
    for member in record.members:
        field = _Field((*path, member.name), (*steps, kebab_option(member.public)), member, condition)
        yield field
        if isinstance(member.shape, Record):
            inner = condition if member.info.is_required() else f"--{'.'.join(field.steps)}"
            yield from _fields(member.shape, field._replace(condition=inner))


def kebab_option(name: str) -> str:
    """`unitPrice`, `unit_price` → `unit-price`; what a shell or Typer would trip over becomes a dash."""
    words = "".join(
        f"-{letter}" if letter.isupper() and before.isalnum() and not before.isupper() else letter
        for before, letter in zip(f" {name}", name, strict=False)
    )
    return "".join(letter if letter.isalnum() else "-" for letter in words).strip("-").lower() or "value"


def _aliases(field: _Field) -> Iterator[str]:
    head = "".join(f"{step}." for step in field.steps[:-1])
    member, last = field.member, field.steps[-1]
    others = [kebab_option(name) for name in member.names]
    if isinstance(member.shape, Many | shapes.Mapping):
        singulars = [member.singular] if member.singular is not None else _singulars((last, *others))
        others += [kebab_option(singular) for singular in singulars]
    yield from (f"--{head}{other}" for other in others)


def _singulars(names: tuple[str, ...]) -> list[str]:
    return [name[:-1] for name in names if name.endswith("s") and not name.endswith("ss") and len(name) > 1]


# ── help ──────────────────────────────────────────────────────────────────────────────────────


def _help(member: Member, condition: str) -> str:
    notes = []
    if isinstance(member.shape, Many) and isinstance(member.shape.item, Record):
        notes.append(f"keys: {', '.join(inner.public for inner in member.shape.item.members)}")
    if isinstance(member.shape, shapes.Mapping):
        notes.append("one pair each time")
    if isinstance(member.shape, Many | shapes.Mapping):
        notes.append("repeatable")
    if member.info.is_required():
        notes.append(f"required with {condition}" if condition else "required")
    elif (default := _shown(member.default)) is not None:
        notes.append(f"default: {default}")
    if member.info.deprecated:
        notes.append("deprecated")
    text = " ".join((member.info.description or "").split())
    return f"{text}  [{'; '.join(notes)}]".strip() if notes else text


def _shown(default: Any) -> str | None:
    if default is UNDEFINED or default is None or default in ([], {}, (), set()):
        return None
    if isinstance(default, str) and not isinstance(default, enum.Enum):
        return default if default.strip() == default != "" else repr(default)
    plain = to_jsonable_python(default, fallback=str)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def metavar(shape: Shape) -> str:
    """What help shows for a value: `<uuid>`, `pending|paid`, `k=v,…|JSON|@FILE`."""
    if isinstance(shape, Many):
        return _inner(shape.item)
    if isinstance(shape, shapes.Mapping):
        return f"KEY={_inner(shape.value)}"
    if isinstance(shape, Record):
        return "K=V,…|JSON|@FILE"
    if isinstance(shape, Json):
        return "JSON|@FILE"
    if isinstance(shape, Choice):
        return f"<{shape.name}>"
    return f"<{shape.name}>" if not isinstance(shape, Loose) else f"<{shape.name}|JSON>"


def _inner(shape: Shape) -> str:
    """What help shows for an element: a list or mapping within one has no spelling but JSON."""
    return "JSON" if isinstance(shape, Many | shapes.Mapping) else metavar(shape)


# ── Typer ─────────────────────────────────────────────────────────────────────────────────────


def parameters(options: Options) -> dict[str, Any]:
    """The annotation of each option, by its id: `Annotated[str | None, typer.Option(…)]`, default None."""
    return {option.id: _annotation(option) for option in options.all}


def _annotation(option: Option) -> Any:
    if isinstance(option.shape, Flag):
        return Annotated[bool | None, typer.Option(*option.decls, help=option.help, allow_from_autoenv=False)]
    info = typer.Option(
        *option.decls,
        help=option.help,
        metavar=metavar(option.shape),
        allow_from_autoenv=False,
        autocompletion=_completion(option.shape),
    )
    return Annotated[list[str] | None, info] if option.repeatable else Annotated[str | None, info]


def _completion(shape: Shape) -> Callable[[str], list[str]] | None:
    shape = shape.item if isinstance(shape, Many) else shape
    if not isinstance(shape, Choice):
        return None
    values = list(shape.values)

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return complete


def with_signature(callback: Callable[[dict[str, Any]], Any], annotations: Mapping[str, Any]) -> Callable[..., Any]:
    """A function with these parameters (all optional) that hands their values over as one dict."""

    def call(**values: Any) -> Any:
        return callback(values)

    made = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        for name, hint in annotations.items()
    ]
    setattr(call, "__signature__", inspect.Signature(made))  # noqa: B010  (mypy knows no such attribute)
    call.__annotations__ = dict(annotations)
    return call
