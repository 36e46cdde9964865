"""A cluster that loses its primary again and again, under writers, runners and a follower."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cqrs_cli import Workbench
from cqrs_cli.stores.postgres.store import PostgresStore
from tests.conftest import ROOT
from tests.faults import ledger
from tests.faults.writers import Account, Writers
from tests.postgres_cluster import Cluster, Node

URL = "schema=shop&timeout=90"
"""Longer than the cluster takes to agree on another primary."""
PATIENCE = 300.0
_STEP = 100


class Run(NamedTuple):
    """What became of a run. seconds: from each fault to the next commit that was acknowledged. programs: what those who
    ran and followed meanwhile came to, which is to be `Programs()`."""

    account: Account
    seconds: list[float]
    programs: "Programs"


class Programs(NamedTuple):
    """ended: programs that were no longer there. missed, twice: events that the follower did not print, or again.
    wrong: rows that are not the sum of the log. unanswered: commands that the log wants and has not, or has twice."""

    ended: tuple[str, ...] = ()
    missed: int = 0
    twice: int = 0
    wrong: int = 0
    unanswered: int = 0


def fail_over(folder: Path, faults: list[str], writers: int, commits: int = 100) -> Run:
    """Do to the primary what the faults say (`kill`, `freeze`, `crash`), each when the cluster is whole again and so many
    more commits are acknowledged."""
    cluster = Cluster()
    try:
        url = cluster.url(URL)
        with PostgresStore(url, create=True), Workbench.open(url, ledger.domain) as bench:
            bench.runner(start=0).drain()  # they begin, where there is nothing to be asked about
        with _programs(folder, url) as programs:
            some = Writers(url, writers)
            try:
                seconds = [_fault(cluster, some, fault, commits) for fault in faults]
                some.until_more(10 * writers)
            finally:
                some.stop()
            account = some.account()
            return Run(account, seconds, _came_to(folder, url, programs))
    finally:
        cluster.close()


def _fault(cluster: Cluster, some: Writers, fault: str, commits: int) -> float:
    for at in range(0, commits, _STEP):  # its patience is that for a step
        some.until_more(min(_STEP, commits - at))
    old, began = cluster.until_primary(), time.monotonic()
    {"kill": cluster.kill, "freeze": cluster.freeze, "crash": cluster.crash}[fault](old)
    new = _other_primary(cluster, old)
    some.until_more(12)  # two rounds of six, so that some of them began after the fault
    seconds = time.monotonic() - began
    if fault == "kill":
        cluster.start(old)
    elif fault == "freeze":
        cluster.thaw(old)
    cluster.until_whole()
    print(f"{fault} of {old.name}: {new.name} after {seconds:.1f} s, {len(some.acknowledged)} acknowledged", flush=True)
    return seconds


def _other_primary(cluster: Cluster, old: Node) -> Node:
    end = time.monotonic() + PATIENCE
    while True:
        found = cluster.primary(but=old)
        if found is not None:
            return found
        assert time.monotonic() < end, "no other primary"
        time.sleep(0.1)


# ── programs beside them ──────────────────────────────────────────────────────────────────────


@contextmanager
def _programs(folder: Path, url: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Two that run the domain's reactions and projections, one that prints the log as it grows."""
    words = {
        "run-1": ["run"],
        "run-2": ["run"],
        "log": ["log", "--follow", "--jsonl"],
    }
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ |= {"PYTHONPATH": str(ROOT), "CQRS_STORE": url, "CQRS_APP": "tests.faults.ledger:domain"}
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, some in words.items():
            with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
                command = [sys.executable, "-m", "cqrs_cli", *some]
                started[name] = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=err)
        yield started
    finally:
        for one in started.values():
            one.kill()
            one.wait()


def _came_to(folder: Path, url: str, programs: dict[str, subprocess.Popen[bytes]]) -> Programs:
    """Wait until all of them are at the head, end them, and look at what they leave."""
    with Workbench.open(url, ledger.domain, create=False) as bench:
        _until(lambda: _settled(bench) or _ended(programs))
        _until(lambda: len(_printed(folder)) >= bench.store.head() or _ended(programs))
        ended = tuple(f"{name}: {(folder / f'{name}.err').read_text()[-500:]}" for name in _ended(programs))
        if ended:
            return Programs(ended)
        for one in programs.values():
            one.send_signal(signal.SIGTERM)
        head = bench.store.head()
        printed = Counter(_printed(folder))
        totals: Counter[str] = Counter()
        asked = answered = 0
        for event in bench.log():
            amount = json.loads(event.data)["amount"]
            totals[event.stream.partition("-")[2]] += amount
            asked += amount == ledger.ANSWERED
            answered += event.stream == "ledger-echo"
        rows: Any = list(bench.rows("total"))
        wrong = len(totals - Counter({row.ledger_id: row.total for row in rows}))
        return Programs(
            ended,
            head - len(printed),
            sum(count - 1 for count in printed.values()),
            wrong + len(bench.check("largest").drift),
            abs(asked - answered),
        )


def _settled(bench: Workbench) -> bool:
    head = bench.store.head()
    behind = [one for one in (*bench.statuses(), *bench.reactions()) if one.lag]
    return not behind and not any(one.waiting for one in bench.reactions()) and head == bench.store.head()


def _ended(programs: dict[str, subprocess.Popen[bytes]]) -> list[str]:
    return [name for name, one in programs.items() if one.poll() is not None]


def _printed(folder: Path) -> list[int]:
    lines = (folder / "log.out").read_bytes().split(b"\n")[:-1]
    return [json.loads(line)["position"] for line in lines]


def _until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "they don't come to the head"
        time.sleep(0.2)
