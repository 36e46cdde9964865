"""Recorded commands judged again: what today's code makes of them, against what the log has."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, Rejected, Workbench, decide, evolve
from cqrs_cli.domain.answers import MEMBER
from cqrs_cli.errors import DefinitionError, Unavailable
from cqrs_cli.history.accepted import Accepted, digest
from cqrs_cli.history.rehearsal import ALL, Rehearsed, Wanted, rehearse
from cqrs_cli.log.rejections import rejections
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.engine import Limits
from cqrs_cli.workbench.outcome import Request
from samples.orders.fulfilment import domain as fulfilment
from samples.orders.inventory import Inventory, Plenty
from samples.orders.order import PayOrder, SubmitOrder
from tests.history.orders import created


class Rates(Protocol):
    def rate(self, currency: str) -> Decimal: ...

    async def later(self, currency: str) -> Decimal: ...


class Live:
    """Rates that are others at each time that they are asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def rate(self, currency: str) -> Decimal:
        self.asked += 1
        if currency == "none":
            raise KeyError(currency)
        return Decimal(self.asked)

    async def later(self, currency: str) -> Decimal:
        return self.rate(currency)


class Open(Command):
    account_id: str


class Deposit(Command):
    account_id: str
    cents: int


class Convert(Command):
    account_id: str
    currency: str = "eur"
    is_async: bool = False


class Stamp(Command):
    account_id: str


class Both(Command):
    account_id: str


class Stamped(Event):
    at: datetime
    by: str | None
    id: str


class Opened(Event):
    pass


class Deposited(Event):
    cents: int
    rate: Decimal = Decimal(1)


RULES: dict[str, Any] = {}
"""What the code of today is: changed by a test as a developer would change the file."""


class Account(Aggregate):
    account_id: str
    balance: int = 0

    ignores = (Stamped,)

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        if RULES.get("shut"):
            raise Rejected("not today", code="closed")
        return Opened()

    @decide
    def stamp(self, command: Stamp) -> Stamped:
        return Stamped(at=command.meta.timestamp, by=command.meta.user_id, id=command.meta.command_id)

    @decide
    def both(self, command: Both, rates: Rates) -> Deposited:
        try:
            bad = rates.rate("none")
        except LookupError:
            bad = Decimal(0)
        return Deposited(cents=1, rate=bad) if RULES.get("bad") else self._twice(rates)

    def _twice(self, rates: Rates) -> Deposited:
        return Deposited(cents=1, rate=rates.rate("eur") + 100 * rates.rate("eur"))

    @decide
    def deposit(self, command: Deposit) -> Iterator[Deposited]:
        if command.cents > RULES.get("most", 1_000):
            raise Rejected("too much", code="too-much")
        yield Deposited(cents=RULES.get("cents", lambda account, given: given)(self, command.cents))
        if RULES.get("twice"):
            yield Deposited(cents=0)

    @decide
    async def convert(self, command: Convert, rates: Rates) -> Deposited:
        rate = await rates.later(command.currency) if command.is_async else rates.rate(command.currency)
        if RULES.get("refuse"):
            raise Rejected("not today", code="closed")
        return Deposited(cents=1, rate=rate)

    @evolve
    def opened(self, event: Opened) -> None: ...

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.balance += event.cents


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    RULES.clear()
    yield
    RULES.clear()


def bank(*, record: bool = False, stand_in: Callable[[], Rates] | None = None) -> Domain:
    domain = Domain("bank", Account)

    def live() -> Rates:
        return Live()

    domain.provide(live, record=record)
    if stand_in is not None:
        domain.rehearse_with(stand_in)
    return domain


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(tmp_path / "bank.db", bank()) as opened:
        for name in ("ada", "bob"):
            opened.send(Open(account_id=name))
            for cents in (10, 20, 30):
                opened.send(Deposit(account_id=name, cents=cents))
        yield opened


def verdicts(bench: Workbench, wanted: Wanted = ALL) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in rehearse(bench, wanted):
        found[one.verdict] = found.get(one.verdict, 0) + 1
    return found


def only(bench: Workbench, verdict: str, wanted: Wanted = ALL) -> Rehearsed:
    return next(one for one in rehearse(bench, wanted) if one.verdict == verdict)


def test_nothing_changed(bench: Workbench) -> None:
    assert verdicts(bench) == {"same": 8}
    assert [one.position for one in rehearse(bench)] == list(range(1, 9))


