"""A column that is gone is an error, in whatever statement: SQLite would take its name in double quotes for a text."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from cqrs_cli.errors import Damaged, NeedsRebuild
from cqrs_cli.log import outbox, stops
from cqrs_cli.log.letters import letters
from cqrs_cli.log.origins import fork_of
from cqrs_cli.log.rejections import rejections
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.operational import OPERATIONAL
from cqrs_cli.stores.rows import Column, Order, RowReader, Rows, Table, Where
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit

TABLE = Table(
    "sales",
    (Column("shop", "text"), Column("day", "integer"), Column("total", "decimal", True), Column("note", "text", True)),
    ("shop", "day"),
    indexes=(("note",), ("total",)),
)
SINGLE = Table("shops", (Column("shop", "text"), Column("note", "text", True)), ("shop",))
READS: dict[str, Callable[[RowReader, Table], Any]] = {
    "load": lambda rows, table: rows.load(table, [("a",) + (1,) * (len(table.key) - 1)]),
    "select": lambda rows, table: list(rows.select(table)),
    "a page": lambda rows, table: list(rows.select(table, limit=5)),
    "where": lambda rows, table: list(rows.select(table, [Where("note", "=", "note")])),
    "a range": lambda rows, table: list(rows.select(table, [Where("note", ">", "a")])),
    "in": lambda rows, table: list(rows.select(table, [Where("note", "in", ("note", None))])),
    "order": lambda rows, table: list(rows.select(table, order=[Order("note", descending=True)])),
    "cursor": lambda rows, table: list(
        rows.select(table, order=[Order("note")], after=("a", "a") + (1,) * (len(table.key) - 1), limit=2)
    ),
}
WRITES: dict[str, Callable[[Rows, Table], Any]] = {
    "put": lambda rows, table: rows.put(table, [("a", 1, "1.5", "x") if table is TABLE else ("a", "x")]),
    "create": lambda rows, table: rows.create(table),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(str(tmp_path / "a.db"), create=True) as store:
        with store.transaction() as rows:
            for table, row in ((TABLE, ("a", 1, "1.5", "note")), (SINGLE, ("a", "note"))):
                rows.create(table)
                rows.put(table, [row])
        yield store


def by_hand(store: SQLiteStore, *statements: str) -> None:
    with closing(sqlite3.connect(store.url.removeprefix("sqlite:"))) as connection, connection:
        connection.execute("PRAGMA legacy_alter_table=ON")  # the views are not in the way
        for statement in statements:
            connection.execute(statement)


def refusal(use: Callable[[], Any]) -> NeedsRebuild:
    with pytest.raises(NeedsRebuild) as caught:
        use()
    assert caught.value.code == "table-changed"
    return caught.value


@pytest.mark.parametrize("table", [TABLE, SINGLE], ids=lambda table: table.name)
@pytest.mark.parametrize("how", READS)
def test_no_read_takes_a_name_for_a_text(store: SQLiteStore, how: str, table: Table) -> None:
    assert READS[how](store.rows, table)
    by_hand(store, f"ALTER TABLE {table.name} RENAME COLUMN note TO remark")
    refusal(lambda: READS[how](store.rows, table))


@pytest.mark.parametrize("table", [TABLE, SINGLE], ids=lambda table: table.name)
@pytest.mark.parametrize("how", READS)
def test_a_key_that_is_gone_is_told(store: SQLiteStore, how: str, table: Table) -> None:
    by_hand(store, f"ALTER TABLE {table.name} RENAME COLUMN shop TO place")
    refusal(lambda: READS[how](store.rows, table))


@pytest.mark.parametrize("how", WRITES)
def test_no_write_goes_past_a_column_that_is_gone(store: SQLiteStore, how: str) -> None:
    by_hand(store, "DROP VIEW shops_view", "ALTER TABLE shops DROP COLUMN note")
    with store.transaction() as rows:
        refusal(lambda: WRITES[how](rows, SINGLE))


def test_no_row_is_deleted_by_a_key_that_is_gone(store: SQLiteStore) -> None:
    by_hand(store, "ALTER TABLE shops RENAME COLUMN shop TO place")
    with store.transaction() as rows:
        refusal(lambda: rows.delete(SINGLE, [("shop",)]))
    assert store.rows.count(SINGLE) == 1


@pytest.mark.parametrize("group", [("note",), ("total",)])
@pytest.mark.parametrize("kind", ["indexes", "unique"])
def test_no_index_is_made_over_a_text(store: SQLiteStore, kind: str, group: tuple[str, ...]) -> None:
    plain = TABLE._replace(name="plain", indexes=())
    with store.transaction() as rows:
        rows.create(plain)
    by_hand(store, f"ALTER TABLE plain RENAME COLUMN {group[0]} TO gone")
    with store.transaction() as rows:
        refusal(lambda: rows.index(plain._replace(**cast(Any, {kind: (group,)}))))


def test_the_view_of_a_table_takes_no_name_for_a_text(store: SQLiteStore) -> None:
    by_hand(store, "DROP TABLE shops", "CREATE TABLE shops (shop)", "INSERT INTO shops VALUES ('a')")
    with (
        closing(sqlite3.connect(store.url.removeprefix("sqlite:"))) as connection,
        pytest.raises(sqlite3.OperationalError, match="no such column"),
    ):
        connection.execute("SELECT * FROM shops_view")


def test_a_column_is_found_whatever_its_name(store: SQLiteStore) -> None:
    odd = Table(
        'o"d`d',
        (Column('k"`', "text"), Column("order", "text"), Column("a`b", "decimal")),
        ('k"`',),
        indexes=(("order",), ("a`b",)),
    )
    with store.transaction() as rows:
        rows.create(odd)
        rows.put(odd, [(str(n), f"o{n}", str(n)) for n in range(9)])
        assert list(rows.select(odd, [Where("a`b", "=", "3")], [Order("order")])) == [("3", "o3", "3")]
        rows.delete(odd, [("3",)])
    assert store.rows.load(odd, [("2",), ("3",)]) == {("2",): ("2", "o2", "2")}


@pytest.mark.parametrize("table", OPERATIONAL, ids=lambda table: table.name)
def test_a_column_of_an_operational_table_that_is_gone_is_damage(store: SQLiteStore, table: Table) -> None:
    name = next(column.name for column in reversed(table.columns) if column.name not in table.key)
    by_hand(store, f"ALTER TABLE {table.name} RENAME COLUMN {name} TO gone")
    row = tuple(1 if column.kind == "integer" else "x" for column in table.columns)
    with pytest.raises(Damaged):
        list(store.rows.select(table))
    with pytest.raises(Damaged):
        store.rows.load(table, [row[: len(table.key)]])
    with pytest.raises(Damaged), store.transaction() as rows:
        rows.put(table, [row])
    reads: list[Callable[[], Any]] = [
        lambda: outbox.waiting(store.rows, ["x"]),
        lambda: letters(store.rows),
        lambda: stops.skips_of(store.rows, "x"),
        lambda: stops.stops(store.rows).get("x"),
        lambda: fork_of(store.rows),
        lambda: list(rejections(store.rows)),
    ]
    if table.name != "cqrs_snapshots":
        with pytest.raises(Damaged):
            [read() for read in reads]


@pytest.mark.parametrize(
    ("table", "column"),
    [("events", "data"), ("events", "schema_version"), ("commits", "id"), ("commits", "hash"), ("streams", "name")],
)
def test_a_column_of_the_log_that_is_gone_is_damage(store: SQLiteStore, table: str, column: str) -> None:
    store.append(commit("c1"))
    by_hand(
        store,
        *(f"DROP TRIGGER {table}_{event}" for event in ("insert", "update", "delete")),
        *(f"DROP VIEW {view}" for view in ("stream_summary", "event_log")),
        f"ALTER TABLE {table} RENAME COLUMN {column} TO gone",
    )

    def use(store: SQLiteStore) -> None:
        list(store.read(Selection()))
        store.append(commit("c2"), [AtVersion("order-1", 1)])
        list(store.commits())

    with pytest.raises(Damaged):
        use(store)
    store.close()
    with pytest.raises(Damaged, match=f"{table} is not as cqrs makes it"):
        SQLiteStore(store.url.removeprefix("sqlite:"))
