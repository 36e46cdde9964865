"""The page about reactions: its code works and its commands do what it says."""

import re
import shlex
import sys
from subprocess import run

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reactions.md").read_text()
COMMANDS = re.findall(r"^\$ cqrs (.*?)(?: +# exit (\d))?$", PAGE, re.M)


def _code(name: str) -> str:
    (code,) = re.findall(rf"```python\n# {name}\n(.*?)```", PAGE, re.S)
    return str(code)


@pytest.fixture
def parcels(cqrs):
    (cqrs.folder / "parcels.py").write_text(_code("parcels.py"))
    cqrs.environ["CQRS_APP"] = "parcels:domain"
    return cqrs


def test_the_commands_do_what_the_page_says(parcels):
    assert len(COMMANDS) == 24
    said = {}
    for command, exit_code in COMMANDS:
        said[command] = parcels(*shlex.split(command), exit_code=int(exit_code or 0)).stdout
    assert [line.split() for line in said["project shipping"].splitlines()[-3:]] == [
        ["p0", "ordered"],
        ["p1", "ordered"],
        ["p2", "stuck", "nobody", "drives", "there"],
    ]
    shape = [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", line) for line in said["trace @3"].splitlines()]
    shown = PAGE.partition("as a tree:\n\n```\n")[2].partition("```")[0].splitlines()
    assert shape == [re.sub(r"[0-9a-f]{4}…", "ID", line) for line in shown]
    assert "no address to write to" in said["run --failed"]
    assert "thanked by phone" in said["run --dropped"]
    assert [line.split()[0] for line in said["run --status"].splitlines()][-2:] == ["manners", "shipping"]


def test_the_trip_through_time(parcels):
    (parcels.folder / "travel.py").write_text(_code("travel.py"))
    ran = run(
        [sys.executable, "travel.py"], cwd=parcels.folder, env=parcels.environ, capture_output=True, encoding="utf-8"
    )
    assert (ran.returncode, ran.stderr) == (0, "")
