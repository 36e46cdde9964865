"""What the shell takes for granted about Typer's insides: an assertion for each, to fail first when it changes."""

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

import cqrs_cli
from cqrs_cli.cli.shell import typer_fast

without_adapters = pytest.mark.skipif(
    typer.__version__.startswith("0.28."), reason="Typer 0.28 makes no pydantic adapters: there is nothing to spare"
)
INSIDES = re.compile(r"typer\.(core|main|completion|models|params|_\w+)\b|^\s*(from|import) _?click\b")


def app(kind: Any = None) -> Any:
    made = typer.Typer(add_completion=False)

    def main(number: Annotated[int, typer.Option("--number")] = 1, name: str | None = None) -> int:
        return number

    made.command(cls=kind)(main)
    return typer_fast.built(made)


def failing(words: list[str]) -> typer.TyperException:
    command = app(typer_fast.TyperCommand)
    with pytest.raises(typer.TyperException) as raised:
        command.main(words, prog_name="cqrs", standalone_mode=False)
    return raised.value


def test_nobody_else_names_them():
    package = Path(cqrs_cli.__file__).parent
    found = [
        f"{path.relative_to(package)}:{number}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path.name != "typer_fast.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if INSIDES.search(line)
    ]
    assert found == []
    assert INSIDES.search("from typer.core import TyperCommand")
    assert INSIDES.search("typer.main.get_command(app)")


def test_an_app_becomes_a_command_of_the_class_that_was_asked_for():
    class Own(typer_fast.TyperCommand):
        pass

    command = app(Own)
    assert type(command) is Own
    assert [parameter.name for parameter in command.params][:2] == ["number", "name"]
    assert command.main(["--number", "5"], standalone_mode=False) == 5


@without_adapters
def test_parameters_have_what_the_short_way_looks_at():
    for parameter in app().params:
        assert callable(parameter.process_value)
        assert {"required", "multiple", "nargs", "callback", "type_descriptor"} <= set(dir(parameter))
        assert typer_fast._kind(parameter) in (int, str, bool, None)
    assert [typer_fast._kind(parameter) for parameter in app().params[:1]] == [int]


def test_an_unknown_option_says_its_name_and_those_that_there_are():
    error = failing(["--nunber", "5"])
    typer_fast.name_command(error, typer.Context(app(), info_name="cqrs x"))
    found = typer_fast.usage(error)
    assert found.option == "--nunber"
    assert "--number" in found.options
    assert found.path in ("cqrs", "cqrs x")


@without_adapters
def test_a_value_that_can_t_be_read_is_in_the_cause():
    found = typer_fast.usage(failing(["--number", "x"]))
    assert found.given == ("x",)
    assert found.option is None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell):
    typer_fast.start_completion()
    assert "_CQRS_COMPLETE" in typer_fast.completion_script(shell, "_CQRS_COMPLETE")
