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
from benchmarks.bank import domain
from benchmarks.commands import DEPOSITS, commands_for
from benchmarks.contest import Contestant, Figures, Result, seconds
from benchmarks.folders import Folders
from benchmarks.sizes import Sizes
from cqrs_cli.workbench.workbench import Workbench

SENDS = 200


def measure(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """One large log for all of it, and logs to compare with: one with fewer accounts, one without any."""
    yield from while_rows_fit(folders, sizes)
    large, fewer, empty = (folders.new(f"{name}.db") for name in ("large", "fewer", "empty"))
    history.write_large(large, sizes.accounts)
    history.write_large(fewer, sizes.fewer_accounts)
    yield from of_large_log(large, fewer, sizes)
    yield from on_a_large_log(large, empty, sizes)


def while_rows_fit(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """Rebuild while all rows fit the cache."""
    lengths = history.lengths(sizes.streams)
    with Workbench.open(str(folders.new("rows-fit.db")), domain) as bench:
        history.write(bench.store, history.side_by_side([uuid4() for _ in lengths], lengths), "rows-fit")
        taken = seconds({"rebuild": lambda: bench.rebuild}, sizes.turns)["rebuild"]
    rebuilt = Figures(tuple(sum(lengths) / each for each in taken))
    what = f"rebuild, {sum(lengths):,} events on {sizes.streams:,} rows (they fit the cache)"
    yield Result(what, "events/s", rebuilt, at_least=150_000)


def of_large_log(path: Path, fewer: Path, sizes: Sizes) -> Iterator[Result]:
    """Rebuilds in processes of their own, which say at each part of the log how long and how much memory it took."""
    rows, few = sizes.accounts, sizes.fewer_accounts
    found = _rebuild_in_child(path, rows)
    parts = (("each makes a row", None), ("ten to a row, near each other", 150_000), ("to any row", 50_000))
    for (name, target), (took, _) in zip(parts, found, strict=True):
        what = f"rebuild, {rows:,} events on {rows:,} rows: {name}"
        yield Result(what, "events/s", Figures((rows / took,)), at_least=target)
    peak, before = (Figures((each[-1][1],)) for each in (found, _rebuild_in_child(fewer, few)))
    what, against = f"peak memory of a rebuild, {3 * rows:,} events", f"{3 * few:,} events"
    yield Result(what, "MiB", peak, before, against, ratio_at_most=1.1)


def _rebuild_in_child(path: Path, part: int) -> list[tuple[float, float]]:
    words = [sys.executable, "-m", "benchmarks.rebuild_child", str(path), str(part)]
    printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found: list[Any] = [json.loads(each) for each in printed.splitlines()]
    return [(each["seconds"], each["peak_mib"]) for each in found]


def on_a_large_log(large: Path, empty: Path, sizes: Sizes) -> Iterator[Result]:
    """What costs by what is new, not by what is there: catching up, and a command."""
    events, turns = 3 * sizes.accounts, sizes.turns
    with ExitStack() as stack:
        first = stack.enter_context(Workbench.open(str(empty), domain))
        second = stack.enter_context(Workbench.open(str(large), domain))

        def catching_up(bench: Workbench) -> Contestant:
            def prepare() -> Callable[[], object]:
                ids = [uuid4() for _ in range(sizes.new_events)]
                history.write(bench.store, map(history.opened, ids), f"new-{ids[0]}")
                return bench.try_project  # `project` counts all rows as well, to tell

            return prepare

        def sending(bench: Workbench) -> Contestant:
            def prepare() -> Callable[[], object]:
                sent = commands_for([uuid4() for _ in range(SENDS // (DEPOSITS + 1))])
                return lambda: [bench.send(command) for command in sent]

            return prepare

        for bench in (first, second):
            bench.project()
        caught = seconds({"empty": catching_up(first), "large": catching_up(second)}, turns)
        sent = seconds({"empty": sending(first), "large": sending(second)}, turns)
    whats = ((f"catching up with {sizes.new_events:,} new events", caught, 1), ("send of a command", sent, SENDS))
    for what, taken, things in whats:
        ours, other = (Figures(tuple(each * 1000 / things for each in taken[name])) for name in ("large", "empty"))
        what, against = f"{what}, on a log of {events:,} events", "the log was empty before"
        yield Result(what, "ms", ours, other, against, ratio_at_most=1.5)
