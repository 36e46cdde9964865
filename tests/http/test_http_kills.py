"""What was acknowledged before a kill is there, once and whole; the rest is answered when it is sent again."""

from pathlib import Path

import pytest

from tests.faults import served_kills

pytestmark = [pytest.mark.slow, pytest.mark.file]


def test_four_kills_under_sixteen_clients(tmp_path: Path) -> None:
    account = served_kills.kill_loop(tmp_path, kills=4, clients=16)
    assert account.acknowledged + account.resolved >= 5 * 16
    assert account[3:] == (0, 0, 0, 0, ())
