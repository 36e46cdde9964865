"""Words of other tools, and near names above a threshold only."""

import re
from typing import Any

import pytest

from cqrs_cli.cli.shell.app import COMMANDS as KNOWN
from cqrs_cli.cli.shell.app import root
from cqrs_cli.cli.shell.other_words import COMMANDS, OPTIONS


def test_what_is_offered_is_there() -> None:
    names = {entry.name for entry in KNOWN}
    for word, here in COMMANDS.items():
        assert word not in names
        assert set(re.findall(r"(?:^|or )([a-z]+)", here)) <= names, word
    import typer

    context = typer.Context(root(), info_name="cqrs")
    spelled = {"--as", "--command-id", "--data", "--dry-run", "--user"}  # of the commands of a domain, and of `log`
    for name in root().list_commands(context):
        found: Any = root().get_command(context, name)
        command = found.make_context(name, ["--help"], parent=context, resilient_parsing=True)
        spelled |= {option for parameter in command.command.get_params(command) for option in parameter.opts}
    assert {option for options in OPTIONS.values() for option in options} <= spelled


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("ls", "here that is cqrs streams"),
        ("rebuild", "here that is cqrs project --rebuild"),
        ("log --tail 5", "did you mean --last?"),
        ("log --search x", "did you mean --grep?"),
        ("streams --sort x", "did you mean --order?"),
        ("log --sinc 2h", "did you mean --since?"),
        ("log --hlp", "cqrs log --help shows what it takes"),
        ("log --xyzzy", "cqrs log --help shows what it takes"),
        ("snapshot ls", "did you mean 'list'?"),
        ("frobnicate", "cqrs --help lists them"),
    ],
)
def test_the_hint(here, words, hint) -> None:
    ran = here(f"{words} --json")
    assert (ran.code, ran.error["hint"]) == (2, hint)
