"""A store that somebody else made is data and no more: nothing in it computes, and no reading of it goes on for ever."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import CqrsError, Damaged, Misuse
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.rows import Column, Table
from cqrs_cli.stores.sqlite import patience
from cqrs_cli.stores.sqlite.definitions import definitions, renew_views, statements
from cqrs_cli.stores.sqlite.opening import LONGEST
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event

OWNERS = Table("owners", (Column("id", "text"), Column("owner", "text", True)), ("id",))
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A closed store with three commits and the rows of a read model."""
    path = str(tmp_path / "shop.db")
    with SQLiteStore(path, create=True) as store:
        for number in range(1, 4):
            store.append(commit(f"c{number}", event(f"account-{number}")))
        with store.transaction() as rows:
            rows.create(OWNERS)
            rows.put(OWNERS, [("a", "ann")])
    return path


def change(path: str, *statements: str) -> None:
    """What another tool does to the closed store."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        for statement in statements:
            connection.execute(statement)


def refusal(act: Callable[[], Any]) -> CqrsError:
    with pytest.raises(CqrsError) as caught:
        act()
    return caught.value


def read_all(path: str) -> None:
    with SQLiteStore(path, read_only=True) as store:
        for _ in store.read():
            pass


def test_what_a_store_has_is_what_its_scripts_say(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        kept = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    own = definitions()
    assert len(own) > 30
    assert {name: kept[name] for name in own} == own
    with closing(sqlite3.connect(":memory:")) as connection:  # each is one whole statement, and there are no others
        for script in ("schema.sql", "operational.sql"):
            for sql in statements(script).values():
                connection.execute(sql)
        renew_views(connection)
        assert {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE sql <> ''")} == own.keys()


ALTERED = {
    "a view in the place of the log": (
        "DROP TABLE events",
        f"CREATE VIEW events AS {ENDLESS} SELECT x AS position, 1 AS commit_position, 1 AS stream_id, x AS version, "
        "1 AS type_id, 1 AS schema_version, '{}' AS data FROM c",
    ),
    "a view in the place of the facts": (
        "ALTER TABLE cqrs_store RENAME TO mine",
        f"CREATE VIEW cqrs_store AS {ENDLESS} SELECT name, value FROM mine WHERE (SELECT count(*) FROM c) > 0",
    ),
    "a function that SQLite holds for unsafe": (
        "ALTER TABLE cqrs_store RENAME TO mine",
        "CREATE VIEW cqrs_store AS SELECT name, value FROM mine WHERE load_extension('/tmp/x') IS NULL OR 1",
    ),
    "a generated column": (
        "UPDATE sqlite_master SET sql = replace(sql, 'data            TEXT NOT NULL', "
        "'data TEXT GENERATED ALWAYS AS (printf(''%.*c'', 900000000, ''x'')) VIRTUAL') WHERE name = 'events'",
    ),
    "another column": ("ALTER TABLE commits ADD COLUMN more TEXT",),
    "other letters of the name": (
        "DROP TABLE event_types",
        f"CREATE VIEW Event_Types AS {ENDLESS} SELECT x AS id, 'e' AS name FROM c",
    ),
    "a guard that lets all through": (
        "DROP TRIGGER events_update",
        "CREATE TRIGGER events_update BEFORE UPDATE ON events BEGIN SELECT 1; END",
    ),
    "a view of ours that shows something else": (
        "DROP VIEW event_log",
        "CREATE VIEW event_log AS SELECT 'all is well' AS data",
    ),
    "a virtual table in the place of a view": (
        "DROP VIEW event_log",
        "CREATE VIRTUAL TABLE event_log USING fts5(data)",
    ),
    "a trigger on the log": (
        "CREATE TRIGGER mine AFTER INSERT ON events BEGIN UPDATE cqrs_store SET value = 'relaxed'; END",
    ),
    "a trigger on the checkpoints": (
        "CREATE TRIGGER mine AFTER INSERT ON cqrs_checkpoints BEGIN INSERT INTO owners VALUES ('evil', ''); END",
    ),
    "a trigger on the outbox": ("CREATE TRIGGER mine AFTER DELETE ON cqrs_outbox BEGIN SELECT 1; END",),
    "an index of an expression": ("CREATE INDEX mine ON events (printf('%.*c', 9, data))",),
    "an index that refuses": ("CREATE UNIQUE INDEX mine ON events (data, position)",),
    "an index of a part": ("CREATE INDEX mine ON events (data) WHERE length(data) > 3",),
    "an index in an order of its own": ("CREATE INDEX mine ON events (data COLLATE nocase)",),
    "a format in digits of another script": ("UPDATE cqrs_store SET value = '２' WHERE name = 'format'",),
    "a durability that there is not": ("UPDATE cqrs_store SET value = 'OFF' WHERE name = 'durability'",),
    "no durability": ("DELETE FROM cqrs_store WHERE name = 'durability'",),
}


@pytest.mark.parametrize("what", ALTERED)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_store_in_which_something_computes_is_refused(path: str, what: str, read_only: bool) -> None:
    change(path, *ALTERED[what])
    error = refusal(lambda: SQLiteStore(path, read_only=read_only))
    assert (type(error), error.exit_code, bool(say(error))) == (Damaged, 6, True)


def test_what_sqlite_says_of_a_definition_is_true(path: str) -> None:
    """The comparison relies on it: a trigger can't pass for a table."""
    change(
        path,
        "CREATE TABLE decoy (a)",
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END",
        "UPDATE sqlite_master SET type = 'table', name = 'decoy', tbl_name = 'decoy' WHERE name = 't'",
    )
    assert type(refusal(lambda: SQLiteStore(path))) is Damaged


