"""One copy: resumable, idempotent, narrowed and mapped, with a proof that can fail."""

import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import CommandReused, Damaged, DomainFailed, Misuse
from cqrs_cli.log.origins import fork_of, origins
from cqrs_cli.stores.commits import NewEvent
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.transfer import copy as copying
from cqrs_cli.transfer.copy import AS_IT_IS, Between, Step, copy, follow
from cqrs_cli.transfer.fork import fork
from cqrs_cli.transfer.mapping import Event, Mapping
from cqrs_cli.transfer.narrowing import Narrowing, Wanted
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.proof import Proof, ProvenCopy
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource
from tests.stores.wrapped import WrappedStore
from tests.transfer.logs import awkward_commits, history, make, plain_commits


def copied(source: Path, target: Path, *steps: Step) -> Proof:
    between = Between(steps, "&".join(str(getattr(step, "name", "step")) for step in steps))
    with open_store(str(source), read_only=True) as there, open_store(str(target), create=True) as here:
        return ProvenCopy(StoreSource(there), here, between).make()


def test_a_copy_is_the_log(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", awkward_commits())
    proof = copied(source, tmp_path / "b.db")
    assert history(tmp_path / "b.db") == history(source)
    assert (proof.is_same, proof.hash) == (True, proof.source_hash)
    assert proof.seen == proof.taken
    assert copied(source, tmp_path / "b.db").events == 0


@pytest.mark.parametrize("way", ["take_in", "append_many"])
def test_it_goes_on_where_it_was_whatever_moment_it_ended_at(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before and after each of its writes, which go at once, or one commit after the other."""
    source = make(tmp_path / "a.db", plain_commits(30, a_commit=2))
    monkeypatch.setattr(copying, "_EVENTS_TOGETHER", 8)
    monkeypatch.setattr(SQLiteStore, "take_in", SQLiteStore.take_in if way == "take_in" else lambda *_: False)
    many, calls = getattr(SQLiteStore, way), 0

    def failing(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise KeyboardInterrupt
        answers = many(*given)
        if calls % 3 == 2:
            raise KeyboardInterrupt
        return answers

    monkeypatch.setattr(SQLiteStore, way, failing)
    duplicates = 0
    for _ in range(40):
        try:
            duplicates += copied(source, tmp_path / "b.db").duplicates
            break
        except KeyboardInterrupt:
            continue
    assert history(tmp_path / "b.db") == history(source)
    assert calls > 8
    assert duplicates == 0, "what was written is known by its note, in the same transaction"


def test_two_at_once_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(300)), tmp_path / "b.db"
    open_store(str(target), create=True).close()
    monkeypatch.setattr(copying, "_EVENTS_TOGETHER", 10)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with open_store(str(source), read_only=True) as there, open_store(str(target)) as here:
                copy(StoreSource(there), StoreSink(here))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert history(target) == history(source)
    with open_store(str(target)) as store:
        (origin,) = origins(store.rows)
        assert origin.source_position == 300


def test_a_source_that_is_another_one_by_now(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(5)), tmp_path / "b.db"
    copied(source, target)
    for path in tmp_path.glob("a.db*"):
        path.unlink()
    make(source, plain_commits(3, 100))
    with pytest.raises(Misuse, match="it ends before") as caught:
        copied(source, target)
    assert caught.value.code == "source-changed"
    make(source, plain_commits(3, 200))
    with pytest.raises(Misuse, match="another one"):
        copied(source, target)


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "eve"}, {"metadata": "{}"}, {"correlation_id": "x"}, {"causation_id": "y"},
        {"events": (NewEvent("order-0", "Type0", 1, b'{"n":0,"m":1}'),)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_command", [True, False])
def test_an_id_that_is_there_with_another_body(tmp_path: Path, change: dict[str, Any], with_command: bool) -> None:
    """Also where the command is the same one, which for a command that is sent again is enough."""
    (one,) = plain_commits(1)
    if with_command:
        one = awkward_commits()[1]
    source, target = make(tmp_path / "a.db", [one]), make(tmp_path / "b.db", [one._replace(**change)])
    with pytest.raises(CommandReused, match="other contents"):
        copied(source, target)
    assert len(history(target)) == 1


def test_what_is_there_already_is_a_duplicate_whenever_it_was_recorded(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", plain_commits(5))
    target = make(tmp_path / "b.db", [one._replace(recorded_us=None) for one in plain_commits(2)])
    with pytest.raises(Misuse) as caught:
        copied(source, target)
    assert caught.value.code == "recorded-before"
    target = make(tmp_path / "c.db", plain_commits(2))
    proof = copied(source, target)
    assert (proof.commits, proof.duplicates, proof.is_same) == (5, 2, None)
    assert history(target) == history(source)


def test_a_chain_that_does_not_hold_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "a.db", plain_commits(5))
    parcels = StoreSource.parcels

    def altered(self: StoreSource, after: int) -> Iterator[Parcel]:
        for parcel in parcels(self, after):
            yield parcel._replace(commit=parcel.commit._replace(user_id="eve"))

    monkeypatch.setattr(StoreSource, "parcels", altered)
    with pytest.raises(Damaged):
        copied(source, tmp_path / "b.db")


def test_a_store_that_has_something_besides_is_not_called_the_same(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", plain_commits(5, 10))
    target = make(tmp_path / "b.db", plain_commits(2))
    proof = copied(source, target)
    assert (proof.is_same, proof.why) == (None, "the store has a history besides")
    make(target, [one._replace(id="own", recorded_us=None) for one in plain_commits(1)])
    make(source, [one._replace(id="new", recorded_us=None) for one in plain_commits(1)])
    assert copied(source, target).is_same is None


def test_a_fork_goes_on_with_its_original_and_stays_a_fork(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(5)), tmp_path / "b.db"
    with open_store(str(source), read_only=True) as store:
        fork(store, str(target))
    make(source, plain_commits(5, 5))
    proof = copied(source, target)
    assert (proof.begun, proof.events, proof.is_same) == (5, 5, True)
    assert history(target) == history(source)
    with open_store(str(target)) as store:
        origin = fork_of(store.rows)
        assert origin is not None
        assert origin.source_position == 10


def test_a_store_that_knows_the_contract_alone(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", awkward_commits())
    with SQLiteStore(str(source), read_only=True) as a, SQLiteStore(str(tmp_path / "b.db"), create=True) as b:
        there: Any = WrappedStore("wrapped:a", a)
        here: Any = WrappedStore("wrapped:b", b)
        assert ProvenCopy(StoreSource(there), here).make().is_same


# ── what is left out ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(streams=["order-1,order-2", "order-3"]), Wanted(categories=["order"]), Wanted(types=["type1,Type2"]),
        Wanted(since="2020-09-13T12:26:40.005Z"), Wanted(until="2020-09-13T12:26:40.005Z"),
        Wanted(where=["data.n > 3", "version > 1"]), Wanted(grep='"n":7'), Wanted(correlation="plain-4"), Wanted(user="x"),
        Wanted(categories=["order"], types=["Type0"], where=["position > 5"]), Wanted(commands=["Do"]),
    ],
)  # fmt: skip
def test_a_selection_is_that_of_the_log(tmp_path: Path, wanted: Wanted) -> None:
    from cqrs_cli.log.selection import Asked, EventFilter

    source = make(tmp_path / "a.db", plain_commits(20, a_commit=3))
    asked = Asked(
        category=next(iter(wanted.categories), None), types=wanted.types, since=wanted.since, until=wanted.until,
        user=wanted.user, commands=wanted.commands, correlation=wanted.correlation, grep=wanted.grep, where=wanted.where,
    )  # fmt: skip
    with open_store(str(source), read_only=True) as store:
        selecting = EventFilter(asked)
        names = {name for text in wanted.streams for name in text.split(",")}
        told = list(selecting.read(store, selecting.on(store, lambda note: None)))
        shown = [(event.stream, event.type, event.data) for event in told if not names or event.stream in names]
    proof = copied(source, tmp_path / "b.db", Narrowing(wanted))
    got = [(event.stream, event.type, event.data) for one in history(tmp_path / "b.db") for event in one.events]
    assert got == shown
    assert proof.events == len(shown)
    assert sum(proof.seen.values()) == 60
    assert copied(source, tmp_path / "b.db", Narrowing(wanted)).read == 0, "what was left out was read, too"


def test_another_selection_is_another_copy(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(21)), tmp_path / "b.db"
    copied(source, target, Narrowing(Wanted(streams=["order-1"])))
    with pytest.raises(Misuse) as caught:
        copied(source, target, Narrowing(Wanted(streams=["order-0"])))
    assert caught.value.code == "recorded-before", "its times fall: nothing is quietly left out"
    assert Narrowing(Wanted(types=["A,B"])).name == Narrowing(Wanted(types=["B", "A"])).name == "type=A,B"
    assert Narrowing(Wanted()).name == ""
    with pytest.raises(Misuse):
        Narrowing(Wanted(streams=["order-1@5"]))
    with pytest.raises(Misuse):
        Narrowing(Wanted(where=["nonsense ="]))


# ── what becomes of events ────────────────────────────────────────────────────────────────────


def mixed(events: Sequence[Event]) -> Iterator[Event]:
    first = events[0]
    if first.data["n"] == 0:
        return  # the whole commit
    if first.data["n"] == 1:  # both merged
        yield first.but(type="Merged", data={"n": [event.data["m"] for event in events]}, merging=events[1:])
    elif first.data["n"] == 2:  # one split, one dropped
        yield first.but(stream="left-1")
        yield first.but(stream="right-1", schema_version=2)
    elif first.data["n"] == 3:  # one renamed
        yield first.but(type="Renamed")
        yield events[1]
    else:
        yield from events


def test_events_are_split_merged_renamed_and_dropped(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(6, a_commit=2)), tmp_path / "b.db"
    proof = copied(source, target, Mapping(mixed, "mixed"))
    assert proof.mapped == {"dropped": 3, "split": 1, "merged": 2, "changed": 4}
    assert proof.kinds == {
        ("Type0", ""): 2, ("Type2", ""): 1, ("Type1", "Merged"): 2, ("Type0", "Renamed"): 1,
    }  # fmt: skip
    assert sum(proof.seen.values()) == 12
    assert proof.taken == {"Merged": 1, "Renamed": 1, "Type0": 1, "Type1": 2, "Type2": 4}
    assert (proof.is_same, proof.events) == (None, 9)
    logs = history(target)
    assert [one.id for one in logs] == [f"plain-{n}" for n in range(1, 6)]
    assert logs[0].events[0].data == b'{"n":[0,1]}'
    assert [(event.stream, event.schema_version) for event in logs[1].events] == [("left-1", 1), ("right-1", 2)]
    assert logs[-1].events[0].data == b'{"n":5,"m":0}', "what is not changed keeps its bytes"


def test_a_function_that_changes_nothing_makes_the_same_log(tmp_path: Path) -> None:
    commits = [one for one in awkward_commits() if one.events[0].data.startswith(b"{")]
    source = make(tmp_path / "a.db", commits)

    def looking(events: Sequence[Event]) -> Sequence[Event]:
        assert all(event.data is not ... for event in events)
        return events

    assert copied(source, tmp_path / "b.db", Mapping(looking, "looking")).mapped == {
        "dropped": 0, "split": 0, "merged": 0, "changed": 0,
    }  # fmt: skip
    assert history(tmp_path / "b.db") == history(source)


def failing(events: Sequence[Event]) -> Sequence[Event]:
    if events[0].data["n"] == 3:
        raise KeyError("price")
    return events


def in_place(events: Sequence[Event]) -> Sequence[Event]:
    events[0].data["n"] = 5
    return events


@pytest.mark.parametrize(
    ("function", "kind", "complaint"),
    [
        (failing, DomainFailed, "failed at @4: KeyError"),
        (in_place, Misuse, "in place, at @1"),
        (lambda events: [1], Misuse, "which is no event"),
        (lambda events: 5, DomainFailed, "not iterable"),
        (lambda events: [events[0].but(stream="a/b")], Misuse, "holds '/'"),
        (lambda events: [events[0].but(data={1, 2})], Misuse, "no JSON"),
        (lambda events: [events[0].but(data=float("nan"))], Misuse, "no JSON"),
    ],
)
def test_a_function_that_fails_copies_nothing_wrong(tmp_path: Path, function: Any, kind: Any, complaint: str) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(6)), tmp_path / "b.db"
    with pytest.raises(kind, match=complaint):
        copied(source, target, Mapping(function, "function"))
    assert not target.exists() or history(target) == []


# ── a mirror ──────────────────────────────────────────────────────────────────────────────────


def kept(given: list[Event]) -> Any:
    """A function with a memory."""
    return lambda events: given.extend(events) or given[:1]


@pytest.mark.parametrize(
    ("function", "kind", "complaint"),
    [
        (lambda events: [events[0].but(schema_version=True)], Misuse, "no whole number"),
        (lambda events: [events[0].but(schema_version="2")], Misuse, "no whole number"),
        (lambda events: [events[0].but(stream=5)], Misuse, "no text"),
        (lambda events: [events[0].but(type=b"x")], Misuse, "no text"),
        (lambda events: [events[0].but(merging=[1])], Misuse, "no event"),
        (lambda events: [setattr(events[0], "type", "Other") or events[0]], Misuse, "in place"),
        (lambda events: [setattr(events[0], "stream", "o-1") or events[0].but(type="X")], Misuse, "in place"),
        (kept([]), Misuse, "of another commit"),
        (lambda events: sys.exit(0), DomainFailed, "SystemExit"),
    ],
)
def test_what_a_function_may_not_do(tmp_path: Path, function: Any, kind: Any, complaint: str) -> None:
    source = make(tmp_path / "a.db", plain_commits(3))
    with pytest.raises(kind, match=complaint):
        copied(source, tmp_path / "b.db", Mapping(function, "f"))


@pytest.mark.parametrize("together", [2, 5_000])
def test_an_id_that_comes_twice_with_other_contents_takes_nothing_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """Nothing after it is there, however often one tries: else it would be passed over in the end."""
    monkeypatch.setattr(copying, "_EVENTS_TOGETHER", together)
    first, second, third = plain_commits(3)
    parcels = [Parcel(first, 1), Parcel(second._replace(id=first.id), 2), Parcel(third, 3)]
    for _ in range(3):
        with open_store(str(tmp_path / "b.db"), create=True) as store, pytest.raises(CommandReused):
            copy(Listed(parcels), StoreSink(store))
        with open_store(str(tmp_path / "b.db"), create=True) as store:
            assert third.id not in [one.commit_id for one in store.read()]
    again = [Parcel(first, 1), Parcel(first, 2), Parcel(third, 3)]
    with open_store(str(tmp_path / "c.db"), create=True) as store:
        assert copy(Listed(again), StoreSink(store)).duplicates == 1
        assert [one.commit_id for one in store.read()] == [first.id, third.id]


class Listed:
    """A source of parcels. begins: the position that it begins after."""

    name, has_chain = "listed", False

    def __init__(self, parcels: Sequence[Parcel], begins: int = 0, before: str | None = None) -> None:
        self._parcels, self.begins, self._before = parcels, begins, before

    def parcels(self, after: int) -> Iterator[Parcel]:
        return (one for one in self._parcels if one.position > after)

    def mark(self, position: int) -> str | None:
        return self._before if position == self.begins else None

    def wait(self, after: int, seconds: float) -> bool:
        return False


def test_a_tail_goes_on_from_what_comes_before_alone(tmp_path: Path) -> None:
    """Else what comes before could never come any more."""
    commits = plain_commits(3)
    source = make(tmp_path / "a.db", commits[:2])
    with open_store(str(source)) as store:
        mark = StoreSource(store).mark(2)
        tail = [Parcel(commits[2], 3)]
        with open_store(str(tmp_path / "b.db"), create=True) as empty, pytest.raises(Misuse) as raised:
            copy(Listed(tail, 2, mark), StoreSink(empty))
        assert raised.value.code == "gap"
        with pytest.raises(Misuse):
            copy(Listed(tail, 2, "00" * 32), StoreSink(store))
        assert copy(Listed(tail, 2, mark), StoreSink(store)).events == 1


def test_a_word_that_names_nothing_does_not_choose_all() -> None:
    for wanted in (Wanted(types=[""]), Wanted(streams=[","]), Wanted(categories=[""]), Wanted(commands=[""])):
        with pytest.raises(Misuse, match="names nothing"):
            Narrowing(wanted)


def test_a_mirror_goes_on_with_what_comes_and_ends_when_told(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(5)), tmp_path / "b.db"
    told: list[int] = []
    stop, moved = threading.Event(), threading.Condition()

    def tell(tally: Any) -> None:
        with moved:
            told.append(tally.reached.position)
            moved.notify_all()

    def run() -> None:
        with open_store(str(source), read_only=True) as there, open_store(str(target), create=True) as here:
            follow(StoreSource(there), StoreSink(here), AS_IT_IS, stop.is_set, tell)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        for until in (5, 8, 9):
            if until > 5:
                make(source, plain_commits(until - told[-1], told[-1]))
            with moved:
                while not told or told[-1] < until:
                    assert moved.wait(60)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert history(target) == history(source)


def test_a_mirror_that_is_stopped_in_the_middle_ends_between_two_writes(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(50)), tmp_path / "b.db"
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    with open_store(str(source), read_only=True) as there, open_store(str(target), create=True) as here:
        follow(StoreSource(there), StoreSink(here), AS_IT_IS, stop, lambda tally: None)
        assert 0 < here.head() < 50
    assert copied(source, target).is_same
    assert history(target) == history(source)
