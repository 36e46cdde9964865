"""The upcaster that is missing, as code to paste."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cqrs_cli.checking.changes import Change
from cqrs_cli.checking.differences import ITEM, UPCASTER, VALUE, Difference
from cqrs_cli.domain.messages import Message, snake


def upcaster(cls: type[Message], changes: Iterable[Change]) -> str:
    """The function from today's version to the next, and what the class has to say then.

    What only the author knows is `...`, which is never stored: reading such an event is an error that names it.
    """
    steps = [one.difference for one in changes if one.verdict == UPCASTER and one.difference is not None]
    version, name = cls.stored.version, f"{snake(cls.__name__)}_{cls.stored.version + 1}"
    body = [line for step in steps for line in _lines(step)]
    known = "".join(f"{older}: …, " for older in sorted(cls.stored.upcasters))
    base = "Command" if _is_command(cls) else "Event"
    renamed = [step for step in steps if step.step == "rename" and len(step.path) == 1]
    instead = [f'#     {step.path[0]}: … = field(renamed_from="{step.other}")' for step in renamed]
    return "\n".join(
        [
            *(["# if it is nothing but another name, without any step:"] if instead else []),
            *instead,
            f"def {name}(data: dict[str, Any]) -> dict[str, Any]:",
            f'    """What a {cls.__name__} of version {version} says in version {version + 1}."""',
            *(f"    {line}" for line in body),
            "    return data",
            "",
            f"# class {cls.__name__}({base}, version={version + 1}, upcasters={{{known}{version}: {name}}}):",
            "",
        ]
    )


def _is_command(cls: type[Message]) -> bool:
    from cqrs_cli.domain.messages import Command

    return issubclass(cls, Command)


def _lines(step: Difference) -> list[str]:
    """The lines for one place, loops round it where it is in lists or mappings."""
    *outer, last = step.path or ("",)
    lines: list[str] = []
    holder, indent, depth = "data", "", 0
    for part, following in zip(outer, step.path[1:], strict=True):
        if part in (ITEM, VALUE):
            name = "one" if depth == 0 else f"one_{depth + 1}"
            values = f"({holder} or {{}}).values()" if part == VALUE else f"{holder} or ()"
            lines.append(f"{indent}for {name} in {values}:")
            holder, indent, depth = name, indent + "    ", depth + 1
        elif following in (ITEM, VALUE) and step.path[-1] != following:
            holder = f'{holder}.get("{part}")'  # it may have been left out
        else:
            holder = f'{holder}["{part}"]'
    if last in (ITEM, VALUE):
        each = f"{{key: ... for key in {holder}}}" if last == VALUE else f"[... for one in {holder}]"
        return [*lines, f"{indent}{holder} = {each}  # {step.what}"]
    return [*lines, *(indent + line for line in _assigned(step, holder, last))]


def _assigned(step: Difference, holder: str, name: str) -> Sequence[str]:
    place = f'{holder}["{name}"]'
    if not name:
        return [f"data = ...  # {step.what}"]
    if step.step == "rename":
        return [f'{place} = {holder}.pop("{step.other}")']
    if step.step == "drop":
        return [f'{holder}.pop("{name}", None)  # {step.what}']
    if step.step == "fill":
        return [f"{place} = ...  # {step.what}"]
    return [f"{place} = ...  # {step.what}: made of {place}"]
