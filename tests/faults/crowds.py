"""Everything at once on one server: rebuilds, runners, senders, reports; what must not come of it."""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Conflict, Passing
from cqrs_cli.stores.postgres.rows import PostgresRows
from cqrs_cli.stores.postgres.store import PostgresStore
from tests.faults import ledger
from tests.postgres_server import Server, programs
from tests.stores.postgres.administrator import run

NAMES = ("total", "largest")
JOIN = "SELECT count(*) FROM total JOIN largest USING (ledger_id) WHERE total.total < largest.amount"


@contextmanager
def orders_watched() -> Iterator[list[str]]:
    """The transactions that hold a name after one that comes behind it: two of them might wait for each other. And those
    that wait for anything when they keep readers out already, who might be waited for."""
    found: list[str] = []
    hold, keep_out = PostgresRows.hold, PostgresRows._keep_readers_out
    shut: WeakKeyDictionary[PostgresRows, list[str]] = WeakKeyDictionary()

    def watching(self: PostgresRows, names: Iterable[str]) -> None:
        before = set(self._held)
        hold(self, names)
        new = self._held - before
        if before and new and min(new) < max(before):
            found.append(f"{sorted(new)} after {sorted(before)}")
        if new and self in shut:
            found.append(f"{sorted(new)} while it keeps readers from {shut[self]}")

    def watching_readers(self: PostgresRows, names: Sequence[str]) -> None:
        if self in shut:
            found.append(f"readers of {names} while it keeps those from {shut[self]}")
        keep_out(self, names)
        shut[self] = list(names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresRows, "hold", watching)
        patch.setattr(PostgresRows, "_keep_readers_out", watching_readers)
        yield found


class Crowd:
    """Threads, each with a workbench of its own, that do one thing again and again until `rebuilds` are done."""

    def __init__(self, url: str, rebuilds: int) -> None:
        self.url, self._rebuilds = url, rebuilds
        self.failed: list[BaseException] = []
        self.done = {False: 0, True: 0}
        self._stop = threading.Event()
        self.sent = 0
        self.outrun: Counter[str] = Counter()

    def run(self) -> None:
        """Until both who rebuild have done so that often."""
        jobs: list[Callable[[Workbench], None]] = [
            lambda bench: self._rebuild(bench, False),
            lambda bench: self._rebuild(bench, True),
            self._keep,
            self._keep,
            self._send,
            self._send,
            self._join,
            self._pages,
        ]
        threads = [threading.Thread(target=self._repeat, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        while min(self.done.values()) < self._rebuilds and not self.failed:
            time.sleep(0.05)
        self._stop.set()
        for thread in threads:
            thread.join()

    def _repeat(self, job: Callable[[Workbench], None]) -> None:
        try:
            with Workbench.open(self.url, ledger.domain) as bench:
                while not self._stop.is_set():
                    job(bench)
        except BaseException as error:
            self.failed.append(error)

    def _rebuild(self, bench: Workbench, backwards: bool) -> None:
        try:
            bench.rebuild(*(reversed(NAMES) if backwards else NAMES))
        except (Conflict, Passing) as error:  # the other was faster, or somebody reads: it is said, and tried again
            self.outrun[error.code] += 1
        else:
            self.done[backwards] += 1

    def _keep(self, bench: Workbench) -> None:
        bench.runner(start=0, stop=self._stop.is_set).drain()

    def _send(self, bench: Workbench) -> None:
        amount = random.choice((1, 1, 1, ledger.ANSWERED))
        bench.send(ledger.Add(ledger_id=random.choice("abcdefgh"), amount=amount))
        self.sent += 1

    def _join(self, bench: Workbench) -> None:
        assert list(bench.store.sql(JOIN, {}, 60)) == [(0,)]
        time.sleep(0.02)

    def _pages(self, bench: Workbench) -> None:
        seen = [row.ledger_id for row in bench.rows("total", order="ledger_id")]  # type: ignore[attr-defined]
        assert seen == sorted(set(seen))
        time.sleep(0.02)


WANTED = {
    "failed": [], "out of order": [], "answers missing": 0, "deadlocks": 0, "drift": 0, "left behind": [], "flaws": [],
    "report": True, "granted": True,
}  # fmt: skip
"""What must come of every crowd."""


def crowd(rebuilds: int) -> dict[str, Any]:
    """Let all go on until there were so many rebuilds by each of two; what came of it."""
    server = Server(programs(), settings=["log_min_messages=error", "deadlock_timeout=250ms"])
    try:
        url = f"{server.dsn()}?schema=shop"
        with PostgresStore(url, create=True), Workbench.open(url, ledger.domain) as bench, orders_watched() as orders:
            bench.send(ledger.Add(ledger_id="a", amount=1))
            bench.runner(start=0).drain()
            run(url, "CREATE VIEW report AS SELECT ledger_id, total FROM total")
            run(url, "GRANT SELECT ON total TO PUBLIC")
            one = Crowd(url, rebuilds)
            one.run()
            bench.runner(start=0).drain()
            adds = [event for event in bench.log() if event.stream != "ledger-echo"]
            answered = sum(b'"amount":3' in event.data for event in adds)
            left = run(url, "SELECT relname FROM pg_class WHERE relname LIKE 'cqrs_new_%' AND relkind IN ('r', 'v')")
            granted = run(url, "SELECT has_table_privilege('public', 'total', 'SELECT')")
            echo = [row for row in bench.rows("total") if row.ledger_id == "echo"]  # type: ignore[attr-defined]
            return {
                "failed": one.failed,
                "out of order": sorted(set(orders)),
                "sent": one.sent,
                "rebuilds": sum(one.done.values()),
                "outrun": dict(one.outrun),
                "in the log": len(adds) - 1,
                "answers missing": answered - (echo[0].times if echo else 0),  # type: ignore[attr-defined]
                "deadlocks": len(re.findall("deadlock detected", (server.folder / "log").read_text(errors="replace"))),
                "drift": sum(len(bench.check(name).drift) for name in NAMES),
                "left behind": left,
                "report": run(url, "SELECT sum(total)::int FROM report")
                == run(url, "SELECT sum(total)::int FROM total"),
                "granted": granted == [(True,)],
                "flaws": bench.store.audit().flaws,
            }
    finally:
        server.close()
