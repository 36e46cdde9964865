"""The domain that is measured: accounts, one event a command. `peer.py` has the same for pyeventsourcing."""

from uuid import UUID

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Query, Read, decide, evolve


class OpenAccount(Command):
    account_id: UUID | None = None
    owner: str


class Deposit(Command):
    account_id: UUID
    cents: int


class AccountOpened(Event):
    owner: str


class Deposited(Event):
    cents: int


class Account(Aggregate):
    account_id: UUID
    owner: str = ""
    balance: int = 0

    @decide(creates=True)
    def open(self, command: OpenAccount) -> AccountOpened:
        return AccountOpened(owner=command.owner)

    @decide
    def deposit(self, command: Deposit) -> Deposited:
        return Deposited(cents=command.cents)

    @evolve
    def opened(self, event: AccountOpened) -> None:
        self.owner = event.owner

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.balance += event.cents


class AccountBalance(Projection, key="account_id", version=1):
    account_id: UUID
    owner: str = ""
    balance: int = 0
    deposits: int = 0

    @evolve
    def opened(self, event: AccountOpened) -> None:
        self.owner = event.owner

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.balance += event.cents
        self.deposits += 1


class BalanceOf(Query[AccountBalance]):
    account_id: UUID

    def run(self, read: Read) -> AccountBalance | None:
        return read.get(AccountBalance, self.account_id)


domain = Domain("bank", Account, AccountBalance, BalanceOf)
