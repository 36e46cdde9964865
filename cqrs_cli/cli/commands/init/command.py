"""`cqrs init [DIR]`: a small domain of one's own to begin with, its settings, and its scenarios as tests."""

import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Report, Table, Text
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse, Unavailable

# The file in the project, and the template that it is a copy of (a .gitignore in the package would hide files of ours).
TEMPLATES = {
    "shop.py": "shop.py",
    "test_shop.py": "test_shop.py",
    "cqrs.toml": "cqrs.toml",
    ".gitignore": "gitignore",
}
FIRST_COMMAND = "cqrs send add-product --sku pen --name Pen --price 1.50"


class Scaffolded(NamedTuple):
    """What `scaffold` did: names of files relative to the folder, in the order of `TEMPLATES`."""

    created: list[str]
    kept: list[str]


def scaffold(folder: Path) -> Scaffolded:
    """Write the project's files into the folder, made if it is missing; a file that is there is never touched.

    A `.gitignore` and files that are copies already are kept. Raises `Misuse`, with nothing written, if
    another file is in the way, and `Unavailable` if the folder can't be written.
    """
    templates = files("cqrs_cli.cli.commands.init") / "scaffold"
    texts = {name: (templates / template).read_text(encoding="utf-8") for name, template in TEMPLATES.items()}
    try:
        kept = [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]
        for name in kept:
            if name != ".gitignore" and not _is_copy(folder / name, texts[name]):
                raise Misuse(
                    f"{folder / name} is there already, and init overwrites nothing",
                    code="file-exists",
                    hint="give another folder: cqrs init DIR",
                )
        folder.mkdir(parents=True, exist_ok=True)
        created = [name for name in texts if name not in kept]
        for name in created:
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


def _is_copy(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def init(
    folder: Annotated[str, typer.Argument(metavar="[DIR]", help="Where to; made if it is missing.")] = ".",
) -> None:
    """Scaffold a small domain with its settings and tests. Existing files are never overwritten."""
    target = Path(folder)
    printer = current().printer
    printer.ready()
    done = scaffold(target)
    enter = "" if folder == "." else f"cd {shlex.quote(folder)} && "
    following = [f"{enter}{FIRST_COMMAND}", f"{enter}pytest"]
    record = records.project(str(target), done.created, done.kept, following)
    told = [f"created {target / name}" for name in done.created] + [f"kept    {target / name}" for name in done.kept]
    printer.print(Report(record, Table([record]), [Text("\n".join(told))]))
    printer.message(f"next: {following[0]}")
