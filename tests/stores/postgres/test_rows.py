"""Read models in native types, behind views that stay when the table is replaced."""

import threading
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any

import psycopg
import pytest

from cqrs_cli.errors import Conflict, Damaged, Misuse, NeedsRebuild, Passing, Unavailable
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.operational import OPERATIONAL
from cqrs_cli.stores.postgres.connection import Connection, Row
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, Column, Order, Table, Where
from cqrs_cli.testing.rows_contract import PEOPLE, SALES, WIDE
from tests.stores.postgres.administrator import connected, run

BESIDE = SALES._replace(name="cqrs_new_sales")
OTHER = BESIDE._replace(columns=(*SALES.columns[:-1], Column("more", "text", True)))


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres_url, create=True, limits=Limits(step=0.05, patience=600)) as opened:
        with opened.transaction() as rows:
            rows.create(SALES)
            rows.put(SALES, [("a", 1, "1.50", None), ("b", 2, None, "x")])
        yield opened


def rebuild(store: PostgresStore, beside: Table = BESIDE) -> None:
    with store.transaction() as rows:
        rows.drop(beside.name)
        rows.create(beside)
        rows.put(beside, [("new", 1, "2", "x")])
        rows.rename(beside, "sales")


def test_the_operational_tables_are_as_they_are_declared(store: PostgresStore) -> None:
    with store.transaction() as rows:
        for table in OPERATIONAL:
            assert rows.exists(table)
            rows.create(table)  # refuses other columns


def test_tools_see_native_types(store: PostgresStore, postgres_url: str) -> None:
    with store.transaction() as rows:
        rows.create(WIDE)
    sql = "SELECT data_type FROM information_schema.columns WHERE table_name = 'wide' AND table_schema = current_schema ORDER BY ordinal_position"
    assert [type for (type,) in run(postgres_url, sql)] == [
        "text", "bigint", "double precision", "boolean", "numeric", "uuid", "date", "timestamp with time zone", "json",
    ]  # fmt: skip
    assert run(postgres_url, "SELECT sum(total) + 1 FROM sales")[0][0] == 2.5


def test_grants_and_other_peoples_views_stay(store: PostgresStore, postgres_url: str) -> None:
    run(postgres_url, "GRANT SELECT ON sales TO PUBLIC")
    run(postgres_url, "CREATE VIEW best AS SELECT shop FROM sales")
    for _ in range(3):
        rebuild(store)
        assert run(postgres_url, "SELECT shop FROM best") == [("new",)]
    granted = "SELECT count(*) FROM information_schema.table_privileges WHERE grantee = 'PUBLIC' AND table_name = 'sales' AND table_schema = current_schema"
    assert run(postgres_url, granted) == [(1,)]
    left = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema AND tablename LIKE 'cqrs_rows_%' OR tablename LIKE 'cqrs_new_%'"
    assert run(postgres_url, left) == [(1,)]
    with pytest.raises(Misuse, match=r"view \S*best depends on view") as caught:
        rebuild(store, OTHER)
    assert caught.value.code == "table-depended-on"
    assert list(store.rows.select(SALES)) == [("new", 1, "2", "x")], "nothing of it is there"
    run(postgres_url, "DROP VIEW best")
    rebuild(store, OTHER)
    assert list(store.rows.select(OTHER._replace(name="sales"))) == [("new", 1, "2", "x")]
    assert run(postgres_url, granted) == [(1,)]


def test_what_somebody_else_made_is_not_touched(store: PostgresStore, postgres_url: str) -> None:
    run(postgres_url, "CREATE TABLE orders (id int)")
    run(postgres_url, "CREATE VIEW lines AS SELECT 1 AS one")
    for name in ("orders", "lines"):
        table = SALES._replace(name=name)
        for change in (
            lambda rows, table=table: rows.create(table),
            lambda rows, table=table: rows.drop(table.name),
            lambda rows, table=table: rows.refuse_foreign(table.name),
            lambda rows, table=table: rows.rename(SALES, table.name),
        ):
            with pytest.raises(Misuse) as caught, store.transaction() as rows:
                change(rows)
            assert caught.value.code == "table-name"


