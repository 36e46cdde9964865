"""Rebuilds, runners, senders and reports at once, on one server: none waits for another in a circle."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any

import psycopg
import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import CqrsError, Passing
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.testing.rows_contract import PEOPLE, SALES
from tests import office
from tests.faults import crowds
from tests.postgres_server import ROLE, Server, programs
from tests.reacting import Clock, pay
from tests.stores.postgres.administrator import connected

pytestmark = pytest.mark.slow


def test_a_crowd_leaves_what_each_alone_would() -> None:
    came = crowds.crowd(rebuilds=1)
    assert came | crowds.WANTED == came
    assert came["sent"] == came["in the log"] > 0


def test_every_transaction_holds_its_names_in_order(postgres_url: str) -> None:
    """All that the workbench does with rows and checkpoints, one after the other."""
    clock = Clock()
    with crowds.orders_watched() as orders, Workbench.open(postgres_url, office.domain, clock=clock) as bench:
        bench.runner(start=0).drain()
        pay(bench, "o1", "bad2", "none3", "boom4", "boom5")
        bench.runner().drain()
        clock.forward(days=1)
        bench.runner().drain()
        letters = bench.failed()
        assert len(letters) > 1
        bench.retry(letters[0].command_id)
        bench.drop(letters[1].command_id, by="ada", reason="in vain")
        bench.rebuild("fulfilment", "orders", "counts")
        bench.rewind("welcome", 0).apply("ada", "again")
        bench.rewind("fulfilment", 0).apply("ada", "again")
        bench.runner().drain()
        assert bench.check("fulfilment").ok
    assert orders == []


def test_two_that_hold_in_opposite_orders_go_on_one_after_the_other(postgres_url: str) -> None:
    """What is given to `hold` at once is held in one order, whoever asks."""
    failed: list[CqrsError] = []
    barrier = Barrier(2)

    def take(store: PostgresStore, names: list[str]) -> None:
        barrier.wait()
        try:
            for _ in range(25):
                with store.transaction() as rows:
                    rows.hold(names)
                    for name in names:
                        rows.move(name, rows.checkpoint(name), Checkpoint(name, 1, "d"))
        except CqrsError as error:
            failed.append(error)

    with PostgresStore(postgres_url, create=True) as store:
        names = [f"n{number}" for number in range(20)]
        threads = [Thread(target=take, args=(store, one)) for one in (names, names[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []


def test_who_reads_two_tables_while_both_are_to_be_replaced_is_not_ended() -> None:
    """In the other order than they are locked: each waits for the other, and who replaces gives up before the server
    looks for such circles and ends the reader."""
    beside = [table._replace(name=f"cqrs_new_{table.name}") for table in (PEOPLE, SALES)]
    server, stop = Server(programs(), settings=["deadlock_timeout=100ms"]), Event()

    given_up: list[Passing] = []

    def replace(store: PostgresStore) -> None:
        while not stop.is_set():
            with pytest.raises(Passing) as caught, store.transaction() as rows:
                rows.rename_all(list(zip(beside, ("people", "sales"), strict=True)))
            given_up.append(caught.value)

    try:
        url = f"{server.dsn()}?schema=shop"
        with PostgresStore(url, create=True) as store, connected(url) as reader, ThreadPoolExecutor(1) as pool:
            with store.transaction() as rows:
                for table in (PEOPLE, SALES, *beside):
                    rows.create(table)
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM sales")
            replacing = pool.submit(replace, store)
            try:
                reads, end = 0, time.monotonic() + 60
                while (reads < 60 or len(given_up) < 2) and not replacing.done():
                    assert time.monotonic() < end
                    reads += 1
                    reader.execute("SAVEPOINT here")
                    reader.execute("SELECT * FROM people")
                    reader.execute("ROLLBACK TO here")
            finally:
                stop.set()
            replacing.result()
            assert len(given_up) >= 2
    finally:
        server.close()


def test_who_is_ended_for_a_circle_of_somebody_elses_reads_again() -> None:
    """An administrator locks the table first and then its view, and is patient; the server ends the reader."""
    server = Server(programs(), settings=["deadlock_timeout=3s"])
    try:
        url = f"{server.dsn()}?schema=shop"
        with PostgresStore(url, create=True) as store, ThreadPoolExecutor(1) as pool:
            with store.transaction() as rows:
                rows.create(SALES)
                rows.put(SALES, [("a", 1, None, None)])
            ways: list[Callable[[], Iterable[Any]]] = [
                lambda: store.rows.select(SALES, limit=9),
                lambda: store.rows.select(SALES),  # which is streamed
                lambda: store.sql("SELECT * FROM sales", {}, 60),
            ]
            for way in ways:
                with connected(f"{server.dsn('postgres').removesuffix('postgres')}{ROLE}?schema=shop") as other:
                    assert _outlived(other, pool, way) == ["a"]
    finally:
        server.close()


def _outlived(other: psycopg.Connection[Any], pool: ThreadPoolExecutor, way: Callable[[], Iterable[Any]]) -> list[Any]:
    """What is read by who is ended meanwhile for the locks of the other."""
    other.execute("SET deadlock_timeout = '10min'")
    [(relation,)] = other.execute("SELECT relation FROM cqrs_read_models WHERE name = 'sales'").fetchall()
    other.execute("BEGIN")
    other.execute(f"LOCK TABLE {relation} IN ACCESS EXCLUSIVE MODE".encode())
    reading = pool.submit(lambda: [row[0] for row in way()])
    waits = f"SELECT 1 FROM pg_locks WHERE NOT granted AND relation = '{relation}'::regclass".encode()
    end = time.monotonic() + 60
    while not other.execute(waits).fetchall():
        assert time.monotonic() < end
    other.execute("LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
    other.execute("COMMIT")
    return reading.result()
