"""The commands in the documents do what the documents show.

A document is one session in an empty folder, run by bash, block after block. In a block marked `console`

    $ cqrs send …          a command; it goes on in the next line after a backslash
    ? 1                    the exit code of the command before (0 without); so does `# exit 1` behind the command
    ann  Oslo              what it prints, standard error included; nothing is compared where nothing is shown
    …                      any lines; at the end of a line: the rest of it

A `python` block whose first line is `# name.py` is a file in the folder. In what is compared, ids, times and durations are
all the same, and so is any amount of space or line.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
_PAGES = (
    "ci",
    "domain",
    "fork",
    "impact",
    "http",
    "looking-back",
    "operations",
    "pages",
    "verify",
    "python",
    "read-side",
    "repair",
    "scenarios",
    "sending",
    "testing",
    "writing-a-domain",
)
DOCUMENTS = ("README.md", *(f"docs/{name}.md" for name in _PAGES))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXIT = re.compile(r"\s+# exit (\d+)\s*$")
MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\b\d+\.\d+ s\b|(?<=\"estimated_seconds\":)\s*\d+\.\d+"), "SECONDS"),
    (re.compile(r"[─━-]{3,}"), "─"),
    (re.compile(r"\s+"), " "),
)


class Step(NamedTuple):
    """A command of a document, with what it must come to. shown: None where nothing is said."""

    line: int
    command: str
    code: int
    shown: list[str] | None


def steps(text: str) -> Iterator[Step]:
    for block in BLOCK.finditer(text):
        if block[1] != "console":
            continue
        first = text.count("\n", 0, block.start()) + 2
        lines = list(enumerate(block[2].splitlines(), first))
        while lines:
            number, line = lines.pop(0)
            assert line.startswith("$ "), f"line {number}: a block begins with a command"
            while line.endswith("\\"):
                line += "\n" + lines.pop(0)[1]
            said = EXIT.search(line)
            code, shown = int(said[1]) if said else 0, []
            while lines and not lines[0][1].startswith("$ "):
                output = lines.pop(0)[1]
                if re.fullmatch(r"\? \d+", output):
                    code = int(output[2:])
                else:
                    shown.append(output)
            yield Step(number, EXIT.sub("", line)[2:], code, shown or None)


def files(text: str) -> Iterator[tuple[str, str]]:
    for block in BLOCK.finditer(text):
        name = re.match(r"# ([\w.]+\.(py|yaml))\n", block[2])
        if block[1] in ("python", "yaml") and name:
            yield name[1], block[2]


def masked(line: str) -> str:
    for pattern, instead in MASKS:
        line = pattern.sub(instead, line)
    return line.strip()


def matches(shown: list[str], printed: list[str]) -> bool:
    """Whether the lines are these; `…` stands for any."""
    if not shown:
        return not printed
    if shown[0] == "…":
        return any(matches(shown[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and _same(shown[0], printed[0]) and matches(shown[1:], printed[1:])


def _same(shown: str, printed: str) -> bool:
    """`…` at the end of a line stands for the rest of it."""
    return printed.startswith(shown.removesuffix("…").rstrip()) if shown.endswith("…") else shown == printed


def session(folder: Path, commands: list[Step], **variables: str) -> list[tuple[int, str]]:
    """Run the commands in one shell; what each came to, and what it printed. variables: of its environment."""
    programs = folder / ".bin"
    programs.mkdir()
    for name, words in (("cqrs", "-m cqrs_cli"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        program.chmod(0o755)
    script = "".join(
        f'{{ {step.command}\n}} > "{programs}/{at}.out" 2>&1 < /dev/null; echo $? > "{programs}/{at}.code"\n'
        for at, step in enumerate(commands)
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ |= {"PATH": f"{programs}:{environ['PATH']}", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    environ |= variables
    environ.pop("FORCE_COLOR", None)
    subprocess.run(["bash", "-c", script], cwd=folder, env=environ, timeout=600, check=True)
    return [
        (int((programs / f"{at}.code").read_text()), (programs / f"{at}.out").read_text())
        for at in range(len(commands))
    ]


def complaints(text: str, folder: Path, **variables: str) -> list[str]:
    """What a document says and is not so. variables: of the environment of its commands."""
    for name, content in files(text):
        (folder / name).write_text(content)
    commands = list(steps(text))
    wrong = []
    for step, (code, printed) in zip(commands, session(folder, commands, **variables), strict=True):
        what = f"line {step.line}: {step.command}\n"
        if code != step.code:
            wrong.append(f"{what}exit code {code}, not {step.code}\n{printed}")
        elif step.shown is not None:
            lines = [masked(line) for line in printed.splitlines()]
            shown = [masked(line) for line in step.shown if line.strip()]
            if not matches(shown, [line for line in lines if line]):
                wrong.append(f"{what}printed\n{printed}")
    return wrong


@pytest.mark.timeout(600)  # dozens of commands, each a process of its own
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_commands_of_a_document(name: str, tmp_path: Path) -> None:
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"there is no {name} here")
    text = path.read_text(encoding="utf-8")
    assert list(steps(text)), "no command is shown"
    wrong = complaints(text, tmp_path)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.timeout(600)
def test_the_way_to_a_server(tmp_path: Path, postgres_url: str) -> None:
    """Its commands want a server, whose URL is in the environment."""
    text = (ROOT / "docs" / "outgrow.md").read_text(encoding="utf-8")
    wrong = complaints(text, tmp_path, SERVER=postgres_url)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize(
    ("block", "wrong"),
    [
        ("$ echo a b\na   b\n", 0),
        ("$ echo a\nb\n", 1),
        ("$ echo a; echo b\na\n", 1),
        ("$ echo a; echo b; echo c\n…\nc\n", 0),
        ("$ echo a; echo b; echo c\n…\nb\n", 1),
        ("$ false\n", 1),
        ("$ false\n? 1\n", 0),
        ("$ false    # exit 1\n", 0),
        ("$ true\n? 1\n", 1),
        ("$ X=5\n$ echo $X\n5\n", 0),
        ("$ echo a \\\n  b\na b\n", 0),
        ("$ mkdir x\n$ cd x\n$ ls\n", 0),
        ("$ echo 11111111-1111-4111-8111-111111111111 at 2026-01-01T10:00:00Z\n"
         "22222222-2222-4222-8222-222222222222 at 2027-01-01T10:00:00.123456Z\n", 0),
        ("$ python -c 'import made; print(made.X)'\n7\n", 0),
    ],
)  # fmt: skip
def test_the_test(block: str, wrong: int, tmp_path: Path) -> None:
    text = f"# A document\n\n```python\n# made.py\nX = 7\n```\n\n```console\n{block}```\n"
    assert len(complaints(text, tmp_path)) == wrong
