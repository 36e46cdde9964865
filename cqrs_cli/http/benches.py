"""Workbenches and the threads that own them: one that writes, one that keeps rows up to date, a few that read.

Requests go to the threads, not threads to the requests. The writer takes what waits at once and writes it together
(`Workbench.send_batch`): a hundred commands that come in at the same moment cost one durable write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CqrsError, StoreNotFound, Unavailable
from cqrs_cli.http.options import Options
from cqrs_cli.http.threads import Job, Threads
from cqrs_cli.stores.registry import MEMORY, impatient, of_primary, path_of
from cqrs_cli.workbench.outcome import Expect, Outcome, Request
from cqrs_cli.workbench.workbench import Workbench

T = TypeVar("T")
READS_WAIT, WRITES_WAIT = 0, 5
"""Seconds for which a server may be away: who reads is told at once to come again, for others wait for the thread; of
what is written it is then known whether it is there."""


class _Send(NamedTuple):
    """A command that waits to be written together with others."""

    command: Command
    expect: Expect


class _Writer(Threads):
    """One thread; commands that wait together are written together."""

    def __init__(self, waiting: int, together: int, opened: Callable[[], Workbench]) -> None:
        self._together = together
        super().__init__("writer", 1, waiting, opened)

    def _do(self, bench: Workbench, job: Job) -> None:
        if not isinstance(job.work, _Send):
            super()._do(bench, job)
            return
        jobs, after = self._together_with(job)
        if len(jobs) == 1:
            super()._do(bench, Job(partial(_sent, job.work), job.future))
        else:
            self._write(bench, jobs)
        self._tell()
        if after is not None:
            super()._do(bench, after)

    def _together_with(self, job: Job) -> tuple[list[Job], Job | None]:
        """The commands that wait, from this one on, and the other work that comes after them."""
        jobs = [job]
        while len(jobs) < self._together and (more := self._next()) is not None:
            if not isinstance(more.work, _Send):
                return jobs, more
            jobs.append(more)
        return jobs, None

    def _write(self, bench: Workbench, jobs: Sequence[Job]) -> None:
        requests = [Request(number, job.work.command, job.work.expect) for number, job in enumerate(jobs)]
        answered = 0
        try:
            for answered, outcome in enumerate(bench.send_batch(requests), 1):
                self._settle(jobs[answered - 1], outcome._replace(line=None), outcome.error)
        except BaseException as error:
            for job in jobs[answered:]:
                self._settle(job, None, error)


def _sent(send: _Send, bench: Workbench) -> Outcome:
    return bench.send(send.command, expect=send.expect)


class Benches:
    """What the requests of a server share. Opening them makes a store in a file that is not there, unless `read_only`.

    Raises what opening a store raises.
    """

    def __init__(self, url: str, domain: Domain, options: Options) -> None:
        self.url, self.domain, self.options = url, domain, options
        self._writer: _Writer | None = None
        self._keeper: Threads | None = None
        self._readers: Threads | None = None
        try:
            if not options.read_only:
                self._writer = _Writer(options.waiting, options.together, self._opened_to_write)
                self._keeper = Threads("keeper", 1, options.waiting, self._opened_to_write)
            self._readers = Threads(
                "reader", options.readers, options.waiting, self.opened_to_read, all_at_once=self.is_on_a_server
            )
        except BaseException:
            self.close()
            raise
        self._catching_up: asyncio.Future[Any] | None = None

    def close(self) -> None:
        """Finish what waits and close everything."""
        for threads in (self._readers, self._keeper, self._writer):
            if threads is not None:
                threads.close()
        self._readers = self._keeper = self._writer = None

    @property
    def waiting(self) -> dict[str, int]:
        """How many requests wait, by what they wait for."""
        kinds = {"read": self._readers, "write": self._writer, "operate": self._keeper}
        return {name: threads.waiting for name, threads in kinds.items() if threads is not None}

    @property
    def is_on_a_server(self) -> bool:
        """Whether the store is one that is asked over a network, not a file or memory of this machine."""
        return path_of(self.url) is None and not self.url.startswith(MEMORY + ":")

    def opened_to_read(self) -> Workbench:
        """A workbench that only reads, for a thread. Of several servers it reads the one that is written: who has sent
        a command asks next for what came of it.
        """
        url = self.url if self.options.read_only else of_primary(self.url)
        return Workbench.open(impatient(url, READS_WAIT), self.domain, create=False, read_only=True)

    def check_writes(self) -> None:
        """Raise `Unavailable` (`read-only`) if nothing is written here."""
        self._writing(self._keeper)

    def opened_to_operate(self) -> Workbench:
        """A workbench that writes rows, for a thread of its own."""
        return self._opened_to_write()

    def begin_reactions(self) -> None:
        """Let reactions that never ran begin at the head, before the first command comes: it is theirs to answer.

        Raises `Misuse` (`new-reaction`) if the log has events for them already.
        """
        with self._opened_to_write() as bench:
            bench.runner(stop=lambda: True).drain()

    def _opened_to_write(self) -> Workbench:
        durability, url = self.options.durability, impatient(self.url, WRITES_WAIT)
        try:
            return Workbench.open(url, self.domain, create=False, durability=durability)
        except StoreNotFound:
            if self.is_on_a_server:
                raise  # on a server nobody makes a store in passing
            return Workbench.open(url, self.domain, create=True, durability=durability)

    async def read(self, work: Callable[[Workbench], T]) -> T:
        """What `work` makes of a workbench that only reads."""
        assert self._readers is not None
        found: T = await self._readers.submit(work)
        return found

    async def operate(self, work: Callable[[Workbench], T]) -> T:
        """What `work` makes of a workbench that writes rows and checkpoints. Raises `Unavailable` (`read-only`)."""
        found: T = await self._writing(self._keeper).submit(work)
        return found

    async def send(self, command: Command, expect: Expect = None) -> Outcome:
        """Send a command, durably, together with what else waits. Raises what `Workbench.send` does, `busy` too."""
        outcome: Outcome = await self._writing(self._writer).submit(_Send(command, expect))
        return outcome

    async def write(self, work: Callable[[Workbench], T]) -> T:
        """What `work` makes of the workbench that sends commands."""
        found: T = await self._writing(self._writer).submit(work)
        return found

    def _writing(self, threads: Threads | None) -> Threads:
        if threads is None:
            raise Unavailable("this server only reads", code="read-only")
        return threads

    async def catch_up(self) -> dict[str, CqrsError]:
        """Bring the projections to the head; the errors of those that could not be, by name.

        Many who ask at the same time share one run.
        """
        if self._keeper is None:
            return {}
        running = self._catching_up
        if running is not None and not running.done():
            await asyncio.shield(running)  # it may have begun before what the caller wrote: so once more
        running = self._catching_up
        if running is None or running.done():
            running = self._catching_up = asyncio.ensure_future(self.operate(_caught_up))
            running.add_done_callback(_heard)
        found: dict[str, CqrsError] = await asyncio.shield(running)
        return found


def _heard(run: asyncio.Future[Any]) -> None:
    """Take note of its error, which whoever waits is told: all who did may be gone, and asyncio would tell of a bug."""
    if not run.cancelled():
        run.exception()


def _caught_up(bench: Workbench) -> dict[str, CqrsError]:
    return {str(error.details.get("projection")): error for error in bench.try_project()}
