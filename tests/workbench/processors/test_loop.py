"""The loop: rules that hold for whatever takes events, whichever handler it is."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    Domain,
    DomainFailed,
    Event,
    NeedsRebuild,
    Policy,
    ProcessManager,
    Projection,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.log import stops
from cqrs_cli.stores.commits import MAX_COMMIT_EVENTS, Commit, NewEvent
from cqrs_cli.stores.contract import Selection
from tests.limited import limited

MANY = 600


class Add(Command):
    box_id: str
    number: int


class Added(Event):
    number: int


class Seen(Command):
    note_id: str


class Noted(Event): ...


class Box(Aggregate):
    box_id: str

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(number=command.number)

    @evolve
    def added(self, event: Added) -> None: ...


class Note(Aggregate):
    note_id: str

    @decide(creates="either")
    def see(self, command: Seen) -> Noted:
        return Noted()

    @evolve
    def noted(self, event: Noted) -> None: ...


class Sum(Projection, key="box_id"):
    box_id: str
    total: int = 0

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.number


class Watch(ProcessManager, key="box_id"):
    box_id: str
    total: int = 0
    seen: list[int] = []
    by_name: dict[str, list[int]] = {}

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.number
        self.by_name = {"all": [*self.by_name.get("all", []), event.number]}

    @react
    def note(self, event: Added) -> Seen | None:
        self.seen.append(event.number)
        self.by_name["all"].append(-1)
        return Seen(note_id=f"{self.box_id}-{self.total}") if event.number > 1 else None


class Quiet(Policy):
    @react
    def noted(self, event: Noted) -> None: ...


boxes = Domain("boxes", Box, Note, Sum, Watch, Quiet)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "boxes.db"), boxes) as opened:
        opened.runner().drain()
        yield opened


def append(bench: Workbench, id: str, *numbers: int, box: str = "a") -> None:
    """Events of one commit."""
    data = [json.dumps({"number": number}).encode() for number in numbers]
    bench.store.append(Commit(id, tuple(NewEvent(f"box-{box}", "Added", 1, one) for one in data)))


def totals(bench: Workbench) -> set[int]:
    return {row.total for name in ("sum", "watch") for row in bench.rows(name)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [1, 500, MANY - 1])
def test_nobody_stands_in_the_middle_of_a_commit_when_told_to_stop(bench: Workbench, size: int) -> None:
    append(bench, "one", *[1] * MANY)
    append(bench, "two", 1)
    bench = limited(bench, batch_events=size)
    asked = count()
    bench.runner(stop=lambda: next(asked) >= 1).drain()  # as after SIGTERM: when the first batch is written
    assert totals(bench) <= {MANY, MANY + 1}
    assert {one.position for one in (*bench.statuses(), *bench.reactions())} <= {MANY, MANY + 1}
    bench.runner().drain()
    assert totals(bench) == {MANY + 1}


def test_the_largest_commit_is_taken_whole(tmp_path: Path) -> None:
    """It is longer than any page and any batch."""
    with Workbench.open(str(tmp_path / "boxes.db"), Domain("boxes", Box, Sum)) as bench:
        append(bench, "one", 1)
        append(bench, "all", *[1] * MAX_COMMIT_EVENTS)
        append(bench, "two", 1)
        asked = count()
        for size in (1, 500, 4_000):
            small = limited(bench, batch_events=size)
            small.runner(stop=lambda: next(asked) >= 1).drain()
            assert {row.total for row in bench.rows(Sum)} <= {1, MAX_COMMIT_EVENTS + 1, MAX_COMMIT_EVENTS + 2}
        bench.project()
        assert [row.total for row in bench.rows(Sum)] == [MAX_COMMIT_EVENTS + 2]
        assert bench.check("sum").ok
        assert bench.replay("box-a").version == MAX_COMMIT_EVENTS + 2


def test_a_poison_event_leaves_no_half_of_its_commit(bench: Workbench) -> None:
    append(bench, "one", 1, 1)
    bench.store.append(
        Commit("two", tuple(NewEvent("box-a", "Added", 1, data) for data in (b'{"number":5}', b'{"number":"x"}')))
    )
    failures = bench.runner().drain().failures
    assert set(failures) == {"sum", "watch"}
    assert totals(bench) == {2}
    assert {one.position for one in (*bench.statuses(), *bench.reactions("watch"))} == {2}
    assert list(bench.store.streams(category="note")) == []


@pytest.mark.parametrize("name", ["sum", "watch"])
def test_an_altered_table_is_no_events_fault(bench: Workbench, tmp_path: Path, name: str) -> None:
    append(bench, "one", 1)
    bench.runner().drain()
    with closing(sqlite3.connect(tmp_path / "boxes.db")) as other:
        other.execute(f"DROP VIEW {name}_view")
        other.execute(f"ALTER TABLE {name} RENAME COLUMN total TO sum_total")
        other.commit()
    append(bench, "two", 2)
    failures = bench.runner().drain().failures
    assert list(failures) == [name]
    assert isinstance(failures[name], NeedsRebuild)
    assert "--skip" not in str(say(failures[name]))
    assert stops.stops(bench.store.rows).get(name) is None
    bench.rebuild(name)
    assert bench.runner().drain().failures == {}
    assert totals(bench) == {3}
    assert [info.stream for info in bench.store.streams(category="note")] == ["note-a-3"]  # its command was not lost


def test_all_at_one_place_share_one_reading_and_one_transaction(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(bench, "one", 1, 1)
    read, transaction = bench.store.read, bench.store.transaction
    seen: list[str] = []

    def noted(what: str, real: Any) -> Any:
        return lambda *given: seen.append(what) or real(*given)

    runner = bench.runner()
    runner.drain()
    append(bench, "two", 1, 1, box="b")
    monkeypatch.setattr(bench.store, "read", noted("read", read))
    monkeypatch.setattr(bench.store, "transaction", noted("transaction", transaction))
    runner.drain()
    assert seen == ["read", "transaction"]
    assert {one.position for one in (*bench.statuses(), *bench.reactions())} == {4}


def test_events_for_nobody_cost_one_transaction_at_the_end(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.store.append(Commit("x", (NewEvent("other-1", "Foreign", 1, b"{}"),)))
    transaction, opened = bench.store.transaction, []
    monkeypatch.setattr(bench.store, "transaction", lambda: opened.append(1) or transaction())
    bench.runner().drain()
    assert len(opened) == 1
    assert {(one.status, one.lag) for one in (*bench.statuses(), *bench.reactions())} == {("ready", 0)}


def test_what_a_react_does_to_the_row_is_nobodys_business(bench: Workbench) -> None:
    append(bench, "one", 1, 2)
    assert bench.runner().drain().failures == {}
    (row,) = bench.rows(Watch)
    assert (row.seen, row.by_name) == ([], {"all": [1, 2]})


@pytest.mark.parametrize("name", ["sum", "watch"])
def test_a_skip_of_what_the_rows_have_taken_in_is_shown_until_the_rebuild(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The rows were made when the event could be taken; the rebuild with today's code can't."""

    def refuse(row: Any, event: Any) -> None:
        raise ValueError("no more")

    def contained() -> set[int]:
        return set(next(one for one in (*bench.statuses(), *bench.reactions()) if one.name == name).contained)

    append(bench, "one", 1)
    append(bench, "two", 1)
    bench.runner().drain()
    routes: Any = boxes.routes[name]
    broken = routes[Added]._replace(clause=routes[Added].clause._replace(function=refuse))
    with monkeypatch.context() as patched:
        patched.setitem(routes, Added, broken)
        with pytest.raises(DomainFailed, match=f"the rebuild of {name} stopped at @1"):
            bench.rebuild(name)
    skip = bench.skip if name == "sum" else bench.skip_in_reaction
    skip(name, 1, by="ada", reason="a test")
    assert contained() == {1}
    append(bench, "three", 1)
    assert bench.runner().drain().failures == {}
    assert contained() == {1}, "the rows have it still, wherever they are"
    bench.rebuild(name)
    assert contained() == set()
    assert [row.total for row in bench.rows(name)] == [2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["sum", "watch"])
