"""Every error that the shell can print says what helps."""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import errors
from cqrs_cli.cli.shell.hints import FALLBACKS, WORDS, say, unfinished
from tests.conftest import ROOT

LONG = "x" * 300
DEEP = '{"a":' * 70 + "1" + "}" * 70

# The domain's own words, and what is only raised to be told again by another error, with its hint.
WITHOUT = {"Rejected", "NotUnique", "Unfinished"}
TOLD_AGAIN = {"cqrs_cli/domain/columns.py", "cqrs_cli/stores/sqlite/rows.py"}
# A mistake in a program that uses the package, not on a command line.
OF_PROGRAMS = {
    "cqrs_cli/domain/clauses.py",
    "cqrs_cli/domain/row_model.py",
    "cqrs_cli/stores/checks.py",
    "cqrs_cli/stores/postgres/read.py",
    "cqrs_cli/stores/postgres/select.py",
    "cqrs_cli/stores/sqlite/file.py",
    "cqrs_cli/stores/sqlite/read.py",
    "cqrs_cli/stores/sqlite/select.py",
    "cqrs_cli/workbench/batch.py",
    "cqrs_cli/scenario/scenario.py",
}


@pytest.mark.parametrize(
    "words",
    [
        ["send", "register", "-d", "[1]"],
        ["send", "register", "-d", "@nope.json"],
        ["send", "--batch", "/nope"],
        ["send", "register", "--parcel-id", "A1", "--weight", "1", "--expect", "foo"],
        ["send", "register", "--parcel-id", "A1", "--weight", "1", "--meta", "a"],
        ["send", "register", "--parcel-id", "A1", "--weight", "1", "--command-id", LONG],
        ["send", "register", "--parcel-id", LONG, "--weight", "1"],
        ["send", "register", "--weight", "1", "-d", '{"parcel_id": "A1", "tags": ["\\u0000"]}'],
        ["send", "register", "--parcel-id", "A1", "--weight", "1", "--no", "1"],
        ["log", f"parcel-{LONG}"],
        ["replay", "parcel-P1@99"],
        ["log", "parcel-P1@99"],
        ["replay", "parcel-P1", "--at", "0"],
        ["log", "-o", "/nowhere/out.json"],
        ["log", "--store", ""],
        ["log", "--category", "none", "--fail-if-empty"],
        ["run", "--skip", "a@1"],
        ["project", "--sample", "x"],
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_an_error_has_a_hint(parcels: Any, here: Any, words: list[str]) -> None:
    assert parcels("send register --parcel-id P1 --weight 1").code == 0
    ran = here(*words)
    assert ran.code not in (0, 70), ran
    assert ran.err.splitlines()[-1].startswith("hint: "), ran.err


@pytest.mark.parametrize("text", ["store = ", "store = 1", 'store = ""'])
def test_a_config_file_that_can_not_be_used(here: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "cqrs.toml").write_text(text)
    ran = here("config")
    assert ran.code == 2
    assert "hint: " in ran.err


def test_no_error_is_raised_without_a_hint() -> None:
    names = {name for name, value in vars(errors).items() if isinstance(value, type)}
    without: list[str] = []
    for path in sorted((ROOT / "cqrs_cli").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name in TOLD_AGAIN | OF_PROGRAMS or "scaffold" in name or name.startswith("cqrs_cli/testing/"):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names - WITHOUT):
                continue
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            code = ast.unparse(given["code"]).strip("'") if "code" in given else getattr(errors, call.func.id).code
            said = code in FALLBACKS | WORDS and (code != "configuration" or "store" in given)
            if not said and not given.keys() & {"hint", None}:
                without.append(f"{name}:{call.lineno}")
    assert without == []


@pytest.mark.parametrize("room", ["stores", "domain", "scenario", "workbench", "log"])
def test_nothing_below_the_shell_names_its_commands(room: str) -> None:
    named = [
        f"{path.name}: {text.value!s}"
        for path in sorted((ROOT / "cqrs_cli" / room).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.keyword) and call.arg == "hint"
        for text in ast.walk(call.value)
        if isinstance(text, ast.Constant) and re.search(r"cqrs [a-z]|--[a-z]", str(text.value))
    ]
    assert named == []


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (errors.StoreNotFound("x"), "the first cqrs send creates it; another one: --store PATH"),
        (errors.StoreNotFound("x", hint="make the folder first"), "make the folder first"),
        (errors.NeedsRebuild("x", hint="own words", projection="p"), "cqrs project p --rebuild"),
        (errors.NeedsRebuild("x", table="p"), "cqrs project p --rebuild"),
        (errors.NeedsRebuild("x", code="table-changed", table="p"), "make it anew: cqrs project p --rebuild"),
        (errors.Misuse("x", code="behind", projection="p"), "cqrs project p"),
        (errors.Misuse("x", code="not-begun"), "cqrs run starts it"),
        (errors.NotFound("x", code="never-projected", projection="p"), "cqrs project p"),
        (errors.NotFound("x", code="version-not-found", stream="a-1", version=3), "cqrs log a-1"),
        (errors.NotFound("x", code="version-not-found", stream="a-1"), "cqrs log a-1 lists its events"),
        (errors.AggregateNotFound("x", stream="a-1", opener="open-door"), "cqrs send open-door opens one"),
        (errors.AggregateNotFound("x", stream="a-1"), "cqrs streams lists what there is"),
        (errors.CqrsError("x", code="of-the-domain"), None),
        (errors.NotFound("x", code="stream-not-found", stream="a"), "cqrs streams lists what there is"),
        (errors.NotFound("x", code="stream-not-found", stream="a", category="a"), "a is a category: --category a"),
        (errors.ConfigurationError("x", store="a"), "a store is a file, as in --store shop.db"),
        (errors.ConfigurationError("x"), None),
        (errors.Unavailable("x", code="read-only"), "the next command that writes does it: cqrs project, send or run"),
        (errors.Unavailable("x", code="locked"), "try again when it is done; cqrs doctor shows the lock"),
        (errors.Damaged("x", code="not-a-store"), "is it the right file? another one: --store PATH"),
        (errors.Unavailable("x", code="timed-out", seconds=1), "a longer --timeout, or a cheaper statement"),
        (errors.Unavailable("x", code="timed-out"), "a longer --timeout, or look whether it was sent"),
        (errors.Misuse("x", code="sql", refused="delete events"), "rows change by cqrs send and cqrs project"),
        (errors.Misuse("x", code="sql", given=[]), "one statement; parameters as --param name=value for :name"),
        (errors.Misuse("x", code="sql"), 'the tables: cqrs sql "SELECT name FROM sqlite_schema"'),
        (errors.Conflict("x", hint="read again", stream="a-1", actual=2, expected=1), "read again"),
        (errors.Conflict("x", stream="a-1", actual=2, expected=1), "look at it: cqrs log a-1"),
        (errors.Conflict("x", stream="a-1", actual=0, expected=1), "it is not there yet, so `new` is what to expect"),
        (
            errors.CommandReused("x", command_id="c1"),
            "a new command needs a new id; look at the first one: cqrs trace c1",
        ),
        (errors.Rejected("x", code="already-exists", stream="a-1"), "look at it: cqrs replay a-1"),
        (errors.Rejected("x", code="already-exists"), None),
        (
            errors.DomainFailed("x", projection="p", position=7),
            "mend the code and run cqrs project p again, or: cqrs project p --skip @7 --reason …",
        ),
        (
            errors.DomainFailed("x", projection="p", position=7, rebuilding=True),
            "mend the code and run cqrs project p --rebuild again, or: cqrs project p --skip @7 --reason …",
        ),
        (
            errors.Undecodable("x", reaction="r", position=7),
            "mend the code and run cqrs run again, or: cqrs run --skip r@7 --reason …",
        ),
        (errors.DomainFailed("x", hint="the domain's own", projection="p", position=7), "the domain's own"),
        (
            errors.DomainFailed("x", projection="r", reaction="r", position=7, rebuilding=True),
            "mend the code and run cqrs project r --rebuild again, or: cqrs run --skip r@7 --reason …",
        ),
        (
            errors.DomainFailed("x", projection="p", position=7, afresh=True),
            "mend the code, or: cqrs project p --skip @7 --reason …",
        ),
        (
            errors.DomainFailed("x", projection="p", position=7, taken=True),
            "mend the code, or leave the event out: cqrs project p --rebuild stops at it, then "
            "cqrs project p --skip @7 --reason …",
        ),
        (errors.Misuse("x", projection="p", skipped=7), "cqrs project p --status"),
        (errors.Misuse("x", reaction="r", skipped=7), "cqrs run --status"),
        (
            errors.NotFound("x", code="event-not-found", projection="p"),
            "cqrs project p --status says where it stopped",
        ),
        (errors.NotFound("x", code="event-not-found", reaction="r"), "cqrs run --status says where it stopped"),
        (errors.NotFound("x", code="event-not-found"), "cqrs log shows what there is"),
        (
            errors.NotFound("x", code="stream-not-found", stream="a-1", later=True),
            "cqrs log a-1 shows when it began",
        ),
    ],
    ids=lambda given: given.code + str(given.details) if isinstance(given, errors.CqrsError) else "",
)
def test_commands_in_hints_are_worded_by_the_shell(error: errors.CqrsError, hint: str | None) -> None:
    assert say(error) == hint


def test_of_several_errors_the_first_is_said_and_the_others_with_their_hints() -> None:
    error = unfinished([errors.Misuse("a", code="not-begun"), errors.NeedsRebuild("b", projection="p")])
    assert (error.code, error.message, error.exit_code) == ("not-begun", "a", 1)
    assert say(error) == "cqrs run starts it"
    assert error.details == {"complaints": ["also: b (cqrs project p --rebuild)"]}


@pytest.mark.parametrize("room", ["workbench", "log", "history"])
def test_no_command_is_named_below_the_shell(room: str) -> None:
    files = sorted((ROOT / "cqrs_cli" / room).rglob("*.py"))
    assert [file.name for file in files if re.search(r"\bcqrs [a-z]", file.read_text(encoding="utf-8"))] == []


def test_what_is_to_be_copied_is_quoted_for_a_shell() -> None:
    evil = "x; $(touch pwned) 'y'"
    hint = say(errors.CommandReused("used before", command_id=evil))
    assert hint is not None
    line = hint.partition("look at the first one: ")[2]
    assert shlex.split(line) == ["cqrs", "trace", evil]
    plain = say(errors.CommandReused("used before", command_id="c-1"))
    assert plain is not None
    assert plain.endswith("cqrs trace c-1")
