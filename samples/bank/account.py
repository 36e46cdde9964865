"""An account: money comes in and goes out, and never more than was agreed on."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from cqrs_cli import Aggregate, Command, Event, Rejected, decide, evolve

Amount = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]


# ── commands ──────────────────────────────────────────────────────────────────────────────────


class OpenAccount(Command):
    """Open an account, for one owner."""

    account_id: str
    owner: str


class AgreeOnOverdraft(Command):
    """Let the balance fall so far below zero."""

    account_id: str
    overdraft: Decimal = Field(ge=0, max_digits=12, decimal_places=2)


class Deposit(Command):
    """Pay in."""

    account_id: str
    amount: Amount


class Withdraw(Command):
    """Pay out, as far as there is something or an overdraft was agreed on."""

    account_id: str
    amount: Amount
    payee: str = "cash"


class CloseAccount(Command):
    """Close an account on which nothing is left."""

    account_id: str


# ── events ────────────────────────────────────────────────────────────────────────────────────


class AccountOpened(Event):
    owner: str


class OverdraftAgreed(Event):
    overdraft: Decimal


class Deposited(Event):
    """balance: what there was afterwards, as it stands on the slip."""

    amount: Decimal
    balance: Decimal


class Withdrawn(Event):
    amount: Decimal
    balance: Decimal
    payee: str


class AccountClosed(Event):
    pass


# ── state and rules ───────────────────────────────────────────────────────────────────────────


class Account(Aggregate):
    account_id: str
    owner: str = ""
    balance: Decimal = Decimal(0)
    overdraft: Decimal = Decimal(0)
    closed: bool = False

    @decide(creates=True)
    def open(self, command: OpenAccount) -> AccountOpened:
        return AccountOpened(owner=command.owner)

    @decide
    def agree(self, command: AgreeOnOverdraft) -> OverdraftAgreed:
        self.must_be_open()
        if self.balance < -command.overdraft:
            raise Rejected(f"{-self.balance} are overdrawn already", code="overdrawn")
        return OverdraftAgreed(overdraft=command.overdraft)

    @decide
    def deposit(self, command: Deposit) -> Deposited:
        self.must_be_open()
        return Deposited(amount=command.amount, balance=self.balance + command.amount)

    @decide
    def withdraw(self, command: Withdraw) -> Withdrawn:
        self.must_be_open()
        if command.amount > self.balance + self.overdraft:
            raise Rejected(f"{self.balance + self.overdraft} are there, not {command.amount}", code="overdrawn")
        return Withdrawn(amount=command.amount, balance=self.balance - command.amount, payee=command.payee)

    @decide
    def close(self, command: CloseAccount) -> AccountClosed | None:
        if self.closed:
            return None
        if self.balance:
            raise Rejected(f"there is a balance of {self.balance}", code="not-empty")
        return AccountClosed()

    @evolve
    def opened(self, event: AccountOpened) -> None:
        self.owner = event.owner

    @evolve
    def overdraft_agreed(self, event: OverdraftAgreed) -> None:
        self.overdraft = event.overdraft

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.balance += event.amount

    @evolve
    def withdrawn(self, event: Withdrawn) -> None:
        self.balance -= event.amount

    @evolve
    def was_closed(self, event: AccountClosed) -> None:
        self.closed = True

    def must_be_open(self) -> None:
        if self.closed:
            raise Rejected("the account is closed", code="closed")
