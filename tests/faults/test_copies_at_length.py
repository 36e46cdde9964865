"""Two hundred kills over exports, imports and copies, and sixty failing calls of the system."""

import random
import shutil
from pathlib import Path

import pytest

from tests.faults import transfers

pytestmark = pytest.mark.faults


def test_two_hundred_kills(tmp_path: Path) -> None:
    transfers.kill_loop(tmp_path, kills=200, seed=2)
    transfers.finish(tmp_path)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes system calls fail")
def test_sixty_failing_calls(tmp_path: Path) -> None:
    chance = random.Random(3)
    calls = ("write", "pwrite64", "fsync", "fdatasync", "fsync,fdatasync", "write,pwrite64", "ftruncate")
    faults = [(chance.choice(calls), chance.choice(["EIO", "ENOSPC"]), chance.randrange(1, 40)) for _ in range(60)]
    said = transfers.fail_calls(tmp_path, faults)
    assert not any(one.startswith("70") for one in said), said
    assert any(one.startswith("7 ") for one in said), "some did fail"
    transfers.finish(tmp_path)
