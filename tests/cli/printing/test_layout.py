"""One line a row on a terminal: what is cut, what never is, and when a row is a record instead."""

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import cells

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Column, Single, Table
from cqrs_cli.cli.printing.layout import Layout, all_lines
from cqrs_cli.cli.printing.payload_text import payload_text
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.printing.short_ids import ShortIds
from cqrs_cli.cli.printing.widths import shorten, text_width
from cqrs_cli.config import Settings
from cqrs_cli.jsonable import RawJson

KEYS = [Column("key", whole=True), Column("total"), Column("note"), Column("more")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines(columns: list[Column], rows: list[list[str]], room: int | None, **form: Any) -> list[str]:
    layout = Layout(columns, room, **form)
    if layout.grows:
        return list(all_lines(layout, iter(rows[1:]), rows[:1]))
    return list(all_lines(layout, iter(rows[1001:]), rows[:1001]))


@pytest.fixture
def seen(tmp_path, monkeypatch) -> Callable[..., list[str]]:
    """The lines that a terminal of so many columns shows of a document."""

    def show(document: Any, width: int, **flags: Any) -> list[str]:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        settings = Settings({"format": "table", "color": "never", "no-pager": True, **flags}, {}, tmp_path)
        printer = Printer(settings, {"COLUMNS": str(width)})
        printer.print(document)
        printer.close()
        return terminal.getvalue().splitlines()

    return show


# ── what is cut ───────────────────────────────────────────────────────────────────────────────


def test_texts_are_cut_first_and_keys_numbers_and_times_never():
    columns = [*KEYS, Column("at", moment=True)]
    row = ["customer-0001-with-a-long-key", "1234567.50", "a note of some length", "x" * 90, "2026-01-01T10:00:00.123Z"]
    shown = lines(columns, [row], 100)[-1]
    assert text_width(shown) == 100
    assert [cell in shown for cell in row] == [True, True, False, False, True]
    assert shown.count("…") == 2
    assert lines(columns, [row], None)[-1] == "  ".join(row), "nowhere else is anything cut"


def test_a_number_among_texts_is_whole_too():
    columns = [Column("key", whole=True), Column("value", whole=False), Column("note")]
    rows = [["a", "a text of more than is there", "n" * 50], ["b", "123456789012345678", "n" * 50],
            ["c", "2026-01-01T10:00:00.123Z", "n" * 50]]  # fmt: skip
    shown = "\n".join(lines(columns, rows, 24))
    assert "123456789012345678" in shown
    assert "2026-01-01T10:00:00.123Z" in shown
    assert "a text of more than" not in shown


def test_a_row_that_does_not_fit_is_a_record():
    fits, huge = ["a", "1", "note", "more"], ["b" * 70, "2", "n" * 80, ""]
    shown = lines(KEYS, [fits, huge, fits], 40)
    assert shown == [
        "key  total  note  more",
        "──────────────────────",
        "a        1  note  more",
        "─[ 2 ]──────────────────────────────────",
        "key    " + "b" * 70,
        "total  2",
        "note   " + "n" * 32 + "…",
        "more",
        "a        1  note  more",
    ], "only that one, and its key is whole"
    assert lines(KEYS, [huge], 40)[0].startswith("─[ 1 ]"), "no titles where all are records"


def test_columns_that_fit_one_by_one_and_not_together_are_records():
    rows = [["k" * 20, "1", "x", "y"], ["k", "1", "x", "y" * 20], ["k", "1" * 20, "x", "y"]]
    shown = lines(KEYS, rows, 38)
    assert [line for line in shown if line.startswith("─[")] == [f"─[ {n} ]" + "─" * 32 for n in (1, 2, 3)]


def test_what_comes_late_and_is_wider_is_a_record_or_cut():
    rows = [["k", "1", "note", "more"]] * 1001 + [["k" * 60, "1", "n", ""], ["k", "1", "x" * 500, "x" * 500]]
    shown = lines(KEYS, rows, 40)
    assert max(text_width(line) for line in shown if "k" * 60 not in line) <= 40
    assert f"key    {'k' * 60}" in shown
    assert shown[-1].startswith("k        1  ")


def test_titles_give_way_to_data():
    columns = [Column("stream"), Column("a_long_title_of_a_number"), Column("another_long_title")]
    shown = lines(columns, [["order-1", "5", "7"]], 30)
    assert shown[0].count("…") == 2
    assert all(text_width(line) <= 30 for line in shown)
    assert shown[-1].split() == ["order-1", "5", "7"]


def test_a_bar_goes_before_anything_is_cut_and_an_empty_column_is_not_there():
    columns = [Column("type", whole=True), Column("n"), Column("", drop=1), Column("by", optional=True)]
    assert lines(columns, [["t" * 15, "5", "█" * 30, ""]], 25)[-1] == "t" * 15 + "  5"
    assert lines(columns, [["t", "5", "██", "ada"]], 80)[0].split() == ["type", "n", "by"]


def test_who_it_was_stands_at_the_right_end():
    columns = [Column("position"), Column("data", fills=True), Column("by", optional=True)]
    shown = lines(columns, [["@1", "x=1", "by ada"], ["@2", "y" * 90, ""], ["@3", "", "by ada"]], 60, head=False)
    assert shown == [
        "@1  x=1" + " " * 47 + "by ada",
        "@2  " + "y" * 55 + "…",
        "@3" + " " * 52 + "by ada",
    ], "and where nobody is named the data has the room"


def test_rows_that_come_one_by_one_are_lines_too():
    rows = [["a", "1", "n", "m"], ["b" * 30, "22", "note " * 20, "m"], ["c" * 90, "3", "", ""]]
    shown = lines(KEYS, rows, 60, grows=True)
    assert all(text_width(line) <= 60 for line in shown if "c" * 90 not in line)
    assert any(line.startswith("b" * 30) for line in shown)


@given(
    st.lists(st.lists(st.text(st.sampled_from("ab1漢é\u0301 ❤️👩‍👧"), max_size=60), min_size=4, max_size=4), min_size=1, max_size=8),
    st.integers(10, 120),
)  # fmt: skip
def test_no_line_is_longer_than_the_terminal_but_by_keys(rows, room):
    columns = [Column("id", whole=False), Column("b"), Column("c", fills=True), Column("d", optional=True)]
    rows = [[visible(cell) for cell in row] for row in rows]  # a joiner that joins nothing is an escape
    for line in lines(columns, rows, room):
        longest = max((text_width(cell) for row in rows for cell in row if cell.isdecimal()), default=0)
        assert text_width(line) <= max(room, longest + 4, 12)


def test_a_text_is_cut_between_what_is_seen():
    assert shorten("漢字漢字", 5) == "漢字…"
    assert shorten("漢字漢字", 6) == "漢字…"
    assert shorten("漢字漢字", 8) == "漢字漢字"
    assert shorten("abc", 2) == "a…"
    assert shorten("abc", 1) == "…"
    assert shorten("abcdef", 3, "~") == "ab~"


def test_one_ruler():
    for text in ("abc", "é", "漢字", "e\u0301", "👩\u200d👧", "❤️", "ｱ", "𝒳", "–…→█"):
        assert text_width(text) == cells.cell_len(text)


def test_of_a_huge_text_only_its_beginning_is_gone_through(monkeypatch):
    given = []
    measure = cells.set_cell_size
    monkeypatch.setattr(cells, "set_cell_size", lambda text, size: given.append(len(text)) or measure(text, size))
    assert shorten("漢" * 2**20, 80) == "漢" * 39 + "…"
    assert max(given) < 1_000


@pytest.mark.parametrize("letter", ["x", "é", "漢", "\u0301"])
def test_output_stays_linear(seen, letter):
    records = [{"name": letter * 2**20 if n == 500 else letter, "n": n} for n in range(1_000)]

    def seconds(document: Table) -> float:
        before = time.process_time()
        seen(document, 80)
        return time.process_time() - before

    few = [{"name": letter * 2**18 if n == 500 else letter, "n": n} for n in range(1_000)]
    most, least = (min(seconds(Table(rows)) for _ in range(3)) for rows in (records, few))
    assert most < 10 * least + 0.5, "four times the text, not sixteen times the work"


def test_a_large_table_is_streamed(seen):
    taken = 0

    def records() -> Iterator[Any]:
        nonlocal taken
        for n in range(3_000):
            taken += 1
            yield {"n": n, "text": "x" * 200}

    shown = seen(Table(records()), 60)
    assert (len(shown), taken) == (3_002, 3_000)
    assert {text_width(line) for line in shown[2:]} == {60}


# ── payloads and ids ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("payload", "brief", "whole"),
    [
        ({"n": 1, "price": "1.50", "on": True, "x": None}, "n=1 price=1.50 on=true x=null", None),
        ({"a": {"city": "Paris", "zip": {"code": "7"}}}, "a.city=Paris a.zip.code=7", None),
        ({"items": [{"n": 1}, 2], "none": []}, "items[2] none=[]", 'items=[{"n":1},2] none=[]'),
        ({"t": "two words", "e": "", "q": 'a"b', "eq": "a=b", "w": "true"},
         't="two words" e="" q="a\\"b" eq="a=b" w="true"', None),
        ({"odd name": 1, "": 2, "a.b": {}}, '"odd name"=1 ""=2 a.b={}', None),
        ({}, "{}", None), ([], "[]", None), ([1, 2], "[2]", "[1,2]"),
    ],
)  # fmt: skip
def test_payloads_are_keys_with_values(payload, brief, whole):
    assert payload_text(payload, True, str) == brief
    assert payload_text(payload, False, str) == (whole or brief)


