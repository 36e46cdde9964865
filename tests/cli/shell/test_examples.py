"""The lines at the end of each command's help: they can be copied, and do what they say."""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.shell.app import COMMANDS
from cqrs_cli.cli.shell.examples import EXAMPLES
from tests.cli.terminal import Window
from tests.conftest import ROOT

NOT_RUN = {"cqrs demo", "cqrs demo double-click", "cqrs init shop"}
"""The demo and its lessons have tests of their own; the project is made before."""
ENDLESS = {*EXAMPLES["serve"], *EXAMPLES["watch"]}


def test_every_command_has_examples_of_its_own() -> None:
    parts = {f"snapshot {name}" for name in ("take", "list", "drop")} | {"corpus refresh", "corpus show"}
    assert set(EXAMPLES) == {entry.name for entry in COMMANDS} | parts
    for name, lines in EXAMPLES.items():
        assert 2 <= len(lines) <= 3
        assert all(f"cqrs {name}" in line or name in ("snapshot", "corpus") for line in lines)
        assert all(len(line) < 100 for line in lines)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    (folder / "cqrs").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cqrs_cli "$@"\n')
    (folder / "cqrs").chmod(0o755)
    run(folder, "cqrs init shop")
    shutil.copy(ROOT / "tests" / "data" / "pyeventsourcing.db", folder / "shop" / "kennel.db")
    committed = (
        "git init -q -b main && git add . && git -c user.name=ada -c user.email=ada@example.org commit -qm first"
    )
    run(folder / "shop", f"{committed} && echo done")
    return folder / "shop"


def run(folder: Path, line: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ |= {"PATH": f"{folder}:{folder.parent}:{environ['PATH']}", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(line, shell=True, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, (line, ran.stdout, ran.stderr)
    return ran.stdout or ran.stderr


def serve(folder: Path, line: str) -> None:
    """Begin it, on any port that is free, and end it once it answers."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, "-m", "cqrs_cli", *shlex.split(line)[1:], "--port", "0"]
    with subprocess.Popen(words, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        told = server.stdout.readline()
        server.terminate()
    assert (server.returncode, "http://127.0.0.1:" in told) == (0, True), line


@pytest.mark.timeout(600)  # a hundred commands, some of which start others
def test_each_of_them_works(shop: Path) -> None:
    lines = [line for lines in EXAMPLES.values() for line in lines if line not in NOT_RUN | ENDLESS]
    silent = {line for line in lines if not run(shop, line).strip()}
    assert silent <= {"cqrs run --once", "cqrs run --status", "cqrs run --failed --json"}


@pytest.mark.slow
@pytest.mark.parametrize("line", EXAMPLES["watch"])
def test_those_that_draw_work(shop: Path, line: str) -> None:
    run(shop, "cqrs migrate")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    words = [sys.executable, "-m", "cqrs_cli", *shlex.split(line)[1:]]
    window = Window(words, environ | {"PYTHONPATH": str(ROOT), "CQRS_CONFIG": str(shop / "cqrs.toml"), "TERM": "xterm"})
    try:
        window.until(window.shows("shop.db", "product_sales"))
        window.type(b"q")
        assert window.end() == 0
    finally:
        window.close()


@pytest.mark.slow
@pytest.mark.parametrize("line", EXAMPLES["serve"])
def test_those_that_do_not_end_by_themselves_work(shop: Path, line: str) -> None:
    run(shop, "cqrs migrate")
    serve(shop, line)


@pytest.mark.parametrize("name", ["log", "send", "snapshot", "snapshot take"])
def test_they_stand_in_the_help(shop: Path, name: str) -> None:
    told = run(shop, f"cqrs {name} --help")
    assert all(f"\n  {line}\n" in told for line in EXAMPLES[name])


@pytest.fixture
def app(here: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Chooses the domain of the lines that follow; the project of `cqrs init` is one of them."""
    assert here("init").code == 0
    monkeypatch.syspath_prepend(str(tmp_path))

    def choose(name: str) -> None:
        monkeypatch.setenv("CQRS_APP", name)

    return choose


DOMAINS = (
    "shop:domain",
    *(f"samples.{name}:domain" for name in ("orders.fulfilment", "inventory", "users", "retail", "lessons.box_office")),
)


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_made_of_a_domain_has_examples_that_are_understood(
    here: Any, app: Callable[[str], None], domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They validate; whether the domain has such an aggregate, or says yes to it, is its own affair."""
    app(domain)
    for group in ("send", "query"):
        listed = re.findall(r"(?m)^  ([a-z][a-z-]+)  ", here(group, "--help").out.partition("of the domain:")[2])
        assert listed or group == "query"
        for name in dict.fromkeys(listed):
            told = here(group, name, "--help").out.partition("Examples:\n")[2].partition("\n\n")[0]
            lines = [line.strip() for line in told.splitlines()]
            assert len(lines) == 2, (group, name)
            assert max(map(len, lines)) <= 115
            for line in lines:
                *before, last = [shlex.split(part)[1:] for part in line.split(" | ")]
                for words in before:
                    payload = here(*words)
                    assert payload.code == 0, line
                    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(payload.out.encode())))
                ran = here(*last)
                assert ran.code in (0, 1, 3), (line, ran.err)
                assert "error[query-not-found]" not in ran.err
                assert "error[command-not-found]" not in ran.err


def test_a_command_that_is_called_as_one_of_the_tool_has_its_own(here: Any, tmp_path: Path) -> None:
    text = "from cqrs_cli import *\n\nclass Log(Command):\n    pen_id: str\n\nclass Logged(Event): ...\n\n"
    text += "class Pen(Aggregate):\n    pen_id: str\n    ignores = (Logged,)\n\n"
    text += "    @decide(creates=True)\n    def log(self, command: Log) -> Logged:\n        return Logged()\n\n"
    (tmp_path / "pens_under_test.py").write_text(text + 'domain = Domain("pens", Pen)\n')
    told = here("--app pens_under_test:domain send log --help").out
    assert "cqrs send log --pen-id" in told
    assert "cqrs log product-pen" not in told


SECRETS = """
from pydantic import SecretStr
from cqrs_cli import Aggregate, Command, Domain, Event, decide

class Unlock(Command):
    door_id: str
    code: SecretStr

class Unlocked(Event): ...

class Door(Aggregate):
    door_id: str
    ignores = (Unlocked,)

    @decide(creates=True)
    def unlock(self, command: Unlock) -> Unlocked:
        return Unlocked()

domain = Domain("doors", Door)
"""


def test_no_secret_is_shown_how_to_be_typed(here: Any, tmp_path: Path) -> None:
    (tmp_path / "doors_under_test.py").write_text(SECRETS)
    told = here("--app doors_under_test:domain send unlock --help").out
    assert "cqrs send unlock --door-id" not in told
    assert "cqrs schema unlock --example | cqrs send unlock -d @- --dry-run" in told
