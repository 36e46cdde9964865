"""What the tests of reactions share: a clock that stands still, and what is compared of two stores."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cqrs_cli import Workbench
from cqrs_cli.log import outbox
from cqrs_cli.log.letters import letters
from cqrs_cli.stores.contract import Store
from tests import office


class Clock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **amount: float) -> None:
        """Let so much time pass."""
        self.time += timedelta(**amount)


def pay(bench: Workbench, *orders: str, items: Iterable[str] = ()) -> None:
    """Pay orders, with command ids that are the same in every run."""
    for order in orders:
        bench.send(office.Pay(order_id=order, items=list(items)).with_meta(command_id=f"pay-{order}", user_id="ada"))


def dump(bench: Workbench) -> dict[str, Any]:
    """All that a run leaves, without times and positions, which differ from run to run."""
    store = bench.store
    return {
        "commits": sorted(
            (
                commit.id,
                commit.command.type if commit.command else None,
                commit.correlation_id,
                commit.causation_id,
                commit.user_id,
                commit.metadata_json,
                [(event.stream, event.type, json.loads(event.data)) for event in commit.events],
            )
            for commit in store.commits()
        ),
        "rows": {name: [row.model_dump() for row in bench.rows(name)] for name in ("counts", "fulfilment")},
        "orders": {row.order_id: sorted(row.events) for row in bench.rows("orders")},  # type: ignore[attr-defined]
        "outbox": waiting(store),
        "dead": sorted((letter.command_id, letter.code) for letter in letters(store.rows)),
    }


def waiting(store: Store) -> list[tuple[str, str, str, int]]:
    """What waits in the outbox: reaction, process, command and the delay, in microseconds."""
    return sorted(
        (one.reaction, one.process, one.command, one.due_us - one.recorded_us if one.due_us else 0)
        for name in ("fulfilment", "welcome")
        for one in outbox.of_reaction(store.rows, name)
    )


def sent(store: Store) -> list[str]:
    """The commands in the log, by name and stream, in order."""
    return [f"{commit.command.type} {commit.events[0].stream}" for commit in store.commits() if commit.command]