def test_each_meets_the_state_before_it(bench: Workbench) -> None:
    RULES["cents"] = lambda account, given: account.balance
    changes = [one.changes[0] for one in rehearse(bench) if one.changes]
    assert [(one.path, one.old, one.new) for one in changes[:3]] == [
        ("Deposited.cents", 10, 0),
        ("Deposited.cents", 20, 10),
        ("Deposited.cents", 10, 0),
    ], "30 is what the third deposit meets, and what it was"


def test_under_its_recorded_time_user_and_id(bench: Workbench) -> None:
    then = datetime(2020, 1, 2, 3, tzinfo=UTC)
    bench.send(Stamp(account_id="ada").with_meta(timestamp=then, user_id="bob", command_id="s1"))
    assert verdicts(bench, Wanted(types=["Stamp"])) == {"same": 1}


def test_the_same_events_on_another_stream(bench: Workbench) -> None:
    class Ledger(Aggregate, category="ledger", key="account_id"):
        account_id: str

        @decide(creates=True)
        def open(self, command: Open) -> Opened:
            return Opened()

        @evolve
        def opened(self, event: Opened) -> None: ...

    other = Workbench(bench.store, Domain("ledgers", Ledger), read_only=True)
    one = only(other, "different", Wanted(types=["Open"]))
    assert one.changes == [("stream", "account-ada", "ledger-ada")]


def test_a_rule_that_was_tightened(bench: Workbench) -> None:
    RULES["most"] = 20
    assert verdicts(bench) == {"same": 6, "rejected": 2}
    one = only(bench, "rejected")
    assert one.today is not None
    assert (one.today.code, one.today.reason) == ("too-much", "too much")
    assert one.changes[0] == ("outcome", "Deposited", "too-much: too much")


def test_another_number_of_events(bench: Workbench) -> None:
    RULES["twice"] = True
    assert only(bench, "different").changes == [("events", ["Deposited"], ["Deposited", "Deposited"])]


def test_code_that_fails_is_a_difference(bench: Workbench) -> None:
    RULES["cents"] = lambda account, given: 1 // 0
    one = only(bench, "different")
    assert one.today is not None
    assert one.today.code == "domain-failed"


def test_chance(bench: Workbench) -> None:
    RULES["cents"] = lambda account, given: random.getrandbits(60)
    assert verdicts(bench) == {"same": 2, "nondeterministic": 6}


def test_a_field_that_may_differ(bench: Workbench) -> None:
    RULES["cents"] = lambda account, given: random.getrandbits(60)
    assert verdicts(bench, Wanted(ignored=["Deposited.cents"])) == {"same": 8}
    assert verdicts(bench, Wanted(ignored=["Deposited.cent", "Deposited.rate"])) == {"same": 2, "nondeterministic": 6}


def test_some_of_them(bench: Workbench) -> None:
    RULES["cents"] = lambda account, given: account.balance
    whole = [one for one in rehearse(bench) if one.position > 3]
    assert list(rehearse(bench, Wanted(after=3))) == whole
    assert verdicts(bench, Wanted(types=["Open"])) == {"same": 2}
    assert [one.position for one in rehearse(bench, Wanted(until=3))] == [1, 2, 3]


def test_more_streams_than_are_remembered(bench: Workbench) -> None:
    RULES["cents"] = lambda account, given: account.balance
    for name in ("ada", "bob", "cy", "ada", "bob", "cy"):
        if name == "cy" and not bench.store.version("account-cy"):
            bench.send(Open(account_id=name))
        bench.send(Deposit(account_id=name, cents=10))
    small = Workbench(bench.store, bench.domain, limits=Limits(cached_states=1))
    assert list(rehearse(small)) == list(rehearse(bench))


# ── what services answered ────────────────────────────────────────────────────────────────────


def test_what_was_answered_then_answers_now(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "a.db", bank(record=True)) as bench:
        bench.send(Open(account_id="ada"))
        for is_async in (False, True, False):
            bench.send(Convert(account_id="ada", is_async=is_async))
        bench.send(Deposit(account_id="ada", cents=1).with_meta(metadata={"shift": 2}))
        rates = [event.data for event in bench.log() if b"rate" in event.data]
        assert [b'"rate":"1"' in rates[0], b'"rate":"2"' in rates[1], b'"rate":"3"' in rates[2]] == [True] * 3
        assert verdicts(bench) == {"same": 5}
        kept = [event.metadata for event in bench.log()]
        assert kept[1] == {MEMBER: [["Rates", "rate", '[["eur"], {}]', "1"]]}
        assert kept[4] == {"shift": 2}


