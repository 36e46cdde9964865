"""Commands that are made of the user's classes: `cqrs send create-order`, `cqrs query orders-by-customer`."""

from __future__ import annotations

import itertools
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import typer

from cqrs_cli.cli.printing.control_characters import visible_lines
from cqrs_cli.cli.shell.command import Group, Lazy, ShellCommand
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.cli.shell.typer_fast import built
from cqrs_cli.errors import CqrsError, DomainNotLoaded, Misuse, NotFound
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads.words import doc_of, line_of, look_up

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cqrs_cli.cli.options.parameters import Options
    from cqrs_cli.domain.domain import Domain

    Class = type[BaseModel]

G = TypeVar("G", bound="DomainGroup")


_EXTRA = "unexpected extra argument"
_IN_QUOTES = "a value with spaces is put in quotes"


class ModelCommand(ShellCommand):
    """A command whose options are the fields of a model, listed before those of the tool.

    Refuses a value that is an option (`--reason --dry-run`: the value was forgotten) unless it is
    written `--reason=--dry-run`; understands `--customer_id`.
    """

    fields_title = "Fields"
    takes_secrets: Callable[[], bool] = staticmethod(lambda: False)
    """Whether a secret may be among the words: then none is quoted that is not understood."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Typer's own parsing, after a look at the words."""
        takes_value = {
            flag: not getattr(parameter, "is_flag", False)
            for parameter in self.get_params(ctx)
            for flag in (*parameter.opts, *parameter.secondary_opts)
        }
        words = list(args) if ctx.resilient_parsing else list(_looked_at(args, takes_value))
        if not ctx.resilient_parsing:
            _refuse_ambiguous(ctx.command_path, words, takes_value)
        try:
            return super().parse_args(ctx, words)
        except typer.TyperException as error:
            if self.takes_secrets() and _EXTRA in error.format_message():
                raise Misuse("a word too many, which may be a part of a secret", hint=_IN_QUOTES) from None
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The fields, then the options of the tool."""
        shown = [(parameter, parameter.get_help_record(ctx)) for parameter in self.get_params(ctx)]
        fields = [record for parameter, record in shown if record and (parameter.name or "").startswith("field_")]
        others = [record for parameter, record in shown if record and not (parameter.name or "").startswith("field_")]
        for title, records in ((self.fields_title, fields), ("Options", others)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _looked_at(words: Sequence[str], takes_value: Mapping[str, bool]) -> Iterator[str]:
    """The words, options in kebab-case. Raises `Misuse` for an option in the place of a value."""

    def known(word: str) -> str | None:
        name = word.partition("=")[0] if word.startswith("--") else word
        kebab = "--" + name[2:].replace("_", "-")
        return name if name in takes_value else kebab if name.startswith("--") and kebab in takes_value else None

    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            yield from words[index:]
            return
        name = known(word)
        if name is None:
            yield word
        else:
            _, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            yield f"{name}{equals}{value}"
            if takes_value[name] and not equals and index + 1 < len(words):
                index += 1
                if known(words[index]) is not None:
                    raise Misuse(
                        f"{word} has no value: {words[index]} is an option",
                        hint=f"{name}={words[index]} says that it is meant as the value"
                        if word.startswith("--")
                        else f"{word} VALUE, or leave {word} out",
                    )
                yield words[index]
        index += 1


def _refuse_ambiguous(command: str, words: Sequence[str], takes_value: Mapping[str, bool]) -> None:
    """Refuse a global option behind a command that has a field of its name: either may be meant."""
    from cqrs_cli.cli.options.parameters import GLOBALS

    named = {f"--{name}" for name in GLOBALS - {"help"} if f"--field.{name}" in takes_value}
    for word in itertools.takewhile(lambda word: word != "--", words):
        name, equals, value = word.partition("=")
        if name in named:
            given = f" {value}" if equals else " …" if takes_value[name] else ""
            program, _, rest = command.partition(" ")
            raise Misuse(
                f"{name} is an option of {program} and a field of {rest.rpartition(' ')[2]}",
                hint=f"the field: --field.{name[2:]}{given}; the option: {program} {name}{given} {rest} …",
                code="ambiguous-option",
            )


def model_command(
    name: str, cls: Class, options: Options, own: Mapping[str, Any], run: Callable[[dict[str, Any]], Any]
) -> ModelCommand:
    """The command for a class. own: annotations of the tool's options; run: gets all values by parameter name."""
    from cqrs_cli.cli.options.parameters import parameters, with_signature

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    function = with_signature(run, parameters(options) | dict(own))
    app.command(name, cls=ModelCommand, help=doc_of(cls) or f"{cls.__name__}.")(function)
    command: ModelCommand = built(app)
    command.takes_secrets = lambda: any(option.is_secret for option in options.all)
    return command


class DomainGroup(Group, ABC):
    """A group whose commands are classes of the user's domain; only the one that is asked for is built."""

    what = "command"
    title = "Commands of the domain"

    @abstractmethod
    def classes(self) -> Mapping[str, Class]:
        """The classes by their names on the command line."""

    def domain(self) -> Domain:
        """Whose classes they are."""
        from cqrs_cli.cli.shell.session import current

        return current().domain()

    @abstractmethod
    def build(self, name: str, cls: Class) -> ModelCommand:
        """The command for one of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, sorted."""
        return list(self.classes())

    def get_command(self, ctx: Any, cmd_name: str) -> Lazy | None:
        """The command that a name in kebab-case or snake_case, or a class's name, stands for."""
        classes = self.classes()
        cls = look_up(classes, cmd_name)
        if cls is None:
            return None
        name = next(name for name, other in classes.items() if other is cls)
        return Lazy(name, line_of(cls), lambda: self.build(name, cls))

    def unknown(self, ctx: Any, name: str) -> CqrsError:
        """`NotFound`, with what is near, else with what there is."""
        from cqrs_cli.domain.messages import kebab

        names = self.list_commands(ctx)
        hint = did_you_mean(kebab(name), names) or (
            f"there are: {', '.join(names[:12])}" if names else "there are none"
        )
        message = f"no {self.what} {name!r} in the domain {self.domain().name!r}"
        return NotFound(message, code=f"{self.what}-not-found", hint=hint)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The classes with their docstrings' first lines; that a domain can't be loaded is said, not raised.

        The user's part of the traceback goes to standard error, as when a command fails for that reason.
        """
        try:
            rows = [(name, line_of(cls)) for name, cls in self.classes().items()]
        except CqrsError as error:
            rows = []
            if isinstance(error, DomainNotLoaded) and error.traceback:
                print(visible_lines(error.traceback), file=sys.stderr)
            formatter.write_paragraph()
            formatter.write_text(f"No domain: {error.message}")
            formatter.write_text(f"hint: {say(error)}")
        if rows:
            with formatter.section(self.title):
                formatter.write_dl(rows)


def group_of(kind: type[G], function: Callable[..., Any], name: str) -> G:
    """The group, whose own options are those of the function; it is called whether a command follows or not."""
    app = typer.Typer(cls=kind, add_completion=False, rich_markup_mode=None, invoke_without_command=True)
    app.callback()(function)
    group = cast("G", built(app))
    group.name = name
    return group
