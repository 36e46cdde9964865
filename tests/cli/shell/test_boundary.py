"""Errors become exit codes and messages in one place; Ctrl-C and broken pipes are silent."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from cqrs_cli.cli.printing.documents import Table, Text
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.shell import app, boundary
from cqrs_cli.cli.shell.command import make
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Conflict, DomainFailed, InvalidInput, Rejected

ROOT = Path(__file__).parents[3]
PROGRAM = "import sys; from cqrs_cli.__main__ import main; sys.exit(main())"


@pytest.fixture
def command(monkeypatch, here):
    """Run a function as the command `log`, with these words after it."""

    def run(function, *words):
        monkeypatch.setattr(app, "_load", lambda entry: make(function, "log"))
        return here("log", *words)

    return run


def raising(error: BaseException) -> Callable[[], None]:
    def log() -> None:
        """Fails."""
        raise error

    return log


@pytest.mark.parametrize(
    ("error", "exit_code", "said"),
    [
        (Rejected("not enough in stock", code="out-of-stock"), 1, "error[out-of-stock]: not enough in stock\n"),
        (Conflict("a-1 is at version 5, expected 4", hint="cqrs log a-1"), 4,
         "error[conflict]: a-1 is at version 5, expected 4\nhint: cqrs log a-1\n"),
        (InvalidInput("2 fields", ("--a: no", "--b: no")), 2, "error[invalid-input]: 2 fields\n  --a: no\n  --b: no\n"),
        (DomainFailed("it broke", traceback="T:\n  File"), 8, "T:\n  File\nerror[domain-failed]: it broke\n"),
        (Rejected("\x1b[2J\u202e"), 1, "error[rejected]: \\x1b[2J\\u202e\n"),
    ],
)  # fmt: skip
def test_errors_of_ours(command, error, exit_code, said):
    ran = command(raising(error))
    assert (ran.code, ran.out, ran.err) == (exit_code, "", said)


def test_errors_of_ours_as_json(command):
    ran = command(raising(Conflict("no", hint="do", stream="a-1", actual=5)), "--json")
    assert ran.code == 4
    assert json.loads(ran.err) == {
        "error": {"code": "conflict", "message": "no", "hint": "do", "stream": "a-1", "actual": 5}
    }
    ran = command(raising(DomainFailed("no", traceback="T")), "--jsonl")
    assert ran.error["traceback"] == "T"
    assert command(raising(InvalidInput("no", ("--a: x",))), "--json").error["complaints"] == ["--a: x"]


def test_a_bug_is_one_line_and_70(command):
    ran = command(raising(KeyError("x\ny")))
    assert (ran.code, ran.out) == (70, "")
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("error[bug]: KeyError: ")
    assert "Traceback" in command(raising(KeyError("x")), "--debug").err
    assert command(raising(KeyError("x")), "--json").error["code"] == "bug"
    assert command(raising(RecursionError())).code == 70


def test_debug_is_a_setting_like_others(command, monkeypatch, tmp_path):
    assert "Traceback" not in command(raising(KeyError("x"))).err
    monkeypatch.setenv("CQRS_DEBUG", "1")
    assert "Traceback" in command(raising(KeyError("x"))).err
    monkeypatch.delenv("CQRS_DEBUG")
    (tmp_path / "cqrs.toml").write_text("debug = true")
    assert "Traceback" in command(raising(KeyError("x"))).err


def test_an_error_of_a_file_is_not_one_of_the_output(command):
    assert command(raising(OSError(errno.EIO, "it broke"))).err.startswith("error[output]")
    ran = command(raising(OSError(errno.EIO, "it broke", "notes.txt")))
    assert (ran.code, ran.err.startswith("error[bug]: OSError: ")) == (70, True)


def test_words_after_a_double_dash_are_no_options(here):
    assert not here("lgo -- --json").err.startswith("{")
    assert here("lgo --json --").err.startswith("{")


def test_codes_that_a_command_returns_or_exits_with(command):
    def five() -> int:
        return 5

    assert command(five).code == 5
    assert command(raising(typer.Exit(1))).code == 1
    assert command(raising(SystemExit(3))).code == 3
    assert command(raising(SystemExit("text"))).code == 70
    assert command(lambda: None).code == 0


def test_interrupted_and_broken_pipe_are_silent(command):
    assert command(raising(KeyboardInterrupt()))[:3] == (130, "", "")
    assert command(raising(typer.Abort())) == (130, "", "")


def test_what_an_interrupted_or_failed_run_wrote_is_not_kept(command, tmp_path):
    for error in (KeyboardInterrupt(), Rejected("no"), KeyError("x")):

        def work(raised=error):
            current().printer.print(Text("half"))
            raise raised

        ran = command(_without_parameters(work), "-o", "out.txt")
        assert ran.code in (130, 1, 70)
        assert not os.listdir(tmp_path)
    assert command(lambda: current().printer.print(Text("whole")) and None, "-o", "out.txt").code == 0
    assert (tmp_path / "out.txt").read_text() == "whole\n"


def _without_parameters(work: Callable[[], Any]) -> Callable[[], None]:
    def log() -> None:
        work()

    return log


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("lgo", "no such command: lgo", "did you mean 'log'?"),
        ("zzz", "no such command: zzz", "cqrs --help lists them"),
        ("log --jsno", "no such option: --jsno", "--json"),
        ("log -x", "no such option: -x", "cqrs log --help shows what it takes"),
        ("log --limit", "option '--limit' requires an argument", "cqrs log --help shows what it takes"),
        ("run --retry", "option '--retry' requires an argument", "cqrs run --help shows what it takes"),
        ("log --format", "option '--format' requires an argument", "cqrs log --help shows what it takes"),
        ("sql -o", "option '-o' requires an argument", "cqrs sql --help shows what it takes"),
        ("--store", "option '--store' requires an argument", "cqrs --help shows what it takes"),
        ("streams a b c", "got unexpected extra argument(s) (b c)", "cqrs streams --help"),
        ("log --format xml", "--format: no format is called 'xml'", "table, json"),
        ("--sotre x log", "no such option: --sotre", "--store"),
        ("log --color blue", "--color: no color is called 'blue'", "auto"),
    ],
)
def test_usage(here, words, message, hint):
    ran = here(words)
    assert (ran.code, ran.out) == (2, "")
    said = ran.err.splitlines()
    assert said[0] == f"error[{'configuration' if 'called' in message else 'usage'}]: {message}"
    assert said[1].startswith("hint: ")
    assert hint in said[1]
    for spelling in (["--json", *words.split()], ["--format=jsonl", *words.split()]):
        if "format" not in words:
            error = here(*spelling).error
            assert error["message"] == message
            assert hint in error["hint"]


def test_json_errors_by_environment_and_file(here, monkeypatch, tmp_path):
    assert not here("lgo").err.startswith("{")
    (tmp_path / "cqrs.toml").write_text('format = "json"')
    assert here("lgo").error["code"] == "usage"
    assert not here("lgo --csv").err.startswith("{")
    (tmp_path / "cqrs.toml").write_text("stor = 7")
    monkeypatch.setenv("CQRS_FORMAT", "jsonl")
    assert here("log").error["code"] == "configuration"
    assert not here("--csv lgo").err.startswith("{")


def test_errors_are_red_only_on_a_terminal_that_wants_it(here):
    assert "\x1b" not in here("lgo").err
    assert here("lgo --color always").err.startswith("\x1b[1;31merror[usage]:\x1b[0m no such command")


def test_the_colour_of_errors_is_a_setting_like_others(here, tmp_path, monkeypatch):
    config = tmp_path / "cqrs.toml"
    config.write_text('color = "always"')
    assert "\x1b" in here("lgo").err
    assert "\x1b" not in here("lgo --color never").err
    monkeypatch.setenv("CQRS_COLOR", "never")
    assert "\x1b" not in here("lgo").err
    config.write_text('color = "never"')
    monkeypatch.delenv("CQRS_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in here("lgo").err
    config.write_text("stor = 7")
    assert "\x1b" in here("lgo").err


class Gone(BaseException):
    """As the CancelledError of a coroutine: no Exception."""


def test_whatever_is_raised_becomes_an_exit_code(command):
    ran = command(raising(Gone("away")))
    assert ran.code == 70
    assert ran.err == "error[bug]: Gone: away (this is a bug in cqrs; --debug prints the traceback)\n"


def test_a_rejection_of_other_types_and_with_control_characters(command):
    ran = command(raising(Rejected(cast(str, 5), code="a\x1b[2J")))
    assert (ran.code, ran.err) == (1, "error[a\\x1b[2J]: 5\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
@pytest.mark.parametrize("format", ["--json", "--jsonl"])
def test_what_is_no_number_is_not_printed_as_json(command, value, format):
    def log() -> None:
        """Prints."""
        current().printer.print(Table([{"total": value}]))

    ran = command(log, format)
    assert (ran.code, ran.error["code"]) == (2, "no-json")
    assert "NaN" not in ran.out
    assert command(log).code == 0


@pytest.mark.parametrize(
    "words",
    ["streams \udcff", "trace a\udcff", "log --category \udcff", "sql SELECT'\udcff'", "sql SELECT:a --param a=\udcff"],
)
def test_bytes_that_are_no_text(orders, here, words):
    ran = here(words)
    assert (ran.code, ran.out) == (2, "")
    assert "is no text in UTF-8\nhint: " in ran.err


def test_what_the_user_did_not_type_is_not_blamed_on_the_words(orders, here, monkeypatch):
    def broken(self, *words, **more):
        "\udcff".encode()

    monkeypatch.setattr(Printer, "print", broken)
    assert here("streams").code == 70
    assert here("streams x").code == 70


@pytest.mark.parametrize("words", ["log", "config", "streams --json"])
def test_a_working_directory_that_is_gone(tmp_path, words):
    command = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m cqrs_cli {words}"
    ran = subprocess.run(
        ["sh", "-c", command], env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert ran.returncode == 2, ran.stderr
    assert "the working directory is not there any more" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_commands_in_hints_are_for_the_store_and_domain_that_were_named(here, tmp_path):
    named = "--app shop:domain --store 'my shop.db'"
    ran = here("log", "--store", "my shop.db", "--app", "shop:domain")
    assert ran.err.splitlines()[-1] == f"hint: the first cqrs {named} send creates it; another one: --store PATH"
    assert named in here("log", "--store", "my shop.db", "--app=shop:domain", "--json").error["hint"]
    assert here("log").err.splitlines()[-1] == "hint: the first cqrs send creates it; another one: --store PATH"


# ── real processes ────────────────────────────────────────────────────────────────────────────


def start(folder: Path, *words: str, python: Sequence[str] = (), **options: Any) -> subprocess.Popen[Any]:
    """A process of its own, buffered as a user's is (whatever the one that tests)."""
    own = ("CQRS_", "PYTHON")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    environ["PYTHONPATH"] = str(ROOT)
    return subprocess.Popen(
        [sys.executable, *python, "-m", "cqrs_cli", *words],
        cwd=folder,
        env=environ,
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **options},
    )


