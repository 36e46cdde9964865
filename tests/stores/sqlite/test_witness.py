"""A file that is written to past SQLite while it is open: told before anything is acknowledged; what SQLite does is not."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.sqlite import connection as sqlite_connection
from cqrs_cli.stores.sqlite import file as sqlite_file
from cqrs_cli.stores.sqlite import witness as sqlite_witness
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
from tests.stores.sqlite.others import append, python

SQL = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
"""
NEW_STORE = """
import sys
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
with SQLiteStore(sys.argv[1], create=True) as store:
    for number in range(int(sys.argv[2])):
        store.append(commit(f"other-{number}"))
"""


KILLED = (
    NEW_STORE
    + """
import os
SQLiteStore(sys.argv[1]).append(commit("last"))
os._exit(0)
"""
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "LOOK_SECONDS", -1.0)
    monkeypatch.setattr(sqlite_witness, "_PAUSES", (0, 0.01))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(path), create=True) as opened:
        for number in range(3):
            opened.append(commit(f"c{number}"))
        yield opened


def sql(path: Path, *statements: str) -> None:
    """By another program: closing the file would take the locks of this process away."""
    python(SQL, str(path), *statements)


def copy_onto(source: Path, path: Path) -> None:
    subprocess.run(["cp", str(source), str(path)], check=True)


