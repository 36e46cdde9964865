"""`python -m benchmarks.fulfilling [ORDERS]`: what a paid order costs in `samples.orders.fulfilment`, and how soon.

Rates are of `drain` alone, not of the sends before it. The latency is that of another process's `run` beside one
writer: from the return of a send until its row can be read.
"""

import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from statistics import median
from uuid import UUID

from cqrs_cli import Runner, Workbench
from cqrs_cli.stores.sqlite.store import SQLiteStore
from samples.inventory.stock import ReceiveStock
from samples.orders.fulfilment import domain
from samples.orders.inventory import Inventory
from samples.orders.order import Address, CreateOrder, OrderItem, PayOrder, SubmitOrder

ORDERS = 1_000
LATENCIES = 200
PEN, ADA = UUID(int=1), UUID(int=2)
HOME = Address(street="1 Main", city="Paris", postal_code="75001", country="FR")
RUN = """
import sys
from cqrs_cli import Workbench
from samples.orders.fulfilment import domain
with Workbench.open(sys.argv[1], domain) as bench:
    bench.runner().run(lambda done: print("ready", flush=True))
"""


class Plenty:
    """There is always enough in stock."""

    def available(self, product_id: UUID, quantity: int) -> bool:
        return True


def measure(folder: Path, orders: int = ORDERS) -> list[tuple[str, str]]:
    """What was measured, and the figure."""
    with Workbench.open(str(folder / "shop.db"), domain, services={Inventory: Plenty()}) as bench:
        bench.send(ReceiveStock(product_id=PEN, quantity=10 * orders))
        runner = bench.runner()
        runner.drain()
        _paid(bench)
        runner.drain()
        _paid(bench)
        seen = _statements(bench, runner)
        reads = sum(statement.startswith(("SELECT", "PRAGMA")) for statement in seen)
        transactions = sum(statement.startswith("BEGIN") for statement in seen)
        rows = [("one paid order: reads, writes, write transactions", f"{reads}, {len(seen) - reads}, {transactions}")]
        each = 0.0
        for _ in range(orders // 5):
            _paid(bench)
            each += _seconds(runner)
        rows.append(("orders that come one by one, a second", f"{orders // 5 / each:,.0f}"))
        for _ in range(orders):
            _paid(bench)
        rows.append((f"{orders:,} orders at once, a second", f"{orders / _seconds(runner):,.0f}"))
        rows.append(("from commit to projected row, median (and 9 of 10)", _latency(bench, folder / "shop.db")))
    return rows


def _paid(bench: Workbench) -> UUID:
    items = [OrderItem(product_id=PEN, product_name="Pen", quantity=1, unit_price=Decimal("1.50"))]
    created = bench.send(CreateOrder(customer_id=ADA, items=items, shipping_address=HOME))
    order_id: UUID = created.events[0].key
    bench.send(SubmitOrder(order_id=order_id))
    bench.send(PayOrder(order_id=order_id))
    return order_id


def _statements(bench: Workbench, runner: Runner) -> list[str]:
    """The statements that a drain runs, BEGIN and COMMIT among them; not those of triggers."""
    seen: list[str] = []
    assert isinstance(bench.store, SQLiteStore)
    connection = bench.store._file.connection
    connection.set_trace_callback(seen.append)
    runner.drain()
    connection.set_trace_callback(None)
    return [statement for statement in seen if not statement.startswith("--")]


def _seconds(runner: Runner) -> float:
    start = time.perf_counter()
    runner.drain()
    return time.perf_counter() - start


def _latency(bench: Workbench, path: Path) -> str:
    table = domain.rows_of("order_summary").table
    with subprocess.Popen([sys.executable, "-c", RUN, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        seconds = []
        items = [OrderItem(product_id=PEN, product_name="Pen", quantity=1, unit_price=Decimal("1.50"))]
        for _ in range(LATENCIES):
            created = bench.send(CreateOrder(customer_id=ADA, items=items, shipping_address=HOME))
            start = time.perf_counter()
            key = (str(created.events[0].key),)
            while not bench.store.rows.load(table, [key]):
                time.sleep(0.0005)
            seconds.append(time.perf_counter() - start)
        child.kill()
    seconds.sort()
    return f"{1000 * median(seconds):.1f} ms ({1000 * seconds[int(0.9 * len(seconds))]:.1f} ms)"


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    with tempfile.TemporaryDirectory(prefix="cqrs-bench-") as folder:
        for what, figure in measure(Path(folder), orders):
            print(f"{what:<66} {figure:>22}", flush=True)


if __name__ == "__main__":
    main()
