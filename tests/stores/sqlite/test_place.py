"""What lies at the path of a store: one file, of one name, that stays where it is, or nothing is done."""

import gc
import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import ConfigurationError, CqrsError, Unavailable
from cqrs_cli.stores.rows import Column, Table
from cqrs_cli.stores.sqlite import file as sqlite_file
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite import mounts as sqlite_mounts
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
from tests.stores.sqlite.others import append, python

OPTIONS: list[dict[str, Any]] = [{}, {"read_only": True}, {"create": True}, {"create": "lazily"}]
ITEMS = Table("items", (Column("id", "integer"),), ("id",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(path), create=True) as opened:
        opened.append(commit("c1"))
        yield opened


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads looks each time, and not now and then."""
    monkeypatch.setattr(sqlite_file, "LOOK_SECONDS", -1.0)


def refusal(act: Callable[[], Any]) -> CqrsError:
    with pytest.raises(CqrsError) as caught:
        act()
    assert say(caught.value)
    return caught.value


def code(act: Callable[[], Any]) -> tuple[str, int]:
    error = refusal(act)
    return error.code, error.exit_code


# ── two names ─────────────────────────────────────────────────────────────────────────────────


def test_a_file_with_two_names_is_no_store(store: SQLiteStore, path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    os.link(path, other)
    before = sorted(tmp_path.iterdir())
    for name in (path, other):
        for options in OPTIONS:
            assert code(partial(SQLiteStore, str(name), **options)) == ("other-names", 7)
    assert code(lambda: store.append(commit("c2"))) == ("other-names", 7)
    assert code(store.head) == ("other-names", 7)
    assert sorted(tmp_path.iterdir()) == before
    other.unlink()
    assert store.append(commit("c2")).position == 2


def test_a_file_that_is_mounted_alone_is_no_store(
    store: SQLiteStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(sqlite_mounts, "MOUNTS", str(mounts))
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\n/dev/sda {tmp_path} ext4 rw 0 0\n")
    SQLiteStore(str(path)).close()
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\n/dev/sda {path} ext4 rw 0 0\n")
    for options in OPTIONS[:2]:
        assert code(partial(SQLiteStore, str(path), **options)) == ("other-names", 7)


def test_names_in_the_list_of_mounts_are_read_as_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nx /a\\040b\\134c\\011d nfs4 rw 0 0\n")
    monkeypatch.setattr(sqlite_mounts, "MOUNTS", str(mounts))
    assert sqlite_mounts.is_mount_point("/a b\\c\td")
    assert sqlite_mounts.file_system("/a b\\c\td/shop.db") == "nfs4"
    assert not sqlite_mounts.is_mount_point("/a")


def test_a_symbolic_link_is_the_same_name(store: SQLiteStore, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("shop.db")
    with SQLiteStore(str(tmp_path / "link.db")) as other:
        other.append(commit("c2"))
    assert store.append(commit("c3")).position == 3
    assert not list(tmp_path.glob("link.db-*"))


@pytest.mark.parametrize(
    "kind",
    [
        "virtiofs", "vboxsf", "prl_fs", "fakeowner", "drvfs", "fuse", "fuse.sshfs", "fuse.grpcfuse", "gpfs", "orangefs",
        "9p", "9p2000.L", "v9fs", "nfs", "nfs4", "cifs", "smb3", "ceph", "lustre",
    ],
)  # fmt: skip
def test_on_a_file_system_of_other_systems_there_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nx /data {kind} rw 0 0\n")
    monkeypatch.setattr(sqlite_mounts, "MOUNTS", str(mounts))
    assert kind in (sqlite_lock.why_not("/data/shop.db") or "")
    assert sqlite_lock.why_not("/database/shop.db") is None


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "fuseblk"])
def test_on_a_file_system_of_this_system_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / {kind} rw 0 0\n")
    monkeypatch.setattr(sqlite_mounts, "MOUNTS", str(mounts))
    assert sqlite_lock.why_not("/data/shop.db") is None


# ── what is no file ───────────────────────────────────────────────────────────────────────────


def make_socket(path: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)  # the names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    ("make", "what"),
    [(os.mkfifo, "a pipe"), (make_socket, "a socket"), (os.mkdir, "a folder")],
    ids=["pipe", "socket", "folder"],
)
def test_what_is_no_file_is_refused_and_left_as_it_is(
    path: Path, make: Callable[[Path], None], what: str, options: dict[str, Any]
) -> None:
    make(path)
    path.chmod(0o751)
    error = refusal(lambda: SQLiteStore(str(path), **options))
    assert isinstance(error, ConfigurationError)
    assert str(error) == f"{path} is {what}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_a_device_is_refused_before_anything_is_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], kind: int
) -> None:
    path.touch(0o666)
    path.chmod(0o666)
    real = os.stat

    def looks_like_a_device(name: Any, **how: Any) -> Any:
        found = real(name, **how)
        return os.stat_result((kind | 0o666, *found[1:])) if name == str(path) else found

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", looks_like_a_device)
        patched.setattr(os, "open", lambda *_, **__: pytest.fail("it was opened"))
        error = refusal(lambda: SQLiteStore(str(path), **options))
    assert str(error) == f"{path} is a device"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_a_pipe_that_takes_the_place_of_nothing_is_refused_too(path: Path) -> None:
    with SQLiteStore(str(path), create="lazily") as store:
        os.mkfifo(path, 0o644)
        assert isinstance(refusal(lambda: store.append(commit("c1"))), ConfigurationError)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


# ── another file in its place ─────────────────────────────────────────────────────────────────

NEW_STORE = """
import sys
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
store = SQLiteStore(sys.argv[1], create=True)
store.append(commit("new-1"))
"""


def delete(path: Path) -> None:
    for file in path.parent.glob("shop.db*"):
        file.unlink()


def replace_by_another(path: Path) -> None:
    delete(path)
    python(NEW_STORE, str(path))


def move(path: Path) -> None:
    path.rename(path.parent / "moved.db")


def replace_by_rubbish(path: Path) -> None:
    (path.parent / "new").write_bytes(b"nothing that is a store " * 100)
    (path.parent / "new").rename(path)


def replace_by_an_empty_file(path: Path) -> None:
    delete(path)
    path.touch()


GONE = [delete, replace_by_another, move, replace_by_rubbish, replace_by_an_empty_file]


@pytest.mark.parametrize("change", GONE)
def test_nothing_is_acknowledged_that_is_not_in_the_store_at_the_path(
    store: SQLiteStore, path: Path, change: Callable[[Path], None]
) -> None:
    change(path)
    for id in ("c2", "c3"):
        assert code(partial(store.append, commit(id))) == ("replaced", 7)
    assert code(store.head) == ("replaced", 7)
    assert code(lambda: list(store.rows.select(ITEMS, limit=1))) == ("replaced", 7)
    assert code(lambda: store.sql("SELECT 1", {}, 1)) == ("replaced", 7)
    store.close()


@pytest.mark.parametrize("change", GONE)
@pytest.mark.parametrize("read_only", [False, True])
def test_who_follows_is_told(path: Path, change: Callable[[Path], None], read_only: bool) -> None:
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1"))
    with SQLiteStore(str(path), read_only=read_only) as store:
        assert store.wait(1, 0.01) is False
        change(path)
        assert code(lambda: store.wait(1, 60)) == ("replaced", 7)


def test_who_only_reads_looks_now_and_then(store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "LOOK_SECONDS", 0.02)
    looks, real = [], store._file._opening.check_file
    monkeypatch.setattr(store._file._opening, "check_file", lambda: looks.append(1) or real())
    for _ in range(50):
        store.head()
    assert len(looks) < 50
    delete(path)
    assert code(lambda: store.wait(1, 60)) == ("replaced", 7)


def test_a_file_that_comes_back_is_the_store_again(store: SQLiteStore, path: Path) -> None:
    aside = path.parent / "aside.db"
    path.rename(aside)
    assert code(lambda: store.append(commit("c2"))) == ("replaced", 7)
    aside.rename(path)
    assert store.append(commit("c2")).position == 2


def put(new: Path, path: Path) -> None:
    """As one should: what lies beside the old one goes with it."""
    delete(path)
    new.rename(path)


def copy(path: Path) -> Path:
    """A backup. Not by a connection of this process that is none of the store's: its close is SQLite's affair."""
    copied = path.parent / "copy.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("VACUUM INTO ?", (str(copied),))
    connection.close()
    return copied


@pytest.mark.parametrize("way", ["append", "head", "wait"])
@pytest.mark.parametrize("more", [False, True])
def test_a_store_whose_log_goes_on_from_it_is_gone_on_with(
    store: SQLiteStore, path: Path, way: str, more: bool
) -> None:
    copied = copy(path)
    if more:
        append(copied, "elsewhere")
    put(copied, path)
    end = 2 if more else 1
    if way == "append":
        assert store.append(commit("c2")).position == end + 1
    elif way == "head":
        assert store.head() == end
    else:
        assert store.wait(1, 0.05) is more
    assert store.append(commit("c3")).position == store.head()
    with SQLiteStore(str(path), read_only=True) as reader:
        assert reader.head() == store.head()


def test_an_older_copy_of_it_is_another_log(store: SQLiteStore, path: Path) -> None:
    copied = copy(path)
    store.append(commit("c2"))
    put(copied, path)
    assert code(lambda: store.append(commit("c3"))) == ("replaced", 7)
    assert code(store.head) == ("replaced", 7)
    with SQLiteStore(str(path)) as new:
        assert new.head() == 1


@pytest.mark.parametrize("still_open", [True, False])
def test_a_backup_is_not_mixed_with_the_log_of_what_it_took_the_place_of(
    store: SQLiteStore, path: Path, still_open: bool
) -> None:
    """`mv backup.db shop.db`, while the store is open or after its writer was killed."""
    copied = copy(path)
    store.append(commit("c2"))
    if still_open:
        copied.rename(path)
        assert code(lambda: store.append(commit("c3"))) == ("replaced", 7)
    else:
        python(NEW_STORE + "import os\nos.replace(sys.argv[2], sys.argv[1])\nos._exit(0)\n", str(path), str(copied))
    for options in OPTIONS:
        error = refusal(partial(SQLiteStore, str(path), **options))
        assert (error.code, error.exit_code) == ("replaced", 7)
    assert f"{path}-wal" in (say(error) or "")
    for ending in ("-wal", "-shm"):
        Path(str(path) + ending).unlink()
    with SQLiteStore(str(path)) as new:
        assert new.append(commit("c3")).position == 2
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_folder_that_was_copied_after_a_kill_has_the_log_of_its_own(path: Path, tmp_path: Path) -> None:
    python(NEW_STORE + "import os\nos._exit(0)\n", str(path))
    shutil.copytree(tmp_path, tmp_path / "copy")
    for place in (tmp_path / "copy", tmp_path):
        with SQLiteStore(str(place / "shop.db")) as store:
            assert store.head() == 1


@pytest.mark.parametrize("is_a_copy", [False, True])
def test_the_note_of_another_lock_file_is_not_believed(path: Path, is_a_copy: bool) -> None:
    """A folder that is restored may get the numbers of the one before, in another order."""
    python(NEW_STORE + "import os\nos._exit(0)\n", str(path))
    lock = Path(f"{path}-lock")
    note = lock.read_text()
    found = path.stat()
    assert f" of ({found.st_dev}, {found.st_ino})\n" in note
    note = note.replace(f" of ({found.st_dev}, {found.st_ino})", f" of ({found.st_dev}, 1)")
    lock.write_text(note.replace(f"cqrs ({found.st_dev}, ", f"cqrs ({found.st_dev}, 1") if is_a_copy else note)
    if is_a_copy:
        with SQLiteStore(str(path)) as store:
            assert store.append(commit("c2")).position == 2
        assert f" of ({found.st_dev}, {found.st_ino})\n" in lock.read_text()
    else:
        assert code(lambda: SQLiteStore(str(path))) == ("replaced", 7)


def test_a_commit_into_a_file_that_is_taken_away_meanwhile_is_not_acknowledged(store: SQLiteStore, path: Path) -> None:
    error = refusal(lambda: store.append(commit("c2"), inline=lambda *_: delete(path)))
    assert (error.code, error.exit_code) == ("replaced", 7)
    with SQLiteStore(str(path), create=True) as new:
        assert new.append(commit("c2")).position == 1  # sent again with its id


def test_the_first_commit_into_a_file_that_is_taken_away_is_not_acknowledged(path: Path) -> None:
    with SQLiteStore(str(path), create="lazily") as store:
        error = refusal(lambda: store.append(commit("c1"), inline=lambda *_: delete(path)))
        assert (error.code, error.exit_code) == ("replaced", 7)


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")  # which is what "forget" is about
@pytest.mark.parametrize("end", ["close", "forget"])
def test_the_end_of_who_had_the_old_file_leaves_the_new_one_its_log_of_commits(path: Path, end: str) -> None:
    """SQLite's close removes the write-ahead log by its name."""
    old = SQLiteStore(str(path), create=True)
    old.append(commit("c1"))
    delete(path)
    with SQLiteStore(str(path), create=True) as new:
        new.append(commit("new-1"))
        if end == "close":
            old.close()
        else:
            del old
            gc.collect()
        assert Path(f"{path}-wal").exists()
        append(path, "other-1")
        new.append(commit("new-2"))
    with SQLiteStore(str(path), read_only=True) as reader:
        assert [event.commit_id for event in reader.read()] == ["new-1", "other-1", "new-2"]


def test_who_holds_a_lock_file_that_was_moved_takes_the_one_that_is_there(path: Path) -> None:
    first, second = (sqlite_lock.WriteLock("x", f"{path}-lock", 0.05) for _ in range(2))
    first.acquire()
    first.release()
    Path(f"{path}-lock").rename(f"{path}-lock-moved")
    second.acquire()
    with pytest.raises(Unavailable):
        first.acquire()
    for lock in (first, second):
        lock.close()


def test_a_store_on_which_nobody_writes_may_be_copied_with_its_files(store: SQLiteStore, tmp_path: Path) -> None:
    store.close()
    shutil.copytree(tmp_path, tmp_path / "copy")
    with SQLiteStore(str(tmp_path / "copy" / "shop.db")) as other:
        assert other.append(commit("c2")).position == 2
