"""How often a command waits for the server: across a network each trip costs as much as all the rest of it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from benchmarks.bank import Account, AccountBalance, AccountOpened, Deposit, Deposited, OpenAccount
from cqrs_cli import Domain, Projection, Query, Workbench, evolve
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.outcome import Request
from tests.stores.postgres.proxy import Proxy, proxied


class Owner(Projection, key="account_id", version=1, inline=True, unique="owner"):
    account_id: UUID
    owner: str = ""
    cents: int = 0

    @evolve
    def opened(self, event: AccountOpened) -> None:
        self.owner = event.owner

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.cents += event.cents


class Deposits(Projection, key="account_id", version=1):
    account_id: UUID
    count: int = 0

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.count += 1


class Openings(Projection, key="account_id", version=1):
    account_id: UUID
    count: int = 0

    @evolve
    def opened(self, event: AccountOpened) -> None:
        self.count += 1


class Told(BaseModel):
    cents: list[int]


class Balances(Query[Told]):
    def run(self, read: Any) -> Told:
        return Told(cents=[row.balance for row in read.rows(AccountBalance)])


plain = Domain("bank", Account, AccountBalance, Deposits, Openings, Balances)
inline = Domain("bank", Account, Owner)


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    open_store(postgres_url, create=True).close()
    with proxied(postgres_url) as one:
        yield one


def opened(bench: Workbench) -> UUID:
    key: UUID = bench.send(OpenAccount(owner=str(uuid4()))).events[0].key
    return key


def trips(proxy: Proxy, does: Callable[[], object]) -> int:
    proxy.watch()
    does()
    return proxy.trips


def batch(key: UUID) -> list[Request]:
    return [Request(line, Deposit(account_id=key, cents=line)) for line in range(10)]


def test_opening_asks_once(proxy: Proxy) -> None:
    assert trips(proxy, lambda: Workbench.open(proxy.url, plain).close()) == 1


def test_a_command_is_one_trip(proxy: Proxy) -> None:
    with Workbench.open(proxy.url, plain) as bench:
        assert trips(proxy, lambda: opened(bench)) == 2, "the first of a process asks how far everybody has read"
        assert trips(proxy, lambda: opened(bench)) == 1
        key = opened(bench)
        assert trips(proxy, lambda: bench.send(Deposit(account_id=key, cents=1))) == 1, "its state is at hand"
        assert trips(proxy, lambda: list(bench.send_batch(batch(key)))) == 2, "the lock with the end, then all rows"
    with Workbench.open(proxy.url, plain) as bench:
        known = trips(proxy, lambda: bench.send(Deposit(account_id=key, cents=1)))
        assert known == 3, "the stream, the checkpoints, the append"


def test_a_command_with_an_inline_projection_is_five_or_six(proxy: Proxy) -> None:
    with Workbench.open(proxy.url, inline) as bench:
        opened(bench)
        opened(bench)  # from here on the projection is known to be there
        assert trips(proxy, lambda: opened(bench)) == 5
        key, other = opened(bench), opened(bench)
        assert trips(proxy, lambda: bench.send(Deposit(account_id=key, cents=1))) == 5
        assert trips(proxy, lambda: list(bench.send_batch(batch(key)))) <= 10 * 4 + 2
    with Workbench.open(proxy.url, inline) as bench:
        bench.send(Deposit(account_id=key, cents=1))  # the first of a process catches up
        unknown = trips(proxy, lambda: bench.send(Deposit(account_id=other, cents=1)))
        assert unknown == 6, (
            "the stream; the lock; what it writes, holds and passes over; the rows; what is unique; the rest"
        )


def test_with_nothing_new_there_is_little_to_ask(proxy: Proxy) -> None:
    with Workbench.open(proxy.url, plain) as bench:
        opened(bench)
        bench.project()
        bench.query(Balances())
        assert trips(proxy, lambda: bench.query(Balances())) == 4, "checkpoints, stops and skips, the head, the rows"
        assert trips(proxy, bench.project) == 9, "three to look, three to tell, and the count of each"


def test_a_table_that_is_dropped_while_it_is_known_is_missed_and_said(proxy: Proxy, postgres_url: str) -> None:
    """What is remembered saves a trip; it never makes rows of a table that is gone."""
    from cqrs_cli.errors import NeedsRebuild
    from tests.stores.postgres.administrator import run

    with Workbench.open(proxy.url, plain) as bench:
        opened(bench)
        assert bench.query(Balances()).cents == [0]
        [(relation,)] = run(postgres_url, "SELECT relation FROM cqrs_read_models WHERE name = 'account_balance'")
        run(postgres_url, "DROP VIEW account_balance")
        run(postgres_url, f"DROP TABLE {relation}")
        with pytest.raises(NeedsRebuild):
            bench.query(Balances())
        with pytest.raises(NeedsRebuild, match="its table is gone"):
            bench.query(Balances())
        assert next(one for one in bench.statuses() if one.name == "account_balance").status == "needs-rebuild"
        bench.rebuild("account_balance")
        assert bench.query(Balances()).cents == [0]
