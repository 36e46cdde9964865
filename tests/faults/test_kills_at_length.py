"""Hundreds of kills of processes that make a store, send to it, take snapshots and rebuild, several at once."""

from pathlib import Path

import pytest

from tests.faults import kills

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("kind", kills.VICTIMS)
def test_a_hundred_kills(tmp_path: Path, kind: str) -> None:
    assert kills.kill_loop(tmp_path, kind, kills=100, seed=1).acknowledged > 50


@pytest.mark.parametrize(("kind", "found"), [("early", "acknowledged and lost"), ("apart", "the rows of total")])
def test_a_broken_promise_is_noticed(tmp_path: Path, kind: str, found: str) -> None:
    with pytest.raises(AssertionError, match=found):
        kills.kill_loop(tmp_path, kind, kills=300, seed=1)