def test_numbers_of_a_payload_keep_their_digits():
    raw = RawJson('{"a":1.10,"b":12345678901234567890.10,"c":' + "9" * 5000 + "}")
    assert payload_text(raw, True, str) == "a=1.10 b=12345678901234567890.10 c=" + "9" * 5000


def test_ids_are_as_short_as_they_can_be_told_apart():
    alike = ["0190a3b1-0000-7000-8000-000000000001", "0190a3b1-0001-7000-8000-000000000001"]
    ids = ShortIds()
    for id in [*alike, "6db370b2-0000-4000-8000-000000000000"]:
        ids.note(id)
        ids.note(f"order-{id}@3")
    assert [ids.short(id) for id in alike] == ["0190a3b1-0000", "0190a3b1-0001"]
    assert ids.short("order-6db370b2-0000-4000-8000-000000000000@3") == "order-6db370b2@3"
    assert ids.short(f"{alike[0]}:1") == "0190a3b1-0000:1"
    for text in (
        f"https://x/{alike[0]}",
        f"see {alike[0]}",
        f"{alike[0]}x",
        alike[0].upper(),
        f"{alike[0]},{alike[1]}",
    ):
        assert ids.short(text) == text, "what merely holds one is not touched"


def test_a_short_id_is_no_other_ones_in_the_table(seen):
    records: list[dict[str, Any]] = [{"id": f"0190a3b1-{n:04x}-7000-8000-000000000001", "n": n} for n in range(300)]
    shown = [line.split()[0] for line in seen(Table(records), 80)[2:]]
    assert len(set(shown)) == 300
    for short, record in zip(shown, records, strict=True):
        assert [one["id"] for one in records if one["id"].startswith(short)] == [record["id"]]
    wide = seen(Table(records), 80, wide=True)
    assert [line.split()[0] for line in wide[2:]] == [record["id"] for record in records]


