"""`cqrs run` killed fifty times: the same rows, each command once; and that the three safeguards are what does it."""

from pathlib import Path

import pytest

from tests.faults import runs

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("seed", range(2))
def test_fifty_kills_leave_what_no_kill_leaves(tmp_path: Path, seed: int) -> None:
    left, wanted = runs.kill_loop(tmp_path, kills=50, seed=seed)
    assert left == wanted


@pytest.mark.parametrize(
    ("sabotage", "shows_in"), [("checkpoint-apart", "rows"), ("no-compare", "rows"), ("random-ids", "orders")]
)
def test_without_a_safeguard_it_would_show(tmp_path: Path, sabotage: str, shows_in: str) -> None:
    """Events taken in twice show in the rows, commands sent twice in what happened to the orders."""
    left, wanted = runs.kill_loop(tmp_path, kills=50, seed=0, sabotage=sabotage)
    assert left[shows_in] != wanted[shows_in]
