"""Sending: idempotency, expectations, conflicts, what may not enter the log, dry runs. On a real store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from cqrs_cli import Aggregate, Command, Domain, Event, NotFound, Rejected, Workbench, decide, evolve
from cqrs_cli.errors import (
    CommandReused,
    Conflict,
    CqrsError,
    DefinitionError,
    DomainFailed,
    InvalidInput,
    LimitExceeded,
    Unavailable,
)
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.workbench.engine import Limits
from cqrs_cli.workbench.outcome import Request
from tests.bank import Account, Between, Close, Deposit, Look, Open, Settle, Split, Spoil, Tag, Withdraw, domain
from tests.limited import limited


@pytest.fixture
def between() -> Between:
    return Between()


@pytest.fixture
def bench(tmp_path: Path, between: Between) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: between}) as opened:
        yield opened


@pytest.fixture
def other(bench: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    """Somebody else on the same store."""
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: Between()}) as opened:
        yield opened


def opened(bench: Workbench, name: str = "a", amount: int = 100) -> None:
    bench.send(Open(account_id=name))
    bench.send(Deposit(account_id=name, amount=amount))


def log(bench: Workbench) -> list[tuple[int, str, int, str, bytes]]:
    return [(e.position, e.stream, e.version, e.type, e.data) for e in bench.store.read()]


def test_a_command_becomes_events_with_its_envelope(bench: Workbench) -> None:
    outcome = bench.send(
        Open(account_id="a").with_meta(
            command_id="c1", user_id="ada", correlation_id="k", causation_id="e:1", metadata={"ip": "x"}
        )
    )
    assert (outcome.status, outcome.command, outcome.command_id, outcome.stream, outcome.version_before) == (
        "committed",
        "Open",
        "c1",
        "account-a",
        0,
    )
    assert outcome.streams == {"account-a": 1}
    assert outcome.position == 1
    (event,) = bench.store.read()
    assert (event.event_id, event.command_id, event.user_id) == ("c1:1", "c1", "ada")
    assert (event.correlation_id, event.causation_id, event.metadata) == ("k", "e:1", {"ip": "x"})
    commit = bench.store.commit("c1")
    assert commit is not None
    assert commit.command is not None
    assert commit.command.data == b'{"account_id":"a","owner":"ada","kind":"private"}'


def test_a_made_key_is_the_same_for_the_same_command(bench: Workbench, tmp_path: Path) -> None:
    first = bench.send(Open().with_meta(command_id="c1"))
    with Workbench.open(str(tmp_path / "other.db"), domain) as elsewhere:
        assert elsewhere.send(Open(account_id="").with_meta(command_id="c1")).stream == first.stream
        assert elsewhere.send(Open().with_meta(command_id="c2")).stream != first.stream
    assert bench.load(Account, first.events[0].key).stream == first.stream


# ── keys that the aggregate does not take ─────────────────────────────────────────────────────


class Enter(Command):
    guest_id: str
    retried: bool = False


class Entered(Event):
    pass


def guests(key: Any, post_init: bool = False) -> Domain:
    class Guest(Aggregate):
        guest_id: key  # pyright: ignore[reportInvalidTypeForm]

        @decide(creates="either")
        def enter(self, command: Enter) -> Entered:
            return Entered()

        @evolve
        def entered(self, event: Entered) -> None: ...

        def model_post_init(self, context: Any) -> None:
            if post_init and self.guest_id == "toolong":
                raise RuntimeError("no guest of mine")

    return Domain("guests", Guest)


KEYS_REFUSED: list[tuple[Any, bool, type[CqrsError], str]] = [
    (Annotated[str, StringConstraints(max_length=5)], False, InvalidInput, "Guest can't have the key 'toolong'"),
    (
        Annotated[str, AfterValidator(lambda text: "x" if text == "toolong" else text)],
        False,
        InvalidInput,
        "Guest makes 'x' of the key 'toolong'",
    ),
    (str, True, DomainFailed, "making Guest 'toolong' raised RuntimeError: no guest of mine"),
]


@pytest.mark.parametrize(("key", "post_init", "error", "told"), KEYS_REFUSED)
def test_a_key_that_the_aggregate_does_not_take(
    tmp_path: Path, key: Any, post_init: bool, error: type[CqrsError], told: str
) -> None:
    good, bad, last = (Enter(guest_id=name) for name in ("ann", "toolong", "bob"))
    with Workbench.open(tmp_path / "guests.db", guests(key, post_init)) as bench:
        with pytest.raises(error, match=told) as caught:
            bench.send(bad)
        assert caught.value.hint
        with pytest.raises(error):
            bench.send(bad, dry_run=True)
        outcomes = list(bench.send_batch(Request(n, command) for n, command in enumerate((good, bad, last), 1)))
        status = "failed" if error is DomainFailed else "invalid"
        assert [outcome.status for outcome in outcomes] == ["committed", status, "committed"]
        assert bench.store.head() == 2
        with pytest.raises(error):
            bench.replay("guest-toolong")


# ── idempotency (G5) ──────────────────────────────────────────────────────────────────────────


def test_a_duplicate_is_answered_with_the_first_result_even_if_it_would_be_rejected_today(bench: Workbench) -> None:
    opened(bench)
    command = Withdraw(account_id="a", amount=80).with_meta(command_id="w")
    first = bench.send(command)
    assert first.status == "committed"
    for _ in range(2):
        again = bench.send(command.with_meta(command_id="w", user_id="somebody"), expect=99)
        assert again == first._replace(status="duplicate")
    assert bench.store.head() == 3


def test_a_retried_create_is_a_duplicate(bench: Workbench) -> None:
    command = Open(account_id="a").with_meta(command_id="o")
    first = bench.send(command)
    assert bench.send(command) == first._replace(status="duplicate")
    with pytest.raises(Rejected) as caught:
        bench.send(Open(account_id="a"))
    assert caught.value.code == "already-exists"


@pytest.mark.parametrize(
    "command",
    [Withdraw(account_id="a", amount=2), Deposit(account_id="a", amount=1), Withdraw(account_id="b", amount=1)],
)
def test_an_id_with_another_body_is_an_error(bench: Workbench, command: Command) -> None:
    opened(bench)
    bench.send(Withdraw(account_id="a", amount=1).with_meta(command_id="w"))
    before = log(bench)
    with pytest.raises(CommandReused):
        bench.send(command.with_meta(command_id="w"))
    with pytest.raises(CommandReused):
        bench.send(command.with_meta(command_id="w"), dry_run=True)
    assert log(bench) == before


def test_a_renamed_command_keeps_its_ids(tmp_path: Path) -> None:
    class Arrive(Command, name="Enter2", aliases=("Enter",)):
        guest_id: str
        retried: bool = False

    class Guest(Aggregate):
        guest_id: str

        @decide(creates="either")
        def enter(self, command: Arrive) -> Entered:
            return Entered()

        @evolve
        def entered(self, event: Entered) -> None: ...

    with Workbench.open(tmp_path / "guests.db", guests(str)) as bench:
        first = bench.send(Enter(guest_id="ann").with_meta(command_id="e1"))
    with Workbench.open(tmp_path / "guests.db", Domain("guests", Guest)) as bench:
        again = Arrive(guest_id="ann").with_meta(command_id="e1")
        assert bench.send(again) == first._replace(status="duplicate", command="Enter2")
        assert bench.send(again, dry_run=True).status == "duplicate"
        [outcome] = bench.send_batch([Request(1, again.with_meta(command_id="e1"))])
        assert outcome.status == "duplicate"
        with pytest.raises(CommandReused, match="for Enter with other fields"):
            bench.send(Arrive(guest_id="ann", retried=True).with_meta(command_id="e1"))
        assert bench.store.head() == 1


class Part(BaseModel):
    size: Decimal = Decimal(1)


class Plan(Command):
    plan_id: str
    price: Decimal = Decimal("1.00")
    at: datetime | None = None
    parts: list[Part] = []
    open: bool | int = 1
    made: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Planned(Event): ...


class Planning(Aggregate, key="plan_id"):
    plan_id: str
    ignores = (Planned,)

    @decide(creates="either")
    def plan(self, command: Plan) -> Planned:
        return Planned()


OSLO = ZoneInfo("Europe/Oslo")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=OSLO)


def first_time(answer: Any, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    answers = [answer]
    return lambda asked: answers.pop() if answers else function(asked)


@pytest.mark.parametrize("way", ["send", "batch", "dry run", "raced", "raced in a batch"])
@pytest.mark.parametrize(
    ("first", "again", "same"),
    [
        ({}, {"price": "1.00"}, True),
        ({}, {"parts": [], "at": None}, True),
        ({"price": "1.00"}, {"price": "1.0"}, True),
        ({"price": 1.0}, {"price": "1.00"}, True),
        ({"parts": [{}]}, {"parts": [{"size": "1.0"}]}, True),
        ({"at": NOON}, {"at": NOON.astimezone(OSLO)}, True),
        ({"at": TWICE.astimezone(UTC)}, {"at": TWICE}, True),
        ({"at": TWICE}, {"at": TWICE.replace(fold=1)}, False),
        ({}, {"price": "1.01"}, False),
        ({"at": NOON}, {"at": NOON.replace(tzinfo=None)}, False),
        ({"parts": [{}]}, {"parts": [{}, {}]}, False),
        ({"open": 1}, {"open": True}, False),
        ({"made": NOON}, {"made": NOON.astimezone(OSLO)}, True),
        ({"made": NOON}, {"made": NOON.replace(hour=13)}, False),
    ],
)
def test_a_retry_in_other_words_is_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, first: Any, again: Any, same: bool
) -> None:
    with Workbench.open(tmp_path / "p.db", Domain("plans", Planning)) as bench:
        sent = bench.send(Plan.model_validate({"plan_id": "1", **first}).with_meta(command_id="c"))
        retry = Plan.model_validate({"plan_id": "1", **again}).with_meta(command_id="c")
        if way == "raced":  # the first look does not see it yet: the append does
            monkeypatch.setattr(bench.store, "commit", first_time(None, bench.store.commit))
        if way == "raced in a batch":
            monkeypatch.setattr(bench.store, "known", first_time(set(), bench.store.known))
        if "batch" in way:
            [outcome] = bench.send_batch([Request(1, retry)])
            status, error = outcome.status, outcome.error
        else:
            try:
                status, error = bench.send(retry, dry_run=way == "dry run").status, None
            except CommandReused as caught:
                status, error = "conflict", caught
        assert status == ("duplicate" if same else "conflict")
        assert same or isinstance(error, CommandReused)
        assert bench.store.head() == sent.events[-1].position


def test_an_id_of_an_import_is_taken(bench: Workbench) -> None:
    bench.store.append(Commit("i", (NewEvent("account-z", "Opened", 1, b'{"owner":"z"}'),)))
    with pytest.raises(CommandReused, match="an import"):
        bench.send(Open(account_id="y").with_meta(command_id="i"))


def test_a_rejected_or_unchanged_command_leaves_no_commit_and_is_decided_again(bench: Workbench) -> None:
    opened(bench, amount=10)
    command = Withdraw(account_id="a", amount=50).with_meta(command_id="w")
    with pytest.raises(Rejected, match="only 10"):
        bench.send(command)
    assert bench.send(Look(account_id="a").with_meta(command_id="l")).status == "unchanged"
    assert bench.store.known(["w", "l"]) == set()
    bench.send(Deposit(account_id="a", amount=90))
    assert bench.send(command).status == "committed"


@pytest.mark.parametrize(
    ("command", "todo"),
    [
        (Withdraw(account_id="a", amount=80), None),  # rejected after itself
        (Deposit(account_id="a", amount=80), Close(account_id="a")),  # rejected after somebody's
    ],
    ids=["by itself", "by another"],
)
def test_a_command_that_came_through_beside_itself_gives_the_first_answer(
    bench: Workbench, other: Workbench, between: Between, command: Command, todo: Command | None
) -> None:
    """The id is looked up, then the same command comes through elsewhere, and only then is this one decided."""
    opened(bench)
    command = command.with_meta(command_id="x")
    firsts: list[Any] = []

    def meanwhile() -> None:
        firsts.append(other.send(command))
        if todo is not None:
            other.send(todo)
        raise Rejected("as the state is now", code="late")

    between.todo.append(meanwhile)
    assert bench.send(command) == firsts[0]._replace(status="duplicate")


def test_a_command_that_came_through_before_its_append_gives_the_first_answer(
    bench: Workbench, other: Workbench, between: Between
) -> None:
    opened(bench)
    command = Deposit(account_id="a", amount=5).with_meta(command_id="x")
    firsts: list[Any] = []
    between.todo.append(lambda: firsts.extend([other.send(Deposit(account_id="a", amount=1)), other.send(command)]))
    answer = bench.send(command)
    assert answer == firsts[1]._replace(status="duplicate")
    assert answer.version_before == 3


def test_a_made_stream_that_somebody_else_has_opened_is_loaded_before_deciding_again(tmp_path: Path) -> None:
    class Put(Command):
        box_id: str | None = None

    class Filled(Event):
        pass

    class Hook:
        todo: Callable[[], Any] | None = None

    class Box(Aggregate):
        box_id: str
        fills: int = 0

        @decide(creates="either")
        def put(self, command: Put, hook: Hook) -> Filled:
            todo, hook.todo = hook.todo, None
            if todo is not None:
                todo()
            return Filled()

        @evolve
        def filled(self, event: Filled) -> None:
            self.fills += 1

    hook, boxes, url = Hook(), Domain("b", Box), str(tmp_path / "box.db")
    command = Put().with_meta(command_id="p")
    with (
        Workbench.open(url, boxes, services={Hook: hook}) as one,
        Workbench.open(url, boxes, services={Hook: Hook()}) as two,
    ):
        box_id = one.send(command, dry_run=True).events[0].key
        hook.todo = lambda: two.send(Put(box_id=box_id))
        assert one.send(command).version_before == 1
        assert one.load(Box, box_id).state.fills == 2


def test_an_unchanged_command_is_a_duplicate_if_it_came_through_beside_itself(
    bench: Workbench, other: Workbench, tmp_path: Path
) -> None:
    class Tick(Command):
        clock_id: str

    class Ticked(Event):
        pass

    class Hook:
        todo: Callable[[], Any] | None = None

    class Clock(Aggregate):
        clock_id: str
        ticks: int = 0

        @decide(creates="either")
        def tick(self, command: Tick, hook: Hook) -> Ticked | None:
            todo, hook.todo = hook.todo, None
            if todo is None:
                return Ticked()
            todo()
            return None

        @evolve
        def ticked(self, event: Ticked) -> None:
            self.ticks += 1

    hook, clocks = Hook(), Domain("c", Clock)
    url = str(tmp_path / "clock.db")
    command = Tick(clock_id="1").with_meta(command_id="t")
    with (
        Workbench.open(url, clocks, services={Hook: hook}) as one,
        Workbench.open(url, clocks, services={Hook: Hook()}) as two,
    ):
        hook.todo = lambda: two.send(command)
        assert one.send(command).status == "duplicate"


# ── existence and expectations ────────────────────────────────────────────────────────────────


def test_creates(bench: Workbench) -> None:
    with pytest.raises(NotFound) as caught:
        bench.send(Deposit(account_id="a", amount=1))
    assert caught.value.code == "aggregate-not-found"
    assert bench.send(Tag(account_id="a", tags={"x"})).version_before == 0
    assert bench.send(Tag(account_id="a", tags={"y"})).version_before == 1
    with pytest.raises(Rejected):
        bench.send(Open(account_id="a"))
    assert bench.store.head() == 2


def test_an_empty_key_names_nothing(bench: Workbench) -> None:
    with pytest.raises(InvalidInput, match="Deposit needs account_id"):
        bench.send(Deposit(account_id="", amount=1))


@pytest.mark.parametrize(
    ("expect", "fine"), [(2, True), (1, False), (3, False), (0, False), ("new", False), (None, True)]
)
def test_expectations_of_what_is_there(bench: Workbench, expect: Any, fine: bool) -> None:
    opened(bench)
    if fine:
        assert bench.send(Deposit(account_id="a", amount=1), expect=expect).streams == {"account-a": 3}
    else:
        with pytest.raises(Conflict, match="account-a is at version 2"):
            bench.send(Deposit(account_id="a", amount=1), expect=expect)
        assert bench.store.head() == 2


def test_expectations_of_what_is_new(bench: Workbench) -> None:
    assert bench.send(Open(account_id="a"), expect="new").status == "committed"
    assert bench.send(Open(account_id="b"), expect=0).status == "committed"
    with pytest.raises(Conflict):
        bench.send(Tag(account_id="c", tags=set()), expect=1)


# ── conflicts ─────────────────────────────────────────────────────────────────────────────────


def test_a_conflict_is_solved_by_deciding_again(bench: Workbench, other: Workbench, between: Between) -> None:
    opened(bench)
    between.todo += [lambda: other.send(Withdraw(account_id="a", amount=30))] * 3
    assert bench.send(Withdraw(account_id="a", amount=10)).version_before == 5
    assert bench.load(Account, "a").state.balance == 0


def test_deciding_again_sees_the_new_state(bench: Workbench, other: Workbench, between: Between) -> None:
    opened(bench)
    between.todo.append(lambda: other.send(Withdraw(account_id="a", amount=95)))
    with pytest.raises(Rejected, match="only 5 there"):
        bench.send(Withdraw(account_id="a", amount=10))


def test_a_conflict_with_an_expectation_is_told(bench: Workbench, other: Workbench, between: Between) -> None:
    opened(bench)
    between.todo.append(lambda: other.send(Withdraw(account_id="a", amount=1)))
    with pytest.raises(Conflict, match="at version 3, expected 2"):
        bench.send(Withdraw(account_id="a", amount=10), expect=2)
    assert bench.store.head() == 3


def test_a_conflict_with_an_expectation_is_not_tried_again(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is about: that of a checkpoint, say, leaves the version as it was expected."""
    opened(bench)
    tried: list[Commit] = []

    def append(commit: Commit, *rest: Any) -> Any:
        tried.append(commit)
        raise Conflict("somebody moved a checkpoint", code="checkpoint-moved")

    monkeypatch.setattr(bench.store, "append", append)
    with pytest.raises(Conflict, match="moved a checkpoint"):
        bench.send(Withdraw(account_id="a", amount=10), expect=2)
    assert len(tried) == 1


