"""docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

import pytest

from cqrs_cli.cli.shell.app import COMMANDS
from tests.cli_reference import PAGE, drawn_by, page


def test_the_reference_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PAGE.parents[1])
    if f"Typer {drawn_by()} drew it" not in PAGE.read_text(encoding="utf-8"):
        pytest.skip(f"docs/cli.md was drawn by another Typer than {drawn_by()}, which may lay help out otherwise")
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs writes it anew"


def test_every_command_stands_in_the_readme() -> None:
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Commands")[2].partition("##")[0]
    assert [entry.name for entry in COMMANDS if f"`{entry.name}" not in table] == []
