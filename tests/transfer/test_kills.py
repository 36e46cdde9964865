"""A few kills and failing calls; tests/faults has many."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.faults import transfers


def test_what_is_killed_goes_on_and_ends_equal(tmp_path: Path) -> None:
    transfers.kill_loop(tmp_path, kills=9, seed=1)
    transfers.finish(tmp_path)


def test_what_is_interrupted_leaves_nothing_and_ends_equal(tmp_path: Path) -> None:
    codes = transfers.interrupt_loop(tmp_path, rounds=12, seed=4)
    # Before Python listens, a signal ends it by itself.
    assert set(codes) <= {0, 130, -signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGTERM}, codes
    transfers.finish(tmp_path)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes system calls fail")
def test_what_a_failing_disk_leaves(tmp_path: Path) -> None:
    faults = [("write,pwrite64", "ENOSPC", 3), ("fsync,fdatasync", "EIO", 1), ("pwrite64", "EIO", 5)]
    said = transfers.fail_calls(tmp_path, faults)
    assert not any(one.startswith("70") for one in said), said
    transfers.finish(tmp_path)