def test_what_is_somebodys_own_stays_where_none_of_our_statements_comes_by(path: str) -> None:
    change(
        path,
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text)",
        "CREATE TRIGGER notes_kept AFTER INSERT ON notes BEGIN UPDATE notes SET text = trim(text); END",
        "CREATE VIEW busy AS SELECT stream, count(*) AS n FROM event_log GROUP BY stream",
        'CREATE INDEX by_type ON events ("type_id", position DESC)',
        "CREATE INDEX by_owner ON owners (owner)",
        "ANALYZE",
    )
    with SQLiteStore(path) as store:
        store.append(commit("c4", event("account-1")))
        assert [row[0] for row in store.sql("SELECT stream FROM busy WHERE n > 1", {}, 5)] == ["account-1"]
        with store.transaction() as rows:
            rows.put(OWNERS, [("b", "bob")])
        assert store.rows.count(OWNERS) == 2


def test_a_guard_that_is_gone_is_no_reason_to_refuse(path: str) -> None:
    change(path, "DROP TRIGGER events_update", "DROP VIEW projection_status")
    with SQLiteStore(path) as store:
        assert store.append(commit("c4")).position == 4


ROWS = {
    "a view": ("DROP TABLE owners", f"CREATE VIEW owners AS {ENDLESS} SELECT 'a' || x AS id, 'o' AS owner FROM c"),
    "a view in other letters": (
        "DROP TABLE owners",
        f"CREATE VIEW OWNERS AS {ENDLESS} SELECT 'a' || x AS id, 'o' AS owner FROM c",
    ),
    "a virtual table": ("DROP TABLE owners", "CREATE VIRTUAL TABLE owners USING fts5(id, owner)"),
    "a generated column": (
        "UPDATE sqlite_master SET sql = replace(sql, '\"owner\" TEXT', "
        "'\"owner\" TEXT AS (printf(''%.*c'', 9000000, ''x''))') WHERE name = 'owners'",
    ),
    "a trigger": ("CREATE TRIGGER mine AFTER INSERT ON owners BEGIN UPDATE cqrs_store SET value = 'relaxed'; END",),
}


@pytest.mark.parametrize("what", ROWS)
def test_rows_are_a_plain_table_or_not_read_nor_written(path: str, what: str) -> None:
    change(path, "DROP VIEW owners_view", *ROWS[what])
    with SQLiteStore(path) as store:

        def put() -> None:
            with store.transaction() as rows:
                rows.put(OWNERS, [("b", "bob")])

        def delete() -> None:
            with store.transaction() as rows:
                rows.delete(OWNERS, [("a",)])

        for use in (
            lambda: list(store.rows.select(OWNERS)),
            lambda: store.rows.load(OWNERS, [("a",)]),
            lambda: store.rows.count(OWNERS),
            put,
            delete,
        ):
            error = refusal(use)
            assert (type(error), "owners is no table of rows alone" in error.message) == (Damaged, True)
        assert store.head() == 3


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose size allows next to nothing."""
    monkeypatch.setattr(patience, "STEPS", 1_000)
    monkeypatch.setattr(patience, "_TICKS", 2)
    monkeypatch.setattr(patience, "_STEPS_A_BYTE", 0)


def test_no_reading_goes_on_for_ever(path: str, impatient: None) -> None:
    with SQLiteStore(path) as store, store.transaction() as rows:
        rows.put(OWNERS, [(f"{n}", None) for n in range(5_500)])
    with SQLiteStore(path, read_only=True) as store:
        for use in (
            lambda: list(store.rows.select(OWNERS, limit=5_000)),  # at once
            lambda: list(store.rows.select(OWNERS)),  # streamed
        ):
            error = refusal(use)
            assert (type(error), "as if it had no end" in error.message) == (Damaged, True)
        for _ in range(300):  # each statement has its own patience
            assert len(list(store.read())) == 3
    with SQLiteStore(path) as store:
        for number in range(300):
            store.append(commit(f"more-{number}"))


def test_a_larger_file_may_take_longer(path: str) -> None:
    with SQLiteStore(path) as store:
        small = store._file._patience
        assert small is not None
        ticks = small._ticks
        assert 100 <= ticks < 105
        with store.transaction() as rows:
            assert small._left.__length_hint__() == 100 * ticks
            rows.put(OWNERS, [(f"{n}", "x" * 1000) for n in range(3_000)])
        assert small._left.__length_hint__() == ticks
        next(small._left)
        store.head()
        assert small._ticks > ticks + 20


def test_ctrl_c_is_not_lost_in_a_long_reading(path: str) -> None:
    """A function of Python's that SQLite calls would swallow it."""
    with SQLiteStore(path) as store:
        assert type(store._file._patience._left.__next__).__name__ == "method-wrapper"  # type: ignore[union-attr]


