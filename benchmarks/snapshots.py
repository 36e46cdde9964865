"""`python -m benchmarks.snapshots [EVENTS]`: loads of a long stream with and without a snapshot; what keeping costs."""

import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median

from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.workbench.workbench import Request, Workbench

EVENTS = 100_000
TAILS = (0, 10, 100, 1_000)
COMMANDS = 2_000


class Deposit(Command):
    account_id: str
    amount: Decimal


class Deposited(Event):
    amount: Decimal


class Account(Aggregate):
    account_id: str
    balance: Decimal = Decimal(0)
    latest: list[Decimal] = []

    @decide(creates="either")
    def deposit(self, command: Deposit) -> Deposited:
        return Deposited(amount=command.amount)

    @evolve
    def deposited(self, event: Deposited) -> None:
        self.balance += event.amount
        self.latest = [*self.latest[-9:], event.amount]


class KeptAccount(Account, category="account", key="account_id", snapshot_every=100):
    """The same, keeping its fold at each hundredth version."""


def measure(folder: Path, events: int = EVENTS) -> list[tuple[str, str]]:
    """What was measured, and the median of several turns."""
    rows = []
    with Workbench.open(str(folder / "long.db"), Domain("bank", Account)) as bench:
        _append(bench, events)
        rows.append((f"load of {events:,} events, no snapshot", _milliseconds(lambda: bench.replay("account-a"), 5)))
        list(bench.snapshots.take(["account-a"]))
        for tail in TAILS:
            _append(bench, tail - (bench.store.version("account-a") - events))
            rows.append(
                (f"load through the snapshot, tail {tail:,}", _milliseconds(lambda: bench.replay("account-a"), 21))
            )
    for name, cls in (("no policy", Account), ("snapshot_every=100", KeptAccount)):
        with Workbench.open(str(folder / f"{cls.__name__}.db"), Domain("bank", cls)) as bench:
            start = time.perf_counter()
            for _ in range(COMMANDS):
                bench.send(Deposit(account_id="a", amount=Decimal(1)))
            rows.append((f"{COMMANDS:,} single sends to one stream, {name}", _per_second(COMMANDS, start)))
            count = COMMANDS * 10
            start = time.perf_counter()
            for _ in bench.send_batch(
                Request(line, Deposit(account_id=f"b{line % 50}", amount=Decimal(1))) for line in range(count)
            ):
                pass
            rows.append((f"a batch of {count:,} to 50 streams, {name}", _per_second(count, start)))
    return rows


def _append(bench: Workbench, count: int) -> None:
    """So many events more, a thousand a commit."""
    event = NewEvent("account-a", "Deposited", 1, b'{"amount":"1.10"}')
    start = bench.store.version("account-a")
    for done in range(0, count, 1_000):
        bench.store.append(Commit(f"c{start + done}", (event,) * min(1_000, count - done)))


def _milliseconds(work: Callable[[], object], turns: int) -> str:
    taken = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return f"{median(taken) * 1000:,.2f} ms"


def _per_second(count: int, start: float) -> str:
    return f"{count / (time.perf_counter() - start):,.0f} a second"


def main() -> None:
    """Print the table."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory(prefix="cqrs-bench-") as folder:
        for what, figure in measure(Path(folder), events):
            print(f"{what:<60} {figure:>18}", flush=True)


if __name__ == "__main__":
    main()
