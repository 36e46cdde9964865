"""`python -m benchmarks.rebuild_child STORE EVENTS`: rebuild, with a line of JSON after each EVENTS of the log."""

import gc
import json
import resource
import sys
import time

from benchmarks.bank import domain
from cqrs_cli.__main__ import GC_THRESHOLDS
from cqrs_cli.workbench.workbench import Workbench

KIB = 1 if sys.platform != "darwin" else 1024  # in which ru_maxrss counts


def main(store: str, part: int) -> None:
    gc.set_threshold(*GC_THRESHOLDS)  # as in the process of `cqrs project --rebuild`
    start, goal = time.perf_counter(), part

    def progress(position: int, head: int) -> None:
        nonlocal start, goal
        if position >= goal:
            now = time.perf_counter()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB / 1024
            print(json.dumps({"seconds": now - start, "peak_mib": peak}))
            start, goal = now, goal + part

    with Workbench.open(store, domain) as bench:
        bench.rebuild(progress=progress)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
