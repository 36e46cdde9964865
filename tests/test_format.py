"""docs/format.md: every table that a store of ours can have is in it, with every column."""

import re
import sqlite3
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import cqrs_cli.log
import cqrs_cli.workbench
from cqrs_cli.stores.commits import MAX_COMMIT_BYTES, MAX_COMMIT_EVENTS, MAX_DEPTH, MAX_EVENT_BYTES
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Table
from cqrs_cli.stores.streams import MAX_NAME_BYTES
from tests.conftest import ROOT

FORMAT = ROOT / "docs" / "format.md"


def operational_tables() -> Iterator[Table]:
    """Those that the workbench makes when it first needs them."""
    packages = (cqrs_cli.log, cqrs_cli.workbench)
    for module in (one for package in packages for one in iter_modules(package.__path__, f"{package.__name__}.")):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Table) and value.name.startswith("cqrs_"):
                yield value


@pytest.fixture
def columns(tmp_path: Path) -> dict[str, list[str]]:
    """The columns of every table of ours, as a store that has them all holds them."""
    with open_store(str(tmp_path / "full.db"), create=True) as store, store.transaction() as rows:
        for table in set(operational_tables()):
            rows.create(table)
    with sqlite3.connect(tmp_path / "full.db") as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {name: connection.execute(f'PRAGMA table_info("{name}")').fetchall() for name in names}
    connection.close()
    return {name: [column[1] for column in columns] for name, columns in found.items()}


def test_every_table_is_in_the_format(columns: dict[str, list[str]]) -> None:
    text = FORMAT.read_text(encoding="utf-8")
    assert {"cqrs_stops", "cqrs_skips", "cqrs_outbox", "cqrs_dead_letters", "cqrs_snapshots"} < set(columns)
    assert [name for name in columns if f"`{name}`" not in text and not name.startswith("sqlite_")] == []


def test_every_column_of_an_operational_table_is_in_its_section(columns: dict[str, list[str]]) -> None:
    text = FORMAT.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^`(cqrs_\w+)`, (.*?)(?=^`cqrs_|^### )", text, re.DOTALL | re.MULTILINE))
    shared = re.findall(r"`(\w+)`", sections["cqrs_outbox"])
    for name in ("cqrs_checkpoints", *sorted({table.name for table in operational_tables()})):
        told = re.findall(r"`(\w+)`", sections[name]) + (shared if name == "cqrs_dead_letters" else [])
        assert [column for column in columns[name] if column not in told] == [], name


def test_the_limits_are_those_of_the_code() -> None:
    for number in (MAX_COMMIT_EVENTS, MAX_EVENT_BYTES, MAX_COMMIT_BYTES, MAX_DEPTH, MAX_NAME_BYTES, 2 * MAX_NAME_BYTES):
        assert re.search(rf"\| {number:,}(?: bytes| levels)? \|", FORMAT.read_text()), number
