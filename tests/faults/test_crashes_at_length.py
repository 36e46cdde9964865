"""The long runs of `make faults`."""

from pathlib import Path

import pytest

from tests.faults import crashes

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("seed", range(6))
def test_three_hundred_kills(tmp_path: Path, seed: int) -> None:
    assert crashes.kill_loop(tmp_path / "shop.db", kills=50, seed=seed) > 50


@pytest.mark.parametrize("limit", range(150_000, 6_000_000, 450_001))
def test_no_space_left_at_many_sizes(tmp_path: Path, limit: int) -> None:
    complaint, acknowledged = crashes.fill_the_disk(tmp_path / "shop.db", limit)
    assert "Unavailable" in complaint
    assert acknowledged > 0
