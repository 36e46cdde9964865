"""`cqrs sql`: every format, nothing but reading, and not for ever."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.commands.sql import PATIENCE
from tests.conftest import ROOT

ATTACKS = [
    "INSERT INTO streams (name) VALUES ('x')",
    "REPLACE INTO cqrs_checkpoints VALUES ('x', 1, '')",
    "UPDATE events SET data = '{}'",
    "DELETE FROM events",
    "WITH x AS (SELECT 1) DELETE FROM events",
    "WITH x AS (SELECT 1) INSERT INTO streams (name) SELECT 'x' FROM x",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x (a)",
    "CREATE TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT 1",
    "CREATE INDEX x ON events (data)",
    "CREATE TRIGGER x AFTER INSERT ON events BEGIN SELECT 1; END",
    "CREATE TEMP TRIGGER x AFTER INSERT ON events BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE x USING fts5(a)",
    "DROP TABLE events",
    "DROP VIEW event_log",
    "DROP TRIGGER events_update",
    "ALTER TABLE events RENAME TO x",
    "ALTER TABLE events ADD COLUMN x",
    "VACUUM",
    "VACUUM INTO 'stolen.db'",
    "ATTACH 'stolen.db' AS other",
    "DETACH main",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "REINDEX",
    "ANALYZE",
    "PRAGMA query_only=OFF",
    "PRAGMA writable_schema=ON",
    "PRAGMA journal_mode=DELETE",
    "PRAGMA user_version=7",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA application_id=1",
    "SELECT load_extension('x')",
    "SELECT writefile('stolen.db', 'x')",
    "SELECT 1; DELETE FROM events",
    "EXPLAIN DELETE FROM events",
    "UPDATE sqlite_master SET sql = 'x'",
    "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, '')",
    "DELETE FROM sqlite_schema",
    "UPDATE json_each SET value = 1",
    "INSERT INTO pragma_table_info VALUES (1)",
    "CREATE TABLE x AS SELECT * FROM json_each('[1]')",
    "SELECT * FROM pragma_query_only",
    "SELECT * FROM pragma_writable_schema",
    "SELECT * FROM pragma_user_version",
    "SELECT * FROM pragma_optimize",
    "SELECT * FROM pragma_integrity_check",
    "SELECT * FROM pragma_wal_checkpoint",
    "SELECT * FROM pragma_journal_mode",
    "SELECT * FROM json_each('[1]'), pragma_journal_mode",
]


@pytest.mark.parametrize("statement", ATTACKS)
def test_every_kind_of_write_is_refused(orders: Path, here: Any, statement: str) -> None:
    before = (orders.read_bytes(), sorted(os.listdir(orders.parent)))
    ran = here("sql", statement, "--json")
    assert ran.code == 2, (statement, ran.out, ran.err)
    assert ran.out == ""
    assert ran.error["code"] == "sql"
    assert (orders.read_bytes(), sorted(set(os.listdir(orders.parent)) - {"cqrs.db-wal", "cqrs.db-shm"})) == before


@pytest.mark.parametrize("lock", ["mode", "query_only", "authorizer"])
def test_each_lock_holds_alone(orders: Path, here: Any, monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    """With the other two taken away, a delete still fails."""
    from cqrs_cli.stores.sqlite import opening as sqlite_opening
    from cqrs_cli.stores.sqlite import sql as sqlite_sql

    real = sqlite_opening.Opening.connect

    def connect(self: Any, mode: Any) -> sqlite3.Connection:
        connection = real(self, mode if lock == "mode" else "rw")
        connection.execute(f"PRAGMA query_only={'ON' if lock == 'query_only' else 'OFF'}")
        return connection

    monkeypatch.setattr(sqlite_opening.Opening, "connect", connect)
    if lock != "authorizer":
        monkeypatch.setattr(sqlite_sql.ReadOnlySQL, "_authorize", lambda *_: sqlite3.SQLITE_OK)
    ran = here("sql", "DELETE FROM cqrs_checkpoints", "--json")
    assert ran.code != 0
    ran = here("sql", "INSERT INTO cqrs_checkpoints VALUES ('x', 1, '{}')", "--json")
    assert ran.code != 0
    assert here("sql", "SELECT * FROM cqrs_checkpoints", "--json").json == []


def test_reading_in_every_format(orders: Path, here: Any) -> None:
    statement = "SELECT stream, count(*) AS n FROM event_log GROUP BY stream ORDER BY stream"
    rows = [{"stream": "credit_note-C1", "n": 1}, {"stream": "order-1", "n": 3}, {"stream": "order-2", "n": 3}]
    assert here("sql", statement, "--json").json == rows
    assert here("sql", statement, "--jsonl").lines == rows
    assert here("sql", statement, "--csv").out.splitlines() == [
        "stream,n",
        "credit_note-C1,1",
        "order-1,3",
        "order-2,3",
    ]
    assert here("sql", statement, "--format", "md").out.splitlines()[2].startswith("| credit_note-C1")
    assert "order-2" in here("sql", statement).out
    for looked in (
        "EXPLAIN QUERY PLAN " + statement,
        "PRAGMA table_info(events)",
        "VALUES (1), (2)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
    ):
        assert here("sql", looked, "--json").code == 0, looked


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT value FROM json_each('[1, 2]')", [{"value": 1}, {"value": 2}]),
        ("SELECT fullkey FROM json_tree('{\"a\": 1}') WHERE atom IS NOT NULL", [{"fullkey": "$.a"}]),
        ("SELECT count(*) AS n FROM event_log, json_each('[1, 2]') WHERE stream = 'order-1'", [{"n": 6}]),
        ("SELECT name FROM pragma_table_info('cqrs_store')", [{"name": "name"}, {"name": "value"}]),
        ("SELECT name FROM pragma_table_xinfo('event_types')", [{"name": "id"}, {"name": "name"}]),
        ("SELECT wr FROM pragma_table_list('cqrs_store')", [{"wr": 1}]),
        ("SELECT name FROM pragma_index_list('cqrs_store')", [{"name": "sqlite_autoindex_cqrs_store_1"}]),
        ("SELECT name FROM pragma_index_info('sqlite_autoindex_streams_1')", [{"name": "name"}]),
        ("SELECT count(*) AS n FROM pragma_index_xinfo('sqlite_autoindex_streams_1')", [{"n": 2}]),
        (
            "SELECT \"table\" FROM pragma_foreign_key_list('events') ORDER BY 1",
            [{"table": name} for name in ("commits", "event_types", "streams")],
        ),
        ("SELECT DISTINCT name FROM pragma_function_list WHERE name = 'upper'", [{"name": "upper"}]),
        ("SELECT name FROM pragma_database_list", [{"name": "main"}]),
        ("SELECT name FROM pragma_collation_list WHERE name = 'BINARY'", [{"name": "BINARY"}]),
        ("SELECT count(*) > 0 AS some FROM pragma_compile_options", [{"some": 1}]),
        ("SELECT * FROM pragma_foreign_key_check", []),
        ("PRAGMA table_info(cqrs_store)", None),
    ],
)
def test_tables_of_sqlite_that_only_read(orders: Path, here: Any, statement: str, rows: list[Any] | None) -> None:
    ran = here("sql", statement, "--json")
    assert ran.code == 0, ran.err
    assert rows is None or ran.json == rows


def test_a_view_of_somebody_else_may_read_them(orders: Path, here: Any) -> None:
    connection = sqlite3.connect(orders)
    connection.execute("CREATE VIEW numbers AS SELECT value FROM json_each('[7]')")
    connection.close()
    assert here("sql", "SELECT * FROM numbers", "--json").json == [{"value": 7}]


def test_parameters_are_values(orders: Path, here: Any) -> None:
    ran = here("sql", "SELECT count(*) AS n FROM event_log WHERE stream = :s", "--param", "s=order-1", "--json")
    assert ran.json == [{"n": 3}]
    hostile = here("sql", "SELECT :s AS s", "--param", "s=x'; DROP TABLE events", "--json")
    assert hostile.json == [{"s": "x'; DROP TABLE events"}]
    for words, said in (
        (["SELECT :a"], "sql"),
        (["SELECT :a", "--param", "a"], "NAME=VALUE"),
        (["SELECT 1", "--param", "1a=2"], "NAME=VALUE"),
    ):
        ran = here("sql", *words)
        assert (ran.code, said in ran.err) == (2, True)


def test_odd_columns_and_values(orders: Path, here: Any) -> None:
    assert here("sql", "SELECT 1 AS a, 2 AS a, NULL AS b", "--json").json == [{"a": 1, "a_2": 2, "b": None}]
    assert here("sql", "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a", "--json").json == [
        {"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}
    ]
    assert here("sql", "SELECT x'00ff' AS blob", "--json").code == 0
    assert "\x1b" not in here("sql", "SELECT char(27) || '[31m' AS x").out


def test_what_is_worked_on_the_rows_counts(orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cqrs_cli.errors import Unavailable
    from cqrs_cli.stores.registry import open_store

    worked = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: worked[0])
    many = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x LIMIT 1200) SELECT n FROM x"
    with open_store(str(orders)) as store:
        assert len(list(store.sql(many, {}, 30))) == 1200
        rows = iter(store.sql(many, {}, 30))
        next(rows)
        worked[0] = 60.0
        with pytest.raises(Unavailable, match="worked longer than 30 s"):
            list(rows)


def test_a_time_limit(orders: Path, here: Any) -> None:
    endless = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x"
    ran = here("sql", endless, "--timeout", "0.3", "--json")
    assert (ran.code, ran.error["code"]) == (7, "timed-out")
    assert 0.3 < PATIENCE <= 8, "a stranger's endless view is over in ten seconds, with the start of a process"
    rows = here("sql", endless.replace("count(*)", "n"), "--timeout", "0.5", "--jsonl")
    assert rows.code == 7


def test_no_value_eats_the_memory(orders: Path, here: Any) -> None:
    for bomb in ("SELECT length(zeroblob(1000000000))", "SELECT length(printf('%*d', 900000000, 1))"):
        ran = here("sql", bomb, "--json")
        assert ran.code == 2 or list(ran.json[0].values()) == [None], ran.err


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nope", "no such table"),
        ("SELECT * FROM cqrs_nope", "no such table"),
        ("SELECT 'x", ""),
        ("SELECT 'a' MATCH 'b'", "unable to use function MATCH in the requested context"),
        ("SELECT 'a' LIKE 'b' ESCAPE 'cc'", "ESCAPE expression must be a single character"),
        ("SELECT RAISE(ABORT, 'x')", "RAISE() may only be used within a trigger-program"),
        ("SELECT * FROM json_each('{')", "malformed JSON"),
        ("SELECT 1 UNION SELECT 1, 2", "do not have the same number of result columns"),
        ("SELECT " + "1+" * 5000 + "1", "Expression tree is too large"),
        ("SELECT group_concat(hex(zeroblob(10000000))) FROM (VALUES" + "(1)," * 14 + "(1))", "string or blob too big"),
        ("SELECT nosuch", "no such column: nosuch"),
        ("SELECT upper(x)", "no such column: x"),
        ("VALUES (a)", "no such column: a"),
        ("SELECT nosuch FROM events", "no such column: nosuch"),
        ("SELECT 1 LIMIT 'a'", "datatype mismatch"),
        ("SELECT abs(-9223372036854775808)", "integer overflow"),
        ("SELECT json_extract('{', '$')", "malformed JSON"),
        ("SELECT json_extract('{}', CAST(x'ff' AS TEXT))", "is no UTF-8"),
        ("SELECT 1; SELECT 2", "hint: one statement; parameters as --param name=value for :name"),
        ("DELETE FROM events", "hint: rows change by cqrs send and cqrs project"),
    ],
)
def test_mistakes(orders: Path, here: Any, statement: str, said: str) -> None:
    ran = here("sql", statement)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(
    "statement", ["", "  ", ";", " ; ", "-- nothing", "/* nothing */", "/* open", "-- a\n/* b */ ; -- c"]
)
def test_nothing_is_no_statement(orders: Path, here: Any, statement: str) -> None:
    ran = here("sql", "--json", "--", statement)
    assert (ran.code, ran.out, ran.error["code"]) == (2, "", "sql")
    assert ran.error["message"] == "the statement is empty"
    assert "SELECT name FROM sqlite_schema" in ran.error["hint"]


def test_comments_stand_round_a_statement(orders: Path, here: Any) -> None:
    assert here("sql", "--json", "--", "-- all\n/* of */ SELECT 1 AS a; -- them").json == [{"a": 1}]
    assert here("sql", "PRAGMA table_info(nosuch)", "--json").json == []


def test_that_memory_is_short_is_no_bug(orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cqrs_cli.errors import Misuse
    from cqrs_cli.stores.registry import open_store
    from cqrs_cli.stores.sqlite import sql as sqlite_sql

    def short(self: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(sqlite_sql.ReadOnlySQL, "_page", short)
    with open_store(orders, read_only=True) as store, pytest.raises(Misuse, match="out of memory"):
        list(store.sql("SELECT 1", {}, 1))


def test_a_first_statement_that_is_wrong_is_not_a_fault_of_the_store(
    orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the first on its connection, SQLite calls it a change of the schema."""
    from cqrs_cli.errors import Misuse
    from cqrs_cli.stores.registry import open_store
    from cqrs_cli.stores.sqlite import sql as sqlite_sql

    monkeypatch.setattr(sqlite_sql, "_TABLES", ())
    with open_store(orders, read_only=True) as store, pytest.raises(Misuse, match="no such column: nosuch"):
        store.sql("SELECT nosuch", {}, 1)


