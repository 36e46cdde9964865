"""The same bank with pyeventsourcing, on its SQLite store or on PostgreSQL, written as its documentation does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteFactory


class Account(Aggregate):
    @event("Opened")
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.balance = 0

    @event("Deposited")
    def deposit(self, cents: int) -> None:
        self.balance += cents


class Bank(Application[UUID]):
    def open_account(self, owner: str) -> UUID:
        account = Account(owner)
        self.save(account)
        return account.id

    def deposit(self, account_id: UUID, cents: int) -> None:
        account = self.account(account_id)
        account.deposit(cents)
        self.save(account)

    def open_many(self, owners: Sequence[str]) -> list[UUID]:
        """One durable write for all of them."""
        accounts = [Account(owner) for owner in owners]
        self.save(*accounts)
        return [account.id for account in accounts]

    def deposit_to_many(self, account_ids: Sequence[UUID], cents: int) -> None:
        """One durable write for all of them; each account once."""
        accounts = [self.account(account_id) for account_id in account_ids]
        for account in accounts:
            account.deposit(cents)
        self.save(*accounts)

    def account(self, account_id: UUID) -> Account:
        return cast(Account, self.repository.get(account_id))

    def replay_all(self, page: int = 1000) -> dict[UUID | str, Account]:
        """Every account, from one pass over the whole log."""
        accounts: dict[UUID | str, Account] = {}
        start = 1
        while notifications := self.recorder.select_notifications(start, page):
            for notification in notifications:
                happened = self.mapper.to_domain_event(notification)
                key = notification.originator_id
                accounts[key] = happened.mutate(accounts.get(key))
            start = notifications[-1].id + 1
        return accounts


@contextmanager
def opened(path: Path, pragmas: Sequence[str]) -> Iterator[Bank]:
    """A bank on a SQLite file, whose writing connection has these pragmas (`synchronous=FULL`) too."""
    bank = Bank(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)})
    factory = cast(SQLiteFactory, bank.factory)
    with factory.datastore.get_connection(commit=True) as connection:  # kept by its pool and used for all writes
        for pragma in pragmas:
            connection.cursor().execute(f"PRAGMA {pragma}")
    try:
        yield bank
    finally:
        bank.close()


@contextmanager
def on_server(conninfo: str, schema: str) -> Iterator[Bank]:
    """A bank in a schema, which is there, of a PostgreSQL database. conninfo: as libpq takes it."""
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(conninfo)
    names = (("DBNAME", "dbname"), ("HOST", "host"), ("PORT", "port"), ("USER", "user"), ("PASSWORD", "password"))
    env = {f"POSTGRES_{name}": str(given[word]) for name, word in names}
    bank = Bank(env={"PERSISTENCE_MODULE": "eventsourcing.postgres", "POSTGRES_SCHEMA": schema, **env})
    try:
        yield bank
    finally:
        bank.close()