def test_a_payload_cannot_play_a_second_row_or_a_colour(seen):
    evil = {"a": "x\n@2  10:00:00.000  order-9@1", "b": "\x1b[31m", "\nc": "‮"}
    for document in (Table([{"data": RawJson(json.dumps(evil))}]), Single({"data": evil}), Single({"list": [evil]})):
        shown = seen(document, 200)
        assert "\x1b" not in "".join(shown)
        assert len(shown) == (3 if isinstance(document, Table) else 1)


def test_signs_that_the_encoding_lacks_have_others(tmp_path, monkeypatch):
    out = io.BytesIO()
    stdout = io.TextIOWrapper(out, encoding="ascii")
    stdout.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", stdout)
    printer = Printer(Settings({"color": "never", "no-pager": True}, {}, tmp_path), {"COLUMNS": "30"})
    printer.print(Table([{"stream": "order-1", "note": "x" * 80}]))
    printer.close()
    stdout.flush()
    assert out.getvalue().decode().splitlines()[1:] == ["-" * 30, "order-1  " + "x" * 20 + "~"]


@pytest.mark.parametrize("line", ["stats --by type", "trace c1", "streams", "log"])
def test_no_sign_of_ours_is_an_escape(parcels, monkeypatch, line):
    parcels("send register --parcel-id P1 --weight 1 --command-id c1 -q")
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii", write_through=True))
    parcels(line)
    assert b"Registered" in out.getvalue() or line == "streams"
    assert b"\\u" not in out.getvalue()
