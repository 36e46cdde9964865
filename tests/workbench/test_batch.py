"""Batches: the outcomes are those of sending one by one, and what is kept between commands is never stale."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cqrs_cli import Command, Workbench
from cqrs_cli.errors import Conflict, CqrsError, InvalidInput, Unavailable
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.batch import failed
from cqrs_cli.workbench.engine import Limits
from cqrs_cli.workbench.outcome import Outcome, Request
from tests.bank import Account, Between, Close, Deposit, Look, Open, Settle, Spoil, Tag, Withdraw, domain


@pytest.fixture
def between() -> Between:
    return Between()


@pytest.fixture
def bench(tmp_path: Path, between: Between) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: between}) as opened:
        yield opened


@pytest.fixture
def other(bench: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: Between()}) as opened:
        yield opened


def limited(bench: Workbench, **limits: int) -> Workbench:
    """The same with these limits."""
    between = bench.engine.services(Between, "a test")
    return Workbench(bench.store, domain, services={Between: between}, limits=Limits(**limits))


def requests(*commands: Command, expect: Any = None) -> list[Request]:
    return [Request(line, command, expect) for line, command in enumerate(commands, 1)]


def told(outcomes: list[Outcome]) -> list[str]:
    return [
        outcome.status if outcome.error is None else f"{outcome.status} {outcome.error.code}" for outcome in outcomes
    ]


def send(bench: Workbench, *commands: Command, **more: Any) -> list[str]:
    return told(list(bench.send_batch(requests(*commands), **more)))


# ── as one by one ─────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["a", "b", "c"])
AMOUNTS = st.sampled_from([1, 5, 13, 50, 666])
COMMANDS = st.one_of(
    st.builds(Open, account_id=NAMES | st.none()),
    st.builds(Deposit, account_id=NAMES, amount=AMOUNTS),
    st.builds(Withdraw, account_id=NAMES, amount=AMOUNTS),
    st.builds(Spoil, account_id=NAMES, how=st.sampled_from(["reject", "raise", "nothing", "event"])),
    st.builds(Tag, account_id=NAMES, tags=st.sets(st.sampled_from("xy"), max_size=1)),
    st.builds(Look, account_id=NAMES),
    st.builds(Settle, account_id=NAMES),
    st.builds(Close, account_id=NAMES),
)
STEPS = st.lists(
    st.tuples(COMMANDS, st.integers(0, 40), st.sampled_from([None, None, None, None, "new", 1, 2, 3])), max_size=25
)


def one_by_one(bench: Workbench, sent: list[Request]) -> list[tuple[Any, ...]]:
    answers = []
    for request in sent:
        assert request.command is not None
        try:
            answers.append(comparable(bench.send(request.command, expect=request.expect)))
        except CqrsError as error:
            answers.append((failed(request, error).status, error.code, error.message))
    return answers


def comparable(outcome: Outcome) -> tuple[Any, ...]:
    if outcome.error is not None:
        return (outcome.status, outcome.error.code, outcome.error.message)
    events = [event._replace(recorded_us=0) for event in outcome.events]
    return (outcome.status, outcome.stream, outcome.version_before, events)


def content(bench: Workbench) -> list[Any]:
    return [event._replace(recorded_us=0) for event in bench.store.read()]


@given(STEPS, st.integers(1, 8), st.sets(st.integers(0, 25), max_size=3))
@settings(max_examples=40, deadline=None)
@example(
    [
        (Open(account_id="a"), 1, None),
        (Open(account_id="a"), 1, None),
        (Deposit(account_id="a", amount=5), 2, None),
        (Spoil(account_id="a", how="reject"), 3, None),
        (Withdraw(account_id="a", amount=50), 4, None),
        (Deposit(account_id="a", amount=5), 2, None),
        (Deposit(account_id="a", amount=1), 2, None),
    ],
    8,
    set(),
)
def test_outcomes_are_those_of_sending_one_by_one(
    steps: list[tuple[Command, int, Any]], group: int, pauses: set[int]
) -> None:
    sent = [
        Request(line, command.with_meta(command_id=f"c{number}"), expect)
        for line, (command, number, expect) in enumerate(steps)
    ]
    with (
        TemporaryDirectory() as folder,
        Workbench.open(f"{folder}/1.db", domain, durability="relaxed") as single,
        limited(Workbench.open(f"{folder}/2.db", domain, durability="relaxed"), written_together=group) as together,
    ):
        wanted = one_by_one(single, sent)
        stream = (one for request in sent for one in ((None, request) if request.line in pauses else (request,)))
        outcomes = list(together.send_batch(stream))
        assert [comparable(outcome) for outcome in outcomes] == wanted
        assert [outcome.line for outcome in outcomes] == [request.line for request in sent]
        assert content(together) == content(single)


# ── others write at the same time ─────────────────────────────────────────────────────────────


def test_a_conflict_in_the_middle_is_decided_again_and_all_after_it(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100))
    between.todo.append(lambda: other.send(Withdraw(account_id="a", amount=60)))
    outcomes = send(
        bench,
        Withdraw(account_id="a", amount=30),  # decided on 100, then on 40
        Withdraw(account_id="a", amount=30),  # 70 would have been enough
        Deposit(account_id="a", amount=1),
        Withdraw(account_id="a", amount=11),
    )
    assert outcomes == ["committed", "rejected overdrawn", "committed", "committed"]
    assert bench.load(Account, "a").state.balance == 0


@pytest.mark.parametrize(
    ("meanwhile", "then", "outcome"),
    [
        (Deposit(account_id="a", amount=100), Withdraw(account_id="a", amount=50), "committed"),
        (Withdraw(account_id="a", amount=10), Withdraw(account_id="a", amount=5), "rejected overdrawn"),
        (Close(account_id="a"), Close(account_id="a"), "unchanged"),
        (Withdraw(account_id="a", amount=10), Settle(account_id="a"), "unchanged"),
        (Close(account_id="a"), Deposit(account_id="a", amount=5), "rejected closed"),
    ],
)
def test_a_kept_state_that_others_outran_decides_nothing(
    bench: Workbench, other: Workbench, meanwhile: Command, then: Command, outcome: str
) -> None:
    def lines() -> Iterator[Request | None]:
        yield from requests(Open(account_id="a"), Deposit(account_id="a", amount=10))
        yield None
        other.send(meanwhile)
        yield Request(3, then)

    assert told(list(bench.send_batch(lines())))[-1] == outcome


def test_a_kept_state_in_which_there_is_nothing_to_do_is_looked_at_again(bench: Workbench, other: Workbench) -> None:
    def lines() -> Iterator[Request | None]:
        yield from requests(Open(account_id="a"), Deposit(account_id="a", amount=10), Settle(account_id="a"))
        yield None
        other.send(Deposit(account_id="a", amount=5))
        yield Request(4, Settle(account_id="a"))

    assert told(list(bench.send_batch(lines()))) == ["committed"] * 4
    assert bench.load(Account, "a").state.balance == 0


def test_what_was_rejected_after_a_duplicate_is_decided_on_the_log(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100))
    command = Withdraw(account_id="a", amount=80).with_meta(command_id="w")
    between.todo.append(lambda: (other.send(Deposit(account_id="a", amount=1000)), other.send(command)))
    assert send(bench, command, Withdraw(account_id="a", amount=500)) == ["duplicate", "committed"]


def test_an_expectation_is_of_the_log_and_not_of_a_kept_state(bench: Workbench, other: Workbench) -> None:
    def lines() -> Iterator[Request | None]:
        yield from requests(Open(account_id="a"), Deposit(account_id="a", amount=10))
        yield None
        other.send(Deposit(account_id="a", amount=1))
        yield Request(3, Deposit(account_id="a", amount=2), 3)
        yield Request(4, Deposit(account_id="a", amount=2), 3)

    assert told(list(bench.send_batch(lines())))[2:] == ["committed", "conflict conflict"]


def test_an_expectation_goes_along_when_a_line_is_decided_again(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    """The second expects what the first would have led to; but somebody else was faster, and the first comes later."""
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100))
    between.todo.append(lambda: other.send(Deposit(account_id="a", amount=1)))
    first = Request(1, Withdraw(account_id="a", amount=10))
    second = Request(2, Withdraw(account_id="a", amount=10), 3)
    assert told(list(bench.send_batch([first, second]))) == ["committed", "conflict conflict"]
    assert bench.load(Account, "a").version == 4


def test_a_conflict_with_an_expectation_is_not_tried_again(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is about: that of a checkpoint, say, leaves the version as it was expected."""
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100))
    monkeypatch.setattr(bench.store, "append_many", lambda appends: [Conflict("a checkpoint moved") for _ in appends])
    assert told(list(bench.send_batch(requests(Withdraw(account_id="a", amount=10), expect=2)))) == [
        "conflict conflict"
    ]
    assert bench.store.version("account-a") == 2


