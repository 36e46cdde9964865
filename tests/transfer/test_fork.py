"""Forks: the same history, whole or not at all, with nothing that would be sent a second time."""

import gzip
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import CqrsError, Damaged, Misuse, NotFound, StoreNotFound
from cqrs_cli.log.origins import fork_of
from cqrs_cli.stores.commits import RecordedCommit
from cqrs_cli.stores.contract import Append, Store
from cqrs_cli.stores.operational import DEAD_LETTERS, OUTBOX, SKIPS, SNAPSHOTS, STOPS
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite import copying
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.transfer import fork as forking
from cqrs_cli.transfer.fork import fork
from tests import office
from tests.stores.wrapped import WrappedStore

FIXTURES = Path(__file__).parents[1] / "stores" / "sqlite" / "fixtures"


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A store of 30 commits on 5 streams, the tenth with three events: @10, @11 and @12."""
    path = str(tmp_path / "source.db")
    with SQLiteStore(path, create=True, clock=iter(range(10**18, 2 * 10**18, 10**9)).__next__) as store:
        for number in range(1, 31):
            events = [event(f"order-{number % 5}", f"Type{number % 3}", b'{"n":%d}' % number)] * (
                3 if number == 10 else 1
            )
            store.append(commit(f"c{number}", *events, user_id="ada", metadata='{"a":1}', causation_id="x:1"))
    return path


def history(store: Store) -> list[RecordedCommit]:
    return list(store.commits())


def made_by_sqlite(source: str, path: str, position: int | None = None) -> None:
    with SQLiteStore(source, read_only=True) as store:
        fork(store, path, position)


def other(store: SQLiteStore) -> Any:
    """The store as one of another kind, of which nothing is known but the contract."""
    return WrappedStore(store.url, store)


def other_at(store: Any, url: str) -> Any:
    """The same, as it would be found at a URL."""
    return WrappedStore(url, store)


def made_commit_by_commit(source: str, path: str, position: int | None = None) -> None:
    with SQLiteStore(source, read_only=True) as store:
        fork(other(store), path, position)


MAKERS = pytest.mark.parametrize("make", [made_by_sqlite, made_commit_by_commit])


@MAKERS
@pytest.mark.parametrize("position", [None, 0, 1, 9, 12, 32])
def test_a_fork_has_the_history_up_to_there(source: str, tmp_path: Path, make, position: int | None) -> None:
    path = str(tmp_path / "new.db")
    make(source, path, position)
    until = 32 if position is None else position
    with SQLiteStore(source) as old, SQLiteStore(path) as new:
        wanted = [one for one in history(old) if one.events[-1].position <= until]
        assert history(new) == wanted, "ids, times, users, payloads and hashes"
        assert new.types() == old.types(before=until + 1)
        assert {one.stream for one in new.streams()} == {event.stream for one in wanted for event in one.events}
        origin = fork_of(new.rows)
        assert origin is not None
        assert (origin.source, origin.source_position) == ("sqlite:" + os.path.realpath(source), until)
        assert origin.source_hash == (wanted[-1].hash.hex() if wanted and wanted[-1].hash else None)
        assert fork_of(old.rows) is None
        again = new.append(commit("after", event("order-1"), event("order-new", "TypeNew")))
        assert again.position == until + 2, "the chain goes on"
        assert history(new)[-1].events == again.events
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert sorted(name for name in os.listdir(tmp_path) if ".part" in name) == []


def test_the_guards_of_the_log_are_there_again(source: str, tmp_path: Path) -> None:
    path = str(tmp_path / "new.db")
    made_by_sqlite(source, path, 9)
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("DELETE FROM events", "UPDATE commits SET user_id = 'x'", "DELETE FROM streams"):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                connection.execute(statement)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@MAKERS
def test_a_position_inside_a_commit_or_past_the_head_makes_nothing(source: str, tmp_path: Path, make) -> None:
    path = str(tmp_path / "new.db")
    with pytest.raises(Misuse, match="inside the commit of @10 to @12") as caught:
        make(source, path, 11)
    assert caught.value.hint == "@9, before it, or @12, with it"
    with pytest.raises(NotFound, match="no position @33 yet"):
        make(source, path, 33)
    assert not os.path.exists(path)


def test_what_is_there_stays(source: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    os.symlink(tmp_path / "nowhere", tmp_path / "link")
    os.mkdir(tmp_path / "folder")
    for name in ("file", "link", "folder", "source.db"):
        with pytest.raises(Misuse) as caught:
            made_by_sqlite(source, str(tmp_path / name))
        assert caught.value.code == "exists"
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(StoreNotFound):
        made_by_sqlite(source, str(tmp_path / "no" / "new.db"))


def test_who_is_faster_keeps_the_name(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.db"
    monkeypatch.setattr(forking, "sync", lambda made: path.write_text("somebody else's"))
    with pytest.raises(Misuse) as caught:
        made_by_sqlite(source, str(path))
    assert caught.value.code == "exists"
    assert path.read_text() == "somebody else's"
    assert [name for name in os.listdir(tmp_path) if ".part" in name] == []


def test_on_a_file_system_without_links(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", no_links)
    made_by_sqlite(source, str(tmp_path / "new.db"))
    with SQLiteStore(str(tmp_path / "new.db")) as new:
        assert new.head() == 32


def test_a_failure_on_the_way_leaves_nothing(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_WHOLE", (*copying._WHOLE, "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises((CqrsError, sqlite3.Error)):
        made_by_sqlite(source, str(tmp_path / "new.db"))
    assert not [name for name in os.listdir(tmp_path) if name.startswith("new.db")]


@MAKERS
def test_a_chain_that_does_not_hold_at_its_end_is_noticed(source: str, tmp_path: Path, make) -> None:
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("DROP TRIGGER commits_update")
        connection.execute("UPDATE commits SET hash = zeroblob(32) WHERE first_position = 32")
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER commits_update BEFORE UPDATE ON commits "
            "BEGIN SELECT RAISE(ABORT, 'commits are append-only'); END"
        )
    with pytest.raises(Damaged, match="its hash does not hold"):
        make(source, str(tmp_path / "new.db"))
    assert not os.path.exists(tmp_path / "new.db")


def test_nothing_that_waits_comes_along_and_reactions_are_refused(tmp_path: Path) -> None:
    path, copy = tmp_path / "office.db", str(tmp_path / "fork.db")
    path.write_bytes(gzip.decompress((FIXTURES / "format_2_full.db.gz").read_bytes()))
    left_out = (OUTBOX, DEAD_LETTERS, SKIPS, STOPS, SNAPSHOTS)
    with SQLiteStore(str(path)) as store:
        assert all(store.rows.count(table) for table in left_out)
        fork(store, copy)
    with Workbench.open(copy, office.domain) as bench:
        assert [bench.store.rows.count(table) for table in left_out] == [0] * 5
        assert bench.store.rows.checkpoints() == []
        for use in (bench.runner, lambda: bench.retry("x")):
            with pytest.raises(Misuse) as caught:
                use()
            assert caught.value.code == "fork"
        assert bench.runner(live=True, start=bench.store.head()).drain().position == bench.store.head()


def test_a_source_that_is_ahead_of_the_clock_is_copied_as_it_is(tmp_path: Path) -> None:
    source = str(tmp_path / "source.db")
    with SQLiteStore(source, create=True, clock=lambda: 4 * 10**18) as store:
        store.append(commit("c1"))
        before = history(store)
        fork(other(store), str(tmp_path / "new.db"))
    with SQLiteStore(str(tmp_path / "new.db")) as new:
        assert history(new) == before


def test_a_fork_under_two_writers_is_a_valid_prefix(source: str, tmp_path: Path) -> None:
    writer = (
        "import sys\n"
        "from cqrs_cli.stores.sqlite.store import SQLiteStore\n"
        "from cqrs_cli.testing.making import commit, event\n"
        "with SQLiteStore(sys.argv[1]) as store:\n"
        "    print('ready', flush=True)\n"
        "    for number in range(100_000):\n"
        "        store.append(commit(f'{sys.argv[2]}-{number}', *[event(f'order-{number % 7}')] * 3))\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", writer, source, name], stdout=subprocess.PIPE) for name in ("a", "b")
    ]
    try:
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        for number in range(5):
            for make in (made_by_sqlite, made_commit_by_commit):
                make(source, str(tmp_path / f"{number}-{make.__name__}.db"))
    finally:
        for child in children:
            child.kill()
            child.communicate()
    with SQLiteStore(source) as store:
        whole = history(store)
    for number in range(5):
        for make in (made_by_sqlite, made_commit_by_commit):
            with SQLiteStore(str(tmp_path / f"{number}-{make.__name__}.db")) as new:
                found = history(new)
                assert found == whole[: len(found)]
                assert new.append(commit("after")).position == found[-1].events[-1].position + 1


def test_a_fork_of_a_fork_names_the_one_before(source: str, tmp_path: Path) -> None:
    made_by_sqlite(source, str(tmp_path / "one.db"))
    made_by_sqlite(str(tmp_path / "one.db"), str(tmp_path / "two.db"), 12)
    with SQLiteStore(str(tmp_path / "two.db")) as two:
        origin = fork_of(two.rows)
    assert origin is not None
    assert origin.source.endswith("/one.db")


def test_a_store_in_memory_may_be_forked(tmp_path: Path) -> None:
    with open_store("memory:", create=True) as store:
        store.append_many([Append(commit("c1")), Append(commit("c2"))])
        fork(store, str(tmp_path / "new.db"))
    with SQLiteStore(str(tmp_path / "new.db")) as new:
        assert new.head() == 2


def test_while_another_thread_writes_to_the_source(source: str, tmp_path: Path) -> None:
    with SQLiteStore(source) as store:
        more = threading.Thread(target=lambda: [store.append(commit(f"m{number}")) for number in range(50)])
        more.start()
        fork(store, str(tmp_path / "new.db"))
        more.join()
        whole = history(store)
    with SQLiteStore(str(tmp_path / "new.db")) as new:
        assert history(new) == whole[: len(history(new))]


def test_a_password_of_the_source_is_not_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "new.db")
    with open_store("memory:", create=True) as store:
        store.append(commit("c1"))
        fork(other_at(store, "postgres://ada:hunter2secret@host/shop"), path)
    with SQLiteStore(path) as new:
        origin = fork_of(new.rows)
    assert origin is not None
    assert origin.source == "postgres://ada:***@host/shop"
    assert b"hunter2secret" not in Path(path).read_bytes()
