"""The long runs of `make faults`."""

import shutil
from pathlib import Path

import pytest

from cqrs_cli.stores.sqlite.store import SQLiteStore
from tests.faults import crashes

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("seed", range(6))
def test_three_hundred_kills(tmp_path: Path, seed: int) -> None:
    assert crashes.kill_loop(tmp_path / "shop.db", kills=50, seed=seed) > 50


@pytest.mark.parametrize("limit", range(250_000, 6_000_000, 450_001))
def test_no_space_left_at_many_sizes(tmp_path: Path, limit: int) -> None:
    complaint, acknowledged = crashes.fill_the_disk(tmp_path / "shop.db", limit)
    assert "Unavailable" in complaint
    assert acknowledged > 0


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call", [*range(8, 30, 3), 100, 300])
def test_a_sync_that_fails_is_never_acknowledged(tmp_path: Path, call: int) -> None:
    with SQLiteStore(str(tmp_path / "shop.db"), create=True), SQLiteStore(str(tmp_path / "shop.db")) as store:
        with store.transaction() as rows:
            rows.create(crashes.SIZES)
        complaint = crashes.fail_the_sync(tmp_path / "shop.db", call)
    assert complaint.startswith("cqrs_cli.errors.Unavailable: ")
    assert "send the same command id again" in complaint or "disk" in complaint
