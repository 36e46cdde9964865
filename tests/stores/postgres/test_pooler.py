"""The store by way of PgBouncer in transaction mode, where a session is nobody's own."""

import threading
from collections.abc import Iterator

import pytest

from cqrs_cli.stores.postgres.address import address_of
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.testing.store_contract import StoreContract, store
from tests.conftest import NO_POSTGRESQL
from tests.missing import missing
from tests.pooler import NoPooler, Pooler
from tests.stores.postgres.administrator import run

__all__ = ["store"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pooler(postgresql: str) -> Iterator[Pooler]:
    try:
        one = Pooler(postgresql)
    except NoPooler as error:
        missing(f"{NO_POSTGRESQL} behind a pooler: {error}")
    yield one
    one.close()


@pytest.fixture
def url(pooler: Pooler, postgres_url: str) -> str:
    return f"{pooler.url()}?{postgres_url.partition('?')[2]}"


class TestContract(StoreContract):
    """Word for word, though every statement may run on another session."""


def sessions(postgres_url: str) -> list[str]:
    """What the sessions of the pooler on the server did last, and what is held for longer than a transaction."""
    schema = address_of(postgres_url).schema
    asked = (
        "SELECT DISTINCT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        f"AND (query LIKE '%LISTEN%' OR query LIKE '%pg_advisory_lock_shared%') AND application_name = '{schema}' "
        "UNION ALL SELECT 'a lock: ' || objid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1668379252"
    )
    return [found for (found,) in run(postgres_url, asked)]


def test_who_waits_hears_of_commits_and_leaves_nothing_on_a_session(url: str, postgres_url: str) -> None:
    """A LISTEN would stay on a session that is somebody else's next."""
    with PostgresStore(url, create=True) as store, PostgresStore(url) as other:
        for number in range(3):
            heard: list[bool] = []
            thread = threading.Thread(target=lambda at=number, heard=heard: heard.append(store.wait(at, 60)))
            thread.start()
            other.append(commit(f"c{number}"))
            thread.join()
            assert heard == [True]
        assert sessions(postgres_url) == []


def test_many_through_few_sessions(url: str) -> None:
    """More at once than there are sessions: each is answered, none by another's answer."""
    threads, each, failed = 16, 6, []

    def write(number: int) -> None:
        try:
            with PostgresStore(url) as store:
                for turn in range(each):
                    receipt = store.append(commit(f"{number}-{turn}", event(f"s-{number}")))
                    assert (receipt.events[0].stream, receipt.events[0].version) == (f"s-{number}", turn + 1)
                    found = store.commit(f"{number}-{turn}")
                    assert found is not None
                    assert found.id == f"{number}-{turn}"
        except Exception as error:
            failed.append(error)

    with PostgresStore(url, create=True) as store:
        some = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
        for one in some:
            one.start()
        for one in some:
            one.join()
        assert failed == []
        assert store.head() == threads * each
        assert store.audit().flaws == []
