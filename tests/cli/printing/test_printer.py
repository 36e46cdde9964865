"""The printer: formats, what is made inert, widths, colours, and the file of `-o`."""

import csv
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli.cli.printing.control_characters import (
    html_text,
    markdown_text,
    no_formula,
    visible,
    visible_cell,
    visible_lines,
)
from cqrs_cli.cli.printing.documents import Section, Sections, Single, Table, Text, Value
from cqrs_cli.cli.printing.layout import WIDEST
from cqrs_cli.cli.printing.output import Output, terminal_width, wants_color
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.printing.widths import text_width
from cqrs_cli.config import Settings
from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.json_text import inert_json, json_line, json_text
from cqrs_cli.jsonable import RawJson

EVIL = "\x1b]52;c;aGk=\x07\x9b31m\u202e[bold red]x[/]\n\t\r\x00\x7f\u2066\ufeff"


@pytest.fixture
def printed(tmp_path, capsys):
    """Call a function with a printer of these settings; what it printed."""

    def run(work, environ=None, **flags):
        printer = Printer(Settings({"format": "table", **flags}, {}, tmp_path), environ or {})
        work(printer)
        printer.close()
        return capsys.readouterr()

    return run


def rows(count: int) -> list[dict[str, Any]]:
    return [{"stream": f"order-{number}", "total": str(Decimal(number) / 2), "open": True} for number in range(count)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


# ── text ──────────────────────────────────────────────────────────────────────────────────────


def test_every_control_character_is_made_visible():
    shown = visible(EVIL)
    assert shown == "\\x1b]52;c;aGk=\\x07\\x9b31m\\u202e[bold red]x[/]\\n\\t\\r\\x00\\x7f\\u2066\\ufeff"
    for point in [
        *range(0x20),
        *range(0x7F, 0xA0),
        0x61C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        0xD800,
        0xE0041,
    ]:
        assert visible(chr(point)) != chr(point), hex(point)
        if chr(point) != "\n":
            assert chr(point) not in visible_lines(f"a{chr(point)}b"), hex(point)
            assert chr(point) not in inert_json(f'"{chr(point)}"'), hex(point)
    assert visible("é ü 漢字 👩‍👧 naïve ❤️\u200d🔥 می\u200cخواهم") == "é ü 漢字 👩‍👧 naïve ❤️\u200d🔥 می\u200cخواهم"
    assert visible("1\ufe0f\u20e3 ❤️a\ufe00\ufe01\ufe0f") == "1\ufe0f\u20e3 ❤️a\ufe00\\ufe01\\ufe0f"
    assert visible("pay\u200dpal \u200c\u200d é\u200d") == "pay\\u200dpal \\u200c\\u200d é\\u200d"
    for point in (
        0xAD,
        0x34F,
        0x115F,
        0x1160,
        0x180E,
        0x3164,
        0xFFA0,
        0x206A,
        0xE0100,
        0xE01EF,
        0x1D173,
        0xFFFE,
        0xFFFF,
    ):
        assert visible(chr(point)) != chr(point), hex(point)
        assert chr(point) not in inert_json(f'"{chr(point)}"'), hex(point)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error title=x::broken", "\\x3a:error title=x::broken"),
        ("  ::stop-commands::x", "  \\x3a:stop-commands::x"),
        ("##[error]old", "\\x23#[error]old"),
        ("in the middle ##[error]old", "in the middle \\x23#[error]old"),
        ("a ##vso[task.setvariable variable=x]y", "a \\x23#vso[task.setvariable variable=x]y"),
        ("##teamcity[message text='x']", "\\x23#teamcity[message text='x']"),
        ("## teamcity[x]", "## teamcity[x]"),
        ("::1", "::1"),
        ("a ::error::b", "a ::error::b"),
        ("## [x]", "## [x]"),
    ],
)
def test_no_line_begins_as_a_workflow_command(text, shown):
    assert visible(text) == shown
    assert visible_lines(f"first\n{text}") == f"first\n{shown}"
    assert visible(f"é {text}").replace("é ", "") == (shown if "##" in text else text)
    assert json.loads(inert_json(json.dumps(text))) == text
    assert not re.search(r"##(vso|teamcity)?\[", inert_json(json.dumps(text)))
    assert visible_cell(f"a\n{text}") == f"a\n{shown}"


