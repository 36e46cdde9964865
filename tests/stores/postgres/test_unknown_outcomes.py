"""Waits for a standby that somebody ends: what no standby has is never acknowledged, however often it is sent."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.stores.commits import Receipt
from cqrs_cli.stores.contract import Append, Store
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.rows import Checkpoint, Rows
from cqrs_cli.testing.making import commit, event
from tests.postgres_server import Server, programs

pytestmark = pytest.mark.slow
LIMITS = Limits(patience=0.3, answer=0.5)


def _moved(rows: Rows, recorded: object) -> None:
    rows.move("x", None, Checkpoint("x", 1, "d"))


WAYS: dict[str, Callable[[Store], Receipt | CqrsError]] = {
    "one": lambda store: store.append(commit("c1")),
    "many": lambda store: store.append_many([Append(commit("c1")), Append(commit("c2", event("order-2")))])[0],
    "inline": lambda store: store.append(commit("c1"), inline=_moved),
}


class Primary:
    """A server whose commits wait for a standby, while there is none."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.url = f"{server.dsn()}?application_name=unknown"

    def administer(self, sql: str) -> list[Any]:
        with psycopg.connect(self._server.dsn("postgres"), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def want_standby(self, name: str) -> None:
        """Let commits wait for a standby of that name; with none, they go on."""
        self.administer(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.administer("SELECT pg_reload_conf()")
        until(lambda: self.administer("SHOW synchronous_standby_names") == [(name,)])

    def waiting(self) -> list[int]:
        """The processes that wait for the standby."""
        return [pid for (pid,) in self.administer("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")]


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    one = Server(programs())
    yield one
    one.close()


@pytest.fixture
def primary(server: Server) -> Iterator[Primary]:
    one = Primary(server)
    with PostgresStore(one.url, create=True):
        pass
    one.want_standby("nobody_is_there")
    yield one
    one.want_standby("")
    one.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'unknown'")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA cqrs CASCADE")


def sending(primary: Primary, way: str, timeout: float) -> tuple[threading.Thread, list[Any]]:
    """An append in a thread of its own, and what it comes to."""
    came: list[Any] = []

    def send() -> None:
        with PostgresStore(f"{primary.url}&timeout={timeout}", limits=LIMITS) as store:
            try:
                came.append(WAYS[way](store))
            except CqrsError as error:
                came.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    return thread, came


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_wait_for_the_standby_that_is_ended_is_no_acknowledgement(
    primary: Primary, way: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is in the log, where a standby that takes over would not have it."""
    late = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late, sleep=time.sleep)
    monkeypatch.setattr("cqrs_cli.stores.postgres.store.time", clock)
    thread, came = sending(primary, way, timeout=60)
    until(primary.waiting)
    while thread.is_alive():
        for pid in primary.waiting():
            primary.administer(f"SELECT {end}({pid})")
        late = 60.0  # the next of what is ended is not sent again
        thread.join(0.02)
    (error,) = came
    assert isinstance(error, Unavailable), f"acknowledged without a standby: {error}"
    assert error.code == "outcome-unknown"
    primary.want_standby("")
    with PostgresStore(primary.url) as store:
        again = WAYS[way](store)
        assert isinstance(again, Receipt)
        assert (again.duplicate, again.position, store.head()) == (True, 1, 2 if way == "many" else 1)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_resolved_when_the_standby_is_back(primary: Primary, way: str) -> None:
    thread, came = sending(primary, way, timeout=60)
    until(primary.waiting)
    primary.administer(f"SELECT pg_cancel_backend({primary.waiting()[0]})")
    until(primary.waiting)  # what is sent again finds the id, and waits as the first did
    assert came == []
    primary.want_standby("")
    thread.join(60)
    (receipt,) = came
    assert receipt.position == 1
    with PostgresStore(primary.url) as store:
        assert [e.commit_id for e in store.read()] == (["c1", "c2"] if way == "many" else ["c1"])


@pytest.mark.parametrize("way", WAYS)
def test_who_waits_longer_than_for_a_lock_is_not_told_of_a_lock(primary: Primary, way: str) -> None:
    """The first attempt still waits for the standby, and holds the log: whether it is written is not known."""
    thread, came = sending(primary, way, timeout=1.2)
    thread.join(60)
    (error,) = came
    assert (type(error).__mro__[1], error.code) == (Unavailable, "outcome-unknown")
    until(primary.waiting)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are frozen on Linux alone")
def test_a_server_that_stands_still_is_given_up_by_who_reads(server: Server, primary: Primary) -> None:
    """Its sockets stay open. A server that is long at something is waited for: it lets others in meanwhile."""
    with PostgresStore(f"{primary.url}&timeout=0&connect_timeout=2", limits=LIMITS) as store:
        assert len(list(store.sql("SELECT pg_sleep(1.5)", {}, 60))) == 1
        server.freeze()
        try:
            with pytest.raises(Unavailable) as caught:
                store.head()
        finally:
            server.thaw()
        assert caught.value.code == "unreachable"
        assert store.head() == 0


def test_who_comes_while_there_is_no_primary_waits_for_one(server: Server, primary: Primary) -> None:
    """Several servers answer, none of which takes writes; one alone that does not is the wrong one."""
    primary.want_standby("")
    primary.administer("ALTER ROLE tester SET default_transaction_read_only = on")
    with pytest.raises(Unavailable) as caught:
        PostgresStore(f"{primary.url}&timeout=60")
    assert caught.value.code == "read-only"
    place = f"127.0.0.1:{server.port}"
    several = primary.url.replace(place, f"{place},{place}")
    with pytest.raises(Unavailable) as caught:
        PostgresStore(f"{several}&timeout=0.2")
    assert caught.value.code == "read-only"
    heads: list[int] = []

    def look() -> None:
        with PostgresStore(f"{several}&timeout=60") as store:
            heads.append(store.head())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        thread.join(0.5)
        assert heads == []
    finally:
        primary.administer("ALTER ROLE tester RESET default_transaction_read_only")
    thread.join(60)
    assert heads == [0]


def test_a_store_that_is_relaxed_waits_for_nobody(primary: Primary) -> None:
    primary.want_standby("")
    with psycopg.connect(primary.url.partition("?")[0], autocommit=True) as connection:
        connection.execute("UPDATE cqrs.cqrs_store SET value = 'relaxed' WHERE name = 'durability'")
    primary.want_standby("nobody_is_there")
    with PostgresStore(f"{primary.url}&timeout=2", limits=LIMITS) as store:
        for way in WAYS.values():
            assert isinstance(way(store), Receipt)
