"""`python -m benchmarks.looking_back [EVENTS] [INVOICES.csv.gz]`: blame, diff and bisect against one fold of the same.

Times are of the processor, but for that of a fork. With the invoices, the stock that they move is looked at as well.
"""

import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.bank import Account, Deposit, domain
from benchmarks.history import account, deposited, opened, write, write_lived
from benchmarks.shelves import stock
from cqrs_cli.history.bisect import search_rows, search_streams
from cqrs_cli.history.blame import blame
from cqrs_cli.history.diff import rows_diff, stream_diff
from cqrs_cli.history.rows import RowHistory
from cqrs_cli.history.rules import ROW, STATE, condition
from cqrs_cli.history.steps import StreamHistory
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.fork import fork
from cqrs_cli.workbench.workbench import Workbench
from samples.inventory import domain as inventory
from samples.inventory.stock import StockItem

EVENTS = 10_000
TURNS = 5


def measure(folder: Path, events: int = EVENTS) -> list[tuple[str, str]]:
    """What each takes, and how many folds that is. events: of the stream; the log of the rows has ten times as many."""
    figures: list[tuple[str, str]] = []
    with Workbench.open(folder / "long.db", domain) as bench:
        write(bench.store, [opened(account(0)), *(deposited(account(0)) for _ in range(events - 1))], "long")
        stream = f"account-{account(0)}"
        fold = _seconds(lambda: bench.replay(stream))
        figures.append((f"replay of a stream of {events:,} events", f"{fold * 1_000:,.0f} ms"))
        for what, work in (
            ("blame of it", lambda: blame(StreamHistory(bench, stream))),
            ("diff of its first and last version", lambda: list(stream_diff(bench, stream, 1, events).changes())),
            ("the same with blame", lambda: list(stream_diff(bench, stream, 1, events, blamed=True).changes())),
        ):
            figures.append((what, _told(_seconds(work), fold)))
    with Workbench.open(folder / "lived.db", domain) as bench:
        write_lived(bench.store, events // 5, events * 10)
        head, kind = bench.store.head(), bench.domain.rows_of("account_balance")
        fold = _seconds(lambda: list(bench.rows_at(kind.name, head)), 1)
        figures.append((f"rows of {head:,} events folded afresh", f"{fold * 1_000:,.0f} ms"))
        row = RowHistory(bench, kind, (str(account(7)),))
        figures.append(("blame of one of the rows", _told(_seconds(lambda: blame(row), 3), fold)))

        def differing() -> None:
            with rows_diff(bench, kind, (head // 2, head)) as found:
                for _ in found.changes():
                    pass

        figures.append(("diff of the rows in the middle and at the end", _told(_seconds(differing, 1), fold)))
        figures += _bisected(bench)
    figures.append(_forked(folder, events * 100))
    return figures


def _bisected(bench: Workbench) -> Iterator[tuple[str, str]]:
    """A rule that one of the last events breaks, ten rules, and a rule over rows."""
    head, accounts, kind = bench.store.head(), Selection(category="account"), bench.domain.rows_of("account_balance")
    last = bench.replay(next(iter(bench.store.read(Selection(backwards=True, limit=1)))).stream)
    bench.send(Deposit(account_id=last.state.account_id, cents=-(10**9)))  # type: ignore[attr-defined]
    rules = [condition(f"rule {more}", f"state.balance >= -{10**8 + more}", STATE, Account) for more in range(10)]
    fold = _seconds(lambda: deque(bench.replay_all("account"), maxlen=0))
    yield f"all states of {head:,} events", f"{fold * 1_000:,.0f} ms"
    yield "bisect of a planted event in them", _told(_seconds(lambda: search_streams(bench, rules[:1], accounts)), fold)
    yield "bisect with ten rules", _told(_seconds(lambda: search_streams(bench, rules, accounts)), fold)
    rebuild = _seconds(lambda: bench.rebuild(kind.name), 3)
    rule = condition("rows", "row.balance >= -1000000", ROW, kind.cls)
    taken = _seconds(lambda: search_rows(bench, [rule], kind), 3)
    yield "bisect of rows", f"{taken * 1_000:,.0f} ms, {taken / rebuild:.1f} rebuilds"


def _of_shelves(folder: Path, invoices: Path) -> Iterator[tuple[str, str]]:
    """The stock of each product, as real invoices move it."""
    with Workbench.open(folder / "stock.db", inventory) as bench:
        events = stock(bench, invoices)
        fold = _seconds(lambda: deque(bench.replay_all("stock"), maxlen=0), 3)
        yield f"all states of {events:,} events of real stock", f"{fold * 1_000:,.0f} ms"
        rule = condition("sound", "state.on_hand >= 0", STATE, StockItem)
        yield (
            "bisect of them",
            _told(_seconds(lambda: search_streams(bench, [rule], Selection(category="stock")), 3), fold),
        )
        (stream, many) = Counter(event.stream for event in bench.store.scan()).most_common(1)[0]
        one = _seconds(lambda: bench.replay(stream))
        yield (
            f"blame of the busiest product, {many} events",
            _told(_seconds(lambda: blame(StreamHistory(bench, stream))), one),
        )


def _forked(folder: Path, events: int) -> tuple[str, str]:
    path = folder / "large.db"
    with open_store(path, create=True) as store:
        write(store, (deposited(account(number % 20_000)) for number in range(events)), "large")
        start = time.perf_counter()
        fork(store, str(folder / "fork.db"))
        taken, size = time.perf_counter() - start, path.stat().st_size / 1e6
    return f"fork of {events:,} events, {size:,.0f} MB", f"{taken:.1f} s"


def _seconds(work: Callable[[], object], turns: int = TURNS) -> float:
    taken = []
    for _ in range(turns):
        start = time.process_time()  # of the processor: what else runs on the machine is left out
        work()
        taken.append(time.process_time() - start)
    return median(taken)


def _told(seconds: float, fold: float) -> str:
    return f"{seconds * 1_000:,.0f} ms, {seconds / fold:.1f} folds"


def main() -> None:
    """Print the table."""
    numbers, files = [one for one in sys.argv[1:] if one.isdigit()], [one for one in sys.argv[1:] if not one.isdigit()]
    events = int(numbers[0]) if numbers else EVENTS
    with tempfile.TemporaryDirectory(prefix="cqrs-bench-") as folder:
        for what, figure in measure(Path(folder), events):
            print(f"{what:<60} {figure:>22}", flush=True)
        for what, figure in _of_shelves(Path(folder), Path(files[0])) if files else ():
            print(f"{what:<60} {figure:>22}", flush=True)


if __name__ == "__main__":
    main()
