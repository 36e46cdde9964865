"""What other programs see of a read model in SQLite: plain columns, a view to read through, indexes that are used."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import Misuse
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.moments import FIRST, LAST, rfc3339
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Column, Rows, Table, Where
from cqrs_cli.stores.sqlite.definitions import statements
from cqrs_cli.stores.sqlite.select import Select
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit

GOODS = Table(
    "goods",
    (Column("id", "integer"), Column("shop", "text"), Column("price", "decimal", True)),
    ("id",),
    indexes=(("shop", "price"), ("price",)),
)
FRESH = GOODS._replace(name="cqrs_new_goods")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(str(path), create=True) as store:
        with store.transaction() as rows:
            rows.create(GOODS)
            rows.put(GOODS, [(1, "a", "1.10"), (2, "b", None)])
        yield store


def hand(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(sql).fetchall()
    finally:
        connection.close()


def views(path: Path) -> list[str]:
    return [
        row[0]
        for row in hand(
            path, "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE '%goods%' ORDER BY name"
        )
    ]


def test_a_view_follows_its_table(store: Store, path: Path) -> None:
    assert hand(path, "SELECT * FROM goods_view") == [(1, "a", "1.10"), (2, "b", None)]
    wider = GOODS._replace(columns=(*GOODS.columns, Column("more", "text", True)))
    with store.transaction() as rows:
        rebuilt = wider._replace(name="cqrs_new_goods")
        rows.create(rebuilt)
        rows.put(rebuilt, [(3, "c", "3", "x")])
    assert views(path) == ["goods_view"]  # what is being built has none
    with store.transaction() as rows:
        rows.rename(rebuilt, "goods")
    assert views(path) == ["goods_view"]
    assert hand(path, "SELECT id, more FROM goods_view") == [(3, "x")]
    with store.transaction() as rows:
        rows.drop("goods")
    assert views(path) == []


@pytest.mark.parametrize(
    "sql", ["INSERT INTO goods_view VALUES (9, 'x', '1')", "UPDATE goods_view SET shop = 'x'", "DELETE FROM goods_view"]
)
def test_nothing_is_written_through_a_view(store: Store, path: Path, sql: str) -> None:
    with pytest.raises(sqlite3.OperationalError, match="because it is a view"):
        hand(path, sql)


def test_a_view_of_the_users_stays(store: Store, path: Path) -> None:
    with store.transaction() as rows:
        rows.drop("goods")
    hand(path, "CREATE VIEW goods_view AS SELECT 'mine' AS whose")
    hand(path, "CREATE VIEW dear AS SELECT id FROM goods")
    for _ in range(2):
        with store.transaction() as rows:
            rows.create(GOODS)
            rows.create(FRESH)
            rows.put(FRESH, [(1, "a", "9")])
            rows.rename(FRESH, "goods")
    assert hand(path, "SELECT * FROM goods_view") == [("mine",)]
    assert hand(path, "SELECT * FROM dear") == [(1,)]
    with pytest.raises(Misuse) as caught, store.transaction() as rows:
        rows.create(GOODS._replace(name="dear"))
    assert caught.value.code == "table-name"


@pytest.mark.parametrize("kind", ["TABLE mine AS", "VIEW mine AS"])
def test_what_somebody_else_made_is_not_dropped(store: Store, path: Path, kind: str) -> None:
    hand(path, f"CREATE {kind} SELECT 7 AS a")
    hand(path, "CREATE VIEW Mine_view AS SELECT 8 AS b")
    ways: list[Callable[[Rows], None]] = [
        lambda rows: rows.refuse_foreign("MINE"),
        lambda rows: rows.drop("Mine"),
        lambda rows: rows.rename(GOODS, "mine"),
    ]
    for drops in ways:
        with pytest.raises(Misuse) as caught, store.transaction() as rows:
            drops(rows)
        assert caught.value.code == "table-name"
    assert hand(path, "SELECT * FROM mine") == [(7,)]
    assert store.rows.count(GOODS) == 2


def test_a_table_of_ours_stays_ours_under_another_name_and_without_its_view(store: Store, path: Path) -> None:
    with store.transaction() as rows:
        rows.create(FRESH)
        rows.rename(FRESH, "goods")
    hand(path, "DROP VIEW goods_view")
    hand(path, "ALTER TABLE goods ADD COLUMN more TEXT")
    with store.transaction() as rows:
        rows.refuse_foreign("goods")
        rows.drop("goods")
        rows.refuse_foreign("goods")
    assert store.rows.count(GOODS) == 0


def test_indexes_have_the_tables_own_names(store: Store, path: Path) -> None:
    for _ in range(2):
        with store.transaction() as rows:
            rows.create(FRESH)
            rows.rename(FRESH, "goods")
    names = [
        row[0]
        for row in hand(
            path, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'goods' AND sql NOTNULL"
        )
    ]
    assert len(names) == 2
    assert all(name.startswith("goods_") for name in names)


def test_a_table_that_is_gone_asks_for_a_rebuild(store: Store, path: Path) -> None:
    hand(path, "DROP TABLE goods")
    with pytest.raises(Misuse) as caught, store.transaction() as rows:
        rows.put(GOODS, [(1, "a", "1")])
    assert (caught.value.code, say(caught.value)) == ("table-changed", "make it anew: cqrs project goods --rebuild")


def test_what_is_unique_as_a_number_is_found_by_an_index_that_other_tools_can_keep(store: Store, path: Path) -> None:
    lots = Table("lots", GOODS.columns, ("id",), unique=(("shop", "price"),))
    with store.transaction() as rows:
        rows.create(lots)
        rows.put(lots, [(1, "a", "1.0")])
    sql, values = Select(lots).statement([Where("shop", "=", "a"), Where("price", "=", "1")], (), None)
    connection = sqlite3.connect(path)
    connection.create_function("cqrs_decimal", 1, lambda digits: digits, deterministic=True)
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
    connection.close()
    assert "USING INDEX lots_shop_price" in plan
    hand(path, "INSERT INTO lots VALUES (2, 'b', '2')")
    hand(path, "UPDATE lots SET price = '3'")


@pytest.mark.parametrize(
    ("where", "by_index"),
    [
        ([Where("price", ">", "29.9")], True),
        ([Where("price", "<=", "0.1")], True),
        ([Where("price", ">", "99")], True),
        ([Where("price", ">", "5")], False),
        ([Where("price", "=", "5")], True),
        ([Where("price", ">", "5"), Where("price", "<", "5.05")], True),
        ([Where("shop", ">", "s98"), Where("id", "!=", 3)], True),
        ([Where("shop", ">", "s1")], False),
        ([Where("shop", "=", "s07"), Where("price", ">", "5")], True),
        ([], False),
    ],
)
def test_an_index_finds_the_rows_of_a_range_if_they_are_few(
    store: Store, path: Path, where: list[Where], by_index: bool
) -> None:
    rows_ = [(n, f"s{n % 100:02}", f"{(n * 7919) % 3000 / 100:.2f}") for n in range(3000)]
    with store.transaction() as rows:
        rows.put(GOODS, rows_)
    connection = store._file.connection  # type: ignore[attr-defined]
    asked: list[str] = []
    for after in (None, (500,)):
        connection.set_trace_callback(asked.append)
        found = list(store.rows.select(GOODS, where, after=after, limit=20))
        connection.set_trace_callback(None)
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked[-1]}"))
        assert ("USING INDEX goods" in plan) is by_index, plan
        every: list[Any] = list(store.rows.select(GOODS, where))
        assert found == [row for row in every if after is None or row[0] > after[0]][:20]
        assert every == sorted(every)
        assert bool(every) is (where != [Where("price", ">", "99")])


digits = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [Decimal(text) for text in (
        "0", "-0", "1E+400", "-1E+400", "9E+399", "1E-400", "-1E-400", "5E-324", "1.7976931348623157E+308", "1.7976931348623158E+308",
        "9007199254740993", "9007199254740992.9999999999999999999", "0.1", "0.10000000000000000000000000000000001", "12345678901234567890.10", "12345678901234567890.2",
    )]
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
@given(st.lists(st.none() | digits, max_size=8), digits, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
def test_an_indexed_decimal_is_compared_exactly(
    store: Store, values: list[Decimal | None], wanted: Decimal, operator: str
) -> None:
    values = [*values, wanted]
    with store.transaction() as rows:
        rows.drop("goods")
        rows.create(GOODS)
        rows.put(GOODS, [(n, "a", None if value is None else str(value)) for n, value in enumerate(values)])
    compare: Any = {
        "=": lambda a: a == wanted, "!=": lambda a: a != wanted, "<": lambda a: a is not None and a < wanted,
        "<=": lambda a: a is not None and a <= wanted, ">": lambda a: a is not None and a > wanted, ">=": lambda a: a is not None and a >= wanted,
    }[operator]  # fmt: skip
    expected = [n for n, value in enumerate(values) if compare(value)]
    for where in (
        [Where("price", operator, str(wanted))],
        [Where("shop", "=", "a"), Where("price", operator, str(wanted))],
    ):
        found: list[Any] = [row[0] for row in store.rows.select(GOODS, where)]
        assert sorted(found) == expected


def test_the_calendar_of_the_view_is_that_of_python(tmp_path: Path) -> None:
    """It is reckoned by hand, as DuckDB has no strftime of numbers."""
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        store.append(commit("c1"))
    dice = random.Random(5)
    moments = {dice.randrange(FIRST, LAST) for _ in range(5_000)} | {
        FIRST,
        LAST,
        -1,
        0,
        951_782_399_999_999,
        951_868_800_000_000,
    }
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as connection:
        connection.execute("CREATE TEMP TABLE commits AS SELECT * FROM main.commits LIMIT 0")
        rows = [(at, moment) for at, moment in enumerate(sorted(moments))]
        connection.executemany("INSERT INTO temp.commits (first_position, recorded_at) VALUES (?, ?)", rows)
        sql = statements("views.sql")["event_log"]
        inner = sql[sql.index("SELECT m.*") : sql.index("\n) c ON")]
        found = connection.execute(f"SELECT recorded_at, day || time FROM ({inner})").fetchall()
    assert len(found) == len(moments)
    assert [one for one in found if one[1] != rfc3339(one[0])] == []
