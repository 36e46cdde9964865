"""What an append costs does not grow with the log, however short the log was when the session began."""

import time

import pytest

from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.testing.making import commit, event
from tests.stores.postgres.administrator import run

pytestmark = pytest.mark.slow

COMMITS = 400
STREAMS = 5


def rows_read_from_end_to_end(url: str, events: int) -> int:
    """Rows that the server has read in scans of whole tables of the log, when it has counted all."""
    sql = (
        "SELECT sum(n_tup_ins) FILTER (WHERE relname = 'events'), sum(seq_tup_read) FROM pg_stat_user_tables "
        "WHERE schemaname = current_schema() AND relname IN ('events', 'commits')"
    )
    while True:
        [(inserted, read)] = run(url, sql)
        if (inserted or 0) >= events:
            return int(read)
        time.sleep(0.05)


@pytest.mark.parametrize("way", ["append", "append_many"])
def test_a_session_that_begins_on_an_empty_log_never_reads_it_from_end_to_end(postgres_url: str, way: str) -> None:
    """Its plans are made and kept while the tables are small: one that reads all would be kept, too."""
    with PostgresStore(postgres_url, create=True, limits=Limits(idle=1)) as store:
        for table in ("events", "commits"):
            run(postgres_url, f"ANALYZE {table}")
        for number in range(COMMITS):
            stream, at = f"order-{number % STREAMS}", number // STREAMS
            if way == "append":
                store.append(commit(f"c{number}", event(stream)), [AtVersion(stream, at)])
            else:
                store.append_many([Append(commit(f"c{number}", event(stream)), (AtVersion(stream, at),))])
    assert rows_read_from_end_to_end(postgres_url, COMMITS) < COMMITS, "which is less than one a commit"


def test_a_batch_is_sent_in_parts_that_a_connection_takes(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    batch = PostgresStore._batch.__globals__["PostgresBatch"]
    flush = batch.flush

    def measured(self) -> None:
        sent.append(sum(len(row[6]) for row in self._events))
        flush(self)

    monkeypatch.setattr(batch, "flush", measured)
    appends = [Append(commit(f"c{n}", event(data=b'"%s"' % (b"x" * 4_000)))) for n in range(20)]
    with PostgresStore(postgres_url, create=True, limits=Limits(bytes=10_000)) as store:
        store.append_many(appends)
        assert store.head() == 20
    assert max(sent) <= 10_000
    assert sum(sent) == 20 * 4_002
