"""Changes that somebody who may write the file makes to a log, by plain SQL: some are seen, some only by a checkpoint.

Used short by the suite, long by `make faults`.
"""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from tests.stores.links import link_of

COMMITS = 40
UNSEEN = ("cut tail", "chain computed anew")
"""What a chain alone can't show."""
Change = Callable[[sqlite3.Connection, random.Random], object]


def make(path: Path) -> None:
    """A log of 40 commits, 1 to 3 events each, on 5 streams, with what a commit may have."""
    with SQLiteStore(str(path), create=True, clock=iter(range(10**18, 2 * 10**18, 10**9)).__next__) as store:
        appends = []
        for number in range(COMMITS):
            events = [
                event(f"order-{(number + n) % 5}", f"T{n}", b'{"n":%d}' % (number * 10 + n))
                for n in range(number % 3 + 1)
            ]
            appends.append(Append(commit(f"c{number}", *events, user_id="ada", metadata=f'{{"a":{number}}}')))
        store.append_many(appends)
        with store.transaction() as rows:
            rows.move("orders", None, Checkpoint("orders", 7, "{}"))


def _some(connection: sqlite3.Connection, chance: random.Random, table: str, column: str, but_last: int = 0) -> int:
    found = [row[0] for row in connection.execute(f"SELECT {column} FROM {table} ORDER BY 1")]
    return int(chance.choice(found[: len(found) - but_last]))


def edit(connection: sqlite3.Connection, chance: random.Random) -> None:
    at, first = _some(connection, chance, "events", "position"), _some(connection, chance, "commits", "first_position")
    connection.execute(
        *chance.choice(
            [
                ("UPDATE events SET data = '{\"n\":-1}' WHERE position = ?", (at,)),
                ("UPDATE events SET schema_version = 2 WHERE position = ?", (at,)),
                ("UPDATE events SET type_id = type_id % 3 + 1 WHERE position = ?", (at,)),
                ("UPDATE events SET version = version + 100 WHERE position = ?", (at,)),
                ("UPDATE events SET commit_position = 0 WHERE position = ?", (at,)),
                ("UPDATE commits SET user_id = 'eve' WHERE first_position = ?", (first,)),
                ("UPDATE commits SET metadata = NULL WHERE first_position = ?", (first,)),
                ("UPDATE commits SET recorded_at = recorded_at + 1 WHERE first_position = ?", (first,)),
                ("UPDATE commits SET command_data = '{\"x\":1}' WHERE first_position = ?", (first,)),
                ("UPDATE commits SET command_type = 'Other' WHERE first_position = ?", (first,)),
                ("UPDATE commits SET id = id || '-' WHERE first_position = ?", (first,)),
                ("UPDATE commits SET event_count = event_count + 1 WHERE first_position = ?", (first,)),
                ("UPDATE commits SET hash = zeroblob(32) WHERE first_position = ?", (first,)),
                ("UPDATE streams SET name = 'order-x' WHERE id = ?", (chance.randint(1, 5),)),
                ("UPDATE event_types SET name = 'Other' WHERE id = ?", (chance.randint(1, 3),)),
            ]
        )
    )


def delete(connection: sqlite3.Connection, chance: random.Random) -> None:
    first = _some(connection, chance, "commits", "first_position", but_last=1)
    how = chance.randrange(3)
    if how == 0:
        connection.execute("DELETE FROM events WHERE position = ?", (_some(connection, chance, "events", "position"),))
    elif how == 1:
        connection.execute("DELETE FROM commits WHERE first_position = ?", (first,))
    else:
        connection.execute("DELETE FROM events WHERE commit_position = ?", (first,))
        connection.execute("DELETE FROM commits WHERE first_position = ?", (first,))


def insert(connection: sqlite3.Connection, chance: random.Random) -> None:
    head = connection.execute("SELECT max(position) FROM events").fetchone()[0]
    owner = head + 1
    if chance.random() < 0.5:
        owner = connection.execute("SELECT max(first_position) FROM commits").fetchone()[0]
    else:
        connection.execute(
            "INSERT INTO commits SELECT ?, 'mine', 1, recorded_at, command_type, command_schema_version, command_digest, "
            "command_data, issued_at, NULL, NULL, 'eve', NULL, hash FROM commits WHERE first_position = 1",
            (head + 1,),
        )
    connection.execute(
        "INSERT INTO events SELECT ?, ?, 1, max(version) + 1, 1, 1, '{}' FROM events WHERE stream_id = 1",
        (head + 1, owner),
    )


