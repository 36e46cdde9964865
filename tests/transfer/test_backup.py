"""Backups: whole or not at all, verified, with all that the store has; and what becomes of who has it open."""

import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import ConfigurationError, Damaged, Misuse, NotFound, StoreNotFound, Unavailable
from cqrs_cli.log.verification import verify
from cqrs_cli.stores.operational import DEAD_LETTERS, ORIGINS, REJECTIONS, SKIPS
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, Column, Table
from cqrs_cli.stores.sqlite import copying
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.transfer import backup as backups
from cqrs_cli.transfer.backup import backup, restore
from tests.faults import copies

SIZES = Table("sizes", (Column("id", "text"), Column("n", "integer")), ("id",))


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "shop.db")
    with SQLiteStore(path, create=True) as store:
        for number in range(20):
            store.append(commit(f"c{number}", event(f"order-{number % 3}")))
        with store.transaction() as rows:
            rows.create(SIZES)
            rows.put(SIZES, [("a", 1)])
            rows.move("sizes", None, Checkpoint("sizes", 5, "{}"))
    return path


def backed_up(path: str, to: str, **options: Any) -> Any:
    with SQLiteStore(path, read_only=True) as store:
        return backup(store, to, **options)


def content(path: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def beside(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if ".part" in name)


def test_it_has_everything(path: str, tmp_path: Path) -> None:
    os.chmod(path, 0o640)
    made = backed_up(path, str(tmp_path / "b.db"))
    assert (made.commits, made.events, made.head) == (20, 20, 20)
    assert content(made.path) == content(path)
    assert stat.S_IMODE(os.stat(made.path).st_mode) == 0o640
    assert not beside(tmp_path)
    with SQLiteStore(made.path) as store:
        assert list(store.rows.select(SIZES)) == [("a", 1)]
        store.append(commit("later"))
        assert verify(store).ok


def test_while_others_append(path: str, tmp_path: Path) -> None:
    ends = threading.Event()
    acknowledged: list[int] = []

    def append() -> None:
        with open_store(path) as store:
            number = 100
            while not ends.is_set():
                acknowledged.append(store.append(commit(f"c{number}", event("busy-1"))).position)
                number += 1

    writer = threading.Thread(target=append)
    writer.start()
    try:
        for number in range(5):
            before = len(acknowledged)
            while len(acknowledged) == before:
                pass
            known = acknowledged[-1]
            made = backed_up(path, str(tmp_path / f"{number}.db"))
            assert made.head >= known, "what was acknowledged before is in it"
    finally:
        ends.set()
        writer.join()


def test_it_is_of_one_moment(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_PAGES", 1)
    late = iter(range(5))
    with open_store(path) as writer:

        def append(done: int, pages: int) -> None:
            for number in late:
                writer.append(commit(f"late-{number}"))
                break

        made = backed_up(path, str(tmp_path / "b.db"), progress=append)
        assert writer.head() > 20
    assert made.head == 20, "each commit of others would begin it anew"


def test_what_a_log_beside_the_file_holds_is_in_it(path: str, tmp_path: Path) -> None:
    with open_store(path) as store:
        store.append(commit("in the log", event("order-9")))
        assert os.path.getsize(path + "-wal")
        assert backed_up(path, str(tmp_path / "b.db")).head == 21


def test_of_a_changed_store_there_is_none(path: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TRIGGER events_update; UPDATE events SET data = '[]' WHERE position = 3")
    with pytest.raises(Damaged, match=r"a copy of .* is not what was written") as raised:
        backed_up(path, str(tmp_path / "b.db"))
    assert raised.value.code == "not-verified"
    assert not (tmp_path / "b.db").exists()
    assert not beside(tmp_path)


def test_what_is_there_stays_unless_it_is_said(path: str, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    target.write_text("somebody else's")
    with pytest.raises(Misuse) as raised:
        backed_up(path, str(target))
    assert raised.value.code == "exists"
    assert target.read_text() == "somebody else's"
    Path(f"{target}-wal").write_text("old")
    assert backed_up(path, str(target), force=True).head == 20
    assert not Path(f"{target}-wal").exists()
    assert content(str(target)) == content(path)
    target.unlink()
    Path(f"{target}-wal").write_text("of something that is gone")
    with pytest.raises(Misuse):
        backed_up(path, str(target))
    assert backed_up(path, str(target), force=True).head == 20


def test_who_is_faster_keeps_the_name(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "b.db"
    monkeypatch.setattr(backups, "sync", lambda made: target.write_text("somebody else's"))
    with pytest.raises(Misuse):
        backed_up(path, str(target))
    assert target.read_text() == "somebody else's"
    assert not beside(tmp_path)


def test_what_is_refused(path: str, tmp_path: Path) -> None:
    os.symlink(path, tmp_path / "link.db")
    for target in (path, str(tmp_path / "link.db")):
        with pytest.raises(Misuse) as raised:
            backed_up(path, target, force=True)
        assert raised.value.code == "same-file"
        with pytest.raises(Misuse):
            restore(target, path, force=True)
    with pytest.raises(StoreNotFound):
        backed_up(path, str(tmp_path / "no" / "b.db"))
    with pytest.raises(NotFound, match="no backup"):
        restore(str(tmp_path / "none.db"), path)
    (tmp_path / "text").write_text("no store" * 100)
    with pytest.raises(Damaged):
        restore(str(tmp_path / "text"), path)
    assert content(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_never_replaced(path: str, tmp_path: Path, make: Any) -> None:
    """A device least of all: `backup /dev/null --force` by root would take it from everybody."""
    made = backed_up(path, str(tmp_path / "b.db")).path
    place = str(tmp_path / "place")
    make(place)
    kind = stat.S_IFMT(os.lstat(place).st_mode)
    for force in (False, True):
        for use in (lambda: backed_up(path, place, force=force), lambda: restore(made, place, force=force)):  # noqa: B023
            with pytest.raises(ConfigurationError, match=r"place is a (pipe|folder)"):
                use()
    assert stat.S_IFMT(os.lstat(place).st_mode) == kind
    assert [name for name in os.listdir(tmp_path) if name.startswith("place")] == ["place"]


def test_a_refused_restore_leaves_nothing_beside(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db")).path
    (tmp_path / "text").write_text("no store" * 100)
    with pytest.raises(Misuse):
        restore(made, str(tmp_path / "text"))
    assert "text-lock" not in os.listdir(tmp_path)


def test_who_dies_between_two_names_leaves_a_store(path: str, tmp_path: Path) -> None:
    """A file gets its name before the one that it was made under goes. Whoever opens it takes that away."""
    made = backed_up(path, str(tmp_path / "b.db")).path
    os.link(made, f"{made}.0123abcd.part")
    with open_store(made, read_only=True) as store:
        assert store.head() == 20
    assert not beside(tmp_path)
    os.link(made, tmp_path / "other.db")
    with pytest.raises(Unavailable, match="2 names"):
        open_store(made, read_only=True)


# ── restoring ─────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    os.unlink(path)
    Path(path + "-wal").write_text("of the one that is gone")
    assert restore(made.path, path).head == 20
    assert content(path) == content(made.path)
    with open_store(path) as store:
        assert store.append(commit("later")).position == 21


def test_a_newer_store_is_replaced_only_when_it_is_said(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    assert restore(made.path, path).head == 20, "nothing is lost"
    with open_store(path) as store:
        store.append(commit("later"))
    with pytest.raises(Misuse, match="ends at @21 with the commit 'later'") as raised:
        restore(made.path, path)
    assert raised.value.code == "newer-store"
    assert restore(made.path, path, force=True).head == 20
    with open_store(path) as store, store.transaction() as rows:
        rows.move("sizes", Checkpoint("sizes", 5, "{}"), Checkpoint("sizes", 6, "{}"))
    with pytest.raises(Misuse, match="sizes has read up to @6"):
        restore(made.path, path)


@pytest.mark.parametrize("table", [REJECTIONS, DEAD_LETTERS, SKIPS])
def test_what_stands_in_no_log_is_lost_only_when_it_is_said(path: str, tmp_path: Path, table: Table) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    row = tuple(0 if column.kind == "integer" else "{}" for column in table.columns)
    with open_store(path) as store, store.transaction() as rows:
        rows.put(table, [row])
    with pytest.raises(Misuse, match="on record that the backup has not") as raised:
        restore(made.path, path)
    assert raised.value.code == "newer-store"
    newer = backed_up(path, str(tmp_path / "newer.db"))
    assert restore(newer.path, path).head == 20
    assert restore(made.path, path, force=True).head == 20


def test_a_fork_takes_no_store_s_place_in_passing(path: str, tmp_path: Path) -> None:
    with open_store(path) as store, store.transaction() as rows:
        rows.put(ORIGINS, [("sqlite:elsewhere.db", "fork", 20, None, 20, 1)])
    fork = backed_up(path, str(tmp_path / "fork.db")).path
    with pytest.raises(Misuse) as raised:
        restore(fork, str(tmp_path / "new.db"))
    assert raised.value.code == "fork-of-a-store"
    assert restore(fork, str(tmp_path / "new.db"), force=True).head == 20


def test_where_no_store_was_it_is_its_owner_s_alone(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db")).path
    os.chmod(made, 0o644)
    restore(made, str(tmp_path / "new.db"))
    assert stat.S_IMODE(os.stat(tmp_path / "new.db").st_mode) == 0o600


def test_another_history_of_the_same_length_is_newer(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    os.unlink(path)
    with SQLiteStore(path, create=True) as store:
        store.append(commit("c0"))
    with pytest.raises(Misuse):
        restore(made.path, path)


def test_what_can_not_be_read_is_not_replaced_without_a_word(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    Path(path).write_bytes(b"broken" * 1000)
    with pytest.raises(Misuse, match="can't be read"):
        restore(made.path, path)
    assert restore(made.path, path, force=True).head == 20


def test_a_damaged_backup_changes_nothing(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    with closing(sqlite3.connect(made.path)) as connection:
        connection.executescript("DROP TRIGGER events_update; UPDATE events SET data = '[]' WHERE position = 3")
    before = content(path)
    with pytest.raises(Damaged):
        restore(made.path, path, force=True)
    assert content(path) == before
    assert not beside(tmp_path)


def test_the_log_of_the_old_one_goes_and_its_mode_stays(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    os.chmod(path, 0o660)
    shutil.copy(path, tmp_path / "keep")
    with open_store(path) as store:
        store.append(commit("lost"))
        os.link(path + "-wal", tmp_path / "wal")
        restore(made.path, path, force=True)
        assert not os.path.exists(path + "-wal")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        with pytest.raises(Unavailable) as raised:  # who has it open is told
            store.append(commit("to nobody"))
        assert raised.value.code == "replaced"
    with open_store(path, read_only=True) as store:
        assert store.head() == 20, "the end of who had the old one open changes nothing"


def test_who_has_it_open_goes_on_if_nothing_is_lost(path: str, tmp_path: Path) -> None:
    with open_store(path) as writer, open_store(path, read_only=True) as follower:
        assert follower.head() == writer.head() == 20
        made = backed_up(path, str(tmp_path / "b.db"))
        restore(made.path, path)
        assert writer.append(commit("later")).position == 21
        assert follower.wait(20, 5.0)
        assert follower.head() == 21
    with open_store(path, read_only=True) as store:
        assert verify(store).ok


def test_an_interrupted_write_of_a_rollback_journal_is_not_mixed_in(path: str, tmp_path: Path) -> None:
    made = backed_up(path, str(tmp_path / "b.db"))
    Path(path + "-journal").write_bytes(b"something")
    before = Path(path).read_bytes()
    with pytest.raises(Unavailable, match="a write to it was interrupted"):
        restore(made.path, path, force=True)
    assert Path(path).read_bytes() == before


# ── faults, in short: `make faults` has them at length ────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("what", ["backup", "restore"])
def test_kills_leave_no_half_file(tmp_path: Path, what: str) -> None:
    copies.make(tmp_path / "0.db", 100)
    copies.make(tmp_path / "1.db", 200)
    for seed in range(4):
        copies.kill(tmp_path, what, seed)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("what", "call"), [("backup", "fsync"), ("restore", "rename")])
def test_a_call_that_fails_is_told_and_changes_nothing(tmp_path: Path, what: str, call: str) -> None:
    copies.make(tmp_path / "0.db", 50)
    copies.make(tmp_path / "target.db", 60)
    assert not copies.fail_a_call(tmp_path, what, 0, call, 1, "EIO")
