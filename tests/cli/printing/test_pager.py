"""A pager for what no screen holds: where it comes, where it never does, and that it loses nothing."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.printing import pager
from tests.cli.terminal import Shown, on_a_terminal

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow
Typed = Callable[..., Shown]


@pytest.fixture
def many(fill: Callable[..., Path]) -> Path:
    """A hundred events: four screens."""
    return fill(*[(f"order-{n}", "OrderCreated", {"n": n}) for n in range(100)])


@pytest.fixture
def typed(many: Path, tmp_path: Path) -> Typed:
    """`cqrs WORDS` on a terminal, with this pager: a shell line that is a program of its own."""

    def run(words: str, program: str | None = None, keys: Any = (), **environ: str) -> Shown:
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **environ}
        if program is not None:
            script = tmp_path / "page"
            script.write_text(f"#!/bin/sh\n{program}\n")
            script.chmod(0o755)
            env["CQRS_PAGER"] = str(script)
        os.chdir(tmp_path)
        return on_a_terminal([sys.executable, "-m", "cqrs_cli", *words.split()], env, keys)

    return run


@pytest.fixture(autouse=True)
def stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def rows(shown: Shown) -> list[str]:
    return [line for line in shown.text.splitlines() if line.lstrip().startswith("@")]


def test_what_no_screen_holds_is_paged_and_what_fits_is_not(typed: Typed) -> None:
    paged = typed("log", "echo PAGED; cat")
    assert (paged.text.startswith("PAGED\n"), len(rows(paged)), paged.code) == (True, 100, 0)
    fits = typed("log -n 10", "echo PAGED; cat")
    assert ("PAGED" in fits.text, len(rows(fits)), fits.code) == (False, 10, 0)
    assert "PAGED" in typed("streams --json", "echo PAGED; cat").text, "whatever the format"


@pytest.mark.parametrize("words", ["log --no-pager", "log -f -n 100", "log -o out.txt"])
def test_where_there_is_none(typed: Typed, words: str) -> None:
    shown = typed(words, "echo PAGED; cat")
    assert ("PAGED" in shown.text, shown.code) == (False, 0)


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"CQRS_NO_PAGER": "1"}, {"PAGER": "cat"}, {"PAGER": ""}])
def test_what_turns_it_off(typed: Typed, environ: dict[str, str]) -> None:
    program = None if "PAGER" in environ else "echo PAGED; cat"
    shown = typed("log", program, **environ)
    assert ("PAGED" in shown.text, len(rows(shown)), shown.code) == (False, 100, 0)


def test_a_settings_file_turns_it_off_and_names_no_program(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "cqrs.toml").write_text("no-pager = true")
    assert "PAGED" not in typed("log", "echo PAGED; cat").text
    (tmp_path / "cqrs.toml").write_text('pager = "touch pwned"')
    assert typed("log").code == 2
    assert not (tmp_path / "pwned").exists()


def test_on_a_pipe_there_is_none(many: Path, here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_PAGER", "echo PAGED")
    assert len(here("log").out.splitlines()) == 100


@pytest.mark.parametrize(
    ("program", "trouble"),
    [
        ("exit 3", "ended with exit 3"),
        ("head -c 10 >/dev/null; exit 1", "ended with exit 1"),
        ("kill -9 $$", "exit -9"),
    ],
)
def test_a_pager_that_fails_loses_nothing(typed: Typed, program: str, trouble: str) -> None:
    shown = typed("log", program)
    assert len(rows(shown)) == 100
    assert trouble in shown.text
    assert shown.code == 0


def test_a_pager_that_is_not_there_loses_nothing(typed: Typed) -> None:
    shown = typed("log", CQRS_PAGER="nosuchpager -x")
    assert len(rows(shown)) == 100
    assert "nosuchpager can't be started" in shown.text
    assert typed("log", CQRS_PAGER="less '").code == 2


def test_leaving_early_is_silent(typed: Typed, fill: Callable[..., Path]) -> None:
    fill(*[(f"order-{n}", "OrderCreated", {"text": "x" * 500}) for n in range(1_000)])  # more than a pipe holds
    shown = typed("log --wide", "head -n 3")
    assert (len(rows(shown)), shown.code) == (3, 0)
    assert len(shown.text.splitlines()) <= 3, shown.text[-500:]


@pytest.mark.skipif(shutil.which("less") is None, reason="no less here")
def test_less_shows_a_screen_and_q_ends_it(typed: Typed) -> None:
    shown = typed("log", keys=[("@20", b"q")])
    assert 20 <= len(rows(shown)) < 30
    assert (shown.code, "error" in shown.text, "Traceback" in shown.text) == (0, False, False)


@pytest.mark.skipif(shutil.which("less") is None, reason="no less here")
def test_an_interrupt_is_for_the_pager_and_silent(typed: Typed) -> None:
    shown = typed("log", keys=[("@20", b"\x03"), ("@20", b"q")])
    assert shown.code in (0, 130), shown
    assert ("Traceback" in shown.text, "error" in shown.text) == (False, False)


def test_notes_come_when_it_is_read(typed: Typed) -> None:
    shown = typed("log --type OrderCreated --type Nothing", "cat; sleep 0.2; echo END")
    assert shown.text.index("no event has the type") < shown.text.index("@1"), "what was said before is said before"


def test_the_words_of_a_pager() -> None:
    assert pager.command({"CQRS_PAGER": "less -S", "PAGER": "more"}) == ["less", "-S"]
    assert pager.command({"PAGER": "more 'a b'"}) == ["more", "a b"]
    assert pager.command({"CQRS_PAGER": "cat", "PAGER": "more"}) is None
    assert pager.command({"PATH": "/nonexistent"}) is None
    assert pager.command({"PATH": os.environ["PATH"]}) == (["less", "-FRX"] if shutil.which("less") else None)
