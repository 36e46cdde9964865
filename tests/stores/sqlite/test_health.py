"""What a SQLite store says is wrong with it, beyond what opening refuses."""

import gzip
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.definitions import definitions
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    return path


def by_hand(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def told(path: Path) -> list[tuple[str, str]]:
    with SQLiteStore(str(path), read_only=True) as store:
        return [(one.code, one.severity) for one in store.findings()]


PARTS = [
    (sql.split(None, 2)[1].lower(), name)
    for name, sql in definitions().items()
    if sql.split(None, 2)[1] in ("TRIGGER", "VIEW", "INDEX")
]


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_whatever_is_missing_is_named(path: Path, kind: str, name: str) -> None:
    by_hand(path, f"DROP {kind} {name}")
    assert told(path) == [(f"missing-{kind}", "error" if kind == "trigger" else "warning")]
    with SQLiteStore(str(path), read_only=True) as store:
        (finding,) = store.findings()
    assert f"the {kind} {name} is missing" in finding.message


def test_a_trigger_says_what_nothing_refuses(path: Path) -> None:
    by_hand(path, "DROP TRIGGER commits_delete")
    with SQLiteStore(str(path), read_only=True) as store:
        assert "nothing refuses a program's delete" in store.findings()[0].message


def test_a_table_that_is_missing(path: Path) -> None:
    by_hand(path, "DROP TABLE cqrs_skips")
    assert ("missing-table", "error") in told(path)


@pytest.mark.parametrize("name", ["full", "half"])
def test_a_store_of_format_1_lacks_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "old.db"
    fixture = Path(__file__).parent / "fixtures" / f"format_1_{name}.db.gz"
    path.write_bytes(gzip.decompress(fixture.read_bytes()))
    assert [code for code, _ in told(path) if code.startswith("missing")] == []


@pytest.mark.parametrize("table", ["_litestream_seq", "_litestream_lock"])
@pytest.mark.parametrize(
    ("version", "severity", "said"),
    [
        ("3.40.1", "warning", "SQLite 3.40.1 here has the WAL-reset bug: commits may be lost"),
        ("3.51.2", "warning", "SQLite 3.51.2 here has the WAL-reset bug: commits may be lost"),
        ("3.50.7", "note", "SQLite 3.50.7 here has no WAL-reset bug"),
        ("3.51.3", "note", "SQLite 3.51.3 here has no WAL-reset bug"),
    ],
)
def test_the_tables_of_litestream(
    path: Path, table: str, version: str, severity: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version", version)
    by_hand(path, f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    assert told(path) == [("litestream", severity)]
    with SQLiteStore(str(path), read_only=True) as store:
        (found,) = store.findings()
    assert f"({table})" in found.message
    assert found.message.endswith(said)
    assert "DROP TABLE" in (found.hint or "")


def test_another_program_that_has_begun_to_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_lock, "PROBES", 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert told(path) == []
        other.execute("BEGIN")
        other.execute("SELECT * FROM events").fetchall()
        assert told(path) == [], "it only reads"
        other.execute("COMMIT")
        other.execute("BEGIN IMMEDIATE")
        assert told(path) == [("foreign-writer", "error")]
        other.execute("COMMIT")
        assert told(path) == []


def test_a_program_that_writes_for_a_moment_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("time.sleep", lambda _: other.in_transaction and other.execute("COMMIT"))
        assert told(path) == []


def test_what_is_tried_holds_up_nobody_and_writes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with SQLiteStore(str(path)) as writer:
        assert told(path) == []
        writer.append(commit("c2"))
        with writer.transaction():
            assert told(path) == [], "one of ours has the lock"
            assert writer.findings() == [], "this very thread's"
    Path(f"{path}-lock").unlink()
    path.write_bytes(before)
    assert told(path) == []
    assert not Path(f"{path}-lock").exists()
    assert path.read_bytes() == before


def denied(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """These may not be written by this user, who may be root."""
    access, names = os.access, [str(path) for path in paths]
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) not in names and access(path, mode))


def test_a_file_or_a_folder_that_can_not_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o400)
    denied(monkeypatch, path)
    with SQLiteStore(str(path), read_only=True) as store:
        (finding,) = store.findings()
    assert (finding.code, finding.severity, "mode 400" in finding.message) == ("read-only", "warning", True)
    denied(monkeypatch, path.parent)
    assert told(path) == [("read-only", "warning")] * 2, "each has a right of its own"


def test_a_lock_that_can_not_be_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Path(f"{path}-lock")
    lock.chmod(0o200)
    denied(monkeypatch, lock)
    with SQLiteStore(str(path), read_only=True) as store:
        (finding,) = store.findings()
    assert (finding.code, finding.severity) == ("lock-unreadable", "error")
    assert "mode 200" in finding.message
    assert f"{lock} can't be opened (permission denied): it is " in finding.message


def test_a_lock_that_is_no_file(path: Path) -> None:
    lock = Path(f"{path}-lock")
    lock.unlink()
    lock.symlink_to(path)
    assert told(path) == [("lock-unreadable", "error")]
    assert stat.S_ISLNK(lock.lstat().st_mode)
