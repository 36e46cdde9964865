"""Papers of a shop, invoices and credit notes with their lines: a month of a real one where it is, else made up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from samples.retail.convert import commands

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "online-retail-2010-12.csv.gz"
"""December 2010 of the *Online Retail* data set; the README says where it is to be had."""
_MADE = 2_000


class Line(NamedTuple):
    stock_code: str
    description: str
    quantity: int
    unit_price: Decimal


class Paper(NamedTuple):
    """number: unique. lines: at least one."""

    number: str
    customer: str | None
    country: str
    at: datetime
    lines: tuple[Line, ...]

    @property
    def events(self) -> int:
        """What it comes to in a log: the paper, and each line."""
        return 1 + len(self.lines)


def papers(events: int, path: Path = REAL) -> Iterator[Paper]:
    """Papers that come to so many events or a few more; those of a file again and again, with other numbers."""
    left = events
    for again in count():
        for paper in _real(path) if path.is_file() else _made():
            if left <= 0:
                return
            left -= paper.events
            yield paper._replace(number=f"{paper.number}-{again}") if again else paper


def _real(path: Path) -> Iterator[Paper]:
    for one in commands(path):
        data: dict[str, Any] = one["data"]
        yield Paper(
            data.get("invoice_no") or data["credit_no"],
            data["customer_id"],
            data["country"],
            datetime.fromisoformat(data.get("placed_at") or data["issued_at"]),
            tuple(Line(**{**line, "unit_price": Decimal(line["unit_price"])}) for line in data["lines"]),
        )


def _made() -> Iterator[Paper]:
    for number in range(_MADE):
        lines = tuple(
            Line(f"{20_000 + at}", f'LANTERN "{at}", 7" × 3', at % 12 - 1, Decimal(at * 7 % 995) / 100)
            for at in range(number, number + number % 40 + 1)
        )
        at = datetime(2010, 12, 1, 8, tzinfo=UTC) + timedelta(minutes=number)
        yield Paper(f"{536_000 + number}", f"{12_000 + number % 900}" if number % 9 else None, "France", at, lines)
