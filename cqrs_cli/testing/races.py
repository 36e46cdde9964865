"""Races between real processes, and what must hold of their histories. For any store behind a URL.

threads: the same among threads, each with a store of its own, for a store that one process has alone.
"""

import multiprocessing
import multiprocessing.dummy
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from cqrs_cli.errors import Conflict, Unavailable
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event

STREAM = "race-1"
_processes = multiprocessing.get_context("spawn")


class Attempt(NamedTuple):
    """One conditional append. version: after it, or None if it was a conflict. Times in ns, of one clock for all."""

    id: str
    expected: int
    version: int | None
    began: int
    ended: int


def _workers(threads: bool) -> Any:
    return multiprocessing.dummy if threads else _processes


def run(target: Callable[..., None], url: str, processes: int, *arguments: Any, threads: bool = False) -> list[Any]:
    """What each process put into its queue, when all have ended well."""
    workers = _workers(threads)
    queue = workers.Queue()
    barrier = workers.Barrier(processes)
    started = [
        workers.Process(target=target, args=(url, number, queue, barrier, *arguments)) for number in range(processes)
    ]
    for process in started:
        process.daemon = True
        process.start()
    results = [queue.get() for _ in started]
    for process in started:
        process.join(30)
    failed = [result for result in results if isinstance(result, str)]
    assert not failed, failed
    return results


def contend(url: str, processes: int, appends: int, threads: bool = False) -> list[Attempt]:
    """All processes append to one stream, each expecting the version that it read."""
    return [attempt for result in run(_contender, url, processes, appends, threads=threads) for attempt in result]


def _contender(url: str, number: int, queue: Any, barrier: Any, appends: int) -> None:
    try:
        attempts = []
        with open_store(url) as store:
            barrier.wait()
            for n in range(appends):
                while True:
                    expected = store.version(STREAM)
                    began = time.monotonic_ns()
                    id = f"p{number}-{n}"
                    try:
                        receipt = store.append(commit(id, event(STREAM)), [AtVersion(STREAM, expected)])
                    except Conflict:
                        attempts.append(Attempt(id, expected, None, began, time.monotonic_ns()))
                        continue
                    attempts.append(Attempt(id, expected, receipt.streams[STREAM], began, time.monotonic_ns()))
                    break
        queue.put(attempts)
    except BaseException as error:
        queue.put(f"process {number}: {error!r}")


def check_history(store: Store, attempts: list[Attempt]) -> None:
    """Linearizable: the versions are the order in which the appends happened, and no answer contradicts it."""
    done = sorted((a for a in attempts if a.version is not None), key=lambda a: a.version or 0)
    recorded = list(store.read(Selection(stream=STREAM)))
    assert [e.version for e in recorded] == list(range(1, len(done) + 1))  # no hole
    assert [e.commit_id for e in recorded] == [a.id for a in done]  # none lost, none twice
    assert all(a.version == a.expected + 1 for a in done)
    positions = [e.position for e in recorded]
    assert positions == sorted(set(positions))
    latest_begin = 0
    for attempt in done:  # one that ended before another began has the smaller version
        assert attempt.ended > latest_begin
        latest_begin = max(latest_begin, attempt.began)
    by_version = {a.version: a for a in done}
    for attempt in attempts:  # no false conflict: the version was taken by an append that began before this one ended
        if attempt.version is None:
            assert by_version[attempt.expected + 1].began < attempt.ended


def repeat(url: str, processes: int, ids: int, threads: bool = False) -> dict[str, list[int]]:
    """All processes send the same commands; the positions that each was told, by command id."""
    answers = defaultdict(list)
    for result in run(_repeater, url, processes, ids, threads=threads):
        for id, position in result:
            answers[id].append(position)
    return answers


def _repeater(url: str, number: int, queue: Any, barrier: Any, ids: int) -> None:
    try:
        with open_store(url) as store:
            barrier.wait()
            queue.put([(f"c{n}", store.append(commit(f"c{n}", event(f"s-{n % 3}"))).position) for n in range(ids)])
    except BaseException as error:
        queue.put(f"process {number}: {error!r}")


def check_follower(store: Store, url: str, processes: int, appends: int, threads: bool = False) -> None:
    """Follow the log from its beginning while processes write commits of several events.

    They pause half-way until something was read, so that the reader did follow, however late it came to read.
    """
    outcome: list[Any] = []
    followed = _workers(threads).Event()

    def write() -> None:
        try:
            outcome.append(run(_writer, url, processes, appends, followed, threads=threads))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    seen: list[Recorded] = []
    rounds = 0
    while True:
        writing = thread.is_alive()  # asked first: what is written after it is found below, or in the next round
        found = _after(store, seen[-1].position if seen else 0)
        if found:
            rounds += 1
            seen += found
            assert seen[-1].number == int(seen[-1].metadata["events"])  # whole commits only
            followed.set()
        elif not writing:
            break
    assert isinstance(outcome[0], list), outcome
    assert rounds > 1
    assert seen == list(store.read())
    assert len({e.event_id for e in seen}) == len(seen) == sum(n % 4 + 1 for n in range(appends)) * processes


def _after(store: Store, position: int) -> list[Recorded]:
    """What there is after a position; nothing yet where writers keep a reader out, as a rollback journal lets them."""
    try:
        store.wait(position, 0.05)
        return list(store.read(Selection(after=position)))
    except Unavailable as error:
        if error.code != "locked":
            raise
        return []


def _writer(url: str, number: int, queue: Any, barrier: Any, appends: int, followed: Any) -> None:
    try:
        with open_store(url) as store:
            barrier.wait()
            for n in range(appends):
                if n == appends // 2:
                    assert followed.wait(120), "nobody follows"
                size = n % 4 + 1
                store.append(
                    commit(f"p{number}-{n}", *[event(f"w-{number}")] * size, metadata=f'{{"events": {size}}}'),
                    [AtVersion(f"w-{number}", sum(m % 4 + 1 for m in range(n)))],
                )
        queue.put([])
    except BaseException as error:
        queue.put(f"process {number}: {error!r}")


def wake_up_delays(store: Store, url: str, rounds: int, threads: bool = False) -> list[float]:
    """Seconds from an acknowledged commit of another process until `wait` returned here."""
    workers = _workers(threads)
    ours, theirs = workers.Pipe()
    process = workers.Process(target=_waker, args=(url, theirs, rounds))
    process.daemon = True
    process.start()
    delays = []
    for _ in range(rounds):
        ours.send("now")
        assert store.wait(store.head(), 30)
        woken = time.monotonic_ns()
        delays.append((woken - ours.recv()) / 1e9)
    process.join(30)
    return delays


def _waker(url: str, pipe: Any, rounds: int) -> None:
    with open_store(url) as store:
        for number in range(rounds):
            pipe.recv()
            time.sleep(0.02)
            store.append(commit(f"w{number}"))
            pipe.send(time.monotonic_ns())
