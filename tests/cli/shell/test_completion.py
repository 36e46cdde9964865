"""Completion: read only, silent on every failure, and nothing in it that a shell could run."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.registry import open_store

ROOT = Path(__file__).parents[3]
READING = """
from cqrs_cli import Aggregate, Command, Domain, Event, Projection, decide, evolve

class Noted(Event):
    note_id: str

class Note(Aggregate, key="note_id"):
    note_id: str

    @evolve
    def noted(self, event: Noted) -> None: ...

class Directory(Projection, key="note_id"):
    note_id: str

    @evolve
    def noted(self, event: Noted) -> None: ...

class Standing(Projection, key="note_id"):
    note_id: str

    @evolve
    def noted(self, event: Noted) -> None: ...

domain = Domain("reading", Note, Directory, Standing)
"""
PATIENT = """
import sys
from cqrs_cli.__main__ import main
from cqrs_cli.cli.shell import completion

completion.PATIENCE = float(sys.argv[1])
sys.exit(main())
"""


@pytest.fixture
def complete(tmp_path):
    """What a shell would be offered after `cqrs WORDS`, by who looks at a store for so many seconds at most."""

    def run(words, shell="bash", patience=60.0, **environ):
        line = f"cqrs {words}"
        asked = {
            "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
            "zsh": {"_TYPER_COMPLETE_ARGS": line},
            "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
        }[shell]
        ran = subprocess.run(
            [sys.executable, "-c", PATIENT, str(patience)],
            cwd=tmp_path,
            env={
                "PYTHONPATH": str(ROOT),
                "PATH": os.environ["PATH"],
                "_CQRS_COMPLETE": f"complete_{shell}",
                **asked,
                **environ,
            },
            capture_output=True,
            encoding="utf-8",
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout.split() if shell == "bash" else ran.stdout

    return run


def test_commands_and_options(complete):
    assert complete("st") == ["streams", "stats"]
    assert complete("log --re") == ["--reverse"]
    assert complete("--st") == []
    assert complete("log --fo") == ["--follow"]


def test_topics_and_lessons(complete):
    assert complete("help ex") == ["expressions", "exit-codes"]
    assert complete("demo up") == ["upcasting"]


def test_names_from_the_store(complete, orders):
    assert complete("log ord") == ["order-1", "order-2"]
    assert complete("log order-1 --type It") == ["ItemAdded"]
    assert complete("log --category cr") == ["credit_note"]
    assert complete("streams o") == ["order"]
    orders.rename(orders.parent / "other.db")
    assert complete("log ord") == []
    assert complete("--store other.db log ord") == ["order-1", "order-2"]
    assert complete("log ord", CQRS_STORE="other.db") == ["order-1", "order-2"]


def test_a_server_that_does_not_answer_is_not_waited_for(complete):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/shop?connect_timeout=1000&timeout=1000"
        assert complete("log ord", patience=0.5, CQRS_STORE=url) == []
        assert complete("project st", patience=0.5, CQRS_STORE=url) == []
    assert complete("log ord", CQRS_STORE=f"{url}&schema=shop") == []


def test_a_store_that_is_slow_is_left(orders, here, monkeypatch):
    monkeypatch.setattr(completion, "PATIENCE", 0.05)
    forever = completion.from_store(lambda store, incomplete: [str(time.sleep(1000))])
    with Session():
        assert forever("ord") == []


def test_projections_are_those_of_the_domain_before_they_have_rows(complete, tmp_path):
    module = tmp_path / "reading.py"
    module.write_text(READING)
    assert complete("--app reading project ") == ["directory", "standing"]
    assert complete("--app reading project st") == ["standing"]
    assert not list(tmp_path.glob("cqrs.db*"))
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        store.append(Commit("1", (NewEvent("a-1", "Noted", 1, b'{"note_id": "1"}'),)))
    words = [sys.executable, "-m", "cqrs_cli", "--app", "reading", "project"]
    subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    module.write_text("raise SystemExit(5)")
    assert complete("--app reading project ") == ["directory", "standing"]


def test_zsh_and_fish(complete, orders):
    assert complete("log ord", "zsh") == '_arguments \'*: :(("order-1"\n"order-2"))\'\n'
    assert complete("log ord", "fish") == "order-1\norder-2\n"


def test_every_failure_is_silent_and_nothing_is_written(complete, tmp_path):
    assert complete("log ord") == []
    assert complete("send cre") == []
    assert complete("nonsense x") in ([], complete(""))
    (tmp_path / "cqrs.db").write_bytes(b"no database at all, but long enough to be one" * 50)
    assert complete("log ord") == []
    (tmp_path / "cqrs.toml").write_text("stor = broken")
    assert complete("log ord") == []
    assert complete("log ord", COMP_CWORD="x") == []
    assert sorted(os.listdir(tmp_path)) == ["cqrs.db", "cqrs.toml"]


def test_no_code_of_others_runs(complete, tmp_path):
    """Whoever presses TAB in a folder that somebody else may write to did not ask for anything to be run."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "reading.py").write_text(READING + "open('ran', 'w').close()\n")
    (folder / "cqrs.toml").write_text('app = "reading:domain"')
    (tmp_path / "cqrs.toml").write_text('app = "reading:domain"')
    assert complete("project ", CQRS_CONFIG=str(folder / "cqrs.toml")) == ["directory", "standing"]
    (tmp_path / "ran").unlink()
    folder.chmod(0o777)
    assert complete("project ", CQRS_CONFIG=str(folder / "cqrs.toml")) == []
    assert complete("send ", CQRS_CONFIG=str(folder / "cqrs.toml")) == []
    assert not (tmp_path / "ran").exists()


