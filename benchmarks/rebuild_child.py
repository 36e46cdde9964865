"""`python -m benchmarks.rebuild_child STORE EVENTS`: rebuild, with a line of JSON after each EVENTS of the log."""

import gc
import json
import resource
import sys
import time
from pathlib import Path

from benchmarks.bank import domain
from cqrs_cli.__main__ import GC_THRESHOLDS
from cqrs_cli.workbench.workbench import Workbench

STATUS = Path("/proc/self/status")


def peak_mib() -> float:
    """The most memory of this program. Where Linux tells it: `ru_maxrss` counts what the parent had at the fork too."""
    if STATUS.exists():
        return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def main(store: str, part: int) -> None:
    gc.set_threshold(*GC_THRESHOLDS)  # as in the process of `cqrs project --rebuild`
    start, goal = time.perf_counter(), part

    def progress(position: int, head: int) -> None:
        nonlocal start, goal
        if position >= goal:
            now = time.perf_counter()
            print(json.dumps({"seconds": now - start, "peak_mib": peak_mib()}))
            start, goal = now, goal + part

    with Workbench.open(store, domain) as bench:
        bench.rebuild(progress=progress)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
