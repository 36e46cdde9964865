"""A system that can't lock a file, which is another thing than a lock that somebody else has."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import Unavailable
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit

FAILURES = [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO, errno.EINVAL, errno.ENOSYS, errno.EACCES]
NOW, WAITING, UNLOCKING, LOOKING = (
    fcntl.LOCK_EX | fcntl.LOCK_NB,
    fcntl.LOCK_EX,
    fcntl.LOCK_UN,
    fcntl.LOCK_SH | fcntl.LOCK_NB,
)

pytestmark = pytest.mark.parametrize("number", FAILURES, ids=errno.errorcode.get)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(path), create=True) as opened:
        opened.append(commit("c1"))
        yield opened


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, number: int) -> set[int]:
    """The operations of `flock` that fail from now on."""
    operations: set[int] = set()
    real = fcntl.flock

    def flock(file: int, operation: int) -> None:
        if operation in operations:
            raise OSError(number, os.strerror(number))
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    return operations


def refused(act: Any, number: int) -> None:
    with pytest.raises(Unavailable) as caught:
        act()
    assert (caught.value.code, caught.value.exit_code) == ("cannot-lock", 7)
    assert os.strerror(number) in caught.value.message
    assert say(caught.value)


def test_taking_it(store: SQLiteStore, fails: set[int], number: int) -> None:
    fails.add(NOW)
    refused(lambda: store.append(commit("c2")), number)
    refused(lambda: store.append_many([]) or store.transaction().__enter__(), number)
    fails.clear()
    store.append(commit("c2"))
    assert store.head() == 2


def test_making_a_store(path: Path, fails: set[int], number: int) -> None:
    fails.add(NOW)
    refused(lambda: SQLiteStore(str(path), create=True), number)
    assert not path.exists()


def test_closing(path: Path, fails: set[int], number: int) -> None:
    store = SQLiteStore(str(path), create=True)
    store.append(commit("c1"))
    fails.update((NOW, UNLOCKING))
    store.close()
    fails.clear()
    with SQLiteStore(str(path)) as again:
        assert again.head() == 1


def test_waiting_for_it(
    store: SQLiteStore, path: Path, fails: set[int], number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    unhandled: list[Any] = []
    threading.excepthook, before = unhandled.append, threading.excepthook
    lock = sqlite_lock.WriteLock("x", str(path) + "-lock", 1)
    lock.acquire()
    try:
        fails.add(WAITING)
        refused(lambda: store.append(commit("c2")), number)
    finally:
        threading.excepthook = before
        lock.release()
        lock.close()
    assert (unhandled, capfd.readouterr().err, store.head()) == ([], "", 1)
    fails.clear()
    store.append(commit("c2"))


def test_giving_it_back_after_a_commit(store: SQLiteStore, path: Path, fails: set[int], number: int) -> None:
    """The commit stands and is acknowledged, and the next one gets the lock."""
    fails.add(UNLOCKING)
    assert store.append(commit("c2")).position == 2
    with store.transaction():
        pass
    with SQLiteStore(str(path), limits=Limits(timeout=0.2)) as other:
        assert other.append(commit("c3")).position == 3
    assert store.append(commit("c4")).position == 4


def test_giving_it_back_after_a_failure(store: SQLiteStore, fails: set[int], number: int) -> None:
    fails.add(UNLOCKING)
    with pytest.raises(ZeroDivisionError):
        store.append(commit("c2"), inline=lambda rows, recorded: rows.drop(str(1 // 0)))
    assert store.append(commit("c2")).position == 2


def test_looking_who_has_it(store: SQLiteStore, fails: set[int], number: int) -> None:
    fails.add(LOOKING)
    refused(store.describe, number)


def test_giving_the_file_itself_back(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """It is closed, whatever the system says to that: nothing comes of it, least of all after a commit."""
    real = os.close

    def close(file: int) -> None:
        real(file)
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as failing:
        failing.setattr(os, "close", close)
        with SQLiteStore(str(path), create=True) as made, made.turn("s-1"):
            assert made.append(commit("c1")).position == 1
            made.describe()
    with SQLiteStore(str(path)) as again:
        assert again.head() == 1


@pytest.mark.parametrize("is_there", [False, True])
def test_looking_at_what_was_opened(path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_there: bool) -> None:
    """A file that can be opened, of which the system then says nothing."""

    def fstat(file: int) -> os.stat_result:
        raise OSError(number, os.strerror(number))

    def write() -> None:
        with SQLiteStore(str(path), create=True) as opened:
            opened.append(commit("c1"))

    if is_there:
        SQLiteStore(str(path), create=True).close()
    with monkeypatch.context() as failing:
        failing.setattr(os, "fstat", fstat)
        with pytest.raises(Unavailable) as caught:
            write()
    assert (caught.value.code, os.strerror(number) in caught.value.message) == ("read-only", True)


@pytest.mark.parametrize("of", ["the store", "its folder"])
def test_looking_what_is_there(path: Path, monkeypatch: pytest.MonkeyPatch, number: int, of: str) -> None:
    """What can't be looked at is not taken for what is not there."""
    SQLiteStore(str(path), create=True).close()
    real, hidden = os.stat, str(path if of == "the store" else path.parent)

    def stat(file: Any, **options: Any) -> os.stat_result:
        if file == hidden:
            raise OSError(number, os.strerror(number))
        return real(file, **options)

    with monkeypatch.context() as failing:
        failing.setattr(os, "stat", stat)
        with pytest.raises(Unavailable) as caught:
            SQLiteStore(str(path), create="lazily")
    assert (caught.value.code, os.strerror(number) in caught.value.message) == ("cannot-open", True)