def test_what_the_domain_prints_is_not_offered(complete, tmp_path):
    (tmp_path / "cqrs.toml").write_text('app = "loud"')
    (tmp_path / "loud.py").write_text("import sys\nprint('stdout')\nprint('stderr', file=sys.stderr)\n")
    assert complete("send ") == []
    with (tmp_path / "loud.py").open("a") as module:
        module.write("raise SystemExit(5)\n")
    assert complete("send ") == []


def test_what_a_shell_could_run_is_not_offered(complete, tmp_path):
    names = ["$(touch x)", "`touch x`", "a b", "a;b", "A\\$(touch x)", "ok", "a'b", 'a"b', "a\nb"]
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        for number, name in enumerate(names):
            try:
                store.append(Commit(str(number), (NewEvent("a-1", name, 1, b"{}"),)))
            except Exception:
                continue
    assert complete("log --type ") == ["ok"]
    assert list(completion._offered(names, "")) == ["ok"]


def test_offers_are_few():
    assert len(completion._offered((f"order-{n}" for n in range(10**9)), "")) == completion.MOST


def test_the_script_goes_to_a_file(here, tmp_path):
    for words in ("--show-completion bash -o script", "-o script --show-completion bash"):
        ran = here(words)
        assert (ran.code, ran.out) == (0, "")
        assert "_cqrs_completion" in (tmp_path / "script").read_text()
        (tmp_path / "script").unlink()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(here, monkeypatch, shell):
    ran = here(f"--show-completion {shell}")
    assert ran.code == 0
    assert "_CQRS_COMPLETE" in ran.out
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    assert here("--show-completion").out == ran.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ran.out, text=True, check=True)


def test_an_unknown_shell_is_a_usage_error(here, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert here("--show-completion --json").error["message"] == "no completion for 'tcsh'"
    monkeypatch.delenv("SHELL")
    assert here("--install-completion").code == 2
    monkeypatch.setenv("SHELL", "/bin/bash")
    for spelt in ("--install-completion tcsh", "--install-completion=tcsh", "--show-completion tcsh"):
        ran = here(spelt)
        assert (ran.code, ran.out) == (2, "")
        assert "no completion for 'tcsh'" in ran.err


def test_install(here, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    ran = here("--install-completion bash")
    assert (ran.code, ran.out) == (0, "")
    assert "_CQRS_COMPLETE" in (tmp_path / ".bash_completions" / "cqrs.sh").read_text()


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_in_a_real_bash(orders, tmp_path, here):
    (tmp_path / "cqrs").write_text(f'#!/bin/sh\nexec {sys.executable} -m cqrs_cli "$@"\n')
    (tmp_path / "cqrs").chmod(0o755)
    script = here("--show-completion bash").out + (
        'COMP_WORDS=(cqrs log ord); COMP_CWORD=2; _cqrs_completion cqrs; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == ["order-1", "order-2"]
