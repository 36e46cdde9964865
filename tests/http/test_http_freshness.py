"""Equal tags mean equal rows, whoever else moves these rows, makes them anew or takes them away."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Query, Read, Workbench, decide, evolve
from cqrs_cli.http.freshness import Freshness, Place
from tests.conftest import ROOT
from tests.http.served import Served, serving
from tests.servers import told
from tests.tables import drop


class Count(Command):
    counter_id: str


class Counted(Event):
    by: int = 1


class Counter(Aggregate):
    counter_id: str

    @decide(creates="either")
    def count(self, command: Count) -> Counted:
        return Counted()

    @evolve
    def counted(self, event: Counted) -> None:
        pass


class Total(Projection, key="counter_id"):
    counter_id: str
    total: int = 0

    @evolve
    def counted(self, event: Counted) -> None:
        self.total += event.by


pytestmark = pytest.mark.slow
between: list[Callable[[], object]] = []
"""What happens between one look at where rows stand and the look at the rows."""


class TotalOf(Query[Total]):
    counter_id: str = "a"

    def run(self, read: Read) -> Total | None:
        if between:
            between.pop()()
        return read.get(Total, self.counter_id)


domain = Domain("counters", Counter, Total, TotalOf)
ELSE = """
from cqrs_cli import Workbench
from tests.http import test_http_freshness as there
from tests.servers import as_told

if {changed}:

    class Total(there.Projection, key="counter_id"):
        counter_id: str
        total: int = 0

        @there.evolve
        def counted(self, event: there.Counted) -> None:
            self.total += 10 * event.by

    domain = there.Domain("counters", there.Counter, Total)
else:
    domain = there.domain
with as_told(), Workbench.open("cqrs.db", domain) as bench:
    {do}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Workbench.open(tmp_path / "cqrs.db", domain) as bench:
        bench.send(Count(counter_id="a"))
        bench.project()
    return tmp_path


def elsewhere(folder: Path, do: str, changed: bool = False) -> None:
    """Let another process do something with the store; changed: by other code of the read model."""
    code = ELSE.format(do=do, changed=changed)
    environ = {"PYTHONPATH": str(ROOT)} | told(os.environ)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def total(served: Served, tag: str | None = None, **params: Any) -> tuple[int, Any, str | None]:
    """The status, the rows and their tag."""
    headers = {} if tag is None else {"If-None-Match": tag}
    answer = served.get("/queries/total-of", params=params, headers=headers)
    body = answer.json() if answer.content else None
    return answer.status_code, body, answer.headers.get("etag")


def test_another_process_moves_the_rows(folder: Path) -> None:
    with serving(str(folder / "cqrs.db"), domain, read_only=True) as served:
        _, rows, tag = total(served)
        assert rows["total"] == 1
        assert total(served, tag)[0] == 304
        elsewhere(folder, "bench.send(there.Count(counter_id='a'))")
        assert total(served, tag)[0] == 304, "the log is longer, the rows are the same"
        elsewhere(folder, "bench.project()")
        status, rows, new = total(served, tag)
        assert (status, rows["total"]) == (200, 2)
        assert new != tag
        assert total(served, new)[0] == 304


def test_rows_that_are_moved_while_they_are_read_are_read_again(folder: Path) -> None:
    """Else their tag would be that of the rows before."""
    path = folder / "cqrs.db"
    with serving(str(path), domain, read_only=True) as served, Workbench.open(path, domain) as other:

        def moved() -> None:
            other.send(Count(counter_id="a"))
            other.project()

        _, first, tag = total(served)
        between.append(moved)
        _, second, moved_tag = total(served)
        assert (first["total"], second["total"]) == (1, 2)
        assert moved_tag != tag
        assert total(served, moved_tag)[0] == 304
        between.extend([moved] * 3)  # each time that it is read
        _, third, no_tag = total(served)
        assert (third["total"], no_tag) == (5, None)
        assert total(served, moved_tag)[0] == 200


def test_another_process_makes_the_rows_anew(folder: Path) -> None:
    """By the same code it makes equal rows, by other code other ones; both have another tag."""
    with serving(str(folder / "cqrs.db"), domain) as served:
        _, rows, tag = total(served)
        elsewhere(folder, "bench.rebuild('total')")
        status, same, anew = total(served, tag)
        assert (status, same) == (200, rows)
        assert anew != tag
        elsewhere(folder, "bench.rebuild('total')", changed=True)
        status, rows, other = total(served, anew)
        assert (status, rows["total"]) == (200, 10), "as they are in the store, by whatever code"
        assert other not in (tag, anew)


@pytest.mark.parametrize("read_only", [False, True])
def test_somebody_drops_the_table(folder: Path, read_only: bool) -> None:
    """One thread reads all of it, and knows the table from before."""
    with serving(str(folder / "cqrs.db"), domain, read_only=read_only, readers=1) as served:
        _, _, tag = total(served)
        assert total(served, tag)[0] == 304
        drop(folder / "cqrs.db", "total")
        status, problem, _ = total(served, tag)
        assert (status, problem["code"]) == (503, "needs-rebuild")
        elsewhere(folder, "bench.rebuild('total')")
        status, rows, new = total(served, tag)
        assert (status, rows["total"]) == (200, 1)
        assert new != tag


def test_a_look_is_shared_by_those_alone_who_asked_before_it_began(folder: Path) -> None:
    with serving(str(folder / "cqrs.db"), domain) as served:
        face = served.app.face  # type: ignore[attr-defined]
        freshness, begun, free = Freshness(face), threading.Event(), threading.Event()
        place = freshness._place
        held = [True]

        def looked(bench: Workbench) -> Place:
            found = place(bench)
            if held and held.pop():
                begun.set()
                free.wait()
            return found

        freshness._place = looked  # type: ignore[method-assign]

        async def ask() -> list[Place | None]:
            first = [asyncio.ensure_future(freshness._unread()) for _ in range(3)]
            await asyncio.to_thread(begun.wait)
            await face.benches.write(lambda bench: bench.send(Count(counter_id="a")))
            await face.benches.catch_up()
            second = asyncio.ensure_future(freshness._unread())
            await asyncio.sleep(0)  # it has asked
            free.set()
            return await asyncio.gather(*first, second)

        one, two, three, later = served.run(ask())
        assert one is two is three
        assert one is not None
        assert later is not None
        assert (one.tag, one.head) != (later.tag, later.head), "who asks now is told what is so now"


@pytest.mark.file  # a server is asked, as others may read from a standby
def test_who_keeps_rows_fresh_hears_of_a_command_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the log is looked at next, for what others wrote."""
    monkeypatch.setattr("cqrs_cli.http.tail.LOOK_SELDOM", 600)
    with serving(str(folder / "cqrs.db"), domain) as served:
        app: Any = served.app
        before = app.face.tail.head
        assert served.post("/commands/count", {"counter_id": "a"}).status_code == 201
        assert app.face.tail.head == before + 1
