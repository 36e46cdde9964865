"""A checkpoint is that of its rows alone: with the same position and the same code, it is another after a rebuild."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, ProcessManager, Projection, Workbench, decide, evolve, react
from cqrs_cli.errors import Conflict
from cqrs_cli.log import stops
from cqrs_cli.stores.operational import SKIPS
from cqrs_cli.stores.sqlite.row_reader import SQLiteRowReader
from cqrs_cli.workbench.processors.rebuild import Rebuild
from cqrs_cli.workbench.processors.status import REBUILD
from tests.limited import limited


class Put(Command):
    box_id: str


class Tell(Command):
    box_id: str
    total: int


class Was(Event): ...


class Told(Event):
    total: int


class Box(Aggregate):
    box_id: str

    @decide(creates="either")
    def put(self, command: Put) -> Was:
        return Was()

    @decide(creates="either")
    def tell(self, command: Tell) -> Told:
        return Told(total=command.total)

    ignores = (Was, Told)


class Sums(Projection, key="box_id"):
    box_id: str
    total: int = 0

    @evolve
    def was(self, event: Was) -> None:
        self.total += 1


class Counter(ProcessManager, key="box_id"):
    box_id: str
    total: int = 0

    @evolve
    def was(self, event: Was) -> None:
        self.total += 1

    @react
    def tell(self, event: Was) -> Tell:
        return Tell(box_id=self.box_id, total=self.total)


domain = Domain("boxes", Box, Sums, Counter)
Benches = tuple[Workbench, Workbench]


@pytest.fixture
def benches(tmp_path: Path) -> Any:
    """Two processes, as far as the store can tell, and nine events in rows."""
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, domain) as one, Workbench.open(path, domain) as other:
        one.runner(start=0).drain()
        for _ in range(9):
            one.send(Put(box_id="x"))
        one.runner().drain()
        yield one, other


def when_rows_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
    bench: Workbench,
    table: str,
    before: Callable[[], object],
    after: Callable[[], object],
) -> None:
    """Let something happen round the first load of rows of a table by this bench."""
    load: Any = SQLiteRowReader.load
    todo = [before, after]

    def loaded(reader: Any, of: Any, keys: Any) -> Any:
        if not todo or reader is not bench.store.rows or of.name != table:
            return load(reader, of, keys)
        first, last = todo
        todo.clear()
        first()
        found = load(reader, of, keys)
        last()
        return found

    monkeypatch.setattr(SQLiteRowReader, "load", loaded)


@pytest.mark.parametrize("name", ["sums", "counter"])
def test_a_rebuild_that_others_finished_and_began_anew(
    benches: Benches, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one builds and swaps, and its next rebuild is at the beginning, where the first one saw it."""
    one, other = benches
    rows = other.domain.rows_of(name)
    again = Rebuild(other._projector, [rows])

    def swap() -> None:
        again._swap()
        again._begin(rows, False)

    def build() -> None:
        again._begin(rows, False)
        again._build(None)

    when_rows_are_loaded(monkeypatch, one, f"cqrs_new_{name}", build, swap)
    with pytest.raises(Conflict, match=f"{name} was rebuilt by another process meanwhile"):
        one.rebuild(name)
    assert [row.total for row in one.rows(name)] == [9]  # type: ignore[attr-defined]
    one.rebuild(name)
    assert one.check(name).ok


@pytest.mark.timeout(20)
def test_a_rebuild_that_others_finished(benches: Benches) -> None:
    """Its checkpoint is gone: there is nothing to go on from, and nothing to begin anew by itself."""
    one, other = benches
    others = [Rebuild(other._projector, [other.domain.rows_of("sums")])]

    def finish(*_: object) -> None:
        while others:
            again = others.pop()
            again._build(None)
            again._swap()

    with pytest.raises(Conflict, match=r"^sums was rebuilt by another process meanwhile"):
        limited(one, batch_events=1, waiting_events=1).rebuild("sums", progress=finish)
    assert one.check("sums").ok


def test_a_rebuild_goes_on_with_its_own_token_and_begins_with_another(benches: Benches) -> None:
    one, _ = benches
    rows = one.domain.rows_of("sums")
    rebuild, seen = Rebuild(one._projector, [rows]), []
    for restart in (False, False, True):
        rebuild._begin(rows, restart)
        seen.append(one.store.rows.checkpoint("sums" + REBUILD))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


@pytest.mark.parametrize("name", ["sums", "counter"])
def test_what_a_runner_has_cached_is_not_written_over_rebuilt_rows(benches: Benches, tmp_path: Path, name: str) -> None:
    """Somebody spoilt a row, the runner has it in its cache, and a rebuild at the same position mends it."""
    one, other = benches
    with closing(sqlite3.connect(tmp_path / "boxes.db", isolation_level=None)) as hand:
        hand.execute(f"UPDATE {name} SET total = 100")
    runner = one.runner()
    one.send(Put(box_id="x"))
    runner.drain()  # it has 101 cached
    other.rebuild(name)
    one.send(Put(box_id="x"))
    runner.drain()
    assert [row.total for row in one.rows(name)] == [11]  # type: ignore[attr-defined]
    assert one.check(name).ok


def test_rows_that_were_dropped_and_made_anew(benches: Benches, tmp_path: Path) -> None:
    one, other = benches
    runner = one.runner()
    with closing(sqlite3.connect(tmp_path / "boxes.db", isolation_level=None)) as hand:
        hand.execute("UPDATE sums SET total = 100")
        one.send(Put(box_id="x"))
        runner.drain()
        hand.execute("DROP VIEW sums_view")
        hand.execute("DROP TABLE sums")
        hand.execute("DELETE FROM cqrs_checkpoints WHERE name = 'sums'")
    other.project("sums")  # up to where the runner stands
    one.send(Put(box_id="x"))
    runner.drain()
    assert [row.total for row in one.rows(Sums)] == [11]


def test_a_skip_begins_a_rebuild_anew(benches: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skipped is an event that the rebuild has taken in: who was at it doesn't go on."""
    one, other = benches
    rows = other.domain.rows_of("sums")
    again = Rebuild(other._projector, [rows])

    def build() -> None:
        again._begin(rows, False)
        again._build(None)

    def skip() -> None:
        reached = other.store.rows.checkpoint("sums" + REBUILD)
        assert reached is not None
        event = next(iter(other.log())).position
        with other.store.transaction() as writing:
            writing.put(SKIPS, [stops.Skip("sums", event, "eve", 0, "a test")])
            writing.forget("sums" + REBUILD)
        again._begin(rows, False)

    when_rows_are_loaded(monkeypatch, one, "cqrs_new_sums", build, skip)
    with pytest.raises(Conflict, match="sums was rebuilt by another process meanwhile"):
        one.rebuild("sums")
    one.rebuild("sums")
    assert [row.total for row in one.rows(Sums)] == [8]
