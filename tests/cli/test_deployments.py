"""Two versions of a domain in processes of their own, on one store: a deployment, and a module edited under `cqrs run`."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

MODULE = """
from cqrs_cli import Aggregate, Command, Domain, Event, Policy, ProcessManager, Projection, decide, evolve, react

class Put(Command):
    box_id: str

class Mark(Command):
    box_id: str

class Tell(Command):
    note_id: str

class Was(Event): ...

class Marked(Event): ...

class Told(Event): ...

class Box(Aggregate):
    box_id: str

    @decide(creates="either")
    def put(self, command: Put) -> Was:
        return Was()

    @decide(creates="either")
    def mark(self, command: Mark) -> Marked:
        return Marked()

    ignores = (Was, Marked)

class Note(Aggregate):
    note_id: str

    @decide(creates="either")
    def tell(self, command: Tell) -> Told:
        return Told()

    ignores = (Told,)

class Sums(Projection, key="box_id", version=1):
    box_id: str
    total: int = 0

    @evolve
    def was(self, event: Was) -> None:
        self.total += 1

class Counts(ProcessManager, key="box_id", version=1):
    box_id: str
    total: int = 0

    @evolve
    def was(self, event: Was) -> None:
        self.total += 1

    @react
    def tell(self, event: Was) -> Tell:
        return Tell(note_id=f"was-{self.total}")

class Nags(Policy):
    @react
    def tell(self, event: Was) -> Tell:
        return Tell(note_id="nag")

