"""`cqrs demo`: it passes, leaves nothing behind, minds no one's settings, and fails when something differs."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Rejected
from cqrs_cli.cli.commands.demo import command, stage
from cqrs_cli.cli.commands.demo.lessons import NAMES, lesson
from cqrs_cli.cli.commands.demo.tour import TOUR
from cqrs_cli.cli.shell import boundary
from tests.conftest import Shell
from tests.test_docs import Step, session

ALL = (TOUR, *(lesson(name) for name in NAMES))


def test_it_shows_each_command_as_typed_and_leaves_nothing(cqrs: Shell, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    cqrs.environ["TMPDIR"] = str(temporary)
    shown = cqrs("demo")
    typed = [line for line in shown.stdout.splitlines() if line.startswith("$ cqrs ")]
    assert len(typed) == len(TOUR.steps)
    assert {line.split()[2] for line in typed} == {"send", "run", "trace", "log", "replay", "project", "query"}
    assert "error[sold-out]" in shown.stdout
    assert "12 commands answered as they should" in shown.stderr
    assert list(temporary.iterdir()) == []
    assert list(tmp_path.iterdir()) == [temporary]


def test_settings_around_it_do_not_count(cqrs: Shell) -> None:
    (cqrs.folder / "cqrs.toml").write_text('app = "nowhere:domain"\nstore = "mine.db"\n')
    cqrs.environ |= {"CQRS_STORE": "mine.db", "CQRS_APP": "nowhere:domain", "CQRS_DURABILITY": "relaxed"}
    cqrs("demo")
    assert [path.name for path in cqrs.folder.iterdir()] == ["cqrs.toml"]


def test_what_is_around_it_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_STORE", "mine.db")
    before = (os.getcwd(), dict(os.environ), list(sys.path))
    with stage.prepared("concerts") as on:
        assert on.run("export CQRS_APP=elsewhere:domain") == (0, "")
        assert os.getcwd() != before[0]
        assert os.environ["CQRS_APP"] == "elsewhere:domain"
    assert (os.getcwd(), dict(os.environ), list(sys.path)) == before


def test_its_records(here: Any) -> None:
    records = here("demo --json").json
    assert [record["exit_code"] for record in records] == [step.exit_code for step in TOUR.steps]
    assert all(record["command"].startswith("cqrs ") and record["output"] for record in records)
    assert not any(record["differences"] for record in records)


def terminal(
    folder: Path, environ: dict[str, str], *words: str, typed: bytes = b"", columns: int = 80
) -> tuple[int, str]:
    """Run it on a terminal; what a person types is typed at once."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cqrs_cli", *words],
        cwd=folder,
        env={**environ, "COLUMNS": str(columns), "TERM": "xterm"},
        stdin=theirs if typed else subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, typed)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return process.returncode, shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a terminal as an input error
        return b""


@pytest.mark.parametrize("lesson", ALL, ids=lambda each: each.name)
def test_a_step_fits_a_screen(cqrs: Shell, lesson: Any) -> None:
    code, shown = terminal(cqrs.folder, cqrs.environ, "demo", *([] if lesson is TOUR else [lesson.name]))
    assert code == 0, shown
    drawn = [line for line in shown.splitlines() if line.startswith("─")]
    assert max(map(len, drawn), default=0) <= 80
    assert "[1;31m" not in shown, "a step's colours, made visible"
    steps = re.split(r"(?m)^# \d+/\d+ ", shown.replace("\r", ""))[1:]
    assert len(steps) == len(lesson.steps)
    assert max(step.count("\n") for step in steps) <= 24


def test_what_a_run_says_at_its_end_is_a_line_that_stays(cqrs: Shell) -> None:
    assert "position 4  2 sent\r\n" in terminal(cqrs.folder, cqrs.environ, "demo")[1]


def test_on_a_narrow_terminal_its_own_words_are_folded(cqrs: Shell) -> None:
    code, shown = terminal(cqrs.folder, cqrs.environ, "demo", columns=50)
    assert code == 0, shown
    assert "12 commands answered as they should" in shown
    assert max(len(line) for line in shown.splitlines() if line.startswith("# ") and "/" not in line) <= 50


def test_step_waits_for_enter(cqrs: Shell) -> None:
    code, shown = terminal(cqrs.folder, cqrs.environ, "demo", "--step", typed=b"\n" * len(TOUR.steps))
    assert code == 0, shown
    assert shown.count("Enter goes on") == len(TOUR.steps) - 1
    assert "12 commands answered as they should" in shown


@pytest.mark.parametrize("words", ["demo --step", "demo --step --json", "demo --list upcasting", "demo --list --step"])
def test_what_can_not_be_meant_is_refused(here: Any, words: str) -> None:
    ran = here(words)
    assert (ran.code, ran.out) == (2, "")
    assert "hint" in ran.err


def test_an_unknown_lesson(here: Any) -> None:
    assert "did you mean 'lost-update'?" in here("demo lost-updates").err
    ran = here("demo nothing-like-it")
    assert (ran.code, ran.out) == (2, "")
    assert "cqrs demo --list has them" in ran.err


