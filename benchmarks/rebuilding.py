"""Events per second of a rebuild, and its peak memory as the log grows; catching up and sending on a large log."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import history
from benchmarks.bank import Deposit, OpenAccount, domain
from benchmarks.contest import Figures, Result, seconds
from benchmarks.folders import Folders
from benchmarks.sizes import Sizes
from cqrs_cli.workbench import Workbench

SENDS = 200


def measure(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """One large log for all of it; the small one has as few events as a large one has in a moment."""
    yield from while_rows_fit(folders, sizes)
    large, empty = folders.new("large.db"), folders.new("small.db")
    history.write_large(large, sizes.accounts)
    yield from of_large_log(large, sizes)
    yield from on_a_large_log(large, empty, sizes)


def while_rows_fit(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """Rebuild while all rows fit the cache."""
    lengths = history.lengths(sizes.streams)
    with Workbench.open(str(folders.new("rows-fit.db")), domain) as bench:
        history.write(bench.store, history.side_by_side([uuid4() for _ in lengths], lengths), "rows-fit")
        taken = seconds({"rebuild": lambda: bench.rebuild}, sizes.turns)["rebuild"]
    rebuilt = Figures(tuple(sum(lengths) / each for each in taken))
    yield Result(f"rebuild, {sizes.streams:,} rows of {sum(lengths):,} events (they fit the cache)", "events/s", rebuilt, at_least=150_000)


def of_large_log(path: Path, sizes: Sizes) -> Iterator[Result]:
    """A rebuild in a process of its own, which says at each part of the log how long and how much memory it took."""
    found = _rebuild_in_child(path, sizes.accounts)
    rows, unit = sizes.accounts, "events/s"
    parts = (("each makes a row", None), ("ten to a row, near each other", 150_000), ("to any row", 50_000))
    for (name, target), (took, _) in zip(parts, found, strict=True):
        yield Result(f"rebuild, {rows:,} events on {rows:,} rows: {name}", unit, Figures((rows / took,)), at_least=target)
    first = found[0][1]
    for length, (_, memory) in enumerate(found, 1):
        compared = {} if length == 1 else {"other": Figures((first,)), "against": f"{rows:,} events", "ratio_at_most": 1.1}
        yield Result(f"peak memory of a rebuild of {length * rows:,} events", "MiB", Figures((memory,)), **compared)


def _rebuild_in_child(path: Path, part: int) -> list[tuple[float, float]]:
    words = [sys.executable, "-m", "benchmarks.rebuild_child", str(path), str(part)]
    printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found: list[Any] = [json.loads(each) for each in printed.splitlines()]
    return [(each["seconds"], each["peak_mib"]) for each in found]


def on_a_large_log(large: Path, small: Path, sizes: Sizes) -> Iterator[Result]:
    """What costs by what is new, not by what is there: catching up, and a command."""
    events = 3 * sizes.accounts
    with ExitStack() as stack:
        benches = {name: stack.enter_context(Workbench.open(str(path), domain)) for name, path in (("small", small), ("large", large))}
        for bench in benches.values():
            bench.project()

        def catch_up(bench: Workbench) -> Callable[[], object]:
            ids = [uuid4() for _ in range(sizes.new_events)]
            history.write(bench.store, map(history.opened, ids), f"new-{ids[0]}")
            return bench.project

        def send(bench: Workbench) -> Callable[[], object]:
            made = [OpenAccount(account_id=uuid4(), owner="Ada Lovelace") for _ in range(SENDS // 2)]
            paid = [Deposit(account_id=each.account_id, cents=100) for each in made]
            return lambda: [bench.send(command) for command in (*made, *paid)]

        caught = seconds({name: lambda bench=bench: catch_up(bench) for name, bench in benches.items()}, sizes.turns)
        sent = seconds({name: lambda bench=bench: send(bench) for name, bench in benches.items()}, sizes.turns)
    for what, taken, per in ((f"catching up with {sizes.new_events:,} new events", caught, 1), ("send of a command", sent, SENDS)):
        ours, other = (Figures(tuple(each * 1000 / per for each in taken[name])) for name in ("large", "small"))
        yield Result(f"{what}, on a log of {events:,} events", "ms", ours, other, "on a small log", ratio_at_most=1.5)