def test_tries_are_bounded(bench: Workbench, other: Workbench, between: Between) -> None:
    opened(bench)
    between.todo += [lambda: other.send(Deposit(account_id="a", amount=1))] * 100
    hurried = limited(bench, outrun_seconds=0)
    with pytest.raises(Conflict, match=f"changed {Limits().tries} times"):
        hurried.send(Withdraw(account_id="a", amount=1))
    assert len(between.todo) == 100 - Limits().tries


def test_who_is_outrun_goes_on_for_a_while(bench: Workbench, other: Workbench, between: Between) -> None:
    opened(bench)
    between.todo += [lambda: other.send(Deposit(account_id="a", amount=1))] * 2 * Limits().tries
    assert bench.send(Withdraw(account_id="a", amount=1)).version_before == 2 + 2 * Limits().tries


class Pay(Command):
    purse_id: str


class Spend(Command):
    purse_id: str
    amount: int


class Paid(Event):
    amount: int


class Wage:
    """What is paid: another amount for each who has it. before: called before it is told."""

    def __init__(self, amount: int, before: Callable[[], object] = lambda: None) -> None:
        self.amount, self.before = amount, before


class Purse(Aggregate):
    purse_id: str
    total: int = 0

    @decide(creates="either")
    def pay(self, command: Pay, wage: Wage) -> Paid:
        wage.before()
        return Paid(amount=wage.amount)

    @decide
    def spend(self, command: Spend) -> Paid:
        if command.amount > self.total:
            raise Rejected("not so much", code="short")
        return Paid(amount=-command.amount)

    @evolve
    def paid(self, event: Paid) -> None:
        self.total += event.amount


