"""Aggregates, process managers and policies with a new name, and the old one among their `aliases=`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import (
    After,
    Aggregate,
    Cancel,
    Command,
    CommandRejected,
    Conflict,
    DefinitionError,
    Domain,
    Event,
    Misuse,
    NeedsRebuild,
    NotFound,
    Policy,
    ProcessManager,
    Projection,
    Recorded,
    Rejected,
    Request,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.log.outbox import command_id
from cqrs_cli.stores.contract import Selection

START = datetime(2026, 1, 1, tzinfo=UTC)


class Open(Command):
    order_id: str


class Pay(Command):
    order_id: str


class Remind(Command):
    order_id: str


class Opened(Event): ...


class Paid(Event): ...


class Reminded(Event): ...


class OrderBase(Aggregate):
    order_id: str
    paid: int = 0
    reminded: int = 0

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened()

    @decide
    def pay(self, command: Pay) -> Paid:
        return Paid()

    @decide
    def remind(self, command: Remind) -> Reminded:
        if self.order_id == "deaf":
            raise Rejected("nobody is there", code="deaf")
        return Reminded()

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.paid += 1

    @evolve
    def was_reminded(self, event: Reminded) -> None:
        self.reminded += 1

    ignores = (Opened,)


class PaymentBase(ProcessManager, key="order_id"):
    order_id: str
    seen: int = 0
    rejected: int = 0

    @evolve
    def counted(self, event: Opened | Paid) -> None:
        self.seen += 1

    @evolve
    def was_rejected(self, event: CommandRejected) -> None:
        self.rejected += 1

    @react
    def opened(self, event: Opened) -> Iterator[Remind | After]:
        yield Remind(order_id=self.order_id)
        yield After(timedelta(days=1), Remind(order_id=self.order_id), name="late")

    @react
    def paid(self, event: Paid) -> Cancel:
        return Cancel("late")


class TellsBase(Policy):
    @react
    def opened(self, event: Opened, recorded: Recorded) -> Remind:
        return Remind(order_id=recorded.key)


class Orders(Projection, key="order_id"):
    order_id: str
    events: int = 0

    @evolve
    def took(self, event: Opened | Paid | Reminded) -> None:
        self.events += 1


class Order(OrderBase, category="order", key="order_id", snapshot_every=2): ...


class Purchase(OrderBase, category="purchase", key="order_id", aliases=("order",), snapshot_every=2): ...


class Careless(OrderBase, category="purchase", key="order_id"): ...


class Payment(PaymentBase, key="order_id", name="payment"): ...


class Collection(PaymentBase, key="order_id", name="collection", aliases=("payment",)): ...


class Third(PaymentBase, key="order_id", name="third", aliases=("collection", "payment")): ...


class Forgetful(PaymentBase, key="order_id", name="collection"): ...


class Tells(TellsBase, name="tells"): ...


class Announces(TellsBase, name="announces", aliases=("tells",)): ...


OLD = Domain("shop", Order, Orders, Payment)
NEW = Domain("shop", Purchase, Orders, Collection)
NEW_PROCESS = Domain("shop", Order, Orders, Collection)
OLD_POLICY, NEW_POLICY = Domain("shop", Order, Tells), Domain("shop", Order, Announces)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


Bench = Callable[[Domain], Workbench]


@pytest.fixture
def on(tmp_path: Path) -> Iterator[Bench]:
    """A workbench of a domain on the one store; all have the same clock, which is `on.clock`."""
    opened: list[Workbench] = []
    clock = Clock()

    def made(domain: Domain) -> Workbench:
        opened.append(Workbench.open(tmp_path / "shop.db", domain, clock=clock))
        return opened[-1]

    made.clock = clock  # type: ignore[attr-defined]
    yield made
    for bench in opened:
        bench.close()


def reminders(bench: Workbench) -> list[tuple[str, str]]:
    """The commands that were sent, by stream: nothing is sent twice or lost if each is there once."""
    return [(event.stream, event.commit_id) for event in bench.store.read(Selection(types=frozenset({"Reminded"})))]


# ── reactions ─────────────────────────────────────────────────────────────────────────────────


def test_a_process_goes_on_under_the_name_under_which_it_began(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    assert old.runner(start=0).drain().sent == 1
    new = on(NEW)
    assert (new.runner().drain().sent, new.runner().drain().taken) == (0, 0)
    (status,) = new.reactions()
    assert (status.name, status.status, status.deadlines, status.rows) == ("payment", "ready", 1, 1)
    new.send(Open(order_id="b"))
    assert new.runner().drain().sent == 1
    first = next(new.store.read(Selection(types=frozenset({"Opened"}), backwards=True, limit=1)))
    assert reminders(new)[-1] == ("purchase-b", command_id(first.event_id, "payment", 1))
    assert [row.seen for row in new.rows(Collection)] == [1, 1]
    assert new.orphans() == []


def test_a_deadline_that_waits_is_cancelled_and_sent_under_the_new_name(on: Bench) -> None:
    old = on(OLD)
    for key in "ab":
        old.send(Open(order_id=key))
    old.runner(start=0).drain()
    new = on(NEW)
    new.send(Pay(order_id="a"))
    assert new.runner().drain().sent == 0
    on.clock.now += timedelta(days=2)  # type: ignore[attr-defined]
    assert new.runner().drain().sent == 1
    assert [stream for stream, _ in reminders(new)] == ["order-a", "order-b", "order-b"]


def test_what_waited_in_the_outbox_is_sent_once(on: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    runner = old.runner(start=0)
    monkeypatch.setattr(runner, "_deliver", lambda found: False)
    runner.drain()
    assert reminders(old) == []
    assert (on(NEW).runner().drain().sent, on(OLD).runner().drain().sent) == (1, 0)
    assert len(reminders(old)) == 1


def test_two_runners_old_and_new_answer_each_event_once(on: Bench) -> None:
    old = on(OLD)
    old.runner(start=0).drain()
    new = on(NEW_PROCESS)
    runners = [old.runner(), new.runner()]
    for number in range(12):
        (old, new)[number % 3 == 0].send(Open(order_id=f"o{number}"))
        for runner in runners if number % 2 else reversed(runners):
            runner.drain()
    sent = reminders(old)
    assert len(sent) == len(dict(sent)) == 12
    assert [one.status for one in old.reactions() + new.reactions()] == ["ready", "ready"]
    on.clock.now += timedelta(days=2)  # type: ignore[attr-defined]
    assert sum(runner.drain().sent for runner in runners) == 12


def test_on_a_new_store_it_has_its_new_name(on: Bench) -> None:
    new = on(NEW)
    new.send(Open(order_id="a"))
    new.runner(start=0).drain()
    assert [one.name for one in new.reactions()] == ["collection"]
    assert [one.name for one in on(Domain("shop", Purchase, Orders, Third)).reactions()] == ["collection"]


def test_rejections_and_letters_are_those_of_the_old_name(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="deaf"))
    old.runner(start=0).drain()
    new = on(NEW)
    on.clock.now += timedelta(days=2)  # type: ignore[attr-defined]
    assert new.runner().drain().rejected == 1
    assert [event.stream for event in new.store.read() if event.type == "command-rejected"] == ["payment-deaf"] * 2
    assert new.runner().drain().taken == 0
    assert [row.rejected for row in new.rows(Collection)] == [2]


def test_a_letter_of_before_is_sent_again_after(on: Bench) -> None:
    old = on(OLD_POLICY)
    old.send(Open(order_id="deaf"))
    assert old.runner(start=0).drain().dead == 1
    new = on(NEW_POLICY)
    (letter,) = new.failed()
    assert letter.outgoing.reaction == "tells"
    assert new.retry(letter.command_id).status == "dead"
    assert [one.failed for one in new.reactions("announces")] == [1]
    new.send(Open(order_id="b"))
    assert new.runner().drain().sent == 1
    assert on(OLD_POLICY).runner().drain().taken == 0


def test_a_skip_and_a_stop_stay(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.runner(start=0).drain()
    position = old.send(Open(order_id="b")).position
    assert position is not None
    new = on(NEW)
    new.skip_in_reaction("collection", position, by="ada", reason="no")
    assert [one.position for one in new.reactions("payment")[0].skips] == [position]
    assert on(OLD).runner().drain().sent == 0
    assert len(reminders(old)) == 1


def test_rows_are_rebuilt_and_checked_under_the_new_name(on: Bench) -> None:
    old = on(OLD)
    for key in "ab":
        old.send(Open(order_id=key))
    old.runner(start=0).drain()
    new = on(NEW_PROCESS)
    new.send(Pay(order_id="a"))
    new.runner().drain()
    new.rebuild("collection")
    assert [(row.order_id, row.seen) for row in new.rows(Collection)] == [("a", 2), ("b", 1)]
    assert new.check("collection").ok
    assert new.page("payment").rows == list(new.rows(Collection))
    assert on(OLD).check("payment").ok


def test_both_names_began_is_refused(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.runner(start=0).drain()
    on(Domain("shop", Order, Orders, Forgetful)).runner(start=old.store.head()).drain()
    new = on(NEW)
    failure = new.runner().drain().failures["collection"]
    assert (failure.code, "collection and payment both began" in failure.message) == ("begun-twice", True)
    assert "'payment'" in str(failure.hint)
    assert new.reactions()[0].status == "stopped"
    with pytest.raises(Misuse, match="both began"):
        new.page("collection")


@pytest.fixture
def given_back(on: Bench) -> Workbench:
    """Payment ran, then under a new name without an alias, and now it has the old one again."""
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.runner(start=0).drain()
    renamed = on(Domain("shop", Order, Orders, Forgetful, Tells))
    renamed.send(Open(order_id="b"))
    assert renamed.runner(start=1).drain().failures == {}, "of a new one it was said where it begins"
    assert renamed.runner().drain().failures == {}
    renamed.send(Open(order_id="c"))
    return on(OLD)


def test_a_name_that_is_given_back_asks_before_it_answers_again(given_back: Workbench) -> None:
    before = reminders(given_back)
    failure = given_back.runner().drain().failures["payment"]
    assert (failure.code, failure.exit_code) == ("answered-elsewhere", 2)
    assert failure.details["other"] == "collection"
    assert next(one for one in given_back.reactions() if one.name == "payment").status == "stopped"
    assert given_back.runner(start=0).drain().failures.keys() == {"payment"}, "a start that is always given"
    assert {stream for stream, _ in reminders(given_back)} - {stream for stream, _ in before} <= {"order-c"}


@pytest.mark.parametrize("from_where", ["reached", "at"])
def test_it_passes_over_what_the_other_name_answered(given_back: Workbench, on: Bench, from_where: str) -> None:
    details = given_back.runner().drain().failures["payment"].details
    assert given_back.runner(start=details[from_where]).drain().failures == {}
    assert on(OLD).runner().drain().failures == {}, "it asks once"
    page = given_back.page("payment")
    assert page is not None


def test_what_is_left_of_an_old_name_is_not_recommended_once_the_new_one_ran(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.runner(start=0).drain()
    renamed = on(Domain("shop", Order, Orders, Forgetful, Tells))

    def hint() -> str:
        return next(str(one.hint) for one in renamed.orphans() if one.where == "payment")

    assert 'name="payment"' in hint()
    renamed.send(Open(order_id="b"))
    renamed.runner(start=renamed.store.head() - 1).drain()
    assert "if collection is its new name, leave it so" in hint()


def test_the_old_name_that_begins_meanwhile_is_found_and_nothing_is_begun(on: Bench) -> None:
    new, old = on(NEW), on(OLD)
    old.send(Open(order_id="a"))
    old.runner(start=0).drain()
    with pytest.raises(Conflict, match="begun meanwhile as payment"):
        new.runner(start=0).drain()
    with pytest.raises(Conflict, match="begun meanwhile"):
        new.page("collection")
    assert len(reminders(old)) == 1
    assert on(NEW).runner().drain().failures == {}


# ── aggregates ────────────────────────────────────────────────────────────────────────────────


def test_a_stream_keeps_its_name_and_a_new_one_has_the_new(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    new = on(NEW)
    assert new.send(Pay(order_id="a")).stream == "order-a"
    assert new.send(Open(order_id="b")).stream == "purchase-b"
    assert new.send(Pay(order_id="b")).stream == "purchase-b"
    for name in ("purchase-a", "order-a"):
        found = new.load(name)
        assert (found.stream, found.version, found.state) == ("order-a", 2, Purchase(order_id="a", paid=1))
    assert new.load(Purchase, "b").stream == "purchase-b"
    assert [state.stream for state in new.replay_all()] == ["purchase-b", "order-a"]
    assert [state.stream for state in new.replay_all("purchase")] == ["purchase-b", "order-a"]
    assert [event.stream for event, _ in new.steps("purchase-a")] == ["order-a"] * 2
    assert [event.key for event in new.log()] == ["a", "a", "b", "b"]
    with pytest.raises(Rejected, match="order-a is there already"):
        new.send(Open(order_id="a"))
    with pytest.raises(NotFound):
        new.load("purchase-c")


def test_a_batch_and_a_dry_run_find_it_too(on: Bench) -> None:
    on(OLD).send(Open(order_id="a"))
    new = on(NEW)
    assert new.send(Pay(order_id="a"), dry_run=True).stream == "order-a"
    sent = [Pay(order_id="a"), Open(order_id="a"), Open(order_id="b"), Pay(order_id="b")]
    outcomes = list(new.send_batch([Request(number, command) for number, command in enumerate(sent, 1)]))
    assert [(one.status, one.stream) for one in outcomes] == [
        ("committed", "order-a"),
        ("rejected", None),
        ("committed", "purchase-b"),
        ("committed", "purchase-b"),
    ]


def test_rows_have_the_events_of_both(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.project()
    new = on(NEW)
    new.send(Pay(order_id="a"))
    new.send(Open(order_id="b"))
    new.project()
    assert [(row.order_id, row.events) for row in new.rows(Orders)] == [("a", 2), ("b", 1)]
    assert new.check("orders").ok
    new.rebuild("orders")
    assert new.check("orders").ok


def test_snapshots_of_the_old_name_count(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.send(Pay(order_id="a"))
    new = on(NEW)
    new.send(Pay(order_id="a"))
    new.send(Pay(order_id="a"))
    assert [(one.snapshot.stream, one.snapshot.version, one.reason) for one in new.snapshots.all()] == [
        ("order-a", 4, None)
    ]


def test_a_command_sent_again_is_the_first_one(on: Bench) -> None:
    command = Open(order_id="a").with_meta(command_id="one")
    on(OLD).send(command)
    assert (on(NEW).send(command).status, on(NEW).send(command).stream) == ("duplicate", "order-a")


@pytest.mark.parametrize("batch", [False, True])
def test_the_old_code_opens_it_while_the_new_code_decides(
    on: Bench, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    """Two streams of one key can't come about: the new one is written only if the other is not there."""
    old, new = on(OLD), on(NEW)
    append, before = new.store.append, new.store.append_many

    def late(*arguments: Any) -> Any:
        monkeypatch.undo()
        old.send(Open(order_id="a"))
        return append(*arguments)

    def late_too(*arguments: Any) -> Any:
        monkeypatch.undo()
        old.send(Open(order_id="a"))
        return before(*arguments)

    monkeypatch.setattr(new.store, "append", late)
    monkeypatch.setattr(new.store, "append_many", late_too)
    if batch:
        (outcome,) = new.send_batch([Request(1, Open(order_id="a"))])
        assert outcome.error is not None
        assert outcome.error.code == "already-exists"
    else:
        with pytest.raises(Rejected, match="order-a is there already"):
            new.send(Open(order_id="a"))
    assert new.store.version("purchase-a") == 0