def test_exit_codes_reach_the_shell(cqrs):
    assert "cqrs 0" in cqrs("-V").stdout
    cqrs("lgo", exit_code=2)
    cqrs("log", exit_code=3)


@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_broken_pipe_is_141_and_silent(fill, tmp_path, python):
    fill(*[("order-1", "OrderCreated", {"text": "x" * 500})] * 500)
    for words in (["--jsonl"], ["--json"], []):
        with start(tmp_path, "log", *words, python=python) as running:
            assert running.stdout
            assert running.stderr
            running.stdout.read(10)
            running.stdout.close()
            assert running.stderr.read() == b""
            assert running.wait(100) == 141


@pytest.mark.parametrize("words", ["log --json -n 1", "log -n 1", "--version", "log --help"])
@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_pipe_that_nobody_ever_read(orders, tmp_path, words, python):
    reading, writing = os.pipe()
    os.close(reading)
    running = start(tmp_path, *words.split(), python=python, stdout=writing)
    os.close(writing)
    assert running.communicate(timeout=100)[1] == b""
    assert running.returncode == 141


@pytest.mark.parametrize("words", ["log --json", "--version --json", "log --help --json"])
@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_full_disk_is_an_error(orders, tmp_path, words, python):
    with open("/dev/full", "w") as full:
        running = start(tmp_path, *words.split(), python=python, stdout=full)
        _, err = running.communicate(timeout=100)
    assert running.returncode == 7
    assert json.loads(err)["error"]["code"] == "output"


