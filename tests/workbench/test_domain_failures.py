"""Whatever the user's code raises, and wherever: it is the domain that failed, and nothing else ends."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import field_validator

from cqrs_cli import (
    Aggregate,
    Command,
    Conflict,
    Domain,
    DomainFailed,
    Event,
    NotFound,
    Policy,
    ProcessManager,
    Projection,
    Query,
    Read,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.errors import InvalidInput, LimitExceeded
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.workbench.outcome import Request

at: set[str] = set()
"""The places where the code leaves."""


class Unspeakable(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError("no text either")


class Alien(BaseException):
    """No `Exception`, as what a test framework or a library of tasks raises."""


LEAVING: dict[str, BaseException] = {
    "SystemExit: 0": SystemExit(0),
    "CancelledError: ": asyncio.CancelledError(),
    "Alien: away": Alien("away"),
    "GeneratorExit: ": GeneratorExit(),
    "Unspeakable: its text can't be made": Unspeakable(),
}
OURS: dict[str, BaseException] = {
    "Conflict: not now": Conflict("not now"),
    "NotFound: no such task": NotFound("no such task"),
    "InvalidInput: odd": InvalidInput("odd"),
}
leaving: list[BaseException] = [SystemExit(0)]


def here(place: str) -> None:
    if place in at:
        raise leaving[-1]


class Start(Command):
    task_id: str


class Begin(Command):
    endless_id: str


class Begun(Event):
    pass


class StartSlowly(Command):
    task_id: str


class Ask(Command):
    task_id: str


def upcast(data: dict[str, Any]) -> dict[str, Any]:
    here("upcaster")
    return data


class Started(Event, version=2, upcasters={1: upcast}):
    note: str = "none"

    @field_validator("note")
    @classmethod
    def checked(cls, note: str) -> str:
        if note == "broken":
            raise RuntimeError("the validator broke")
        return note


class Clock: ...


class Task(Aggregate):
    task_id: str

    @decide(creates="either")
    def start(self, command: Start) -> Started:
        here("decide")
        return Started()

    @decide(creates="either")
    async def start_slowly(self, command: StartSlowly) -> Started:
        here("coroutine")
        return Started()

    @decide(creates="either")
    def ask(self, command: Ask, clock: Clock) -> Started:
        return Started()

    @evolve
    def started(self, event: Started) -> None:
        here("evolve")


class Tasks(Projection, key="task_id"):
    task_id: str
    starts: int = 0

    @evolve
    def started(self, event: Started) -> None:
        here("row")
        self.starts += 1


class Keyed(Projection, key="name"):
    name: str

    @evolve(key=lambda event, recorded: here("key") or recorded.stream)
    def started(self, event: Started) -> None: ...


class Watch(ProcessManager, key="task_id"):
    task_id: str

    @react(key=lambda event, recorded: here("react key") or recorded.stream)
    def started(self, event: Started) -> None: ...


class Noted(Policy):
    @react
    def started(self, event: Started) -> None:
        here("react")


class Count(Query[Tasks]):
    def run(self, read: Read) -> list[Tasks]:
        here("query")
        return list(read.rows(Tasks))


domain = Domain("tasks", Task, Tasks, Keyed, Watch, Noted, Count)


@domain.provide
def clock() -> Clock:
    here("factory")
    return Clock()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    at.clear()
    with Workbench.open(str(tmp_path / "tasks.db"), domain) as opened:
        opened.store.append(Commit("old", (NewEvent("task-old", "Started", 1, b"{}"),)))
        yield opened
    at.clear()


PLACES: list[tuple[str, Callable[[Workbench], Any]]] = [
    ("decide", lambda bench: bench.send(Start(task_id="a"))),
    ("coroutine", lambda bench: bench.send(StartSlowly(task_id="a"))),
    ("factory", lambda bench: bench.send(Ask(task_id="a"))),
    ("evolve", lambda bench: bench.send(Start(task_id="a"))),
    ("evolve", lambda bench: bench.replay("task-old")),
    ("upcaster", lambda bench: bench.replay("task-old")),
    ("row", lambda bench: bench.project("tasks")),
    ("row", lambda bench: bench.rebuild("tasks")),
    ("key", lambda bench: bench.project("keyed")),
    ("query", lambda bench: bench.query(Count())),
]


@pytest.mark.parametrize(("place", "use"), PLACES)
@pytest.mark.parametrize("told", [*LEAVING, *OURS])
def test_leaving_is_a_failure_of_the_domain(
    bench: Workbench, place: str, use: Callable[[Workbench], Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if told in OURS and (place == "query" or (place, told) == ("key", "InvalidInput: odd")):
        pytest.skip("it may say so: it has such errors from what it works with")
    monkeypatch.setattr(sys.modules[__name__], "leaving", [{**LEAVING, **OURS}[told]])
    at.add(place)
    with pytest.raises(DomainFailed, match=f"raised {re.escape(told)}") as caught:
        use(bench)
    assert caught.value.traceback
    assert "raise leaving[-1]" in caught.value.traceback
    assert caught.value.traceback.startswith(f'  File "{__file__}"'), "the user's frames come first"
    at.clear()
    use(bench)  # nothing is the worse for it


@pytest.mark.parametrize("place", ["decide", "coroutine", "evolve"])
def test_ctrl_c_is_no_failure(bench: Workbench, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "leaving", [KeyboardInterrupt()])
    at.add(place)
    with pytest.raises(KeyboardInterrupt):
        bench.send((StartSlowly if place == "coroutine" else Start)(task_id="a"))
    assert bench.store.head() == 1


class Endless(Aggregate):
    endless_id: str

    @decide(creates="either")
    def start(self, command: Begin) -> Iterator[Begun]:
        while True:
            yield Begun()

    @evolve
    def begun(self, event: Begun) -> None: ...


def test_a_generator_that_never_ends_is_over_the_limit(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "e.db", Domain("endless", Endless)) as bench:
        with pytest.raises(LimitExceeded, match="at most 10000 are taken"):
            bench.send(Begin(endless_id="a"))
        outcomes = list(bench.send_batch([Request(1, Begin(endless_id="a"))]))
        assert [outcome.status for outcome in outcomes] == ["invalid"]
        assert bench.store.head() == 0


@pytest.mark.parametrize(("place", "reaction"), [("react", "noted"), ("react key", "watch")])
def test_leaving_in_a_reaction_stops_that_one_alone(bench: Workbench, place: str, reaction: str) -> None:
    runner = bench.runner(start=0)
    at.add(place)
    failures = runner.drain().failures
    assert list(failures) == [reaction]
    assert "SystemExit" in failures[reaction].message


def test_a_batch_goes_on_after_the_line_that_left(bench: Workbench) -> None:
    def requests() -> Iterator[Request | None]:
        for number, task in enumerate("abc", 1):
            at.clear()
            at.update({"decide"} if task == "b" else ())
            yield Request(number, Start(task_id=task))
            yield None  # decided before the next one is read

    assert [outcome.status for outcome in bench.send_batch(requests())] == ["committed", "failed", "committed"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_validator_that_breaks_on_a_stored_event(bench: Workbench, version: int) -> None:
    bench.store.append(Commit("bad", (NewEvent("task-bad", "Started", version, b'{"note":"broken"}'),)))
    told = r"event 2 \(task-bad version 1\): a validator of Started raised RuntimeError: the validator broke"
    with pytest.raises(DomainFailed, match=told):
        bench.replay("task-bad")
    with pytest.raises(DomainFailed, match=told):
        bench.project("tasks")


PROGRAM = """
import sys
from pydantic import field_validator
from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Query, decide, evolve

