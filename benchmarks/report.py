"""Results as a table: on the terminal as they come, or in Markdown for docs/performance.md."""

import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from benchmarks.contest import Figures, Result


def line(result: Result) -> str:
    """One result for the terminal."""
    told = f"{result.what:<66} {_both(result.ours, result):>22} {result.unit:<11}"
    if result.other is not None:
        told += f" {result.against} {_both(result.other, result)}, ratio {result.ratio:.2f}"
    if result.target:
        told += f" [{result.target}: {'met' if result.met else 'MISSED'}]"
    return told.rstrip()


def markdown(results: Iterable[Result], snapshots: Sequence[tuple[str, str]]) -> str:
    """All results as Markdown tables, under what they were measured with."""
    rows = ["| what | unit | cqrs | compared with | ratio | target | |", "|---|---|---:|---|---:|---|---|"]
    for result in results:
        other = "" if result.other is None else f"{result.against}: {_both(result.other, result)}"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        met = {None: "", True: "met", False: "missed"}[result.met]
        cells = (result.what, result.unit, _both(result.ours, result), other, ratio, result.target, met)
        rows.append(f"| {' | '.join(cells)} |")
    if snapshots:
        rows += ["", "| what | figure |", "|---|---:|", *(f"| {what} | {figure} |" for what, figure in snapshots)]
    return "\n".join([circumstances(), "", *rows])


def circumstances() -> str:
    """What it was measured with, and how to read the figures."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("pydantic", "typer", "eventsourcing"))
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}; {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}. Median of the turns, in brackets the best one."
    )


def _both(figures: Figures, result: Result) -> str:
    best = figures.best(result.lower_is_better)
    return _short(figures.median) + (f" ({_short(best)})" if len(figures.turns) > 1 else "")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
