"""Ctrl-C and SIGTERM in the middle of whatever copies, at sixty moments of each."""

import signal
from pathlib import Path

import pytest

from tests.faults import signals

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("work", signals.WORKS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_at_many_moments(tmp_path: Path, work: str, number: signal.Signals) -> None:
    with signals.Bench(tmp_path) as bench:
        assert signals.at_points(bench, work, number, 60) > 50
