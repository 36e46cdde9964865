"""Reactions over the log: what a react sees, what moves together, where a reaction starts, what stops it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import (
    After,
    Aggregate,
    Cancel,
    Command,
    CommandRejected,
    Domain,
    Event,
    Policy,
    ProcessManager,
    Recorded,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import DomainFailed, Misuse, NotFound, Unavailable
from cqrs_cli.log import outbox
from cqrs_cli.log import stops as poison
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.operational import OUTBOX
from cqrs_cli.workbench.processors.reactions import Reactor
from cqrs_cli.workbench.processors.rebuild import Rebuild
from tests import office
from tests.bank import Between
from tests.limited import limited
from tests.reacting import dump, pay, sent, waiting
from tests.tables import drop


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "office.db"), office.domain) as opened:
        yield opened


# ── a domain that counts, for what depends on single events ───────────────────────────────────


class Tick(Command):
    bell_id: str
    note: str = ""


class Log(Command):
    book_id: str
    number: int
    note: str = ""


class Ticked(Event):
    note: str


class Logged(Event):
    number: int
    note: str


class Bell(Aggregate):
    bell_id: str

    @decide(creates="either")
    def tick(self, command: Tick) -> Ticked:
        return Ticked(note=command.note)

    @evolve
    def ticked(self, event: Ticked) -> None: ...


class Book(Aggregate):
    book_id: str

    @decide(creates="either")
    def log(self, command: Log) -> Logged:
        return Logged(number=command.number, note=command.note)

    @evolve
    def logged(self, event: Logged) -> None: ...


class Counter(ProcessManager, key="bell_id"):
    bell_id: str
    ticks: int = 0

    @evolve
    def ticked(self, event: Ticked) -> None:
        self.ticks += 1

    @react
    def log(self, event: Ticked, between: Between, recorded: Recorded) -> Log | None:
        between()
        if event.note == "poison":
            raise ValueError("can't take this")
        return Log(book_id=f"{recorded.position}", number=self.ticks, note=event.note)


class Echo(Policy):
    @react
    def echo(self, event: Logged) -> Iterator[Tick]:
        if event.note == "again":
            yield Tick(bell_id="echo")


counting = Domain("counting", Bell, Book, Counter, Echo)


@counting.provide
def nothing_between() -> Between:
    return Between()


@pytest.fixture
def between() -> Between:
    return Between()


@pytest.fixture
def bell(tmp_path: Path, between: Between) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "bell.db"), counting, services={Between: between}) as opened:
        opened.runner().drain()
        yield opened


def ticks(bench: Workbench, *notes: str) -> None:
    for note in notes:
        bench.send(Tick(bell_id="b", note=note))


def logged(bench: Workbench) -> list[tuple[int, str]]:
    events = bench.store.read(Selection(category="book"))
    return [(event.number, event.note) for event in map(bench.codec.decode, events)]


# ── what a react sees ─────────────────────────────────────────────────────────────────────────


def test_a_react_sees_the_row_after_the_evolve_of_the_same_event_and_of_no_later_one(bell):
    ticks(bell, "a", "b", "c")
    assert bell.runner().drain().taken == 6  # 3 ticks, 3 logs
    assert logged(bell) == [(1, "a"), (2, "b"), (3, "c")]


def test_what_a_react_does_to_its_row_or_event_reaches_nobody(bench):
    bench.runner().drain()
    pay(bench, "o1", items=["pen"])
    bench.runner().drain()
    (row,) = bench.rows("fulfilment")
    assert (row.state, row.seen) == ("shipped", ["pen", "evolved"])
    command = next(commit.command for commit in bench.store.commits() if commit.command.type == "Ship")
    assert b"reacted" not in command.data


def test_commands_carry_where_they_come_from(bench):
    bench.runner().drain()
    order = office.Pay(order_id="o1").with_meta(command_id="pay-o1", user_id="ada", correlation_id="story")
    paid = bench.send(order).events[0]
    bench.runner().drain()
    ship = next(commit for commit in bench.store.commits() if commit.command.type == "Ship")
    assert ship.id == outbox.command_id("pay-o1:1", "fulfilment", 1)
    assert (ship.correlation_id, ship.causation_id, ship.user_id) == ("story", "pay-o1:1", "ada")
    assert ship.command.issued_at == paid.recorded_us
    assert ship.events[0].metadata == {"reaction": "fulfilment.ship"}
    greet = next(commit for commit in bench.store.commits() if commit.command.type == "Greet")
    assert (greet.correlation_id, greet.causation_id) == ("story", f"{ship.id}:1")


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("metadata", "told"),
    [({"traceparent": TRACE, "secret": "x"}, {"traceparent": TRACE}), ({"traceparent": ["x"]}, {}), ({"a": TRACE}, {})],
)
def test_commands_of_reactions_are_of_the_trace_of_the_event_and_so_is_what_answers_them(bench, metadata, told):
    bench.runner().drain()
    bench.send(office.Pay(order_id="o1").with_meta(metadata=metadata))
    bench.runner().drain()
    metadata_of = {one.command.type: one.events[0].metadata for one in bench.store.commits()}
    assert metadata_of["Ship"] == told | {"reaction": "fulfilment.ship"}
    assert metadata_of["Greet"] == told | {"reaction": "welcome.greet"}


def test_derived_ids_never_change():
    assert outbox.command_id("pay-o1:1", "fulfilment", 1) == "e4184a6e-58be-5107-bcfb-94cd4c971b7e"
    parts = [("e:1", "r", 1, 0), ("e:1", "r", 1, 1), ("e:1", "r", 2, 0), ("e:1", "s", 1, 0), ("e:2", "r", 1, 0)]
    assert len({outbox.command_id(*part) for part in parts}) == len(parts)


# ── where it starts ───────────────────────────────────────────────────────────────────────────


def test_a_new_reaction_refuses_to_guess_whether_it_answers_what_is_there(bench):
    pay(bench, "o1", "o2")
    with pytest.raises(Misuse, match=r"fulfilment never ran, and the log has 2 events that it would answer") as raised:
        bench.runner().drain()
    error = raised.value
    assert (error.code, error.details) == ("new-reaction", {"reactions": ["fulfilment"], "events": 2, "reached": 2})
    assert say(error) == "to answer them: cqrs run --from @0; to answer only what comes: cqrs run --from @2"
    assert [one.status for one in bench.reactions()] == ["new", "new"], "nothing was begun"
    bench.runner(start=0).drain()
    assert bench.beginning() == []
    bench.runner().drain()  # no question any more


def test_a_new_reaction_begins_without_a_question_where_the_log_has_nothing_for_it(bench):
    assert bench.beginning() == ["fulfilment", "welcome"]
    bench.runner().drain()
    pay(bench, "o1")
    bench.runner().drain()
    assert sent(bench.store) == ["Pay order-o1", "Ship order-o1", "Greet order-o1"]


def test_events_in_anothers_streams_are_no_question(bench):
    bench.store.append(Commit("other", (NewEvent("other-1", "Paid", 1, b"{}"),)))
    bench.runner().drain()
    assert bench.beginning() == []


def test_several_new_reactions_are_told_together(bench):
    pay(bench, "o1")
    bench.send(office.Ship(order_id="o1"))
    with pytest.raises(Misuse, match=r"fulfilment \(2\), welcome \(1\) never ran, and the log has 3 events that they"):
        bench.runner().drain()


def test_a_new_reaction_starts_at_the_head_with_the_state_of_the_whole_log(bench):
    pay(bench, "o1")
    bench.runner(start=1).drain()
    assert sent(bench.store) == ["Pay order-o1"]
    assert [row.state for row in bench.rows("fulfilment")] == ["paid"]
    pay(bench, "o2")
    bench.runner().drain()
    assert sent(bench.store) == ["Pay order-o1", "Pay order-o2", "Ship order-o2", "Greet order-o2"]


def test_it_starts_elsewhere_when_told_to_and_only_when_it_is_new(bench):
    pay(bench, "o1", "o2", "o3")
    bench.runner(start=1).drain()
    assert sent(bench.store)[3:] == ["Ship order-o2", "Ship order-o3", "Greet order-o2", "Greet order-o3"]
    assert [row.payments for row in bench.rows("fulfilment")] == [1, 1, 1]
    head = bench.store.head()
    bench.runner(start=0).drain()
    assert bench.store.head() == head
    assert waiting(bench.store) == []  # o1 was paid before it began


def test_a_start_past_the_head_is_refused(bench):
    pay(bench, "o1")
    with pytest.raises(Misuse, match="the head is @1"):
        bench.runner(start=2).drain()
    assert [one.status for one in bench.reactions()] == ["new", "new"]


def test_of_two_runners_that_begin_at_once_the_first_says_where(bench, tmp_path, monkeypatch):
    """The second has looked before the first had begun: it goes on from there, and misses nothing."""
    pay(bench, "o1")
    real = Reactor.begin

    def begin(self: Reactor, *given: Any) -> Any:
        monkeypatch.undo()
        with Workbench.open(str(tmp_path / "office.db"), office.domain) as other:
            other.runner(start=0, stop=lambda: True).drain()  # begun, and nothing answered yet
            pay(other, "o2")
        return real(self, *given)

    monkeypatch.setattr(Reactor, "begin", begin)
    bench.runner(start=1).drain()
    assert [one for one in sent(bench.store) if one.startswith("Ship")] == ["Ship order-o1", "Ship order-o2"]
    assert [row.payments for row in bench.rows("fulfilment")] == [1, 1]


def test_an_interrupted_first_fold_misses_nothing(bench, monkeypatch):
    pay(bench, "o1")

    def fail(*_: Any) -> None:
        raise Unavailable("pulled the plug")

    with monkeypatch.context() as patch:
        patch.setattr(Rebuild, "run", fail)
        with pytest.raises(Unavailable):
            bench.runner(start=1).drain()
    assert bench.reactions("fulfilment")[0].status == "new"
    pay(bench, "o2")
    bench.runner().drain()
    assert sent(bench.store) == ["Pay order-o1", "Pay order-o2", "Ship order-o2", "Greet order-o2"]
    assert [row.payments for row in bench.rows("fulfilment")] == [1, 1]


# ── what moves together ───────────────────────────────────────────────────────────────────────


def test_of_two_runners_that_answer_the_same_events_one_wins(bell, between, tmp_path):
    ticks(bell, "a", "b")
    with Workbench.open(str(tmp_path / "bell.db"), counting, services={Between: Between()}) as other:
        between.todo.append(lambda: other.runner().drain())  # while this one is in its first react
        bell.runner().drain()
    assert logged(bell) == [(1, "a"), (2, "b")]
    assert [row.ticks for row in bell.rows("counter")] == [2]
    bell.rebuild("counter")
    assert [row.ticks for row in bell.rows("counter")] == [2]


def test_a_runner_goes_on_with_the_rows_of_another_that_was_faster(bell, tmp_path):
    """What it has in its cache is older than its checkpoint will be."""
    runner = bell.runner()
    ticks(bell, "a")
    runner.drain()
    with Workbench.open(str(tmp_path / "bell.db"), counting, services={Between: Between()}) as other:
        ticks(other, "b")
        other.runner().drain()
    ticks(bell, "c")
    runner.drain()
    assert logged(bell) == [(1, "a"), (2, "b"), (3, "c")]
    assert [row.ticks for row in bell.rows("counter")] == [3]


def test_what_was_folded_in_vain_is_forgotten(bell, between, tmp_path):
    """While this one is in its first react, another takes that event and one more."""
    runner = bell.runner()
    ticks(bell, "a")
    with Workbench.open(str(tmp_path / "bell.db"), counting, services={Between: Between()}) as other:
        between.todo.append(lambda: (ticks(other, "b"), other.runner().drain()))
        runner.drain()
    ticks(bell, "c")
    runner.drain()
    assert logged(bell) == [(1, "a"), (2, "b"), (3, "c")]
    assert [row.ticks for row in bell.rows("counter")] == [3]


def test_a_fault_before_the_transaction_ends_leaves_nothing_of_the_batch(bell, monkeypatch):
    ticks(bell, "a")
    before = bell.reactions("counter")

    def fail(*_: Any) -> None:
        raise Unavailable("pulled the plug")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "apply", fail)
        with pytest.raises(Unavailable):
            bell.runner().drain()
    (after,) = bell.reactions("counter")
    assert (after.position, after.rows, after.waiting) == (before[0].position, 0, 0)
    bell.runner().drain()
    assert logged(bell) == [(1, "a")]


def test_batches_are_small_and_lose_nothing(bell):
    bell = limited(bell, batch_events=2, answered_events=2)
    ticks(bell, *"abcde")
    assert bell.runner().drain().failures == {}
    assert logged(bell) == [(number, note) for number, note in enumerate("abcde", 1)]


# ── what stops it ─────────────────────────────────────────────────────────────────────────────


def test_a_poison_event_stops_that_reaction_only_and_what_came_before_is_answered(bell, between):
    ticks(bell, "a", "again", "poison", "b")
    done = bell.runner().drain()
    assert logged(bell) == [(1, "a"), (2, "again")]
    assert [row.ticks for row in bell.rows("counter")] == [2]
    assert list(done.failures) == ["counter"]
    error = done.failures["counter"]
    assert isinstance(error, DomainFailed)
    assert "counter stopped at @3" in error.message
    assert "can't take this" in error.message
    assert "cqrs run --skip counter@3" in str(say(error))
    counter, echo = bell.reactions()
    assert (counter.status, counter.position, counter.stop.position) == ("stopped", 2, 3)
    assert (echo.status, echo.position) == ("ready", bell.store.head())
    assert sum(event.stream == "bell-echo" for event in bell.store.read()) == 1  # the other went on

    bell.skip_in_reaction("counter", 3, by="ada", reason="known bug")
    assert bell.runner().drain().failures == {}
    assert logged(bell) == [(1, "a"), (2, "again"), (3, "b"), (1, "")]
    (counter,) = bell.reactions("counter")
    assert (counter.status, counter.skips[0].reason, counter.skips[0].skipped_by) == ("ready", "known bug", "ada")
    rows = list(bell.rows("counter"))
    bell.rebuild("counter")
    assert list(bell.rows("counter")) == rows  # a skipped event is skipped by the evolve, too, for ever


def test_an_event_that_only_a_rebuild_can_t_take_stays_in_the_rows_until_it_can(bell, monkeypatch):
    def refuse(row, event):
        raise ValueError("no more")

    ticks(bell, "a", "b")
    bell.runner().drain()
    route = counting.routes["counter"][Ticked]
    with monkeypatch.context() as patch:
        broken = route._replace(clause=route.clause._replace(function=refuse))
        patch.setitem(counting.routes["counter"], Ticked, broken)
        with pytest.raises(DomainFailed, match="the rebuild of counter stopped at @1") as caught:
            bell.rebuild("counter")
    assert str(say(caught.value)).endswith(
        "cqrs project counter --rebuild again, or: cqrs run --skip counter@1 --reason …"
    )
    bell.skip_in_reaction("counter", 1, by="ada", reason="known bug")
    assert bell.reactions("counter")[0].contained == {1}
    assert bell.runner().drain().failures == {}
    bell.rebuild("counter")
    assert bell.reactions("counter")[0].contained == frozenset()
    assert [row.ticks for row in bell.rows("counter")] == [1]


def test_a_stop_that_another_runner_has_passed_is_neither_recorded_nor_shown(bell, monkeypatch):
    real = poison.record_stop

    def at(position: int) -> None:
        with bell.store.transaction() as rows:
            checkpoint = rows.checkpoint("counter")
            rows.move("counter", checkpoint, checkpoint._replace(position=position))

    def late(rows, name, event, error):
        checkpoint = rows.checkpoint(name)
        rows.move(name, checkpoint, checkpoint._replace(position=event.position))
        real(rows, name, event, error)

    ticks(bell, "a", "poison")
    bell.runner().drain()
    stop = poison.stops(bell.store.rows).get("counter")
    assert stop
    assert stop.position == 2
    assert bell.reactions("counter")[0].status == "stopped"
    at(2)
    assert bell.reactions("counter")[0].stop is None
    assert bell.reactions("counter")[0].status != "stopped"
    at(1)
    with bell.store.transaction() as rows:
        poison.clear_stop(rows, "counter")
    monkeypatch.setattr(poison, "record_stop", late)
    assert "counter" in bell.runner().drain().failures
    assert poison.stops(bell.store.rows).get("counter") is None


def test_after_a_fix_it_goes_on_where_it_stopped(bell, between):
    between.todo.append(lambda: 1 / 0)
    ticks(bell, "a")
    runner = bell.runner()
    assert "ZeroDivisionError" in runner.drain().failures["counter"].message
    calls = len(between.todo)
    between.todo.append(lambda: 1 / 0)
    assert "counter" in runner.drain().failures  # the same program rests: it is not asked again
    assert len(between.todo) == calls + 1
    between.todo.clear()
    assert bell.runner().drain().failures == {}
    assert logged(bell) == [(1, "a")]
    assert bell.reactions("counter")[0].stop is None


def test_only_what_lies_ahead_can_be_skipped(bell):
    ticks(bell, "a")
    bell.runner().drain()
    with pytest.raises(Misuse, match="has taken @1 in already"):
        bell.skip_in_reaction("counter", 1, by="ada", reason="late")
    with pytest.raises(NotFound, match="no event @99"):
        bell.skip_in_reaction("counter", 99, by="ada", reason="early")
    ticks(bell, "b")
    ahead = bell.store.head()
    bell.skip_in_reaction("counter", ahead, by="ada", reason="first")
    with pytest.raises(Misuse, match="already"):  # who said so first, and why, stays
        bell.skip_in_reaction("counter", ahead, by="bob", reason="second")


class Wrong(ProcessManager, key="bell_id"):
    bell_id: str
    answer: str = ""

    @react
    def wrong(self, event: Ticked) -> Any:
        from datetime import timedelta

        return {
            "text": "Log",
            "event": Ticked(note=""),
            "nobody": office.Greet(order_id="x"),
            "after": After(timedelta(hours=-1), Tick(bell_id="b")),
            "never": After(timedelta.max, Tick(bell_id="b")),
            "delay": After(5, Tick(bell_id="b")),  # type: ignore[arg-type]
            "nothing": After(timedelta(hours=1), "Tick"),  # type: ignore[arg-type]
            "name": Cancel(Tick),  # type: ignore[arg-type]
        }[event.note]


class WrongPolicy(Policy):
    @react
    def wrong(self, event: Ticked) -> Any:
        from datetime import timedelta

        return {
            "cancel": Cancel("x"),
            "named": After(timedelta(hours=1), Tick(bell_id="b"), "x"),
        }[event.note]


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("text", "gave str"),
        ("event", "gave tuple"),
        ("nobody", "gave Greet, which nobody decides"),
        ("after", "lies before the event"),
        ("never", "is no time"),
        ("delay", "is no time"),
        ("nothing", "gave str"),
        ("name", "the name of a deadline is a text"),
        ("cancel", "a policy remembers nothing"),
        ("named", "a policy can't cancel it"),
    ],
)
def test_wrong_answers_stop_the_reaction_with_its_name(tmp_path, note, told):
    part = WrongPolicy if note in ("cancel", "named") else Wrong
    with Workbench.open(str(tmp_path / "wrong.db"), Domain("wrong", Bell, Book, part)) as bench:
        bench.runner().drain()
        bench.send(Tick(bell_id="b", note=note))
        (error,) = bench.runner().drain().failures.values()
        assert told in error.message
        assert f"{part.__name__}.wrong (event 1, bell-b version 1)" in error.message
        assert bench.store.rows.count(OUTBOX) == 0


# ── never without being run ───────────────────────────────────────────────────────────────────


def test_nothing_but_a_runner_reacts(bell, between):
    ticks(bell, "a")
    bell.runner().drain()
    ticks(bell, "b", "c")
    head, queue = bell.store.head(), bell.store.rows.count(OUTBOX)
    between.todo = [lambda: pytest.fail("it reacted")] * 20
    bell.rebuild("counter")
    bell.project()
    bell.project("counter")
    assert bell.check("counter").drift == []
    list(bell.rows_at("counter", 1))
    list(bell.replay_all())
    bell.replay("bell-b")
    bell.send(Tick(bell_id="b"), dry_run=True)
    bell.statuses("counter")
    bell.plans("counter")
    bell.reactions()
    assert (bell.store.head(), bell.store.rows.count(OUTBOX), len(between.todo)) == (head, queue, 20)
    assert bell.reactions("counter")[0].position == 2


def test_a_rebuild_gives_the_rows_of_the_place_where_the_reaction_is(bell):
    ticks(bell, "a")
    bell.runner().drain()
    ticks(bell, "b", "c")
    bell.rebuild("counter")
    (counter,) = bell.reactions("counter")
    assert (counter.position, counter.lag) == (2, 2)
    assert [row.ticks for row in bell.rows("counter")] == [1]
    bell.runner().drain()
    assert logged(bell) == [(1, "a"), (2, "b"), (3, "c")]


def test_live_rows_are_the_rows_of_a_rebuild_rejections_included(bench):
    bench.runner().drain()
    pay(bench, "o1", "bad1", "none1", "boom1")
    bench.runner().drain()
    before = dump(bench)
    assert [row["state"] for row in before["rows"]["fulfilment"]] == [
        "refused: Ship out-of-stock",
        "paid",
        "refused: Ship aggregate-not-found",
        "shipped",
    ]
    bench.rebuild("fulfilment")
    bench.rebuild("counts", "orders")
    assert dump(bench) == before


def test_a_process_that_never_ran_has_nothing_to_rebuild(bench):
    pay(bench, "o1")
    with pytest.raises(Misuse, match="has not run yet"):
        bench.rebuild("fulfilment")
    bench.runner(start=1).drain()
    assert sent(bench.store) == ["Pay order-o1"]


def test_a_changed_definition_wants_a_rebuild_and_then_goes_on(tmp_path):
    path = str(tmp_path / "office.db")

    class Fulfilment(ProcessManager, key="order_id", version=2):
        order_id: str
        total: int = 0

        @evolve
        def paid(self, event: office.Paid | CommandRejected) -> None:
            self.total += 1

        @react
        def ship(self, event: office.Paid) -> office.Ship:
            return office.Ship(order_id=self.order_id)

    with Workbench.open(path, office.domain) as bench:
        bench.runner().drain()
        pay(bench, "o1", "bad1")
        bench.runner().drain()
        position = bench.reactions("fulfilment")[0].position
    changed = Domain("office", office.Order, office.Welcome, office.Counts, office.Orders, Fulfilment)
    with Workbench.open(path, changed) as bench:
        pay(bench, "o2")
        error = bench.runner().drain().failures["fulfilment"]
        assert (error.code, say(error)) == ("needs-rebuild", "cqrs project fulfilment --rebuild")
        (status,) = bench.reactions("fulfilment")
        assert (status.status, status.position) == ("needs-rebuild", position)
        bench.rebuild("fulfilment")
        assert bench.reactions("fulfilment")[0].position == position
        assert [row.total for row in bench.rows(Fulfilment)] == [2, 1]
        assert bench.runner().drain().failures == {}
        assert sent(bench.store)[-2:] == ["Ship order-o2", "Greet order-o2"]


def test_a_table_that_was_dropped_needs_a_rebuild_and_nothing_is_answered_twice(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "s.db"), office.domain) as bench:
        bench.runner().drain()
        pay(bench, "o1")
        bench.runner().drain()
        before = sent(bench.store)
        drop(tmp_path / "s.db", "fulfilment")
        status = bench.reactions("fulfilment")[0]
        assert (status.status, status.reason) == ("needs-rebuild", "its table is gone")
        pay(bench, "o2")
        assert bench.runner().drain().failures["fulfilment"].code == "needs-rebuild"
        bench.rebuild("fulfilment")
        assert bench.runner().drain().failures == {}
        assert sent(bench.store)[: len(before)] == before
        assert sent(bench.store).count("Ship order-o1") == sent(bench.store).count("Ship order-o2") == 1