def test_a_question_that_is_asked_twice_has_both_answers(tmp_path: Path) -> None:
    class Kind(Live):
        def rate(self, currency: str) -> Decimal:
            return Decimal(0) if currency == "none" else super().rate(currency)

    domain = Domain("bank", Account)

    def kind() -> Rates:
        return Kind()

    domain.provide(kind, record=True)
    with Workbench.open(tmp_path / "a.db", domain) as bench:
        bench.send(Open(account_id="ada"))
        bench.send(Both(account_id="ada"))
        assert verdicts(bench) == {"same": 2}


def test_an_answer_that_was_an_error_judges_nothing(tmp_path: Path) -> None:
    RULES["bad"] = True
    with Workbench.open(tmp_path / "a.db", bank(record=True)) as bench:
        bench.send(Open(account_id="ada"))
        bench.send(Both(account_id="ada"))
        assert only(bench, "unjudged").why == "Rates.rate(\"none\") raised KeyError: 'none'"


def test_a_question_that_nobody_answered_then(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "a.db", bank(record=True)) as bench:
        bench.send(Open(account_id="ada"))
        bench.send(Convert(account_id="ada", currency="usd").with_meta(command_id="c1"))
        (event,) = bench.log(Selection(after=1))
        kept = event.metadata[MEMBER]
        kept[0][2] = kept[0][2].replace("usd", "eur")
        forged = Convert(account_id="ada", currency="usd").with_meta(command_id="c2", metadata={MEMBER: kept})
        plain = Workbench(bench.store, bank(stand_in=lambda_rates))
        plain.send(forged)
        assert only(bench, "unjudged").why == 'no answer of Rates.rate("usd") was recorded'


def lambda_rates() -> Rates:
    return Live()


def test_without_answers_a_stand_in_or_no_verdict(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "a.db", bank()) as bench:
        bench.send(Open(account_id="ada"))
        bench.send(Convert(account_id="ada"))
        assert verdicts(bench) == {"same": 1, "unjudged": 1}
        assert "has no stand-in" in str(only(bench, "unjudged").why)

        class One(Live):
            def rate(self, currency: str) -> Decimal:
                return Decimal(1)

        def one() -> Rates:
            return One()

        assert verdicts(Workbench(bench.store, bank(stand_in=one))) == {"same": 2}


def test_a_service_that_does_not_say_what_it_answers() -> None:
    class Silent:
        def rate(self, currency: str):
            return 1

    def silent() -> Silent:
        return Silent()

    with pytest.raises(DefinitionError, match=r"Silent.rate does not say what it answers"):
        Domain("bank", Account).provide(silent, record=True)


def test_a_domain_that_is_taken_in_records_as_before() -> None:
    assert Domain("more", bank(record=True)).recorded == {Rates}


# ── rejections that the log has ───────────────────────────────────────────────────────────────


def test_a_reaction_whose_command_was_rejected(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "shop.db", fulfilment, services={Inventory: Plenty()}) as bench:
        bench.runner().drain()
        order_id = created(bench, UUID(int=1))
        bench.send(SubmitOrder(order_id=order_id))
        bench.send(PayOrder(order_id=order_id))
        bench.runner().drain()
        found = {one.command: one for one in rehearse(bench)}
        assert {one.verdict for one in found.values()} == {"same"}
        refused = found["ReserveStock"]
        assert refused.recorded is not None
        assert refused.today is not None
        assert refused.recorded.code == refused.today.code is not None


# ── the journal of rejections ─────────────────────────────────────────────────────────────────


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Workbench]:
    domain = Domain("bank", Account, journal_rejections=True)
    with Workbench.open(tmp_path / "bank.db", domain) as opened:
        opened.send(Open(account_id="ada"))
        yield opened


def refused(bench: Workbench, cents: int, **meta: Any) -> str:
    command = Deposit(account_id="ada", cents=cents).with_meta(**meta)
    with pytest.raises(Rejected):
        bench.send(command)
    return command.meta.command_id


