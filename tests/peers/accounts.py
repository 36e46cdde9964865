"""A small domain for the cases that need one."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from cqrs_cli import (
    DELETE,
    Aggregate,
    Command,
    Delete,
    Domain,
    Event,
    Projection,
    Recorded,
    Rejected,
    decide,
    evolve,
)


class Open(Command):
    account_id: str
    owner: str = "ada"


class Deposit(Command):
    account_id: str
    amount: Decimal


class Twice(Command):
    account_id: str
    amount: Decimal


class Touch(Command):
    account_id: str


class Nothing(Command):
    account_id: str


class Close(Command):
    account_id: str


class Explode(Command):
    account_id: str


class Opened(Event):
    owner: str


class Deposited(Event):
    amount: Decimal


class Closed(Event): ...


class Account(Aggregate):
    account_id: str
    owner: str = ""
    balance: Decimal = Decimal(0)
    closed: bool = False

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened(owner=command.owner)

    @decide
    async def deposit(self, command: Deposit) -> Deposited:
        if command.amount <= 0:
            raise Rejected("nothing to deposit", code="no-amount")
        return Deposited(amount=command.amount)

    @decide
    def twice(self, command: Twice) -> Iterator[Deposited]:
        yield Deposited(amount=command.amount)
        yield Deposited(amount=command.amount)

    @decide
    def touch(self, command: Touch) -> None:
        return None

    @decide(creates="either")
    def nothing(self, command: Nothing) -> list[Deposited]:
        return []

    @decide
    def close(self, command: Close) -> Closed:
        return Closed()

    @decide
    def explode(self, command: Explode) -> Closed:
        raise ZeroDivisionError("the code is wrong")

    @evolve
    def opened(self, event: Opened) -> None:
        self.owner = event.owner

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.balance += event.amount

    @evolve
    def was_closed(self, event: Closed) -> None:
        self.closed = True


class Balance(Projection, key="account_id", inline=True):
    account_id: str
    owner: str = ""
    balance: Decimal = Decimal(0)
    events: int = 0

    @evolve
    def opened(self, event: Opened) -> None:
        self.owner = event.owner
        self.events += 1

    @evolve
    def deposited(self, event: Deposited) -> None:
        if event.amount == 666:
            raise ValueError("not this one")
        self.balance += event.amount
        self.events += 1

    @evolve
    def closed(self, event: Closed) -> Delete:
        return DELETE


class Owners(Projection, key="owner", version=1):
    """Many streams, one row an owner; and one event that reaches several rows, or none."""

    owner: str
    accounts: int = 0
    streams: list[str] = []

    @evolve
    def opened(self, event: Opened, recorded: Recorded) -> None:
        self.accounts += 1
        self.streams.append(recorded.stream)


def _both(event: Any, recorded: Recorded) -> Any:
    return None if event.owner == "nobody" else event.owner.split("+")


class Fans(Projection, key="name", version=1):
    name: str
    seen: int = 0

    @evolve(key=_both)
    def opened(self, event: Opened) -> None:
        self.seen += 1


class Fragile(Projection, key="account_id", version=1):
    account_id: str
    sum: Decimal = Decimal(0)

    @evolve
    def deposited(self, event: Deposited) -> None:
        if event.amount == 13:
            raise ValueError("thirteen")
        self.sum += event.amount


domain = Domain("bank", Account, Balance, Owners, Fans, Fragile)
