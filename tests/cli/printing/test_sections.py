"""Rows of read models as JSON: printed as they come, byte for byte what all of them at once would be."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.printing.documents import Section, Sections
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.config import Settings
from cqrs_cli.json_text import json_line, json_text

ROWS: list[dict[str, Any]] = [{"id": "a\nb", "n": 1, "deep": {"x": [1, {}]}}, {"id": "\x1b[1m", "n": None, "deep": []}]


def printed(
    capsys: pytest.CaptureFixture[str],
    name: str,
    *rows: Any,
    single: bool,
) -> str:
    records = [{"projection": f"p{number}", "lag": 0, "rows": iter(each)} for number, each in enumerate(rows)]
    sections = Sections([Section("t", record) for record in records], whole=records[0] if single else None)
    Printer(Settings({"format": name}, {}, Path("."))).print(sections)
    return capsys.readouterr().out


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS])
def test_they_are_what_json_of_the_whole_is(capsys: pytest.CaptureFixture[str], rows: list[Any]) -> None:
    whole = {"projection": "p0", "lag": 0, "rows": rows}
    assert printed(capsys, "json", rows, single=True) == json_text(whole, indent=2) + "\n"
    assert printed(capsys, "jsonl", rows, single=True) == json_line(whole) + "\n"
    assert printed(capsys, "json", rows, single=False) == f"[\n{json_line(whole)}\n]\n"
    assert printed(capsys, "jsonl", rows, rows, single=False).splitlines()[0] == json_line(whole)
    assert json.loads(printed(capsys, "json", rows, rows, single=False))[1] == whole | {"projection": "p1"}
    assert printed(capsys, "json", single=False) == "[]\n"


@pytest.mark.parametrize("name", ["json", "jsonl"])
@pytest.mark.parametrize("single", [True, False])
def test_no_row_waits_for_the_next(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, single: bool
) -> None:
    written: list[str] = []
    write: Callable[[Printer, str], None] = Printer.write
    monkeypatch.setattr(Printer, "write", lambda self, text: written.append(text) or write(self, text))

    def rows() -> Iterator[Any]:
        for number in range(5):
            yield {"number": f"row-{number}"}
            assert f"row-{number}" in written[-1]

    assert "row-4" in printed(capsys, name, rows(), single=single)
