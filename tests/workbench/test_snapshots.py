"""Snapshots: a load through one is the fold from the start, whatever happened to it."""

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from cqrs_cli import Aggregate, Command, Domain, Event, Rejected, decide, evolve
from cqrs_cli.domain.aggregate import AggregateType, aggregate_type
from cqrs_cli.domain.fingerprint import fingerprint
from cqrs_cli.domain.state_json import restored, state_json
from cqrs_cli.errors import DefinitionError, InvalidInput, NotFound, Unavailable
from cqrs_cli.history.snapshot_comparison import compare
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append, Selection
from cqrs_cli.stores.operational import SNAPSHOTS
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.engine import Limits
from cqrs_cli.workbench.snapshots import Snapshot, drop, select
from cqrs_cli.workbench.workbench import Request, State, Workbench

EVERY = 4


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Entry(BaseModel):
    amount: Decimal
    at: datetime


class Add(Command):
    tally_id: str
    amount: Decimal = Decimal(1)


class Paint(Command):
    tally_id: str
    colour: Colour = Colour.RED


class Refuse(Command):
    tally_id: str


def with_time(old: dict[str, Any]) -> dict[str, Any]:
    return {"amount": str(old["cents"] / 100), "at": "2020-01-01T00:00:00Z"}


class Added(Event, version=2, upcasters={1: with_time}):
    amount: Decimal
    at: datetime


class Painted(Event):
    colour: Colour


class Tally(Aggregate, snapshot_every=EVERY):
    tally_id: str
    total: Decimal = Decimal(0)
    entries: list[Entry] = []
    colours: set[Colour] = set()
    by_day: dict[str, list[Decimal]] = {}
    last: Painted | Entry | None = None

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(amount=command.amount, at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=len(self.entries)))

    @decide(creates="either")
    def paint(self, command: Paint) -> list[Painted]:
        return [Painted(colour=command.colour), Painted(colour=Colour.BLUE)]

    @decide(creates="either")
    def refuse(self, command: Refuse) -> None:
        raise Rejected("no")

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.amount
        self.entries.append(Entry(amount=event.amount, at=event.at))
        self.by_day.setdefault(event.at.date().isoformat(), []).append(event.amount)
        self.last = Entry(amount=event.amount, at=event.at)

    @evolve
    def painted(self, event: Painted) -> "Tally":
        self.colours.add(event.colour)
        return self.model_copy(update={"last": event})


domain = Domain("tallies", Tally)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "tallies.db")


@pytest.fixture
def bench(path: str) -> Iterator[Workbench]:
    with Workbench.open(path, domain) as opened:
        yield opened


def fill(bench: Workbench, count: int, name: str = "a") -> None:
    for _ in range(count):
        bench.send(Add(tally_id=name))


def snapshot(bench: Workbench, stream: str = "tally-a") -> Snapshot | None:
    return next((one for one in select(bench.store) if one.stream == stream), None)


def the_snapshot(bench: Workbench) -> Snapshot:
    found = snapshot(bench)
    assert found
    return found


def from_start(bench: Workbench, stream: str = "tally-a", before: int | None = None) -> State[Any]:
    return bench.snapshots.from_the_start(bench.snapshots.fold_of(stream), stream, before)


def put(bench: Workbench, *rows: Snapshot) -> None:
    with bench.store.transaction() as tables:
        tables.put(SNAPSHOTS, rows)