def test_no_domain_is_loaded_and_no_store_made(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_APP", "nothing.at.all:domain")
    assert here("sql", "SELECT 1").code == 3
    assert list(tmp_path.iterdir()) == []


def test_empty_is_said(orders: Path, here: Any) -> None:
    assert here("sql", "SELECT 1 WHERE 0", "--fail-if-empty").code == 5
    assert here("sql", "SELECT 1 AS a WHERE 0", "--csv").out.splitlines() in (["a"], [])


def test_standard_input(orders: Path, cqrs: Any) -> None:
    ran = cqrs("--store", str(orders), "sql", "-", "--json", stdin="SELECT count(*) AS n\nFROM events")
    assert json.loads(ran.stdout) == [{"n": 7}]


def test_a_statement_that_is_no_text(orders: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "cqrs_cli", "--store", str(orders), "sql", "-"],
        input=b"SELECT '\xff'",
        capture_output=True,
        cwd=ROOT,
    )
    assert ran.returncode == 2
    assert b"error[sql]: standard input is no text in UTF-8" in ran.stderr


def test_what_has_no_json_and_what_is_no_text_is_the_statements_fault(orders: Path, here: Any) -> None:
    ran = here("sql", "SELECT 1e999 AS x", "--json")
    assert (ran.code, ran.error["code"]) == (2, "no-json")
    assert "Infinity" in here("sql", "SELECT 1e999 AS x").out
    ran = here("sql", "SELECT CAST(x'c328' AS TEXT)")
    assert ran.code == 2
    assert "is no UTF-8" in ran.err
    assert "hex(" in ran.err


