"""Random commands with a runner that drains now and then: the rows of the process are the pure fold, nothing is sent twice."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs_cli import Workbench
from cqrs_cli.errors import CqrsError
from cqrs_cli.workbench.processors.runner import Round
from samples.orders import fulfilment
from samples.orders.order import PayOrder, SubmitOrder
from tests.peers.folds import by_key, rows_of
from tests.peers.shop_commands import Maker, new_orders, new_stock, order_commands, pick, stock_commands
from tests.peers.test_samples import EXAMPLES


@settings(max_examples=EXAMPLES, database=None)
@given(
    stock=st.lists(new_stock, max_size=3),
    begin=st.lists(new_orders, min_size=1, max_size=3),
    makers=st.lists(order_commands | stock_commands, max_size=25),
    number=st.integers(0, 2**32),
)
def test_fulfilment(stock: list[Maker], begin: list[Maker], makers: list[Maker], number: int) -> None:
    paid = [
        Maker(lambda ids, n=n, kind=kind: kind(order_id=pick(ids, n)))  # type: ignore[misc]
        for n in range(len(begin))
        for kind in (SubmitOrder, PayOrder)
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        Workbench.open(f"{folder}/shop.db", fulfilment.domain, durability="relaxed") as bench,
    ):
        late = send_and_drain(bench, [*stock, *begin, *paid, *makers], random.Random(number))
        drain(bench, late)
        check_that_nothing_is_left(bench, late)
        check_that_rows_are_the_fold(bench)
        check_that_nothing_was_sent_twice(bench)
        assert all(state.state.available >= 0 for state in _stocks(bench))


def _stocks(bench: Workbench) -> Any:
    return bench.replay_all("stock")


def drain(bench: Workbench, late: datetime) -> Round:
    """Everything that is due by then."""
    return bench.runner(clock=lambda: late, start=0).drain()


def send_and_drain(bench: Workbench, makers: Sequence[Maker], rng: random.Random) -> datetime:
    """Send them all, with a clock that jumps now and then; the time that it has in the end."""
    ids: list[UUID] = []
    late = datetime.now(UTC)
    for number, maker in enumerate(makers):
        try:
            outcome = bench.send(maker.make(ids).with_meta(command_id=f"c{number}"))
        except CqrsError:
            continue
        if maker.new and outcome.stream is not None:
            ids.append(UUID(outcome.stream.partition("-")[2]))
        if rng.random() < 0.3:
            late += timedelta(hours=rng.choice([0, 0, 2, 30]))
            assert not drain(bench, late).failures
    return late


def check_that_nothing_is_left(bench: Workbench, late: datetime) -> None:
    head = bench.store.head()
    again = drain(bench, late)
    assert (again.sent, again.rejected, again.dead, bench.store.head()) == (0, 0, 0, head)


def check_that_rows_are_the_fold(bench: Workbench) -> None:
    log = list(bench.store.read())
    bench.project()
    for name in ("fulfilment", *bench.domain.projections):
        assert bench.check(name).ok, name
        assert by_key(bench, name, bench.rows(name)) == rows_of(bench, name, log), name
    bench.rebuild("fulfilment")
    assert by_key(bench, "fulfilment", bench.rows("fulfilment")) == rows_of(bench, "fulfilment", log)


def check_that_nothing_was_sent_twice(bench: Workbench) -> None:
    caused = Counter(
        (commit.causation_id, commit.command.type, commit.command.data)
        for commit in bench.store.commits()
        if commit.causation_id is not None and commit.command is not None
    )
    assert [what for what, times in caused.items() if times > 1] == []
