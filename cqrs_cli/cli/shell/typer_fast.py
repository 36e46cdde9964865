"""The one door to what Typer doesn't document, and plain parameters without its pydantic adapter.

Nobody else names these parts; `tests/cli/shell/test_typer_insides.py` has an assertion for each of them.

Typer 0.29 builds a pydantic `TypeAdapter` for every parameter of a command, even for those that are not
given: importing pydantic alone costs more than the rest of a data command. Strings, integers, flags and
lists of strings need none. Everything else, and anything unusual, goes the slow way, which is Typer's own;
without this module all commands work as before, slower. `tests/cli/shell/test_typer_fast.py` compares the two ways.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from typer import CallbackParam, Context, Typer, TyperException
from typer.core import TyperCommand as TyperCommand
from typer.core import TyperGroup as TyperGroup
from typer.main import get_command

_INTEGER = re.compile(r"-?[0-9]{1,18}")


class Usage(NamedTuple):
    """What an error of Typer's says. path: of the command. option: the name of one that there is not. options: those
    that there are. given: the value that can't be read, if there is one."""

    path: str
    option: str | None
    options: tuple[str, ...]
    given: tuple[Any, ...]


def usage(error: TyperException) -> Usage:
    """The parts of an error. Its classes are private, so their attributes are looked at."""
    context = getattr(error, "ctx", None)
    faults = getattr(error.__cause__, "errors", None)  # pydantic's, which says what was given only here
    missing = getattr(error, "option_name", None) if hasattr(error, "possibilities") else None
    known = context.command.get_params(context) if context is not None and missing is not None else ()
    return Usage(
        context.command_path if context is not None else "cqrs",
        missing,
        tuple(spelling for parameter in known for spelling in parameter.opts if spelling.startswith("--")),
        (faults()[0]["input"],) if faults is not None else (),
    )


def name_command(error: TyperException, ctx: Context) -> None:
    """Let an error say whose options were read, which Typer's parser does not."""
    if getattr(error, "ctx", ctx) is None:
        vars(error)["ctx"] = ctx


def built(app: Typer) -> Any:
    """The command or group that an app describes."""
    return get_command(app)


def start_completion() -> None:
    """Let Typer answer shells."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()


def completion_script(shell: str, variable: str) -> str:
    """The script of a shell for the program `cqrs`."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script: str = get_completion_script(prog_name="cqrs", complete_var=variable, shell=shell)
    return script


def install_completion(shell: str, variable: str) -> Any:
    """Put it where the shell finds it; returns the path. Raises `OSError`."""
    from typer.completion import install  # type: ignore[attr-defined]

    return install(shell=shell, prog_name="cqrs", complete_var=variable)[1]


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
