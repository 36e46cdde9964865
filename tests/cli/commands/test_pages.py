"""How many rows `cqrs query` gives: all to a program, a page to a person, and the way to the next one for both."""

import csv
import io
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Page, Query, Read, Where, Workbench
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import DomainFailed
from cqrs_cli.stores.sqlite.row_reader import SQLiteRowReader
from tests.bank import Balance, Between, Open, domain
from tests.limited import limited


@pytest.fixture
def parcels_of_two(parcels: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Five parcels; a page has two rows, and so has what is read at once."""
    for number in range(1, 6):
        assert parcels(f"send register --parcel-id A{number} --weight {number}.50").code == 0
    opened = Session.workbench
    monkeypatch.setattr(
        Session, "workbench", lambda *asked, **how: limited(opened(*asked, **how), page_rows=2, streamed_rows=2)
    )
    return parcels


def ids(format: str, out: str) -> list[str]:
    if format == "json":
        return [row["parcel_id"] for row in json.loads(out)]
    if format == "jsonl":
        return [json.loads(line)["parcel_id"] for line in out.splitlines()]
    if format in ("csv", "tsv"):
        return [
            row["parcel_id"] for row in csv.DictReader(io.StringIO(out), delimiter="," if format == "csv" else "\t")
        ]
    return [word for word in out.split() if word.startswith("A")]


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "tsv", "md", "table"])
@pytest.mark.parametrize(("query", "wanted"), [("heaviest", "54321"), ("parcels", "12345"), ("all", "12345")])
def test_a_program_gets_all_rows(parcels_of_two: Any, format: str, query: str, wanted: str) -> None:
    ran = parcels_of_two(f"query {query} --format {format}")
    assert (ran.code, ran.err) == (0, "")
    assert "".join(one[1:] for one in ids(format, ran.out)) == wanted


@pytest.mark.parametrize("query", ["heaviest", "parcels"])
def test_a_terminal_gets_a_page_of_a_table(parcels_of_two: Any, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Printer, "on_terminal", True)
    for words in (f"query {query}", f"query {query} -q"):  # that rows are missing is said whatever happens
        ran = parcels_of_two(words)
        assert len(ids("table", ran.out)) == 2
        assert f"there is more; the next page: cqrs {words} --cursor " in ran.err
    assert len(parcels_of_two(f"query {query} --json").json) == 5
    assert len(ids("md", parcels_of_two(f"query {query} --format md").out)) == 5


@pytest.mark.parametrize("query", ["heaviest", "parcels"])
def test_what_all_rows_come_to_a_terminal_gets_too(
    parcels_of_two: Any, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Printer, "on_terminal", True)
    assert parcels_of_two(f"query {query} --sum weight").out == "17.50\n"
    assert parcels_of_two(f"query {query} --count").out == "5\n"


@pytest.mark.parametrize("query", ["heaviest", "parcels"])
def test_a_limit_is_one_and_is_told_but_not_with_q(parcels_of_two: Any, query: str) -> None:
    ran = parcels_of_two(f"query {query} --limit 3 --csv")
    assert len(ids("csv", ran.out)) == 3
    assert "there is more; the next page: cqrs query" in ran.err
    quiet = parcels_of_two(f"query {query} --limit 3 --csv -q")
    assert (quiet.out, quiet.err) == (ran.out, "")
    assert parcels_of_two(f"query {query} --limit 5 --json").err == ""


@pytest.mark.parametrize("query", ["heaviest", "parcels"])
def test_after_a_cursor_come_all_that_are_left(parcels_of_two: Any, query: str) -> None:
    line = parcels_of_two(f"query {query} --limit 1 --json").err.partition("the next page: cqrs ")[2]
    cursor = shlex.split(line)[-1]
    assert len(parcels_of_two(f"query {query} --cursor {cursor} --json").json) == 4


def test_the_rest_meets_a_condition_too(parcels_of_two: Any) -> None:
    where = "\"weight * 2 > 4 and parcel_id != 'A4'\""
    assert ids("json", parcels_of_two(f"query parcels --where {where} --json").out) == ["A2", "A3", "A5"]


def of_page(format: str, out: str) -> tuple[list[str], str | None]:
    """What a program reads of a page: the rows and the cursor."""
    if format == "json":
        page = json.loads(out)
        assert list(page) == ["rows", "next"]
        return [row["parcel_id"] for row in page["rows"]], page["next"]
    header, _, rest = out.partition("\n")
    if format == "jsonl":
        return ids(format, rest), json.loads(header)["next"]
    assert header.startswith("# next:")
    return ids(format, rest), header.removeprefix("# next:").strip() or None


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "tsv"])
@pytest.mark.parametrize(("query", "wanted"), [("heaviest", "54321"), ("parcels", "12345")])
@pytest.mark.parametrize("limit", ["", "--limit 2", "--limit 5"])
def test_pages_with_their_cursor_lead_through_all(
    parcels_of_two: Any, format: str, query: str, wanted: str, limit: str
) -> None:
    seen, cursor = "", ""
    for _ in range(5):
        ran = parcels_of_two(f"query {query} --format {format} --page {limit} {cursor}")
        assert (ran.code, ran.err) == (0, "")
        found, after = of_page(format, ran.out)
        assert len(found) <= (5 if limit.endswith("5") else 2)
        seen += "".join(one[1:] for one in found)
        if after is None:
            break
        cursor = f"--cursor {after}"
    assert seen == wanted


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "tsv"])
def test_a_page_without_rows_has_its_form_too(parcels_of_two: Any, format: str) -> None:
    ran = parcels_of_two(f"query parcels --where weight>99 --format {format} --page")
    assert of_page(format, ran.out) == ([], None)
    assert parcels_of_two(f"query parcels --where weight>99 --format {format} --page --fail-if-empty").code == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("query parcels --page", "--page is for programs"),
        ("query heaviest --page", "--page is for programs"),
        ("query parcels --page --format md", "--page is for programs"),
        ("query all --page --json", "All has no pages, so --page means nothing"),
        ("query one --parcel-id A1 --page --json", "One has no pages, so --page means nothing"),
        ("query parcels --limit 0 --page --json", "--limit: expected a number from 1"),
    ],
)
def test_pages_that_can_not_be(parcels_of_two: Any, words: str, said: str) -> None:
    ran = parcels_of_two(words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


# ── in Python ─────────────────────────────────────────────────────────────────────────────────


class Owned(Query[Balance]):
    """Those from a letter on, by owner."""

    least: str = ""

    def run(self, read: Read) -> Page[Balance]:
        return read.page(Balance, where=[Where("account_id", ">=", self.least)], order="owner")


class Stuck(Query[Balance]):
    def run(self, read: Read) -> Page[Balance]:
        return Page(list(read.rows(Balance))[:2], "the same")


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: Between()}) as opened:
        for name in "abcdefg":
            opened.send(Open(account_id=name, owner=name))
        yield limited(opened, streamed_rows=2)


def test_all_pages_are_as_the_rows_were_at_the_first(bench: Workbench) -> None:
    pages = bench.pages(Owned())
    found = list(next(pages))
    for name in ("Z", "h"):
        bench.send(Open(account_id=name, owner=name))
    bench.project()
    found += [row for page in pages for row in page]
    assert [row.account_id for row in found] == list("abcdefg")
    assert [row.account_id for page in bench.pages(Owned()) for row in page] == list("Zabcdefgh")


def test_every_row_is_read_when_it_is_asked_for(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, few are in memory."""
    read: list[Any] = []
    select = SQLiteRowReader.select

    def counted(self: Any, table: Any, *how: Any, **more: Any) -> Any:
        return (row for row in select(self, table, *how, **more) if table.name != "balance" or not read.append(row))

    monkeypatch.setattr(SQLiteRowReader, "select", counted)
    rows = bench.every("balance", matches=lambda row: row.account_id != "a")
    assert (next(rows).account_id, len(read)) == ("b", 2)
    read.clear()
    pages = bench.pages(Owned(least="c"))
    for number in (1, 2):
        assert (len(next(pages)), len(read)) == (2, 2 * number + 1)


def test_a_query_that_gives_its_cursor_again_does_not_go_on_for_ever(bench: Workbench) -> None:
    pages = bench.pages(Stuck())
    next(pages)
    with pytest.raises(DomainFailed, match=r"Stuck\.run"):
        list(pages)