purses = Domain("purses", Purse)


def test_a_state_of_events_that_were_not_written_decides_nothing(tmp_path: Path) -> None:
    """The same command came through beside itself, and was answered otherwise: the versions are the same."""
    url, command = str(tmp_path / "purses.db"), Pay(purse_id="a").with_meta(command_id="p")
    with ExitStack() as stack:
        theirs = stack.enter_context(Workbench.open(url, purses, services={Wage: Wage(5)}))
        ours = stack.enter_context(
            Workbench.open(url, purses, services={Wage: Wage(100, lambda: theirs.send(command))})
        )
        assert ours.send(command).status == "duplicate"
        with pytest.raises(Rejected):
            ours.send(Spend(purse_id="a", amount=50))
        assert ours.load(Purse, "a").state.total == 5


def test_a_state_whose_write_failed_decides_nothing(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(bench)
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "append", _full_disk)
        with pytest.raises(Unavailable):
            bench.send(Deposit(account_id="a", amount=1_000))
    with pytest.raises(Rejected):
        bench.send(Withdraw(account_id="a", amount=500))
    assert bench.send(Withdraw(account_id="a", amount=100)).version_before == 2


def _full_disk(*_: Any) -> Any:
    raise Unavailable("the disk is full", code="disk-full")


# ── what must not enter the log ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "error", "told"),
    [
        (Deposit(account_id="a", amount=666), DomainFailed, "Account.deposited .*can't take 666"),
        (Deposit(account_id="a", amount=13), DomainFailed, "Account.deposit .*unlucky"),
        (Deposit(account_id="a", amount=1, note="\0"), InvalidInput, r"U\+0000"),
        (Deposit(account_id="a", amount=1, note="x" * 2_000_000), LimitExceeded, "bytes"),
        (Deposit(account_id="a" * 300, amount=1), NotFound, "there is no"),
        (Open(account_id="a" * 300), LimitExceeded, "200 bytes"),
        (Open(account_id="a\ud800"), InvalidInput, "lone surrogate"),
        (Deposit(account_id="a", amount=1).with_meta(metadata={"a": float("nan")}), InvalidInput, "metadata"),
        (Deposit(account_id="a", amount=1).with_meta(user_id="\ud800"), InvalidInput, "user id"),
    ],
)
def test_nothing_is_written(bench: Workbench, command: Command, error: type[Exception], told: str) -> None:
    opened(bench)
    before = log(bench)
    with pytest.raises(error, match=told):
        bench.send(command)
    assert log(bench) == before