def test_a_table_that_is_read_is_not_waited_for(store: PostgresStore, postgres_url: str) -> None:
    """Who reads for long holds up the swap, which gives up at once: others would queue behind it."""
    with connected(postgres_url) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sales")
        with pytest.raises(Unavailable) as caught:
            rebuild(store)
        assert caught.value.code == "locked"
        assert len(list(store.rows.select(SALES))) == 2
        reader.execute("COMMIT")
    rebuild(store)
    assert store.rows.count(SALES) == 1


def test_a_reader_sees_the_old_rows_or_the_new_ones(store: PostgresStore, postgres_url: str) -> None:
    stop = threading.Event()
    seen: set[int] = set()
    failed: list[BaseException] = []

    def read() -> None:
        try:
            with open_store(postgres_url, read_only=True) as other:
                while not stop.is_set():
                    seen.add(len(list(other.rows.select(SALES))))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    done = 0
    while done < 15:
        try:
            rebuild(store)
            done += 1
        except Unavailable as error:
            if error.code != "locked":
                raise
    stop.set()
    thread.join()
    assert failed == []
    assert seen <= {1, 2}


def test_names_are_held_to_the_end_of_the_transaction(postgres_url: str) -> None:
    """Two that bring the same rows forward: the second waits, and finds the checkpoint moved."""
    one = Checkpoint("sales", 1, "d")
    with (
        PostgresStore(postgres_url, create=True) as store,
        PostgresStore(postgres_url, limits=Limits(patience=0.1)) as other,
    ):
        with store.transaction() as rows:
            rows.move("sales", None, one)
            with pytest.raises(Unavailable) as caught, other.transaction() as theirs:
                theirs.checkpoint("sales")
            assert caught.value.code == "locked"
            with other.transaction() as theirs:
                theirs.move("people", None, one._replace(name="people"))
        with pytest.raises(Conflict), other.transaction() as theirs:
            theirs.move("sales", None, one)


def test_a_position_moves_without_its_definition(store: PostgresStore, postgres_url: str) -> None:
    one = Checkpoint("sales", 1, "long")
    with store.transaction() as rows:
        rows.move("sales", None, one)
    before = run(postgres_url, "SELECT xmin::text FROM cqrs_definitions")
    with store.transaction() as rows:
        rows.move("sales", one, one._replace(position=2))
    assert run(postgres_url, "SELECT xmin::text FROM cqrs_definitions") == before
    assert store.rows.checkpoint("sales") == Checkpoint("sales", 2, "long")


@pytest.mark.parametrize("name", ["ctid", "xmin", "x" * 64, "ä" * 32])
def test_columns_that_can_not_be(store: PostgresStore, name: str) -> None:
    table = Table("odd", (Column("id", "integer"), Column(name, "text", True)), ("id",))
    with pytest.raises(Misuse, match="no column can be named"), store.transaction() as rows:
        rows.create(table)
    with pytest.raises(Misuse, match="at most 63 bytes"), store.transaction() as rows:
        rows.create(SALES._replace(name="x" * 64))


@pytest.mark.parametrize(
    "row",
    [
        ("a", 1.5, None, None), ("a", "x", None, None), ("a", 1, "much", None), ("a\0", 1, None, None),
        ("\ud800", 1, None, None), ("a", 2**63, None, None), ("a", float("inf"), None, None),
    ],
)  # fmt: skip
def test_a_value_is_as_it_was_or_refused(store: PostgresStore, row: tuple[object, ...]) -> None:
    with pytest.raises(Misuse) as caught, store.transaction() as rows:
        rows.put(SALES, [row])  # type: ignore[list-item]
    assert caught.value.code == "row-value"
    with pytest.raises(Misuse):
        list(store.rows.select(SALES, [Where("shop", "=", "\ud800")]))


def test_dates_and_times_are_those_of_everywhere(store: PostgresStore) -> None:
    """Whatever zone, order of days and encoding of bytes the server likes."""
    moments = ["0001-01-01T00:00:00.000000Z", "2026-03-29T01:30:00.000001Z", "9999-12-31T23:59:59.999999Z"]
    table = Table("days", (Column("at", "datetime"), Column("day", "date")), ("at",), indexes=(("day",),))
    every = [(moment, moment[:10]) for moment in moments]
    with store.transaction() as rows:
        rows.create(table)
        rows.put(table, every)
        assert list(rows.load(table, [(moments[1],)]).values()) == every[1:2]
    assert list(store.rows.select(table)) == every
    assert list(store.rows.select(table, order=[Order("day", True)], after=("2026-03-29", moments[1]))) == every[:1]
    assert list(store.rows.select(table, [Where("at", ">", moments[1])])) == every[2:]


