"""What a bank wants to see at a glance."""

from decimal import Decimal

from cqrs_cli import Projection, Recorded, evolve

from .account import AccountClosed, AccountOpened, Deposited, OverdraftAgreed, Withdrawn


class AccountBalance(Projection, key="account_id"):
    """One row an account; `movements` counts what came in and went out."""

    account_id: str
    owner: str = ""
    balance: Decimal = Decimal(0)
    overdraft: Decimal = Decimal(0)
    movements: int = 0
    last_payee: str | None = None
    closed: bool = False

    @evolve
    def opened(self, event: AccountOpened) -> None:
        self.owner = event.owner

    @evolve
    def overdraft_agreed(self, event: OverdraftAgreed) -> None:
        self.overdraft = event.overdraft

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.balance += event.amount
        self.movements += 1

    @evolve
    def withdrawn(self, event: Withdrawn) -> None:
        self.balance -= event.amount
        self.movements += 1
        self.last_payee = event.payee

    @evolve
    def was_closed(self, event: AccountClosed) -> None:
        self.closed = True


class Owners(Projection, key="owner", ignores=(OverdraftAgreed, Deposited, Withdrawn, AccountClosed)):
    """One row an owner: how many accounts were opened, the last of them."""

    owner: str
    accounts: int = 0
    newest: str | None = None

    @evolve
    def opened(self, event: AccountOpened, recorded: Recorded) -> None:
        self.accounts += 1
        self.newest = recorded.stream
