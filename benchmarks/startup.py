"""How long a command takes from nothing, against a trivial Typer command started in turn with it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

from benchmarks import history, trivial
from benchmarks.bank import domain
from benchmarks.contest import Figures, Result, seconds
from benchmarks.folders import Folders
from benchmarks.sizes import Sizes
from cqrs_cli.workbench import Workbench


def measure(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """`cqrs log --json` and `cqrs send` on a small store."""
    store = folders.new("startup.db")
    with Workbench.open(str(store), domain) as bench:
        history.write(bench.store, map(history.opened, [uuid4() for _ in range(100)]), "startup")
    environment = _environment(folders)
    cqrs = [sys.executable, "-m", "cqrs_cli", "--store", str(store)]
    account = str(history.account(1))

    def run(*words: str) -> Callable[[], Callable[[], object]]:
        return lambda: lambda: subprocess.run(words, env=environment, cwd=folders.folder, check=True, capture_output=True)

    contestants = {
        "trivial": run(sys.executable, str(Path(trivial.__file__))),
        "log": run(*cqrs, "log", "--json", "-n", "10"),
        "send": lambda: run(*cqrs, "--app", "benchmarks.bank:domain", "send", "open-account", "--account-id", str(uuid4()), "--owner", "Ada")(),
    }
    for prepare in contestants.values():
        prepare()()  # compiles what is not cached yet
    taken = seconds(contestants, sizes.starts)
    ours, theirs = ({name: Figures(tuple(each * 1000 for each in taken[name])) for name in taken} for _ in range(2))
    against = "trivial Typer command"
    yield Result("start-up: cqrs log --json", "ms", ours["log"], theirs["trivial"], against, ratio_at_most=0.8)
    yield Result("start-up: cqrs send", "ms", ours["send"], theirs["trivial"], against)


def _environment(folders: Folders) -> dict[str, str]:
    """Byte code is cached for both, or neither would be a fair start."""
    root = str(Path(__file__).parents[1])
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("CQRS_")}
    return kept | {"PYTHONPATH": root, "PYTHONPYCACHEPREFIX": str(folders.new("bytecode"))}
