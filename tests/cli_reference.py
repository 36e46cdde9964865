"""Writes docs/cli.md from what the commands say of themselves: `make docs`; a test compares."""

from __future__ import annotations

import contextlib
import io
import os
import re
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 100
HEAD = """# Commands

Generated from `cqrs COMMAND --help` by `make docs`; a test keeps it true. The commands of `send` and the queries of `query`
are those of the domain that is loaded: here of `samples.orders`. Typer {typer} drew it.
"""


def drawn_by() -> str:
    """The minor version of Typer, whose layout of help may change with the next."""
    return ".".join(version("typer").split(".")[:2])


def page() -> str:
    """The whole page."""
    from cqrs_cli.cli.shell.app import COMMANDS

    parts = [HEAD.format(typer=drawn_by())]
    for entry in COMMANDS:
        parts.append(f"## {entry.name}\n\n```text\n{_help(entry.name)}\n```\n")
        for name in _subcommands(entry.name):
            parts.append(f"### {entry.name} {name}\n\n```text\n{_help(entry.name, name)}\n```\n")
    return "\n".join(parts)


def _subcommands(name: str) -> list[str]:
    if name in ("send", "query"):
        return ["create-order"] if name == "send" else ["orders-by-customer", "order-summary"]
    found = re.search(r"^Commands:\n((?:  \S.*\n?|    +\S.*\n?)+)", _help(name), re.MULTILINE)
    return [] if found is None else re.findall(r"^  (\S+)  ", found[1], re.MULTILINE)


def _help(*words: str) -> str:
    from cqrs_cli.cli.shell.boundary import run

    said = io.StringIO()
    with (
        patch.dict(os.environ, {"CQRS_APP": "samples.orders:domain", "COLUMNS": str(WIDTH), "NO_COLOR": "1"}),
        contextlib.redirect_stdout(said),
    ):
        code = run([*words, "--help"])
    if code != 0:
        raise RuntimeError(f"cqrs {' '.join(words)} --help gave {code}: {said.getvalue()}")
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
