"""Rebuilds between real processes: killed, beside writers, seen by readers, and two at once."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from cqrs_cli import Workbench
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.domain import row_model
from cqrs_cli.errors import Conflict, DomainFailed, NotUnique
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.processors.rebuild import Rebuild
from cqrs_cli.workbench.processors.status import REBUILD
from cqrs_cli.workbench.workbench import Request
from tests.limited import limited
from tests.members import ChangeEmail, Join, Leave, Standing, domain

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = 200
ROWS = domain.projections["standing"].table
CITIES = domain.projections["city_total"].table


def scores(path: Path, count: int, prefix: str = "s") -> None:
    """Append so many scores of 1.10, one a commit, without deciding anything."""
    with open_store(str(path)) as store:
        appends = [
            Append(
                Commit(
                    f"{prefix}-{n}",
                    (NewEvent(f"member-m{n % MEMBERS}", "Scored", 1, b'{"points":"1.10","city":"Oslo"}'),),
                )
            )
            for n in range(count)
        ]
        for at in range(0, count, 1_000):
            store.append_many(appends[at : at + 1_000])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two hundred members with rows, and 10,000 scores that are projected too."""
    path = tmp_path / "members.db"
    with Workbench.open(str(path), domain) as bench:
        for n in range(MEMBERS):
            bench.send(Join(member_id=f"m{n}", email=f"{n}@x.org", city="Oslo"))
    scores(path, 10_000)
    with Workbench.open(str(path), domain) as bench:
        bench.project()
    return path


def child(code: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: subprocess.Popen[str], code: int = 0) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out


REBUILD_AND_DIE = """
import os, signal, sys
from cqrs_cli import Workbench
from tests.limited import limited
from tests.members import domain

def progress(position, goal):
    if position > 4000:
        os.kill(os.getpid(), signal.SIGKILL)

with Workbench.open(sys.argv[1], domain) as bench:
    limited(bench, batch_events=2000, waiting_events=2000).rebuild("standing", "city_total", progress=progress)
"""


def test_a_killed_rebuild_leaves_the_live_rows_and_goes_on(path: Path) -> None:
    with closing(
        sqlite3.connect(path, isolation_level=None)
    ) as hand:  # so that what is live can be told from what is new
        hand.execute("UPDATE standing SET scores = -1")
    done(child(REBUILD_AND_DIE, str(path)), -signal.SIGKILL)
    with Workbench.open(str(path), domain) as bench:
        live = list(bench.store.rows.select(ROWS))
        assert len(live) == MEMBERS
        assert {row[3] for row in live} == {-1}
        reached = bench.store.rows.checkpoint("standing" + REBUILD)
        assert reached is not None
        assert 4_000 < reached.position < bench.store.head()
        assert bench.statuses("standing")[0].rebuilding == reached.position
        seen: list[int] = []
        bench.rebuild("standing", progress=lambda position, goal: seen.append(position))
        assert min(seen) > reached.position
        assert bench.check("standing").ok
        assert bench.store.rows.checkpoint("standing" + REBUILD) is None
        assert bench.check("city_total").ok  # the other one was not begun, or not swapped


