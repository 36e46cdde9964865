"""Killing `cqrs run` again and again, two of them at once, and what must come of it all the same.

Sabotage, in the child process alone, takes one of the three safeguards away, to see that the test notices.
"""

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cqrs_cli import Workbench
from cqrs_cli.errors import Conflict
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.stores.sqlite.row_reader import SQLiteRowReader
from cqrs_cli.stores.sqlite.rows import SQLiteRows
from cqrs_cli.stores.sqlite.store import SQLiteStore
from tests import office
from tests.reacting import dump, pay

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("o", "o", "bad", "none", "boom", "o")
ORDERS_A_KILL = 6


# ── the victim ────────────────────────────────────────────────────────────────────────────────


def run(path: str, sabotage: str) -> None:
    """`cqrs run` as a program would start it, once it said that everything is loaded."""
    from cqrs_cli.cli.commands import run  # noqa: F401
    from cqrs_cli.cli.shell import boundary

    slow_loads()
    {"": lambda: None, "checkpoint-apart": checkpoint_apart, "random-ids": random_ids, "no-compare": no_compare}[
        sabotage
    ]()
    os.write(2, b"ready\n")
    sys.exit(boundary.run(["--store", path, "--app", "tests.office:domain", "run"]))


def slow_loads() -> None:
    """Rows come late, so that the other runner is often between this one's checkpoint and its rows. No sabotage."""
    load = SQLiteRowReader.load

    def late(self: SQLiteRowReader, *arguments: Any) -> Any:
        time.sleep(random.uniform(0, 0.004))
        return load(self, *arguments)

    SQLiteRowReader.load = late  # type: ignore[assignment, method-assign]


def checkpoint_apart() -> None:
    """Rows and outbox in one transaction, the checkpoint in another, a little later."""
    whole, move_all = SQLiteStore.transaction, SQLiteRows.move_all
    moves: list[tuple[Checkpoint | None, Checkpoint]] = []

    @contextmanager
    def parted(self: SQLiteStore) -> Iterator[SQLiteRows]:
        with whole(self) as rows:
            yield rows
        mine = moves.copy()
        moves.clear()
        if mine:
            time.sleep(0.01)
            with whole(self) as rows:
                for one in mine:
                    if one[0] is not None or rows.checkpoint(one[1].name) is None:  # else another runner began it
                        move_all(rows, [one])

    def later(self: SQLiteRows, wanted: Sequence[tuple[Checkpoint | None, Checkpoint]]) -> None:
        if any(self.checkpoint(new.name) != old for old, new in wanted):
            raise Conflict("moved")
        moves.extend(wanted)

    SQLiteStore.transaction = parted  # type: ignore[method-assign]
    SQLiteRows.move_all = later  # type: ignore[assignment, method-assign]


def random_ids() -> None:
    """A new id for a command each time that it is sent."""
    import uuid

    from cqrs_cli.log import outbox

    outbox.command_id = lambda *_: str(uuid.uuid4())


def no_compare() -> None:
    """The checkpoint is set without a look at what it was."""

    def move_all(self: SQLiteRows, moves: Sequence[tuple[Checkpoint | None, Checkpoint]]) -> None:
        for _, new in moves:
            self.forget(new.name)
            self._run(new.name, "INSERT INTO cqrs_checkpoints VALUES (?, ?, ?)", new)

    SQLiteRows.move_all = move_all  # type: ignore[method-assign]


# ── the harness ───────────────────────────────────────────────────────────────────────────────


class Victim:
    """A runner in a process of its own."""

    def __init__(self, path: Path, sabotage: str) -> None:
        self._ready = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from tests.faults import runs; runs.run({str(path)!r}, {sabotage!r})"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
            | {"PYTHONPATH": str(ROOT)},
        )

    def wait_until_ready(self) -> None:
        """Until it is loaded; once is enough."""
        if self._ready:
            return
        assert self._process.stderr is not None
        assert select.select([self._process.stderr], [], [], 60)[0], "the runner did not start"
        assert self._process.stderr.readline() == b"ready\n"
        self._ready = True

    def kill(self) -> str:
        """SIGKILL; what it had to complain about before."""
        self._process.send_signal(signal.SIGKILL)
        _, complaint = self._process.communicate()
        assert self._process.returncode == -signal.SIGKILL, complaint.decode()
        return complaint.decode()


def orders(kills: int) -> list[list[str]]:
    """The orders that are paid while each of the runners lives."""
    return [
        [f"{KINDS[number % len(KINDS)]}-{kill}-{number}" for number in range(ORDERS_A_KILL)] for kill in range(kills)
    ]


def kill_loop(folder: Path, kills: int, seed: int, sabotage: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Kill one of two runners again and again, amid their work; what is left, and what an undisturbed run leaves."""
    chance = random.Random(seed)
    disturbed, calm = folder / "disturbed.db", folder / "calm.db"
    victims: list[Victim] = []
    with Workbench.open(str(disturbed), office.domain) as bench:
        try:
            bench.runner(start=0).drain()  # they begin, where there is nothing to be asked about
            for paid in orders(kills):
                while len(victims) < 2:
                    victims.append(Victim(disturbed, sabotage))
                for victim in victims:
                    victim.wait_until_ready()
                for order in paid:
                    pay(bench, order)
                time.sleep(chance.uniform(0, 0.06))
                victims.pop(0).kill()
        finally:
            for victim in victims:
                victim.kill()
        return settled(bench), undisturbed(calm, kills)


def undisturbed(path: Path, kills: int) -> dict[str, Any]:
    """What one runner leaves that nobody disturbs."""
    with Workbench.open(str(path), office.domain) as bench:
        for paid in orders(kills):
            pay(bench, *paid)
        return settled(bench)


def settled(bench: Workbench) -> dict[str, Any]:
    """Everything at rest, and then the dump."""
    bench.runner(start=0).drain()
    return dump(bench)
