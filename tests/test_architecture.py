"""docs/architecture.md: every path that it names is there, and every room stands in it."""

import re

import pytest

from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "cqrs_cli"
CHANGES = """
a new command of the shell · an output format · a column type · a store · an error · a hint · a rule of the loop
· a definition check · a JSON record · a limit · a migration of the store's tables · a condition over a selection
· encryption of a field · `blame` · `verify` · a path of the HTTP face · pages for people · a scenario file
"""


def paths(text: str) -> set[str]:
    """What stands between backticks and is a path: it has a slash, or ends as a file of ours does."""
    code = re.findall(r"`([\w./-]+)`", text)
    return {name for name in code if "/" in name or name.endswith((".py", ".md", ".toml", ".sql"))}


def rooms() -> list[str]:
    """The packages as the page writes them, `workbench/processors/`; but for the parts of single commands."""
    folders = {file.parent.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py")} - {PACKAGE.relative_to(PACKAGE)}
    return sorted(f"{folder.as_posix()}/" for folder in folders if folder.parts[:2] != ("cli", "commands"))


@pytest.mark.parametrize("name", sorted(paths(TEXT)))
def test_every_path_on_the_page_is_there(name: str) -> None:
    assert (PACKAGE / name).exists() or (ROOT / name).exists()


@pytest.mark.parametrize("room", [*rooms(), "cli/commands/"])
def test_every_room_stands_on_the_page(room: str) -> None:
    assert f"`{room}`" in TEXT


@pytest.mark.parametrize("change", [part.strip() for part in CHANGES.split("·")])
def test_where_a_change_goes_is_told(change: str) -> None:
    rows = [row for row in TEXT.splitlines() if row.startswith(f"| {change}")]
    assert len(rows) >= 1
    assert all(paths(row) for row in rows), "a row that names no path sends nobody anywhere"


def test_what_counts_as_a_path() -> None:
    assert paths("`a.py` `b/` `c/d` `cqrs.stores` `decide` `make docs` c/e") == {"a.py", "b/", "c/d"}
