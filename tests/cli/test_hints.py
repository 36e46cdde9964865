"""Every error that the shell can print says what helps."""

import ast
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import errors
from tests.conftest import ROOT

LONG = "x" * 300
DEEP = '{"a":' * 70 + "1" + "}" * 70

# The domain's own words, and what is only raised to be told again by another error, with its hint.
WITHOUT = {"Rejected", "NotUnique"}
TOLD_AGAIN = {"cqrs_cli/domain/columns.py", "cqrs_cli/stores/sqlite/rows.py"}
# A mistake in a program that uses the package, not on a command line.
OF_PROGRAMS = {
    "cqrs_cli/domain/clauses.py",
    "cqrs_cli/domain/row_model.py",
    "cqrs_cli/stores/checks.py",
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
        if name in TOLD_AGAIN | OF_PROGRAMS or "scaffold" in name:
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            raised = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names - WITHOUT
            if raised and not any(keyword.arg in ("hint", None) for keyword in call.keywords):
                without.append(f"{name}:{call.lineno}")
    assert without == []
