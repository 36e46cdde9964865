"""The queue of those who decide for one stream: each has a turn, nobody waits for ever, and nothing depends on it."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from cqrs_cli.stores.sqlite import queue
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "a.db")
    with SQLiteStore(path, create=True) as store:
        store.append(commit("c-1", event("race-1")))
    return path


@pytest.fixture
def store(path: str) -> Iterator[SQLiteStore]:
    with SQLiteStore(path, limits=Limits(timeout=60)) as store:
        yield store


@pytest.fixture
def resting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done when this process first rests, for another one has the turn that it wants."""

    class Clock:
        monotonic = staticmethod(time.monotonic)

        def __init__(self, act: Callable[[], object]) -> None:
            self._acts = [act]

        def sleep(self, seconds: float) -> None:
            while self._acts:
                self._acts.pop()()
            time.sleep(seconds)

    return lambda act: monkeypatch.setattr(queue, "time", Clock(act))


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 50
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def somebody_waits_for(turn: object) -> bool:
    """Whether another process is at the front of those who wait for the turn that this one has."""
    assert isinstance(turn, queue.Turn)
    assert turn._file is not None
    try:
        fcntl.lockf(turn._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, turn._at + 1)
    except OSError:
        return True
    fcntl.lockf(turn._file, fcntl.LOCK_UN, 1, turn._at + 1)
    return False


def in_a_child(path: str, stream: str) -> tuple[int, int]:
    """A process that has the turn of the stream until the pipe is closed: its id, and the pipe."""
    ready, says_ready = os.pipe()
    ends, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        with SQLiteStore(path) as store, store.turn(stream):
            os.write(says_ready, b"x")
            os.read(ends, 1)
        os._exit(0)
    os.close(ends)
    os.read(ready, 1)
    return child, end


@pytest.mark.parametrize("stream", ["race-1", "race-2"])
def test_threads_have_the_turn_of_a_stream_one_at_a_time(path: str, stream: str) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with SQLiteStore(path) as store:
            for _ in range(5):
                with store.turn(stream):
                    inside.append(number)
                    time.sleep(0.002)
                    most.append(len(inside))
                    inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert set(most) == {1}
    assert len(most) == 40


def test_it_says_whether_somebody_else_had_the_turn(
    store: SQLiteStore, path: str, resting: Callable[[Callable[[], object]], None]
) -> None:
    with store.turn("race-1") as waited:
        assert waited is False
    child, end = in_a_child(path, "race-1")
    resting(lambda: os.close(end))
    with store.turn("race-1") as waited:
        assert waited is True
    os.waitpid(child, 0)


def test_other_streams_do_not_wait(store: SQLiteStore, path: str) -> None:
    child, end = in_a_child(path, "race-1")
    with store.turn("race-2") as waited:
        assert waited is False
    os.close(end)
    os.waitpid(child, 0)


def test_nobody_waits_for_ever(path: str) -> None:
    child, end = in_a_child(path, "race-1")
    with SQLiteStore(path, limits=Limits(timeout=0.2)) as store:
        began = time.monotonic()
        with store.turn("race-1"):
            assert time.monotonic() - began > 0.15
        with ThreadPoolExecutor(1) as pool, store.turn("race-2"):

            def other() -> bool:
                with store.turn("race-2") as waited:
                    return waited

            assert pool.submit(other).result(60) is True
    os.close(end)
    os.waitpid(child, 0)


def test_who_has_the_turn_does_not_wait_for_itself(store: SQLiteStore) -> None:
    with store.turn("race-1"), store.turn("race-1") as waited:
        assert waited is False


def test_nobody_waits_inside_of_a_transaction_of_its_own(
    store: SQLiteStore, path: str, resting: Callable[[Callable[[], object]], None]
) -> None:
    child, end = in_a_child(path, "race-1")
    resting(lambda: pytest.fail("it waits"))
    with store.transaction(), store.turn("race-1"):
        pass
    os.close(end)
    os.waitpid(child, 0)


