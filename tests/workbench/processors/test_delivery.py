"""The outbox: what waits, what is sent once whatever happens in between, and what is given up."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Conflict, Damaged, NotFound, Rejected, Unavailable
from cqrs_cli.log import letters, outbox
from cqrs_cli.log.outbox import Cancelled, Outgoing
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Rows
from cqrs_cli.workbench.processors.delivery import Courier, Delivery
from cqrs_cli.workbench.processors.runner import Runner
from cqrs_cli.workbench.sender import Sender
from tests import office
from tests.limited import limited
from tests.reacting import Clock, dump, pay, sent, waiting

ORDERS = ("o1", "bad1", "none1", "boom1", "o2")


def outgoing(
    number: int = 1, *, deadline: str | None = None, due_us: int = 0, process: str = "p", position: int = 1
) -> Outgoing:
    return Outgoing(
        "fulfilment", f"e{position}:1", number, 0, position, 100, process, "ship", deadline, due_us,
        "Ship", 1, '{"order_id": "p"}', "story", None, "{}",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "office.db"), create=True) as opened:
        yield opened


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[Callable[[], Workbench]]:
    opened: list[Workbench] = []

    def another() -> Workbench:
        opened.append(Workbench.open(str(tmp_path / "office.db"), office.domain))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


@pytest.fixture
def bench(open_bench: Callable[[], Workbench]) -> Workbench:
    made = open_bench()
    made.runner().drain()
    return made


def apply(store: Store, *changes: outbox.OutboxChange) -> list[Outgoing]:
    with store.transaction() as rows:
        outbox.apply(rows, changes)
    return outbox.of_reaction(store.rows, "fulfilment")


# ── what waits ────────────────────────────────────────────────────────────────────────────────


def test_commands_wait_in_the_order_of_the_log(store):
    apply(store, outgoing(1, position=2), outgoing(2, position=2), outgoing(1, position=10), outgoing(1, position=1))
    assert [(one.position, one.number) for one in outbox.waiting(store.rows, ["fulfilment"])] == [
        (1, 1),
        (2, 1),
        (2, 2),
        (10, 1),
    ]
    assert outbox.waiting(store.rows, ["welcome"]) == []
    assert outbox.waiting(store.rows, []) == []


def test_a_deadline_is_due_at_its_time_and_not_sent_before(store):
    apply(store, outgoing(1, deadline="a", due_us=500), outgoing(2, deadline="b", due_us=300), outgoing(3))
    assert [one.number for one in outbox.waiting(store.rows, ["fulfilment"])] == [3]
    assert outbox.due(store.rows, ["fulfilment"], 299) == []
    assert [one.number for one in outbox.due(store.rows, ["fulfilment"], 300)] == [2]
    assert [one.number for one in outbox.due(store.rows, ["fulfilment"], 500)] == [2, 1]
    assert outbox.next_due(store.rows, ["fulfilment"]) == 300
    assert outbox.next_due(store.rows, ["welcome"]) is None


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_a_deadline_is_cancelled_by_name_in_its_own_process_only(store, together):
    first = [
        outgoing(1, deadline="a", due_us=5),
        outgoing(2, deadline="b", due_us=5),
        outgoing(3, deadline="a", due_us=5, process="q"),
        outgoing(4),
    ]
    then = [Cancelled("fulfilment", "p", "a"), Cancelled("fulfilment", "p", "unheard of")]
    left = apply(store, *first, *then) if together else (apply(store, *first), apply(store, *then))[1]
    assert sorted(one.number for one in left) == [2, 3, 4]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_of_two_deadlines_of_a_name_the_newer_counts(store, together):
    older, newer = outgoing(1, deadline="a", due_us=5), outgoing(1, deadline="a", due_us=9, position=2)
    left = apply(store, older, newer) if together else (apply(store, older), apply(store, newer))[1]
    assert [one.due_us for one in left] == [9]
    cancelled_before = apply(store, Cancelled("fulfilment", "p", "a"), outgoing(1, deadline="a", due_us=7, position=3))
    assert [one.due_us for one in cancelled_before] == [7]


def test_deadlines_of_a_policy_stand_for_themselves(store):
    apply(store, *(outgoing(1, deadline="Ship", due_us=5, process="", position=position) for position in (1, 2)))
    assert len(outbox.due(store.rows, ["fulfilment"], 5)) == 2


def test_a_deadline_that_is_tried_again_leaves_the_newer_one_of_its_name(store):
    old = outgoing(deadline="payment", due_us=100)
    apply(store, old)
    with store.transaction() as rows:
        outbox.bury(rows, old, Rejected("no"), 1)
    new = outgoing(deadline="payment", due_us=900, position=2)
    apply(store, new)
    with store.transaction() as rows:
        revived = outbox.revive(rows, letters.letter(rows, old.command_id), 0)
    assert outbox.of_reaction(store.rows, "fulfilment") == [revived, new]
    apply(store, Cancelled("fulfilment", "p", "payment"))
    assert outbox.of_reaction(store.rows, "fulfilment") == [revived]


def test_what_is_done_with_a_deadline_leaves_the_newer_one_of_its_name(store):
    older, newer = outgoing(1, deadline="a", due_us=5), outgoing(1, deadline="a", due_us=9, position=2)
    apply(store, older)
    apply(store, newer)
    with store.transaction() as rows:
        outbox.remove(rows, [older])  # a runner had read it before, and sent it
        assert not outbox.bury(rows, older, Rejected("no"), 1)
    assert outbox.of_reaction(store.rows, "fulfilment") == [newer]


# ── what becomes of a command ─────────────────────────────────────────────────────────────────


def test_a_rejection_is_an_event_in_the_stream_of_the_process_under_the_id_of_the_command(bench):
    pay(bench, "bad1")
    assert bench.runner().drain().rejected == 1
    (refused,) = bench.store.read(Selection(stream="fulfilment-bad1"))
    ship = outbox.command_id("pay-bad1:1", "fulfilment", 1)
    assert (refused.commit_id, refused.command_type, refused.causation_id) == (ship, "Ship", "pay-bad1:1")
    assert (refused.correlation_id, refused.user_id) == ("pay-bad1", "ada")
    event = bench.codec.decode(refused)
    assert (event.command, event.command_id, event.code, event.reason) == ("Ship", ship, "out-of-stock", "not in stock")
    assert event.data == {"order_id": "bad1", "items": ["evolved"]}
    assert sent(bench.store)[-1] == "CancelOrder order-bad1"  # what the process answered
    assert waiting(bench.store) == []


def test_what_a_policy_sends_in_vain_is_a_dead_letter(bench):
    bench.send(office.Pay(order_id="bad1"))
    with bench.store.transaction() as rows:
        outbox.apply(
            rows, [outgoing()._replace(reaction="welcome", process="", command="Greet", data='{"order_id": "bad1"}')]
        )
    done = bench.runner().drain()
    assert done.dead == 1
    (letter,) = bench.failed()
    assert (letter.outgoing.reaction, letter.code, letter.reason) == ("welcome", "not-home", "nobody home")
    assert letter.command_id == outbox.command_id("e1:1", "welcome", 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"command": "Sail"}, "undecodable"),
        ({"schema_version": 7}, "undecodable"),
        ({"data": '{"order_id": 5}'}, "undecodable"),
        ({"data": '{"order_id": "boom1"}'}, "domain-failed"),
    ],
)
def test_what_can_never_be_sent_is_a_dead_letter_and_holds_nobody_up(bench, change, code):
    pay(bench, "boom1")
    bench.runner().drain()
    bench.drop(bench.failed()[0].command_id, by="ada", reason="not this one")
    with bench.store.transaction() as rows:
        outbox.apply(
            rows, [outgoing()._replace(**change), outgoing(2)._replace(data='{"order_id": "boom1"}', command="Greet")]
        )
    done = bench.runner().drain()
    assert (done.sent, done.dead) == (1, 1)
    assert [letter.code for letter in bench.failed()] == [code]
    assert outbox.waiting(bench.store.rows, ["fulfilment"]) == []


@pytest.mark.parametrize("error", [Unavailable, Damaged])
def test_a_store_that_is_not_there_loses_nothing(bench, monkeypatch, error):
    pay(bench, "o1")

    def away(*_: Any, **__: Any) -> None:
        raise error("no disk")

    with monkeypatch.context() as patch:
        patch.setattr(Sender, "decide", away)
        with pytest.raises(error):
            bench.runner().drain()
    assert waiting(bench.store)[0][2] == "CancelOrder"
    assert bench.failed() == []
    assert bench.runner().drain().sent == 2


def test_a_command_that_was_outrun_is_tried_again(bench, monkeypatch):
    pay(bench, "o1")

    def busy(*_: Any, **__: Any) -> None:
        raise Conflict("somebody is always faster")

    runner = bench.runner()
    with monkeypatch.context() as patch:
        patch.setattr(Sender, "decide", busy)
        done = runner.drain()
    assert (done.sent, done.held, done.dead) == (0, 1, 0)
    assert runner.drain().sent == 2


def test_a_command_that_came_through_is_done_even_if_its_class_changed_since(bench, monkeypatch):
    pay(bench, "o1")
    with monkeypatch.context() as patch:
        patch.setattr(Courier, "settle", lambda *_: None)  # sent, and then the process was gone
        waiting = Runner._waiting
        patch.setattr(Runner, "_waiting", lambda self: [] if self._counts["sent"] else waiting(self))
        bench.runner().drain()
    (entry,) = outbox.waiting(bench.store.rows, ["fulfilment"])
    assert bench.store.commit(entry.command_id) is not None
    with bench.store.transaction() as rows:
        outbox.apply(rows, [entry._replace(data='{"order_id": "o1", "items": ["as an upcaster gives it"]}')])
    done = bench.runner().drain()
    assert (done.dead, bench.failed()) == (0, [])
    assert sent(bench.store).count("Ship order-o1") == 1


def test_an_id_that_is_somebody_elses_is_a_dead_letter_and_neither_sent_nor_held(bench):
    pay(bench, "o1")
    taken = outbox.command_id("pay-o1:1", "fulfilment", 1)
    bench.send(office.Greet(order_id="o1").with_meta(command_id=taken))
    done = bench.runner().drain()
    assert (done.dead, done.held) == (1, 0)
    assert [(letter.command_id, letter.code) for letter in bench.failed()] == [(taken, "command-id-reused")]
    assert "Ship order-o1" not in sent(bench.store)


def test_commands_that_are_outrun_do_not_hold_up_those_behind_them(bench, monkeypatch):
    bench = limited(bench, outbox_page=2)
    pay(bench, "o1", "o2", "o3", "o4")
    real = Sender.decide

    def busy(self: Sender, command: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(command, office.Ship) and command.order_id in ("o1", "o2"):
            raise Conflict("somebody is always faster")
        return real(self, command, *arguments, **options)

    monkeypatch.setattr(Sender, "decide", busy)
    done = bench.runner().drain()
    assert done.held == 2
    assert {line for line in sent(bench.store) if line.startswith("Ship")} == {"Ship order-o3", "Ship order-o4"}


# ── of two runners, one answer wins ───────────────────────────────────────────────────────────


def _at_the_same_time(monkeypatch: pytest.MonkeyPatch, bench: Workbench, other: Workbench, refuses: bool) -> Any:
    """While `bench` is deciding, `other` sends the same; one of the two refuses."""
    page = outbox.waiting(bench.store.rows, ["fulfilment"])
    real, state = Sender.decide, {"inside": False}

    def decide(self: Sender, *arguments: Any, **options: Any) -> Any:
        mine = not state["inside"]
        if mine:
            state["inside"] = True
            other._courier(Clock()).deliver(page)
            if refuses:
                raise Rejected("not now", code="not-now")
        elif not refuses:
            raise Rejected("not now", code="not-now")
        return real(self, *arguments, **options)

    monkeypatch.setattr(Sender, "decide", decide)
    return bench._courier(Clock()).deliver(page)


@pytest.mark.parametrize("refuses", [True, False])
def test_accepted_and_rejected_exclude_each_other(bench, open_bench, monkeypatch, refuses):
    pay(bench, "o1")
    with monkeypatch.context() as patch:
        patch.setattr(Courier, "send", lambda *_: [])
        bench.runner().drain()
        assert [one.command for one in outbox.waiting(bench.store.rows, ["fulfilment"])] == ["Ship"]
    with monkeypatch.context() as patch:
        (mine,) = _at_the_same_time(patch, bench, open_bench(), refuses)
    if refuses:
        assert mine.status == "honoured"  # sent by the other one; there is nothing to tell the process
    ship = bench.store.commit(outbox.command_id("pay-o1:1", "fulfilment", 1))
    assert [event.stream for event in ship.events] == ["order-o1" if refuses else "fulfilment-o1"]
    assert sum(commit.command.type == "Ship" for commit in bench.store.commits()) == 1
    assert outbox.waiting(bench.store.rows, ["fulfilment"]) == []
    bench.runner().drain()
    assert [row.state for row in bench.rows("fulfilment")] == ["shipped" if refuses else "refused: Ship not-now"]


def test_a_dead_letter_of_one_runner_goes_when_another_got_it_through(bench, open_bench):
    pay(bench, "o1")
    entry = outgoing()._replace(reaction="welcome", process="", command="Greet", data='{"order_id": "o1"}')
    with bench.store.transaction() as rows:
        outbox.apply(rows, [entry])
        outbox.bury(rows, entry, Rejected("no"), 1)
    open_bench()._courier(Clock()).deliver([entry])  # it had read the entry before
    assert bench.failed() == []


def test_what_another_runner_got_through_just_now_is_no_dead_letter(bench, open_bench, monkeypatch):
    pay(bench, "o1")
    entry = outgoing()._replace(reaction="welcome", process="", command="Greet", data='{"order_id": "o1"}')
    with bench.store.transaction() as rows:
        outbox.apply(rows, [entry])
    with monkeypatch.context() as patch:
        patch.setattr(Courier, "settle", lambda *_: None)  # it was killed before it could say so
        open_bench()._courier(Clock()).deliver([entry])
    with bench.store.transaction() as rows:
        bench._courier(Clock()).settle(rows, [Delivery(entry, "dead", Rejected("no"))])
    assert bench.failed() == []
    assert outbox.waiting(bench.store.rows, ["welcome"]) == []


# ── a crash between any two steps ─────────────────────────────────────────────────────────────


class _Crash(BaseException):
    """The process is gone."""


class _Crashing:
    """A store whose n-th write is the last thing that happens: before it, or just after."""

    def __init__(self, store: Store, writes: int, after: bool) -> None:
        self._store, self.left, self._after = store, writes, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.left -= 1
        if self.left == 0 and not self._after:
            raise _Crash
        yield
        if self.left == 0:
            raise _Crash

    def append(self, *arguments: Any) -> Any:
        with self._counted():
            return self._store.append(*arguments)

    def append_many(self, *arguments: Any) -> Any:
        with self._counted():
            return self._store.append_many(*arguments)

    @contextmanager
    def transaction(self) -> Iterator[Rows]:
        with self._counted(), self._store.transaction() as rows:
            yield rows


def _drain(path: Path, clock: Clock, crash: tuple[int, bool] | None = None) -> int:
    """Drain with a workbench of its own; returns the writes that were left when a crash was ordered."""
    with open_store(str(path)) as store:
        crashing = _Crashing(store, *crash) if crash else None
        bench = Workbench(crashing or store, office.domain)  # pyright: ignore[reportArgumentType]
        try:
            bench.runner(clock=clock, start=0).drain()
            clock.forward(hours=2)
            bench.runner(clock=clock, start=0).drain()
        except _Crash:
            clock.time = Clock().time
        return crashing.left if crashing else 0


@pytest.mark.parametrize("after", [False, True], ids=["before a write", "after a write"])
def test_a_crash_at_any_write_leads_to_each_command_once(tmp_path, after):
    def filled(name: str) -> Path:
        path: Path = tmp_path / f"{name}.db"
        with Workbench.open(str(path), office.domain, durability="relaxed") as bench:
            pay(bench, *ORDERS)
        return path

    def result(path: Path) -> dict[str, Any]:
        _drain(path, Clock())
        with Workbench.open(str(path), office.domain) as bench:
            return dump(bench)

    wanted = result(filled("undisturbed"))
    assert [command for command in wanted["commits"] if command[1] == "CancelOrder"]
    crashes = 0
    for number in itertools.count(1):
        path = filled(f"crash-{number}")
        left = _drain(path, Clock(), (number, after))
        assert result(path) == wanted, f"after a crash at write {number}"
        if left > 0:
            break
        crashes += 1
    assert crashes > 10


# ── dead letters ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def failed(bench: Workbench) -> Workbench:
    pay(bench, "boom1")
    assert bench.runner().drain().dead == 1
    return bench


def test_a_retry_sends_it_under_the_same_id(failed, monkeypatch):
    (letter,) = failed.failed()
    again = failed.retry(letter.command_id)
    assert (again.status, again.error.code) == ("dead", "domain-failed")
    assert [one.command_id for one in failed.failed()] == [letter.command_id]
    mended = Sender.decide

    def decide(self: Sender, command: Any, sent_: Any, target: Any, *rest: Any) -> Any:
        clause = target.clause._replace(function=lambda *_: office.Shipped())
        return mended(self, command, sent_, target._replace(clause=clause), *rest)

    monkeypatch.setattr(Sender, "decide", decide)
    assert failed.retry(letter.command_id).status == "sent"
    assert failed.failed() == []
    assert failed.store.commit(letter.command_id) is not None
    with pytest.raises(NotFound, match="no dead letter"):
        failed.retry(letter.command_id)


def test_a_retry_takes_another_id_only_if_the_first_is_somebody_elses(failed):
    (letter,) = failed.failed()
    failed.store.append(Commit(letter.command_id, (NewEvent("order-x", "Paid", 1, b"{}"),)))
    failed.retry(letter.command_id)
    (again,) = failed.failed()
    assert again.outgoing.attempt == 1
    assert again.command_id == outbox.command_id("pay-boom1:1", "fulfilment", 1, 1)


def test_a_dropped_letter_stays_on_record(failed):
    (letter,) = failed.failed()
    failed.drop(letter.command_id, by="ada", reason="shipped by hand")
    assert failed.failed() == []
    (dropped,) = failed.failed(dropped=True)
    assert (dropped.command_id, dropped.dropped_by, dropped.dropped_because) == (
        letter.command_id,
        "ada",
        "shipped by hand",
    )
    assert dropped.dropped_us >= dropped.failed_us
    with pytest.raises(NotFound):
        failed.drop(letter.command_id, by="ada", reason="again")