def test_the_domain_s_failure_shows_the_user_s_lines_alone(bench: Workbench) -> None:
    opened(bench)
    with pytest.raises(DomainFailed) as caught:
        bench.send(Deposit(account_id="a", amount=666))
    assert "bank.py" in str(caught.value.traceback)
    assert "raise ValueError" in str(caught.value.traceback)
    assert "sender.py" not in str(caught.value.traceback)


def test_events_that_nobody_declared(tmp_path: Path) -> None:
    class Hidden(Event):
        pass

    class Do(Command):
        thing_id: str

    class Thing(Aggregate):
        thing_id: str

        @decide(creates=True)
        def do(self, command: Do):
            return Hidden()

    with (
        Workbench.open(str(tmp_path / "t.db"), Domain("t", Thing)) as bench,
        pytest.raises(DomainFailed, match=r"Thing.do gave Hidden"),
    ):
        bench.send(Do(thing_id="1"))


def test_an_evolve_never_refuses(bench: Workbench) -> None:
    class Moved(Event):
        pass

    class Move(Command):
        thing_id: str

    class Thing(Aggregate):
        thing_id: str

        @decide(creates="either")
        def move(self, command: Move) -> Moved:
            return Moved()

        @evolve
        def moved(self, event: Moved) -> None:
            raise Rejected("an evolve may not say no")

    bench.store.append(Commit("i", (NewEvent("thing-1", "Moved", 1, b"{}"),)))
    things = Workbench(bench.store, Domain("t", Thing))
    for call in (
        lambda: things.send(Move(thing_id="1")),
        lambda: things.replay("thing-1"),
        lambda: things.send(Move(thing_id="2")),
    ):
        with pytest.raises(DomainFailed, match=r"Thing.moved"):
            call()


