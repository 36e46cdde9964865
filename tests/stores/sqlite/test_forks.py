"""A fork: what was acknowledged is there, on both sides, whoever comes and goes meanwhile."""

import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.stores.rows import Column, Table
from cqrs_cli.stores.sqlite import connection as sqlite_connection
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.errors import translate
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
from tests.stores.sqlite.others import append, in_child, python

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
ITEMS = Table("items", (Column("id", "integer"),), ("id",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(path), create=True) as opened:
        yield opened


def ids(path: Path) -> list[str]:
    with SQLiteStore(str(path), read_only=True) as store:
        return [event.commit_id for event in store.read()]


def refused(act: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        act()
    assert (caught.value.code, caught.value.exit_code) == ("forked", 7)
    assert caught.value.hint


def test_a_forked_child_has_a_connection_of_its_own(store: SQLiteStore) -> None:
    store.append(commit("c1"))
    parent = store._file.connection

    def use() -> None:
        assert store._file.connection is not parent
        store.append(commit("child"))
        store.close()

    assert in_child(use) == 0
    store.append(commit("c2"))
    assert [e.commit_id for e in store.read()] == ["c1", "child", "c2"]


@pytest.mark.slow
@pytest.mark.parametrize("opened_again", [False, True])
def test_a_worker_whose_master_closes_loses_nothing(store: SQLiteStore, path: Path, opened_again: bool) -> None:
    """Its locks are its own: with its parent's, the next process to close would take the log of commits away."""
    store.append(commit("c1"))
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.read(ready, 1)
            own = SQLiteStore(str(path)) if opened_again else store
            for n in range(3):
                own.append(commit(f"worker-{n}"))
                append(path, f"other-{n}")
            code = 0
        finally:
            os._exit(code)
    store.close()
    os.write(go, b"g")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ids(path) == ["c1", "worker-0", "other-0", "worker-1", "other-1", "worker-2", "other-2"]


@pytest.mark.slow
def test_a_parent_that_goes_on_loses_nothing(store: SQLiteStore, path: Path) -> None:
    store.append(commit("c1"))

    def come_and_go() -> None:
        store.append(commit("child"))
        store.close()

    assert in_child(come_and_go) == 0
    for n in range(2):
        store.append(commit(f"parent-{n}"))
        append(path, f"other-{n}")
    assert ids(path) == ["c1", "child", "parent-0", "other-0", "parent-1", "other-1"]


def test_nothing_is_open_while_a_process_forks(path: Path) -> None:
    """A reader, a writer and one that was closed: none has the file in the child."""
    with SQLiteStore(str(path), create=True) as store, SQLiteStore(str(path), read_only=True) as reader:
        store.append(commit("c1"))
        assert reader.head() == 1

        def look() -> None:
            here = {os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_open(name)}
            assert not [name for name in here if name.startswith(str(path)) and not name.endswith("-lock")], here
            assert (store.head(), reader.head()) == (1, 1)

        assert in_child(look) == 0
        assert (store.head(), reader.head()) == (1, 1)


def _is_open(name: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{name}")


def test_the_child_of_a_fork_inside_a_transaction_is_kept_from_the_store(store: SQLiteStore, path: Path) -> None:
    def fork(rows: Any, recorded: Any) -> None:
        def use() -> None:
            refused(store.head)
            refused(lambda: store.append(commit("child")))
            refused(lambda: SQLiteStore(str(path)))
            refused(lambda: SQLiteStore(str(path), read_only=True).head())
            with pytest.raises(CqrsError):
                rows.create(ITEMS)
            store.close()

        assert in_child(use) == 0

    store.append(commit("c1"), inline=fork)
    store.append(commit("c2"))
    assert ids(path) == ["c1", "c2"]


def test_a_child_that_goes_on_in_its_parents_transaction_commits_nothing(store: SQLiteStore, path: Path) -> None:
    parent, child = os.getpid(), 0

    def fork(rows: Any, recorded: Any) -> None:
        nonlocal child
        child = os.fork()
        if child:
            os.waitpid(child, 0)

    try:
        store.append(commit("c1"), inline=fork)
    except Unavailable as error:
        if os.getpid() != parent:
            os._exit(0 if error.code == "forked" else 1)
        raise
    finally:
        if os.getpid() != parent:
            os._exit(2)
    assert ids(path) == ["c1"]


def test_a_child_can_do_nothing_with_its_parents_connection(store: SQLiteStore, path: Path) -> None:
    """It would write to the parent's file, and to its log of commits."""
    with store._file.transaction() as connection:
        connection.execute("SELECT count(*) FROM commits").fetchall()

        def use() -> None:
            for statement in ("SELECT count(*) FROM commits", "CREATE TABLE t (x)", "COMMIT"):
                with pytest.raises(sqlite3.DatabaseError) as caught:
                    connection.execute(statement)
                error = translate(caught.value, "shop.db")
                assert isinstance(error, Unavailable)
                assert error.code == "forked"

        assert in_child(use) == 0
        connection.execute("CREATE TABLE theirs (x)")
    assert raw_tables(path) >= {"theirs"}


def raw_tables(path: Path) -> set[str]:
    return set(
        python(
            "import sqlite3, sys\nfor n, in sqlite3.connect(sys.argv[1]).execute('SELECT name FROM sqlite_schema'):"
            " print(n)",
            str(path),
        ).split()
    )


def test_what_is_not_the_files_own_connection_is_not_committed(store: SQLiteStore) -> None:
    with store._file.transaction():
        other = store._file._opening.connect_reader()
        refused(lambda: store._file.commit(other))
        other.close()


def test_a_child_leaves_the_lock_with_its_parent(store: SQLiteStore, path: Path) -> None:
    def fork(rows: Any, recorded: Any) -> None:
        def look() -> None:
            refused(store.head)
            lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 0.05)
            with pytest.raises(Unavailable):
                lock.acquire()

        assert in_child(look) == 0

    store.append(commit("c1"), inline=fork)


def test_the_child_is_kept_from_a_store_of_which_rows_are_half_read(store: SQLiteStore) -> None:
    with store.transaction() as rows:
        rows.create(ITEMS)
        rows.put(ITEMS, [(n,) for n in range(12_000)])
    half = store.rows.select(ITEMS)
    sql = iter(store.sql("SELECT id FROM items", {}, 10))
    assert (next(half), next(sql)) == ((0,), (0,))
    assert in_child(lambda: refused(store.head)) == 0
    assert (len(list(half)), len(list(sql))) == (11_999, 11_999)
    assert in_child(lambda: store.append(commit("child"))) == 0
    assert store.head() == 1


def test_a_fork_waits_for_the_transaction_of_another_thread(store: SQLiteStore) -> None:
    inside, forking = threading.Event(), threading.Event()

    def work(rows: Any, recorded: Any) -> None:
        inside.set()
        assert forking.wait(60)
        time.sleep(0.05)

    thread = threading.Thread(target=lambda: store.append(commit("c1"), inline=work))
    thread.start()
    assert inside.wait(60)
    forking.set()

    def use() -> None:
        assert store.append(commit("child")).position == 2

    assert in_child(use) == 0
    thread.join()
    assert store.head() == 2


def test_a_fork_waits_for_a_transaction_no_longer_than_the_time_out(path: Path) -> None:
    """The child waits for no thread of its parent: the turns that they have never end in it."""
    inside, over = threading.Event(), threading.Event()

    def work(rows: Any, recorded: Any) -> None:
        inside.set()
        assert over.wait(60)

    with SQLiteStore(str(path), create=True, limits=Limits(timeout=0.1)) as store:
        thread = threading.Thread(target=lambda: store.append(commit("c1"), inline=work))
        thread.start()
        assert inside.wait(60)
        assert in_child(lambda: refused(store.head)) == 0
        over.set()
        thread.join()
        assert store.head() == 1


def test_threads_fork_and_write_at_once(store: SQLiteStore) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(5):
                store.append(commit(f"t{number}-{n}"))
                if number % 2:
                    assert in_child(partial(store.append, commit(f"f{number}-{n}"))) == 0
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.head() == 30


def test_a_program_that_is_started_disturbs_nothing(store: SQLiteStore, path: Path) -> None:
    for preexec in (None, lambda: None):
        store.append(commit(f"c-{preexec is None}"))
        subprocess.run([sys.executable, "-c", ""], preexec_fn=preexec, check=True, timeout=60)
    store.append(commit("last"))
    assert store.head() == 3


def test_a_lazily_made_store_is_one_in_the_child_too(path: Path) -> None:
    with SQLiteStore(str(path), create="lazily") as store:
        assert store.head() == 0
        assert in_child(lambda: store.append(commit("child"))) == 0
        assert store.head() == 1


def test_another_log_that_took_the_place_of_what_was_set_aside_is_no_store_to_go_on_with(
    store: SQLiteStore, path: Path
) -> None:
    store.append(commit("c1"))

    def replace() -> None:
        path.unlink()
        with SQLiteStore(str(path), create=True) as other:
            other.append(commit("c2"))

    assert in_child(replace) == 0
    with pytest.raises(Unavailable) as caught:
        store.append(commit("c3"))
    assert caught.value.code == "replaced"


def test_who_gave_up_waiting_for_the_lock_leaves_it_to_no_child(path: Path) -> None:
    """A child has the files of its parent, and would keep the lock that the parent's thread gets at last."""
    first, second = (sqlite_lock.WriteLock("x", str(path) + "-lock", 0.05) for _ in range(2))
    first.acquire()
    with pytest.raises(Unavailable):
        second.acquire()
    reads, ends = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ends)
        os.read(reads, 1)
        os._exit(0)
    first.release()
    for thread in threading.enumerate():
        if thread.name == "cqrs-lock":  # it gets the lock, and gives it back
            thread.join(60)
    third = sqlite_lock.WriteLock("x", str(path) + "-lock", 0.05)
    third.acquire()
    third.release()
    for lock in (first, second, third):
        lock.close()
    os.close(ends)
    os.waitpid(child, 0)


# ── a store that is open twice in one process ─────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("read_only", [False, True])
def test_a_second_opening_takes_no_locks_from_the_first(store: SQLiteStore, path: Path, read_only: bool) -> None:
    """Who closes a descriptor of a file gives up all locks that his process has on it."""
    store.append(commit("c1"))
    with SQLiteStore(str(path), read_only=read_only) as second:
        assert second.head() == 1
        for n in range(2):
            store.append(commit(f"mine-{n}"))
            append(path, f"other-{n}")
    assert ids(path) == ["c1", "mine-0", "other-0", "mine-1", "other-1"]


def test_the_header_of_an_open_file_is_not_read_past_sqlite(store: SQLiteStore, path: Path) -> None:
    assert sqlite_connection.start_of(str(path), 16) is None
    store.close()
    assert sqlite_connection.start_of(str(path), 16) == b"SQLite format 3\0"


def test_no_file_of_a_store_is_read_past_sqlite() -> None:
    """But in one place, which knows when that is safe: a close would take the locks of the whole process."""
    room = Path(sqlite_connection.__file__).parent
    reads = [
        file.name
        for file in room.glob("*.py")
        for line in file.read_text().splitlines()
        if re.search(r"(?<![\w.])open\((self\.)?_?(real_)?path, ", line)
    ]
    assert reads == ["connection.py"]


FORK_AND_EXIT = """
import os, sys
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.rows import Column, Table
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
if sys.argv[2] == "rollback journal":
    sqlite_lock.why_not = lambda path: "a test says so"
items = Table("items", (Column("id", "integer"), Column("text", "text")), ("id",))
store = SQLiteStore(sys.argv[1], create=True)
store._file.connection.execute("PRAGMA cache_size=10")   # so that pages reach the file before the commit
def fork(rows, recorded):
    rows.create(items)
    rows.put(items, [(n, "x" * 1000) for n in range(500)])
    if os.fork() == 0:
        raise SystemExit      # unwinds through the parent's transaction, then ends with all finalizers
    os.wait()
store.append(commit("c1"), inline=fork)
store.append(commit("c2"))
print(store.head())
store.close()
"""


@pytest.mark.parametrize("journal", ["wal", "rollback journal"])
def test_a_child_that_unwinds_through_the_parents_transaction(path: Path, journal: str) -> None:
    assert python(FORK_AND_EXIT, str(path), journal) == "2\n"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT count(*) FROM items").fetchall() == [(500,)]
    connection.close()
