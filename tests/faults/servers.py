"""Killing a PostgreSQL server under writers, and at the worst moment of each append."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cqrs_cli.errors import Passing
from cqrs_cli.stores.commits import Commit, Receipt
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.postgres.errors import outcome_unknown
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.rows import Rows
from cqrs_cli.testing.making import commit, event
from tests.faults.writers import Account, Writers
from tests.postgres_server import Server, programs


def kill_loop(kills: int, writers: int) -> Account:
    """Kill the server again and again while so many write; what became of what was acknowledged."""
    server = Server(programs())
    try:
        some = Writers(f"{server.dsn()}?schema=shop&timeout=60", writers)
        try:
            for _ in range(kills):
                some.until_more(12 * writers)
                server.kill()
                server.start()
            some.until_more(3 * writers)
        finally:
            some.stop()
        return some.account()
    finally:
        server.close()


def kill_before_the_answer(times: int) -> tuple[int, int]:
    """Kill the server each time that a command is written, before its sender hears of it: how many were answered as
    done, and how often the log has them. By each of the ways in turn: a command alone, several, with a hook."""
    server = Server(programs())
    written = 0
    lost: set[str] = set()

    try:
        with pytest.MonkeyPatch.context() as patch, PostgresStore(f"{server.dsn()}?schema=shop", create=True) as store:
            resolved = PostgresStore._resolved

            def unheard(self: PostgresStore, ids: Sequence[str], attempt: Callable[[], Any]) -> Any:
                def killed() -> Any:
                    answer = attempt()
                    if ids[0] not in lost:
                        lost.add(ids[0])
                        server.kill()
                        server.start()
                        raise outcome_unknown("the server")
                    return answer

                return resolved(self, ids, killed)

            patch.setattr(PostgresStore, "_resolved", unheard)
            for number in range(times):
                made = commit(f"c{number}", event(f"s-{number}"))
                if number % 3 == 0:
                    store.append(made)
                elif number % 3 == 1:
                    store.append(made, inline=lambda rows, recorded: rows.forget("x"))
                else:
                    assert isinstance(store.append_many([Append(made)])[0], Receipt)
                written += 1
            assert store.audit().flaws == []
            return written, store.head()
    finally:
        server.close()


def append_and_stand_still() -> None:
    """In a process of its own: append with a hook that goes on when this process was frozen, and says when it begins."""
    tries: list[float] = []

    def hook(rows: Rows, recorded: object) -> None:
        tries.append(time.monotonic())
        if len(tries) > 1:  # it was ended, and is done anew
            return
        print("it has the log", flush=True)
        while time.monotonic() - tries[-1] < 5:  # more than a moment: it did not run in between
            tries[-1] = time.monotonic()
            time.sleep(0.05)

    with PostgresStore(os.environ["CQRS_STORE"]) as store:
        store.append(commit("frozen"), inline=hook)


def append_at_last(store: PostgresStore, made: Commit) -> None:
    """Append as soon as nobody has the log any more."""
    end = time.monotonic() + 120
    while True:
        try:
            store.append(made)
            return
        except Passing:
            assert time.monotonic() < end