def hole(path: str, position: int) -> None:
    """Move the last event far away."""
    change(
        path,
        *(f"DROP TRIGGER {table}_update" for table in ("events", "commits")),
        f"UPDATE events SET position = {position}, commit_position = {position} WHERE position = 3",
        f"UPDATE commits SET first_position = {position} WHERE first_position = 3",
    )


@pytest.mark.parametrize("selection", [Selection(), Selection(category="account"), Selection(backwards=True)])
def test_a_hole_in_the_positions_is_damage_and_soon_said(path: str, selection: Selection) -> None:
    hole(path, 4 * 10**18)
    statements: list[str] = []
    with SQLiteStore(path, read_only=True) as store:
        store._file.connection.set_trace_callback(statements.append)
        for use in (store.read, store.scan):
            assert type(refusal(lambda use=use: list(use(selection)))) is Damaged  # type: ignore[misc]
        assert len(statements) < 100


@pytest.mark.parametrize("position", [0, -1, -(2**63)])
def test_a_position_before_the_first_is_damage(path: str, position: int) -> None:
    change(
        path,
        *(f"DROP TRIGGER {table}_update" for table in ("events", "commits")),
        f"UPDATE events SET position = {position}, commit_position = {position} WHERE position = 1",
        f"UPDATE commits SET first_position = {position} WHERE first_position = 1",
    )
    with SQLiteStore(path) as store:
        for use in (store.head, store.check, lambda: list(store.read()), lambda: list(store.scan())):
            assert type(refusal(use)) is Damaged


@pytest.mark.parametrize("version", [0, -7, 3])
def test_a_version_that_is_not_the_next_is_damage(path: str, version: int) -> None:
    with SQLiteStore(path) as store:
        store.append(commit("c4", event("account-1")))
    change(path, "DROP TRIGGER events_update", f"UPDATE events SET version = {version} WHERE position = 1")
    with SQLiteStore(path) as store:
        for selection in (
            Selection(stream="account-1"),
            Selection(stream="account-1", backwards=True),
            Selection(by_stream=True),
            Selection(category="account", by_stream=True),
        ):
            if not (version == 3 and selection.stream and selection.backwards):
                assert type(refusal(lambda s=selection: list(store.scan(s)))) is Damaged, selection  # type: ignore[misc]
        assert type(refusal(lambda: list(store.read()))) is Damaged


@pytest.mark.parametrize("position", [2**62, 2**63 - 1])
def test_a_position_that_no_log_has_is_damage(path: str, position: int) -> None:
    hole(path, position)
    with SQLiteStore(path) as store:
        for use in (
            lambda: store.head(),
            lambda: list(store.read()),
            lambda: list(store.read(Selection(backwards=True))),
            lambda: list(store.commits()),
            lambda: store.append(commit("c4")),
        ):
            assert type(refusal(use)) is Damaged


def test_a_value_is_no_longer_than_a_commit_may_be(path: str) -> None:
    with SQLiteStore(path) as store:
        with store.transaction() as rows:
            rows.put(OWNERS, [("long", "x" * (LONGEST - 1000))])
            with pytest.raises(Misuse, match="too large"):
                rows.put(OWNERS, [("longer", "x" * (LONGEST + 1))])
        assert store.rows.count(OWNERS) == 2
    change(path, f"UPDATE owners SET owner = printf('%.*c', {LONGEST + 1}, 'x')")
    with SQLiteStore(path, read_only=True) as store, pytest.raises(Misuse, match="too large"):
        list(store.rows.select(OWNERS))


@pytest.fixture
def statements_of_an_opening(path: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    connect = sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    return seen


def test_the_definitions_are_read_in_one_statement(path: str, statements_of_an_opening: list[str]) -> None:
    SQLiteStore(path, read_only=True).close()
    of_the_schema = [sql for sql in statements_of_an_opening if "sqlite_master" in sql]
    assert len(of_the_schema) == 3, "that it is a database, the table of facts, and all definitions"


@pytest.mark.parametrize("text", ["x", "", "-1", "9" * 30, "１"])
def test_a_moment_of_making_that_is_none_is_damage_for_who_asks(path: str, text: str) -> None:
    change(path, f"UPDATE cqrs_store SET value = '{text}' WHERE name = 'created_at'")
    with SQLiteStore(path) as store:
        assert store.append(commit("c4")).position == 4
        assert type(refusal(store.describe)) is Damaged
