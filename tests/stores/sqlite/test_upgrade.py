"""Stores of formats 1 to 3, which earlier code made: nothing in them is lost, and they are upgraded once.

`fixtures/format_1_full.db.gz` holds what can wait or be on record; in `format_1_half.db.gz` most tables were never
needed. Both were made of `tests.office`. `format_2_full.db.gz` is the first, as the code of format 2 upgraded it,
`format_3_full.db.gz` that, as the code of format 3 did.
"""

import gzip
import multiprocessing
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import CqrsError, Damaged, Rejected, Unavailable
from cqrs_cli.log import outbox, stops
from cqrs_cli.log.letters import letters
from cqrs_cli.stores.operational import DEAD_LETTERS, OPERATIONAL, ORIGINS, OUTBOX, REJECTIONS, SNAPSHOTS
from cqrs_cli.stores.rows import Table
from cqrs_cli.stores.sqlite import opening
from cqrs_cli.stores.sqlite.definitions import statements
from cqrs_cli.stores.sqlite.opening import FORMAT
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.workbench.snapshots import drop, select
from tests.conftest import Shell

FIXTURES = Path(__file__).parent / "fixtures"
_processes = multiprocessing.get_context("spawn")


@pytest.fixture
def old(tmp_path: Path) -> Callable[..., str]:
    """The path of a store of an earlier format, `full` or `half`."""

    def unpacked(name: str, number: int = 1) -> str:
        path = tmp_path / f"{name}.db"
        path.write_bytes(gzip.decompress((FIXTURES / f"format_{number}_{name}.db.gz").read_bytes()))
        return str(path)

    return unpacked


