"""One store object in several threads: each call takes its turn, nothing is lost, doubled or mixed up."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import Conflict, Misuse, Unavailable
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Append, Selection
from cqrs_cli.stores.rows import Checkpoint, Column, Table
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event

THREADS = 8
COUNTS = Table("counts", (Column("id", "text"), Column("n", "integer"), Column("size", "decimal")), ("id",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(tmp_path / "a.db"), create=True, durability="relaxed") as store:
        yield store


def in_threads(work: Callable[[int], Any]) -> list[Any]:
    """What each of eight threads that begin together returns; raises what one of them did."""
    barrier = threading.Barrier(THREADS)

    def begin(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def test_rows_are_of_the_thread_of_their_transaction(store: SQLiteStore) -> None:
    with store.transaction() as rows:
        rows.create(COUNTS)
        with ThreadPoolExecutor(1) as pool, pytest.raises(Misuse) as caught:
            pool.submit(rows.put, COUNTS, [("theirs", 1, "1")]).result()
        assert caught.value.code == "transaction-over"
        rows.put(COUNTS, [("ours", 1, "1")])
    assert [row[0] for row in store.rows.select(COUNTS)] == ["ours"]


def test_appends_with_conditions_reads_and_rows_hammer_one_store(store: SQLiteStore) -> None:
    rounds = 40
    with store.transaction() as rows:
        rows.create(COUNTS)
        rows.put(COUNTS, [("all", 0, "0.5")])

    def work(number: int) -> int:
        conflicts = 0
        for n in range(rounds):
            while True:  # all on one stream, each expecting what it read
                version = store.version("race-1")
                try:
                    store.append(commit(f"t{number}-{n}", event("race-1")), [AtVersion("race-1", version)])
                    break
                except Conflict:
                    conflicts += 1
            mine = event(f"own-{number}")
            outcomes = store.append_many([Append(commit(f"m{number}-{n}-{k}", mine, mine)) for k in range(2)])
            assert [outcome.duplicate for outcome in outcomes] == [False, False]  # type: ignore[union-attr]
            with store.transaction() as rows:
                ((_, count, _),) = rows.load(COUNTS, [("all",)]).values()
                rows.put(COUNTS, [("all", count + 1, "1.5"), (f"t{number}", n, "2")])  # type: ignore[operator]
                assert rows.load(COUNTS, [(f"t{number}",)]) == {(f"t{number}",): (f"t{number}", n, "2")}
            seen = [one.version for one in store.read(Selection(stream=f"own-{number}"))]
            assert seen == list(range(1, 4 * (n + 1) + 1))
            assert len(list(store.rows.select(COUNTS))) <= THREADS + 1
            recorded = store.commit(f"t{number}-{n}")
            assert recorded is not None
            assert recorded.events[0].stream == "race-1"
        return conflicts

    in_threads(work)
    total = THREADS * rounds
    assert [one.version for one in store.read(Selection(stream="race-1"))] == list(range(1, total + 1))
    assert [one.position for one in store.read()] == list(range(1, 5 * total + 1))
    assert len({one.event_id for one in store.read()}) == 5 * total
    assert store.rows.load(COUNTS, [("all",)]) == {("all",): ("all", total, "1.5")}
    with SQLiteStore(store.url.removeprefix("sqlite:"), read_only=True) as other:
        assert list(other.read()) == list(store.read())


def test_a_reader_half_way_goes_on_beside_writers(store: SQLiteStore) -> None:
    store.append_many([Append(commit(f"a{n}", event("order-1"))) for n in range(3_000)])
    reader = store.read()
    first = [next(reader) for _ in range(10)]
    in_threads(lambda number: [store.append(commit(f"b{number}-{n}", event("order-2"))) for n in range(20)])
    positions = [one.position for one in first] + [one.position for one in reader]
    assert positions == list(range(1, 3_000 + THREADS * 20 + 1))


def test_other_threads_see_a_transaction_when_it_is_committed(store: SQLiteStore) -> None:
    inside = threading.Event()
    seen: list[Any] = []

    def look() -> None:
        assert inside.wait(60)
        seen.append(store.rows.checkpoint("p"))
        seen.append(store.head())

    thread = threading.Thread(target=look)
    thread.start()
    with store.transaction() as rows:
        rows.move("p", None, Checkpoint("p", 1, "d"))
        inside.set()
        time.sleep(0.1)
        assert seen == []
        assert store.rows.checkpoint("p") == Checkpoint("p", 1, "d")  # its own thread sees it
    thread.join(60)
    assert seen == [Checkpoint("p", 1, "d"), 0]


def test_waiting_notices_a_commit_of_the_same_object(store: SQLiteStore) -> None:
    threading.Timer(0.1, lambda: store.append(commit("c1"))).start()
    began = time.monotonic()
    assert store.wait(0, 60)
    assert time.monotonic() - began < 50


def test_rows_belong_to_the_thread_of_their_transaction(store: SQLiteStore) -> None:
    with store.transaction() as rows:
        rows.create(COUNTS)

        def put(number: int) -> str:
            with pytest.raises(Misuse) as caught:
                rows.put(COUNTS, [("a", 1, "1")])
            return caught.value.code

        assert in_threads(put) == ["transaction-over"] * THREADS


def test_nobody_hangs_on_a_transaction_that_does_not_end(tmp_path: Path) -> None:
    with SQLiteStore(str(tmp_path / "a.db"), create=True, limits=Limits(timeout=0.1)) as store, store.transaction():
        for use in (store.head, store.close, lambda: store.append(commit("c1")), lambda: store.rows.checkpoints()):
            with ThreadPoolExecutor(1) as pool, pytest.raises(Unavailable, match="locked"):
                pool.submit(use).result(60)
    assert os.path.exists(tmp_path / "a.db")


def test_others_read_while_a_thread_waits_for_another_process(store: SQLiteStore) -> None:
    with open(store.url.removeprefix("sqlite:") + "-lock") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process holds it
        waiting = pool.submit(store.append, commit("c1"))
        time.sleep(0.1)
        assert store.head() == 0
        assert not waiting.done()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert waiting.result(60).position == 1


def test_a_close_waits_for_who_is_in_the_middle_and_ends_the_rest(store: SQLiteStore) -> None:
    store.append(commit("c0"))

    def work(number: int) -> str:
        if number == 0:
            time.sleep(0.1)
            store.close()
            return "closed"
        for n in range(100_000):
            try:
                store.append(commit(f"c{number}-{n}"))
                list(store.read(Selection(limit=50)))
            except Misuse as error:
                return error.code
        return "never closed"

    assert in_threads(work) == ["closed"] * THREADS
    path = store.url.removeprefix("sqlite:")
    assert not os.path.exists(path + "-wal")
    with SQLiteStore(path) as again:
        assert [one.position for one in again.read()] == list(range(1, again.head() + 1))


def test_threads_make_a_store_that_is_made_lazily_once(tmp_path: Path) -> None:
    with SQLiteStore(str(tmp_path / "a.db"), create="lazily") as store:
        in_threads(lambda number: (store.head(), store.append(commit(f"c{number}"))))
        assert store.head() == THREADS
