"""A store that a stranger made to be slow or huge: every command over it ends soon, in little memory, with a word."""

import os
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cqrs_cli.stores.rows import Column, Table
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from tests.conftest import ROOT

OWNERS = Table("owners", (Column("id", "text"), Column("owner", "text", True)), ("id",))
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
SECONDS, MEGABYTES = 60, 300
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
open("most", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""A small process between: what a child is measured to have had begins with what its parent has when it makes it."""
"""Bounds on a busy machine; measured were at most 10 s (`sql`, its limit) and 45 MB."""

STORES = {
    "the log is endless": (
        "DROP TABLE events",
        f"CREATE VIEW events AS {ENDLESS} SELECT x AS position, 1 AS commit_position, 1 AS stream_id, x AS version, "
        "1 AS type_id, 1 AS schema_version, '{}' AS data FROM c",
    ),
    "a read model is endless": (
        "DROP VIEW owners_view",
        "DROP TABLE owners",
        f"CREATE VIEW owners AS {ENDLESS} SELECT 'a' || x AS id, 'o' AS owner FROM c",
    ),
    "values are huge": (
        "DROP VIEW owners_view",
        "DROP TABLE owners",
        f"CREATE VIEW owners AS {ENDLESS} SELECT printf('%.*c', 900000000, 'x') AS id, zeroblob(900000000) AS owner FROM c",
    ),
    "positions are far apart": (
        "DROP TRIGGER events_update",
        "DROP TRIGGER commits_update",
        f"UPDATE events SET position = {4 * 10**18}, commit_position = {4 * 10**18} WHERE position = 3",
        f"UPDATE commits SET first_position = {4 * 10**18} WHERE first_position = 3",
    ),
    "metadata is deep": (
        "DROP TRIGGER commits_update",
        f"UPDATE commits SET metadata = '{{\"a\":{'[' * 100_000}{']' * 100_000}}}'",
    ),
}
COMMANDS = (
    "log --json",
    "log --reverse -n 1",
    "streams",
    "stats",
    "doctor",
    "trace @1",
    "run --failed",
    "sql --timeout 1 'SELECT * FROM owners ORDER BY id'",
    "sql --timeout 1 'SELECT count(*) FROM owners'",
    "sql --timeout 1 'SELECT group_concat(owner) FROM owners'",
)


@pytest.mark.slow
@pytest.mark.parametrize("what", STORES)
def test_no_command_hangs_or_eats_the_memory(tmp_path: Path, what: str) -> None:
    path = tmp_path / "theirs.db"
    with SQLiteStore(str(path), create=True) as store:
        for number in range(1, 4):
            store.append(commit(f"c{number}", event(f"account-{number}")))
        with store.transaction() as rows:
            rows.create(OWNERS)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        for statement in STORES[what]:
            connection.execute(statement)
    for words in COMMANDS:
        code, megabytes, said = ran(tmp_path, words)
        assert code in (0, 1, 2, 5, 6, 7), (words, said)
        assert megabytes < MEGABYTES, words
        assert code != 7 or "timed-out" in said, (words, said)


def ran(folder: Path, words: str) -> tuple[int, float, str]:
    """Exit code, peak memory in MB and standard error of a command in a process of its own, which may take a minute."""
    command = ["timeout", str(SECONDS), sys.executable, "-m", "cqrs_cli", "--store", "theirs.db", *shlex.split(words)]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        code = subprocess.run(
            [sys.executable, "-c", MEASURED, *command],
            cwd=folder,
            stdout=out,
            stderr=err,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ).returncode
    return code, int((folder / "most").read_text()) / 1024, (folder / "err").read_text(errors="replace")