def test_a_key_that_is_a_workflow_command_does_not_begin_a_line(printed):
    records = [{"key": key, "n": 1} for key in ("::stop-commands::x", " ::error::", "::1", "a")]

    def work(printer):
        printer.print(Table(records))

    for format in ("table", "csv", "spreadsheet", "md", "json", "jsonl"):  # TSV has no quotes, and is the data
        out = printed(work, format=format).out
        assert not re.findall(r"(?m)^\s*::[a-z]", out), format
    read = list(csv.DictReader(io.StringIO(printed(work, format="csv").out)))
    assert [row["key"] for row in read] == [record["key"] for record in records]


@pytest.mark.parametrize("text", [EVIL, "plain", "é\U000e0041", "\\", '"'])
def test_inert_json_means_the_same(text):
    assert json.loads(json_text({"x": text})) == {"x": text}
    assert json.loads(json_line({"x": text, "y": RawJson(json.dumps(text, ensure_ascii=False))})) == {
        "x": text,
        "y": text,
    }


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("-12.50", "-12.50"),
        ("+49", "+49"),
        ("-1e5", "-1e5"),
        ("-1+1", "'-1+1"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_formulas_are_neutralised_for_a_spreadsheet_and_numbers_are_not(printed, text, cell):
    assert no_formula(text) == cell
    table = Table([{"text": text, "n": -1}])
    out = printed(lambda printer: printer.print(table), format="spreadsheet").out
    assert out.startswith("\ufefftext,n\n")
    assert next(csv.DictReader(io.StringIO(out[1:], newline=""))) == {"text": cell, "n": "-1"}


def test_markdown_is_not_read_in_a_cell():
    assert markdown_text("a|b`c`<img>*x*[y](z)&") == "a\\|b\\`c\\`&lt;img&gt;\\*x\\*\\[y\\](z)&amp;"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("@octocat", "`@octocat`"),
        ("see #12 and GH-7", "`see #12 and GH-7`"),
        ("https://evil.example", "`https://evil.example`"),
        ("WWW.evil.example", "`WWW.evil.example`"),
        ("mailto:a", "`mailto:a`"),
        ("ada@mail.example", "`ada@mail.example`"),
        ("!4 %5 ~bug :tada:", "`!4 %5 ~bug :tada:`"),
        ("a|@b", "`a\\|@b`"),
        ("`@b", "`` `@b ``"),
        ("@b ```` c", "`````@b ```` c`````"),
        ("<b>@b</b>\n", "`<b>@b</b>\\n`"),
    ],
)
def test_what_a_page_would_link_is_code_in_markdown(text: str, code: str) -> None:
    assert markdown_text(text) == code
    assert markdown_text("plain: 5 @ 3, a/b #") == "plain: 5 @ 3, a/b #"


def test_a_line_of_html_is_inert() -> None:
    assert html_text("<a href=x>\x1b & @b") == "<code>&lt;a href=x&gt;\\x1b &amp; @b</code>"


# ── formats ───────────────────────────────────────────────────────────────────────────────────


def test_values_of_python_become_json_as_documented():
    class Color(Enum):
        RED = "red"

    value = {
        "decimal": Decimal("1.50"),
        "uuid": UUID(int=1),
        "time": datetime(2026, 1, 1, 12, tzinfo=UTC),
        "date": date(2026, 1, 1),
        "enum": Color.RED,
        "set": {2, 1},
        "none": None,
        "nested": [{"d": Decimal(1)}],
    }
    expected = {
        "decimal": "1.50",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "time": "2026-01-01T12:00:00.000000Z",
        "date": "2026-01-01",
        "enum": "red",
        "set": [1, 2],
        "none": None,
        "nested": [{"d": "1"}],
    }
    assert json.loads(json_text(value)) == json.loads(json_line(value)) == expected


@pytest.mark.parametrize("blank", ["\n", "\r\n", "\t", " "])
def test_stored_json_stays_on_its_line(blank):
    """A payload may have been laid out by who wrote it: where a line is a record, it takes one line all the same."""
    stored = RawJson(f'{{{blank}"a":{blank}1.10,{blank}"b": "x\\ty"}}')
    for record in ({"data": stored}, {"events": [{"data": stored}]}, {"event": {"data": stored}}):
        line = json_line(record)
        assert len(line.splitlines()) == 1
        assert "1.10" in line
        [told] = json.loads(line).values()
        told = told[0] if isinstance(told, list) else told
        assert told.get("data", told) == {"a": 1.1, "b": "x\ty"}