def test_states_whose_write_failed_decide_nothing(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(appends: Any) -> Any:
        raise Unavailable("the disk is full", code="disk-full")

    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100))
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "append_many", full_disk)
        with pytest.raises(Unavailable):
            send(bench, Deposit(account_id="a", amount=1_000), Deposit(account_id="a", amount=1_000))
    assert send(bench, Withdraw(account_id="a", amount=500), Withdraw(account_id="a", amount=100)) == [
        "rejected overdrawn",
        "committed",
    ]


def test_the_same_id_by_somebody_else_gives_the_first_answer(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100))
    command = Withdraw(account_id="a", amount=80).with_meta(command_id="w")
    between.todo.append(lambda: other.send(command))
    # The state that was decided on is not the one of the log: what follows must not be decided on it.
    assert send(bench, command, Withdraw(account_id="a", amount=15), Withdraw(account_id="a", amount=10)) == [
        "duplicate",
        "committed",
        "rejected overdrawn",
    ]


def test_the_same_id_by_somebody_else_explains_a_rejection(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100), Open(account_id="b"))
    command = Withdraw(account_id="a", amount=80).with_meta(command_id="w")

    def lines() -> Iterator[Request]:
        between.todo.append(lambda: other.send(command))
        yield Request(1, Deposit(account_id="b", amount=1))  # the ids of the group have been looked up
        yield Request(2, command)

    assert told(list(bench.send_batch(lines()))) == ["committed", "duplicate"]


