"""docs/format.md: every table that a store of ours can have is in it, with every column."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cqrs_cli.stores.commits import MAX_COMMIT_BYTES, MAX_COMMIT_EVENTS, MAX_DEPTH, MAX_EVENT_BYTES
from cqrs_cli.stores.operational import OPERATIONAL
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.streams import MAX_NAME_BYTES
from tests.conftest import ROOT

FORMAT = ROOT / "docs" / "format.md"


@pytest.fixture
def columns(tmp_path: Path) -> dict[str, list[str]]:
    """The columns of every table of ours."""
    open_store(str(tmp_path / "full.db"), create=True).close()
    with closing(sqlite3.connect(tmp_path / "full.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {name: connection.execute(f'PRAGMA table_info("{name}")').fetchall() for name in names}
    return {name: [column[1] for column in columns] for name, columns in found.items()}


def test_every_table_is_in_the_format(columns: dict[str, list[str]]) -> None:
    text = FORMAT.read_text(encoding="utf-8")
    assert {table.name for table in OPERATIONAL} < set(columns)
    assert [name for name in columns if f"`{name}`" not in text and not name.startswith("sqlite_")] == []


def test_every_column_of_an_operational_table_is_in_its_section(columns: dict[str, list[str]]) -> None:
    text = FORMAT.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^`(cqrs_\w+)`, (.*?)(?=^`cqrs_|^### )", text, re.DOTALL | re.MULTILINE))
    shared = re.findall(r"`(\w+)`", sections["cqrs_outbox"])
    for name in ("cqrs_checkpoints", *sorted(table.name for table in OPERATIONAL)):
        told = re.findall(r"`(\w+)`", sections[name]) + (shared if name == "cqrs_dead_letters" else [])
        assert [column for column in columns[name] if column not in told] == [], name


def test_the_limits_are_those_of_the_code() -> None:
    for number in (MAX_COMMIT_EVENTS, MAX_EVENT_BYTES, MAX_COMMIT_BYTES, MAX_DEPTH, MAX_NAME_BYTES, 2 * MAX_NAME_BYTES):
        assert re.search(rf"\| {number:,}(?: bytes| levels)? \|", FORMAT.read_text()), number
