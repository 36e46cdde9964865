"""Scenarios beyond one aggregate: read models, reactions, time, older events, rules of rows, and chains without an end."""

import gc
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cqrs_cli import (
    After,
    Aggregate,
    Cancel,
    Command,
    CommandRejected,
    Domain,
    DomainFailed,
    Event,
    Policy,
    ProcessManager,
    Projection,
    Recorded,
    Scenario,
    Undecodable,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.errors import InvalidInput, Misuse
from cqrs_cli.scenario import unfinished
from cqrs_cli.scenario.unfinished import UnfinishedScenario, watching

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Join(Command):
    member_id: str
    mail: str


class Leave(Command):
    member_id: str


class Greet(Command):
    member_id: str


class Joined(Event, version=2, upcasters={1: lambda data: {"mail": data["email"].lower()}}):
    mail: str


class Left(Event): ...


class Greeted(Event): ...


class Member(Aggregate):
    member_id: str
    mail: str = ""
    greeted: int = 0

    @decide(creates=True)
    def join(self, command: Join) -> Joined:
        return Joined(mail=command.mail)

    @decide
    def leave(self, command: Leave) -> Left:
        return Left()

    @decide
    def greet(self, command: Greet) -> Greeted:
        return Greeted()

    @evolve
    def joined(self, event: Joined) -> None:
        self.mail = event.mail

    @evolve
    def greeting(self, event: Greeted) -> None:
        self.greeted += 1

    ignores = (Left,)


class Mails(Projection, key="member_id", inline=True, unique="mail"):
    member_id: str
    mail: str | None = None
    since: datetime | None = None

    @evolve
    def joined(self, event: Joined, recorded: Recorded) -> None:
        self.mail, self.since = event.mail, recorded.recorded_at

    @evolve
    def left(self, event: Left) -> None:
        self.mail = None


class Care(ProcessManager, key="member_id"):
    member_id: str
    refused: int = 0

    @react
    def remind(self, event: Joined) -> After:
        return After(7 * DAY, Greet(member_id=self.member_id), name="reminder")

    @react
    def done(self, event: Greeted | Left) -> Cancel:
        return Cancel("reminder")

    @evolve
    def refusal(self, event: CommandRejected) -> None:
        self.refused += 1


class Welcome(Policy):
    @react
    def greet(self, event: Joined, recorded: Recorded) -> Iterator[Greet]:
        if event.mail == "broken":
            raise RuntimeError("no greeting")
        yield Greet(member_id=recorded.key)


CLUB = Domain("club", Member, Mails, Care, Welcome)


@pytest.fixture
def club() -> Scenario:
    return Scenario(CLUB).at(NOON)


def failing(check: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check()
    return str(caught.value)


def test_rows_of_a_read_model(club: Scenario) -> None:
    club.given(Join(member_id="ada", mail="a"), Join(member_id="bob", mail="b")).at(DAY).when(Leave(member_id="bob"))
    club.then(Left()).then_rows(Mails, {"member_id": "bob", "mail": None}, Mails(member_id="ada", mail="a", since=NOON))
    told = failing(lambda: club.then_rows(Mails, {"member_id": "ada", "mail": "c"}, {"member_id": "eve"}))
    assert told.splitlines() == [
        "the rows of mails are not as expected:",
        "  mails/ada.mail: expected c, was a",
        "  mails/eve: expected, but there is no such row",
        "  mails/bob: not expected, but there is Mails(member_id=bob, mail=null, since=2026-01-01T12:00:00.000000Z)",
    ]
    with pytest.raises(Misuse, match="no field 'male'"):
        club.then_rows(Mails, {"member_id": "ada", "male": "c"})
    with pytest.raises(Misuse, match="without its member_id"):
        club.then_rows(Mails, {"mail": "c"})


def test_events_alone_make_rows(club: Scenario) -> None:
    club.given(Joined(mail="a"), stream="member-ada").then_rows(Mails, {"member_id": "ada", "mail": "a"})
    assert [row.member_id for row in club.rows("mails")] == ["ada"]
    with pytest.raises(Misuse, match="whose event is it"):
        Scenario(CLUB).given(Joined(mail="a")).rows(Mails)


def test_a_rule_of_an_inline_read_model_rejects(club: Scenario) -> None:
    club.given(Join(member_id="ada", mail="a")).when(Join(member_id="bob", mail="a")).then_rejected("not-unique")
    club.then_rows(Mails, {"member_id": "ada"})  # and nothing happened
    club.when(Leave(member_id="ada")).when(Join(member_id="bob", mail="a")).then(Joined(mail="a"))


def test_what_reactions_answer(club: Scenario) -> None:
    hello, later = Greet(member_id="ada"), After(7 * DAY, Greet(member_id="ada"))
    club.when(Join(member_id="ada", mail="a")).then_sends(later, hello).then(Joined(mail="a")).then_sends(later, hello)
    club.then_sends(later._replace(name="reminder"), hello)
    told = failing(lambda: club.then_sends(later._replace(delay=DAY, name="other")))
    assert told.splitlines() == [
        "expected 1 command, but was 2:",
        "  1. Greet, its delay: expected P1D, was P7D",
        "  1. Greet, its name: expected other, was reminder",
        "  2. not expected, but there is Greet(member_id=ada)",
    ]
    club.when(Leave(member_id="ada")).then_sends()  # what was answered before is not sent again


def test_an_event_may_be_what_happens(club: Scenario) -> None:
    club.when(Joined(mail="a"), stream="member-ada").then_sends(
        After(7 * DAY, Greet(member_id="ada")), Greet(member_id="ada")
    )
    club.when(Greeted()).then_nothing()
    assert "no more" not in failing(lambda: club.when(Joined(mail="a")).then_nothing())
    with pytest.raises(Misuse, match="no event of Member"):
        club.given(CommandRejected(command="x", command_id="y", code="c", reason="r", data={}), stream="member-ada")


def test_a_process_hears_that_a_command_was_rejected(club: Scenario) -> None:
    heard = CommandRejected(command="Greet", command_id="1", code="left", reason="gone", data={})
    club.when(heard, stream="care-ada").then_rows(Care, {"member_id": "ada", "refused": 1})


def test_deadlines_fire_when_time_passes(club: Scenario) -> None:
    club.given(Join(member_id="ada", mail="a")).when_later(7 * DAY - timedelta(microseconds=1)).then_nothing()
    club.when_later(timedelta(microseconds=1)).then_sends(Greet(member_id="ada"))
    club.when_later(DAY).then_nothing()  # each fires once
    cancelled = Scenario(CLUB).at(NOON).given(Join(member_id="ada", mail="a"), Leave(member_id="ada"))
    cancelled.when_later(NOON + 8 * DAY).then_nothing()
    assert "expected 1 command, but was nothing" in failing(lambda: cancelled.then_sends(Greet(member_id="ada")))


def test_events_as_they_were_stored_once(club: Scenario) -> None:
    club.given_stored("member-ada", "Joined", {"email": "ADA@X"}, version=1).when(Greet(member_id="ada")).then(
        Greeted()
    )
    club.then_state(mail="ada@x", greeted=1).then_rows(Mails, {"member_id": "ada", "mail": "ada@x"})
    assert failing(lambda: club.then_state(mail="b", greeted=2)).splitlines() == [
        "Member is not as expected:",
        "  .mail: expected b, was ada@x",
        "  .greeted: expected 2, was 1",
    ]
    with pytest.raises(Undecodable):
        club.given_stored("member-ada", "Joined", {"mail": "x"}, version=3)
    with pytest.raises(DomainFailed, match="upcaster"):
        club.given_stored("member-ada", "Joined", {"mail": "x"})
    with pytest.raises(Misuse, match="is no JSON"):
        club.given_stored("member-ada", "Joined", {"mail": NOON}, version=2)


def test_conditions_of_a_state(club: Scenario) -> None:
    club.given(Join(member_id="ada", mail="a")).when(Greet(member_id="ada"))
    club.then_holds("state.greeted = 1", "state.mail is not null")
    assert failing(lambda: club.then_holds("state.greeted > 1")) == (
        "state.greeted > 1 does not hold of Member(member_id=ada, mail=a, greeted=1)"
    )
    for wrong in (
        club.then_holds,
        club.then_state,
        lambda: club.then_holds("type = Joined"),
        lambda: club.then_holds("x"),
    ):
        with pytest.raises(Misuse):
            wrong()


def test_what_is_given_has_happened(club: Scenario) -> None:
    with pytest.raises(Misuse, match=r"the given Greet is rejected: \[aggregate-not-found\]"):
        club.given(Greet(member_id="ada"))


def test_a_reaction_that_raises(club: Scenario) -> None:
    club.when(Join(member_id="ada", mail="broken")).then(Joined(mail="broken"))
    with pytest.raises(DomainFailed, match="raised RuntimeError: no greeting"):
        club.then_sends()


@pytest.mark.slow
def test_it_is_what_a_workbench_does() -> None:
    """The same commands on a store: the same events, rows, and commands in the outbox."""
    scenario = Scenario(CLUB).at(NOON)
    with Workbench.open("memory:", CLUB, clock=lambda: NOON) as bench:
        for command in (Join(member_id="ada", mail="a"), Join(member_id="bob", mail="b"), Leave(member_id="ada")):
            bench.send(command)
            scenario.when(command).events  # noqa: B018
        assert [(one.stream, one.version, one.type) for one in bench.log()] == [
            (one.stream, one.version, one.type) for one in scenario._happened.events
        ]
        assert list(bench.rows(Mails)) == scenario.rows(Mails)


def test_events_are_told_apart_field_by_field() -> None:
    class Pay(Command):
        bill_id: str

    class Line(Event):
        amount: Decimal
        note: str = ""

    class Bill(Aggregate):
        bill_id: str
        ignores = (Line,)

        @decide(creates=True)
        def pay(self, command: Pay) -> list[Line]:
            return [Line(amount=Decimal("3.00")), Line(amount=Decimal(1), note="tip")]

    paid = Scenario(Domain("bills", Bill)).when(Pay(bill_id="b"))
    paid.then(Line(amount=Decimal(3)), Line(amount=Decimal(1), note="tip"))
    told = failing(lambda: paid.then(Line(amount=Decimal("3.01")), Line(amount=Decimal(1), note="tip"), Left()))
    assert told.splitlines() == [
        "expected 3 events, but was 2:",
        "  1. Line.amount: expected 3.01, was 3.00",
        "  3. expected Left(), but there is no more",
    ]
    assert failing(paid.then_nothing).splitlines()[0] == "expected no events, but was 2:"


# ── a chain without a then ────────────────────────────────────────────────────────────────────


def tried(scenario: Scenario) -> None:
    scenario.when(Join(member_id="ada", mail="a"))
    del scenario
    gc.collect()


def test_a_chain_without_a_then_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as alone:
        alone.setattr(unfinished, "_watched", [])  # where the plugin is not at work
        with pytest.warns(UnfinishedScenario, match="proves nothing") as caught:
            tried(Scenario(CLUB))
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "ask",
    [
        lambda told: told.then(Joined(mail="a")),
        lambda told: told.state,
        lambda told: told.events,
        lambda told: told.sends,
        lambda told: told.rejection,
        lambda told: told.rows(Mails),
    ],
)
def test_who_asks_is_not_warned(ask: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(Scenario(CLUB).when(Join(member_id="ada", mail="a")))
        with pytest.raises(InvalidInput):
            Scenario(CLUB).when(Join(member_id="\0", mail="a"))  # it raised, so there is nothing to ask
        gc.collect()


def test_whoever_watches_is_told_once() -> None:
    kept = Scenario(CLUB)
    with watching() as told:
        kept.when(Join(member_id="ada", mail="a"))
        Scenario(CLUB).when(Join(member_id="ada", mail="a")).when(Leave(member_id="ada")).then(Left())
    assert len(told) == 1
    assert told[0].startswith(f"{__file__}:")