CLOSED = """
import os, sys
os.close(int(sys.argv.pop(1)))
os.execv(sys.executable, [sys.executable, "-m", "cqrs_cli", *sys.argv[1:]])
"""


def closing(folder: Path, descriptor: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the words with a standard stream closed."""
    return subprocess.run(
        [sys.executable, "-c", CLOSED, str(descriptor), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("words", ["log", "log --csv", "stats", "streams --json", "-V", "log --help"])
def test_a_closed_standard_output_is_an_error(orders, tmp_path, words):
    ran = closing(tmp_path, 1, *words.split())
    assert ran.returncode == 7, ran.stderr
    assert "standard output can't be written: it is closed" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert closing(tmp_path, 1, *words.split(), "-o", "there").returncode == 0 or words in ("-V", "log --help")


def test_with_a_closed_standard_error_the_exit_code_has_to_do(orders, tmp_path):
    assert closing(tmp_path, 2, "stats", "--json").returncode == 0
    ran = closing(tmp_path, 2, "log", "--store", "none.db")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert (closing(tmp_path, 2, "log", "--nope").returncode, closing(tmp_path, 1, "log", "--nope").returncode) == (
        2,
        2,
    )


def test_ctrl_c_during_imports_is_130_and_silent(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os, signal\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "cqrs_cli", "--version"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


@pytest.mark.parametrize("words", [["log", "--csv"], ["stats"], ["streams", "--json"]])
@pytest.mark.parametrize("python", [["-m", "cqrs_cli"], ["-P", "-c", PROGRAM]], ids=["module", "program"])
def test_reading_imports_nothing_of_the_folder(orders, tmp_path, words, python):
    # `python -m` has the working directory on its path until our first line; the program `cqrs` never has.
    late = ["queue", "csv", "shlex", "select", "cqrs_domain"]
    for name in late if "-m" in python else [*late, "json", "typing", "enum"]:
        (tmp_path / f"{name}.py").write_text("print('it ran')\nraise SystemExit(99)\n")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "CQRS_APP": "cqrs_domain:domain"}
    ran = subprocess.run(
        [sys.executable, *python, *words], cwd=tmp_path, env=environ, capture_output=True, encoding="utf-8"
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "it ran" not in ran.stdout


def test_what_a_domain_prints_at_exit_is_no_data(cqrs):
    cqrs("init")
    with open(cqrs.folder / "shop.py", "a") as file:
        file.write("import atexit, os\natexit.register(print, 'bye')\natexit.register(os.system, 'echo bye')\n")
    ran = cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1", "--json")
    assert json.loads(ran.stdout)["status"] == "committed"
    assert ran.stderr.splitlines()[-2:] == ["bye", "bye"]
    assert cqrs("send", "--help").stderr.splitlines() == ["bye", "bye"]


def test_ctrl_c_while_working_is_130_and_silent(orders, tmp_path):
    running = start(tmp_path, "log", "-f", "--jsonl")
    assert running.stdout
    running.stdout.readline()
    time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=100)
    assert (running.returncode, err) == (130, b"")


def test_a_narrow_encoding_loses_no_row(fill, tmp_path):
    fill(("order-1", "OrderCreated", {"text": "漢字 é"}))
    for words in ([], ["--json"], ["--csv"]):
        running = subprocess.run(
            [sys.executable, "-m", "cqrs_cli", "log", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=True,
        )
        if words == ["--json"]:
            assert json.loads(running.stdout)[0]["data"] == {"text": "漢字 é"}
        assert b"order-1" in running.stdout


def test_the_boundary_lets_nothing_through(monkeypatch, here):
    def explode(session):
        raise MemoryError

    monkeypatch.setattr(boundary, "_run", explode)
    assert here("log").code == 70
