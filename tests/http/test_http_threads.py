"""Threads that do the jobs of requests: one while it keeps up, others beside a job that takes long."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.http import threads
from cqrs_cli.http.threads import Threads
from tests import bank

Play = Callable[[Threads], Awaitable[Any]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Any]:
    """Plays something with threads, in a loop, and ends them."""
    store = tmp_path / "cqrs.db"
    Workbench.open(store, bank.domain).close()

    def opened() -> Workbench:
        return Workbench.open(store, bank.domain, create=False, read_only=True)

    def played(what: Play, count: int, all_at_once: bool = False) -> Any:
        async def run() -> Any:
            made = Threads("test", count, 10_000, opened, all_at_once)
            try:
                return await what(made)
            finally:
                await asyncio.to_thread(made.close)

        return asyncio.run(run())

    return played


def who(_: Workbench) -> int:
    return threading.get_ident()


def breathing(_: Workbench) -> int:
    """Lets another thread run, if one is awake."""
    time.sleep(0.001)
    return threading.get_ident()


@pytest.fixture
def never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, no job takes longer than a moment."""
    monkeypatch.setattr(threads, "MOMENT", 3_600.0)


@pytest.mark.usefixtures("never_looks")
def test_one_thread_does_what_waits(play: Callable[..., Any]) -> None:
    async def what(made: Threads) -> Any:
        return await asyncio.gather(*(made.submit(breathing) for _ in range(50)))

    assert len(set(play(what, 4))) == 1


@pytest.mark.usefixtures("never_looks")
def test_what_waits_for_a_server_does_so_at_the_same_time(play: Callable[..., Any]) -> None:
    meeting = threading.Barrier(3, timeout=60)

    async def what(made: Threads) -> Any:
        return await asyncio.gather(*(made.submit(lambda _: meeting.wait()) for _ in range(3)))

    assert sorted(play(what, 3, all_at_once=True)) == [0, 1, 2]


def test_a_long_job_holds_nobody_up(play: Callable[..., Any]) -> None:
    free = threading.Event()

    async def what(made: Threads) -> list[Any]:
        long = [made.submit(lambda _: free.wait()) for _ in range(3)]
        others = await asyncio.gather(*(made.submit(who) for _ in range(20)))
        assert not any(one.done() for one in long)
        free.set()
        return [*others, *await asyncio.gather(*long)]

    assert play(what, 4)[-3:] == [True, True, True]


def test_what_is_done_is_told_though_more_is_to_be_done(play: Callable[..., Any]) -> None:
    free = threading.Event()

    async def what(made: Threads) -> Any:
        first, second = made.submit(who), made.submit(lambda _: free.wait())
        await first
        assert not second.done()
        free.set()
        return await second

    assert play(what, 1)


def test_every_job_is_answered_in_whatever_way_they_come(play: Callable[..., Any]) -> None:
    chance = random.Random(8027)

    def slow(_: Workbench) -> int:
        time.sleep(0.006)
        return 1

    def failing(_: Workbench) -> int:
        raise StopIteration("of a bug")

    async def what(made: Threads) -> list[Any]:
        jobs: list[asyncio.Future[Any]] = []
        for _ in range(300):
            jobs += [made.submit(chance.choice([who, who, who, slow, failing])) for _ in range(chance.randrange(6))]
            chance.choice(jobs or [asyncio.Future[Any]()]).cancel()
            await asyncio.sleep(chance.choice([0, 0, 0.0001]))
        return await asyncio.gather(*jobs, return_exceptions=True)

    found = play(what, 4)
    assert {type(one) for one in found} == {int, RuntimeError, asyncio.CancelledError}


@pytest.mark.usefixtures("never_looks")
def test_what_comes_while_a_thread_is_about_to_sleep_is_done(tmp_path: Path) -> None:
    Workbench.open(tmp_path / "cqrs.db", bank.domain).close()
    later: list[asyncio.Future[Any]] = []

    class Interrupted(Threads):
        def _tell(self) -> None:  # nothing waits, and it is awake still
            if not later:
                submitted = threading.Event()
                self._loop.call_soon_threadsafe(lambda: (later.append(self.submit(who)), submitted.set()))
                submitted.wait()
            super()._tell()

    async def run() -> None:
        made = Interrupted("test", 1, 10, lambda: Workbench.open(tmp_path / "cqrs.db", bank.domain))
        await made.submit(who)
        await later[0]
        await asyncio.to_thread(made.close)

    asyncio.run(run())


def test_what_waits_is_finished_before_the_end(play: Callable[..., Any]) -> None:
    async def what(made: Threads) -> list[asyncio.Future[Any]]:
        jobs = [made.submit(who) for _ in range(20)]
        await asyncio.to_thread(made.close)
        await asyncio.gather(*jobs)
        return jobs

    assert all(one.done() for one in play(what, 3))
