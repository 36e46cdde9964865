"""`cqrs demo`: it passes, leaves nothing behind, minds no one's settings, and fails when something differs."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cqrs_cli.cli.commands import demo
from cqrs_cli.cli.shell import boundary
from samples.orders.inventory import StockFile
from tests.conftest import Shell
from tests.test_docs import Step, session


def test_it_shows_each_command_as_typed_and_leaves_nothing(cqrs: Shell, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    cqrs.environ["TMPDIR"] = str(temporary)
    shown = cqrs("demo")
    typed = [line for line in shown.stdout.splitlines() if line.startswith("$ cqrs ")]
    assert len(typed) == len(demo.STEPS)
    assert {line.split()[2] for line in typed} == {"send", "run", "trace", "log", "replay", "project", "query"}
    assert "error[out-of-stock]" in shown.stdout
    assert "16 commands answered as they should" in shown.stderr
    assert list(temporary.iterdir()) == []
    assert list(tmp_path.iterdir()) == [temporary]


def test_settings_around_it_do_not_count(cqrs: Shell) -> None:
    (cqrs.folder / "cqrs.toml").write_text('app = "nowhere:domain"\nstore = "mine.db"\n')
    cqrs.environ |= {"CQRS_STORE": "mine.db", "CQRS_APP": "nowhere:domain", "CQRS_DURABILITY": "relaxed"}
    cqrs("demo")
    assert [path.name for path in cqrs.folder.iterdir()] == ["cqrs.toml"]


def test_its_records(cqrs: Shell) -> None:
    records = cqrs.json("demo")
    assert [record["exit_code"] for record in records] == [step.exit_code for step in demo.STEPS]
    assert all(record["command"].startswith("cqrs ") and record["output"] for record in records)
    assert not any(record["differences"] for record in records)


def test_on_a_narrow_terminal(cqrs: Shell) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cqrs_cli", "demo"],
        cwd=cqrs.folder,
        env={**cqrs.environ, "COLUMNS": "80", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    drawn = [line for line in shown.decode().splitlines() if line.startswith("─")]
    assert drawn
    assert max(map(len, drawn)) <= 80
    assert "[1;31m" not in shown.decode(), "a step's colours, made visible"
    assert "position 12  5 sent\r\n" in shown.decode(), "what a run says at its end is a line that stays"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a terminal as an input error
        return b""


def test_what_it_prints_works_in_a_shell(cqrs: Shell, tmp_path: Path) -> None:
    commands: list[str] = []
    lines = iter(cqrs("demo").stdout.splitlines())
    for line in lines:
        if line.startswith("$ "):
            while line.endswith("\\"):
                line += "\n" + next(lines)
            commands.append(line[2:])
    folder = tmp_path / "somewhere"
    folder.mkdir()
    typed = [Step(0, command, 0, None) for command in commands]
    codes = [0, *(step.exit_code for step in demo.STEPS)]
    answers = session(folder, typed)
    assert [code for code, _ in answers] == codes, answers
    assert [path.name for path in folder.iterdir()] == [".bin"], "the programs of the session, and no store"


def test_a_run_is_shown_as_a_person_sees_it(cqrs: Shell) -> None:
    shown = cqrs("demo").stdout
    assert "position 12  5 sent\n" in shown
    assert '"answered"' not in shown
    assert not re.search(r"\\r|\\x1b|\x1b", shown), "a line that is drawn and wiped is for a terminal of its own"


def test_a_changed_rule_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(StockFile, "available", lambda *asked: True)
    before = (os.getcwd(), dict(os.environ), list(sys.path))
    assert boundary.run(["demo"]) == 70
    shown = capsys.readouterr()
    assert "error[demo-differs]: the demo differs at its step 4 of 16: exit code 0, expected 1" in shown.err
    assert shown.out.count("$ cqrs ") == 4
    assert (os.getcwd(), dict(os.environ), list(sys.path)) == before


@pytest.mark.parametrize("number", range(len(demo.STEPS)))
def test_every_step_is_checked(number: int) -> None:
    """Answers as they should be up to one step, which says nothing: the tour ends there, with differences."""
    with demo.prepared() as run:
        left = number

        def forgetful(words: list[str]) -> tuple[int, str]:
            nonlocal left
            if "--json" not in words:
                left -= 1
            exit_code, output = run(words)
            return (exit_code, "") if left < 0 else (exit_code, output)

        ran = list(demo.tour(forgetful))
    assert len(ran) == number + 1
    assert ran[-1].differences
    assert not any(each.differences for each in ran[:-1])
