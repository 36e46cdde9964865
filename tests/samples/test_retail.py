"""The retail sample on real data: rows to the penny, again and again, and after a kill."""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Scenario
from samples.retail import domain
from samples.retail.paper import CreditNoteIssued, InvoiceLine, InvoicePlaced, IssueCreditNote, PlaceInvoice
from tests.conftest import ROOT, Shell
from tests.servers import program

NOON = datetime(2010, 12, 1, 12, tzinfo=UTC)
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINE = "1,A,TEA,6,2010-12-01 08:26:00,2.55,,France\n"


def line(quantity: int, price: str = "2.55", code: str = "85123A") -> InvoiceLine:
    return InvoiceLine(stock_code=code, description="LANTERN", quantity=quantity, unit_price=Decimal(price))


# ── the rules ─────────────────────────────────────────────────────────────────────────────────


def place(*lines: InvoiceLine) -> PlaceInvoice:
    return PlaceInvoice(invoice_no="1", customer_id=None, country="France", placed_at=NOON, lines=list(lines))


def issue(*lines: InvoiceLine) -> IssueCreditNote:
    return IssueCreditNote(credit_no="C1", customer_id="17850", country="France", issued_at=NOON, lines=list(lines))


def test_an_invoice_keeps_what_was_sold() -> None:
    Scenario(domain).when(place(line(6), line(-1), line(3, "0"), line(2, "-1"))).then(
        InvoicePlaced(customer_id=None, country="France", placed_at=NOON, lines=[line(6)])
    )


def test_a_credit_note_keeps_what_was_returned() -> None:
    Scenario(domain).when(issue(line(-6), line(1), line(-3, "0"))).then(
        CreditNoteIssued(customer_id="17850", country="France", issued_at=NOON, lines=[line(-6)])
    )


def test_nothing_kept_is_rejected() -> None:
    Scenario(domain).when(place(line(-6), line(1, "0"))).then_rejected("nothing-sold")
    Scenario(domain).when(issue(line(6), line(-1, "0"))).then_rejected("nothing-returned")
    Scenario(domain).when(place()).then_rejected("nothing-sold")


def test_nothing_is_left_to_check() -> None:
    assert domain.check() == []


# ── convert ───────────────────────────────────────────────────────────────────────────────────


