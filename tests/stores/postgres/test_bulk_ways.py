"""Many commits at once, on a server: what copies read is what others read, and what they write is what would be appended."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cqrs_cli.errors import CqrsError, Damaged, InvalidInput, Misuse
from cqrs_cli.stores.bulk import WrittenReader
from cqrs_cli.stores.commits import MAX_EVENT_BYTES, Commit
from cqrs_cli.stores.contract import Append, BulkStore, written
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Rows
from cqrs_cli.testing.making import commit, event
from cqrs_cli.transfer.copy import copy
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource
from tests.stores.postgres.administrator import end_others, unguarded
from tests.stores.postgres.proxy import proxied
from tests.transfer.logs import awkward_commits, make, plain_commits


def nothing(rows: Rows, position: int) -> None:
    """Writes no rows."""


def several() -> list[Commit]:
    return [*awkward_commits(), *plain_commits(60, first=2_000, a_commit=7)]


@pytest.fixture
def url(postgres_url: str) -> str:
    with open_store(postgres_url, create=True) as store:
        store.append_many([Append(one) for one in several()])
    return postgres_url


@pytest.fixture
def empty(postgres_url: str) -> str:
    open_store(postgres_url, create=True).close()
    return postgres_url


def test_what_is_written_is_what_others_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WrittenReader, "_proved", None)  # the long way is for what is damaged
    with PostgresStore(url) as store:
        assert isinstance(store, BulkStore)
        wanted = list(map(written, store.commits()))
        found = list(store.written())
        assert [one._replace(previous=None) for one in found] == wanted
        assert [one.previous for one in found[1:]] == [one.hash for one in found[:-1]]
        for at in (1, 5, len(wanted) - 1):
            assert list(store.written(wanted[at].position)) == found[at + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET data = '{}' WHERE position = 30",
        "UPDATE events SET version = version + 100 WHERE position = 30",
        "UPDATE events SET type = 'Other' WHERE position = 60",
        "DELETE FROM events WHERE position = 30",
        "UPDATE commits SET user_id = 'eve' WHERE first_position = (SELECT max(first_position) FROM commits)",
        "UPDATE commits SET event_count = 1 WHERE event_count = 7",
        "UPDATE commits SET event_count = 1000000000 WHERE first_position = (SELECT max(first_position) FROM commits)",
        "UPDATE commits SET event_count = -1 WHERE event_count = 2",
        "DELETE FROM commits WHERE first_position = 1",
    ],
)
def test_what_was_changed_is_not_copied(url: str, change: str) -> None:
    unguarded(url, change)
    with PostgresStore(url) as store, pytest.raises(Damaged):
        list(store.written())


def test_what_is_taken_in_is_what_would_be_appended(empty: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        open_store(str(tmp_path_factory.mktemp("other") / "log.db"), create=True) as wanted,
        PostgresStore(empty, limits=Limits(bytes=500)) as store,  # so that it is sent in many parts
    ):
        wanted.append_many([Append(one) for one in several()])
        positions: list[int] = []
        half = len(several()) // 2
        for part in (several()[:half], several()[half:]):
            assert store.take_in(part, lambda rows, position: positions.append(position))
        assert list(store.commits()) == list(wanted.commits()), "hashes and times are in it"
        assert positions[-1] == store.head()
        store.append(commit("next", event("order-1")))
        assert store.audit().flaws == []


def test_a_part_that_is_sent_is_no_larger_than_its_limit(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    flush = PostgresStore._batch.__globals__["PostgresBatch"].flush

    def measured(batch) -> None:
        sent.append(sum(len(row[6]) for row in batch._events))
        flush(batch)

    monkeypatch.setattr(PostgresStore._batch.__globals__["PostgresBatch"], "flush", measured)
    commits = [Commit(f"c{n}", (event(data=b'"%s"' % (b"x" * 4_000)),)) for n in range(20)]
    with PostgresStore(empty, limits=Limits(bytes=10_000)) as store:
        assert store.take_in(commits, nothing)
        assert store.head() == 20
    assert max(sent) <= 10_000
    assert sum(sent) == 20 * 4_002


def test_many_commits_are_few_trips(empty: str) -> None:
    with proxied(empty) as proxy, PostgresStore(proxy.url) as store:
        store.head()
        proxy.watch()
        assert store.take_in(plain_commits(500), nothing)
        assert proxy.trips == 2


def test_a_copy_waits_seldom(empty: str, tmp_path: Path) -> None:
    source = make(tmp_path / "log.db", plain_commits(500))
    with proxied(empty) as proxy, PostgresStore(proxy.url) as here, open_store(str(source), read_only=True) as there:
        here.head()
        proxy.watch()
        assert copy(StoreSource(there), StoreSink(here)).commits == 500
        assert proxy.trips <= 8, "where it was, the lock, what is noted, the commit"


def refused(store: PostgresStore, commits: Sequence[Commit]) -> CqrsError | bool:
    before = list(store.commits())
    try:
        return store.take_in(commits, nothing)
    except CqrsError as error:
        return error
    finally:
        assert list(store.commits()) == before
        store.check()


def test_all_or_nothing(empty: str) -> None:
    good = plain_commits(3)
    with PostgresStore(empty) as store:
        store.append_many([Append(one) for one in good])
        new = plain_commits(3, first=10)
        assert refused(store, [*new, good[0]._replace(recorded_us=None)]) is False
        assert refused(store, [*new, new[0]._replace(recorded_us=None)]) is False
        for wrong, kind in (
            (Commit("x", (event(data=b"\xff"),)), InvalidInput),
            (Commit("x", (event(data=b"x" * (MAX_EVENT_BYTES + 1)),)), CqrsError),
            (Commit("x", ()), Misuse),
            (new[0]._replace(id="x", recorded_us=1), Misuse),
            (new[0]._replace(id="x", recorded_us=4_102_444_800_000_000), Misuse),
        ):
            assert isinstance(refused(store, [*new, wrong]), kind)
        assert store.take_in(new, nothing)
        assert [one.id for one in store.commits()] == [one.id for one in [*good, *new]]


def test_the_rows_are_of_the_same_transaction(empty: str) -> None:
    def fail(rows: Rows, position: int) -> None:
        raise Misuse("no")

    with PostgresStore(empty) as store:
        with pytest.raises(Misuse, match="no"):
            store.take_in(plain_commits(3), fail)
        assert store.head() == 0
        assert store.take_in(plain_commits(3), nothing)


def test_a_connection_that_is_lost_in_it_is_no_end(empty: str) -> None:
    tries: list[int] = []

    def end_the_first(rows: Rows, position: int) -> None:
        tries.append(position)
        if len(tries) == 1:
            end_others(empty)

    with PostgresStore(empty) as store:
        assert store.take_in(plain_commits(3), end_the_first)
        assert (tries, store.head()) == ([3, 3], 3)
