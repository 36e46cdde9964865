"""A small domain for tests of sending, projecting and reading: accounts, with a read model of every kind."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from cqrs_cli import (
    DELETE,
    Aggregate,
    Command,
    Delete,
    Domain,
    Event,
    Page,
    Projection,
    Query,
    Read,
    Recorded,
    Rejected,
    Where,
    decide,
    evolve,
)


class Between:
    """What a test wants to happen while a command is being decided: called once, then gone."""

    def __init__(self) -> None:
        self.todo: list[Any] = []

    def __call__(self) -> None:
        if self.todo:
            self.todo.pop(0)()


class Kind(StrEnum):
    PRIVATE = "private"
    FIRM = "firm"


class Leg(BaseModel):
    to: str
    amount: int


class Open(Command):
    account_id: str | None = None
    owner: str = "ada"
    kind: Kind = Kind.PRIVATE


class Deposit(Command):
    account_id: str
    amount: int
    note: str = ""


class Withdraw(Command):
    account_id: str
    amount: int


class Split(Command):
    """Send to several accounts at once: one event that concerns many rows."""

    account_id: str
    legs: list[Leg]


class Tag(Command):
    account_id: str
    tags: set[str]


class Close(Command):
    account_id: str


class Settle(Command):
    """Withdraw all there is, if there is anything."""

    account_id: str


class Look(Command):
    """Changes nothing."""

    account_id: str


class Spoil(Command):
    """Its decide breaks the rule that a state is only looked at, and then does what `how` says."""

    account_id: str
    how: str


class Opened(Event):
    owner: str
    kind: Kind = Kind.PRIVATE


def in_cents(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had euros."""
    return {**data, "amount": data["amount"] * 100}


def in_words(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 had no note."""
    return {**data, "note": "none"}


class Deposited(Event, version=3, aliases=("PaidIn",), upcasters={1: in_cents, 2: in_words}):
    amount: int
    note: str = ""


class Withdrawn(Event):
    amount: int


class Divided(Event):
    legs: list[Leg]


class Tagged(Event):
    tags: frozenset[str]


class Closed(Event):
    pass


class Account(Aggregate):
    account_id: str
    owner: str = ""
    balance: int = 0
    notes: list[str] = []
    tags: frozenset[str] = frozenset()
    closed: bool = False

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened(owner=command.owner, kind=command.kind)

    @decide
    def deposit(self, command: Deposit, between: Between) -> list[Deposited]:
        between()
        if self.closed:
            raise Rejected("the account is closed", code="closed")
        if command.amount == 13:
            raise RuntimeError("unlucky")
        return [Deposited(amount=command.amount, note=command.note)]

    @decide
    def withdraw(self, command: Withdraw, between: Between) -> Iterator[Withdrawn]:
        between()
        if command.amount > self.balance:
            raise Rejected(f"only {self.balance} there", code="overdrawn")
        yield Withdrawn(amount=command.amount)

    @decide
    def split(self, command: Split) -> Divided | None:
        return Divided(legs=command.legs) if command.legs else None

    @decide(creates="either")
    async def tag(self, command: Tag) -> Tagged:
        return Tagged(tags=frozenset(command.tags))

    @decide
    def close(self, command: Close) -> Closed | None:
        return None if self.closed else Closed()

    @decide
    def settle(self, command: Settle) -> Withdrawn | None:
        return Withdrawn(amount=self.balance) if self.balance else None

    @decide
    def look(self, command: Look) -> None: ...

    @decide
    def spoil(self, command: Spoil) -> Withdrawn | None:
        self.balance = 1_000_000
        self.notes.append("spoilt")
        if command.how == "reject":
            raise Rejected("no", code="spoilt")
        if command.how == "raise":
            raise RuntimeError("broken")
        return Withdrawn(amount=1) if command.how == "event" else None

    @evolve
    def opened(self, event: Opened) -> None:
        self.owner = event.owner

    @evolve
    def deposited(self, event: Deposited) -> None:
        if event.amount == 666:
            raise ValueError("the evolve can't take 666")
        self.balance += event.amount
        self.notes.append(event.note)

    @evolve
    def withdrawn(self, event: Withdrawn) -> None:
        self.balance -= event.amount

    @evolve
    def divided(self, event: Divided) -> None:
        self.balance -= sum(leg.amount for leg in event.legs)

    @evolve
    def tagged(self, event: Tagged) -> "Account":
        return self.model_copy(update={"tags": self.tags | event.tags})

    @evolve
    def was_closed(self, event: Closed) -> None:
        self.closed = True


class Balance(Projection, key="account_id"):
    """One row an account, of every kind of column; gone when the account is closed."""

    account_id: str
    owner: str = ""
    kind: Kind = Kind.PRIVATE
    balance: int = 0
    euros: Decimal = Decimal(0)
    mean: float = 0
    deposits: int = 0
    since: datetime | None = None
    day: date | None = None
    rich: bool = False
    notes: list[str] = []
    tags: frozenset[str] = frozenset()

    @evolve
    def opened(self, event: Opened, recorded: Recorded) -> None:
        self.owner, self.kind = event.owner, event.kind
        self.since = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self.day = self.since.date()

    @evolve
    def deposited(self, event: Deposited) -> None:
        if event.amount == 777:
            raise ValueError("the projection can't take 777")
        self.balance += event.amount
        self.euros += Decimal(event.amount) / 100
        self.deposits += 1
        self.mean = self.balance / self.deposits
        self.rich = self.balance > 1000
        self.notes.append(event.note)

    @evolve
    def withdrawn(self, event: Withdrawn) -> None:
        self.balance -= event.amount

    @evolve
    def tagged(self, event: Tagged) -> "Balance":
        return self.model_copy(update={"tags": self.tags | event.tags})

    @evolve
    def closed(self, event: Closed) -> Delete:
        return DELETE


class Flow(Projection, key=("sender", "receiver")):
    """One row a pair of accounts, by a fan-out; it keeps the very list of the event, to tempt aliasing."""

    sender: str
    receiver: str
    amount: int = 0
    times: int = 0
    legs: list[Leg] = []

    @evolve(key=lambda event, recorded: [(recorded.key, leg.to) for leg in event.legs])
    def divided(self, event: Divided) -> None:
        for leg in event.legs:
            if leg.to == self.receiver:
                self.amount += leg.amount
                self.times += 1
        if not self.legs:
            self.legs = event.legs
        else:
            self.legs.append(Leg(to=self.receiver, amount=0))


class Richest(Query[Balance]):
    """Accounts with at least so many euros."""

    least: Decimal = Decimal(0)

    def run(self, read: Read) -> Page[Balance]:
        return read.page(Balance, order="-euros", where=[Where("euros", ">=", self.least)])


between = Between()
domain = Domain("bank", Account, Balance, Flow, Richest)


@domain.provide
def the_moment() -> Between:
    """What the test has put there."""
    return between