def test_many_records_in_every_format(printed):
    def work(printer):
        assert printer.print(Table(iter(rows(2)), ["stream", "total"])) == 2

    assert json.loads(printed(work, format="json").out) == rows(2)
    assert [json.loads(line) for line in printed(work, format="jsonl").out.splitlines()] == rows(2)
    assert printed(work, format="csv").out == "stream,total,open\norder-0,0,true\norder-1,0.5,true\n"
    assert printed(work, format="tsv").out == "stream\ttotal\topen\norder-0\t0\ttrue\norder-1\t0.5\ttrue\n"
    assert printed(work, format="md").out == "| stream | total |\n| --- | --- |\n| order-0 | 0 |\n| order-1 | 0.5 |\n"
    assert [line.split() for line in printed(work).out.splitlines()] == [
        ["stream", "total"],
        ["─" * 14],
        ["order-0", "0"],
        ["order-1", "0.5"],
    ]


def test_one_record_in_every_format(printed):
    def work(printer):
        printer.print(Single({"stream": "order-1", "items": [1, 2]}))

    assert json.loads(printed(work, format="json").out) == {"stream": "order-1", "items": [1, 2]}
    assert printed(work, format="jsonl").out == '{"stream":"order-1","items":[1,2]}\n'
    assert printed(work).out == "stream  order-1\nitems   [1,2]\n"
    assert printed(work, format="csv").out == 'stream,items\norder-1,"[1,2]"\n'


def test_no_records(printed):
    def work(printer):
        assert printer.print(Table([], empty="nothing there")) == 0

    assert printed(work, format="json") == ("[]\n", "nothing there\n")
    assert printed(work, format="jsonl").out == ""
    assert printed(work).out == ""
    assert printed(work, quiet=True) == ("", "")


def test_groups_and_sections(printed):
    def groups(printer):
        records = [
            {"stream": "a-1", "state": {"x": 1}},
            {"stream": "a-2", "state": {"x": 2}},
            {"stream": "b-1", "state": {}},
        ]
        printer.print(
            Table(records, group=lambda r: r["stream"][0], row=lambda r: {"stream": r["stream"], **r["state"]})
        )

    out = printed(groups).out
    assert [line.split() for line in out.splitlines() if "─" not in line] == [
        ["a"], ["stream", "x"], ["a-1", "1"], ["a-2", "2"], [], ["b"], ["stream"], ["b-1"],
    ]  # fmt: skip
    assert json.loads(printed(groups, format="json").out)[2] == {"stream": "b-1", "state": {}}

    parts: list[dict[str, Any]] = [{"projection": "p", "rows": iter([{"k": 1}])}, {"projection": "q", "rows": iter([])}]

    def sections(printer):
        assert printer.print(Sections(Section(p["projection"], {**p, "rows": list(p["rows"])}) for p in parts)) == 2

    assert "p\n" in printed(sections).out
    assert json.loads(printed(sections, format="json").out)[1] == {"projection": "q", "rows": []}
    with pytest.raises(Misuse, match="one table"):
        printed(sections, format="csv")


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv", "spreadsheet", "tsv", "md"])
def test_payload_text_is_inert_in_every_format(printed, format, monkeypatch):
    """On a terminal; but for CSV and TSV, which are the data, anywhere else too."""
    monkeypatch.setattr(Printer, "reaches_terminal", True)

    def work(printer):
        printer.print(Table([{"stream": EVIL, EVIL: EVIL}], group=lambda r: EVIL))
        printer.print(Single({"stream": EVIL, EVIL: EVIL}))
        printer.message(EVIL)
        printer.print(Text(EVIL))
        printer.print(Value({EVIL: EVIL}))

    said = printed(work, format=format)
    for text in said:
        left = text.replace("\ufeff", "", format == "spreadsheet").replace("\n", "").replace("\t", "")
        assert visible(left) == left
    if format == "table":
        assert "[bold red]x[/]" in said.out  # nothing was read as markup


