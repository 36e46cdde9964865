"""Threads that own workbenches, and the jobs that requests hand them.

Two threads that both run Python pass its lock to each other at each statement of a store, which costs more than the
work. So one thread is awake and does all that waits; the loop is told of it at once, when nothing waits any more. A
job that takes longer than a moment holds nobody up: another thread is woken beside it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any, NamedTuple

from cqrs_cli.errors import Passing
from cqrs_cli.workbench.workbench import Workbench

Work = Callable[[Workbench], Any]
MOMENT = 0.005
"""Seconds after which a job counts as long, and what is done is told though more waits. Python's own interval, in which
threads that compute take turns.
"""


class Job(NamedTuple):
    """Work, and who waits for it in the loop."""

    work: Any
    future: asyncio.Future[Any]


class Threads:
    """Threads that each own a workbench, from its first to its last breath, and do jobs from one queue.

    Made in the loop that serves, which alone hands jobs over. waiting: jobs that wait at most. all_at_once: jobs wait
    for a server more than they compute, so as many threads are woken as there are jobs. Raises what opening a workbench
    raises.
    """

    def __init__(
        self, name: str, count: int, waiting: int, opened: Callable[[], Workbench], all_at_once: bool = False
    ) -> None:
        self._jobs: deque[Job] = deque()
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._loop, self._looks, self._is_closed = asyncio.get_running_loop(), False, False
        self._lock, self._awake = threading.Lock(), 0
        self._least = self._wanted = count if all_at_once else 1  # so many are to be awake while jobs wait
        self._begun = [inf] * count  # when the job was begun that each of them is at
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # each ring wakes one
        self._most, self._opened = waiting, opened
        self._ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, args=[number], name=f"cqrs-{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()
        errors = [error for _ in self._threads if (error := self._ready.get()) is not None]
        if errors:
            self.close()
            raise errors[0]

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._jobs)

    def submit(self, work: Any) -> asyncio.Future[Any]:
        """What comes of the work. Raises `Passing` (`busy`) if too much waits already; then nothing was done."""
        if len(self._jobs) >= self._most:
            raise Passing("too many requests wait already", code="busy", hint="try again in a moment")
        job = Job(work, self._loop.create_future())
        self._jobs.append(job)
        self._wake()
        if not self._looks:
            self._looks = True
            self._loop.call_later(MOMENT, self._look)
        return job.future

    def close(self) -> None:
        """Finish what waits, and end the threads."""
        self._is_closed = True
        for _ in self._threads:
            self._bell.put(None)
        for thread in self._threads:
            thread.join()

    # ── in the loop ───────────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        """Tell what is done, and wake one more thread if those that are awake are at something long."""
        self._looks = False
        self._deliver()
        if self._jobs:
            before = time.monotonic() - MOMENT
            long = sum(begun < before for begun in self._begun)
            self._wanted = max(self._least, min(long + 1, len(self._threads)))
            self._wake()
            self._looks = True
            self._loop.call_later(MOMENT, self._look)

    def _deliver(self) -> None:
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():  # a client that went away hears nothing
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _wake(self) -> None:
        """Wake one, if fewer are awake than are to be."""
        with self._lock:
            if self._awake >= self._wanted:
                return
            self._awake += 1
        self._bell.put(None)

    # ── in their own ──────────────────────────────────────────────────────────────────────────

    def _run(self, number: int) -> None:
        try:
            bench = self._opened()
        except BaseException as failure:
            self._ready.put(failure)
            return
        self._ready.put(None)
        with bench:
            while not self._is_closed:
                self._bell.get()
                self._work(bench, number)

    def _work(self, bench: Workbench, number: int) -> None:
        """Do what waits, until nothing does or others are awake that are enough for it."""
        while True:
            while (job := self._next()) is not None:
                self._begun[number] = time.monotonic()
                self._do(bench, job)
                self._begun[number] = inf
                if self._awake > self._wanted and self._rests():
                    return
            self._tell()
            with self._lock:  # so that who hands over a job now finds one awake that sees it, or wakes one
                if not self._jobs:
                    self._awake -= 1
                    return

    def _rests(self) -> bool:
        """Whether this one may sleep, though jobs wait."""
        with self._lock:
            is_one_too_many = self._awake > self._wanted
            self._awake -= is_one_too_many
        if is_one_too_many:
            self._tell()
        return is_one_too_many

    def _next(self) -> Job | None:
        try:
            return self._jobs.popleft()
        except IndexError:  # another thread may have taken it
            return None

    def _do(self, bench: Workbench, job: Job) -> None:
        if job.future.cancelled():
            return
        try:
            result = job.work(bench)
        except BaseException as error:
            self._settle(job, None, error)
        else:
            self._settle(job, result)

    def _settle(self, job: Job, result: Any, error: BaseException | None = None) -> None:
        """What came of a job; the loop hears of it by `_tell`."""
        if isinstance(error, StopIteration):  # no future takes one
            error = RuntimeError(f"{error!r} of what was done for a request")
        self._done.append((job.future, result, error))

    def _tell(self) -> None:
        if self._done:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)
