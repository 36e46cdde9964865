"""Words of other tools, and near names above a threshold only."""

import re
from typing import Any

import pytest

from cqrs_cli.cli.shell.app import COMMANDS as KNOWN
from cqrs_cli.cli.shell.app import root
from cqrs_cli.cli.shell.other_words import COMMANDS, OPTIONS
from cqrs_cli.near_names import did_you_mean


def test_what_is_offered_is_there() -> None:
    names = {entry.name for entry in KNOWN}
    for word, here in COMMANDS.items():
        assert word not in names
        assert set(re.findall(r"(?:^|or )([a-z]+)", here)) <= names, word
    import typer

    context = typer.Context(root(), info_name="cqrs")
    spelled = {
        "--as",
        "--command-id",
        "--cursor",
        "--data",
        "--dry-run",
        "--expect",
        "--explain",
        "--meta",
        "--user",
    }  # of the commands of a domain, and of `log`
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
        ("snapshot rm", "did you mean 'drop'?"),
        ("frobnicate", "cqrs --help lists them"),
        ("rm x", "cqrs --help lists them"),
        ("version", "here that is cqrs --version"),
        ("search x", "here that is cqrs log --grep TEXT"),
        ("retry x", "here that is cqrs run --retry ID"),
        ("strems", "did you mean 'streams'?"),
        ("replay x --sort y", "cqrs replay --help shows what it takes"),
        ("log --input y", "cqrs log --help shows what it takes"),
        ("log --desc", "did you mean --reverse?"),
        ("streams --desc", "did you mean --order?"),
        ("replay x --as-of 3", "did you mean --at?"),
        ("doctor --verbose", "did you mean --debug?"),
    ],
)
def test_the_hint(here, words, hint) -> None:
    ran = here(f"{words} --json")
    assert (ran.code, ran.error["hint"]) == (2, hint)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("send touch --user ada", "did you mean --as?"),
        ("send touch --expected-version 3", "did you mean --expect?"),
        ("send touch --idempotency-key x", "did you mean --command-id?"),
        ("send touch --simulate", "did you mean --dry-run?"),
        ("send touch --why", "did you mean --explain?"),
        ("send touhc", "did you mean 'touch'?"),
        ("send t", "there are: break, refuse, register, touch"),
        ("query parcels --sort weight", "did you mean --order?"),
        (
            "query heaviest --sort weight",
            "cqrs query heaviest --help shows its parameters; --order is for read models: cqrs query parcels --order …",
        ),
        ("query heaviest --limt 3", "did you mean --limit?"),
    ],
)
def test_the_hint_for_commands_and_queries_of_a_domain(parcels, words, hint) -> None:
    ran = parcels(f"{words} --json")
    assert (ran.code, ran.error["hint"]) == (3 if "touhc" in words or words == "send t" else 2, hint)


def test_of_several_names_only_those_that_are_as_near_are_offered() -> None:
    assert did_you_mean("sel-product", ["add-product", "sell-product"]) == "did you mean 'sell-product'?"
    assert did_you_mean("orders", ["order", "borders", "others"]) == ("did you mean 'borders' or 'order'?")
    assert did_you_mean("rn", ["run"]) is None