@pytest.mark.parametrize("changed", [False, True], ids=["restart", "source"])
def test_a_rebuild_begins_anew_when_told_or_when_the_code_changed(
    path: Path, changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(child(REBUILD_AND_DIE, str(path)), -signal.SIGKILL)
    with Workbench.open(str(path), domain) as opened:
        bench = limited(opened, waiting_events=1)
        seen: list[int] = []
        projection = domain.projections["standing"]
        if changed:
            definition = json.loads(projection.definition) | {"source": "another"}
            monkeypatch.setitem(row_model._definitions, projection.cls, json.dumps(definition))
        rebuild = Rebuild(bench._projector, [projection])
        rebuild.run(lambda position, goal: seen.append(position), restart=not changed)
        assert min(seen) <= bench.engine.limits.batch_events
        assert bench.check("standing").ok


WRITE = """
import sys, threading
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append

n, over = 0, []
threading.Thread(target=lambda: over.append(sys.stdin.read()), daemon=True).start()
with open_store(sys.argv[1]) as store:
    while not over:
        n += 1
        event = NewEvent(f"member-m{n % 200}", "Scored", 1, b'{"points":"1.10","city":"Oslo"}')
        store.append(Commit(f"{sys.argv[2]}-{n}", (event, event)))
        if n == 10:
            print("ready", flush=True)
print(n)
"""

POLL = """
import sqlite3, sys, threading

connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
looks, wrong, over = 0, [], []
threading.Thread(target=lambda: over.append(sys.stdin.read()), daemon=True).start()
while not over:
    connection.execute("BEGIN")
    (position,) = connection.execute("SELECT position FROM cqrs_checkpoints WHERE name = 'standing'").fetchone()
    rows, counted = connection.execute("SELECT count(*), sum(scores) FROM standing").fetchone()
    connection.execute("COMMIT")
    if rows != 200 or counted != position - 200:
        wrong.append((position, rows, counted))
    looks += 1
    if looks == 10:
        print("ready", flush=True)
print(wrong[:5])
"""


def test_a_rebuild_under_two_writers_is_never_seen_half_done(path: Path) -> None:
    with Workbench.open(str(path), domain) as bench:
        before = bench.store.head()
        writers = [child(WRITE, str(path), f"w{n}") for n in range(2)]
        reader = child(POLL, str(path))
        for other in (*writers, reader):
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
        for _ in range(3):
            bench.rebuild("standing", "city_total")
        written = sum(int(done(writer)) for writer in writers)
        assert done(reader) == "[]\n"
        assert bench.store.head() == before + 2 * written
        bench.project()
        for name in ("standing", "city_total"):
            assert bench.check(name).ok
        incremental = [list(bench.store.rows.select(table)) for table in (ROWS, CITIES)]
        bench.rebuild()
        assert [list(bench.store.rows.select(table)) for table in (ROWS, CITIES)] == incremental
        assert incremental[1] == [("Oslo", str(Decimal("1.10") * (10_000 + 2 * written)))]


def test_a_check_under_a_writer_and_a_runner_tells_no_lies(path: Path) -> None:
    run = (
        "import sys, time\nfrom cqrs_cli import Workbench\nfrom tests.members import domain\n"
        "end = time.monotonic() + float(sys.argv[2])\n"
        "with Workbench.open(sys.argv[1], domain) as bench:\n    while time.monotonic() < end: bench.project()\n"
    )
    others = [child(WRITE, str(path), "w"), child(run, str(path), "100")]
    try:
        with Workbench.open(str(path), domain, read_only=True) as bench:
            seen = {bench.store.head()}
            while len(seen) < 4:  # the rows moved three times, however late the others came to run
                check = bench.check("standing")
                assert check.ok, check.drift[:3]
                assert [other.poll() for other in others] == [None, None]
                seen.add(check.position)
    finally:
        for other in others:
            other.kill()
            other.communicate()


RUN = """
import os, sys, time
from cqrs_cli import Workbench
from tests.limited import limited
from tests.members import domain

with Workbench.open(sys.argv[1], domain) as bench:
    print("ready", flush=True)
    sys.stdin.readline()
    limited(bench, batch_events=20, waiting_events=1).project()  # many checkpoints to fight for
"""


def test_two_runners_leave_the_rows_of_one(path: Path) -> None:
    scores(path, 3_000, "more")
    runners = [child(RUN, str(path)) for _ in range(2)]
    for runner in runners:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "ready\n"
    for runner in runners:
        assert runner.stdin is not None
        runner.stdin.write("go\n")
        runner.stdin.flush()
    for runner in runners:
        done(runner)
    with Workbench.open(str(path), domain) as bench:
        for name in ("standing", "city_total", "directory"):
            assert bench.check(name).ok
        assert sum(row.scores for row in bench.rows(Standing)) == 13_000


def test_two_rebuilds_at_once_leave_the_rows_of_one(path: Path) -> None:
    run = (
        "import sys\nfrom cqrs_cli import Workbench\nfrom cqrs_cli.errors import Conflict\nfrom tests.members import domain\n"
        "with Workbench.open(sys.argv[1], domain) as bench:\n"
        "    try: bench.rebuild('standing')\n    except Conflict as error: assert error.code == 'checkpoint-moved', error.code\n"
    )
    for process in [child(run, str(path)) for _ in range(2)]:
        done(process)
    with Workbench.open(str(path), domain) as bench:
        assert bench.check("standing").ok
        assert bench.store.rows.checkpoint("standing" + REBUILD) is None
        assert "cqrs_new" not in str(
            bench.store._file.query("SELECT name FROM sqlite_master")  # type: ignore[attr-defined]
        )  # no table, and no name of an index


def test_a_value_passes_from_row_to_row_also_when_rebuilt(tmp_path: Path) -> None:
    """A gives an e-mail up, B takes it, A takes B's: legal live, in a batch, and folded in batches of any size."""
    table = domain.projections["directory"].table
    with Workbench.open(str(tmp_path / "m.db"), domain) as bench:
        for name in "ab":
            bench.send(Join(member_id=name, email=f"{name}@x.org"))
        commands = [
            ChangeEmail(member_id="a", email="tmp"),
            ChangeEmail(member_id="b", email="a@x.org"),
            ChangeEmail(member_id="a", email="b@x.org"),
        ]
        outcomes = list(bench.send_batch([Request(n, command) for n, command in enumerate(commands, 1)]))
        assert [outcome.status for outcome in outcomes] == ["committed"] * 3
        bench.send(Leave(member_id="b"))
        bench.send(Join(member_id="c", email="a@x.org"))
        live = list(bench.store.rows.select(table))
        assert live == [("a", "b@x.org"), ("c", "a@x.org")]
        for size in (1, 2, 3, 2_000):
            limited(bench, batch_events=size).rebuild("directory")
            assert list(bench.store.rows.select(table)) == live
            assert bench.check("directory").ok


def test_the_projection_that_can_not_be_rebuilt_is_named(path: Path) -> None:
    with open_store(str(path)) as store:
        store.append(Commit("bad", (NewEvent("member-m1", "Scored", 1, b'{"points":"13","city":"Oslo"}'),)))
    with (
        Workbench.open(str(path), domain) as bench,
        pytest.raises(DomainFailed, match="the rebuild of city_total stopped at @10201"),
    ):
        bench.rebuild("standing", "city_total")


def before_the_swap(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Let something happen when the rows of a rebuild are all there, and before they are swapped in; once."""
    swap, todo = Rebuild._swap, [meanwhile]

    def later(rebuild: Rebuild) -> None:
        if todo:
            todo.pop()()
        swap(rebuild)

    monkeypatch.setattr(Rebuild, "_swap", later)


def live_scores(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as reader:
        return {scores for (scores,) in reader.execute("SELECT scores FROM standing")}


def test_an_event_that_arrives_before_the_swap_and_can_not_be_taken_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Commit("bad", (NewEvent("member-m1", "Scored", 1, b'{"points":"13","city":"Oslo"}'),))
    with Workbench.open(str(path), domain) as bench:
        before_the_swap(monkeypatch, lambda: bench.store.append(bad))
        with pytest.raises(DomainFailed, match="the rebuild of city_total stopped at @10201") as caught:
            bench.rebuild("standing", "city_total")
        assert say(caught.value) == (
            "mend the code and run cqrs project city_total --rebuild again, or: "
            "cqrs project city_total --skip @10201 --reason …"
        )


def test_projections_are_swapped_in_all_or_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process finishes its rebuild of the second one, when both are built here."""
    with closing(sqlite3.connect(path, isolation_level=None)) as hand:
        hand.execute("UPDATE standing SET scores = -1")
    with Workbench.open(str(path), domain) as bench, Workbench.open(str(path), domain) as other:
        before_the_swap(monkeypatch, lambda: other.rebuild("city_total"))
        with pytest.raises(Conflict, match="city_total was rebuilt by another process meanwhile") as caught:
            bench.rebuild("standing", "city_total")
        assert caught.value.code == "checkpoint-moved"
        assert live_scores(path) == {-1}
        assert bench.check("city_total").ok
        bench.rebuild("standing", "city_total")
        assert live_scores(path) == {50}
        assert bench.check("standing").ok


def test_a_log_that_breaks_what_is_unique_is_told_with_its_event(tmp_path: Path) -> None:
    joined = b'{"email":"same@x.org","city":"Oslo"}'
    with Workbench.open(str(tmp_path / "m.db"), domain) as bench:
        bench.send(Join(member_id="a", email="a@x.org"))
        for name in "bc":
            bench.store.append(Commit(name, (NewEvent(f"member-{name}", "Joined", 1, joined),)))
        with pytest.raises(NotUnique, match=r"the rebuild of directory stopped at @3: .* email 'same@x.org'") as caught:
            bench.rebuild("directory")
        assert caught.value.details["position"] == 3
        assert list(bench.store.rows.select(domain.projections["directory"].table)) == [("a", "a@x.org")]


def test_rows_never_hold_half_a_commit(path: Path) -> None:
    """A poison event stops before its commit, whose first events concern the projection too."""
    event = b'{"points":"%s","city":"Rome"}'
    with open_store(str(path)) as store:
        store.append(
            Commit(
                "bad", tuple(NewEvent("member-m1", "Scored", 1, event % points) for points in (b"1", b"2", b"13", b"4"))
            )
        )
        store.append(Commit("more", (NewEvent("member-m1", "Scored", 1, event % b"5"),)))
    with Workbench.open(str(path), domain) as bench:
        (error,) = bench.try_project(["city_total"])
        assert error.details["position"] == 10_203
        assert [row[0] for row in bench.store.rows.select(CITIES)] == ["Oslo"]
        bench.skip("city_total", 10_203, by="eve", reason="unlucky")
        bench.project("city_total")
        assert list(bench.store.rows.select(CITIES))[1] == ("Rome", "12")


def test_rebuilt_rows_have_their_indexes(path: Path) -> None:
    """They are made when the rows are all there, before anybody sees them."""
    with Workbench.open(str(path), domain) as bench:
        sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'standing' AND sql IS NOT NULL"
        shapes = []
        for _ in range(2):
            shapes.append(sorted(row[1].partition(" ON ")[2] for row in bench.store.sql(sql, {}, 5.0)))
            bench.rebuild("standing")
        assert len(shapes[0]) == 2
        assert shapes[0] == shapes[1]
        assert shapes[1] == sorted(row[1].partition(" ON ")[2] for row in bench.store.sql(sql, {}, 5.0))
