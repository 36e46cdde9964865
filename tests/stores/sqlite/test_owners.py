"""A store that several users of one machine work on: nobody is kept out by the files that another's command made."""

import ctypes  # noqa: F401 - the others can't import from where root's Python is
import os
import pwd  # noqa: F401
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite import schema as schema
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
from tests.stores.sqlite.others import in_child

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be others")
ADA, BOB, SHOP = 54_001, 54_002, 54_100


@pytest.fixture
def folder() -> Iterator[Path]:
    """Ada's, in a place that others can come to."""
    made = Path(tempfile.mkdtemp())
    os.chown(made, ADA, ADA)
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "shop.db"


def as_user(user: int, act: Callable[[], object], group: int | None = None) -> None:
    def become_and_act() -> None:
        os.setgroups([SHOP] if group == SHOP else [])
        os.setgid(user)
        os.setuid(user)
        act()

    assert in_child(become_and_act) == 0


def append(path: Path, *ids: str, leave: bool = False) -> None:
    """leave: as if killed, so that all files stay."""
    store = SQLiteStore(str(path), create="lazily")
    for id in ids:
        store.append(commit(id))
    if not leave:
        store.close()


def head(path: Path) -> int:
    with SQLiteStore(str(path), read_only=True) as store:
        return store.head()


def owner(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


@pytest.mark.parametrize("leave", [False, True])
def test_a_command_of_roots_keeps_nobody_out(path: Path, leave: bool) -> None:
    as_user(ADA, lambda: append(path, "c1"))
    Path(f"{path}-lock").unlink()  # as in a store that was restored
    assert in_child(lambda: append(path, "root", leave=leave)) == 0
    for file in path.parent.iterdir():
        assert owner(file) == (ADA, ADA, 0o600), file
    as_user(ADA, lambda: append(path, "c2"))
    assert head(path) == 3


def test_a_lock_file_of_roots_is_given_to_the_stores_owner(path: Path) -> None:
    as_user(ADA, lambda: append(path, "c1"))
    lock = Path(f"{path}-lock")
    lock.unlink()
    lock.touch(0o600)
    assert in_child(lambda: append(path, "root")) == 0
    assert owner(lock) == (ADA, ADA, 0o600)


@pytest.mark.parametrize("leave", [False, True])
def test_a_group_shares_a_store(path: Path, leave: bool) -> None:
    os.chown(path.parent, ADA, SHOP)
    path.parent.chmod(0o2770)
    as_user(ADA, lambda: append(path, "c1"), SHOP)
    path.chmod(0o660)
    as_user(ADA, lambda: append(path, "c2"), SHOP)  # her lock is as the store is from now on
    for n in range(2):
        as_user(BOB, partial(append, path, f"bob-{n}", leave=leave), SHOP)
        as_user(ADA, partial(append, path, f"ada-{n}", leave=leave), SHOP)
    for file in path.parent.iterdir():
        assert owner(file)[1:] == (SHOP, 0o660), file
    assert head(path) == 6


def test_a_lock_that_a_member_of_the_group_makes_is_the_groups(path: Path) -> None:
    os.chown(path.parent, ADA, SHOP)
    path.parent.chmod(0o2770)
    as_user(ADA, lambda: append(path, "c1"), SHOP)
    path.chmod(0o660)
    Path(f"{path}-lock").unlink()
    as_user(BOB, lambda: append(path, "c2"), SHOP)
    assert owner(Path(f"{path}-lock")) == (BOB, SHOP, 0o660)
    as_user(ADA, lambda: append(path, "c3"), SHOP)


def test_root_gives_away_nothing_but_the_lock(path: Path, folder: Path) -> None:
    """What lies at the lock's name may be anybody's doing."""
    as_user(ADA, lambda: append(path, "c1"))
    lock, secret = Path(f"{path}-lock"), folder / "secret"
    secret.write_bytes(b"")
    secret.chmod(0o600)
    for plant in (lambda: os.link(secret, lock), lambda: lock.symlink_to(secret)):
        lock.unlink()
        plant()
        in_child(lambda: append(path, "c2"))
        assert (owner(secret), secret.read_bytes()) == ((0, 0, 0o600), b"")
    secret.write_bytes(b"x" * 1000)
    lock.unlink()
    secret.rename(lock)
    assert in_child(lambda: append(path, "c3")) == 0
    assert owner(lock) == (0, 0, 0o600)
    assert lock.read_bytes()[-100:] == b"x" * 100


def test_a_lock_follows_the_mode_of_its_store(path: Path) -> None:
    append(path, "c1")
    path.chmod(0o440)
    lock = sqlite_lock.WriteLock("x", f"{path}-lock", 1)
    lock.acquire()
    lock.close()
    assert owner(Path(f"{path}-lock")) == (0, 0, 0o640)  # its owner must be able to open it


@pytest.mark.parametrize("options", [{"create": True}, {"create": "lazily"}])
def test_an_empty_file_of_somebody_else_is_not_made_a_store(path: Path, options: dict[str, bool]) -> None:
    path.touch()
    path.chmod(0o666)
    os.chown(path, BOB, BOB)

    def make() -> None:
        with pytest.raises(ConfigurationError) as caught, SQLiteStore(str(path), **options) as store:  # type: ignore[arg-type]
            store.append(commit("c1"))
        assert caught.value.code == "not-yours"
        assert caught.value.hint
        assert str(BOB) in caught.value.message

    as_user(ADA, make)
    assert in_child(make) == 0  # nor by root
    assert (owner(path), path.stat().st_size) == ((BOB, BOB, 0o666), 0)
    as_user(BOB, lambda: None)
    path.unlink()
    path.touch()
    os.chown(path, ADA, ADA)
    as_user(ADA, lambda: append(path, "c1"))