def convert(*words: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "samples.retail.convert", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert ran.returncode == exit_code, ran.stderr
    return ran


def converted(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in convert(str(path)).stdout.splitlines()]


def test_one_command_a_number_with_the_head_of_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text(
        HEADER
        + '1,A,"TEA, ""BLACK""  ",6,2010-12-01 08:26:00,2.55,17850.0,France\n'
        + "2,A,TEA,1,2010-12-01 08:27:00,2.55,,EIRE\n"
        + "1,B,CUP,-1,2010-12-01 08:28:00,0.0,,Spain\n"
        + "C3,B,,-1,2010-12-01 08:29:00,1,12.0,France\n"
    )
    first, second, third = converted(file)
    assert first["command"] == "place-invoice"
    assert first["data"] == {
        "invoice_no": "1",
        "customer_id": "17850",
        "country": "France",
        "placed_at": "2010-12-01T08:26:00Z",
        "lines": [
            {"stock_code": "A", "description": 'TEA, "BLACK"  ', "quantity": 6, "unit_price": "2.55"},
            {"stock_code": "B", "description": "CUP", "quantity": -1, "unit_price": "0.0"},
        ],
    }
    assert second["data"]["customer_id"] is None
    assert third["command"] == "issue-credit-note"
    assert (third["data"]["credit_no"], third["data"]["customer_id"]) == ("C3", "12")
    assert len({each["command_id"] for each in (first, second, third)}) == 3
    assert converted(file) == [first, second, third]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: the header has no column InvoiceNo"),
        ("InvoiceNo,StockCode\n1,A\n", ":1: the header has no column Description"),
        (HEADER + "1,A,TEA,6\n", ":2: 4 values under 8 columns"),
        (HEADER + "1,A,TEA,six,2010-12-01 08:26:00,2.55,,France\n", ":2: Quantity is no whole number: 'six'"),
        (HEADER + "1,A,TEA,6,2010-12-01 08:26:00,NaN,,France\n", ":2: UnitPrice is no number: 'NaN'"),
        (HEADER + "1,A,TEA,6,2010-12-01 08:26:00,cheap,,France\n", ":2: UnitPrice is no number: 'cheap'"),
        (HEADER + "1,A,TEA,6,yesterday,2.55,,France\n", ":2: InvoiceDate is no time"),
        (HEADER + ",A,TEA,6,2010-12-01 08:26:00,2.55,,France\n", ":2: InvoiceNo is empty"),
        (HEADER + LINE + '1,A,"TEA,6\n', ":3: unexpected end of data"),
    ],
)
def test_a_malformed_file_is_refused_with_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    refused = convert(str(file), exit_code=2)
    assert refused.stdout == ""
    assert f"error[csv]: {file}{complaint}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_files_that_are_none(tmp_path: Path) -> None:
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(gzip.compress((HEADER + LINE * 100).encode())[:-12])
    latin = tmp_path / "latin.csv"
    latin.write_bytes(HEADER.encode() + b"1,A,CAF\xc9,6,2010-12-01 08:26:00,2.55,,France\n")
    for path, complaint in (
        (tmp_path / "absent.csv", "No such file or directory"),
        (tmp_path, "not a regular file"),
        (torn, "not a whole gzip file"),
        (latin, f"{latin}:2: not UTF-8"),
    ):
        refused = convert(str(path), exit_code=2)
        assert complaint in refused.stderr
        assert "Traceback" not in refused.stderr
    assert "usage: python -m samples.retail.convert" in convert(exit_code=2).stderr


