"""The bank sample: each rule as a scenario, and what it shows at a glance."""

from decimal import Decimal

from cqrs_cli import Event, Scenario, Where, Workbench
from samples.bank import domain
from samples.bank.account import (
    AccountClosed,
    AccountOpened,
    AgreeOnOverdraft,
    CloseAccount,
    Deposit,
    Deposited,
    OpenAccount,
    OverdraftAgreed,
    Withdraw,
    Withdrawn,
)
from samples.bank.read_models import AccountBalance, Owners

OPENED = AccountOpened(owner="Ada Quill")
TEN = Deposited(amount=Decimal("10.00"), balance=Decimal("10.00"))


def scenario(*given: Event) -> Scenario:
    return Scenario(domain).given(*given, stream="account-a1")


def withdraw(amount: str) -> Withdraw:
    return Withdraw(account_id="a1", amount=Decimal(amount))


def test_what_is_there_can_be_withdrawn() -> None:
    expected = Withdrawn(amount=Decimal("10.00"), balance=Decimal("0.00"), payee="cash")
    scenario(OPENED, TEN).when(withdraw("10.00")).then(expected)
    scenario(OPENED, TEN).when(withdraw("10.01")).then_rejected("overdrawn")


def test_as_far_as_was_agreed_on() -> None:
    agreed = OverdraftAgreed(overdraft=Decimal("5.00"))
    scenario(OPENED, TEN, agreed).when(withdraw("15.00")).then_state(balance=Decimal("-5.00"))
    scenario(OPENED, TEN, agreed).when(withdraw("15.01")).then_rejected("overdrawn")
    overdrawn = Withdrawn(amount=Decimal("15.00"), balance=Decimal("-5.00"), payee="cash")
    less = AgreeOnOverdraft(account_id="a1", overdraft=Decimal("4.00"))
    scenario(OPENED, TEN, agreed, overdrawn).when(less).then_rejected("overdrawn")


def test_an_account_is_closed_when_nothing_is_left() -> None:
    close = CloseAccount(account_id="a1")
    scenario(OPENED, TEN).when(close).then_rejected("not-empty")
    scenario(OPENED).when(close).then(AccountClosed())
    scenario(OPENED, AccountClosed()).when(close).then_nothing()
    scenario(OPENED, AccountClosed()).when(Deposit(account_id="a1", amount=Decimal(1))).then_rejected("closed")


def test_at_a_glance() -> None:
    with Workbench.open("memory:", domain) as bench:
        for account in ("a1", "a2"):
            bench.send(OpenAccount(account_id=account, owner="Ada Quill"))
        bench.send(Deposit(account_id="a1", amount=Decimal("10.00")))
        bench.send(Withdraw(account_id="a1", amount=Decimal("4.50"), payee="rent"))
        bench.project()
        (row,) = bench.rows(AccountBalance, where=[Where("account_id", "=", "a1")])
        assert (row.balance, row.movements, row.last_payee) == (Decimal("5.50"), 2, "rent")
        (owner,) = bench.rows(Owners)
        assert (owner.accounts, owner.newest) == (2, "account-a2")
