"""Where a lesson is played: a temporary folder, a store that is gone afterwards, and nobody's settings.

Each line is really run, and what it answers is compared with what it must answer: a lesson that differs fails. What
is printed works word for word in a shell: the settings are shown first.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step
from cqrs_cli.cli.printing.output import is_terminal
from cqrs_cli.cli.shell import boundary

STORE = "demo.db"
NARROW = 80
"""In fewer columns tables drop some of theirs, so that only exit codes are compared."""

_SAMPLES = "samples.lessons"
_EXPORT = re.compile(r"export CQRS_APP=(\S+)")
_OF_A_SHELL = re.compile(r"[|&;<>$]")


class Ran(NamedTuple):
    """A step that was run: its output (data and notes, in order) and in what it differed, if it did."""

    step: Step
    line: str
    exit_code: int
    output: str
    differences: tuple[str, ...]


class Captured(io.StringIO):
    """What a step prints, drawn for the terminal that it is going to be shown on, if it is one."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


class Notes(io.TextIOBase):
    """What a step notes, among what it prints; no terminal, so that no line of progress is drawn and wiped."""

    def __init__(self, output: Captured) -> None:
        super().__init__()
        self._output = output

    def write(self, text: str) -> int:
        return self._output.write(text)


class Stage:
    """Runs lines one by one. terminal: whether what they print is drawn for one."""

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal
        self.compares = not terminal or shutil.get_terminal_size().columns >= NARROW

    def play(self, lesson: Lesson) -> Iterator[Ran]:
        """Run the steps of a lesson up to the first that differs; each is given as it was run."""
        for step in lesson.steps:
            line = here(step.line)
            exit_code, output = self.run(line)
            ran = Ran(step, line, exit_code, output, tuple(self._differences(step, exit_code, output)))
            yield ran
            if ran.differences:
                return

    def run(self, line: str) -> tuple[int, str]:
        """The exit code and all that was printed. Raises `KeyboardInterrupt`."""
        if export := _EXPORT.fullmatch(line):
            os.environ["CQRS_APP"] = export[1]
            return 0, ""
        if not line.startswith("cqrs ") or _OF_A_SHELL.search(line):
            return _in_a_shell(line)
        words = shlex.split(line)[1:]
        # Away from a terminal a run tells its progress to programs, in JSON; a person reads this.
        output = Captured(self.terminal or words[0] == "run")
        with redirect_stdout(output), redirect_stderr(Notes(output)):
            exit_code = boundary.run(words)
        if exit_code == boundary.INTERRUPTED:
            raise KeyboardInterrupt
        return exit_code, output.getvalue()

    def _differences(self, step: Step, exit_code: int, answer: str) -> Iterator[str]:
        if exit_code != step.exit_code:
            yield f"exit code {exit_code}, expected {step.exit_code}"
        if self.compares:
            yield from (f"{text!r} is missing in what it answered" for text in step.shows if text not in answer)
            yield from (f"{text!r} should not be in what it answered" for text in step.absent if text in answer)


def _in_a_shell(line: str) -> tuple[int, str]:
    cqrs = f'cqrs() {{ {shlex.quote(sys.executable)} -m cqrs_cli "$@"; }}\n'
    ran = subprocess.run(["sh", "-c", cqrs + line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    return ran.returncode, ran.stdout


def package() -> Path:
    """The folder of `cqrs_cli`."""
    return Path(__file__).resolve().parents[3]


def here(text: str) -> str:
    """With the samples named as they are here: inside the package in a wheel, beside it in a checkout."""
    return text.replace(_SAMPLES, f"{package().name}._{_SAMPLES}") if (package() / "_samples").is_dir() else text


def app(module: str) -> str:
    """The domain of a lesson's module, as `--app` names it."""
    return here(f"{_SAMPLES}.{module}:domain")


def settings(module: str) -> str:
    """The line with which a shell gets the same settings, and a new folder each time."""
    return f'cd "$(mktemp -d)"; export CQRS_APP={app(module)} CQRS_STORE={STORE}'


@contextmanager
def prepared(module: str) -> Iterator[Stage]:
    """A temporary folder and the lesson's settings in the environment; gives what runs lines there.

    The folder is the working directory and settings of the caller's environment don't count until it is left.
    """
    # On Windows an open store would keep the folder from being removed.
    with tempfile.TemporaryDirectory(prefix="cqrs-demo-", ignore_cleanup_errors=True) as name:
        path, environ = list(sys.path), dict(os.environ)
        try:
            for variable in [variable for variable in environ if variable.startswith("CQRS_")]:
                del os.environ[variable]
            os.environ |= {"CQRS_APP": app(module), "CQRS_STORE": STORE}
            os.environ |= {"NO_COLOR": "1", "COLUMNS": str(shutil.get_terminal_size().columns)}
            given = environ.get("PYTHONPATH")
            os.environ["PYTHONPATH"] = os.pathsep.join([str(package().parent), *([given] if given else [])])
            with chdir(name):
                yield Stage(is_terminal(sys.stdout))
        finally:
            os.environ.clear()
            os.environ |= environ
            sys.path[:] = path
