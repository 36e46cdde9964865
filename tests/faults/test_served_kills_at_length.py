"""`cqrs serve` under faults, at length."""

from pathlib import Path

import pytest

from tests.faults import served_kills

pytestmark = pytest.mark.faults


def test_a_hundred_kills_under_sixteen_clients(tmp_path: Path) -> None:
    account = served_kills.kill_loop(tmp_path, kills=100, clients=16)
    print(account)
    assert account[3:] == (0, 0, 0, 0, ())
    assert account.acknowledged + account.resolved >= 1616
    assert account.resolved > 0, "no kill came between a commit and its answer"
