"""What is said beside rows that other code made: once, by every command that has to do with them, on standard error."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran

OTHER = ("self.scores += 1", "self.scores += 2")
SAID = (
    "standing: its code is not the one that its rows were made with; "
    "if it means something else now: raise version=, or cqrs project standing --rebuild"
)
COMMANDS = [
    "project standing --csv",
    "project -q -o rows.txt",
    "project --status",
    "project --status --json",
    "query standing --csv",
    "query standing --stale",
    "query best --csv",
    "query best --limit 1 --json",
    "run --once",
    "run --once --json",
    "run --status",
]
Members = Callable[..., Ran]


@pytest.fixture
def projected(filled: Members) -> Members:
    """The members with rows."""
    assert filled("project").code == 0
    return filled


@pytest.mark.parametrize("command", [one for one in COMMANDS if "-q" not in one])
def test_other_code_is_told_once_by_whoever_shows_or_moves_the_rows(projected: Members, command: str) -> None:
    ran = projected(command, OTHER)
    assert (ran.code, ran.err.count(SAID), ran.err.count("its code is not the one")) == (0, 1, 1), ran.err


@pytest.mark.parametrize("command", COMMANDS)
def test_of_the_code_itself_nothing_is_told(projected: Members, command: str) -> None:
    ran = projected(command)
    assert (ran.code, "made with" in ran.err) == (0, False), ran.err


@pytest.mark.parametrize("command", ["query city_total", "query directory --csv", "project city_total --csv"])
def test_a_read_model_that_is_not_read_is_not_spoken_of(projected: Members, command: str) -> None:
    assert projected(command, OTHER).err == ""


def test_after_a_rebuild_it_is_silent(projected: Members) -> None:
    assert projected("project standing --rebuild -q -o rows.txt", OTHER).err == ""
    for command in COMMANDS:
        assert "made with" not in projected(command, OTHER).err, command


@pytest.mark.parametrize("command", ["project standing --csv", "query standing", "query best", "run --once"])
def test_rows_of_another_python_are_called_that(projected: Members, tmp_path: Path, command: str) -> None:
    """Its bytecode is another, so that nothing can be told of the code."""
    with closing(sqlite3.connect(tmp_path / "cqrs.db", isolation_level=None)) as hand:
        (text,) = hand.execute("SELECT definition FROM cqrs_checkpoints WHERE name = 'standing'").fetchone()
        changed = json.dumps(json.loads(text) | {"python": "cpython-399", "source": "f" * 16})
        hand.execute("UPDATE cqrs_checkpoints SET definition = ? WHERE name = 'standing'", (changed,))
    told = (
        "standing: its rows were made by another version of Python, so whether its code is the same can't be told; "
        "to be sure: cqrs project standing --rebuild"
    )
    assert told in projected(command).err
    assert "is not the one" not in projected(command).err
    assert [one["source"] for one in projected("project standing --status --json").json] == ["python"]


def test_programs_are_told_too(projected: Members) -> None:
    found: Any = {one["projection"]: one["source"] for one in projected("project --status --json", OTHER).json}
    assert found == {"city_total": None, "directory": None, "standing": "code"}


def test_a_doctor_without_a_domain_looks_at_the_store_alone(
    projected: Members, here: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = here("doctor")
    assert (ran.code, ran.err, "note[no-domain]" in ran.out) == (0, "", True)
    ran = here("--app", "nothing_there:domain", "doctor")
    assert (ran.code, "error[domain-not-loaded]" in ran.out) == (1, True), "half of it could not be looked at"


def test_a_doctor_tells_what_needs_a_rebuild(projected: Members) -> None:
    ran = projected("doctor", ('indexes=("city", "total")', 'version=2, indexes=("city", "total")'))
    assert (ran.code, ran.err) == (1, "")
    told = "standing needs a rebuild: version 1 became 2 (cqrs project standing --rebuild)"
    assert f"error[needs-rebuild]: {told}" in ran.out


def test_a_doctor_notes_other_code(projected: Members) -> None:
    (found,) = [one for one in projected("doctor --json", OTHER).json["findings"] if one["code"] == "other-code"]
    assert (found["severity"], found["where"]) == ("note", "standing")
    assert projected("doctor", OTHER).code == 0