class Start(Command):
    task_id: str

    @field_validator("task_id")
    @classmethod
    def looked_up(cls, task_id):
        return {"a": "a", "b": "b", "c": "c"}[task_id]

class Started(Event): ...

class Task(Aggregate):
    task_id: str

    @decide(creates=True)
    def start(self, command: Start) -> Started:
        if command.task_id == "b":
            sys.exit(0)
        return Started()

    @evolve
    def started(self, event: Started) -> None: ...

class Tasks(Projection, key="task_id"):
    task_id: str

    @evolve
    def started(self, event: Started) -> None: ...

class Find(Query[Tasks]):
    name: str

    @field_validator("name")
    @classmethod
    def left(cls, name):
        sys.exit(name)

    def run(self, read):
        return []

domain = Domain("tasks", Task, Tasks, Find)
"""


@pytest.fixture
def tasks(cqrs: Any) -> Any:
    """The shell with this program as its domain: task b leaves, and only a, b and c pass the validator."""
    (cqrs.folder / "tasks.py").write_text(PROGRAM)
    cqrs.environ["CQRS_APP"] = "tasks:domain"
    return cqrs


def batch(*tasks: str) -> str:
    return "".join(json.dumps({"command": "start", "data": {"task_id": task}}) + "\n" for task in tasks)


def statuses(ran: subprocess.CompletedProcess[str]) -> list[str]:
    return [json.loads(line)["status"] for line in ran.stdout.splitlines()]


def test_the_shell_says_so_and_sends_the_rest(tasks: Any) -> None:
    ran = tasks("send", "start", "--task-id", "b", exit_code=8)
    assert "Task.start (deciding Start) raised SystemExit: 0" in ran.stderr
    assert "sys.exit(0)" in ran.stderr
    ran = tasks("send", "--batch", "-", "--jsonl", stdin=batch(*"abc"), exit_code=8)
    assert statuses(ran) == ["committed", "failed", "committed"]


def test_a_validator_that_breaks_is_no_bug_of_the_shell_s(tasks: Any) -> None:
    ran = tasks("send", "start", "--task-id", "d", exit_code=8)
    assert "error[domain-failed]: a validator of Start raised KeyError: 'd'" in ran.stderr
    assert "in looked_up" in ran.stderr
    ran = tasks("send", "--batch", "-", "--jsonl", stdin=batch(*"adc"), exit_code=8)
    assert statuses(ran) == ["committed", "failed", "committed"]
    failed = json.loads(ran.stdout.splitlines()[1])
    assert (failed["line"], failed["code"]) == (2, "domain-failed")
    ran = tasks("query", "find", "--name", "x", exit_code=8)
    assert "a validator of Find raised SystemExit: x" in ran.stderr