BOUNDED = """
import resource, sys
from cqrs_cli.stores.registry import open_store
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
with open_store(sys.argv[1], read_only=True) as store:
    print(sum(len(row[0]) for row in store.sql(sys.argv[2], {}, 60)))
"""
_MANY = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 30) SELECT {} FROM c"


def test_large_values_are_taken_a_few_at_a_time(orders: Path) -> None:
    """A page of as many rows as there are small ones would hold half a gigabyte."""
    statement = _MANY.format("zeroblob(16000000)")
    ran = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(orders), statement],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (ran.returncode, ran.stdout) == (0, "480000000\n"), ran.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT zeroblob(1000000000)",
        _MANY.format(", ".join(["zeroblob(9000000)"] * 30)),
        "SELECT " + ", ".join(["hex(zeroblob(8000000))"] * 20),
    ],
)
def test_a_value_and_a_row_have_their_largest(orders: Path, here: Any, statement: str) -> None:
    ran = here("sql", statement, "--json")
    assert (ran.code, ran.error["code"]) == (2, "too-big")


def test_looking_at_a_statement_first_changes_nothing(orders: Path, here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PRAGMA may work when it is prepared, EXPLAIN or not."""
    from cqrs_cli.stores.sqlite import sql as sqlite_sql

    made: list[sqlite3.Connection] = []
    longest = sqlite_sql.ReadOnlySQL._longest

    def spied(self: Any, *args: Any) -> int:
        made.append(self._connection)
        found = longest(self, *args)
        assert self._connection.execute("EXPLAIN SELECT 1").fetchone() is not None
        self._connection.set_authorizer(None)
        assert self._connection.execute("PRAGMA query_only").fetchone() == (1,)
        self._connection.set_authorizer(self._authorize)
        return found

    monkeypatch.setattr(sqlite_sql.ReadOnlySQL, "_longest", spied)
    assert here("sql", "PRAGMA query_only=OFF", "--json").error["code"] == "sql"
    assert len(made) == 1
