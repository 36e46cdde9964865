"""What is printed reads back as what it was, in every format that can be read."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cqrs_cli.cli.printing.control_characters import no_formula, tsv_text, visible
from cqrs_cli.cli.printing.documents import Single, Table
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.config import Settings
from cqrs_cli.json_text import json_line, json_text
from cqrs_cli.jsonable import RawJson, iso_duration, jsonable
from cqrs_cli.stores.moments import micros

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Cn", "Zl", "Zp"))),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    UUID: st.uuids(),
    date: st.dates(),
    time: st.times(),
    datetime: st.datetimes(timezones=st.just(UTC) | ZONES),
    timedelta: st.timedeltas(),
    list[timedelta]: st.lists(st.timedeltas(), max_size=3),
    dict[str, list[Decimal]]: st.dictionaries(st.text("ab", max_size=2), st.lists(st.decimals("-1e9", "1e9"))),
}
KIND = st.sampled_from(list(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), KINDS[kind]))


def printed(document: Any, format: str) -> str:
    out = io.StringIO()
    printer = Printer(Settings({"format": format}, {}), {})
    printer._output._stdout = out
    printer.print(document)
    return out.getvalue()


def of_cells(read: Callable[[str], dict[str, str]]) -> Callable[[str, Any], Any]:
    """How a value is read from its cell: a structure is JSON there, and nothing else is in quotes."""

    def reader(text: str, kind: Any) -> Any:
        cell = read(text)["value"]
        structured = kind in (bool, float, int) or not isinstance(kind, type)
        return json.loads(cell) if structured else cell

    return reader


def markdown(text: str) -> dict[str, str]:
    _, _, row = text.splitlines()
    cell = row.removeprefix("| ").removesuffix(" |")
    if cell.startswith("`"):  # what a page would link
        quotes = len(cell) - len(cell.lstrip("`"))
        code = cell[quotes:-quotes].replace("\\|", "|")
        is_padded = code.startswith(" ") and code.endswith(" ") and code.strip(" ")
        return {"value": code[1:-1] if is_padded else code}
    for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        cell = cell.replace(entity, letter)
    plain, escaped = "", False
    for letter in cell:
        escaped = letter == "\\" and not escaped
        plain += "" if escaped else letter
    return {"value": plain}


def from_tsv(cell: str) -> str:
    """As the documents say."""
    return re.sub(r"\\([tnr\\])", lambda found: {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[found[1]], cell)


READERS: dict[str, Callable[[str, Any], Any]] = {
    "json": lambda text, kind: json.loads(text)[0]["value"],
    "jsonl": lambda text, kind: json.loads(text)["value"],
    "csv": of_cells(lambda text: next(csv.DictReader(io.StringIO(text)))),
    "tsv": of_cells(lambda text: {"value": from_tsv(text.split("\n")[1])}),
    "md": of_cells(markdown),
    "table": of_cells(lambda text: {"value": text.split("\n")[2].strip(" ")}),
}


@pytest.mark.parametrize("format", READERS)
@given(given=KIND)
def test_values_read_back(format: str, given: tuple[Any, Any]) -> None:
    kind, value = given
    if format in ("md", "table") and kind is str and value != value.strip(" "):
        return  # nobody sees blanks at the end of a cell
    if format in ("md", "table") and visible(str(value)) != str(value):
        return  # what nobody would see is made visible, for good
    if format == "table" and isinstance(value, dict) and value:
        return  # told as key=value: see test_payload_text
    if format not in ("csv", "tsv") and ("::" in str(value) or "##[" in str(value)):
        return  # not in the words of a CI job
    read = TypeAdapter(kind).validate_python(READERS[format](printed(Table([{"value": value}]), format), kind))
    assert read == value
    assert str(read) == str(value) or kind in (datetime, time, dict[str, list[Decimal]], list[timedelta])


@given(st.timedeltas())
def test_a_duration_is_iso_and_the_same_one(value: timedelta) -> None:
    text = iso_duration(value)
    assert TypeAdapter(timedelta).validate_python(text) == value
    assert text.startswith("-P" if value < timedelta(0) else "P")
    assert text[-1] != "T"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(hours=-1), "-PT1H"),
        (timedelta(0), "PT0S"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=500), "P1DT2H3M4.5S"),
        (timedelta(microseconds=-1), "-PT0.000001S"),
        (timedelta(days=400), "P400D"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime(999, 12, 31, 1), "0999-12-31T01:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "0001-01-01T00:00:00+05:00"),
        (date(33, 1, 1), "0033-01-01"),
    ],
)
def test_durations_and_early_years(value: Any, text: str) -> None:
    assert jsonable(value) == text
    assert json.loads(json_line({"value": [value]})) == {"value": [text]}
    if isinstance(value, datetime):
        assert micros(TypeAdapter(datetime).validate_python(text)) == micros(value.replace(tzinfo=value.tzinfo or UTC))


@pytest.mark.parametrize(
    "number", ["1.10", "12345678901234567890.123456", "1e400", "-0.0", "3", "123456789012345678901"]
)
@pytest.mark.parametrize("indent", [None, 2])
def test_numbers_of_a_stored_text_keep_their_digits_however_deep(number: str, indent: int | None) -> None:
    stored = RawJson(f'{{"n":{number},"deep":[{{"é":[{number},"a\\u001b"]}}],"none":[],"nothing":{{}}}}')
    record = {"events": [{"data": stored}], "stream": "a"}
    for text in (json_text(record, indent), json_line(record), printed(Single(record), "json"), cell_text([record])):
        read = json.loads(text, parse_float=str, parse_int=str)
        read = read[0] if isinstance(read, list) else read
        assert read == {
            "events": [{"data": {"n": number, "deep": [{"é": [number, "a\x1b"]}], "none": [], "nothing": {}}}],
            "stream": "a",
        }
    if indent is not None and number == "3":
        assert json_text(record, indent) == json.dumps(json.loads(json_text(record)), indent=2, ensure_ascii=False)


def test_digits_are_laid_out_as_json_lays_out_others() -> None:
    stored = RawJson('{"n":1.5,"deep":[{"é":[2.5,{}]}],"none":[]}')
    plain = json.loads(stored)
    for indent, separators in ((2, None), (None, (",", ":"))):
        wanted = json.dumps({"a": [plain]}, indent=indent, ensure_ascii=False, separators=separators)
        assert json_text({"a": [stored]}, indent) == wanted


@pytest.mark.parametrize("format", ["csv", "spreadsheet", "tsv"])
@given(text=st.text(), other=st.text("a\"',;\t\r\n\\ntr :#[\x1b\u202e"))
def test_csv_and_tsv_are_the_data(format: str, text: str, other: str) -> None:
    """Texts and titles, whatever is in them."""
    out = printed(Table([{"a": text, f"b{other}": other}, {"a": other, f"b{other}": text}]), format)
    lines = [[text, other], [other, text]]
    if format == "tsv":
        assert [row.split("\t") for row in out.split("\n")[1:]] == [[*map(tsv_text, line)] for line in lines] + [[""]]
        assert [[*map(from_tsv, row.split("\t"))] for row in out.split("\n")[1:-1]] == lines
        return
    if format == "spreadsheet":
        assert out[0] == "\ufeff"
        out, lines = out[1:], [[*map(no_formula, line)] for line in lines]
    assert list(csv.reader(io.StringIO(out, newline=""))) == [["a", f"b{other}"], *lines]


def test_bytes_are_what_was_stored(tmp_path: Path) -> None:
    """In a file, and in UTF-8 whatever the locale."""
    text = "\x1b[31m é\u202e\u200b\x07 ::error::\n::stop-commands::x ##[group]"
    for format, cell in (("csv", f'"{text}"'), ("tsv", text.replace("\n", "\\n"))):
        file = tmp_path / format
        printer = Printer(Settings({"format": format, "output": str(file)}, {}), {})
        printer.print(Table([{"text": text}]))
        printer.close()
        assert file.read_bytes() == f"text\n{cell}\n".encode()
        pipe = io.BytesIO()
        printer = Printer(Settings({"format": format}, {}), {})
        printer._output._stdout = io.TextIOWrapper(pipe, encoding="latin-1")
        printer.print(Table([{"text": text}]))
        assert pipe.getvalue() == file.read_bytes()


@pytest.mark.parametrize("format", ["csv", "spreadsheet", "tsv"])
@given(text=st.text("a\"',;\t\r\n\\ :#[error\x1b\u202e\x9b"))
def test_a_terminal_sees_no_control_character(format: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Printer, "reaches_terminal", True)
        out = printed(Table([{f"a{text}": text}, {f"a{text}": text}]), format).removeprefix("\ufeff")
    left = out.replace("\n", "").replace("\t", "")
    assert visible(left) == left or "::" in left
    assert not re.search(r"(?m)^\s*::[a-z]", out)


@pytest.mark.parametrize(("words", "format"), [
    ("--csv", "csv"), ("--spreadsheet", "spreadsheet"), ("--spreadsheet --csv", "spreadsheet"), ("--csv --spreadsheet", "spreadsheet"),
    ("--format csv --spreadsheet", "spreadsheet"), ("--spreadsheet --format csv", "spreadsheet"), ("--spreadsheet --json", "json"),
])  # fmt: skip
def test_the_options_for_csv(here: Any, tmp_path: Path, words: str, format: str) -> None:
    out = here(f"config {words}").out
    assert (out[:1] == "\ufeff", out[:1] == "[") == (format == "spreadsheet", format == "json")
