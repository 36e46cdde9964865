"""Commands as this shell builds them: plain help, the global options everywhere, modules loaded when needed.

A module of the shell has a function that the table in `app.py` names:

    def log(stream: Annotated[str | None, typer.Argument(help="…")] = None, …) -> int | None:
        \"\"\"What it does, in a sentence.\"\"\"

`make` turns the typed function into a command; what it returns is the exit code (None: 0). A group whose
commands are known only at run time derives from `Group` and overrides `list_commands` and `get_command`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from cqrs_cli.cli.shell.session import Session
from cqrs_cli.cli.shell.typer_fast import TyperCommand, TyperGroup, built, name_command, spare
from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.near_names import did_you_mean

GLOBALS_LINE = (
    "Global options, before or after the command: --store --app --config --format (--json --jsonl --csv --spreadsheet) "
    "-o/--output --color --wide --local -q/--quiet --debug --no-progress --no-pager --mask --redact; "
    "cqrs --help explains them."
)
_shared: list[Any] = []
_waiting: list[Any] = []
_Text = str | None
_Texts = list[str] | None
_Flag = bool | None


def _hidden(*spellings: str, help: str, metavar: str | None = None) -> Any:
    return typer.Option(*spellings, help=help, metavar=metavar, hidden=True, expose_value=False)


# The names can't clash with a field of a command, which never begins so. Not strings: Typer would evaluate each.
def _globals(
    cqrs_store: Annotated[_Text, _hidden("--store", metavar="URL|PATH", help="The store: a path or URL.")] = None,
    cqrs_app: Annotated[_Text, _hidden("--app", metavar="MODULE:ATTR", help="The domain to load.")] = None,
    cqrs_config: Annotated[_Text, _hidden("--config", metavar="FILE", help="The settings file to read.")] = None,
    cqrs_format: Annotated[
        _Text, _hidden("--format", metavar="NAME", help="table, json, jsonl, csv, spreadsheet, tsv or md.")
    ] = None,
    cqrs_json: Annotated[_Flag, _hidden("--json", help="As --format json.")] = None,
    cqrs_jsonl: Annotated[_Flag, _hidden("--jsonl", help="As --format jsonl.")] = None,
    cqrs_csv: Annotated[_Flag, _hidden("--csv", help="As --format csv.")] = None,
    cqrs_spreadsheet: Annotated[_Flag, _hidden("--spreadsheet", help="CSV that a spreadsheet opens safely.")] = None,
    cqrs_output: Annotated[
        _Text, _hidden("-o", "--output", metavar="FILE", help="Write data to a file, when all went well.")
    ] = None,
    cqrs_color: Annotated[_Text, _hidden("--color", metavar="WHEN", help="auto, always or never.")] = None,
    cqrs_quiet: Annotated[_Flag, _hidden("-q", "--quiet", help="No notes.")] = None,
    cqrs_debug: Annotated[_Flag, _hidden("--debug", help="Tracebacks of unexpected errors.")] = None,
    cqrs_mask: Annotated[
        _Texts, _hidden("--mask", metavar="FIELD", help="Show pseudonyms in its place, wherever its values are.")
    ] = None,
    cqrs_redact: Annotated[
        _Texts, _hidden("--redact", metavar="FIELD[=HOW]", help="Hide it: blank, null, hash or pseudonym.")
    ] = None,
    cqrs_no_progress: Annotated[_Flag, _hidden("--no-progress", help="No progress on standard error.")] = None,
    cqrs_no_pager: Annotated[_Flag, _hidden("--no-pager", help="Print what no screen holds without a pager.")] = None,
    cqrs_wide: Annotated[_Flag, _hidden("--wide", help="Cut nothing on a terminal.")] = None,
    cqrs_local: Annotated[_Flag, _hidden("--local", help="Times of this machine's zone, instead of UTC.")] = None,
) -> None: ...


# As `query` and `project` have them, whose rows are waited for too: see `options.freshness`.
def _waits(
    cqrs_wait: Annotated[
        _Text,
        typer.Option("--wait", metavar="@P|COMMAND_ID", help="First wait until the log has this.", expose_value=False),
    ] = None,
    cqrs_timeout: Annotated[
        _Text,
        typer.Option("--timeout", metavar="SECONDS", help="With --wait: at most so long (10).", expose_value=False),
    ] = None,
) -> None: ...


def _wait_for(ctx: Any, parameter: Any, value: Any) -> None:
    """The callback of both: tell the session what is to be in the log that is read."""
    if value is not None and isinstance(ctx.obj, Session):
        ctx.obj.wait_for(parameter.name.removeprefix("cqrs_"), value)


def _waiting_parameters(own: Sequence[Any]) -> list[Any]:
    """`--wait` and `--timeout` as parameters; without the second where the command has one of its own."""
    if not _waiting:
        _waiting.extend(_typed(_waits, TyperCommand).params)
        for parameter in _waiting:
            parameter.callback = _wait_for
    taken = {option for parameter in own for option in parameter.opts}
    return [parameter for parameter in _waiting if taken.isdisjoint(parameter.opts)]


def _choose(ctx: Any, parameter: Any, value: Any) -> None:
    """The callback of every global option: tell the session which setting was given."""
    if value is not None and isinstance(ctx.obj, Session):
        setting = parameter.name.removeprefix("cqrs_").replace("_", "-")
        if setting in ("json", "jsonl", "csv", "spreadsheet"):
            setting, value = "format", setting
        if setting not in ("mask", "redact"):
            ctx.obj.choose(setting, value)
        elif value:
            ctx.obj.hide(setting, value)


def global_parameters() -> list[Any]:
    """The global options as parameters, hidden in help; the same objects for every command."""
    if not _shared:
        _shared.extend(_typed(_globals, TyperCommand).params)
        for parameter in _shared:
            # Set here, since Typer inspects a callback that is declared, which takes longer than all the rest.
            parameter.callback = _choose
            parameter.is_eager = True  # what is done instead of a command finds its settings made
    return _shared


def _typed(function: Callable[..., Any], kind: type[TyperCommand], name: str | None = None) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name or function.__name__.strip("_").replace("_", "-"), cls=kind)(function)
    return built(app)


class _Global:
    """What commands and groups share: the global options, read and explained.

    waits: whether it takes `--wait`, as a command does that reads the log and nothing else.
    """

    waits = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Typer's own parsing; its errors say whose options were read, for the hint that names the command."""
        try:
            parsed: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
            return parsed
        except typer.TyperException as error:
            name_command(error, ctx)
            raise

    def get_params(self, ctx: Any) -> Any:
        """Its own parameters and the global ones, which keep their meaning where names clash."""
        own = super().get_params(ctx)  # type: ignore[misc]
        parameters = [*own[:-1], *(_waiting_parameters(own) if self.waits else ()), *own[-1:], *global_parameters()]
        spare(parameters)
        return parameters

    def examples(self, ctx: Any) -> Sequence[str]:
        """Lines to copy."""
        from cqrs_cli.cli.shell.examples import EXAMPLES

        return EXAMPLES.get(ctx.command_path.partition(" ")[2], ())

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Lines to copy, and the global options in a line."""
        super().format_epilog(ctx, formatter)  # type: ignore[misc]
        examples = self.examples(ctx)
        if examples:
            with formatter.section("Examples"):
                for line in examples:  # whole, so that they can be copied
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        formatter.write_paragraph()
        formatter.write_text(GLOBALS_LINE)


class ShellCommand(_Global, TyperCommand):
    """A command that takes the global options and prints its help as plain text.

    lines: what makes the examples of a command that is made of a class of the user's.
    """

    lines: Callable[[], Sequence[str]] | None = None

    def examples(self, ctx: Any) -> Sequence[str]:
        """Lines to copy."""
        return super().examples(ctx) if self.lines is None else self.lines()


class Group(_Global, TyperGroup):
    """A group of commands that takes the global options too; unknown names are answered with near ones."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{"rich_markup_mode": None, **attributes})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names. Raises what `unknown` makes if there is none."""
        name = args[0]
        found = self.get_command(ctx, name)
        if found is None and not ctx.resilient_parsing:
            raise self.unknown(ctx, name)
        return (name if found else None), found, args[1:]

    def unknown(self, ctx: Any, name: str) -> CqrsError:
        """The error for a name that is no command of this group."""
        from cqrs_cli.cli.shell.other_words import COMMANDS, SUBCOMMANDS

        names = self.list_commands(ctx)
        here = COMMANDS.get(name) if ctx.parent is None else None
        meant = SUBCOMMANDS.get(name, "") if ctx.parent is not None else ""
        near = did_you_mean(meant if meant in names else name, names)
        hint = f"here that is {ctx.command_path} {here}" if here else near
        hint = hint or f"{ctx.command_path} --help lists them"
        return Misuse(f"no such command: {name}", hint=hint)


class Lazy(TyperCommand):
    """A command that is known by name and line; its module is imported when it runs."""

    def __init__(self, name: str, line: str, load: Callable[[], Any]) -> None:
        super().__init__(name, help=line, short_help=line, rich_markup_mode=None)
        self._load = load

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command."""
        return self._load().make_context(info_name, args, parent=parent, **extra)


def make(function: Callable[..., Any], name: str | None = None) -> ShellCommand:
    """A command from a typed function: its signature gives arguments and options, its docstring the help.

    The function returns None or the exit code. name: kebab-case of the function's unless given.
    """
    command: ShellCommand = _typed(function, ShellCommand, name)
    return command
