"""Somebody's own SQL on a server reads, and does nothing else."""

from collections.abc import Iterator

import pytest

from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from cqrs_cli.testing.rows_contract import SALES
from tests.stores.postgres.administrator import run


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    with open_store(postgres_url, create=True) as opened:
        opened.append(commit("c1", event(), event("order-2", data='{"n":"100 % ä"}'.encode())))
        with opened.transaction() as rows:
            rows.create(SALES)
            rows.put(SALES, [("a", 1, "1.50", None)])
        yield opened


def answer(store: Store, sql: str, seconds: float = 60, **parameters: object) -> list[tuple[object, ...]]:
    return list(store.sql(sql, parameters, seconds))


def test_the_log_and_the_read_models_are_there(store: Store) -> None:
    found = store.sql("SELECT position, stream, data->>'n' AS n, stream FROM event_log ORDER BY 1;", {}, 60)
    assert found.columns == ["position", "stream", "n", "stream_2"]
    assert list(found) == [(1, "order-1", "1", "order-1"), (2, "order-2", "100 % ä", "order-2")]
    assert answer(store, "SELECT total, note FROM sales") == [("1.50", None)]
    assert answer(store, "SELECT version FROM stream_summary ORDER BY stream") == [(1,), (1,)]
    assert len(answer(store, "SELECT * FROM generate_series(1, 1234)")) == 1234
    assert answer(store, "SELECT 1 WHERE false") == []
    assert "Scan" in str(answer(store, "EXPLAIN SELECT * FROM events"))


def test_values_are_the_same_whatever_the_server_likes(store: Store) -> None:
    """The server of the tests has another zone, another order of days and another encoding of bytes."""
    sql = (
        "SELECT timestamptz '2026-01-02 03:04:05.5Z', timestamp '2026-01-02 03:04:05', date '2026-01-02', time '03:04', "
        "interval '1 day', '\\x00ff'::bytea, true, 1.50, 'NaN'::numeric, array[1, 2], '{\"a\": [1]}'::jsonb, null, "
        "'00000000-0000-0000-0000-00000000000a'::uuid, 1.5::float8, '{\"b\":1}'::json"
    )
    assert answer(store, sql) == [
        (
            "2026-01-02T03:04:05.500000Z", "2026-01-02 03:04:05", "2026-01-02", "03:04:00", "1 day, 0:00:00", b"\x00\xff",
            True, "1.50", "NaN", "[1, 2]", '{"a": [1]}', None, "00000000-0000-0000-0000-00000000000a", 1.5, '{"b": 1}',
        )
    ]  # fmt: skip
    assert len(answer(store, "SELECT * FROM event_log")) == 2
    with pytest.raises(Misuse, match="can't be read here"):
        answer(store, "SELECT timestamptz '12000-01-01Z'")
    assert answer(store, "SELECT (timestamptz '12000-01-01Z')::text") == [("12000-01-01 00:00:00+00",)]


def test_parameters_are_values_wherever_they_may_stand(store: Store) -> None:
    assert answer(store, "SELECT :n::int + 1, ':n', \"a\".x % 2 -- :n\n FROM (SELECT 5 AS x) a", n=4) == [(5, ":n", 1)]
    assert answer(store, "SELECT :text /* :no */, $$:no$$", text="'; DROP TABLE sales") == [
        ("'; DROP TABLE sales", ":no")
    ]
    with pytest.raises(Misuse, match="no value for the parameter :name"):
        answer(store, "SELECT :name", other=1)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM events",
        "INSERT INTO sales VALUES ('x', 1, 1, 'x')",
        "UPDATE sales SET note = 'x' RETURNING *",
        "WITH gone AS (DELETE FROM sales RETURNING *) SELECT * FROM gone",
        "DROP TABLE events",
        "CREATE TABLE t AS SELECT 1",
        "SELECT 1; COMMIT; DELETE FROM sales",
        "SELECT 1; SELECT 2",
        "COMMIT",
        "SET search_path = x",
        "SELECT * INTO t FROM sales",
        "SELECT * FROM sales FOR UPDATE",
        "SELECT nextval('s')",
        "SELECT append('x', '{}', '{}', '{}', '{}', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', '', '{}', '{}', NULL, '1s')",
        "EXPLAIN ANALYZE DELETE FROM sales",
        "COPY sales TO PROGRAM 'true'",
        "COPY (SELECT 1) TO STDOUT",
        "VACUUM",
        "LISTEN x",
        "DO $$ BEGIN DELETE FROM sales; END $$",
        "TRUNCATE sales",
        "SELEC 1",
        "SELECT nothing FROM events",
        "SELECT * FROM nowhere",
        "SELECT 1/0",
        "",
        " ; ",
        "SELECT '\ud800'",
    ],
)
def test_what_writes_or_is_wrong_is_refused(store: Store, postgres_url: str, sql: str) -> None:
    with pytest.raises(Misuse) as caught:
        answer(store, sql)
    assert caught.value.code == "sql"
    assert run(postgres_url, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM sales)") == [(2, 1)]
    assert answer(store, "SELECT 1") == [(1,)]


def test_the_time_is_that_of_the_whole(store: Store) -> None:
    for sql in ("SELECT pg_sleep(30)", "SELECT pg_sleep(0.01) FROM generate_series(1, 100000)"):
        with pytest.raises(Unavailable) as caught:
            answer(store, sql, seconds=0.3)
        assert caught.value.code == "timed-out"