domain = Domain("boxes", Box, Note, Sums, Counts, Nags)
"""
VERSION = (("version=1", "version=2"), ("self.total += 1", "self.total += 1000"))
LEARNS = (("def was(self, event: Was)", "def was(self, event: Was | Marked)"),)
ANSWERS = (("def tell(self, event: Was)", "def tell(self, event: Was | Marked)"),)


class Deployment:
    """Folders with a version of the code each, and one store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.running = folder, folder / "boxes.db", list[subprocess.Popen[str]]()

    def write(self, name: str, *changes: tuple[str, str]) -> None:
        text = MODULE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "boxes.py").write_text(text)

    def start(self, name: str, *words: str) -> subprocess.Popen[str]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("CQRS_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "cqrs_cli", "--app", "boxes:domain", "--store", str(self.store), *words],
            cwd=self.folder / name,
            env=environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.running.append(process)
        return process

    def cqrs(self, name: str, line: str, code: int = 0) -> tuple[str, str]:
        process = self.start(name, *line.split())
        out, err = process.communicate(timeout=100)
        assert process.returncode == code, out + err
        return out, err

    def rows(self, name: str, model: str) -> list[Any]:
        return [json.loads(line)["total"] for line in self.cqrs(name, f"query {model} --jsonl")[0].splitlines()]


class Follower:
    """A runner, by the lines that it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.seen, self.coming = process, list[str](), queue.SimpleQueue[str]()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(ValueError):  # the test is over
            for line in self.process.stdout or ():
                self.coming.put(line)

    def until(self, holds: Callable[[Any], bool], seconds: float = 60) -> Any:
        """The line of which it holds. It fails with all lines so far if there is none."""
        end = time.monotonic() + seconds
        with suppress(queue.Empty):
            while True:
                self.seen.append(self.coming.get(timeout=max(0.0, end - time.monotonic())))
                told = json.loads(self.seen[-1])
                if holds(told):
                    return told
        raise AssertionError(f"no such line (exit {self.process.poll()}):\n{''.join(self.seen)}")

    def end(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr
        err = self.process.stderr.read()
        assert self.process.wait(100) == 0, err
        return err


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    deployment.write("old")
    deployment.cqrs("old", "send put --box-id x")
    yield deployment
    for process in deployment.running:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()


def stopped(told: Any) -> dict[str, str]:
    return {one["name"]: one["message"] for one in told["stopped"]}


def test_an_old_runner_does_not_undo_what_new_code_rebuilt(boxes: Deployment) -> None:
    """Rows and process managers, with an event of each kind after the rebuild."""
    boxes.write("new", *VERSION)
    old = Follower(boxes.start("old", "run", "--from", "@0"))
    old.until(lambda told: told["position"] >= 1 and not told["at_work"])
    boxes.cqrs("new", "project sums counts --rebuild")
    boxes.cqrs("new", "send put --box-id x")
    told = old.until(lambda told: {"sums", "counts"} <= stopped(told).keys())
    assert "sums needs a rebuild: version 2 became 1" in stopped(told)["sums"]
    assert "counts needs a rebuild: version 2 became 1" in stopped(told)["counts"]
    new = Follower(boxes.start("new", "run"))
    new.until(lambda told: not told["stopped"] and told["position"] >= 2)
    boxes.cqrs("new", "send put --box-id x")
    # Each put is answered twice. Who sends an answer is open: what waits is anybody's, old code's too.
    new.until(lambda told: told["position"] >= 9)
    err = old.end()
    new.end()
    boxes.cqrs("new", "run --once")
    assert (boxes.rows("new", "sums"), boxes.rows("new", "counts")) == ([3000], [3000])
    boxes.cqrs("new", "project --check")
    assert "version 2 became 1" in err


def test_old_and_new_runners_under_writers_leave_the_rows_of_the_new(boxes: Deployment) -> None:
    boxes.write("new", *VERSION)
    boxes.cqrs("old", "run --once --from @0")
    old = Follower(boxes.start("old", "run"))
    batch = boxes.folder / "puts.jsonl"
    batch.write_text("\n".join(['{"command":"Put","data":{"box_id":"x"}}'] * 400))
    writer = boxes.start("old", "send", "--batch", str(batch))
    boxes.cqrs("new", "project sums counts --rebuild")
    new = Follower(boxes.start("new", "run"))
    new.until(lambda told: True)
    assert writer.wait(100) == 0
    old.until(lambda told: "sums" in stopped(told))
    old.end()
    new.end()
    boxes.cqrs("new", "run --once")
    assert (boxes.rows("new", "sums"), boxes.rows("new", "counts")) == ([401_000], [401_000])
    boxes.cqrs("new", "project --check")


def test_a_module_that_is_edited_under_a_runner(boxes: Deployment) -> None:
    """The runner goes on with what it has loaded, and passes over what the module knows by now: all are told."""
    runner = Follower(boxes.start("old", "run", "--from", "@0"))
    runner.until(lambda told: told["position"] >= 1 and not told["at_work"])
    boxes.write("old", *LEARNS, *ANSWERS)
    boxes.cqrs("old", "send mark --box-id x")
    boxes.cqrs("old", "send put --box-id x")
    end = time.monotonic() + 60
    while boxes.rows("old", "sums --stale") != [2]:  # the runner took the put in, and so passed the mark over
        assert time.monotonic() < end
    runner.end()
    _, err = boxes.cqrs("old", "project sums --csv", code=1)
    assert "it takes in Marked now, of which the log has 1 up to @" in err
    _, err = boxes.cqrs("old", "query sums", code=1)
    assert "it takes in Marked now, of which the log has 1 up to @" in err
    _, err = boxes.cqrs("old", "run --once", code=1)
    assert "sums needs a rebuild: it takes in Marked now" in err
    assert "counts needs a rebuild: it takes in Marked now" in err
    assert "nags answers Marked now, of which the log has 1 up to @" in err
    assert "cqrs run --once --from @" in err
    out, _ = boxes.cqrs("old", "doctor", code=1)
    assert "sums needs a rebuild: it takes in Marked now" in out
    boxes.cqrs("old", "project sums counts --rebuild -q -o rows.txt")
    boxes.cqrs("old", "run --once --from @0")
    assert boxes.rows("old", "sums") == [3]
    boxes.cqrs("old", "project --check")
    # What was answered stays as it was, with the row that there was then: the second put found a total of two.
    notes = json.loads(boxes.cqrs("old", "log --type Told --json")[0])
    assert sorted(event["stream"] for event in notes) == ["note-nag"] * 3 + ["note-was-1", "note-was-2", "note-was-2"]


def test_a_runner_with_old_code_stops_when_new_code_has_adopted_a_type(boxes: Deployment) -> None:
    boxes.write("new", *LEARNS, *ANSWERS)
    old = Follower(boxes.start("old", "run", "--from", "@0"))
    old.until(lambda told: told["position"] >= 1 and not told["at_work"])
    new = Follower(boxes.start("new", "run"))
    new.until(lambda told: True)
    boxes.cqrs("old", "send put --box-id x")
    told = old.until(lambda told: {"sums", "counts", "nags"} <= stopped(told).keys())
    assert "the code that moved it last takes in Marked too" in stopped(told)["sums"]
    assert "the code that moved nags last answers Marked too" in stopped(told)["nags"]
    boxes.cqrs("new", "send mark --box-id x")
    old.end()
    new.end()
    boxes.cqrs("new", "run --once")
    assert boxes.rows("new", "sums") == [3]
    boxes.cqrs("new", "project --check")
