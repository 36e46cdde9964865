"""Work that takes longer than a request: rebuilds and checks, each in a thread and on a workbench of its own."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from cqrs_cli.errors import CqrsError, NotFound, Passing
from cqrs_cli.http import problems
from cqrs_cli.http.benches import Benches
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.workbench import Workbench

KEPT = 100
AT_ONCE = 2
Job = Callable[[Workbench, Progress], Any]


class _Cancelled(Exception):
    """Somebody asked to stop it, or the server ends. No error of ours: the loop would take it for an event's fault."""


class Working:
    """A job that runs or has ended. state: `running`, `done`, `failed`, `cancelled`."""

    def __init__(self, kind: str, subject: str, user: str) -> None:
        self.id, self.kind, self.subject, self.user = secrets.token_hex(8), kind, subject, user
        self.state, self.position, self.goal = "running", 0, 0
        self.result: Any = None
        self.problem: Mapping[str, Any] | None = None
        self.began_us = time.time_ns() // 1000
        self.ended_us: int | None = None
        self._stop = threading.Event()
        self._loop, self.changed = asyncio.get_running_loop(), asyncio.Event()

    def cancel(self) -> None:
        """Let it end after the batch that it is in."""
        self._stop.set()

    def record(self) -> dict[str, Any]:
        """`{"job", "kind", "subject", "user", "state", "position", "goal", "began_at", "ended_at", "result", …}`."""
        told: dict[str, Any] = {
            "job": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "user": self.user,
            "state": self.state,
        }
        told |= {"position": self.position, "goal": self.goal, "began_at": rfc3339(self.began_us)}
        ended = None if self.ended_us is None else rfc3339(self.ended_us)
        return told | {"ended_at": ended, "result": self.result, "problem": self.problem}

    def run(self, opened: Callable[[], Workbench], job: Job) -> None:
        """Do it, in the thread that calls."""
        try:
            with opened() as bench:
                self.result, self.state = job(bench, self._progress), "done"
        except _Cancelled:
            self.state = "cancelled"
        except CqrsError as error:
            self.problem, self.state = problems.record(error), "failed"
        except BaseException as error:
            problems.LOG.error("the job %s failed", self.id, exc_info=error)
            bug = CqrsError(f"{type(error).__name__}", code="bug", hint="it is in the log of the server")
            self.problem, self.state = problems.record(bug), "failed"
        self.ended_us = time.time_ns() // 1000
        self._tell()

    def _progress(self, position: int, goal: int) -> None:
        if self._stop.is_set():
            raise _Cancelled
        self.position, self.goal = position, goal
        self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Jobs:
    """The jobs of a server, the newest of them; they are kept in memory."""

    def __init__(self, benches: Benches) -> None:
        self._benches = benches
        self._known: OrderedDict[str, Working] = OrderedDict()
        self._threads: dict[str, threading.Thread] = {}

    def start(self, kind: str, subject: str, user: str, job: Job, writes: bool) -> Working:
        """Begin a job. Raises `Passing` (`busy`) while others run, `Unavailable` (`read-only`)."""
        if sum(one.state == "running" for one in self._known.values()) >= AT_ONCE:
            raise Passing(f"{AT_ONCE} jobs run already", code="busy", hint="wait until one has ended")
        opened = self._benches.opened_to_read
        if writes:
            self._benches.check_writes()
            opened = self._benches.opened_to_operate
        made = Working(kind, subject, user)
        self._known[made.id] = made
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        thread = threading.Thread(target=made.run, args=(opened, job), name=f"cqrs-{kind}", daemon=True)
        self._threads = {id: one for id, one in self._threads.items() if one.is_alive()} | {made.id: thread}
        problems.LOG.info("%s of %s by %s: job %s", kind, subject, user, made.id)
        thread.start()
        return made

    def get(self, id: str) -> Working:
        """The job of this id. Raises `NotFound`."""
        found = self._known.get(id)
        if found is None:
            hint = f"the newest {KEPT} are kept, while the server runs"
            raise NotFound(f"no job {id[:80]}", code="job-not-found", hint=hint)
        return found

    def running(self, subject: str) -> list[Working]:
        """The jobs about something that go on."""
        return [one for one in self._known.values() if one.subject == subject and one.state == "running"]

    def close(self) -> None:
        """Stop what runs, after its batch."""
        for one in self._known.values():
            one.cancel()
        for thread in self._threads.values():
            thread.join()
