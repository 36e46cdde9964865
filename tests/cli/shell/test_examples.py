"""The lines at the end of each command's help: they can be copied, and do what they say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cqrs_cli.cli.shell.app import COMMANDS
from cqrs_cli.cli.shell.examples import EXAMPLES
from tests.conftest import ROOT

NOT_RUN = {"cqrs demo", "cqrs init shop"}  # the demo has a test of its own; the project is made before


def test_every_command_has_examples_of_its_own() -> None:
    assert set(EXAMPLES) == {entry.name for entry in COMMANDS}
    for name, lines in EXAMPLES.items():
        assert all(f"cqrs {name}" in line or name == "snapshot" for line in lines)
        assert all(len(line) < 100 for line in lines)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    (folder / "cqrs").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cqrs_cli "$@"\n')
    (folder / "cqrs").chmod(0o755)
    run(folder, "cqrs init shop")
    return folder / "shop"


def run(folder: Path, line: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ |= {"PATH": f"{folder}:{folder.parent}:{environ['PATH']}", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(line, shell=True, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, (line, ran.stdout, ran.stderr)
    return ran.stdout or ran.stderr


def test_each_of_them_works(shop: Path) -> None:
    lines = [line for lines in EXAMPLES.values() for line in lines if line not in NOT_RUN]
    silent = {line for line in lines if not run(shop, line).strip()}
    assert silent <= {"cqrs run --once", "cqrs run --status", "cqrs run --failed --json"}


@pytest.mark.parametrize("name", ["log", "send", "snapshot"])
def test_they_stand_in_the_help(shop: Path, name: str) -> None:
    told = run(shop, f"cqrs {name} --help")
    assert all(f"\n  {line}\n" in told for line in EXAMPLES[name])
