"""Logs that go to a server and come back: the same hashes, times, states, rows and verdicts, of three domains."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Workbench
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.store import SQLiteStore
from samples.inventory.stock import ReceiveStock
from samples.orders.fulfilment import domain as orders
from samples.orders.inventory import Inventory
from samples.orders.order import Address, CreateOrder, OrderItem, PayOrder, SubmitOrder
from tests.conftest import Shell
from tests.stores.postgres.administrator import run
from tests.transfer.logs import awkward_commits, make
from tests.transfer.test_bank_copies import ACCOUNTS, BEGUN_US, commits
from tests.transfer.test_retail_copies import lines_as_events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
BANK_COMMITS = 12_000


@pytest.fixture
def server(cqrs: Shell, postgres_url: str) -> str:
    """A store on a server, empty."""
    cqrs("--store", postgres_url, "migrate")
    return postgres_url


def verdicts(cqrs: Shell, store: str) -> Any:
    """What `verify` says of a log, without who and when."""
    found = cqrs.json("verify", "--store", store)
    return {name: found[name] for name in ("commits", "events", "position", "hash") if name in found}


def there_and_back(cqrs: Shell, source: str, server: str) -> None:
    """Copy to the server, and from there into `again.db`; both are proved to be the same history."""
    assert cqrs.json("copy", source, server)["same_history"] is True
    assert cqrs.json("copy", server, "again.db")["same_history"] is True
    with open_store(str(Path(cqrs.folder) / source)) as a, open_store(server) as b:
        assert all(x == y for x, y in zip(a.commits(), b.commits(), strict=True)), "ids, times, payloads and hashes"
    told = verdicts(cqrs, source)
    assert told["events"] > 0
    assert verdicts(cqrs, server) == told == verdicts(cqrs, "again.db")


def test_every_line_of_a_shop(cqrs: Shell, retail_csv: Path, tmp_path: Path, server: str) -> None:
    make(tmp_path / "shop.db", lines_as_events(retail_csv))
    there_and_back(cqrs, "shop.db", server)
    at = "2010-12-05T12:00Z"
    counts = [cqrs.json("log", "--until", at, "--count", "--store", store) for store in ("shop.db", server, "again.db")]
    assert counts[0] == counts[1] == counts[2] != {"count": 0}
    again = cqrs.json("copy", "shop.db", server)
    assert (again["taken"]["commits"] if "taken" in again else again["commits"]) == 0, "nothing is new"


def test_a_bank_with_states_and_rows(cqrs: Shell, tmp_path: Path, server: str) -> None:
    cqrs.environ["CQRS_APP"] = "benchmarks.bank:domain"
    made = commits()[:BANK_COMMITS]
    with SQLiteStore(str(tmp_path / "bank.db"), create=True, durability="relaxed") as store:
        for at in range(0, len(made), 5_000):
            assert store.take_in(made[at : at + 5_000], lambda rows, position: None)
    record = cqrs.json("copy", "bank.db", server)
    assert (record["states"]["compared"], record["states"]["differing"]) == (ACCOUNTS, [])
    there_and_back(cqrs, "bank.db", server)
    middle = rfc3339(BEGUN_US + BANK_COMMITS // 2 * 1_000_000)
    for words in (("project", "account-balance"), ("project", "account-balance", "--at", middle)):
        rows = [cqrs.json(*words, "--store", place) for place in ("bank.db", server, "again.db")]
        assert len({json.dumps(_rows(one), sort_keys=True) for one in rows}) == 1
    for place in ("bank.db", server):
        cqrs("project", "--check", "--store", place)
    run(server, "UPDATE account_balance SET balance = balance + 1 WHERE account_id = (SELECT min(account_id::text)::uuid FROM account_balance)")  # fmt: skip
    assert "account" in cqrs("project", "--check", "--store", server, exit_code=1).stdout


def _rows(record: Any) -> Any:
    """What a record of a projection says of its rows alone."""
    return record.get("rows", record) if isinstance(record, dict) else record


class Plenty:
    """There is always enough in stock."""

    def available(self, product_id: UUID, quantity: int) -> bool:
        return True


@contextmanager
def fulfilled(url: str) -> Iterator[Workbench]:
    with Workbench.open(url, orders, services={Inventory: Plenty()}) as bench:
        yield bench


def test_orders_that_were_fulfilled(cqrs: Shell, tmp_path: Path, server: str) -> None:
    """Made on the server, by its own projections and reactions; copied to a file, the rows come to the same."""
    cqrs.environ["CQRS_APP"] = "samples.orders.fulfilment:domain"
    pen, ada = UUID(int=1), UUID(int=2)
    home = Address(street="1 Main", city="Paris", postal_code="75001", country="FR")
    with fulfilled(server) as bench:
        bench.send(ReceiveStock(product_id=pen, quantity=30))
        bench.runner().drain()
        for _ in range(5):
            items = [OrderItem(product_id=pen, product_name="Pen", quantity=2, unit_price=Decimal("9.90"))]
            created = bench.send(CreateOrder(customer_id=ada, items=items, shipping_address=home))
            bench.send(SubmitOrder(order_id=created.events[0].key))
            bench.send(PayOrder(order_id=created.events[0].key))
        bench.runner().drain()
        bench.project()
        every = {name: [bench.jsonable(row) for row in bench.rows(name)] for name in sorted(bench.domain.projections)}
        assert sum(map(len, every.values())) > 10
        assert all(one.status == "ready" for one in bench.reactions())
    record = cqrs.json("copy", server, "shop.db")
    assert (record["same_history"], record["states"]["differing"]) == (True, [])
    assert verdicts(cqrs, server) == verdicts(cqrs, "shop.db")
    with fulfilled(str(tmp_path / "shop.db")) as copied:
        copied.project()
        live = [name for name in every if name not in copied.domain.reactions]
        assert {name: [copied.jsonable(row) for row in copied.rows(name)] for name in live} == {
            name: every[name] for name in live
        }
    for store in (server, "shop.db"):
        cqrs("project", "--check", "--store", store)


def test_lines_and_cloud_events(cqrs: Shell, tmp_path: Path, server: str, postgres_url: str) -> None:
    """What only a file was tried with: exports of a server, imports into it, twice, and of what nobody would write."""
    plain = [one for one in awkward_commits() if all(event.data != b"no json at all" for event in one.events)]
    make(tmp_path / "log.db", plain)
    cqrs("export", "--store", "log.db", "-o", "log.jsonl")
    cqrs("import", "log.jsonl", "--store", server)
    cqrs("import", "log.jsonl", "--store", server)
    cqrs("export", "--store", server, "-o", "server.jsonl")
    with open_store(str(tmp_path / "log.db")) as a, open_store(server) as b:
        assert list(a.commits()) == list(b.commits())
    assert verdicts(cqrs, server) == verdicts(cqrs, "log.db")
    cqrs("import", "server.jsonl", "--store", "again.db")
    assert verdicts(cqrs, "again.db") == verdicts(cqrs, "log.db")
