"""How long a command takes from nothing, against a trivial Typer command started in turn with it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

from benchmarks import history, trivial
from benchmarks.bank import domain
from benchmarks.contest import Figures, Result, seconds
from benchmarks.folders import Folders, own_environment
from benchmarks.sizes import Sizes
from cqrs_cli.workbench.workbench import Workbench

ON_A_DOMAIN = {
    "send": ("send", "open-account", "--owner", "Ada"),
    "replay": ("replay", "--category", "account"),
    "query": ("query", "account-balance", "--limit", "3"),
    "project": ("project", "account_balance"),
}


def measure(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """`cqrs log --json`, and commands on a domain, on a small store."""
    store = folders.new("startup.db")
    with Workbench.open(str(store), domain) as bench:
        history.write(bench.store, map(history.opened, [uuid4() for _ in range(100)]), "startup")
    environment = own_environment(folders)
    cqrs = [sys.executable, "-m", "cqrs_cli", "--store", str(store)]

    def run(*words: str) -> Callable[[], Callable[[], object]]:
        return lambda: (
            lambda: subprocess.run(words, env=environment, cwd=folders.folder, check=True, capture_output=True)
        )

    contestants = {
        "trivial": run(sys.executable, str(Path(trivial.__file__))),
        "log": run(*cqrs, "log", "--json", "-n", "10"),
        **{name: run(*cqrs, "--app", "benchmarks.bank:domain", *words) for name, words in ON_A_DOMAIN.items()},
    }
    for prepare in contestants.values():
        prepare()()  # compiles what is not cached yet
    taken = seconds(contestants, sizes.starts)
    figures = {name: Figures(tuple(each * 1000 for each in turns)) for name, turns in taken.items()}
    least, against = figures["trivial"], "trivial Typer command"
    yield Result("start-up: cqrs log --json", "ms", figures["log"], least, against, ratio_at_most=0.6)
    for name in ON_A_DOMAIN:
        yield Result(f"start-up: cqrs {name}", "ms", figures[name], least, against, ratio_at_most=1.1)