def test_an_evolve_that_returns_something_else(bench: Workbench) -> None:
    class Moved(Event):
        pass

    class Thing(Aggregate):
        thing_id: str

        @evolve
        def moved(self, event: Moved) -> Any:
            return True

    bench.store.append(Commit("i", (NewEvent("thing-1", "Moved", 1, b"{}"),)))
    with pytest.raises(DomainFailed, match=r"Thing.moved .*gave bool"):
        Workbench(bench.store, Domain("t", Thing)).replay("thing-1")


# ── services ──────────────────────────────────────────────────────────────────────────────────


class Do(Command):
    thing_id: str


class Did(Event):
    by: str


class Worker:
    name = "real"


def services_domain() -> Domain:
    class Thing(Aggregate):
        thing_id: str

        @decide(creates="either")
        def do(self, command: Do, worker: Worker) -> Did:
            return Did(by=worker.name)

        @evolve
        def did(self, event: Did) -> None: ...

    return Domain("t", Thing)


def test_services_are_made_once_and_can_be_replaced(tmp_path: Path) -> None:
    things, made = services_domain(), []

    @things.provide
    def worker() -> Worker:
        made.append(1)
        return Worker()

    class Replaced(Worker):
        name = "replaced"

        def __bool__(self) -> bool:
            return False

    with Workbench.open(str(tmp_path / "t.db"), Domain("outer", things)) as bench:
        assert b"real" in bench.send(Do(thing_id="1")).events[0].data
        bench.send(Do(thing_id="1"))
        assert made == [1]
    with Workbench.open(str(tmp_path / "t.db"), things, services={Worker: Replaced()}) as bench:
        assert b"replaced" in bench.send(Do(thing_id="1")).events[0].data