def everything(path: str) -> dict[str, list[Any]]:
    """The rows of all tables but those that say which format it is; no table is an empty one."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        rows = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2').fetchall() for name in names}
    return {name: found for name, found in rows.items() if found and name not in ("cqrs_store", "_sqlite_migrations")}


def schema(path: str) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def run_sql(path: str, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def check_found(store: SQLiteStore) -> None:
    """What `full` holds, as the code of today reads it."""
    rows = store.rows
    fulfilment = outbox.of_reaction(rows, "fulfilment")
    assert [(one.process, one.command) for one in outbox.waiting(rows, ["fulfilment"])] == [
        ("late1", "Ship"),
        ("late2", "Ship"),
    ]
    assert sorted(one.process for one in fulfilment if one.deadline) == ["boom1", "boom2", "late1", "late2"]
    assert [letter.outgoing.process for letter in letters(rows)] == ["boom1"]
    (dropped,) = letters(rows, dropped=True)
    assert (dropped.outgoing.process, dropped.dropped_by, dropped.dropped_because) == ("boom2", "ada", "no carrier")
    assert [(skip.position, skip.skipped_by) for skip in stops.skips_of(rows, "welcome")] == [(1, "ada")]
    assert [skip.reason for skip in stops.skips_of(rows, "counts")] == ["spoiled"]
    stop = stops.stops(rows).get("counts")
    assert stop is not None
    assert stop.error == "can't count this"
    assert [one.stream for one in select(store)] == ["order-a1", "order-late1"]
    assert [one.name for one in rows.checkpoints()] == ["counts", "fulfilment", "orders", "welcome"]
    assert store.head() == 11


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_first_write_upgrades_and_nothing_is_lost(old: Callable[..., str], number: int) -> None:
    path = old("full", number)
    before, shapes = everything(path), schema(path)
    with SQLiteStore(path) as store:
        check_found(store)
        assert store.describe()["format"] == number
        with store.transaction():
            pass
        assert store.describe()["format"] == FORMAT
        check_found(store)
    assert everything(path) == before
    after = schema(path)
    changed = {name for name in after if after[name] != shapes.get(name)}
    new = {"cqrs_rejections", "cqrs_rejections_by_time"}
    older = {"cqrs_origins", *statements("views.sql")} if number < 3 else set[str]()
    assert changed == {*new, *older}, "views alone change, and tables are new"


def test_a_store_with_the_views_of_format_1_gets_those_of_today(tmp_path: Path) -> None:
    path = str(tmp_path / "new.db")
    with SQLiteStore(path, create=True) as store:
        store.append(commit("c1"))
    new = schema(path)
    for name, sql in statements("schema.sql").items():
        if sql.startswith("CREATE VIEW"):
            run_sql(path, f"DROP VIEW {name}", sql)
    old = schema(path)
    with SQLiteStore(path, read_only=True) as store:
        assert store.head() == 1
    assert schema(path) == old != new
    with SQLiteStore(path) as store:
        store.append(commit("c2"))
        assert store.describe()["format"] == FORMAT
    assert schema(path) == new


def test_the_log_has_the_category_and_types_for_other_programs(tmp_path: Path) -> None:
    path = str(tmp_path / "new.db")
    with SQLiteStore(path, create=True) as store:
        store.append(commit("c1", event("order-1-2")))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT category FROM event_log").fetchall() == [("order",)]
        for view in ("event_log", "stream_summary", "projection_status"):
            kept = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({view})")}
            if sqlite3.sqlite_version_info >= (3, 41):  # before, SQLite says no type of any expression
                assert set(kept.values()) <= {"TEXT", "INTEGER"}, view
        types = "typeof(event_id), typeof(correlation_id), typeof(recorded_at), typeof(position)"
        assert connection.execute(f"SELECT {types} FROM event_log").fetchall() == [("text", "text", "text", "integer")]


def test_an_old_store_is_read_as_it_is(old: Callable[..., str]) -> None:
    path = old("full")
    bytes_ = Path(path).read_bytes()
    with SQLiteStore(path, read_only=True) as store:
        check_found(store)
        assert store.describe()["format"] == 1
    assert Path(path).read_bytes() == bytes_


def test_tables_that_were_never_needed_are_empty_and_then_made(old: Callable[..., str], tmp_path: Path) -> None:
    path = old("half")
    with SQLiteStore(path, read_only=True) as store:
        assert [store.rows.exists(table) for table in OPERATIONAL] == [table is OUTBOX for table in OPERATIONAL]
        assert [list(store.rows.select(table)) for table in OPERATIONAL] == [[] for _ in OPERATIONAL]
        assert [letters(store.rows), stops.skips_of(store.rows, "counts"), list(select(store))] == [[]] * 3
    with SQLiteStore(path) as store:
        store.append(commit("c1"))
        assert [store.rows.exists(table) for table in OPERATIONAL] == [True for _ in OPERATIONAL]
    SQLiteStore(str(tmp_path / "new.db"), create=True).close()
    new = schema(str(tmp_path / "new.db"))
    upgraded = {name: sql for name, sql in schema(path).items() if name in new}
    assert upgraded.keys() == {name for name in new if "outbox_by" not in name}
    assert [name for name, sql in upgraded.items() if sql != new[name]] == ["cqrs_outbox"]


def test_the_work_that_waited_goes_on_in_the_tables_of_the_upgrade(old: Callable[..., str]) -> None:
    with SQLiteStore(old("full")) as store:
        waiting, (letter,) = outbox.waiting(store.rows, ["fulfilment"]), letters(store.rows)
        with store.transaction() as rows:
            outbox.remove(rows, waiting[:1])
            assert outbox.bury(rows, waiting[1], Rejected("no"), 1)
            again = outbox.revive(rows, letter, 1)
            stops.clear_stop(rows, "counts")
        assert outbox.waiting(store.rows, ["fulfilment"]) == [again]
        assert [one.outgoing.process for one in letters(store.rows)] == ["late2"]
        assert stops.stops(store.rows).get("counts") is None
        assert drop(store) == 2
        assert list(select(store)) == []


def test_a_transaction_that_fails_leaves_the_store_upgraded(old: Callable[..., str]) -> None:
    path = old("half")
    with SQLiteStore(path) as store:
        with pytest.raises(ZeroDivisionError), store.transaction():
            raise ZeroDivisionError
        assert store.describe()["format"] == FORMAT
        store.append(commit("c1"))
    with SQLiteStore(path) as store:
        assert [store.rows.exists(table) for table in OPERATIONAL] == [True for _ in OPERATIONAL]


@pytest.mark.parametrize("table", OPERATIONAL, ids=lambda table: table.name)
def test_a_table_of_another_shape_is_refused_or_made_again(old: Callable[..., str], table: Table) -> None:
    path = old("full")
    if table in (ORIGINS, REJECTIONS):
        with SQLiteStore(path) as store:
            store.append(commit("c0"))
    run_sql(path, f"ALTER TABLE {table.name} ADD COLUMN more TEXT")
    before = everything(path)
    if table is SNAPSHOTS:  # they hold nothing that the log has not
        with SQLiteStore(path) as store:
            store.append(commit("c1"))
            assert list(select(store)) == []
        return
    for read_only in (False, True):
        with pytest.raises(Damaged, match=f"{table.name} is not as cqrs makes it"):
            SQLiteStore(path, read_only=read_only)
    assert everything(path) == before


def test_every_store_has_the_tables_as_they_are_declared(tmp_path: Path) -> None:
    with SQLiteStore(str(tmp_path / "new.db"), create=True) as store, store.transaction() as rows:
        for table in OPERATIONAL:
            rows.create(table)  # raises if its columns are others


def test_the_indexes_are_those_that_are_declared(tmp_path: Path, old: Callable[..., str]) -> None:
    SQLiteStore(str(tmp_path / "new.db"), create=True).close()
    for path in (str(tmp_path / "new.db"), old("full")):
        with closing(sqlite3.connect(path)) as connection:
            for table in (OUTBOX, DEAD_LETTERS, *((REJECTIONS,) if "new" in path else ())):
                named = [row[1] for row in connection.execute(f"PRAGMA index_list({table.name})") if row[3] == "c"]
                columns = {
                    tuple(row[2] for row in connection.execute(f'PRAGMA index_info("{name}")')) for name in named
                }
                assert columns == set(table.indexes)


def upgrader(path: str, number: int, queue: Any, barrier: Any) -> None:
    try:
        with SQLiteStore(path) as store:
            barrier.wait()
            store.append(commit(f"p{number}"))
            queue.put(store.describe()["format"])
    except BaseException as error:
        queue.put(repr(error))


@pytest.mark.parametrize("name", ["full", "half"])
def test_processes_that_race_upgrade_it_once(old: Callable[..., str], name: str) -> None:
    path = old(name)
    before = everything(path)
    queue, barrier = _processes.SimpleQueue(), _processes.Barrier(4)
    started = [_processes.Process(target=upgrader, args=(path, number, queue, barrier)) for number in range(4)]
    for process in started:
        process.start()
    assert [queue.get() for _ in started] == [FORMAT] * 4
    for process in started:
        process.join(60)
    after = everything(path)
    log = ("streams", "event_types", "commits", "events")
    assert {table: rows for table, rows in after.items() if table not in log} == {
        table: rows for table, rows in before.items() if table not in log
    }
    with closing(sqlite3.connect(path)) as connection:
        applied = connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()
        assert applied == [("format_1",), ("format_2",), ("format_3",), ("format_4",)]
    with SQLiteStore(path) as store:
        assert len(store.known([f"p{number}" for number in range(4)])) == 4


def refusal(use: Callable[[], Any]) -> CqrsError:
    with pytest.raises(CqrsError) as caught:
        use()
    return caught.value


def test_an_older_program_refuses_a_newer_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cqrs: Shell) -> None:
    path = str(tmp_path / "new.db")
    SQLiteStore(path, create=True).close()
    with monkeypatch.context() as older:
        older.setattr(opening, "FORMAT", 1)  # all that a program of format 1 looks at
        for read_only in (False, True):
            error = refusal(partial(SQLiteStore, path, read_only=read_only))
            assert isinstance(error, Unavailable)
            assert (error.code, error.message) == (
                "newer-format",
                f"{path} has format {FORMAT}, this cqrs knows up to 1",
            )
    run_sql(path, "UPDATE cqrs_store SET value = '5' WHERE name = 'format'")
    for words in (["log"], ["--app", "samples.orders:domain", "project"]):
        ran = cqrs("--store", "new.db", *words, exit_code=7)
        assert ran.stdout == ""
        assert "error[newer-format]: new.db has format 5, this cqrs knows up to 4" in ran.stderr


def test_a_program_that_has_it_open_notices_a_newer_format_when_it_upgrades(old: Callable[..., str]) -> None:
    path = old("half")
    with SQLiteStore(path) as store:
        run_sql(path, "UPDATE cqrs_store SET value = '5' WHERE name = 'format'")
        assert refusal(lambda: store.append(commit("c1"))).code == "newer-format"
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT value FROM cqrs_store WHERE name = 'format'").fetchone() == ("5",)


def test_who_writes_to_a_store_of_today_imports_no_migrations(tmp_path: Path, cqrs: Shell) -> None:
    SQLiteStore(str(tmp_path / "new.db"), create=True).close()
    script = (
        "import sys; from cqrs_cli.stores.sqlite.store import SQLiteStore\n"
        "with SQLiteStore('new.db') as store, store.transaction(): pass\n"
        "assert 'sqlite_utils' not in sys.modules and 'cqrs_cli.stores.sqlite.schema' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=cqrs.environ, check=True)
