"""Each fault that is planted into a sample is found by the commands that the docs say, and by no other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.checking.lock_file import NAME, lock_of, text_of
from cqrs_cli.loading import load_domain
from tests.conftest import ROOT
from tests.planted import COMMANDS, SAMPLES

pytestmark = pytest.mark.slow
Run = Callable[[str, str, str], Any]


def committed(folder: Path) -> None:
    """Make a repository of a folder, whose only commit has all that is there."""
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "As it was"]):
        subprocess.run([*git, *words], cwd=folder, check=True, timeout=60, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Path]]:
    """The lock of each sample, and a store of its log with all rows."""
    found = {}
    for name, sample in SAMPLES.items():
        path = tmp_path_factory.mktemp(name) / "rows.db"
        sample.write(str(path))
        domain = load_domain(sample.app, ROOT)
        with Workbench.open(path, domain) as bench:
            bench.project()
        found[name] = (text_of(lock_of(domain)), path)
    return found


@pytest.fixture
def run(
    made: dict[str, tuple[str, Path]], here: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Plants a fault into a copy of a sample, and runs a command there in this process."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "samples"}
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def planted(name: str, fault: str, command: str) -> Any:
        SAMPLES[name].copy_to(tmp_path)
        if command == "impact":
            committed(tmp_path)
        SAMPLES[name].plant(tmp_path, fault)
        lock, store = made[name]
        (tmp_path / NAME).write_text(lock)
        shutil.copy(store, tmp_path / "rows.db")
        for module in before:
            del sys.modules[module]
        ran = here(COMMANDS[command])
        loaded = sys.modules[SAMPLES[name].app.partition(":")[0]].__file__
        assert Path(str(loaded)).is_relative_to(tmp_path)
        return ran

    yield planted
    for name in [name for name in sys.modules if name.partition(".")[0] == "samples"]:
        del sys.modules[name]
    sys.modules.update(before)


NOTHING, NOT_JUDGED = "–", "not judged"
PAGE = (ROOT / "docs/planted-faults.md").read_text(encoding="utf-8")
SAYS = {"failed": "1 failed", "drift": "differences: cqrs project", "changed": "changed: "}
"""What a word of the docs is in the output, where it is not the word itself."""


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Sample, fault, command and what is said, of each cell of the tables."""
    tables = re.findall(r"((?:^\|.*\|\n)+)", PAGE, re.MULTILINE)
    for name, table in zip(("orders", "bank"), tables, strict=True):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n ").split("|")] for line in table.splitlines())
        for fault, *said in rows:
            yield from ((name, fault, command, one) for command, one in zip(head[1:], said, strict=True))


CELLS = list(cells())


def test_the_tables_are_complete() -> None:
    there = [(name, fault, command) for name, fault, command, _ in CELLS]
    assert there == [
        (name, fault, command) for name in SAMPLES for fault in SAMPLES[name].faults for command in COMMANDS
    ]


def test_each_fault_is_found_and_nothing_where_nothing_changed() -> None:
    for name, sample in SAMPLES.items():
        for fault, edits in sample.faults.items():
            found = {said for one, other, _, said in CELLS if (one, other) == (name, fault)} - {NOTHING, NOT_JUDGED}
            assert bool(found) == bool(edits), (name, fault)


@pytest.mark.parametrize(("name", "fault", "command", "said"), CELLS, ids=["-".join(one[:3]) for one in CELLS])
def test_each_cell(run: Run, name: str, fault: str, command: str, said: str) -> None:
    ran = run(name, fault, command)
    assert ran.code == (0 if said in (NOTHING, NOT_JUDGED) else 1), ran
    assert "Traceback" not in ran.err
    if said != NOTHING:
        assert SAYS.get(said, said) in ran.out + ran.err
    elif command == "rehearse":
        assert NOT_JUDGED not in ran.err


def test_the_page_says_how_large_the_histories_are() -> None:
    lines = [
        sum(len(path.read_text().splitlines()) for path in (ROOT / "samples" / name / "histories").iterdir())
        for name in SAMPLES
    ]
    assert "{} and {} lines".format(*lines) in " ".join(PAGE.split())