def test_a_service_that_nobody_provides(tmp_path: Path) -> None:
    with (
        Workbench.open(str(tmp_path / "t.db"), services_domain()) as bench,
        pytest.raises(DefinitionError, match=r"Thing.do asks for Worker"),
    ):
        bench.send(Do(thing_id="1"))


def test_a_factory_that_raises(tmp_path: Path) -> None:
    things = services_domain()

    @things.provide
    def worker() -> Worker:
        raise OSError("no connection")

    with (
        Workbench.open(str(tmp_path / "t.db"), things) as bench,
        pytest.raises(DomainFailed, match="factory of Worker raised OSError: no connection"),
    ):
        bench.send(Do(thing_id="1"))


def test_factories_that_are_mistakes() -> None:
    things = services_domain()
    with pytest.raises(DefinitionError, match="does not say what it makes"):
        things.provide(lambda: Worker())
    with pytest.raises(DefinitionError, match="does not say what it makes"):
        things.provide(Worker)

    def worker() -> Worker:
        raise NotImplementedError

    things.provide(worker)
    with pytest.raises(DefinitionError, match="factory already"):
        things.provide(worker)

    other = services_domain()

    @other.provide
    def second() -> Worker:
        raise NotImplementedError

    with pytest.raises(DefinitionError, match=r"both decide|provide Worker"):
        Domain("two", things, other)


