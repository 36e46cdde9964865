"""A few kills and one full disk; `make faults` has many."""

from pathlib import Path

import pytest

from tests.faults import crashes


def test_what_was_acknowledged_survives_kills(tmp_path: Path) -> None:
    assert crashes.kill_loop(tmp_path / "shop.db", kills=6, seed=1) >= 6


@pytest.mark.parametrize("limit", [200_000, 700_000])
def test_no_space_left_is_a_typed_error_and_the_store_reopens(tmp_path: Path, limit: int) -> None:
    complaint, acknowledged = crashes.fill_the_disk(tmp_path / "shop.db", limit)
    assert complaint.startswith("cqrs_cli.errors.Unavailable: ")
    assert acknowledged > 0
