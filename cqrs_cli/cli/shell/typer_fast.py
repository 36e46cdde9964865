"""Plain parameters without Typer's pydantic adapter.

Typer 0.29 builds a pydantic `TypeAdapter` for every parameter of a command, even for those that are not
given: importing pydantic alone costs more than the rest of a data command. Strings, integers, flags and
lists of strings need none. Everything else, and anything unusual, goes the slow way, which is Typer's own;
without this module all commands work as before, slower. `tests/cli/shell/test_typer_fast.py` compares the two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typer import CallbackParam, Context

_INTEGER = re.compile(r"-?[0-9]{1,18}")


def spare(parameters: Iterable[CallbackParam]) -> None:
    """Give each parameter the short way, once."""
    for parameter in parameters:
        if "process_value" not in vars(parameter):
            vars(parameter)["process_value"] = _short_way(parameter)


def _short_way(parameter: Any) -> Any:
    slow = parameter.process_value
    kind = _kind(parameter)

    def process_value(ctx: Context, value: Any) -> Any:
        if value is None:
            if parameter.required:
                return slow(ctx, value)
            converted: Any = () if kind == list[str] else None
        elif (kind is str and type(value) is str) or (kind is int and type(value) is int):
            converted = value
        elif kind is int and type(value) is str and _INTEGER.fullmatch(value):
            converted = int(value)
        elif kind == list[str] and value and all(type(item) is str for item in value):
            converted = list(value)
        else:
            return slow(ctx, value)
        return converted if parameter.callback is None else parameter.callback(ctx, parameter, converted)

    return process_value if kind is not None else slow


def _kind(parameter: Any) -> Any:
    """`str`, `int`, `bool` or `list[str]` if the parameter is no more than that, else None."""
    described: Any = getattr(parameter, "type_descriptor", None)
    annotation = getattr(described, "annotation", None)
    many = parameter.multiple or parameter.nargs == -1
    if annotation == list[str]:
        return list[str] if many and not _special(described.parameter_info) else None
    if many or parameter.nargs != 1 or annotation not in (str, int, bool) or _special(described.parameter_info):
        return None
    return annotation


def _special(info: Any) -> bool:
    """Whether the declaration asks for more than a plain value: a parser, a range, a path, a prompt."""
    names = ("parser", "click_type", "min", "max", "path_type", "resolve_path", "exists", "formats", "mode")
    return any(getattr(info, name, None) not in (None, False) for name in names)