def test_who_had_it_just_now_comes_after_those_who_wait(path: str) -> None:
    order: list[str] = []

    def waiting() -> None:
        with SQLiteStore(path) as other, other.turn("race-1"):
            order.append("waited")

    with SQLiteStore(path) as store:
        with store.turn("race-1"):
            thread = threading.Thread(target=waiting)
            thread.start()
            until(queue._places[f"{os.path.realpath(path)}-lock", "race-1"].front.locked)
        with store.turn("race-1"):
            order.append("again")
        thread.join()
    assert order == ["waited", "again"]


def test_a_process_that_had_it_just_now_comes_after_those_who_wait(path: str) -> None:
    """Two processes that take it over and over, and wait for it whenever the other has it, have it in turn."""
    taken = Path(path).with_name("taken")
    taken.touch()
    ready, go = os.pipe(), os.pipe()

    def work(name: str) -> None:
        os.close(go[1])
        with SQLiteStore(path, limits=Limits(timeout=60)) as store:
            with store.turn("race-2"):  # the files are opened
                os.write(ready[1], b"!")
            os.read(go[0], 1)  # ends when the parent closes its side: for both at once
            for number in range(12):
                turn = store.turn("race-1")
                with turn:
                    with taken.open("a") as file:
                        file.write(name)
                    if number < 11:  # at its last turn the other may have had its last one
                        until(partial(somebody_waits_for, turn))

    children = []
    for name in "ab":
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                work(name)
                os._exit(0)
            os._exit(1)
        children.append(child)
    for _ in children:
        assert os.read(ready[0], 1)
    for end in (*go, *ready):
        os.close(end)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    order = taken.read_text()
    assert order in ("ab" * 12, "ba" * 12)


def test_a_turn_leaves_nothing_behind(store: SQLiteStore) -> None:
    for number in range(100):
        with store.turn(f"race-{number}"):
            pass
    assert not [key for key in queue._places if key[0].startswith(os.path.dirname(store.url.removeprefix("sqlite:")))]


@pytest.mark.parametrize("number", [11, 13, 37, 95, 5])
def test_without_such_locks_everybody_goes_on(path: str, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def lockf(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with SQLiteStore(path, limits=Limits(timeout=0.2)) as store:
        with store.turn("race-1"):
            store.append(commit("c-2", event("race-1")))
        assert store.head() == 2


def test_a_store_that_is_not_there_yet_gets_no_file_by_a_turn(tmp_path: Path) -> None:
    with SQLiteStore(str(tmp_path / "new.db"), create="lazily") as store, store.turn("race-1"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_child_of_a_fork_has_turns_of_its_own(store: SQLiteStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        taken, end = threading.Event(), threading.Event()

        def keep() -> None:
            with store.turn("race-1"):
                taken.set()
                end.wait(60)

        future = pool.submit(keep)
        assert taken.wait(60)
        child = os.fork()
        if child == 0:
            try:
                with store.turn("race-2") as waited:
                    os._exit(1 if waited else 0)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        end.set()
        future.result(60)


@pytest.mark.parametrize("how", ["removed", "moved here"])
def test_who_was_open_queues_in_the_lock_file_that_is_there_now(
    store: SQLiteStore, path: str, how: str, resting: Callable[[Callable[[], object]], None]
) -> None:
    """The store was replaced under it: those who open it now queue elsewhere, and it must meet them."""
    with store.turn("race-1"):
        pass
    if how == "removed":
        os.unlink(f"{path}-lock")
    else:
        Path(f"{path}-new").write_bytes(b"")
        os.replace(f"{path}-new", f"{path}-lock")
    with SQLiteStore(path) as other:
        other.append(commit("c-2", event("race-2")))  # makes the lock file, if there is none
    child, end = in_a_child(path, "race-1")
    resting(lambda: os.close(end))
    with store.turn("race-1") as waited:
        assert waited is True
    os.waitpid(child, 0)
    with store.turn("race-1") as waited:
        assert waited is False


def test_a_turn_that_is_held_while_the_lock_file_is_replaced_ends_well(store: SQLiteStore, path: str) -> None:
    with store.turn("race-1"):
        os.unlink(f"{path}-lock")
        with SQLiteStore(path) as other:
            other.append(commit("c-2", event("race-2")))
        with store.turn("race-2") as waited:
            assert waited is False
    child, end = in_a_child(path, "race-2")
    os.close(end)
    os.waitpid(child, 0)
