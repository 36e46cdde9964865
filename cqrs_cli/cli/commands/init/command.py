"""`cqrs init [DIR]`: a small domain of one's own to begin with, its settings, and its scenarios as tests."""

import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Report, Table, Text
from cqrs_cli.cli.shell.session import current
from cqrs_cli.config import nearest_file
from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.installation import installed_by

# The file in the project, and the template that it is a copy of: under a name that no tool takes for its own.
APP = {
    "shop.py": "shop.py",
    "cqrs.toml": "cqrs.toml",
}
PROJECT = {
    "shop.py": "shop.py",
    "test_shop.py": "test_shop.py",
    "shop.scenario.yaml": "shop.scenario.yaml",
    "cqrs.toml": "cqrs.toml",
    "pyproject.toml": "pyproject",
    ".github/workflows/test.yml": "workflow.yml",
    ".gitignore": "gitignore",
}
FIRST_COMMAND = "cqrs send add-product --sku pen --name Pen --price 1.50"


class Scaffolded(NamedTuple):
    """What `scaffold` did: names of files relative to the folder, in the order of the templates."""

    created: list[str]
    kept: list[str]


def scaffold(folder: Path, wanted: Mapping[str, str] = PROJECT) -> Scaffolded:
    """Write the project's files into the folder, made if it is missing; a file that is there is never touched.

    A `.gitignore`, settings in a `pyproject.toml` and files that are copies already are kept. Raises `Misuse`, with
    nothing written, if another file is in the way, and `Unavailable` if the folder can't be written.
    """
    templates = files("cqrs_cli.cli.commands.init") / "scaffold"
    texts = {name: (templates / template).read_text(encoding="utf-8") for name, template in wanted.items()}
    try:
        kept = [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]
        for name in kept:
            if name != ".gitignore" and not _is_copy(folder / name, texts[name]):
                raise Misuse(
                    f"{folder / name} is there already, and init overwrites nothing",
                    code="file-exists",
                    hint=_INTO_A_PROJECT if name == "pyproject.toml" else "give another folder: cqrs init DIR",
                )
        if has_settings(folder) and "cqrs.toml" not in kept:
            del texts["cqrs.toml"]
            kept.append("pyproject.toml")
        created = [name for name in texts if name not in kept]
        for name in created:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
                file.write(texts[name])
    except (FileExistsError, NotADirectoryError) as error:
        raise Misuse(
            f"{error.filename} is in the way: it is no folder", code="file-exists", hint="give another: cqrs init DIR"
        ) from error
    except OSError as error:
        raise Unavailable(
            f"{error.filename or folder}: {error.strerror}", code="not-writable", hint="give another folder"
        ) from error
    return Scaffolded(created, kept)


_INTO_A_PROJECT = "into a project that there is: cqrs init --app-only"


def has_settings(folder: Path) -> bool:
    """Whether the folder's `pyproject.toml` has settings of ours, which a `cqrs.toml` would hide."""
    found, _ = nearest_file(folder)
    return found == folder / "pyproject.toml"


def _is_copy(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def init(
    folder: Annotated[str, typer.Argument(metavar="[DIR]", help="Where to; made if it is missing.")] = ".",
    app_only: Annotated[
        bool, typer.Option("--app-only", help="Only the domain and its settings, for a project that there is.")
    ] = False,
) -> None:
    """Start a project: a small domain, its settings, scenarios, a CI workflow that runs cqrs ci.

    Existing files are never overwritten.
    """
    target = Path(folder)
    session = current()
    session.printer.ready()
    done = scaffold(target, APP if app_only else PROJECT)
    following = _following(folder, done, app_only)
    record = records.project(str(target), done.created, done.kept, following)
    told = [f"created {target / name}" for name in done.created] + [f"kept    {target / name}" for name in done.kept]
    session.printer.print(Report(record, Table([record]), [Text("\n".join(told))]))
    session.printer.message(f"next: {following[0]}")
    if app_only and not (target / ".gitignore").is_file():
        session.printer.message("the store shop.db is data: let version control pass *.db* over")


def _following(folder: str, done: Scaffolded, app_only: bool) -> list[str]:
    """What to type next. The tests want an environment that has this package, which a tool's own is not."""
    enter = "" if folder == "." else f"cd {shlex.quote(folder)} && "
    first = FIRST_COMMAND
    if app_only and "cqrs.toml" not in (*done.created, *done.kept):
        first = first.replace("cqrs ", "cqrs --app shop:domain ", 1)
    if app_only:
        return [f"{enter}{first}"]
    tests = {
        "uv_tool": "uv run pytest",
        "pipx": "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
        "environment": "pytest",
    }
    return [f"{enter}{first}", f"{enter}{tests[installed_by()]}"]