@contextmanager
def reading(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The positions of the events that are read inside."""
    read: list[int] = []
    scan = bench.store.scan

    def counted(selection: Selection = Selection()) -> Iterator[Any]:
        for event in scan(selection):
            read.append(event.position)
            yield event

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "scan", counted)
        yield read


def in_memory(**keywords: Any) -> AggregateType:
    """The aggregate `Thing` with one field `x` of the type given, for looks at its state."""
    annotation = keywords.pop("annotation")
    return aggregate_type(
        type(
            "Thing",
            (Aggregate,),
            {"__annotations__": {"thing_id": str, "x": annotation, "y": Any}, "x": None, "y": None, **keywords},
        )
    )


# ── when they are taken ───────────────────────────────────────────────────────────────────────


def test_a_fold_is_kept_at_each_nth_version(bench):
    versions = []
    for _ in range(10):
        bench.send(Add(tally_id="a"))
        found = snapshot(bench)
        versions.append(found.version if found else 0)
    assert versions == [0, 0, 0, 4, 4, 4, 4, 8, 8, 8]


def test_a_command_of_several_events_is_kept_when_it_passes_a_multiple(bench):
    fill(bench, 3)
    bench.send(Paint(tally_id="a"))
    assert the_snapshot(bench).version == 5


def test_one_transaction_at_each_nth_version_and_one_a_group_of_a_batch(bench, monkeypatch):
    bench = Workbench(bench.store, bench.domain, limits=Limits(written_together=500))
    opened = []
    transaction = bench.store.transaction
    monkeypatch.setattr(bench.store, "transaction", lambda: opened.append(1) or transaction())
    fill(bench, 9)
    assert len(opened) == 2
    requests = [Request(line, Add(tally_id=f"b{line % 7}")) for line in range(1_200)]
    assert {outcome.status for outcome in bench.send_batch(requests)} == {"committed"}
    assert len(opened) == 2 + 3
    assert {one.version for one in select(bench.store, "tally") if one.stream != "tally-a"} == {171, 172}


def test_without_snapshot_every_nothing_is_kept(path):
    class Plain(Tally, category="tally", key="tally_id"):
        pass

    with Workbench.open(path, Domain("plain", Plain)) as bench:
        fill(bench, 9)
        assert list(select(bench.store)) == []


def plain_id(value: object) -> str:
    """An id that is the same in every process: sets and addresses are not, and tests run in several."""
    return type(value).__name__ if not isinstance(value, type) else value.__name__


@pytest.mark.parametrize("wrong", [0, -1, True, 2.5, "9"])
def test_a_policy_below_one_event_is_a_definition_error(wrong):
    class Bad(Aggregate, snapshot_every=wrong):
        bad_id: str

    with pytest.raises(DefinitionError, match="snapshot_every="):
        Domain("bad", Bad)


def test_a_dry_run_and_a_rejection_keep_nothing(bench):
    fill(bench, 3)
    bench.send(Add(tally_id="a"), dry_run=True)
    with pytest.raises(Rejected):
        bench.send(Refuse(tally_id="a"))
    assert snapshot(bench) is None


def test_what_a_decide_did_to_its_state_is_not_kept(bench):
    fill(bench, 6)
    list(bench.send_batch(Request(line, Add(tally_id="a")) for line in range(6)))
    assert the_snapshot(bench).version == 12
    assert bench.load(Tally, "a").state.total == Decimal(12)


# ── loading ───────────────────────────────────────────────────────────────────────────────────


def test_a_load_reads_the_tail_only(bench, monkeypatch):
    fill(bench, 10)
    with reading(bench, monkeypatch) as read:
        assert bench.replay("tally-a").version == 10
    assert read == [8, 9, 10]  # the snapshot's own event, to see that it is there, and the tail
    bench.aggregates.cached.clear()  # as in a process of its own
    with reading(bench, monkeypatch) as read:
        bench.send(Add(tally_id="a"))
    assert read == [8, 9, 10]
    bench.aggregates.cached.clear()
    with reading(bench, monkeypatch) as read:
        list(bench.send_batch([Request(1, Refuse(tally_id="a"))]))
    assert set(read) == {8, 9, 10, 11}


def test_a_long_stream_loads_in_the_time_of_its_tail(path, monkeypatch):
    count, tail = 100_000, 7
    data = b'{"cents":1}'

    class Cents(Aggregate, category="tally", key="tally_id"):
        tally_id: str
        total: Decimal = Decimal(0)

        @evolve
        def added(self, event: Added) -> None:
            self.total += event.amount

    with open_store(path, create=True) as store:
        for start in range(0, count, 1_000):
            store.append(Commit(f"c{start}", tuple([NewEvent("tally-a", "Added", 1, data)] * 1_000)))
    with Workbench.open(path, Domain("cents", Cents)) as bench:
        assert [one.status for one in bench.snapshots.take(["tally-a"])] == ["taken"]
        bench.store.append(Commit("tail", tuple([NewEvent("tally-a", "Added", 1, data)] * tail)))
        steps = []
        bench.store._file.connection.set_progress_handler(lambda: steps.append(1) and None, 100)  # type: ignore[attr-defined]
        with reading(bench, monkeypatch) as read:
            state = bench.load(Cents, "a")
        assert (state.version, state.state.total) == (count + tail, Decimal(count + tail) / 100)
        assert len(read) == tail + 1
        assert len(steps) < 50, "SQLite walked through what came before the tail"


def test_a_point_in_history_is_reached_through_a_snapshot_that_is_not_past_it(bench, monkeypatch):
    fill(bench, 10)
    fill(bench, 3, "b")
    for at in range(1, 11):
        with reading(bench, monkeypatch) as read:
            assert bench.replay("tally-a", at=at) == bench.replay("tally-a", at_position=at)
        assert (1 in read) == (at < 8)
        assert bench.replay("tally-a", at=at).state.total == at
    with pytest.raises(NotFound, match="no version 11"):
        bench.replay("tally-a", at=11)


def test_a_store_opened_for_reading_only(path, monkeypatch):
    with Workbench.open(path, domain) as bench:
        fill(bench, 9)
    with Workbench.open(path, domain, read_only=True) as bench:
        with reading(bench, monkeypatch) as read:
            assert bench.load(Tally, "a").state.total == 9
        assert read == [8, 9]
        assert [one.version for one in compare(bench, ["tally-a"])] == [9]
        assert [one.reason for one in bench.snapshots.all()] == [None]
        with pytest.raises(Unavailable):
            drop(bench.store)


def test_a_store_without_any_snapshot_and_opened_for_reading_only(path):
    with open_store(path, create=True) as store:
        store.append(Commit("c", (NewEvent("tally-a", "Added", 1, b'{"cents":100}'),)))
    with Workbench.open(path, domain, read_only=True) as bench:
        assert bench.load(Tally, "a").state.total == 1
        assert list(bench.snapshots.all()) == []


# ── what does not count ───────────────────────────────────────────────────────────────────────

DAMAGE = {
    "no JSON": lambda row: row._replace(state="{"),
    "not a state": lambda row: row._replace(state='{"total":"many"}'),
    "empty": lambda row: row._replace(state=""),
    "read leniently": lambda row: row._replace(state=row.state.replace('"total":"8"', '"total":8')),
    "of another key": lambda row: row._replace(state=row.state.replace('"tally_id":"a"', '"tally_id":"b"')),
    "ahead of the stream": lambda row: row._replace(version=99, position=9_999),
    "ahead in versions": lambda row: row._replace(version=9),
    "of no event": lambda row: row._replace(position=0),
    "before the log": lambda row: row._replace(position=-3, version=-3),
    "at another event": lambda row: row._replace(position=4),
    "of older code": lambda row: row._replace(fingerprint="0" * 32),
    "of an older class": lambda row: row._replace(aggregate_version=0),
    "of a newer class": lambda row: row._replace(aggregate_version=2),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_snapshot_that_does_not_count_is_passed_over_and_replaced(path, what):
    with Workbench.open(path, domain) as bench:
        fill(bench, 9)
        good = snapshot(bench)
        put(bench, DAMAGE[what](good))
        bad = the_snapshot(bench)
        assert bad != good
        assert [one.state for one in bench.snapshots.all()] == [None]
        assert all(one.reason for one in bench.snapshots.all())
        assert bench.replay("tally-a") == from_start(bench)
        assert bench.load(Tally, "a").state.total == 9
        assert list(compare(bench, ["tally-a"])) == [("tally-a", None, [])]
    with Workbench.open(path, domain) as bench:
        bench.send(Add(tally_id="a"))  # between two multiples: the one that was met is replaced all the same
        assert (the_snapshot(bench).version, [one.reason for one in bench.snapshots.all()]) == (10, [None])
        bench.send(Add(tally_id="a"))
        assert the_snapshot(bench).version == 10, "replaced once, not at each send from then on"
        put(bench, bad)
        assert [one.status for one in bench.snapshots.take(["tally-a"])] == ["taken"]
        assert (the_snapshot(bench).version, [one.reason for one in bench.snapshots.all()]) == (11, [None])


def test_a_raised_version_makes_kept_folds_worthless(path, monkeypatch):
    class Newer(Tally, category="tally", key="tally_id", version=2, snapshot_every=EVERY):
        pass

    with Workbench.open(path, domain) as bench:
        fill(bench, 9)
    with Workbench.open(path, Domain("newer", Newer)) as bench:
        assert [one.reason for one in bench.snapshots.all()] == ["version 1 of Newer became 2"]
        with reading(bench, monkeypatch) as read:
            assert bench.load(Newer, "a").state.total == 9
        assert read == list(range(1, 10))
        bench.send(Add(tally_id="a"))
        assert (the_snapshot(bench).version, the_snapshot(bench).aggregate_version) == (10, 2)


def test_a_snapshot_of_a_category_that_the_domain_has_not(bench):
    put(bench, Snapshot("other-1", 1, 1, 1, "", "{}", 0))
    assert [(one.state, one.reason) for one in bench.snapshots.all()] == [
        (None, "no aggregate of the domain 'tallies' has the category 'other'")
    ]


# ── the fingerprint ───────────────────────────────────────────────────────────────────────────

CODE = """
from cqrs_cli import Aggregate, Event, evolve
from cqrs_cli.domain.aggregate import aggregate_type
from cqrs_cli.domain.fingerprint import fingerprint

def rounded(value):
    return value + 1

def older(data):
    return {**data, "n": 0}

class Happened(Event, version=2, upcasters={1: older}):
    n: int

class Thing(Aggregate):
    thing_id: str
    names: set[str] = {"a", "b", "c", "d", "e"}
    more: dict[str, set[str]] = {"k": {"p", "q", "r", "s"}}
    n: int = 0

    @evolve
    def happened(self, event: Happened) -> None:
        if event.n not in {1, 2, 3} and str(event.n) in {"x", "y", "z"}:
            self.change(event.n)

    def change(self, by: int) -> None:
        self.n = rounded(by)

print(fingerprint(aggregate_type(Thing)))
"""


def made(code: str) -> str:
    module: dict[str, Any] = {"__name__": "thing"}
    exec(code.replace("\nprint(", "\nfound = str("), module)
    found: str = module["found"]
    return found


def printed(code: str, seed: str = "0") -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_a_fingerprint_is_the_same_in_every_process_and_for_other_comments():
    first = printed(CODE)
    assert len(first) == 32
    assert {
        printed(CODE, "1"),
        printed(CODE, "77"),
        printed(CODE.replace("= rounded", "=  rounded").replace("-> None:\n", "-> None:\n        # now\n")),
    } == {first}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.change(event.n)", "self.change(event.n + 0)"),
        ("{1, 2, 3}", "{1, 2, 4}"),
        ("self.n = rounded(by)", "self.n = by"),
        ("value + 1", "value + 2"),
        ('"n": 0}', '"n": 1}'),
        ("version=2, upcasters={1: older}", "version=3, upcasters={1: older, 2: dict}"),
        ("    n: int\n", "    n: int | None\n"),
        ("n: int = 0", "n: int = 1"),
        ("n: int = 0", "n: float = 0.0"),
        ('"d", "e"}', '"d"}'),
    ],
)
def test_a_fingerprint_tells_code_and_shapes_apart(old, new):
    assert CODE.count(old) == 1
    assert made(CODE.replace(old, new)) != made(CODE)


def test_changed_code_makes_a_snapshot_worthless_and_the_declared_version_alone_makes_none_count(bench, monkeypatch):
    fill(bench, 9)
    kept = the_snapshot(bench)
    fold = bench.snapshots.fold_of("tally-a")
    assert kept.fingerprint == fingerprint(fold.aggregate)
    # The right fingerprint with another version: worthless. The right version with another fingerprint: worthless.
    assert bench.snapshots.judge(kept._replace(aggregate_version=2), fold).state is None
    assert (
        bench.snapshots.judge(kept._replace(fingerprint="f" * 32), fold).reason
        == "the code or the shape of the state changed"
    )
    assert bench.snapshots.judge(kept, fold).state is not None


# ── exactness ─────────────────────────────────────────────────────────────────────────────────

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SHARED: list[int] = [1]


class Upper(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def upper(cls, value: str) -> str:
        return value.upper()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (float, 3),
        (float, float("nan")),
        (float, float("inf")),
        (int, True),
        (Decimal, 1),
        (Any, Decimal("1.10")),
        (Any, (1, 2)),
        (str, Colour.RED),
        (datetime, NOON.astimezone(ZoneInfo("Europe/Paris"))),
        (str, "\ud800"),
        (Upper, Upper.model_construct(name="ada")),
        (Any, object()),
        (deque[int], deque([1], maxlen=3)),
        (list[Any], [SHARED, SHARED]),
        (list[Entry], [Entry(amount=Decimal(1), at=NOON)] * 2),
    ],
    ids=plain_id,
)
def test_a_state_that_would_come_back_as_another_is_refused(annotation, value):
    thing = in_memory(annotation=annotation | None)
    state: Any = thing.cls.model_validate({"thing_id": "a"})
    state.x = value
    with pytest.raises(InvalidInput, match="does not come back from JSON"):
        state_json(thing, state)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (float, 3.0),
        (float, -0.0),
        (float | int, 3),
        (float | int, 3.0),
        (int, 2**200),
        (bool, True),
        (Decimal, Decimal("1.10")),
        (Decimal, Decimal("1E+3")),
        (datetime, NOON),
        (datetime, datetime(2026, 7, 1, 12)),
        (timedelta, timedelta(days=-1, microseconds=1)),
        (tuple[int, str], (1, "b")),
        (set[str], {"b", "a", "c"}),
        (set[int], {1, 8}),  # not sorted when it is walked through
        (frozenset[Colour], frozenset(Colour)),
        (dict[str, list[int]], {"b": [1], "a": []}),
        (dict[int, Entry], {2: Entry(amount=Decimal("0.00"), at=NOON)}),
        (str, 'a"\\\u0000\n…🙂'),
        (bytes, b"abc"),
        (tuple[Painted, ...], (Painted(colour=Colour.RED),) * 2),
    ],
    ids=plain_id,
)
def test_a_state_comes_back_as_it_was(annotation, value):
    thing = in_memory(annotation=annotation | None)
    state: Any = thing.cls.model_validate({"thing_id": "a"})
    state.x = value
    text = state_json(thing, state)
    again: Any = restored(thing, text)
    assert again == state
    told = repr(sorted(again.x) if isinstance(value, set | frozenset) else again.x)
    assert (
        type(again.x),
        told.replace("TzInfo(0)", "UTC").replace("TzInfo(UTC)", "UTC"),  # pydantic since 2.12, and before
    ) == (
        type(value),
        repr(sorted(value) if isinstance(value, set | frozenset) else value).replace("datetime.timezone.utc", "UTC"),
    )
    assert state_json(thing, again) == text


def test_a_text_of_which_todays_class_makes_something_else_is_no_state():
    thing = in_memory(annotation=Upper | None)
    assert restored(thing, '{"thing_id":"a","x":{"name":"ADA"},"y":null}') is not None
    assert restored(thing, '{"thing_id":"a","x":{"name":"ada"},"y":null}') is None
    assert restored(thing, '{"thing_id":"a","x":{"name":"ADA"},"y":null,"z":1}') is None


class Sloppy(Aggregate, category="tally", key="tally_id", snapshot_every=1):
    tally_id: str
    total: float = 0

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(amount=command.amount, at=NOON)

    @evolve
    def added(self, event: Added) -> None:
        self.total = int(event.amount)


# ── nothing fails for a snapshot ──────────────────────────────────────────────────────────────


def test_a_state_that_can_t_be_kept_fails_no_send_and_is_refused_by_command(path, caplog):
    with Workbench.open(path, Domain("sloppy", Sloppy)) as bench:
        assert bench.send(Add(tally_id="a")).status == "committed"
        assert [outcome.status for outcome in bench.send_batch([Request(1, Add(tally_id="a"))])] == ["committed"]
        assert snapshot(bench) is None
        assert "no snapshot of tally-a" in caplog.text
        (taken,) = bench.snapshots.take(["tally-a"])
        assert (taken.status, taken.version) == ("refused", 2)
        assert taken.reason
        assert "total" in taken.reason


@pytest.mark.parametrize("error", [Unavailable("the disk is full"), RuntimeError("a bug")])
def test_failing_to_write_one_fails_no_send(bench, monkeypatch, error):
    def broken() -> Any:
        raise error

    monkeypatch.setattr(bench.store, "transaction", broken)
    fill(bench, 5)
    assert {outcome.status for outcome in bench.send_batch(Request(line, Add(tally_id="a")) for line in range(5))} == {
        "committed"
    }
    assert bench.store.version("tally-a") == 10


def test_failing_to_read_one_fails_no_load(bench, monkeypatch):
    fill(bench, 5)

    def broken(*_: Any) -> Any:
        raise Unavailable("a bad page")

    monkeypatch.setattr(type(bench.store.rows), "load", broken)
    assert bench.load(Tally, "a").state.total == 5


# ── by command ────────────────────────────────────────────────────────────────────────────────


def test_take_folds_from_the_start_and_so_repairs(bench):
    fill(bench, 9)
    right = the_snapshot(bench)
    put(bench, right._replace(state=right.state.replace('"total":"8"', '"total":"80"')))
    assert bench.load(Tally, "a").state.total == 81  # nothing in the row says that it is wrong
    (found,) = compare(bench, ["tally-a"])
    assert found.differences == [("tally-a", "total", "81", "9")]
    assert [one.status for one in bench.snapshots.take(["tally-a"])] == ["taken"]
    assert bench.load(Tally, "a").state.total == 9
    assert [one.status for one in bench.snapshots.take(["tally-a"])] == ["kept"]


def test_a_wrong_row_of_the_newest_version_is_repaired_too(bench):
    fill(bench, 8)
    right = the_snapshot(bench)
    put(bench, right._replace(state=right.state.replace('"total":"8"', '"total":"80"')))
    assert [one.status for one in bench.snapshots.take(["tally-a"])] == ["taken"]
    assert bench.load(Tally, "a").state.total == 8


def test_many_are_taken_in_groups(bench, monkeypatch):
    bench.store.append_many(
        [Append(Commit(f"c{n}", (NewEvent(f"tally-{n}", "Added", 1, b'{"cents":100}'),))) for n in range(250)]
    )
    opened = []
    transaction = bench.store.transaction
    monkeypatch.setattr(bench.store, "transaction", lambda: opened.append(1) or transaction())
    assert sum(one.status == "taken" for one in bench.snapshots.take(f"tally-{n}" for n in range(250))) == 250
    assert len(opened) == 3
    with pytest.raises(NotFound):
        list(bench.snapshots.take(["tally-none"]))


def test_drop(bench):
    for name in ("a", "b", "c"):
        fill(bench, 4, name)
    with pytest.raises(NotFound, match="tally-x"):
        drop(bench.store, ["tally-a", "tally-x"])
    assert drop(bench.store, ["tally-a", "tally-a"]) == 1
    assert drop(bench.store, category="tall") == 0
    assert drop(bench.store, category="tally") == 2
    fill(bench, 4)
    assert drop(bench.store) == 1
    assert drop(bench.store) == 0
    assert bench.replay("tally-a").version == 8


def test_an_older_event_that_no_longer_folds_is_a_difference(bench):
    bench.store.append(Commit("bad", (NewEvent("tally-a", "Added", 2, b'{"amount":"x"}'),)))
    good = Tally(tally_id="a", total=Decimal(1))
    fold = bench.snapshots.fold_of("tally-a")
    put(bench, Snapshot("tally-a", 1, 1, 1, fingerprint(fold.aggregate), state_json(fold.aggregate, good), 0))
    (found,) = compare(bench, ["tally-a"])
    assert (found.differences[0].path, found.differences[0].folded[:11]) == (None, "undecodable")


def test_events_that_come_while_it_is_compared_are_no_difference(bench, monkeypatch):
    fill(bench, 5)
    fold = type(bench.snapshots).from_the_start

    def late(self: Any, *arguments: Any, **keywords: Any) -> Any:
        fill(bench, 1)
        return fold(self, *arguments, **keywords)

    monkeypatch.setattr(type(bench.snapshots), "from_the_start", late)
    assert list(compare(bench, ["tally-a"])) == [("tally-a", 5, [])]


# ── several writers ───────────────────────────────────────────────────────────────────────────


def test_an_older_fold_does_not_replace_a_newer_one(bench, path, monkeypatch):
    fill(bench, 3)
    fold = bench.snapshots.fold_of("tally-a")
    write = type(bench.snapshots)._write

    def late(self: Any, made: list[Snapshot]) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(type(bench.snapshots), "_write", write)
            with Workbench.open(path, domain) as other:
                fill(other, 5)
        return write(self, made)

    monkeypatch.setattr(type(bench.snapshots), "_write", late)
    fill(bench, 1)
    assert the_snapshot(bench).version == 8
    assert bench.snapshots.load(fold, "tally-a").state.total == 9


def test_threads_on_one_stream(path):
    with Workbench.open(path, domain) as bench:
        fill(bench, 1)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Workbench.open(path, domain) as bench:
                if number % 2:
                    fill(bench, 30)
                else:
                    outcomes = list(bench.send_batch(Request(line, Add(tally_id="a")) for line in range(30)))
                    assert {outcome.status for outcome in outcomes} == {"committed"}
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Workbench.open(path, domain) as bench:
        assert bench.load(Tally, "a").state.total == 121
        assert the_snapshot(bench).version >= 120  # whoever passed it kept it, and nothing older came over it
        assert [one.differences for one in compare(bench, ["tally-a"])] == [[]]


# ── any history ───────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["a", "b"])
AMOUNTS = st.decimals(-1000, 1000, places=2)
STEPS = st.one_of(
    st.tuples(st.just("add"), NAMES, AMOUNTS),
    st.tuples(st.just("paint"), NAMES, st.sampled_from(Colour)),
    st.tuples(st.just("old"), NAMES, st.integers(-500, 500)),
    st.tuples(st.just("batch"), st.lists(st.tuples(NAMES, AMOUNTS), max_size=12), st.booleans()),
    st.tuples(st.just("take"), NAMES, st.none()),
    st.tuples(st.just("drop"), NAMES, st.none()),
    st.tuples(st.just("damage"), NAMES, st.sampled_from(sorted(DAMAGE))),
    st.tuples(st.just("past"), NAMES, st.integers(1, 20)),
    st.tuples(st.just("reopen"), st.just("a"), st.none()),
)


class Machine:
    """A workbench and what is done to it, step by step."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.bench = Workbench.open(path, domain)
        self.imports = 0
        self.past: dict[str, Snapshot] = {}

    def do(self, what: str, name: Any, value: Any) -> None:
        bench, stream = self.bench, f"tally-{name}"
        if what == "add":
            bench.send(Add(tally_id=name, amount=value))
        elif what == "paint":
            bench.send(Paint(tally_id=name, colour=value))
        elif what == "old":  # by somebody who knows nothing of snapshots, in the first version
            self.imports += 1
            bench.store.append(Commit(f"i{self.imports}", (NewEvent(stream, "Added", 1, b'{"cents":%d}' % value),)))
        elif what == "batch":
            commands: list[Command] = [Add(tally_id=one, amount=amount) for one, amount in name]
            commands += [Refuse(tally_id="a"), Paint(tally_id="b")] if value else []
            list(bench.send_batch(Request(line, command) for line, command in enumerate(commands)))
        elif what == "take" and bench.store.version(stream):
            list(bench.snapshots.take([stream]))
        elif what == "drop" and snapshot(bench, stream):
            drop(bench.store, [stream])
        elif what == "damage" and (found := snapshot(bench, stream)):
            put(bench, DAMAGE[value](found))
        elif what == "past" and (found := snapshot(bench, stream)):  # one of an earlier moment comes back
            put(bench, self.past.setdefault(stream, found))
        elif what == "reopen":
            bench.close()
            self.bench = Workbench.open(self.path, domain)

    def check(self) -> None:
        for name in ("a", "b"):
            stream = f"tally-{name}"
            version = self.bench.store.version(stream)
            if version:
                expected = from_start(self.bench, stream)
                found = self.bench.load(Tally, name)
                assert found == expected
                assert found.state.model_dump_json() == expected.state.model_dump_json() or found.state.colours
                at = max(1, version - 3)
                fold = self.bench.snapshots.fold_of(stream)
                events = self.bench.store.scan(Selection(stream=stream, limit=at))
                assert self.bench.replay(stream, at=at) == fold.over(fold.empty(stream), events)
                assert [one.differences for one in compare(self.bench, [stream])] == [[]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(STEPS, min_size=3, max_size=25))
def test_a_load_through_snapshots_is_the_fold_from_the_start(tmp_path_factory, steps):
    machine = Machine(str(tmp_path_factory.mktemp("machine") / "tallies.db"))
    try:
        for step in steps:
            machine.do(*step)
            machine.check()
    finally:
        machine.bench.close()


class Step(Command):
    walk_id: str


class Stepped(Event): ...


class Walk(Aggregate):
    """Of whose snapshots none is taken but by hand."""

    walk_id: str
    steps: int = 0

    @decide(creates="either")
    def step(self, command: Step) -> Stepped:
        return Stepped()

    @evolve
    def stepped(self, event: Stepped) -> None:
        self.steps += 1


walks = Domain("walks", Walk)


@pytest.mark.parametrize("taken", [False, True], ids=["without a snapshot", "with one"])
@pytest.mark.parametrize("length", [99, 100, 101])
def test_what_is_read_before_it_is_asked_for_snapshots_is_the_same_state(
    tmp_path: Path, length: int, taken: bool
) -> None:
    path = str(tmp_path / "walks.db")
    with Workbench.open(path, walks) as bench:
        deque(bench.send_batch([Request(line, Step(walk_id="w")) for line in range(length)]), maxlen=0)
        if taken:
            deque(bench.snapshots.take(["walk-w"]), maxlen=0)
    for version in (1, 50, 99, 100, 101, None):
        with Workbench.open(path, walks) as bench:
            if version is not None and version > length:
                with pytest.raises(NotFound):
                    bench.replay("walk-w", at=version)
                continue
            state = bench.replay("walk-w", at=version)
            assert (state.version, vars(state.state)["steps"]) == (version or length,) * 2
    for version in (1, 99, 100):
        with Workbench.open(path, walks) as bench:
            assert bench.replay("walk-w", at_position=version).version == min(version, length)
    with Workbench.open(path, walks) as bench:
        reads: list[Selection] = []
        scan = bench.store.scan
        bench.store.scan = lambda selection: (reads.append(selection), scan(selection))[1]  # type: ignore
        bench.send(Step(walk_id="w"))
    assert [(read.after, read.limit) for read in reads] == {
        (99, True): [(0, 100)],
        (99, False): [(0, 100)],
        (100, True): [(0, 100), (99, 1), (100, None)],
        (101, True): [(0, 100), (100, 1), (101, None)],
    }.get((length, taken), [(0, 100), (0, None)])
