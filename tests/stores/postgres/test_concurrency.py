"""Rebuilds, runners, senders and reports at once, on one server: none waits for another in a circle."""

from threading import Barrier, Thread

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.rows import Checkpoint
from tests import office
from tests.faults import crowds
from tests.reacting import Clock, pay

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
        bench.rebuild("fulfilment")
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
