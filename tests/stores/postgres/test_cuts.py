"""The connection is cut at each message, of the client and of the server: never lost, never twice, never half."""

import time
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest

from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Append, Selection
from cqrs_cli.stores.postgres.address import address_of
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, Column, Rows, Table
from cqrs_cli.testing.making import commit, event
from tests.stores.postgres.administrator import run
from tests.stores.postgres.proxy import Proxy, proxied

pytestmark = pytest.mark.slow
LONG = [pytest.mark.faults, pytest.mark.timeout(900)]

SEEN = Table("seen", (Column("id", "text"), Column("position", "integer")), ("id",), unique=(("position",),))


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    with open_store(postgres_url, create=True) as store, store.transaction() as rows:
        rows.create(SEEN)
        rows.move("seen", None, Checkpoint("seen", 0, "d"))
    with proxied(postgres_url) as one:
        yield one


def keep(rows: Rows, recorded: Sequence[Recorded]) -> None:
    """The rows of an inline projection, with its checkpoint."""
    before = rows.checkpoint("seen")
    assert before is not None
    rows.put(SEEN, [(one.event_id, one.position) for one in recorded])
    rows.move("seen", before, before._replace(position=recorded[-1].position))


def cut_at_each(proxy: Proxy, does: Callable[[int], object]) -> int:
    """Do it again and again, each time with the connection cut at the next message, until there is no such message."""
    number = 0
    while True:
        left = [number]

        def cut(letter: bytes, answered: bool, left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] == -1

        proxy.cut = cut
        does(number)
        proxy.cut = lambda letter, answered: False
        if left[0] >= 0:
            return number
        number += 1


def wait_for_others(url: str) -> None:
    """Until the server has done with what was sent by those who are gone."""
    name = address_of(url).libpq["application_name"]
    busy = f"SELECT 1 FROM pg_stat_activity WHERE application_name = '{name}' AND state <> 'idle' AND pid <> pg_backend_pid()"  # fmt: skip
    while run(url, busy):
        time.sleep(0.01)


APPENDS: dict[str, Callable[[PostgresStore, int], object]] = {
    "one": lambda store, n: store.append(commit(f"c{n}", event("a-1")), [AtVersion("a-1", n)]),
    "one with a hook": lambda store, n: store.append(commit(f"c{n}", event("a-1")), [AtVersion("a-1", n)], keep),
    "two": lambda store, n: store.append_many(
        [Append(commit(f"c{n}", event("a-1"))), Append(commit(f"d{n}", event("b-1")))]
    ),
    "two with hooks": lambda store, n: store.append_many(
        [Append(commit(f"c{n}", event("a-1")), (), keep), Append(commit(f"d{n}", event("b-1")), (), keep)]
    ),
}


@pytest.mark.parametrize("name", ["one", *(pytest.param(name, marks=LONG) for name in APPENDS if name != "one")])
def test_an_append_that_is_cut_is_written_once(proxy: Proxy, postgres_url: str, name: str) -> None:
    with PostgresStore(proxy.url) as store, open_store(postgres_url) as there:
        done = cut_at_each(proxy, lambda number: APPENDS[name](store, number))
        assert done > 10
        written = [one.commit_id for one in there.read(Selection(stream="a-1"))]
        assert written == [f"c{number}" for number in range(done + 1)]
        every = list(there.read())
        assert len(every) == (done + 1) * (2 if "two" in name else 1)
        if "hook" in name:
            assert there.rows.count(SEEN) == len(every)
            assert there.rows.checkpoint("seen") == Checkpoint("seen", len(every), "d")
        assert there.audit().flaws == []


def test_a_commit_whose_answer_is_lost_is_unknown_not_undone(proxy: Proxy, postgres_url: str) -> None:
    """Where nothing is asked anew: whoever is told that the connection was lost may take it for nothing written."""
    told: dict[bool, set[str]] = {True: set(), False: set()}
    with PostgresStore(f"{proxy.url}&timeout=0") as store, open_store(postgres_url) as there:

        def append(number: int) -> None:
            try:
                store.append_many([Append(commit(f"c{number}", event("a-1")))])
            except Unavailable as error:
                wait_for_others(postgres_url)
                told[there.commit(f"c{number}") is not None].add(error.code)

        cut_at_each(proxy, append)
        assert told[True] == {"outcome-unknown"}, "what is there"
        assert "connection-lost" in told[False], "what was cut before its commit was sent"


def test_rows_that_are_cut_are_there_with_their_checkpoint_or_not_at_all(proxy: Proxy, postgres_url: str) -> None:
    lost: list[int] = []
    codes: set[str] = set()
    with PostgresStore(proxy.url) as store, open_store(postgres_url) as there:

        def move(number: int) -> None:
            wait_for_others(postgres_url)
            before = there.rows.checkpoint("seen")
            assert before is not None
            at = before.position
            try:
                with store.transaction() as rows:
                    rows.put(SEEN, [(f"e{at}", at)])
                    rows.move("seen", before, before._replace(position=at + 1))
            except Unavailable as error:
                lost.append(number)
                codes.add(error.code)
            wait_for_others(postgres_url)
            after = there.rows.checkpoint("seen")
            assert after is not None
            assert there.rows.count(SEEN) == after.position
            assert after.position == at + 1 or number in lost

        done = cut_at_each(proxy, move)
        assert len(lost) > 10
        assert codes == {"connection-lost"}
        assert done > 10


@pytest.mark.parametrize("table", ["commits", "events", "cqrs_checkpoints"])
def test_what_the_server_refuses_in_the_middle_is_no_acknowledgement(
    proxy: Proxy, postgres_url: str, table: str
) -> None:
    """The commit is sent in the same trip; it must not be taken for one that was made."""
    run(
        postgres_url,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; "
        f"CREATE TRIGGER no BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no()",
    )
    with PostgresStore(proxy.url) as store:
        with pytest.raises((CqrsError, psycopg.Error), match="no"):
            store.append_many([Append(commit("c1"), (), keep), Append(commit("c2"), (), keep)])
        assert store.head() == 0
        with pytest.raises((CqrsError, psycopg.Error), match="no"):
            store.append(commit("c1"), (), keep)
        assert (store.head(), store.rows.count(SEEN)) == (0, 0)
        run(postgres_url, f"DROP TRIGGER no ON {table}")
        assert not store.append(commit("c1"), (), keep).duplicate
