"""What only SQLite has: the file, its rights, its guards, its refusals."""

import multiprocessing
import os
import re
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import MAX_EMAX, MIN_ETINY, Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import ConfigurationError, Conflict, CqrsError, Damaged, Misuse, NotFound, Unavailable
from cqrs_cli.stores.conditions import NewStream
from cqrs_cli.stores.contract import Append, Selection
from cqrs_cli.stores.rows import Checkpoint, Column, Table
from cqrs_cli.stores.sqlite import errors as sqlite_errors
from cqrs_cli.stores.sqlite import file as sqlite_file
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite import mounts as sqlite_mounts
from cqrs_cli.stores.sqlite import opening as sqlite_opening
from cqrs_cli.stores.sqlite.decimal import decimal_key
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing import races
from cqrs_cli.testing.making import commit, event

ROOT = Path(__file__).resolve().parents[3]
ITEMS = Table("items", (Column("id", "text"), Column("price", "decimal"), Column("n", "integer", True)), ("id",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(path), create=True) as opened:
        yield opened


def raw(path: Path) -> sqlite3.Connection:
    """A foreign tool: a plain connection with SQLite's defaults."""
    return sqlite3.connect(path, isolation_level=None)


def refusal(act: Callable[[], Any]) -> CqrsError:
    with pytest.raises(CqrsError) as caught:
        act()
    assert say(caught.value)
    return caught.value


# ── append-only ───────────────────────────────────────────────────────────────────────────────

FORBIDDEN = [
    "UPDATE {t} SET rowid = rowid",
    "DELETE FROM {t}",
    "DELETE FROM {t} WHERE rowid = 1",
    "INSERT OR REPLACE INTO {t} {columns} SELECT {values} FROM {t} WHERE rowid = 1",
    "REPLACE INTO {t} {columns} SELECT {values} FROM {t} WHERE rowid = 1",
    "INSERT INTO {t} {columns} SELECT {values} FROM {t} WHERE rowid = 1",
    "INSERT OR REPLACE INTO {t} {columns} SELECT 99, {rest} FROM {t} WHERE rowid = 1",
    "UPDATE OR REPLACE {t} SET rowid = 2 WHERE rowid = 1",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
@pytest.mark.parametrize("table", ["events", "commits", "streams", "event_types"])
@pytest.mark.parametrize("recursive", [0, 1])
def test_no_row_of_the_log_can_be_changed(
    store: SQLiteStore, path: Path, table: str, statement: str, recursive: int
) -> None:
    store.append(commit("c1", event("a-1", "A")))
    store.append(commit("c2", event("b-1", "B")))
    connection = raw(path)
    connection.execute(f"PRAGMA recursive_triggers={recursive}")
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    before = connection.execute(f"SELECT * FROM {table}").fetchall()
    sql = statement.format(t=table, columns=f"({', '.join(names)})", values=", ".join(names), rest=", ".join(names[1:]))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(sql)
    assert connection.execute(f"SELECT * FROM {table}").fetchall() == before
    connection.close()


@pytest.mark.parametrize("way", ["OR REPLACE", "OR IGNORE", ""])
@pytest.mark.parametrize(
    "row",
    ["(1, 1, 1, 3, 1, 1, '{}')", "(9, 1, 1, 1, 1, 1, '{}')", "(2, 1, 2, 2, 1, 1, '{}')", "(NULL, 1, 1, 3, 1, 1, '{}')"],
    ids=["a position that is there", "a version that is there", "another position that is there", "no position"],
)
def test_no_event_can_take_the_place_of_another(store: SQLiteStore, path: Path, row: str, way: str) -> None:
    store.append(commit("c1", event(), event()))
    connection = raw(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(f"INSERT {way} INTO events VALUES {row}")
    assert connection.execute("SELECT count(*), max(position) FROM events").fetchone() == (2, 2)
    connection.close()


# ── what is in the file ───────────────────────────────────────────────────────────────────────


def test_the_views_show_the_log_to_people(store: SQLiteStore, path: Path) -> None:
    first, second = store.append(
        commit("c1", event("order-1", "Placed", b'{"n":1}'), event("stock-2", "Taken"), user_id="ada", metadata="{}")
    ).events
    store.append(commit("c2", event("order-1", "Paid")))
    with store.transaction() as rows:
        rows.move("items", None, Checkpoint("items", 1, "f"))
    connection = raw(path)
    at = first.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert connection.execute("SELECT * FROM event_log WHERE position = 1").fetchone() == (
        1, "order-1", 1, "Placed", 1, '{"n":1}', "c1:1", "c1", "PlaceOrder", "c1", None, "ada", at, "{}", "order",
    )  # fmt: skip
    assert connection.execute("SELECT event_id FROM event_log").fetchall() == [("c1:1",), (second.event_id,), ("c2:1",)]
    streams = connection.execute("SELECT stream, category, version, first_recorded_at FROM stream_summary").fetchall()
    assert streams == [("order-1", "order", 2, at), ("stock-2", "stock", 1, at)]
    assert connection.execute("SELECT * FROM projection_status").fetchall() == [("items", 1, 3, 2, "f")]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_all_tables_are_strict_and_have_no_collation_or_function_of_ours(store: SQLiteStore, path: Path) -> None:
    with store.transaction() as rows:
        rows.create(ITEMS)
    connection = raw(path)
    tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    assert [name for name, strict in tables if not strict] == ["_sqlite_migrations", "sqlite_schema"]
    sql = " ".join(row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
    assert not re.search(r"COLLATE|cqrs_decimal", sql)
    types = connection.execute("SELECT name, type, pk FROM pragma_table_info('items')").fetchall()
    assert types == [("id", "TEXT", 1), ("price", "TEXT", 0), ("n", "INTEGER", 0)]
    connection.close()


def test_the_file_says_what_it_is(store: SQLiteStore, path: Path) -> None:
    connection = raw(path)
    assert connection.execute("PRAGMA application_id").fetchone()[0] == int.from_bytes(b"cqrs", "big")
    assert connection.execute("SELECT value FROM cqrs_store WHERE name = 'format'").fetchone() == ("4",)
    connection.close()
    facts = store.describe()
    assert (facts["kind"], facts["format"], facts["journal_mode"], facts["lock"]) == ("sqlite", 4, "wal", "flock")


@pytest.mark.parametrize("lock", ["flock", "none", "none from now on"])
@pytest.mark.parametrize("durability", [None, "full", "relaxed"])
def test_durability_is_recorded_and_kept(
    path: Path, durability: str | None, lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FULL for relaxed with a rollback journal: NORMAL would let a power loss damage the store."""
    if lock == "none":
        monkeypatch.setattr("cqrs_cli.stores.sqlite.lock.why_not", lambda path: "a test says so")
    SQLiteStore(str(path), create=True, durability=durability).close()
    if lock == "none from now on":
        monkeypatch.setattr("cqrs_cli.stores.sqlite.lock.why_not", lambda path: "a test says so")
    with SQLiteStore(str(path)) as again:
        synchronous = 3 if durability != "relaxed" else 1 if lock == "flock" else 2
        assert again._file.query("PRAGMA synchronous") == [(synchronous,)]
        assert again.describe()["durability"] == (durability or "full")
        assert again.describe()["journal_mode"] == ("wal" if lock == "flock" else "delete")
    other = "full" if durability == "relaxed" else "relaxed"
    assert isinstance(refusal(lambda: SQLiteStore(str(path), durability=other)), ConfigurationError)
    assert isinstance(refusal(lambda: SQLiteStore(str(path), durability="none")), ConfigurationError)


def test_the_pragmas_of_a_writer_and_of_a_reader(store: SQLiteStore, path: Path) -> None:
    with SQLiteStore(str(path), read_only=True) as reader:
        for opened in (store, reader):
            values = [
                opened._file.query(f"PRAGMA {name}")
                for name in ("trusted_schema", "cell_size_check", "recursive_triggers")
            ]
            assert values == [[(0,)], [(1,)], [(1,)]]
        assert reader._file.query("PRAGMA query_only") == [(1,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._file.connection.execute("CREATE TABLE x (y)")


def test_files_are_for_their_owner_alone(store: SQLiteStore, path: Path) -> None:
    store.append(commit("c1"))
    assert sorted(p.name for p in path.parent.iterdir()) == ["shop.db", "shop.db-lock", "shop.db-shm", "shop.db-wal"]
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_last_close_leaves_one_file_and_the_lock(path: Path) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    assert sorted(p.name for p in path.parent.iterdir()) == ["shop.db", "shop.db-lock"]


def test_a_reader_changes_no_byte_and_makes_no_lock_file(path: Path) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    (path.parent / "shop.db-lock").unlink()
    before = path.read_bytes()
    with SQLiteStore(str(path), read_only=True) as reader:
        assert reader.head() == 1
        reader.describe()
        assert not (path.parent / "shop.db-lock").exists()
    assert path.read_bytes() == before
    assert not (path.parent / "shop.db-lock").exists()


# ── refusals ──────────────────────────────────────────────────────────────────────────────────


def test_a_missing_store_is_not_made_by_reading(path: Path) -> None:
    os.chdir(path.parent)
    ways: list[dict[str, Any]] = [{}, {"read_only": True}, {"read_only": True, "create": True}]
    for options in ways:
        error = refusal(partial(SQLiteStore, "shop.db", **options))
        assert isinstance(error, NotFound)
        assert (error.message, error.code) == ("no store at shop.db", "store-not-found")
        assert say(error) == "the first cqrs send creates it; another one: --store PATH"
    assert list(path.parent.iterdir()) == []


def make_foreign(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE notes (x)")
    connection.close()


def make_half_ours(path: Path) -> None:
    connection = raw(path)
    connection.execute(f"PRAGMA application_id={sqlite_opening.APPLICATION_ID}")
    connection.execute("CREATE TABLE cqrs_store (name, value)")
    connection.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"hello, I am a text file, not a store\n" * 100),
        lambda path: path.write_bytes(b"x"),
        make_foreign,
        make_half_ours,
    ],
    ids=["text", "one byte", "another database", "half ours"],
)
@pytest.mark.parametrize("options", [{}, {"create": True}, {"read_only": True}])
def test_a_file_that_is_no_store_is_refused_and_left_alone(path: Path, make: Any, options: dict[str, Any]) -> None:
    make(path)
    before = path.read_bytes()
    error = refusal(lambda: SQLiteStore(str(path), **options))
    assert isinstance(error, Damaged)
    assert (error.code, error.exit_code) == ("not-a-store", 6)
    assert path.read_bytes() == before


def test_a_damaged_header_is_refused(path: Path) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    content = bytearray(path.read_bytes())
    content[:16] = b"SQLite format 4\0"
    path.write_bytes(content)
    assert refusal(lambda: SQLiteStore(str(path))).code == "not-a-store"


@pytest.mark.parametrize("read_only", [True, False])
def test_a_schema_of_which_sqlite_s_message_is_no_text(path: Path, read_only: bool) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    content = path.read_bytes()
    at = content.index(b"CREATE TABLE commits")
    path.write_bytes(content[:at] + b"CRE\xffTE" + content[at + 6 :])

    def use() -> None:
        with SQLiteStore(str(path), read_only=read_only) as store:
            list(store.read())

    error = refusal(use)
    assert error.exit_code in (6, 7)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE commits SET recorded_at = 9223372036854775807",
        "UPDATE commits SET event_count = 0, first_position = 7",
        "UPDATE commits SET metadata = '[1]'",
        "UPDATE commits SET metadata = '{bad'",
        "DROP TABLE cqrs_checkpoints",
    ],
)
def test_what_was_changed_by_hand_is_damage_and_no_bug(store: SQLiteStore, path: Path, change: str) -> None:
    store.append(commit("c1"))
    connection = raw(path)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute(change)
    connection.close()

    def look() -> None:
        store.rows.checkpoints()
        for found in store.commits():
            for recorded in found.events:
                assert recorded.recorded_at
                assert recorded.metadata == {}

    assert type(refusal(look)) is Damaged


def test_nothing_is_appended_to_a_log_whose_end_is_not_whole(path: Path) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    connection = raw(path)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE commits SET event_count = 9223372036854775807")
    connection.close()
    with SQLiteStore(str(path)) as store:
        assert type(refusal(lambda: store.append(commit("c2")))) is Damaged
        assert type(refusal(store.head)) is Damaged


@pytest.mark.parametrize(
    "change", ["DROP TABLE cqrs_store", "UPDATE cqrs_store SET value = '0' WHERE name = 'format'", "DROP TABLE commits"]
)
def test_a_store_that_lacks_a_part_is_damaged(path: Path, change: str) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    connection = raw(path)
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute(change)
    connection.close()

    def use() -> None:
        with SQLiteStore(str(path)) as store:
            store.append(commit("c2"))

    assert type(refusal(use)) is Damaged


def test_damaged_pages_are_a_typed_error(path: Path) -> None:
    with SQLiteStore(str(path), create=True) as store:
        for n in range(300):
            store.append(commit(f"c{n}", event(f"s-{n}")))
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\x5a" * (len(content) - 4096 * 4)
    path.write_bytes(content)

    def look() -> None:
        with SQLiteStore(str(path), read_only=True) as store:
            list(store.read())

    error = refusal(look)
    assert isinstance(error, Damaged)
    assert error.exit_code == 6


def test_a_newer_format_is_refused(path: Path) -> None:
    SQLiteStore(str(path), create=True).close()
    connection = raw(path)
    connection.execute("UPDATE cqrs_store SET value = '5' WHERE name = 'format'")
    connection.close()
    error = refusal(lambda: SQLiteStore(str(path)))
    assert isinstance(error, Unavailable)
    assert (error.code, error.exit_code) == ("newer-format", 7)


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    assert refusal(lambda: SQLiteStore(str(path), create=True)).code == "sqlite-too-old"
    assert not path.exists()


@pytest.mark.parametrize("name", ["", ":memory:", "a\0b"])
def test_what_is_no_path_is_refused(name: str) -> None:
    assert isinstance(refusal(lambda: SQLiteStore(name, create=True)), ConfigurationError)


def test_folders_are_no_stores_and_are_not_made(tmp_path: Path) -> None:
    assert isinstance(refusal(lambda: SQLiteStore(str(tmp_path), create=True)), ConfigurationError)
    assert isinstance(refusal(lambda: SQLiteStore(str(tmp_path / "no" / "shop.db"), create=True)), NotFound)


def test_a_name_with_characters_of_an_uri(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#b%20 ü.db"
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    assert path.stat().st_size > 0


def test_an_empty_file_is_filled_by_the_first_writer_alone(path: Path) -> None:
    path.touch(0o644)
    assert isinstance(refusal(lambda: SQLiteStore(str(path))), NotFound)
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_an_empty_file_that_was_there_outlives_a_creation_that_fails(path: Path) -> None:
    path.touch(0o644)
    with SQLiteStore(str(path), create="lazily") as store:
        with pytest.raises(ZeroDivisionError):
            store.append(commit("c1"), inline=lambda rows, recorded: print(1 // 0))
        assert path.exists()
        store.append(commit("c1"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("create", [True, "lazily"])
def test_a_file_that_can_not_be_prepared_is_taken_away(
    path: Path, monkeypatch: pytest.MonkeyPatch, create: Any
) -> None:
    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_opening.Opening, "set_modes", fail)
        with pytest.raises((CqrsError, sqlite3.Error)):
            SQLiteStore(str(path), create=create).append(commit("c1"))
        assert not list(path.parent.iterdir())
    with SQLiteStore(str(path), create=create) as store:
        store.append(commit("c1"))


def test_an_interrupted_creation_is_completed(path: Path) -> None:
    connection = raw(path)
    connection.execute("PRAGMA journal_mode=wal")
    connection.close()
    assert path.stat().st_size > 0
    assert isinstance(refusal(lambda: SQLiteStore(str(path))), NotFound)
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))


@pytest.mark.parametrize("left", [bytes(4096), bytes(16384), b"SQL", b"\x5a" * 4096])
def test_a_creation_that_a_power_loss_interrupted_is_completed(path: Path, left: bytes) -> None:
    """The first page did not reach the disk, its journal did."""
    path.write_bytes(left)
    journal = Path(f"{path}-journal")
    header = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 17, 0, 512, 4096)
    journal.write_bytes(header.ljust(512, b"\0"))
    assert isinstance(refusal(lambda: SQLiteStore(str(path), read_only=True)), NotFound)
    assert (path.read_bytes(), journal.exists()) == (left, True)
    assert isinstance(refusal(lambda: SQLiteStore(str(path))), NotFound)
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
        assert store.head() == 1


@pytest.mark.parametrize("pages", [None, 1])
def test_a_foreign_file_is_left_alone_whatever_journal_lies_beside_it(path: Path, pages: int | None) -> None:
    path.write_bytes(b"notes " * 1000)
    header = (
        b"" if pages is None else bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 17, pages, 512, 4096)
    )
    Path(f"{path}-journal").write_bytes(header.ljust(512, b"\0"))
    ways: list[dict[str, Any]] = [{}, {"create": True}, {"read_only": True}]
    for options in ways:
        assert refusal(partial(SQLiteStore, str(path), **options)).code == "not-a-store"
    assert path.read_bytes() == b"notes " * 1000


def test_what_an_interrupted_write_left_is_undone_by_the_next_one_that_may(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a rollback journal a reader has to wait for that, and is told so."""
    monkeypatch.setattr("cqrs_cli.stores.sqlite.lock.why_not", lambda path: "a test says so")
    left = tmp_path / "left.db"

    def interrupted(rows: Any, recorded: Any) -> None:
        rows.create(ITEMS)
        rows.put(ITEMS, [(f"{n:01000}", str(n), n) for n in range(500)])
        for suffix in ("", "-journal"):
            shutil.copyfile(f"{path}{suffix}", f"{left}{suffix}")

    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
        store._file.connection.execute("PRAGMA cache_size=10")  # so that pages reach the file before the commit
        store.append(commit("c2"), inline=interrupted)

    def look() -> list[str]:
        with SQLiteStore(str(left), read_only=True) as store:
            return [one.id for one in store.commits()]

    error = refusal(look)
    assert (error.code, error.exit_code) == ("read-only", 7)
    assert "interrupted" in str(error)
    SQLiteStore(str(left)).close()
    assert look() == ["c1"]


# ── a store that is made by its first write ───────────────────────────────────────────────────


@pytest.fixture
def unmade(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(path), create="lazily", limits=Limits(timeout=0.2)) as store:
        yield store
    assert not path.exists() or path.stat().st_size


def refuse(rows: Any, recorded: Any) -> None:
    raise Misuse("no")


def test_it_is_an_empty_log_until_then(unmade: SQLiteStore, path: Path) -> None:
    assert (unmade.head(), unmade.version("s-1"), unmade.commit("c1"), unmade.known(["c1"])) == (0, 0, None, set())
    assert (list(unmade.read()), list(unmade.streams()), unmade.rows.checkpoints()) == ([], [], [])
    assert list(unmade.rows.select(ITEMS)) == []
    assert (unmade.describe()["durability"], unmade.describe()["file_bytes"]) == ("full", 0)
    assert not unmade.wait(0, 0.01)
    unmade.close()
    assert list(path.parent.iterdir()) == []


def test_its_first_write_makes_it(unmade: SQLiteStore, path: Path) -> None:
    assert unmade.head() == 0
    unmade.append(commit("c1"))
    assert unmade.describe()["journal_mode"] == "wal"
    assert unmade._file.query("PRAGMA synchronous") == [(3,)]
    with SQLiteStore(str(path), read_only=True) as reader:
        assert reader.commit("c1")
    unmade.append(commit("c2"))
    assert unmade.head() == 2


def test_a_first_write_that_fails_leaves_nothing_and_the_next_one_makes_it(unmade: SQLiteStore, path: Path) -> None:
    with pytest.raises(Misuse, match="no"):
        unmade.append(commit("c1"), inline=refuse)
    assert list(path.parent.iterdir()) == []
    assert unmade.head() == 0
    (refused,) = unmade.append_many([Append(commit("c1"), (), refuse)])
    assert isinstance(refused, Misuse)
    with pytest.raises(Misuse, match="no"), unmade.transaction() as rows:
        refuse(rows, ())
    assert list(path.parent.iterdir()) == []
    unmade.append(commit("c2"))
    assert [event.commit_id for event in unmade.read()] == ["c2"]


def test_what_somebody_else_makes_meanwhile_is_the_store(unmade: SQLiteStore, path: Path) -> None:
    assert unmade.head() == 0
    with SQLiteStore(str(path), create=True) as other:
        assert unmade.head() == 0
        other.append(commit("c1", event("s-1")))
        assert unmade.head() == 1
    with pytest.raises(Conflict):
        unmade.append(commit("c2", event("s-1")), [NewStream("s-1")])
    unmade.append(commit("c3", event("s-1")))
    assert unmade.version("s-1") == 2


def test_a_wait_sees_the_first_write_of_another(unmade: SQLiteStore, path: Path) -> None:
    def write() -> None:
        with SQLiteStore(str(path), create=True) as other:
            other.append(commit("c1"))

    thread = threading.Thread(target=write)
    assert unmade.head() == 0
    thread.start()
    assert unmade.wait(0, 60)
    thread.join()


def test_with_another_durability_than_what_somebody_else_made(path: Path) -> None:
    with SQLiteStore(str(path), create="lazily", durability="relaxed") as store:
        SQLiteStore(str(path), create=True).close()
        assert isinstance(refusal(lambda: store.append(commit("c1"))), ConfigurationError)


def test_who_waits_for_a_lock_file_that_is_taken_away_takes_the_next(path: Path) -> None:
    first, second = (sqlite_lock.WriteLock("x", str(path) + "-lock", 30) for _ in range(2))
    first.acquire()
    thread = threading.Thread(target=second.acquire)
    thread.start()
    first.remove()
    first.release()
    thread.join()
    third = sqlite_lock.WriteLock("x", str(path) + "-lock", 0.05)
    with pytest.raises(Unavailable):
        third.acquire()
    for lock in (first, second, third):
        lock.close()


def test_a_child_that_unwinds_through_the_transaction_that_makes_it(unmade: SQLiteStore, path: Path) -> None:
    def fork(rows: Any, recorded: Any) -> None:
        child = os.fork()
        if child == 0:
            raise SystemExit
        os.waitpid(child, 0)

    parent = os.getpid()
    try:
        unmade.append(commit("c1"), inline=fork)
    finally:
        if os.getpid() != parent:
            os._exit(0)
    assert unmade.head() == 1
    assert path.exists()


def test_an_interrupt_after_the_commit_that_makes_it_leaves_it(
    unmade: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite_file.SQLiteFile.commit

    def commit_and_interrupt(self: sqlite_file.SQLiteFile, connection: Any) -> None:
        real(self, connection)
        with SQLiteStore(str(path), read_only=True) as other:
            assert other.head() == 1  # somebody may go on from it
        raise KeyboardInterrupt

    monkeypatch.setattr(sqlite_file.SQLiteFile, "commit", commit_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        unmade.append(commit("c1"))
    monkeypatch.undo()
    assert unmade.append(commit("c2")).position == 2
    with SQLiteStore(str(path)) as other:
        assert other.append(commit("c3")).position == 3


def test_an_interrupt_before_the_commit_that_would_make_it_leaves_nothing(
    unmade: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: sqlite_file.SQLiteFile, connection: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sqlite_file.SQLiteFile, "commit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        unmade.append(commit("c1"))
    monkeypatch.undo()
    assert not list(path.parent.iterdir())
    assert unmade.append(commit("c2")).position == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_that_is_made_in_the_moment_in_which_it_is_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    """There is none yet, or there is one: never a database that is no store."""
    maker = raw(path)
    maker.execute("PRAGMA journal_mode=wal")
    maker.execute("BEGIN IMMEDIATE")
    assert sqlite_opening.establish(maker, "full", 1)
    seen: list[str] = []

    def trace(statement: str) -> None:
        if "PRAGMA application_id" in seen and maker.in_transaction:
            maker.execute("COMMIT")
        seen.append(statement)

    guard = sqlite_opening.guard

    def guard_and_trace(connection: Any) -> None:
        guard(connection)
        connection.set_trace_callback(trace)

    with monkeypatch.context() as patched:
        patched.setattr(sqlite_opening, "guard", guard_and_trace)
        assert isinstance(refusal(lambda: SQLiteStore(str(path), read_only=read_only)), NotFound)
    assert not maker.in_transaction
    maker.close()
    SQLiteStore(str(path), read_only=read_only).close()


# ── locks ─────────────────────────────────────────────────────────────────────────────────────


def test_a_writer_that_holds_the_lock_too_long(store: SQLiteStore, path: Path) -> None:
    with SQLiteStore(str(path), limits=Limits(timeout=0.2)) as other:
        with store.transaction():
            began = time.monotonic()
            error = refusal(lambda: other.append(commit("c1")))
            assert 0.15 < time.monotonic() - began < Limits().timeout
            assert (type(error), error.code, error.exit_code) == (Unavailable, "locked", 7)
        other.append(commit("c1"))
        store.append(commit("c2"))


def test_a_foreign_writer_that_does_not_know_the_lock(store: SQLiteStore, path: Path) -> None:
    connection = raw(path)
    connection.execute("BEGIN IMMEDIATE")
    with SQLiteStore(str(path), limits=Limits(timeout=0.2)) as other:
        assert refusal(lambda: other.append(commit("c1"))).code == "locked"
        connection.execute("ROLLBACK")
        other.append(commit("c1"))
    connection.close()


def test_who_could_not_begin_gives_the_lock_back(store: SQLiteStore, path: Path) -> None:
    connection = raw(path)
    with SQLiteStore(str(path), limits=Limits(timeout=0.1)) as other:
        connection.execute("BEGIN IMMEDIATE")
        assert refusal(lambda: other.append(commit("c1"))).code == "locked"
        connection.execute("ROLLBACK")
        lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 0.1)
        lock.acquire()  # while `other` is still open
        lock.release()
        lock.close()
    connection.close()


def test_the_lock_is_held_from_begin_to_the_end_of_the_commit(store: SQLiteStore, path: Path) -> None:
    lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 0.05)
    statements: list[str] = []
    store._file.connection.set_trace_callback(statements.append)

    def look(rows: Any, recorded: Any) -> None:
        with pytest.raises(Unavailable):
            lock.acquire()

    store.append(commit("c1"), inline=look)
    assert statements[0] == "BEGIN IMMEDIATE"
    assert statements[-1] == "COMMIT"
    lock.acquire()
    lock.release()
    lock.close()


def test_the_close_that_may_checkpoint_waits_for_the_lock(path: Path) -> None:
    store = SQLiteStore(str(path), create=True, limits=Limits(timeout=0.3))
    store.append(commit("c1"))
    lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 1)
    lock.acquire()
    began = time.monotonic()
    store.close()
    assert time.monotonic() - began > 0.25
    lock.release()
    lock.close()


def test_a_close_after_a_wait_in_vain_does_not_wait_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    wait = sqlite_lock.WriteLock._wait

    def counted(self: sqlite_lock.WriteLock, file: int) -> None:
        waits.append(file)
        wait(self, file)

    monkeypatch.setattr(sqlite_lock.WriteLock, "_wait", counted)
    store = SQLiteStore(str(path), create=True, limits=Limits(timeout=0.05))
    store.append(commit("c1"))
    lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 1)
    lock.acquire()
    assert refusal(lambda: store.append(commit("c2"))).code == "locked"
    store.close()
    assert len(waits) == 1
    lock.release()
    lock.close()
    with SQLiteStore(str(path)) as again:
        assert [event.commit_id for event in again.read()] == ["c1"]


def test_a_close_after_reading_alone_does_not_wait(path: Path) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 1)
    lock.acquire()
    began = time.monotonic()
    with SQLiteStore(str(path), limits=Limits(timeout=60)) as store:  # for writing, but there was nothing to write
        assert store.head() == 1
    assert time.monotonic() - began < 50
    lock.release()
    lock.close()


def test_a_lock_is_free_again_after_a_failure(store: SQLiteStore, path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        store.append(commit("c1"), inline=lambda rows, recorded: print(1 // 0))
    with SQLiteStore(str(path), limits=Limits(timeout=0.1)) as other:
        other.append(commit("c1"))


def test_a_store_on_a_network_file_system_has_no_wal(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n")
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    monkeypatch.setattr(sqlite_mounts, "MOUNTS", str(mounts))
    with SQLiteStore(str(path)) as store:
        store.append(commit("c2"))
        facts = store.describe()
        assert (facts["journal_mode"], facts["lock"]) == ("delete", None)
        assert "nfs4" in facts["lock_missing_because"]
        assert store.head() == 2


def test_a_store_is_made_under_the_lock(path: Path) -> None:
    lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 1)
    lock.acquire()
    assert refusal(lambda: SQLiteStore(str(path), create=True, limits=Limits(timeout=0.1))).code == "locked"
    assert not path.exists()
    lock.release()
    lock.close()
    SQLiteStore(str(path), create=True, limits=Limits(timeout=0.1)).close()


def racing_creator(url: str, number: int, queue: Any, barrier: Any) -> None:
    try:
        barrier.wait()
        with SQLiteStore(url, create=True) as store:
            queue.put([store.append(commit(f"c{number}", event(f"s-{number}"))).position])
    except BaseException as error:
        queue.put(f"process {number}: {error!r}")


def test_processes_that_race_to_make_a_store(tmp_path: Path) -> None:
    for attempt in range(3):
        path = str(tmp_path / f"{attempt}.db")
        positions = races.run(racing_creator, path, 6)
        assert sorted(p for (p,) in positions) == [1, 2, 3, 4, 5, 6]


# ── copies ────────────────────────────────────────────────────────────────────────────────────────


def vacuumed(path: Path, copy: Path) -> None:
    connection = raw(path)
    connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()


def dumped(path: Path, copy: Path) -> None:
    connection, restored = raw(path), raw(copy)
    for line in connection.iterdump():
        if "GENERATED ALWAYS" not in line and line.startswith('INSERT INTO "streams"'):
            line = re.sub(r",'[a-z]+'\)", ")", line)  # Python's dump names generated columns; SQLite's own does not
        restored.execute(line)
    connection.close()
    restored.close()


@pytest.mark.parametrize("copied", [vacuumed, dumped])
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_a_copy_is_a_store_as_the_first_was(tmp_path: Path, copied: Callable[..., None], durability: str) -> None:
    path, copy = tmp_path / "first.db", tmp_path / "copy.db"
    with SQLiteStore(str(path), create=True, durability=durability) as store:
        store.append(commit("c1", event("order-1")))
        copied(path, copy)
        synchronous = store._file.query("PRAGMA synchronous")
    before = copy.read_bytes()
    with SQLiteStore(str(copy), read_only=True) as store:
        assert [one.commit_id for one in store.read()] == ["c1"]
        assert store.describe()["journal_mode"] == "delete"
    with SQLiteStore(str(copy)) as store:
        assert store.head() == 1
    assert copy.read_bytes() == before, "who reads changes nothing"
    with SQLiteStore(str(copy)) as store:
        assert store.append(commit("c2")).position == 2
        assert store.describe()["journal_mode"] == "wal"
        assert store._file.query("PRAGMA synchronous") == synchronous
        assert store._file.query("PRAGMA application_id") == [(sqlite_opening.APPLICATION_ID,)]
    with SQLiteStore(str(copy)) as store:
        assert store.describe()["journal_mode"] == "wal"
        assert [one.commit_id for one in store.read()] == ["c1", "c2"]


# ── rights ────────────────────────────────────────────────────────────────────────────────────


def as_nobody(act: Callable[[], object]) -> str:
    """What `act` returned or raised in a child process without root's rights."""
    ours, theirs = multiprocessing.Pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            theirs.send(repr(act()))
        except CqrsError as error:
            theirs.send(f"{error.code} {error.exit_code} {bool(error.hint)}")
        except BaseException as error:
            theirs.send(repr(error))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return str(ours.recv())


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that everybody can enter, with a store that everybody can read; removed afterwards."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp())
    with SQLiteStore(str(folder / "shop.db"), create=True) as store:
        store.append(commit("c1"))
    folder.chmod(0o755)
    (folder / "shop.db").chmod(0o644)
    (folder / "shop.db-lock").unlink()
    yield folder
    shutil.rmtree(folder)


def test_a_read_only_medium_can_be_read(readable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(readable / "shop.db")

    class ReadOnly:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "statvfs", lambda path: ReadOnly)

    def look() -> object:
        with SQLiteStore(path, read_only=True) as store:
            facts = store.describe()
            return store.head(), facts["immutable"], facts["journal_mode"]

    if os.geteuid() != 0:
        readable.chmod(0o555)
    assert as_nobody(look) == "(1, True, 'wal')"
    assert [p.name for p in readable.iterdir()] == ["shop.db"]


def test_who_may_not_write_to_the_folder_reads_what_others_write(readable: Path) -> None:
    """Whether others have it open, or came and went: never the file as it was once."""
    path = str(readable / "shop.db")
    if os.geteuid() != 0:
        pytest.skip("another user is wanted, and only root can become one")
    asked, told = multiprocessing.Pipe()

    def read() -> object:
        with SQLiteStore(path, read_only=True) as store:
            told.send((store.head(), store.describe()["immutable"], store.describe()["journal_mode"]))
            for _ in range(4):
                told.recv()
                assert store.wait(store.head(), 0) is False
                found = [one.commit_id for one in store.read()]
                told.send((found, next(iter(store.sql("SELECT count(*) FROM events", {}, 5)))[0]))
            seen = store.head()  # before they begin to write
            told.recv()
            for number in range(10, 30):
                assert store.wait(seen, 60)
                seen = store.head()
                told.send(seen)
                assert store.commit(f"c{number}") is not None
        return "done"

    def steps() -> None:
        assert asked.recv() == (1, False, "wal")
        with SQLiteStore(path) as store:
            store.append(commit("c2"))
            assert ask() == (["c1", "c2"], 2)
        assert ask() == (["c1", "c2"], 2)
        with SQLiteStore(path) as store:
            store.append(commit("c3"))
        assert ask() == (["c1", "c2", "c3"], 3)
        assert ask() == (["c1", "c2", "c3"], 3)
        asked.send("follow")
        for number in range(10, 30):
            with SQLiteStore(path) as store:
                position = store.append(commit(f"c{number}")).position
            assert asked.poll(60)
            assert asked.recv() == position

    def ask() -> object:
        asked.send("look")
        assert asked.poll(60)
        return asked.recv()

    answer: list[str] = []
    reading = threading.Thread(target=lambda: answer.append(as_nobody(read)))
    reading.start()
    steps()
    reading.join(60)
    assert answer == ["'done'"]


def test_what_changes_while_it_is_read_alone_is_read_again(readable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(readable / "shop.db")
    monkeypatch.setattr(sqlite_opening.Opening, "connect", opened_as_by_a_stranger)
    with SQLiteStore(path, read_only=True) as reader:
        assert reader._file._opening.rest is not None
        rows = iter(
            reader.sql("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c", {}, 60)
        )
        next(rows)
        before = reader._file.connection
        with monkeypatch.context() as owner:
            owner.undo()
            with SQLiteStore(path) as store:
                store.append(commit("c2"))
        assert reader.head() == 2
        assert reader._file.connection is not before
        with pytest.raises(Unavailable, match="was written to while it was read"):
            list(rows)


@pytest.mark.parametrize("goes_on", [True, False])
def test_another_file_is_not_mistaken_for_one_that_was_written_to(
    goes_on: bool, readable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = str(readable / "shop.db"), tmp_path / "other.db"
    if goes_on:
        shutil.copy(path, other)
    with SQLiteStore(str(other), create=True) as store:
        for name in ("c2", "c3"):
            store.append(commit(name))
    monkeypatch.setattr(sqlite_opening.Opening, "connect", opened_as_by_a_stranger)
    monkeypatch.setattr(sqlite_file, "LOOK_SECONDS", 1e9)  # who only reads does not come to look by itself
    with SQLiteStore(path, read_only=True) as reader:
        assert reader.head() == 1
        os.replace(other, path)
        if goes_on:
            assert [one.commit_id for one in reader.read()] == ["c1", "c2", "c3"]
        else:
            with pytest.raises(Unavailable, match="the log that is there now is another one"):
                reader.head()


_connect = sqlite_opening.Opening.connect


def opened_as_by_a_stranger(opening: Any, mode: Any) -> sqlite3.Connection:
    """A connection that fails where the files of a log would have to be made."""
    if mode == "ro":
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorname = "SQLITE_CANTOPEN"

        class Failing:
            def execute(self, *_: Any) -> Any:
                raise error

            def close(self) -> None:
                pass

        return Failing()  # type: ignore[return-value]
    return _connect(opening, mode)


def test_what_a_write_ahead_log_holds_is_not_passed_over_on_a_read_only_medium(readable: Path) -> None:
    (readable / "shop.db-wal").write_bytes(b"not yet in the file")
    (readable / "shop.db-wal").chmod(0o644)
    if os.geteuid() != 0:
        readable.chmod(0o555)
    path = str(readable / "shop.db")
    answer = as_nobody(lambda: SQLiteStore(path, read_only=True).head())
    assert answer == "cannot-open 7 True"


def test_a_read_only_medium_can_not_be_written(readable: Path) -> None:
    path = str(readable / "shop.db")
    if os.geteuid() != 0:
        readable.chmod(0o555)
        (readable / "shop.db").chmod(0o444)

    def write() -> object:
        with SQLiteStore(path) as store:
            return store.append(commit("c2"))

    assert as_nobody(write) == "read-only 7 True"
    assert as_nobody(lambda: SQLiteStore(str(readable / "new.db"), create=True)) == "read-only 7 True"


def test_a_store_of_somebody_else_can_not_be_read(readable: Path) -> None:
    (readable / "shop.db").chmod(0o000 if os.geteuid() != 0 else 0o600)
    path = str(readable / "shop.db")
    assert as_nobody(lambda: SQLiteStore(path, read_only=True).head()) == "cannot-open 7 True"


# ── what SQLite reports ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "committing", "code", "exit_code"),
    [
        ("SQLITE_BUSY", False, "locked", 7),
        ("SQLITE_BUSY_SNAPSHOT", False, "locked", 7),
        ("SQLITE_FULL", True, "full", 7),
        ("SQLITE_IOERR_WRITE", True, "io-error", 7),
        ("SQLITE_IOERR_FSYNC", False, "io-error", 7),
        ("SQLITE_IOERR_FSYNC", True, "outcome-unknown", 7),
        ("SQLITE_READONLY_DIRECTORY", False, "read-only", 7),
        ("SQLITE_CANTOPEN", False, "cannot-open", 7),
        ("SQLITE_CORRUPT_INDEX", False, "damaged", 6),
        ("SQLITE_CONSTRAINT_TRIGGER", False, "damaged", 6),
        ("SQLITE_CONSTRAINT_UNIQUE", False, "damaged", 6),
    ],
)
def test_each_report_has_a_code_and_a_hint(name: str, committing: bool, code: str, exit_code: int) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorname = name
    known = sqlite_errors.translate(error, "shop.db", committing=committing)
    assert isinstance(known, CqrsError)
    assert (known.code, known.exit_code) == (code, exit_code)
    assert known.hint


@pytest.mark.parametrize("name", ["SQLITE_CORRUPT", "SQLITE_CORRUPT_INDEX"])
def test_a_page_that_can_not_be_read_may_be_the_disks_fault(name: str) -> None:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorname = name
    known = sqlite_errors.translate(error, "shop.db")
    assert str(known) == "shop.db is damaged, or the disk could not read it: database disk image is malformed"


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    error = sqlite3.OperationalError("no such table: nope")
    error.sqlite_errorname = "SQLITE_ERROR"
    assert sqlite_errors.translate(error, "shop.db") is error


def test_a_commit_that_fails_is_not_acknowledged_and_the_next_one_works(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(commit("c1"))
    while_committing: list[Any] = []

    def translate(error: sqlite3.Error, path: str, **how: Any) -> Any:
        while_committing.append(how)
        return sqlite_errors.translate(error, path, **how)

    monkeypatch.setattr(sqlite_file, "translate", translate)

    def deny(action: int, argument: str | None, *_: Any) -> int:
        return (
            sqlite3.SQLITE_DENY if (action, argument) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK
        )

    store._file.connection.set_authorizer(deny)
    assert refusal(lambda: store.append(commit("c2"))).exit_code == 7
    assert while_committing == [{"committing": True}]
    assert store.commit("c2") is None
    store.append(commit("c3"))
    assert [e.commit_id for e in store.read()] == ["c1", "c3"]


def test_times_never_fall_even_if_the_clock_does(path: Path) -> None:
    times = [5_000_000_000, 4_000_000_000, 1_000_000_000, 6_000_000_000]
    with SQLiteStore(str(path), create=True, clock=lambda: times.pop(0)) as store:
        recorded = [store.append(commit(id)).events[0].recorded_us for id in ("c1", "c2", "c3")]
        assert store.describe()["created_at"].startswith("1970-01-01T00:00:05")
    assert recorded == [4_000_000, 4_000_000, 6_000_000]


# ── decimals ──────────────────────────────────────────────────────────────────────────────────

numbers = (
    st.from_regex(r"-?[0-2]{1,3}(\.[0-2]{1,3})?(E[+-]?[0-9]{1,2})?", fullmatch=True)
    | st.decimals(allow_nan=False, allow_infinity=False).map(str)
    | st.builds("{}E{}".format, st.integers(-12, 12), st.integers(MIN_ETINY, MAX_EMAX - 1))
)


@given(numbers, numbers)
@example("-1.5", "-1.52")
@example("-1.52", "-1.5")
@example("1.5", "1.52")
@example("-9", "-10")
@example(f"1E{MIN_ETINY}", f"9.99E{MAX_EMAX}")
@example(f"-1E{MIN_ETINY}", f"-9.99E{MAX_EMAX}")
def test_decimal_keys_sort_as_the_numbers_do(one: str, two: str) -> None:
    left, right = decimal_key(one), decimal_key(two)
    assert left is not None
    assert right is not None
    assert (left < right, left == right) == (Decimal(one) < Decimal(two), Decimal(one) == Decimal(two))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "abc", "", None])
def test_what_is_no_number_has_no_key(text: str | None) -> None:
    assert decimal_key(text) is None


# ── habits ────────────────────────────────────────────────────────────────────────────────────


def test_a_users_view_survives_a_rebuild(store: SQLiteStore, path: Path) -> None:
    rebuilt = ITEMS._replace(name="items_rebuilt")
    with store.transaction() as rows:
        rows.create(ITEMS)
    connection = raw(path)
    connection.execute("CREATE VIEW mine AS SELECT id FROM items")
    connection.close()
    with store.transaction() as rows:
        rows.create(rebuilt)
        rows.put(rebuilt, [("a", "1", None)])
        rows.rename(rebuilt, "items")
    connection = raw(path)
    assert connection.execute("SELECT * FROM mine").fetchall() == [("a",)]
    connection.close()


def test_reading_leaves_no_snapshot_open(store: SQLiteStore, path: Path) -> None:
    """A reader that stopped in the middle doesn't keep the journal from being emptied."""
    for n in range(200):
        store.append(commit(f"c{n}", event(f"s-{n % 5}")))
    with SQLiteStore(str(path), read_only=True) as reader:
        halted = [reader.read(), reader.scan(Selection(category="s")), reader.commits(), reader.streams()]
        for iterator in halted:
            next(iter(iterator))
        assert store._file.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0


@pytest.mark.parametrize("there", [True, False])
def test_a_store_behind_a_link_is_its_owners_alone(tmp_path: Path, there: bool) -> None:
    """What the link points to is made or, if it is an empty file, taken; the link stays what it is."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target, link = folder / "log.db", tmp_path / "link.db"
    if there:
        target.touch()
        target.chmod(0o666)
    link.symlink_to(target)
    with SQLiteStore(str(link), create=True) as made:
        made.append(commit("c1"))
        for path in (target, Path(f"{target}-wal"), Path(f"{target}-lock")):
            assert path.stat().st_mode & 0o777 == 0o600, path
    assert link.is_symlink()
    assert not Path(f"{link}-lock").exists()


def test_the_cost_of_an_append_does_not_depend_on_the_log(store: SQLiteStore) -> None:
    """Counted in steps of SQLite's machine, not in milliseconds."""
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    def cost(id: str) -> int:
        steps[0] = 0
        store.append(commit(id, event("order-1")))
        return steps[0]

    store.append(commit("c0"))
    store._file.connection.set_progress_handler(count, 1)
    small = cost("c1")
    for n in range(0, 3000, 500):
        store.append_many([races_append(f"m{m}", m) for m in range(n, n + 500)])
    assert cost("c2") <= small * 1.05


def test_the_cost_of_the_last_events_of_a_stream_does_not_depend_on_its_length(store: SQLiteStore) -> None:
    """By version, in either direction; counted in steps of SQLite's machine."""
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    def cost(length: int) -> list[int]:
        found = []
        for bounds in (
            {"after_version": length - 10},
            {"backwards": True, "limit": 10},
            {"after_version": length - 20, "before_version": length - 9, "backwards": True},
            {"before_version": 11},
        ):
            steps[0] = 0
            assert len(list(store.read(Selection(stream="order-1", **bounds)))) == 10  # type: ignore[arg-type]
            found.append(steps[0])
        return found

    store.append(commit("c0", *[event("order-1")] * 100))
    store._file.connection.set_progress_handler(count, 1)
    short = cost(100)
    store.append_many([races_append(f"m{m}", m) for m in range(3000)])
    assert all(now <= before * 1.2 for before, now in zip(short, cost(3100), strict=True))


def races_append(id: str, number: int) -> Any:
    from cqrs_cli.stores.contract import Append

    return Append(commit(id, event(f"s-{number}"), event("order-1")))


@pytest.mark.parametrize("selection", [Selection(stream="s-7"), Selection(stream="s-7", after=500, backwards=True)])
def test_a_stream_is_read_through_its_index(store: SQLiteStore, selection: Selection) -> None:
    statements: list[str] = []
    store.append(commit("c1", event("s-7")))
    store._file.connection.set_trace_callback(statements.append)
    list(store.read(selection))
    store._file.connection.set_trace_callback(None)
    (sql,) = [s for s in statements if "ORDER BY e.version" in s]
    plan = " ".join(row[3] for row in store._file.query(f"EXPLAIN QUERY PLAN {sql}"))
    assert "SEARCH e USING INDEX" in plan
    assert "TEMP B-TREE" not in plan


def test_the_store_is_light_to_import() -> None:
    code = "import sys; import cqrs_cli.stores.sqlite.store; print(*sorted(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    loaded = set(ran.stdout.split())
    heavy = {
        "pydantic",
        "typer",
        "rich",
        "sqlite_utils",
        "dataclasses",
        "inspect",
        "json",
        "decimal",
        "asyncio",
        "ctypes",
    }
    assert not loaded & heavy
