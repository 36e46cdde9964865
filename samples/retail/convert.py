"""From the *Online Retail* CSV to commands, as JSON lines: `python -m samples.retail.convert FILE.csv[.gz]`.

One command an invoice number, in the order in which the numbers first appear. Its `command_id` is
derived from the number, so that sending the same file twice changes nothing. The file is read
twice, first to check every line and to learn where each invoice ends: nothing is written for a
malformed file, and only the invoices that overlap are held in memory.

Exit codes: 0 done, 2 the file can't be read or a line of it can't be understood, 141 broken pipe.
"""

import csv
import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
SOURCE = uuid5(NAMESPACE_URL, "https://archive.ics.uci.edu/dataset/352")


class Malformed(Exception):
    """A file or a line that can't be understood."""


class Line(NamedTuple):
    invoice_no: str
    stock_code: str
    description: str
    quantity: int
    at: str
    unit_price: str
    customer_id: str | None
    country: str


def commands(path: Path) -> Iterator[dict[str, Any]]:
    """The commands of the file, each as the JSON object that `cqrs send --batch` takes. Raises `Malformed`."""
    last = {line.invoice_no: number for number, line in lines(path)}
    open_papers: dict[str, list[Line]] = {}
    for number, line in lines(path):
        open_papers.setdefault(line.invoice_no, []).append(line)
        while open_papers:
            invoice_no, paper = next(iter(open_papers.items()))
            if last[invoice_no] > number:
                break
            del open_papers[invoice_no]
            yield command(paper)


def command(paper: list[Line]) -> dict[str, Any]:
    """One invoice or credit note; customer, country and time are those of its first line."""
    first = paper[0]
    credit = first.invoice_no.startswith("C")
    return {
        "command": "issue-credit-note" if credit else "place-invoice",
        "command_id": str(uuid5(SOURCE, first.invoice_no)),
        "data": {
            "credit_no" if credit else "invoice_no": first.invoice_no,
            "customer_id": first.customer_id,
            "country": first.country,
            "issued_at" if credit else "placed_at": first.at,
            "lines": [
                {
                    "stock_code": line.stock_code,
                    "description": line.description,
                    "quantity": line.quantity,
                    "unit_price": line.unit_price,
                }
                for line in paper
            ],
        },
    }


def lines(path: Path) -> Iterator[tuple[int, Line]]:
    """Each line with its number in the file (that of its last one, where a quoted text spans several)."""
    with opened(path) as file:
        rows = csv.reader(file, strict=True)
        try:
            header: list[str] = next(rows, list[str]())
            header[:1] = [name.removeprefix("\ufeff") for name in header[:1]]
            if missing := [column for column in COLUMNS if column not in header]:
                raise Malformed(f"{path}:1: the header has no column {', '.join(missing)}")
            order = [header.index(column) for column in COLUMNS]
            for row in rows:
                if not row:
                    continue
                if len(row) != len(header):
                    raise Malformed(f"{path}:{rows.line_num}: {len(row)} values under {len(header)} columns")
                try:
                    line = parsed(*(row[index] for index in order))
                except ValueError as error:
                    raise Malformed(f"{path}:{rows.line_num}: {error}") from None
                yield rows.line_num, line
        except csv.Error as error:
            raise Malformed(f"{path}:{rows.line_num}: {error}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Malformed(f"{path}: not a whole gzip file: {error}") from None


def opened(path: Path) -> IO[str]:
    """The text of the file. Bytes that are no UTF-8 become lone surrogates, to be refused on their line."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8", errors="surrogateescape", newline="")


def parsed(
    invoice_no: str,
    stock_code: str,
    description: str,
    quantity: str,
    invoice_date: str,
    unit_price: str,
    customer_id: str,
    country: str,
) -> Line:
    """The line's values as the commands hold them. Raises `ValueError` naming the column and the value."""
    for column, text in (("InvoiceNo", invoice_no), ("StockCode", stock_code), ("Country", country)):
        if not text:
            raise ValueError(f"{column} is empty")
    for text in (invoice_no, stock_code, description, customer_id, country):
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError("not UTF-8")
    try:
        pieces = int(quantity)
    except ValueError:
        raise ValueError(f"Quantity is no whole number: {quantity!r}") from None
    try:
        price_is_finite = Decimal(unit_price).is_finite()
    except InvalidOperation:
        price_is_finite = False
    if not price_is_finite:
        raise ValueError(f"UnitPrice is no number: {unit_price!r}")
    try:
        at = datetime.fromisoformat(invoice_date)
    except ValueError:
        raise ValueError(f"InvoiceDate is no time like 2010-12-01 08:26:00: {invoice_date!r}") from None
    utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return Line(
        invoice_no=invoice_no,
        stock_code=stock_code,
        description=description,
        quantity=pieces,
        at=utc.isoformat().replace("+00:00", "Z"),
        unit_price=unit_price,
        customer_id=customer_id.removesuffix(".0") or None,
        country=country,
    )


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m samples.retail.convert FILE.csv[.gz]", file=sys.stderr)
        return 2
    path = Path(arguments[0])
    try:
        if path.exists() and not path.is_file():
            raise Malformed(f"{path}: not a regular file; it is read twice")
        for each in commands(path):
            print(json.dumps(each))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Malformed as error:
        print(
            f"error[csv]: {error}\nhint: nothing after that line was converted; mend it",
            file=sys.stderr,
        )
        return 2
    except OSError as error:
        print(f"error[csv]: {path}: {error.strerror}\nhint: FILE.csv or FILE.csv.gz", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