def swap(connection: sqlite3.Connection, chance: random.Random) -> None:
    one, other = sorted(chance.sample(range(1, 60), 2))
    column = chance.choice(["data", "position"])
    both = "SELECT data FROM events WHERE position = ?"
    if column == "data":
        first, second = (connection.execute(both, (at,)).fetchone()[0] for at in (one, other))
        connection.execute("UPDATE events SET data = ? WHERE position = ?", (second, one))
        connection.execute("UPDATE events SET data = ? WHERE position = ?", (first, other))
    else:
        for old, new in ((one, -1), (other, one), (-1, other)):
            connection.execute("UPDATE events SET position = ? WHERE position = ?", (new, old))


def reorder(connection: sqlite3.Connection, chance: random.Random) -> None:
    """Two commits of one event each change places, events and all."""
    ones = [row[0] for row in connection.execute("SELECT first_position FROM commits WHERE event_count = 1")]
    one, other = chance.sample(ones, 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        connection.execute("UPDATE commits SET first_position = ? WHERE first_position = ?", (new, old))
        connection.execute("UPDATE events SET position = ?, commit_position = ? WHERE position = ?", (new, new, old))


def replace(connection: sqlite3.Connection, chance: random.Random) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO events SELECT position, commit_position, stream_id, version, type_id, schema_version, '[]' "
        "FROM events WHERE position = ?",
        (_some(connection, chance, "events", "position"),),
    )


def drop_trigger(connection: sqlite3.Connection, chance: random.Random) -> str:
    names = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
    ]
    return str(chance.choice(names))  # which is not made anew


def cut_tail(connection: sqlite3.Connection, chance: random.Random) -> None:
    first = connection.execute("SELECT max(first_position) FROM commits").fetchone()[0]
    if chance.random() < 0.5:
        first = connection.execute(
            "SELECT max(first_position) FROM commits WHERE first_position < ?", (first,)
        ).fetchone()[0]
    connection.execute("DELETE FROM events WHERE commit_position >= ?", (first,))
    connection.execute("DELETE FROM commits WHERE first_position >= ?", (first,))


def edit_before_all_is_anew(connection: sqlite3.Connection, chance: random.Random) -> None:
    at = _some(connection, chance, "events", "position")
    connection.execute("UPDATE events SET data = '{\"n\":-1}' WHERE position = ?", (at,))


def _chain_anew(path: Path) -> None:
    """As who reads the file with other means, which prove nothing."""
    with SQLiteStore(str(path), read_only=True) as store, patch("cqrs_cli.stores.proof.Proof.check_commit"):
        previous, hashes = bytes(32), []
        for one in store.commits():
            previous = link_of(previous, one)
            hashes.append((previous, one.id))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER commits_update")
        connection.executemany("UPDATE commits SET hash = ? WHERE id = ?", hashes)
        connection.commit()


KINDS: dict[str, Change] = {
    "edit": edit,
    "delete": delete,
    "insert": insert,
    "swap": swap,
    "reorder": reorder,
    "REPLACE": replace,
    "dropped trigger": drop_trigger,
    "cut tail": cut_tail,
    "chain computed anew": edit_before_all_is_anew,
}


def manipulate(path: Path, kind: str, seed: int) -> None:
    """Change the log in one way; the triggers are as they were afterwards, unless that is the change."""
    chance = random.Random(f"{kind} {seed}")
    with closing(sqlite3.connect(path)) as connection:
        before = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall())
        left_out = KINDS[kind](connection, chance) if kind == "dropped trigger" else None
        for name in before:
            connection.execute(f"DROP TRIGGER {name}")
        if kind != "dropped trigger":
            KINDS[kind](connection, chance)
        connection.commit()
    if kind == "chain computed anew":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(before["commits_update"])
        _chain_anew(path)
    with closing(sqlite3.connect(path)) as connection:
        for name, sql in before.items():
            if (
                name != left_out
                and not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone()
            ):
                connection.execute(sql)
        connection.commit()
