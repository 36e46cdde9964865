"""The long runs of `make faults` for what proves and what copies."""

import shutil
from pathlib import Path

import pytest

from cqrs_cli.log import checkpoint as checkpoints
from cqrs_cli.log.verification import verify
from cqrs_cli.stores.sqlite.store import SQLiteStore
from tests.faults import copies, manipulations

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("kind", manipulations.KINDS)
def test_two_hundred_manipulations(tmp_path: Path, kind: str) -> None:
    path, changed = tmp_path / "log.db", tmp_path / "changed.db"
    manipulations.make(path)
    with SQLiteStore(str(path), read_only=True) as store:
        then = checkpoints.checkpoint_of(store, verify(store))
    for seed in range(23):
        shutil.copy(path, changed)
        manipulations.manipulate(changed, kind, seed)
        with SQLiteStore(str(changed), read_only=True) as store:
            found = verify(store, (then.position,))
        assert found.ok == (kind in manipulations.UNSEEN), (kind, seed, found.flaws)
        assert not found.ok or checkpoints.compare(found, then) is not None, (kind, seed)


def test_three_hundred_bits_and_pages(tmp_path: Path) -> None:
    path, changed = tmp_path / "log.db", tmp_path / "changed.db"
    manipulations.make(path)
    known, found = copies.history(path), 0
    for seed in range(300):
        shutil.copy(path, changed)
        told = copies.damage(changed, seed)
        if copies.verified(changed):
            assert copies.history(changed) == known, (seed, told)
        else:
            found += 1
    assert found > 100


@pytest.fixture
def two(tmp_path: Path) -> Path:
    copies.make(tmp_path / "0.db", 400)
    copies.make(tmp_path / "1.db", 600)
    return tmp_path


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_hundred_kills(two: Path, what: str) -> None:
    most = 1.5 * copies.time_of(two, what)
    done = sum(copies.kill(two, what, seed, most) for seed in range(100))
    assert 0 < done < 100


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("what", ["backup", "restore"])
@pytest.mark.parametrize("call", copies.CALLS)
def test_calls_that_fail(two: Path, what: str, call: str) -> None:
    seed = 0
    for number in (1, 2, 5):
        for error in ("EIO", "ENOSPC"):
            copies.fail_a_call(two, what, seed, call, number, error)
            seed += 1