def test_the_same_id_by_somebody_else_explains_that_there_is_nothing_to_do(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100), Open(account_id="b"))
    command = Settle(account_id="a").with_meta(command_id="s")

    def lines() -> Iterator[Request]:
        between.todo.append(lambda: other.send(command))
        yield Request(1, Deposit(account_id="b", amount=1))
        yield Request(2, command)

    assert told(list(bench.send_batch(lines()))) == ["committed", "duplicate"]


def test_a_state_that_was_not_written_decides_nothing_though_its_version_is_there(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"), Deposit(account_id="a", amount=100))
    between.todo.append(lambda: other.send(Withdraw(account_id="a", amount=80)))
    lines = [
        Request(1, Withdraw(account_id="a", amount=10), 2),
        None,
        Request(2, Withdraw(account_id="a", amount=50)),  # 90 would be left in the state that was not written
    ]
    assert told(list(bench.send_batch(lines))) == ["conflict conflict", "rejected overdrawn"]
    assert bench.load(Account, "a").state.balance == 20


def test_fail_fast_stops_at_a_conflict_that_a_write_in_between_shows(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"))
    first = Deposit(account_id="a", amount=5).with_meta(command_id="d")
    between.todo.append(lambda: other.send(Deposit(account_id="a", amount=1)))
    lines = [Request(1, first, 1), Request(2, first), Request(3, Deposit(account_id="a", amount=7))]
    assert told(list(bench.send_batch(lines, fail_fast=True))) == ["conflict conflict"]
    assert bench.store.head() == 2


# ── order, errors, durability ─────────────────────────────────────────────────────────────────


def test_lines_that_could_not_be_read_stay_in_their_place(bench: Workbench) -> None:
    sent = [
        Request(1, Open(account_id="a")),
        Request(2, None, error=InvalidInput("no JSON")),
        Request(3, Look(account_id="a")),
        Request(4, None),
    ]
    outcomes = list(bench.send_batch(sent))
    assert told(outcomes) == ["committed", "invalid invalid-input", "unchanged", "invalid usage"]
    assert [outcome.line for outcome in outcomes] == [1, 2, 3, 4]
    assert outcomes[1].command is None


def test_the_kinds_of_failure(bench: Workbench) -> None:
    assert send(
        bench,
        Deposit(account_id="a", amount=1),
        Open(account_id="a"),
        Open(account_id="a"),
        Deposit(account_id="a", amount=13),
        Deposit(account_id="a", amount=666),
        Deposit(account_id="a", amount=1, note="\0"),
        Deposit(account_id="a", amount=1, note="x" * 2_000_000),
        Deposit(account_id="", amount=1),
        Deposit(account_id="a", amount=7),
    ) == [
        "not-found aggregate-not-found",
        "committed",
        "rejected already-exists",
        "failed domain-failed",
        "failed domain-failed",
        "invalid invalid-input",
        "invalid limit-exceeded",
        "invalid invalid-input",
        "committed",
    ]
    assert bench.load(Account, "a").state.balance == 7


def test_an_outcome_is_given_only_once_it_is_durable(bench: Workbench, other: Workbench) -> None:
    sent = requests(Open(account_id="a"), *(Deposit(account_id="a", amount=1) for _ in range(1200)))
    for outcome in bench.send_batch(sent):
        assert outcome.position is not None
        assert other.store.head() >= outcome.position


def test_a_pause_writes_what_waits(bench: Workbench) -> None:
    answered: list[str] = []

    def lines() -> Iterator[Request | None]:
        yield Request(1, Open(account_id="a"))
        assert answered == []
        yield None
        assert answered == ["committed"]
        yield None

    for outcome in bench.send_batch(lines()):
        answered.append(outcome.status)


@pytest.mark.parametrize("group", [1, 3, 500])
def test_fail_fast_decides_nothing_more(bench: Workbench, group: int) -> None:
    bench = limited(bench, written_together=group)
    commands = [
        Open(account_id="a"),
        Open(account_id="b"),
        Withdraw(account_id="a", amount=1),
        Deposit(account_id="a", amount=1),
    ]
    assert send(bench, *commands, fail_fast=True) == ["committed", "committed", "rejected overdrawn"]
    assert bench.store.head() == 2


def test_fail_fast_writes_nothing_after_a_conflict_that_the_write_shows(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    send(bench, Open(account_id="a"), Open(account_id="b"))
    between.todo.append(lambda: other.send(Deposit(account_id="a", amount=1)))
    sent = [Request(1, Deposit(account_id="a", amount=5), 1), Request(2, Deposit(account_id="b", amount=5))]
    assert told(list(bench.send_batch(sent, fail_fast=True))) == ["conflict conflict"]
    assert bench.store.head() == 3


@pytest.mark.parametrize("how", ["reject", "raise", "nothing", "event"])
def test_a_decide_that_spoils_the_state_spoils_nothing_else(bench: Workbench, how: str) -> None:
    assert send(
        bench,
        Open(account_id="a"),
        Spoil(account_id="a", how=how),
        Withdraw(account_id="a", amount=1),
        Deposit(account_id="a", amount=1),
        Spoil(account_id="a", how=how),
        Withdraw(account_id="a", amount=2),
    )[2::3] == ["rejected overdrawn", "rejected overdrawn"]
    assert bench.load(Account, "a").state.notes == [""]


def test_cached_states_are_bounded(bench: Workbench) -> None:
    bench = limited(bench, written_together=4, cached_states=2)
    names = [f"n{number}" for number in range(10)]
    assert set(
        send(bench, *(Open(account_id=name) for name in names), *(Deposit(account_id=name, amount=1) for name in names))
    ) == {"committed"}
    assert list(bench.aggregates.cached) == ["account-n8", "account-n9"]


def test_what_no_store_takes_holds_up_nobody_else(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that was decided after it, on the same stream, keeps its place before the others."""
    send(bench, Open(account_id="a"), Open(account_id="z"))
    sent = [
        Deposit(account_id="a", amount=1, note="x" * (1024 * 1024)),
        Deposit(account_id="a", amount=2),
        Deposit(account_id="z", amount=3),
        Deposit(account_id="a", amount=4).with_meta(user_id="u" * 500),
        Deposit(account_id="a", amount=5),
        Deposit(account_id="z", amount=6),
    ]
    assert send(bench, *sent) == [
        "invalid limit-exceeded",
        "committed",
        "committed",
        "invalid limit-exceeded",
        "committed",
        "committed",
    ]
    amounts = [json.loads(event.data)["amount"] for event in bench.store.scan(Selection(after=2))]
    assert amounts == [2, 3, 5, 6]