# ── dry runs ──────────────────────────────────────────────────────────────────────────────────


def test_a_dry_run_writes_nothing_and_shows_what_would_be(bench: Workbench) -> None:
    opened(bench)
    bench.project()
    bench.send(Deposit(account_id="a", amount=1, note="not projected yet"))
    before, status = log(bench), bench.statuses()
    outcome = bench.send(Withdraw(account_id="a", amount=50), dry_run=True)
    assert (outcome.status, outcome.version_before, outcome.streams, outcome.position) == (
        "dry-run",
        3,
        {"account-a": 4},
        4,
    )
    (change,) = outcome.changes
    assert (change.projection, change.key) == ("balance", {"account_id": "a"})
    assert change.before is not None
    assert change.after is not None
    assert (change.before["balance"], change.after["balance"]) == (101, 51)
    assert {name for name in change.before if change.before[name] != change.after[name]} == {"balance"}
    now = [one._replace(lag_seconds=0.0) for one in bench.statuses()]
    assert (log(bench), now) == (before, [one._replace(lag_seconds=0.0) for one in status])
    assert bench.send(Withdraw(account_id="a", amount=50)).streams == outcome.streams


def test_a_dry_run_shows_rows_that_come_and_go(bench: Workbench) -> None:
    opened(bench)
    (change,) = bench.send(Close(account_id="a"), dry_run=True).changes
    assert change.before is not None
    assert change.after is None
    legs: Any = [{"to": "b", "amount": 1}, {"to": "c", "amount": 2}]
    changes = bench.send(Split(account_id="a", legs=legs), dry_run=True).changes
    assert [(one.key["receiver"], one.before is None) for one in changes] == [("b", True), ("c", True)]
    assert bench.send(Look(account_id="a"), dry_run=True).changes == []


def test_a_dry_run_says_what_sending_would_say(bench: Workbench, tmp_path: Path) -> None:
    opened(bench)
    with pytest.raises(Rejected):
        bench.send(Withdraw(account_id="a", amount=500), dry_run=True)
    with pytest.raises(Conflict):
        bench.send(Withdraw(account_id="a", amount=5), dry_run=True, expect=7)
    with pytest.raises(LimitExceeded):
        bench.send(Deposit(account_id="a", amount=1, note="x" * 2_000_000), dry_run=True)
    with pytest.raises(DomainFailed):
        bench.send(Spoil(account_id="a", how="raise"), dry_run=True)
    with Workbench.open(str(tmp_path / "bank.db"), domain, read_only=True, services={Between: Between()}) as reader:
        assert reader.send(Withdraw(account_id="a", amount=5), dry_run=True).status == "dry-run"