def test_a_rule_that_was_loosened(journal: Workbench) -> None:
    journal.send(Deposit(account_id="ada", cents=10))
    id = refused(journal, 2_000, user_id="bob", metadata={"till": 7})
    journal.send(Deposit(account_id="ada", cents=20))
    assert verdicts(journal) == {"same": 4}
    (kept,) = rejections(journal.store.rows)
    assert kept[:5] == (id, "Deposit", 1, '{"account_id":"ada","cents":2000}', kept.issued_us)
    assert (kept.user_id, kept.metadata, kept.stream, kept.version, kept.position) == (
        *("bob", '{"till": 7}', "account-ada", 2, 2),
    )
    assert (kept.code, kept.reason) == ("too-much", "too much")
    RULES["most"] = 5_000
    RULES["cents"] = lambda account, given: account.balance
    one = only(journal, "accepted")
    assert (one.command_id, one.position) == (id, 2)
    assert one.today is not None
    assert one.today.events == (Deposited(cents=10),), "it met the state between the two"
    whole = list(rehearse(journal))
    assert list(rehearse(journal, Wanted(after=2))) == whole[2:], "also when what was before is not walked through"


def test_batches_are_journaled_too_and_trials_are_not(journal: Workbench) -> None:
    requests = [Request(n, Deposit(account_id="ada", cents=cents)) for n, cents in enumerate((5, 2_000, 7, 3_000), 1)]
    assert [one.status for one in journal.send_batch(requests)] == ["committed", "rejected", "committed", "rejected"]
    assert [one.version for one in rejections(journal.store.rows)] == [2, 3]
    with pytest.raises(Rejected):
        journal.send(Deposit(account_id="ada", cents=9_000), dry_run=True)
    assert len(list(rejections(journal.store.rows))) == 2
    assert verdicts(journal) == {"same": 5}
    RULES["most"], RULES["cents"] = 5_000, lambda account, given: account.balance
    accepted = [one.today for one in rehearse(journal) if one.verdict == "accepted"]
    assert [one and one.events for one in accepted] == [(Deposited(cents=5),), (Deposited(cents=12),)]


def test_the_newest_are_kept(journal: Workbench) -> None:
    few = Workbench(journal.store, journal.domain, limits=Limits(kept_rejections=3))
    ids = [refused(few, 2_000 + number) for number in range(5)]
    assert [one.command_id for one in rejections(few.store.rows)] == ids[2:]
    again = refused(few, 2_004, command_id=ids[4])
    assert [one.command_id for one in rejections(few.store.rows)] == [*ids[2:4], again]


def test_a_domain_keeps_no_journal_unless_it_says_so(bench: Workbench) -> None:
    with pytest.raises(Rejected):
        bench.send(Deposit(account_id="ada", cents=2_000))
    assert list(rejections(bench.store.rows)) == []
    assert Domain("more", Domain("bank", Account, journal_rejections=True)).journal_rejections


def test_no_store_is_made_for_a_rejection(tmp_path: Path) -> None:
    domain = Domain("bank", Account, journal_rejections=True)
    RULES["shut"] = True
    with Workbench.open(tmp_path / "bank.db", domain, create="lazily") as opened, pytest.raises(Rejected):
        opened.send(Open(account_id="ada"))
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_can_t_be_written_changes_no_answer(journal: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr("cqrs_cli.log.rejections.keep", full)
    refused(journal, 2_000)


def test_what_services_answered_before_a_rejection(tmp_path: Path) -> None:
    domain = Domain("bank", bank(record=True), journal_rejections=True)
    with Workbench.open(tmp_path / "a.db", domain) as bench:
        bench.send(Open(account_id="ada"))
        RULES["refuse"] = True
        with pytest.raises(Rejected):
            bench.send(Convert(account_id="ada"))
        assert verdicts(bench) == {"same": 2}
        RULES.clear()
        one = only(bench, "accepted")
        assert one.today is not None
        assert one.today.events == (Deposited(cents=1, rate=Decimal(1)),)


# ── differences that are known ────────────────────────────────────────────────────────────────


def test_an_accepted_difference_is_that_one_only(bench: Workbench) -> None:
    RULES["most"] = 20
    first = only(bench, "rejected")
    accepted = Accepted({first.command_id: digest(first), "gone": "…"})
    assert first in accepted
    assert accepted.unseen == ["gone"]
    RULES.clear()
    RULES["twice"] = True
    again = next(one for one in rehearse(bench) if one.command_id == first.command_id)
    assert again.verdict == "different"
    assert again not in accepted


def test_one_that_is_another_each_time_can_be_accepted(bench: Workbench) -> None:
    RULES["cents"] = lambda account, given: random.getrandbits(60)
    assert digest(only(bench, "nondeterministic")) == digest(only(bench, "nondeterministic"))