def test_two_streams_of_one_key_are_refused(on: Bench) -> None:
    new = on(NEW)
    new.send(Open(order_id="a"))
    on(OLD).send(Open(order_id="a"))
    for does in (
        lambda: new.send(Pay(order_id="a")),
        lambda: new.load(Purchase, "a"),
        lambda: new.load("order-a"),
        lambda: new.send(Pay(order_id="a"), dry_run=True),
    ):
        with pytest.raises(Misuse, match="purchase-a and order-a are both there") as refused:
            does()
        assert refused.value.code == "two-streams"


def test_a_category_that_is_gone_or_comes_later_is_noticed_by_rows(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.project()
    careless = Domain("shop", Careless, Orders)
    with pytest.raises(NeedsRebuild, match="takes in streams of order too, of which the log has 1 events"):
        on(careless).project()
    on(careless).rebuild()
    old.send(Open(order_id="b"))
    on(careless).project()
    with pytest.raises(NeedsRebuild, match="it takes in streams of order now, of which the log has 2 events up to @2"):
        on(NEW).project("orders")
    on(NEW).rebuild("orders")
    assert [row.order_id for row in on(NEW).rows(Orders)] == ["a", "b"]


def test_a_category_that_comes_later_is_a_question_of_reactions(on: Bench) -> None:
    old = on(OLD)
    old.send(Open(order_id="a"))
    old.runner(start=0).drain()
    careless, renamed = Domain("shop", Careless, Tells), Domain("shop", Purchase, Tells)
    on(careless).runner().drain()
    old.send(Open(order_id="b"))
    on(careless).send(Open(order_id="c"))
    on(careless).runner().drain()
    failure = on(renamed).runner().drain().failures["tells"]
    assert (failure.code, failure.details["events"]) == ("passed-over", 2)
    before = len(reminders(old))
    assert on(renamed).runner(start=0).drain().sent == 2
    assert [stream for stream, _ in reminders(old)[before:]] == ["order-a", "order-b"]
    assert on(renamed).runner().drain().failures == {}
    failure = on(careless).runner().drain().failures["tells"]
    assert (failure.code, "streams of order" in failure.message) == ("answers-no-more", True)


# ── definitions ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "make",
    [
        lambda: type("Bad", (OrderBase,), {}, key="order_id", aliases="order"),
        lambda: Domain("d", type("Bad", (OrderBase,), {}, category="bad", key="order_id", aliases=("a-b",))),
        lambda: Domain("d", type("Bad", (OrderBase,), {}, category="bad", key="order_id", aliases=("bad",))),
        lambda: Domain("d", type("Bad", (OrderBase,), {}, category="bad", key="order_id", aliases=("a", "a"))),
        lambda: Domain("d", type("Bad", (OrderBase,), {}, category="bad", key="order_id", aliases=(1,))),
        lambda: Domain("d", type("Bad", (PaymentBase,), {}, key="order_id", name="bad", aliases=("events",)), Order),
        lambda: type("Bad", (TellsBase,), {}, aliases="tells"),
        lambda: Domain("d", type("Bad", (TellsBase,), {}, name="bad", aliases=("x y",)), Order),
    ],
)
def test_names_that_are_none(make: Callable[[], object]) -> None:
    with pytest.raises(DefinitionError, match="Bad"):
        make()


class Box(Aggregate, category="box"):
    box_id: str


@pytest.mark.parametrize(
    "parts",
    [
        (Purchase, type("Other", (Box,), {}, category="order", key="box_id")),
        (Purchase, type("Other", (Box,), {}, category="other", key="box_id", aliases=("order",))),
        (Purchase, Tells, type("Other", (PaymentBase,), {}, name="order", key="order_id")),
        (Order, Collection, type("Other", (PaymentBase,), {}, name="Payment", key="order_id")),
        (Order, Collection, type("Other", (TellsBase,), {}, name="other", aliases=("payment",))),
        (Order, Collection, type("Other", (Orders,), {}, name="payment", key="order_id")),
        (Order, Collection, type("Other", (Orders,), {}, name="payment_view", key="order_id")),
        (Order, type("Other", (TellsBase,), {}, name="other", aliases=("order",))),
    ],
)
def test_an_alias_that_another_has_is_refused(parts: tuple[Any, ...]) -> None:
    with pytest.raises(DefinitionError, match=r"has the alias '.*', which is a name of"):
        Domain("shop", *parts)
