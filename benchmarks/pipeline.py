"""`python -m benchmarks pipeline`: `cqrs ci` in a project that `cqrs init` made, with a log, a lock and a commit.

Times are of the processor, of the command and of all processes that it starts.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

EVENTS = 10_000
_RULES = '\n[rules.product]\nin_stock = "state.in_stock >= 0"\n'
_PRODUCTS = 500


def measure(folder: Path, events: int = EVENTS) -> list[tuple[str, str]]:
    """Each part alone, and all of them."""
    _project(folder, events)
    figures = []
    for what, words in (
        ("check", ["--part", "check"]),
        ("test", ["--part", "test"]),
        ("rehearse", ["--part", "rehearse"]),
        ("impact", ["--part", "impact", "--against", "main"]),
        ("all parts", ["--against", "main"]),
    ):
        figures.append((f"ci of {events:,} events: {what}", f"{_seconds(folder, 'ci', *words):.1f} s"))
    return figures


def _project(folder: Path, events: int) -> None:
    _cqrs(folder, "init", ".", "-q")
    with (folder / "cqrs.toml").open("a", encoding="utf-8") as settings:
        settings.write(_RULES)
    _cqrs(folder, "schema", "--lock", "-q")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, check=True)
    (folder / "commands.jsonl").write_text(
        "".join(f"{json.dumps(one)}\n" for one in _commands(events)), encoding="utf-8"
    )
    _cqrs(folder, "send", "--batch", "commands.jsonl", "-q")


def _commands(events: int) -> Iterator[dict[str, object]]:
    """One event each."""
    for number in range(events):
        turn, product = divmod(number, _PRODUCTS)
        sku = f"p-{product}"
        if turn == 0:
            yield {"command": "add-product", "data": {"sku": sku, "name": f"Product {product}", "price": "1.50"}}
        elif turn % 3 == 1:
            yield {"command": "receive-stock", "data": {"sku": sku, "quantity": 10}}
        else:
            yield {"command": "sell-product", "data": {"sku": sku, "quantity": 1 + turn % 2}}


def _cqrs(folder: Path, *words: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ |= {"PYTHONPATH": str(Path(__file__).resolve().parent.parent), "CQRS_NO_PROGRESS": "1"}
    command = [sys.executable, "-m", "cqrs_cli", *words]
    subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _seconds(folder: Path, *words: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _cqrs(folder, *words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