def test_csv_reads_back(printed):
    texts = ["=cmd|' /C calc'!A0", 'quote"', "two\nlines", "a,b"]
    out = printed(lambda printer: printer.print(Table([{"text": text, "n": -1} for text in texts])), format="csv").out
    read = list(csv.DictReader(io.StringIO(out)))
    assert [row["text"] for row in read] == texts
    assert {row["n"] for row in read} == {"-1"}


# ── tables ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "records",
    [
        rows(3),
        [{"name": "Ümläut 漢字", "n": -1.5, "empty": None}, {"name": "e\u0301", "n": "x", "empty": ""}],
        [{"text": "a\nb\tc \x1b[31m", "more": ["x", {"y": 1}]}, {"text": " two  spaces ", "more": "[b]no markup[/b]"}],
        [{"only": "x" * 300}],
        rows(1_100),
    ],
)
def test_colours_change_no_letter(printed, records):
    records = list(records)
    in_lines = printed(lambda printer: printer.print(Table(records))).out
    colored = printed(lambda printer: printer.print(Table(records)), color="always").out
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == in_lines
    assert colored != in_lines


@pytest.mark.parametrize("color", ["never", "always"])
def test_one_huge_name_is_not_paid_for_by_every_row(printed, color):
    records = rows(500)
    records[7]["stream"] = "order-" + "x" * 100_000
    out = printed(lambda printer: printer.print(Table(records)), color=color).out
    assert out.replace("\n", "").count("x") == 100_000
    assert len(out) < 100_000 + 500 * (WIDEST + 100)


@pytest.mark.parametrize("color", ["never", "always"])
def test_four_times_the_text_is_no_more_than_four_times_the_work_or_so(printed, color):
    def seconds(letters):
        records = [{"name": "x" * letters}, *[{"name": str(number)} for number in range(10)]]
        before = time.process_time()
        printed(lambda printer: printer.print(Table(records)), color=color)
        return time.process_time() - before

    few, many = (min(seconds(letters) for _ in range(9)) for letters in (10_000, 40_000))
    assert many < 10 * few + 0.01, "16 times if it is quadratic"


def test_a_large_table_is_not_held_in_memory(printed):
    seen = 0

    def records() -> Iterator[Any]:
        nonlocal seen
        for row in rows(5000):
            seen += 1
            yield row

    class Watching(Output):
        def write(self, text):
            super().write(text)
            written.append(seen)

    written: list[int] = []

    def work(printer):
        printer._output = Watching(None)
        printer.print(Table(records()))

    printed(work)
    assert written[0] == 1001
    assert written[-1] == 5000
    assert len(written) == 5002


def test_the_width_on_a_pipe_is_that_of_the_content(printed):
    long = "x" * 500
    out = printed(lambda printer: printer.print(Table([{"stream": "a-1", "data": long}])), {"COLUMNS": "40"}).out
    assert f"a-1     {long}\n" in out


def test_wide_characters_take_two_cells():
    assert [text_width(text) for text in ("abc", "é", "漢字", "e\u0301")] == [3, 1, 4, 1]