def test_the_lessons_are_listed(here: Any) -> None:
    assert [(row["lesson"], row["title"]) for row in here("demo --list --json").json] == [
        (name, lesson(name).title) for name in NAMES
    ]
    told = here("demo --list").out
    assert all(name in told for name in NAMES)


def commands(text: str) -> list[str]:
    """What stands behind `$`, up to what it answers: the lines of the lessons that go on are known."""
    lines = {stage.here(step.line) for lesson in ALL for step in lesson.steps}
    found = re.findall(r"(?m)^\$ (export .*|cd .*)$", text)[:1]
    for part in re.split(r"(?m)^\$ ", text)[2:]:
        found.append(next(line for line in sorted(lines, key=len, reverse=True) if part.startswith(line + "\n")))
    return found


@pytest.mark.timeout(300)  # a process for each command
@pytest.mark.parametrize("name", ["", *NAMES])
def test_what_it_prints_works_in_a_shell(cqrs: Shell, tmp_path: Path, name: str) -> None:
    steps = next(each.steps for each in ALL if each.name == (name or "tour"))
    folder = tmp_path / "somewhere"
    folder.mkdir()
    typed = commands(cqrs("demo", *name.split()).stdout)
    assert len(typed) == len(steps) + 1
    answers = session(folder, [Step(0, command, 0, None) for command in typed])
    assert [code for code, _ in answers] == [0, *(step.exit_code for step in steps)], answers
    for (_, output), step in zip(answers[1:], steps, strict=True):
        if not step.line.startswith("cqrs run"):  # which says it otherwise where no person reads it
            assert not [text for text in step.shows if text not in output], (step, output)
            assert not [text for text in step.absent if text in output], (step, output)
    assert [path.name for path in folder.iterdir()] == [".bin"], "the programs of the session, and no store"


def test_a_run_is_shown_as_a_person_sees_it(here: Any) -> None:
    shown = here("demo").out
    assert "position 4  2 sent\n" in shown
    assert '"answered"' not in shown
    assert not re.search(r"\\r|\\x1b|\x1b", shown), "a line that is drawn and wiped is for a terminal of its own"


def test_a_changed_rule_is_noticed(monkeypatch: pytest.MonkeyPatch, here: Any) -> None:
    monkeypatch.setattr(Rejected, "exit_code", 0)
    ran = here("demo")
    assert ran.code == boundary.BUG
    assert "error[demo-differs]: the demo differs at its step 5 of 12: exit code 0, expected 1" in ran.err
    assert ran.out.count("$ cqrs ") == 5


def test_a_lesson_that_differs_fails(monkeypatch: pytest.MonkeyPatch, here: Any) -> None:
    other = TOUR.steps[1]._replace(shows=("what it never says",))
    monkeypatch.setattr(command, "TOUR", TOUR._replace(steps=(TOUR.steps[0], other, *TOUR.steps[2:])))
    ran = here("demo")
    assert ran.code == boundary.BUG
    assert "error[demo-differs]: the demo differs at its step 2 of 12: 'what it never says' is missing" in ran.err
    assert ran.out.count("$ cqrs ") == 2


@pytest.mark.parametrize(("lesson", "number"), [(each, at) for each in ALL for at in range(len(each.steps))])
def test_every_step_is_checked(lesson: Any, number: int) -> None:
    """A step that ends otherwise, or (where it has a point) says nothing: the lesson ends there, with differences."""
    texts = ["".join(step.shows) for step in lesson.steps]
    for code, said in ((99, texts[number]), (lesson.steps[number].exit_code, "")):
        on = stage.Stage(terminal=False)
        answers = [(step.exit_code, text) for step, text in zip(lesson.steps, texts, strict=True)]
        answers[number] = (code, said)
        on.run = lambda line, left=answers: left.pop(0)  # type: ignore[method-assign, misc]
        ran = list(on.play(lesson))
        if code == 99 or lesson.steps[number].shows:
            assert len(ran) == number + 1
            assert ran[-1].differences
        assert not any(each.differences for each in ran[:-1])


@pytest.mark.parametrize("lesson", ALL, ids=lambda each: each.name)
def test_a_lesson_is_short(lesson: Any) -> None:
    assert 8 <= len(lesson.steps) <= 12
    assert len(lesson.about) < 330
    assert len(lesson.moral) < 330
    assert all(len(step.note) < 160 for step in lesson.steps)
    assert max(len(line) for step in lesson.steps for line in step.line.splitlines()) < 125
    assert sum(bool(step.shows) for step in lesson.steps) >= len(lesson.steps) // 2


@pytest.mark.parametrize("lesson", ALL, ids=lambda each: each.name)
def test_what_must_not_be_said_is_no_part_of_a_time_or_an_id(lesson: Any) -> None:
    """Digits may be those of a millisecond, letters up to f those of a UUID."""
    absent = [text for step in lesson.steps for text in step.absent if step.line.split()[1] in ("log", "show", "trace")]
    assert [text for text in absent if re.fullmatch(r"[0-9a-f.:-]+", text)] == []
