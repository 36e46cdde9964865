"""Two runners at one command of the outbox: what was honoured is never a dead letter, whoever comes first."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Rejected
from cqrs_cli.log import outbox
from cqrs_cli.log.outbox import Outgoing
from cqrs_cli.stores.operational import DEAD_LETTERS, OUTBOX
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.rows import Rows
from cqrs_cli.workbench.processors.delivery import Courier
from tests import office
from tests.reacting import pay
from tests.stores.postgres.administrator import run


@pytest.fixture
def bench(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """An order is paid, and the commands that answer it wait."""
    with PostgresStore(postgres_url, create=True):
        pass
    with Workbench.open(postgres_url, office.domain) as opened:
        opened.runner().drain()
        pay(opened, "o1")
        with monkeypatch.context() as patch:
            patch.setattr(Courier, "send", lambda *_: [])
            opened.runner().drain()
        yield opened


def honoured(rows: Rows, waits: Outgoing) -> None:
    """What a runner does whose command the log has."""
    outbox.remove(rows, [waits])


def given_up(rows: Rows, waits: Outgoing) -> None:
    """What a runner does that could not send it."""
    outbox.bury(rows, waits, Rejected("no", code="sold-out"), 1)


@pytest.mark.parametrize(("first", "second"), [(honoured, given_up), (given_up, honoured)])
def test_what_was_honoured_is_no_dead_letter(
    bench: Workbench, postgres_url: str, first: Callable[..., None], second: Callable[..., None]
) -> None:
    """The second begins while the first has looked and changed, and not committed yet."""
    rows = bench.store.rows
    waits = outbox.waiting(rows, sorted(office.domain.reactions))[0]
    failed: list[Any] = []

    def other() -> None:
        try:
            with bench.store.transaction() as others:
                second(others, waits)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=other)
    with bench.store.transaction() as own:
        first(own, waits)
        thread.start()
        waiting = f"SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.application_name = '{postgres_url.rpartition('=')[2]}'"
        while thread.is_alive() and not run(postgres_url, waiting):
            thread.join(0.01)
    thread.join(60)
    assert failed == []
    assert rows.count(DEAD_LETTERS) == 0
    assert waits not in outbox.waiting(rows, sorted(office.domain.reactions))
    assert rows.count(OUTBOX) > 0