def test_a_reader_that_goes_away_is_no_error(retail_csv: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "samples.retail.convert", str(retail_csv)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


# ── the real data ─────────────────────────────────────────────────────────────────────────────

Rows = dict[str, list[dict[str, Any]]]


def plain(path: Path) -> tuple[Rows, int, int]:
    """What a script without any of us computes: the rows of the four tables, papers kept and papers rejected."""
    kept: dict[str, list[dict[str, str]]] = {}
    head: dict[str, dict[str, str]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            number = row["InvoiceNo"]
            head.setdefault(number, row)
            sign = -1 if number.startswith("C") else 1
            kept.setdefault(number, [])
            if int(row["Quantity"]) * sign > 0 and Decimal(row["UnitPrice"]) > 0:
                kept[number].append(row)
    countries: dict[str, list[Any]] = defaultdict(lambda: [0, 0, Decimal(0)])
    days: dict[str, list[Any]] = defaultdict(lambda: [0, 0, Decimal(0)])
    products: dict[str, list[Any]] = defaultdict(lambda: ["", 0, Decimal(0)])
    customers: dict[str, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for number, lines in kept.items():
        if not lines:
            continue
        amounts = [int(each["Quantity"]) * Decimal(each["UnitPrice"]) for each in lines]
        credit = number.startswith("C")
        for table, key in ((countries, head[number]["Country"]), (days, head[number]["InvoiceDate"][:10])):
            table[key][1 if credit else 0] += 1
            table[key][2] += sum(amounts)
        for each, amount in zip(lines, amounts, strict=True):
            product = products[each["StockCode"]]
            product[0] = each["Description"]
            product[1] += int(each["Quantity"])
            product[2] += amount
        if customer := head[number]["CustomerID"].removesuffix(".0"):
            customers[customer][0] += 0 if credit else 1
            customers[customer][1] += sum(amounts)
    names = {
        "country_revenue": (countries, ("country", "invoices", "credit_notes", "revenue")),
        "daily_revenue": (days, ("day", "invoices", "credit_notes", "revenue")),
        "product_sales": (products, ("stock_code", "description", "quantity", "revenue")),
        "customer_revenue": (customers, ("customer_id", "invoices", "revenue")),
    }
    rows = {
        name: [dict(zip(columns, (key, *values), strict=True)) for key, values in sorted(table.items())]
        for name, (table, columns) in names.items()
    }
    accepted = sum(1 for lines in kept.values() if lines)
    return rows, accepted, len(kept) - accepted


def rows_of(shell: Shell, *options: str) -> Rows:
    """The shell's rows, in order of their keys, money as numbers."""
    projected = shell.json("project", *options)
    return {
        each["projection"]: sorted(
            ({**row, "revenue": Decimal(row["revenue"])} for row in each["rows"]),
            key=lambda row: str(next(iter(row.values()))),
        )
        for each in projected
    }


@pytest.fixture(scope="module")
def commands(retail_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("retail") / "commands.jsonl"
    file.write_text(convert(str(retail_csv)).stdout)
    return file


@pytest.fixture(scope="module")
def expected(retail_csv: Path) -> tuple[Rows, int, int]:
    return plain(retail_csv)


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    cqrs.environ["CQRS_APP"] = "samples.retail:domain"
    return cqrs


def test_rows_are_what_a_plain_script_computes(shop: Shell, commands: Path, expected: tuple[Rows, int, int]) -> None:
    rows, accepted, rejected = expected
    assert accepted > 1_500, "the data set is not the one that was meant"
    assert rejected > 100

    first = shop.json("send", "--batch", "-", "--allow-rejected", stdin=commands.read_text())
    assert (first["committed"], first["duplicate"], first["rejected"], first["invalid"]) == (accepted, 0, rejected, 0)
    assert rows_of(shop, "--rebuild") == rows
    assert rows_of(shop) == rows

    products = shop.json("query", "top-products", "--limit", "20")
    best = sorted(rows["product_sales"], key=lambda row: (-row["revenue"], row["stock_code"]))
    assert [row["stock_code"] for row in products] == [row["stock_code"] for row in best[:20]]
    customers = shop.json("query", "top-customers", "--limit", "20")
    best = sorted(rows["customer_revenue"], key=lambda row: (-row["revenue"], row["customer_id"]))
    assert [row["customer_id"] for row in customers] == [row["customer_id"] for row in best[:20]]
    assert [Decimal(row["revenue"]) for row in customers] == [row["revenue"] for row in best[:20]]

    again = shop.json("send", "--batch", str(commands), "--allow-rejected")
    assert (again["committed"], again["duplicate"], again["rejected"], again["events"]) == (0, accepted, rejected, 0)
    shop("send", "--batch", str(commands), exit_code=1)
    assert shop.json("stats")["events"] == accepted
    assert rows_of(shop) == rows

    invoice = shop.json("replay", "invoice-536365")
    assert (invoice["version"], len(invoice["state"]["lines"])) == (1, 7)


def test_killed_in_the_middle_it_ends_in_the_same_rows(
    shop: Shell, commands: Path, expected: tuple[Rows, int, int]
) -> None:
    rows, accepted, rejected = expected
    acknowledged: set[str] = set()
    # Nobody reads on after 200 outcomes, so the pipe fills up and the kill is sure to come in the middle.
    with subprocess.Popen(
        [*program(), "send", "--batch", str(commands), "--allow-rejected", "--jsonl"],
        cwd=shop.folder,
        env=shop.environ,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        while len(acknowledged) < 200:
            outcome = json.loads(process.stdout.readline())
            if outcome["status"] == "committed":
                acknowledged.add(outcome["command_id"])
        process.kill()

    kept = {event["command_id"] for event in shop.json("log")}
    assert acknowledged <= kept
    assert len(kept) < accepted

    rest = shop.json("send", "--batch", str(commands), "--allow-rejected")
    assert rest["duplicate"] == len(kept)
    assert rest["committed"] == accepted - len(kept)
    assert rest["rejected"] == rejected
    assert rows_of(shop, "--rebuild") == rows