def test_a_stop_of_another_runner_goes_when_one_with_rows_at_hand_passes_it(bench: Workbench, name: str) -> None:
    """As while two versions of the code run: the older one stopped at what the newer one takes."""
    append(bench, "one", 1)
    runner = bench.runner()
    runner.drain()
    append(bench, "two", 1)
    (_, event) = bench.store.read(Selection(category="box"))
    with bench.store.transaction() as rows:
        stops.record_stop(rows, name, event, DomainFailed("old code"))
    assert stops.stops(bench.store.rows).keys() == {name}
    assert runner.drain().failures == {}
    assert stops.stops(bench.store.rows) == {}


@pytest.mark.parametrize("name", ["sum", "watch"])
def test_a_stop_that_was_passed_is_no_longer_on_record(bench: Workbench, name: str) -> None:
    bench.store.append(Commit("bad", (NewEvent("box-a", "Added", 1, b'{"number":"x"}'),)))
    assert set(bench.runner().drain().failures) == {"sum", "watch"}
    assert stops.stops(bench.store.rows).get(name) is not None
    bench.skip("sum", 1, by="ada", reason="a test")
    bench.skip_in_reaction("watch", 1, by="ada", reason="a test")
    assert bench.runner().drain().failures == {}
    assert stops.stops(bench.store.rows).get(name) is None
