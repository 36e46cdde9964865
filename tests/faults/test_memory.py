"""Memory: a rebuild by the size of the row cache, not by the number of events or of rows; a batch by that of a write."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.registry import open_store

ROOT = Path(__file__).resolve().parents[2]

PEAK = """
def peak():  # KiB, of this program alone: ru_maxrss begins with that of the parent
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
"""

REBUILD = f"""{PEAK}
import sys, time
from cqrs_cli import Workbench
from tests.members import domain

with Workbench.open(sys.argv[1], domain) as bench:
    start = time.monotonic()
    (status,) = bench.rebuild("standing")
    seconds = time.monotonic() - start
print(peak(), status.rows, seconds)
"""


def fill(path: Path, members: int, scores: int) -> None:
    """Members that join one after the other; then scores of members in no order at all."""
    chance = random.Random(members)
    streams = [f"member-{n}" for n in range(members)] + [f"member-{chance.randrange(members)}" for _ in range(scores)]
    with open_store(str(path), create=True, durability="relaxed") as store:
        for at in range(0, len(streams), 5_000):
            store.append_many(
                [
                    Append(
                        Commit(
                            f"c{n}",
                            (
                                NewEvent(stream, "Joined", 1, b'{"email":"e","city":"Oslo"}')
                                if n < members
                                else NewEvent(stream, "Scored", 1, b'{"points":"1.10","city":"Oslo"}'),
                            ),
                        )
                    )
                    for n, stream in enumerate(streams[at : at + 5_000], at)
                ]
            )


@pytest.mark.faults
def test_a_rebuild_of_three_times_as_much_needs_no_more_memory(tmp_path: Path) -> None:
    peaks = {}
    for members in (150_000, 450_000):
        path = tmp_path / f"{members}.db"
        fill(path, members, members // 4)
        begun = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-c", REBUILD, str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        peak, rows, seconds = ran.stdout.split()
        assert int(rows) == members
        peaks[members] = int(peak) / 1024
        print(
            f"{members} rows: peak {peaks[members]:.0f} MiB, {members * 1.25 / float(seconds):,.0f} events/s ({time.monotonic() - begun:.1f} s)"
        )
    # The cache is full with the first already. The rest is SQLite's and Python's; without a bound it is three times as much.
    assert peaks[450_000] < peaks[150_000] * 1.5


BATCH = (
    PEAK
    + """
import sys
from cqrs_cli import Workbench
from cqrs_cli.workbench.outcome import Request
from samples.users import domain
from samples.users.user import RegisterUser

with Workbench.open(sys.argv[1], domain, durability="relaxed") as bench:
    lines = (Request(n, RegisterUser(email=f"{n}@x.org", name="x" * 1_000_000)) for n in range(300))
    done = sum(outcome.status == "committed" for outcome in bench.send_batch(lines))
print(peak() // 1024, done)
"""
)


@pytest.mark.faults
def test_a_batch_of_large_lines_needs_the_memory_of_a_write(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", BATCH, str(tmp_path / "a.db")], env=environ, capture_output=True, text=True, check=True
    )
    peak, done = map(int, ran.stdout.split())
    assert (done, peak < 250) == (300, True), f"{peak} MiB"


MEMBERS = (100_000, 300_000)
"""Streams, so many that the names that are remembered are not all of them."""
COPY = (
    PEAK
    + """
import sys
from cqrs_cli.cli.shell import boundary
assert boundary.run(sys.argv[1:]) == 0
open("peak", "w").write(str(peak()))
"""
)


@pytest.mark.faults
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc that tells the peak of a process")
def test_copies_of_three_times_as_much_need_no_more_memory(tmp_path: Path) -> None:
    works = {
        "export": "export --store log.db -o x.jsonl",
        "import": "import x.jsonl --store imported.db",
        "copy": "copy log.db copied.db",
        "verify": "verify --store log.db",
    }
    peaks: dict[str, list[int]] = {work: [] for work in works}
    for number in MEMBERS:
        folder = tmp_path / str(number)
        folder.mkdir()
        fill(folder / "log.db", number, number // 2)
        for work, words in works.items():
            environ = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run(
                [sys.executable, "-c", COPY, *words.split()], cwd=folder, env=environ, check=True, capture_output=True
            )
            peaks[work].append(int((folder / "peak").read_text()) // 1024)
    print(f"MiB for {' and '.join(f'{number * 3 // 2:,}' for number in MEMBERS)} events: {peaks}")
    for work, (less, more) in peaks.items():
        assert more < less * 1.3 + 8, (work, less, more)
