"""A short version of the runs that `make faults` kills fifty times."""

from pathlib import Path

from tests.faults import runs


def test_a_few_kills_leave_what_no_kill_leaves(tmp_path: Path) -> None:
    left, wanted = runs.kill_loop(tmp_path, kills=5, seed=7)
    assert left == wanted
    assert len(wanted["commits"]) > 5 * runs.ORDERS_A_KILL * 2
    assert wanted["dead"]
