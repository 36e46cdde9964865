"""given / when / then, without a store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cqrs_cli import Aggregate, Command, Domain, DomainFailed, Event, Rejected, Scenario, decide, evolve
from cqrs_cli.errors import InvalidInput, Misuse
from tests.bank import (
    Account,
    Between,
    Close,
    Closed,
    Deposit,
    Deposited,
    Divided,
    Leg,
    Look,
    Open,
    Opened,
    Split,
    Spoil,
    Tag,
    Tagged,
    Withdraw,
    Withdrawn,
    domain,
)


@pytest.fixture
def scenario() -> Scenario:
    return Scenario(domain)


def test_events_that_were_decided(scenario: Scenario) -> None:
    scenario.when(Open(account_id="a", owner="bob")).then(Opened(owner="bob"))
    scenario.when(Deposit(account_id="a", amount=5)).then(Deposited(amount=5))
    assert isinstance(scenario.state, Account)
    assert scenario.state.balance == 5
    scenario.when(Withdraw(account_id="a", amount=5)).then(Withdrawn(amount=5)).when(Close(account_id="a")).then(
        Closed()
    )
    scenario.when(Deposit(account_id="a", amount=5)).then_rejected("closed").then_rejected()


def test_a_coroutine_and_a_key_that_is_made(scenario: Scenario) -> None:
    scenario.when(Open()).then(Opened(owner="ada"))
    Scenario(domain).when(Tag(account_id="a", tags={"x"})).then(Tagged(tags=frozenset({"x"})))


def test_nothing(scenario: Scenario) -> None:
    scenario.given(Opened(owner="a")).when(Look(account_id="a")).then_nothing()
    scenario.when(Split(account_id="a", legs=[])).then_nothing().then()


def test_existence_counts_as_a_rejection(scenario: Scenario) -> None:
    scenario.when(Look(account_id="a")).then_rejected("aggregate-not-found")
    scenario.given(Opened(owner="a")).when(Open(account_id="a")).then_rejected("already-exists")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda told: told.then(),
        lambda told: told.then(Withdrawn(amount=4)),
        lambda told: told.then(Withdrawn(amount=5), Withdrawn(amount=5)),
        lambda told: told.then_nothing(),
        lambda told: told.then_rejected(),
        lambda told: told.then_rejected("overdrawn"),
    ],
)
def test_expectations_that_fail(scenario: Scenario, wrong: Any) -> None:
    told = scenario.given(Opened(owner="a"), Deposited(amount=5)).when(Withdraw(account_id="a", amount=5))
    with pytest.raises(AssertionError, match="Withdrawn"):
        wrong(told)


def test_a_rejection_that_was_not_expected(scenario: Scenario) -> None:
    told = scenario.given(Opened(owner="a")).when(Withdraw(account_id="a", amount=5))
    with pytest.raises(AssertionError, match=r"\[overdrawn\] only 0 there"):
        told.then(Withdrawn(amount=5))
    with pytest.raises(AssertionError, match="code 'closed'"):
        told.then_rejected("closed")


@pytest.mark.parametrize("how", ["reject", "nothing"])
def test_a_decide_that_changes_the_state_is_found(scenario: Scenario, how: str) -> None:
    with pytest.raises(DomainFailed, match=r"Account\.spoil changed the state"):
        scenario.given(Opened(owner="a")).when(Spoil(account_id="a", how=how))


def test_services_are_replaced_even_by_what_is_false(scenario: Scenario) -> None:
    class Never(Between):
        def __bool__(self) -> bool:
            return False

        def __call__(self) -> None:
            raise Rejected("never", code="never")

    Scenario(domain, {Between: Never()}).given(Opened(owner="a")).when(Deposit(account_id="a", amount=1)).then_rejected(
        "never"
    )


def test_events_share_nothing_with_what_was_given(scenario: Scenario) -> None:
    legs = [Leg(to="b", amount=1)]
    command = Split(account_id="a", legs=legs)
    scenario.given(Opened(owner="a")).when(command)
    command.legs.append(Leg(to="c", amount=2))
    (event,) = scenario.events or []
    assert isinstance(event, Divided)
    assert len(event.legs) == 1


def test_scenarios_that_are_mistakes(scenario: Scenario) -> None:
    with pytest.raises(Misuse, match="no when"):
        scenario.then()
    with pytest.raises(DomainFailed, match="raised RuntimeError: unlucky"):
        Scenario(domain).given(Opened(owner="a")).when(Deposit(account_id="a", amount=13))
    with pytest.raises((InvalidInput, DomainFailed)):
        Scenario(domain).given(Opened(owner="a")).when(Deposit(account_id="a", amount=1, note="\0"))

    class Stranger(Opened):
        pass

    with pytest.raises(Misuse, match="Stranger is no event of Account"):
        Scenario(domain).given(Stranger(owner="a")).when(Look(account_id="a"))


class Lend(Command):
    book_id: str


class Return(Command):
    book_id: str


class Lent(Event):
    until: datetime


class Returned(Event): ...


class Book(Aggregate):
    book_id: str
    until: datetime | None = None

    @decide(creates=True)
    def lend(self, command: Lend) -> Lent:
        return Lent(until=command.meta.timestamp + timedelta(days=14))

    @decide
    def back(self, command: Return) -> Returned:
        if self.until is not None and command.meta.timestamp > self.until:
            raise Rejected("too late", code="overdue")
        return Returned()

    @evolve
    def lent(self, event: Lent) -> None:
        self.until = event.until

    ignores = (Returned,)


LIBRARY, START = Domain("library", Book), datetime(2026, 1, 1, tzinfo=UTC)


def test_a_clock_is_the_time_of_commands() -> None:
    ticks = iter(START + timedelta(days=day) for day in (0, 14, 15))
    scenario = Scenario(LIBRARY, clock=lambda: next(ticks))
    scenario.when(Lend(book_id="b")).then(Lent(until=START + timedelta(days=14)))
    scenario.when(Return(book_id="b")).then(Returned())
    scenario.when(Return(book_id="b")).then_rejected("overdue")


def test_a_time_holds_until_the_next() -> None:
    late = Return(book_id="b")
    scenario = Scenario(LIBRARY).at(START).when(Lend(book_id="b"))
    scenario.at(START + timedelta(days=14)).when(late).when(late).then(Returned())
    scenario.at(timedelta(days=1)).when(late).then_rejected("overdue")
    scenario.at(START).when(late.with_meta(timestamp=START + timedelta(days=15))).then_rejected("overdue")
    Scenario(LIBRARY).at(timedelta(0)).when(Lend(book_id="b")).when(Return(book_id="b")).then(Returned())


def test_without_a_clock_it_is_now() -> None:
    before = datetime.now(UTC)
    lent = (Scenario(LIBRARY).when(Lend(book_id="b")).events or [])[0]
    assert isinstance(lent, Lent)
    assert before - timedelta(seconds=1) <= lent.until - timedelta(days=14) <= datetime.now(UTC)


def test_times_that_are_none() -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        Scenario(LIBRARY).at(datetime(2026, 1, 1))
    with pytest.raises(Misuse, match="is no time"):
        Scenario(LIBRARY).at(timedelta.max)