def test_an_index_answers_what_it_is_for(store: PostgresStore) -> None:
    with store.transaction() as rows:
        rows.create(PEOPLE)
        rows.put(PEOPLE, [(n, None, f"f{n}", f"l{n}") for n in range(5_000)])
        rows.index(PEOPLE)
    with store.transaction() as rows:
        rows._run("people", f"ANALYZE {rows._named(str(rows._relation('people')))}")
    for where, order, after in (
        ([Where("last", "=", "l7")], [], None),
        ([Where("mail", "=", "x")], [], None),
        ([], [Order("last")], ("l7", 7)),
    ):
        assert "Index" in store.rows.plan(PEOPLE, where, order, after), (where, order)
    assert store.rows.plan(SALES._replace(name="nothing")) == ""


def test_a_table_that_others_changed_wants_a_rebuild_and_an_operational_one_is_damage(store: PostgresStore, postgres_url: str) -> None:  # fmt: skip
    with pytest.raises(NeedsRebuild):
        list(store.rows.select(SALES._replace(columns=(*SALES.columns, Column("more", "text")))))
    run(postgres_url, "DROP TABLE cqrs_stops")
    with pytest.raises(Damaged):
        list(store.rows.select(OPERATIONAL[0]))
    with pytest.raises(psycopg.Error):
        run(postgres_url, "INSERT INTO sales VALUES (NULL)")


@pytest.mark.parametrize("whole", [True, False], ids=["read", "left"])
def test_what_was_streamed_leaves_nothing_to_the_next(store: PostgresStore, whole: bool) -> None:
    """libpq goes on in chunks with the first statement of a pipeline, which psycopg then has no word for."""
    with store.transaction() as rows:
        rows.create(PEOPLE)
        rows.put(PEOPLE, [(number, None, f"{number}", "x") for number in range(20)])
    streamed = store.rows.select(PEOPLE)
    assert next(streamed)
    if whole:
        assert len(list(streamed)) == 19
    del streamed
    assert list(store.read(Selection(stream="order-1"))) == [], "two statements in one trip"


CIRCLE = psycopg.errors.DeadlockDetected("a circle")
SWAPPED = psycopg.errors.InternalError_("could not open relation with OID 16384")


def failing(monkeypatch: pytest.MonkeyPatch, failures: list[tuple[int, psycopg.Error]]) -> None:
    """Let long answers end, one after the other, after so many rows; those that come then are whole."""
    streamed = Connection.streamed

    def broken(self: Connection, sql: str, values: Sequence[Any]) -> Generator[Row, None, None]:
        after, error = failures.pop(0) if failures else (None, None)
        yield from islice(streamed(self, sql, values), after)
        if error is not None:
            raise error

    monkeypatch.setattr(Connection, "streamed", broken)


@pytest.mark.parametrize("error", [CIRCLE, SWAPPED], ids=["circle", "swap"])
def test_a_long_answer_is_begun_again_as_long_as_nothing_was_given_out(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, error: psycopg.Error
) -> None:
    failures = [(0, error)] * 4
    failing(monkeypatch, failures)
    assert [row[0] for row in store.rows.select(SALES)] == ["a", "b"]
    assert failures == []


@pytest.mark.parametrize("error", [CIRCLE, SWAPPED], ids=["circle", "swap"])
@pytest.mark.parametrize("failures", [[1], [0, 1], [0] * 5], ids=["after a row", "again", "always"])
def test_what_was_begun_to_be_given_out_is_asked_for_again_by_who_wants_it(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, failures: list[int], error: psycopg.Error
) -> None:
    failing(monkeypatch, [(after, error) for after in failures])
    seen: list[object] = []
    with pytest.raises(Passing) as caught:
        seen.extend(row[0] for row in store.rows.select(SALES))
    assert (caught.value.code, caught.value.hint) == ("busy", "try again")
    assert seen == ["a"] * failures[-1], "none twice"
    assert [row[0] for row in store.rows.select(SALES)] == ["a", "b"]
