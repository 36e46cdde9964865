"""A store that is deleted or replaced under `cqrs log -f` and `cqrs run`: they go on with it, or end with a word."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from tests import office
from tests.conftest import ROOT
from tests.reacting import pay, sent

pytestmark = pytest.mark.slow


class Program:
    """`cqrs …` in a process of its own, which prints lines of JSON."""

    def __init__(self, folder: Path, *words: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cqrs_cli", "--app", "tests.office:domain", *words],
            cwd=folder,
            env=environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def line(self) -> Any:
        """The next line."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def end(self) -> tuple[int, str]:
        """Exit code and complaints."""
        _, complaint = self.process.communicate(timeout=100)
        return self.process.returncode, complaint


@pytest.fixture
def program(tmp_path: Path, shop: Any) -> Iterator[Callable[..., Program]]:
    """Starts one, and ends it if it does not end by itself."""
    started: list[Program] = []

    def start(*words: str) -> Program:
        started.append(Program(tmp_path, *words))
        return started[-1]

    def kill() -> None:
        for one in started:
            one.process.kill()

    watchdog = threading.Timer(100, kill)
    watchdog.start()
    yield start
    watchdog.cancel()
    kill()
    for one in started:
        one.process.communicate()


def delete(folder: Path) -> None:
    for file in folder.glob("cqrs.db*"):
        file.unlink()


def replace_by_another(folder: Path) -> None:
    with Workbench.open(str(folder / "other.db"), office.domain, create=True) as bench:
        pay(bench, "other")
    take_the_place(folder, "other.db")


def replace_by_a_copy(folder: Path) -> None:
    connection = sqlite3.connect(folder / "cqrs.db", isolation_level=None)
    connection.execute("VACUUM INTO ?", (str(folder / "copy.db"),))
    connection.close()
    take_the_place(folder, "copy.db")


def take_the_place(folder: Path, name: str) -> None:
    for ending in ("-wal", "-shm"):
        (folder / f"cqrs.db{ending}").unlink(missing_ok=True)
    (folder / name).rename(folder / "cqrs.db")


@pytest.mark.parametrize("change", [delete, replace_by_another])
@pytest.mark.parametrize("words", [["log", "-f", "--jsonl"], ["run"]], ids=" ".join)
def test_without_it_they_end_with_a_word(
    program: Any, paid: Any, tmp_path: Path, words: list[str], change: Callable[[Path], None]
) -> None:
    paid("o1")
    running = program(*words)
    assert running.line()
    change(tmp_path)
    code, complaint = running.end()
    assert code == 7, complaint
    assert "hint: " in complaint or json.loads(complaint)["error"]["hint"]
    assert "error[replaced]" in complaint or json.loads(complaint)["error"]["code"] == "replaced"


def test_a_follower_goes_on_with_a_store_that_goes_on_from_it(program: Any, paid: Any, tmp_path: Path) -> None:
    paid("o1")
    running = program("log", "-f", "--jsonl")
    first = running.line()["position"]
    replace_by_a_copy(tmp_path)
    paid("o2")
    assert (first, running.line()["position"]) == (1, 2)
    running.process.send_signal(signal.SIGINT)
    assert running.end() == (130, "")


def test_a_runner_goes_on_with_a_store_that_goes_on_from_it(program: Any, paid: Any, tmp_path: Path) -> None:
    running = program("run")
    assert running.line()["position"] == 0
    replace_by_a_copy(tmp_path)
    paid("o1")
    lines = [running.line()]
    while lines[-1]["position"] < 3:
        lines.append(running.line())
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == (0, "")
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        assert sent(bench.store)[1:] == ["Ship order-o1", "Greet order-o1"]
