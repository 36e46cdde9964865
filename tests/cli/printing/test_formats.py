"""Formats: each is one file and one line; a seventh one touches no command."""

from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import config
from cqrs_cli.cli.printing import formats
from cqrs_cli.cli.printing.documents import Document, Findings, Graph, Moment, Text, Value
from cqrs_cli.cli.printing.formats import Format, format_named

ALWAYS = {Text, Value}


@pytest.fixture
def html(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line that a format takes; the file is beside this one."""
    monkeypatch.setitem(config.FORMATS, "html", "tests.cli.printing.html_format:HtmlFormat")


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("log", ["parcel-P1@1", "Registered"]),
        ("streams", ["parcel-P1"]),
        ("stats", ["category", "parcel", "Registered"]),
        ("config", ["format", "html", "--format"]),
        ("doctor", []),
        ("trace c1", ["c1", "command", "Register"]),
        ("replay parcel-P1", ["parcel-P1"]),
        ("replay", ["parcel-P1"]),
        ("replay parcel-P1 --steps", ["Registered"]),
        ("replay --verify", []),
        ("schema", ["register"]),
        ("query", []),
        ("snapshot list", []),
        ("send register --parcel-id P2 --weight 1 --dry-run", ["parcel-P2@1"]),
        ("send register --parcel-id P3 --weight 1", ["parcel-P3@1"]),
        ("send --batch lines", ["committed", "Register", "parcel-P4"]),
        ("sql 'SELECT 1 AS one'", ["1"]),
        ("run --failed", []),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_seventh_format_is_a_file_and_a_line(
    parcels: Any, html: None, tmp_path: Path, line: str, cells: list[str]
) -> None:
    (tmp_path / "lines").write_text('{"command": "register", "data": {"parcel_id": "P4", "weight": 1}}\n')
    assert parcels("send register --parcel-id P1 --weight 1 --command-id c1 -q").code == 0
    ran = parcels(f"--format html {line}")
    assert ran.code == 5 if line == "replay --verify" else ran.code in (0, 1), ran  # `doctor` may have found something
    assert ran.out.startswith("<table>\n")
    assert ran.out.endswith("</table>\n")
    for cell in cells:
        assert f"<td>{cell}</td>" in ran.out


def test_what_it_can_not_write_is_refused_and_it_is_named_where_it_can(parcels: Any, html: None) -> None:
    assert parcels("send register --parcel-id P1 --weight 1 --command-id c1").code == 0
    ran = parcels("run --once --format html")
    assert (ran.code, ran.out) == (2, "")
    assert "this command can't print html" in ran.err
    assert "it prints table, json, jsonl\n" in ran.err
    assert "it prints table, json, jsonl, csv, spreadsheet, tsv, md, html\n" in parcels("log --format dot").err
    assert "it prints table, json, jsonl, mermaid, dot, html\n" in parcels("trace c1 --format csv").err
    assert "no format is called 'nope'" in parcels("log --format nope").err


def test_without_its_line_there_is_no_such_format(parcels: Any) -> None:
    ran = parcels("log --format html")
    assert ran.code == 2
    assert "no format is called 'html'" in ran.err


def test_every_format_has_a_file_and_says_what_it_writes() -> None:
    folder = Path(formats.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == config.FORMATS.keys()
    kinds = {kind.__name__ for kind in Document.__args__}
    for name in config.FORMATS:
        kind = format_named(name)
        assert issubclass(kind, Format)
        assert kind.writes
        assert {one.__name__ for one in kind.writes} <= kinds
    written = {one for name in config.FORMATS for one in format_named(name).writes}
    assert set(Document.__args__) - written == ALWAYS
    assert {Findings, Graph, Moment} <= written
