"""Writers that go on while servers fall, and what must be true of the log afterwards."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from cqrs_cli.errors import Conflict, CqrsError
from cqrs_cli.stores import chain
from cqrs_cli.stores.commits import NewEvent, Receipt, Recorded
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.rows import Column, Rows, Table
from cqrs_cli.testing.making import commit, event
from tests.faults.ledger import ANSWERED
from tests.stores.links import link_of

T = TypeVar("T")
COUNTS = Table("counts", (Column("id", "text"), Column("n", "integer")), ("id",))
"""The rows of an inline projection: how many events each commit has."""
PATIENCE = 120.0


class Account(NamedTuple):
    """What became of a run. resolved: appends that were sent more than once; written: of these, how many the log had
    already. conflicts: lost races. silence: the longest time, in seconds, in which a writer was not answered."""

    acknowledged: int
    lost: int
    twice: int
    half: int
    resolved: int
    written: int
    conflicts: int
    silence: float
    failed: tuple[str, ...]


class _Counting(PostgresStore):
    """It tells of each append how often it was sent."""

    sent_again: Callable[[bool], None]

    def _resolved(self, ids: Sequence[str], attempt: Callable[[], T]) -> T:
        tries = 0

        def counted() -> T:
            nonlocal tries
            tries += 1
            return attempt()

        answer = super()._resolved(ids, counted)
        if tries > 1:
            found = answer if isinstance(answer, list) else [answer]
            self.sent_again(any(isinstance(one, Receipt) and one.duplicate for one in found))
        return answer


class Writers:
    """Threads that append without end, each through a store of its own: one commit, several at once, with a hook, in
    turn; the last two share a stream. Everything that was acknowledged is remembered."""

    def __init__(self, url: str, count: int) -> None:
        self._url, self._count = url, count
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.acknowledged: dict[str, tuple[int, ...]] = {}
        self._counts: Counter[str] = Counter()
        self._silence = 0.0
        self._failed: list[str] = []
        with PostgresStore(url, create=True) as store, store.transaction() as rows:
            rows.create(COUNTS)
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def until_more(self, many: int) -> None:
        """Wait until so many more commits are acknowledged."""
        end, goal = time.monotonic() + PATIENCE, len(self.acknowledged) + many
        while len(self.acknowledged) < goal:
            assert time.monotonic() < end, f"nothing is acknowledged any more; failed: {self._failed}"
            time.sleep(0.01)

    def stop(self) -> None:
        """Let each finish the append that it is at."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _sent_again(self, was_there: bool) -> None:
        with self._lock:
            self._counts["resolved"] += 1
            self._counts["written"] += was_there

    def _write(self, number: int) -> None:
        stream = f"ledger-{number}" if number < self._count - 2 else "ledger-shared"
        store = _Counting(self._url)
        store.sent_again = self._sent_again
        with store:
            at = turn = 0
            while not self._stop.is_set():
                began = time.monotonic()
                appends = _appends(stream, number, turn, at)
                try:
                    if len(appends) == 1:
                        outcomes: list[Any] = [store.append(*appends[0][:3])]
                    else:
                        outcomes = store.append_many(appends)
                    for outcome in outcomes:
                        if isinstance(outcome, CqrsError):
                            raise outcome
                        self._acknowledge(outcome.events)
                        at = outcome.events[-1].version
                except Conflict:
                    self._counts["conflicts"] += 1
                except CqrsError as error:
                    self._failed.append(f"{error.code}: {error}")
                    time.sleep(0.2)
                turn += 1
                self._silence = max(self._silence, time.monotonic() - began)
                if stream == "ledger-shared" or self._failed:
                    with suppress(CqrsError):
                        at = store.version(stream)

    def _acknowledge(self, events: Sequence[Recorded]) -> None:
        self.acknowledged[events[0].commit_id] = tuple(event.position for event in events)

    def account(self) -> Account:
        """What the log has of what was acknowledged. A broken chain, version or row is a failure."""
        with PostgresStore(self._url) as store:
            commits = list(store.commits())
            sizes: dict[Any, Any] = {row[0]: row[1] for row in store.rows.select(COUNTS)}
            assert store.audit().flaws == []
        positions = [e.position for c in commits for e in c.events]
        assert positions == list(range(1, len(positions) + 1))
        previous, versions = chain.GENESIS, Counter[str]()
        for one in commits:
            previous = link_of(previous, one)
            assert previous == one.hash
            for recorded in one.events:
                versions[recorded.stream] += 1
                assert recorded.version == versions[recorded.stream]
        there = {one.id: tuple(e.position for e in one.events) for one in commits}
        half = [one.id for one in commits if len(one.events) != one.events[0].metadata.get("n", len(one.events))]
        assert sizes == {id: len(positions) for id, positions in there.items() if id.endswith("-inline")}
        return Account(
            len(self.acknowledged),
            sum(there.get(id) != positions for id, positions in self.acknowledged.items()),
            len(commits) - len(there),
            len(half),
            self._counts["resolved"],
            self._counts["written"],
            self._counts["conflicts"],
            self._silence,
            tuple(self._failed),
        )


def _appends(stream: str, number: int, turn: int, at: int) -> list[Append]:
    """One commit, one with a hook, or three at once, of one to three events each."""
    kind = ("plain", "inline", "many")[turn % 3]
    appends = []
    for part in range(3 if kind == "many" else 1):
        size = (turn + part) % 3 + 1
        amount = ANSWERED if turn % 30 == 0 else 1
        events: list[NewEvent] = [event(stream, "Added", b'{"amount":%d}' % amount)] * size
        made = commit(f"{number}-{turn}-{part}-{kind}", *events, metadata=f'{{"n": {size}}}')
        appends.append(Append(made, (AtVersion(stream, at),), _count if kind == "inline" else None))
        at += size
    return appends


def _count(rows: Rows, recorded: Sequence[Recorded]) -> None:
    rows.put(COUNTS, [(recorded[0].commit_id, len(recorded))])
