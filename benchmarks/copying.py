"""`python -m benchmarks copying`: a log out into a file, in again, from store to store, and verified.

In seconds of the processor, so that others on the machine count for less. Beside each what SQLite alone takes: of what
writes, the same rows inserted; of what reads, all rows fetched, and for a verification SQLite's own check.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.raw import opened
from cqrs_cli.log.verification import verify
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.copy import copy
from cqrs_cli.transfer.interchange_file import InterchangeFile
from cqrs_cli.transfer.interchange_lines import Head
from cqrs_cli.transfer.interchange_sink import InterchangeSink
from cqrs_cli.transfer.proof import ProvenCopy
from cqrs_cli.transfer.store_source import StoreSource

TOGETHER = (1, 25)
"""Events of a commit: a command that says one thing, and an invoice with its lines."""


def measure(folder: Path, events: int = 100_000) -> list[tuple[str, str]]:
    """Events a second of each way."""
    figures: list[tuple[str, str]] = []
    for together in TOGETHER:
        source, file = str(folder / f"source-{together}.db"), folder / f"{together}.jsonl"
        fill(source, events, together)
        shown = "a commit each" if together == 1 else f"{together} a commit"
        for what, work in (
            ("export", partial(_export, source, file)),
            ("import", partial(_import, file, str(folder / f"imported-{together}.db"))),
            ("copy", partial(_copy, source, str(folder / f"copied-{together}.db"))),
            ("verify", partial(_verify, source)),
            ("SQLite alone: fetching", partial(_fetch, source)),
            ("SQLite alone: fetching and its check", partial(_fetch, source, check=True)),
            ("SQLite alone: inserting", partial(insert, source, folder / f"bare-{together}.db")),
        ):
            figures.append((f"{what} of {events:,} events, {shown}", f"{events / _seconds(work):,.0f} events/s"))
    return figures


def fill(path: str, events: int, together: int) -> None:
    """A store with so many events in a commit."""
    payload = b'{"stock_code":"85123A","description":"LANTERN","quantity":6,"unit_price":"2.55"}'
    with open_store(path, create=True, durability="relaxed") as store:
        for at in range(0, events // together, 5_000 // together):
            store.append_many(
                [
                    Append(Commit(f"c{n}", (NewEvent(f"invoice-{n % 1000}", "LineSold", 1, payload),) * together))
                    for n in range(at, min(at + 5_000 // together, events // together))
                ]
            )


def _export(path: str, file: Path) -> None:
    with open_store(path, read_only=True) as store, open(file, "w", encoding="utf-8", newline="") as out:
        source = StoreSource(store, store.head())
        sink = InterchangeSink(out.write, Head(source.name, position=store.head(), chain=1), True)
        copy(source, sink)
        sink.end()


def _import(file: Path, path: str) -> None:
    source = InterchangeFile(str(file))
    source.check(lambda number, error: None)
    with open_store(path, create=True) as store:
        ProvenCopy(source, store).make()


def _copy(path: str, target: str) -> None:
    with open_store(path, read_only=True) as there, open_store(target, create=True) as here:
        ProvenCopy(StoreSource(there, there.head()), here).make()


def _verify(path: str) -> None:
    with open_store(path, read_only=True) as store:
        assert verify(store).ok


def _fetch(path: str, check: bool = False) -> None:
    with closing(sqlite3.connect(path)) as connection:
        if check:
            connection.execute("PRAGMA integrity_check").fetchall()
        for table in ("commits", "events"):
            for _ in connection.execute(f"SELECT * FROM {table}"):
                pass


def insert(path: str, target: Path) -> None:
    """The rows of a log into the tables of another store, 5,000 events a transaction."""
    with closing(sqlite3.connect(path)) as connection:
        tables = {
            name: connection.execute(f"SELECT {columns} FROM {name} ORDER BY 1").fetchall()
            for name, columns in (("streams", "id, name"), ("event_types", "*"), ("commits", "*"), ("events", "*"))
        }
    commits, events = tables["commits"], tables["events"]
    marks = {name: ", ".join("?" * len(rows[0])) for name, rows in tables.items()}
    step = max(1, 5_000 * len(commits) // len(events))
    with opened(target) as connection:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO streams (id, name) VALUES (?, ?)", tables["streams"])
        connection.executemany("INSERT INTO event_types VALUES (?, ?)", tables["event_types"][2:])
        connection.execute("COMMIT")
        for at in range(0, len(commits), step):
            some = commits[at : at + step]
            first, end = some[0][0] - 1, some[-1][0] + some[-1][2] - 1
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT INTO commits VALUES ({marks['commits']})", some)
            connection.executemany(f"INSERT INTO events VALUES ({marks['events']})", events[first:end])
            connection.execute("COMMIT")


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
