"""What a terminal of 60, 80, 100 and 160 columns shows, as text: `golden_terminals/`, one file a width, to be read.

`WRITE_GOLDEN=1 python -m pytest tests/cli/printing/test_terminals.py` writes them anew.
"""

import io
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Workbench
from cqrs_cli.cli.printing.widths import text_width
from cqrs_cli.cli.shell import boundary
from cqrs_cli.history import clauses
from cqrs_cli.stores.sqlite.store import SQLiteStore
from samples.inventory.stock import ReceiveStock
from samples.orders.fulfilment import domain
from samples.orders.order import Address, CancelOrder, CreateOrder, OrderItem, PayOrder, SubmitOrder
from tests.cli.terminal import on_a_terminal
from tests.conftest import ROOT

GOLDEN = Path(__file__).with_name("golden_terminals")
WIDTHS = (60, 80, 100, 160)
ADA, BOB = UUID("3f1c9a52-77d1-4c0e-9d5b-0a6f4b0c2e11"), UUID("c84e61d0-1f0a-4c55-b7a3-5d1d7f0f9a02")
PEN, INK = UUID("6db370b2-0c41-4a7e-8f6e-2b1f6b7f3c01"), UUID("22222222-93ab-4dd1-a0c4-9f1f3f7a2b02")
COMMANDS = (
    "log",
    "log --local",
    "log --reverse -n 3 --wide",
    "streams",
    "stats",
    "stats --by type",
    "trace @4",
    "replay",
    "replay order-{order}",
    "replay order-{order} --steps",
    "replay order-{order} --steps --local --changed status",
    "blame order-{order}",
    "blame order-{order} items --local",
    "diff order-{order}@1 order-{order} --blame",
    "bisect order-{order} \"state.status != 'paid'\" --local",
    "bisect --all order \"state.status != 'paid'\"",
    "trace order-{order} --local",
    "project",
    "project --status",
    "project customer_totals --check",
    "query",
    "query order-summary",
    "query order-summary --at @5 --columns order_id,status,total_amount",
    "query order-summary --distinct status",
    "project order_summary --columns order_id,total_amount --at 2026-03-09",
    "run --deadlines",
    "query order-by-id --order-id {order}",
    "run --status",
    "run --failed",
    "show @5",
    "snapshot list",
    'sql "SELECT position, stream, type, data FROM event_log"',
    "config",
    "verify",
    "replay --verify",
    "replay --generic",
    "replay order-{order}@2 --generic",
    "replay order-{order} --steps --generic --changed customer_id",
    "blame order-{order} --generic",
    "diff order-{order}@1..3 --generic --blame",
    'bisect order-{order} "state.customer_id is null" --generic',
    'bisect --all order "state.quantity > 0" --generic',
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store in which ids and times are always the same, over two days; and the id of its first order."""
    folder = tmp_path_factory.mktemp("shop")
    ticks = count()

    def clock() -> datetime:
        return datetime(2026, 3, 9, 23, 59, 59, 301000, tzinfo=UTC) + next(ticks) * timedelta(milliseconds=173)

    numbers = count(1)

    def meta(user: str | None = None) -> dict[str, Any]:
        return {"command_id": f"019cd4f8-{next(numbers):04x}-7c3e-9b10-5f2d8e6a4c01", "user_id": user}

    def item(product: UUID, name: str, price: str) -> OrderItem:
        return OrderItem(product_id=product, product_name=name, quantity=2, unit_price=Decimal(price))

    with Workbench.open(str(folder / "cqrs.db"), domain, clock=clock) as bench:
        bench.runner(clock=clock).drain()
        bench.send(ReceiveStock(product_id=PEN, quantity=10).with_meta(**meta()))
        home = Address(street="Rue de Rivoli 59", city="Paris", postal_code="75001", country="FR")
        pen, ink = item(PEN, "Pen", "1.50"), item(INK, "Blue ink, 50 ml", "2.10")
        opened = CreateOrder(customer_id=ADA, items=[pen, ink], shipping_address=home).with_meta(**meta("ada"))
        order = bench.send(opened).events[0].key
        bench.send(SubmitOrder(order_id=order).with_meta(**meta("ada")))
        far = home.model_copy(update={"city": "京都市"})
        other = CreateOrder(customer_id=BOB, items=[pen], shipping_address=far).with_meta(**meta())
        key = bench.send(other).events[0].key
        bench.send(PayOrder(order_id=order).with_meta(**meta("ada")))
        bench.send(CancelOrder(order_id=key, reason="changed my mind").with_meta(**meta("till-1")))
        assert list(bench.snapshots.take([f"order-{order}"]))
    return folder, str(order)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(shop: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], str]]:
    """What a terminal of so many columns shows of a command, with its notes below."""
    for name in [name for name in os.environ if name.startswith("CQRS_")] + ["FORCE_COLOR"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"NO_COLOR": "1", "TERM": "xterm", "CQRS_APP": "samples.orders.fulfilment:domain"}.items():
        monkeypatch.setenv(name, value)
    now = int(datetime(2026, 3, 10, 0, 2, tzinfo=UTC).timestamp()) * 10**9
    monkeypatch.setattr(SQLiteStore, "clock", property(lambda store: lambda: now))  # how long something waits
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    monkeypatch.chdir(shop[0])
    monkeypatch.setattr(
        clauses, "clause_text", lambda clause: f"{clause.where} (orders/order.py:1)"
    )  # the same everywhere

    def run(line: str, width: int) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        out, err = Terminal(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        code = boundary.run(shlex.split(line.format(order=shop[1])))
        assert code in (0, 1), err.getvalue()
        return (out.getvalue() + err.getvalue()).replace(str(shop[0]), "/home/ada/shop").replace(shop[0].name, "shop")

    yield run
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("width", WIDTHS)
def test_it_reads_as_it_did(typed: Callable[[str, int], str], shop: tuple[Path, str], width: int) -> None:
    shown = "\n".join(f"$ cqrs {line.format(order=shop[1])}\n{typed(line, width)}" for line in COMMANDS)
    golden = GOLDEN / f"{width}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, *WIDTHS])
def test_no_row_is_longer_than_the_terminal(typed: Callable[[str, int], str], width: int) -> None:
    """Whatever the table. Keys alone may be longer, in a record of their own."""
    for line in COMMANDS:
        if "--wide" not in line and not line.startswith(("show", "replay order", "query order-by-id", "verify")):
            for row in typed(line, width).splitlines():
                assert text_width(row) <= max(width, 62) or "(" in row or "generic fold" in row, (line, row)


def test_wide_cuts_nothing(typed: Callable[[str, int], str], shop: tuple[Path, str]) -> None:
    for line in COMMANDS:
        assert "…" not in typed(f"{line} --wide", 60), line
    assert f"order-{shop[1]}@1" in typed("log --wide", 60)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["doctor", "log", "project", "run --status", "blame order-{order} --generic"])
@pytest.mark.parametrize("width", [60, 80])
def test_on_a_real_terminal(shop: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, line: str, width: int) -> None:
    """Whose width nobody says but itself: tables and records fit into it."""
    monkeypatch.chdir(shop[0])
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CQRS_", "COLUMNS", "LINES"))}
    environ |= {
        "NO_COLOR": "1",
        "TERM": "xterm",
        "CQRS_APP": "samples.orders.fulfilment:domain",
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, "-m", "cqrs_cli", "--no-pager", "-q", *line.format(order=shop[1]).split()]
    shown, code = on_a_terminal(words, environ, screen=(width, 24))
    assert code in (0, 1), shown
    rows = shown.splitlines()
    assert len(rows) > 2, shown
    for row in rows:
        is_sentence = row.startswith(("note[", "warning[", "error["))  # which a terminal breaks where it likes
        assert text_width(row) <= width or is_sentence, (line, row)


def test_a_run_says_the_zone_of_its_times(
    typed: Callable[[str, int], str], shop: tuple[Path, str], tmp_path: Path
) -> None:
    shutil.copy(shop[0] / "cqrs.db", tmp_path / "copy.db")
    shown = typed(f"run --once --store {tmp_path}/copy.db", 80)
    assert re.search(r"^\d\d:\d\d:\d\dZ  position ", shown, re.MULTILINE), shown
    shown = typed(f"run --once --local --store {tmp_path}/copy.db", 80)
    assert re.search(r"^\d\d:\d\d:\d\d\+0[12]00  position ", shown, re.MULTILINE), shown