@pytest.mark.parametrize("how", ["nothing", "event"])
def test_a_decide_that_changes_its_state_has_failed(bench: Workbench, how: str) -> None:
    bench.send(Open(account_id="a"))
    with pytest.raises(DomainFailed, match=r"Account\.spoil changed the state that it was given"):
        bench.send(Spoil(account_id="a", how=how))
    assert bench.store.head() == 1


# ── states that are kept between commands ─────────────────────────────────────────────────────


def test_the_next_command_is_decided_without_reading_the_stream(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(bench)
    monkeypatch.setattr(bench.store, "scan", lambda *_: pytest.fail("the stream was read"))
    assert bench.send(Withdraw(account_id="a", amount=60)).version_before == 2
    assert bench.send(Withdraw(account_id="a", amount=40)).version_before == 3
    with pytest.raises(Rejected, match="only 0 there"):
        bench.send(Withdraw(account_id="a", amount=1))


def test_a_command_that_opens_its_stream_takes_it_for_granted_that_it_is_new(
    bench: Workbench, other: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "scan", lambda *_: pytest.fail("the stream was read"))
        assert bench.send(Open(account_id="a")).version_before == 0
    other.send(Open(account_id="b"))
    for name in ("a", "b"):
        with pytest.raises(Rejected, match="there already"):
            bench.send(Open(account_id=name))
    assert [outcome.status for outcome in bench.send_batch([Request(1, Open(account_id="b"))])] == ["rejected"]


def test_what_comes_to_nothing_on_a_kept_state_is_decided_on_the_newest(bench: Workbench, other: Workbench) -> None:
    opened(bench, amount=1)
    other.send(Deposit(account_id="a", amount=99))
    assert bench.send(Withdraw(account_id="a", amount=100)).status == "committed"  # only 1 was kept
    other.send(Deposit(account_id="a", amount=5))
    assert bench.send(Withdraw(account_id="a", amount=5), expect=5).version_before == 5
    other.send(Close(account_id="a"))
    with pytest.raises(Rejected, match="closed"):
        bench.send(Deposit(account_id="a", amount=1))
    assert bench.send(Close(account_id="a")).status == "unchanged"


def test_cached_states_are_bounded(bench: Workbench) -> None:
    bench = Workbench(bench.store, domain, services={Between: Between()}, limits=Limits(cached_states=2))
    for name in "abc":
        bench.send(Open(account_id=name))
    assert list(bench.aggregates.cached) == ["account-b", "account-c"]
    assert bench.send(Deposit(account_id="a", amount=1)).version_before == 1
    assert list(bench.aggregates.cached) == ["account-c", "account-a"]


TAKES = st.sampled_from(["a", "b"]).flatmap(
    lambda name: st.one_of(
        st.just(Open(account_id=name)),
        st.builds(Deposit, account_id=st.just(name), amount=st.integers(1, 5)),
        st.builds(Withdraw, account_id=st.just(name), amount=st.integers(1, 5)),
        st.just(Settle(account_id=name)),
        st.just(Close(account_id=name)),
        st.just(Spoil(account_id=name, how="reject")),
    )
)


@given(st.lists(st.tuples(st.booleans(), TAKES), max_size=20))
@settings(max_examples=40, deadline=None)
def test_answers_don_t_depend_on_what_is_kept(steps: list[tuple[bool, Command]]) -> None:
    def answer(bench: Workbench, command: Command) -> tuple[Any, ...]:
        try:
            outcome = bench.send(command.with_meta())
        except CqrsError as error:
            return error.code, error.message
        return outcome.status, outcome.version_before

    with TemporaryDirectory() as folder, ExitStack() as stack:
        one, two, alone = (
            stack.enter_context(Workbench.open(f"{folder}/{name}.db", domain, services={Between: Between()}))
            for name in ("shared", "shared", "alone")
        )
        for first, command in steps:
            alone.aggregates.cached.clear()
            assert answer(one if first else two, command) == answer(alone, command)
        assert log(one) == log(alone)