def code(act: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(CqrsError) as caught:
        act()
    assert caught.value.hint
    return caught.value.code, caught.value.exit_code


# ── overwritten ───────────────────────────────────────────────────────────────────────────────


def another_store(path: Path, aside: Path) -> None:
    python(NEW_STORE, str(aside), "3")


def a_larger_store(path: Path, aside: Path) -> None:
    python(NEW_STORE, str(aside), "400")


def a_backup(path: Path, aside: Path) -> None:
    sql(path, f"VACUUM INTO '{aside}'")


def an_older_copy(path: Path, aside: Path) -> None:
    sql(path, f"VACUUM INTO '{aside}'")
    append(path, "later-1")


def rubbish(path: Path, aside: Path) -> None:
    aside.write_bytes(b"nothing that is a store " * 1000)


def nothing(path: Path, aside: Path) -> None:
    aside.touch()


CONTENTS = [another_store, a_larger_store, a_backup, an_older_copy, rubbish, nothing]
BEFORE = {
    "nothing was taken from the log": (),
    "a checkpoint was made": ("PRAGMA wal_checkpoint(PASSIVE)",),
    "the log is begun anew": ("PRAGMA wal_checkpoint(RESTART)", "CREATE TABLE theirs (x)"),
}


@pytest.mark.parametrize("before", BEFORE, ids=lambda name: name.replace(" ", "_"))
@pytest.mark.parametrize("make", CONTENTS)
def test_nothing_is_acknowledged_into_a_file_that_was_overwritten(
    store: SQLiteStore, path: Path, make: Callable[[Path, Path], None], before: str
) -> None:
    aside = path.parent / "aside.db"
    sql(path, *BEFORE[before])
    make(path, aside)
    store.append(commit("seen"))
    copy_onto(aside, path)
    for id in ("c3", "c4"):
        assert code(partial(store.append, commit(id))) == ("replaced", 7)
    assert code(store.head) == ("replaced", 7)
    for options in ({}, {"read_only": True}, {"create": True}):
        assert code(partial(SQLiteStore, str(path), **options)) == ("replaced", 7)  # type: ignore[arg-type]
    store.close()
    assert path.read_bytes() == aside.read_bytes(), "the log was taken into a file that is not its own"


@pytest.mark.parametrize("make", [another_store, a_larger_store, an_older_copy])
def test_a_checkpoint_before_it_does_not_excuse_it(
    store: SQLiteStore, path: Path, make: Callable[[Path, Path], None]
) -> None:
    """SQLite says then that the file has what was in the log."""
    make(path, path.parent / "aside.db")
    store.append(commit("seen"))
    sql(path, "PRAGMA wal_checkpoint(PASSIVE)")
    copy_onto(path.parent / "aside.db", path)
    assert code(lambda: store.append(commit("c3"))) == ("replaced", 7)


def test_what_was_copied_is_a_store_when_the_log_is_removed(path: Path, tmp_path: Path) -> None:
    """After a writer was killed: the log that it left is not taken for the copy's."""
    aside = tmp_path / "aside.db"
    python(KILLED, str(path), "1")
    another_store(path, aside)
    copy_onto(aside, path)
    assert code(partial(SQLiteStore, str(path))) == ("replaced", 7)
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink()
    with SQLiteStore(str(path)) as opened:
        assert opened.append(commit("c9")).position == 4
        opened.check()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("make", CONTENTS)
def test_who_follows_is_told(
    store: SQLiteStore, path: Path, make: Callable[[Path, Path], None], read_only: bool
) -> None:
    aside = path.parent / "aside.db"
    make(path, aside)
    with SQLiteStore(str(path), read_only=read_only) as follower:
        head = follower.head()
        assert follower.wait(head, 0.01) is False
        copy_onto(aside, path)
        assert code(lambda: follower.wait(head, 60)) == ("replaced", 7)


def test_a_commit_into_a_file_that_is_overwritten_meanwhile_is_not_acknowledged(store: SQLiteStore, path: Path) -> None:
    aside = path.parent / "aside.db"
    another_store(path, aside)
    assert code(lambda: store.append(commit("c3"), inline=lambda *_: copy_onto(aside, path))) == ("replaced", 7)


def test_what_looks_damaged_may_be_overwritten(store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    with SQLiteStore(str(path), read_only=True) as reader:
        reader.head()
        monkeypatch.setattr(sqlite_file, "LOOK_SECONDS", 3600.0)
        aside = path.parent / "aside.db"
        rubbish(path, aside)
        copy_onto(aside, path)
        assert code(reader.check) == ("replaced", 7)


def test_with_an_empty_log_a_copy_whose_log_goes_on_is_gone_on_with(store: SQLiteStore, path: Path) -> None:
    aside = path.parent / "aside.db"
    a_backup(path, aside)
    sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    copy_onto(aside, path)
    assert store.append(commit("c3")).position == 4
    store.check()
    with SQLiteStore(str(path), read_only=True) as reader:
        reader.check()
        assert reader.head() == 4


def test_with_an_empty_log_a_copy_whose_log_does_not_go_on_is_refused(store: SQLiteStore, path: Path) -> None:
    aside = path.parent / "aside.db"
    another_store(path, aside)
    sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    copy_onto(aside, path)
    assert code(lambda: store.append(commit("c3"))) == ("replaced", 7)


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_nothing_is_acknowledged_into_a_log_that_was_taken_away(store: SQLiteStore, path: Path, ending: str) -> None:
    store.append(commit("c3"))
    Path(f"{path}{ending}").unlink()
    for id in ("c4", "c5"):
        assert code(partial(store.append, commit(id))) == ("replaced", 7)
    assert code(store.head) == ("replaced", 7)


def test_the_log_of_others_is_left_by_who_lost_his_own(store: SQLiteStore, path: Path) -> None:
    store.append(commit("c3"))
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink()
    python(KILLED, str(path), "1")
    assert Path(f"{path}-wal").exists()
    store.close()
    assert Path(f"{path}-wal").exists()


# ── by SQLite ─────────────────────────────────────────────────────────────────────────────────

BY_SQLITE: dict[str, tuple[str, ...]] = {
    "passive": ("PRAGMA wal_checkpoint(PASSIVE)",),
    "restart": ("PRAGMA wal_checkpoint(RESTART)",),
    "truncate": ("PRAGMA wal_checkpoint(TRUNCATE)",),
    "vacuum": ("VACUUM",),
    "vacuum and checkpoint": ("VACUUM", "PRAGMA wal_checkpoint(PASSIVE)"),
    "vacuum and truncate": ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"),
    "a table and a checkpoint": ("CREATE TABLE IF NOT EXISTS theirs (x)", "PRAGMA wal_checkpoint(PASSIVE)"),
    "litestream": (
        "CREATE TABLE IF NOT EXISTS _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)",
        "PRAGMA wal_checkpoint(RESTART)",
        "INSERT INTO _litestream_seq VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET seq = seq + 1",
    ),
}


@pytest.mark.parametrize("way", BY_SQLITE)
def test_what_other_programs_do_through_sqlite_is_gone_on_with(store: SQLiteStore, path: Path, way: str) -> None:
    with SQLiteStore(str(path), read_only=True) as follower:
        for turn in range(3):
            store.append(commit(f"before-{turn}"))
            sql(path, *BY_SQLITE[way])
            assert follower.wait(store.head() - 1, 60)
            sql(path, *BY_SQLITE[way])
            assert store.append(commit(f"after-{turn}")).position == store.head()
        assert follower.head() == store.head() == 9
        follower.check()


def test_a_file_that_is_touched_is_the_same(store: SQLiteStore, path: Path) -> None:
    for number in range(3, 6):
        os.utime(path)
        assert store.append(commit(f"c{number}")).position == number + 1
        os.utime(path)
        with SQLiteStore(str(path), read_only=True) as other:
            assert other.head() == number + 1


def test_a_checkpoint_of_our_own_is_gone_on_with(store: SQLiteStore, path: Path) -> None:
    assert store._file._connection is not None
    store._file._connection.execute("PRAGMA wal_autocheckpoint=1")
    with SQLiteStore(str(path)) as other:
        for number in range(3, 23):
            store.append(commit(f"c{number}"))
            assert other.append(commit(f"d{number}")).position == store.head()
        other.check()


def test_a_checkpoint_that_a_reader_holds_up_is_gone_on_with(store: SQLiteStore, path: Path) -> None:
    """It takes the log up to where the reader stands, and of that no page that was written later too."""
    with store._file.reader() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchall()
        for number in range(3, 6):
            store.append(commit(f"c{number}"))
            sql(path, "PRAGMA wal_checkpoint(PASSIVE)")
            store.append(commit(f"d{number}"))
        with SQLiteStore(str(path)) as other:
            other.append(commit("e"))
    store.append(commit("f"))


def test_of_a_checkpoint_that_was_killed_nothing_is_held_against_the_file(store: SQLiteStore, path: Path) -> None:
    store.append(commit("c3"))
    before = sqlite_witness.Witness.of(str(path))
    assert before is not None
    with sqlite_connection.past_sqlite(str(path)) as (_, index):
        assert sqlite_witness.Index.read(index) is not None
    python(
        "import sys, struct\n"
        "with open(sys.argv[1] + '-shm', 'r+b') as file:\n"
        "    file.seek(16); frames = file.read(4); file.seek(128); file.write(frames)\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    file.seek(4096 * 3); file.write(bytes(100))\n",
        str(path),
    )
    assert sqlite_witness.is_sqlites(str(path), before) is True


@pytest.mark.parametrize("content", [b"", bytes(200), b"garbage!" * 20])
def test_an_index_that_is_none_says_nothing(store: SQLiteStore, path: Path, content: bytes) -> None:
    """As a power loss leaves it."""
    (path.parent / "index").write_bytes(content)
    with (path.parent / "index").open("rb") as file:
        assert sqlite_witness.Index.read(file.fileno()) is None


def test_what_was_seen_before_the_system_was_started_says_nothing(store: SQLiteStore, path: Path) -> None:
    witness = sqlite_witness.Witness.of(str(path))
    assert witness is not None
    for noted, understood in (
        (witness, witness),
        (witness._replace(boot="other"), None),
        (witness._replace(boot=""), None),
        (None, None),
    ):
        with store._file.transaction():
            store._file.lock.note("a of b" if noted is None else noted.note("a of b"))
            assert sqlite_witness.Witness.noted(str(path)) == understood


# ── descriptors ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_descriptors_are_kept_as_long_as_a_connection_is_open(store: SQLiteStore, path: Path) -> None:
    """Closing one would give SQLite's locks away, and the next to close would take the log from under the others."""

    def opened() -> int:
        links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        return sum(link.startswith(str(path)) and not link.endswith("-lock") for link in links)

    with SQLiteStore(str(path), read_only=True) as other:
        other.head()
        store.append(commit("c3"))
    append(path, "elsewhere")
    assert Path(f"{path}-wal").exists()
    assert store.append(commit("c4")).position == 6
    store.close()
    assert opened() == 0


def test_a_look_that_fails_after_a_commit_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is written: nobody is told that it failed, or that something else did."""
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        store.append(commit("c1"))
        real, failed = os.pread, list[int]()

        def pread(file: int, size: int, at: int) -> bytes:
            if not failed:
                failed.append(file)
                raise OSError(errno.EDQUOT, "Disk quota exceeded")
            return real(file, size, at)

        monkeypatch.setattr(os, "pread", pread)
        assert store.append(commit("c2")).position == 2
        monkeypatch.undo()
        assert failed
        assert store.append(commit("c3")).position == 3


@pytest.mark.parametrize(("backfilled", "there"), [(1, 0), (1, 1), (3, 1), (3, 2)])
def test_a_log_that_is_cut_off_while_one_looks_is_looked_at_again(tmp_path: Path, backfilled: int, there: int) -> None:
    """Who closes the store last takes the log away, also between a look at its index and one at it."""
    path, size = str(tmp_path / "shop.db"), 512
    index = sqlite_witness.Index(size, 3, 3, b"saltsalt", backfilled, backfilled)
    frame = (1).to_bytes(4, "big") + bytes(4) + index.salt + bytes(8 + size)
    Path(f"{path}-wal").write_bytes(bytes(32) + frame * there + frame[:20])
    Path(path).write_bytes(bytes(size * 3))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert sqlite_witness._has_what_was_taken(path, descriptor, index) is False
    finally:
        os.close(descriptor)