# ── colours ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("choice", "terminal", "environ", "expected"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", False, {"FORCE_COLOR": "0"}, False),
        ("auto", False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_rules(choice, terminal, environ, expected):
    assert wants_color(choice, Terminal() if terminal else io.StringIO(), environ) is expected


def test_colour_is_only_in_tables_and_only_when_asked(printed):
    def work(printer):
        printer.print(Table(rows(1)))

    assert "\x1b[" in printed(work, color="always").out
    assert "\x1b" not in printed(work).out
    for format in ("json", "jsonl", "csv", "tsv", "md"):
        assert "\x1b" not in printed(work, color="always", format=format).out


# ── -o ────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_written_beside_and_renamed(printed, tmp_path):
    target = tmp_path / "out.jsonl"
    target.write_text("old")

    def work(printer):
        printer.print(Table(rows(3)))
        assert target.read_text() == "old"
        assert len(os.listdir(tmp_path)) == 2

    assert printed(work, format="jsonl", output=str(target)).out == ""
    assert len(target.read_text().splitlines()) == 3
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_another(printed, tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda file: done.append("fsync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), replace(*names)))
    printed(lambda printer: printer.print(Text("new")), output=str(tmp_path / "out"))
    assert done == ["fsync", "replace"]


def test_notes_come_after_the_data_that_they_are_about(tmp_path, monkeypatch):
    told = io.StringIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(_Into(told)), write_through=False))
    monkeypatch.setattr(sys, "stderr", told)
    printer = Printer(Settings({"format": "jsonl"}, {}, tmp_path), {})

    def records() -> Iterator[Any]:
        yield {"n": 1}
        printer.message("a note")
        yield {"n": 2}
        printer.error("an error")

    printer.print(Table(records()))
    printer.close()
    assert told.getvalue().splitlines() == ['{"n":1}', "a note", '{"n":2}', "an error"]


class _Into(io.RawIOBase):
    """Bytes that come late into a text."""

    def __init__(self, text: io.StringIO) -> None:
        super().__init__()
        self._text = text

    def writable(self):
        return True

    def write(self, data):
        self._text.write(bytes(data).decode())
        return len(data)


def test_a_failed_run_leaves_the_file_as_it_was(tmp_path):
    target = tmp_path / "out.jsonl"
    target.write_text("old")
    printer = Printer(Settings({"format": "jsonl", "output": str(target)}, {}, tmp_path), {})
    printer.print(Table(rows(3)))
    printer.close(keep=False)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("before", [None, "rows of another run"])
def test_a_run_without_rows_leaves_a_file_without_rows(printed, tmp_path, before):
    if before is not None:
        (tmp_path / "out.csv").write_text(before)
    printed(lambda printer: printer.print(Table([])), format="csv", output=str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_text() == ""


def test_a_link_and_a_pipe_are_kept(printed, tmp_path):
    real = tmp_path / "real.txt"
    real.write_text("old")
    (tmp_path / "link").symlink_to(real)
    printed(lambda printer: printer.print(Text("new")), output=str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert real.read_text() == "new\n"
    pipe = tmp_path / "pipe"  # not /dev/null: a break here, run by root, would put a file in its place
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    printed(lambda printer: printer.print(Text("new")), output=str(pipe))
    assert pipe.is_fifo()
    assert os.read(reading, 100) == b"new\n"
    os.close(reading)


@pytest.mark.parametrize("path", ["missing/out.json", "."])
def test_a_file_that_can_not_be_written_is_a_usage_error(printed, tmp_path, path):
    with pytest.raises(CqrsError) as caught:
        printed(lambda printer: printer.print(Text("x")), output=str(tmp_path / path))
    assert (caught.value.code, caught.value.exit_code) == ("output", 2)


# ── progress ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr("cqrs_cli.cli.printing.progress.time", clock)
    return clock


def test_progress_on_a_terminal_is_a_bar_after_half_a_second(printed, clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    def work(printer):
        with printer.progress("replayed", 100) as done:
            done(10)
            assert terminal.getvalue() == ""
            clock.now = 0.6
            done(40)
            assert "[###############...............] replayed 50 of 100 events" in terminal.getvalue()

    printed(work)
    assert terminal.getvalue().endswith("\r\x1b[K")
    for flags in ({"quiet": True}, {"no-progress": True}):
        before = terminal.getvalue()
        clock.now = 0.0
        printed(work_quietly(clock), **flags)
        assert terminal.getvalue() == before


def work_quietly(clock: Any) -> Callable[[Printer], None]:
    def work(printer: Printer) -> None:
        with printer.progress("replayed", 100) as done:
            clock.now += 10
            done(40)

    return work


def test_progress_elsewhere_is_a_plain_line_now_and_then(printed, clock):
    def work(printer):
        with printer.progress("replayed") as done:
            for _ in range(12):
                clock.now += 1
                done(10)

    assert printed(work).err.splitlines() == ["replayed 50 events, 10/s", "replayed 100 events, 10/s"]
    assert printed(work, {"TERM": "dumb"}).err.count("\n") == 2
    assert printed(work, format="json").err == ""


def test_a_width_that_is_none(monkeypatch):
    for asked in ("0", "-5", "x", "9" * 5_000, ""):
        assert terminal_width(Terminal(), {"COLUMNS": asked}) == 80
    assert terminal_width(Terminal(), {"COLUMNS": "120"}) == 120
    assert terminal_width(io.StringIO(), {"COLUMNS": "120"}) is None
