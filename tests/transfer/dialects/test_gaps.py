"""Numbers that are seen before smaller ones are committed: nothing is ever passed over."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.copy import AS_IT_IS, follow
from cqrs_cli.transfer.dialects import reader as reading
from cqrs_cli.transfer.dialects.database import Select
from cqrs_cli.transfer.dialects.dialect import DOCUMENTED, Dialect, shape
from cqrs_cli.transfer.dialects.event import ForeignEvent
from cqrs_cli.transfer.dialects.foreign_source import ForeignSource, recorded_at
from cqrs_cli.transfer.dialects.opening import open_reader
from cqrs_cli.transfer.dialects.postgres_database import PostgresDatabase
from cqrs_cli.transfer.store_sink import StoreSink
from tests.transfer.dialects.mirrors import mirrored
from tests.transfer.logs import fields_of

psycopg: Any = pytest.importorskip("psycopg")


def dialect(patience: float = 0.0) -> Dialect:
    """Of a table with a number and a text."""

    def event(row: Any) -> ForeignEvent | None:
        if row[1] == "none":
            return None
        return ForeignEvent(row[0], "log", "Noted", b'{"n":"%s"}' % row[1].encode(), f"id-{row[0]}", row[2])

    return Dialect(
        "notes", "notes", DOCUMENTED, {"postgresql": (shape("notes", "n what"),)},
        lambda kind, place: Select("n, what, at", place[0].quoted, "n"), lambda database, place: event, patience,
    )  # fmt: skip


TABLE = "CREATE TABLE notes (n bigserial PRIMARY KEY, what text, at bigint)"
INSERT = "INSERT INTO notes (what) VALUES (%s)"


def taken(path: Path) -> list[str]:
    return [str(data.decode()) for (data,) in fields_of(path, ("data",))]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_WAIT_FOR_WRITERS", 0.2)


@pytest.mark.parametrize("ending", ["commit", "rollback", "prepare"])
def test_what_is_not_committed_holds_back_what_comes_after_it(
    postgres: str, session: Any, tmp_path: Path, ending: str
) -> None:
    session.execute(TABLE)
    session.execute(INSERT, ("first",))
    target, dialects = tmp_path / "m.db", [dialect()]
    with psycopg.connect(postgres) as slow:
        slow.execute(INSERT, ("slow",))
        session.execute(INSERT, ("quick",))
        proof, gap = mirrored(postgres, target, dialects=dialects)
        assert (proof.position, gap) == (1, 2)
        if ending == "prepare":
            slow.execute("PREPARE TRANSACTION 'slow'")
        elif ending == "commit":
            slow.commit()
        else:
            slow.rollback()
    if ending == "prepare":  # nobody's session, and not over all the same
        assert mirrored(postgres, target, dialects=dialects)[1] == 2
        session.execute("COMMIT PREPARED 'slow'")
    proof, gap = mirrored(postgres, target, dialects=dialects)
    assert (proof.position, gap) == (3, None)
    names = ["first", "quick"] if ending == "rollback" else ["first", "slow", "quick"]
    assert taken(target) == [f'{{"n":"{name}"}}' for name in names]


def test_numbers_that_never_came_cost_one_look(postgres: str, session: Any, tmp_path: Path) -> None:
    session.execute(TABLE)
    for number in range(60):
        session.execute("INSERT INTO notes (n, what) VALUES (%s, 'x')", (number * 3 + 5,))
    looks = 0
    writers = PostgresDatabase.writers

    def counted(self: PostgresDatabase, tables: Any) -> Any:
        nonlocal looks
        looks += 1
        return writers(self, tables)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresDatabase, "writers", counted)
        proof, gap = mirrored(postgres, tmp_path / "m.db", dialects=[dialect()])
    assert (proof.events, gap, looks) == (60, None, 1)


def test_a_row_that_is_no_event_is_no_gap_and_no_news(postgres: str, session: Any, tmp_path: Path) -> None:
    session.execute(TABLE)
    for what in ("a", "none", "b", "none"):
        session.execute(INSERT, (what,))
    proof, gap = mirrored(postgres, tmp_path / "m.db", dialects=[dialect()])
    assert (proof.events, proof.position, gap) == (2, 3, None)
    with closing(open_reader(postgres, [dialect()])) as reader:
        assert [event.position for event in reader.events(2)] == [3]
        assert not reader.wait(3, 0.1), "else whoever follows would never rest"
        session.execute(INSERT, ("c",))
        assert reader.wait(3, 60)


def test_a_number_that_is_taken_before_the_insert_is_waited_for(postgres: str, session: Any, tmp_path: Path) -> None:
    """As some stores do it: then nobody can be seen who may still bring it."""
    session.execute(TABLE)
    session.execute("SELECT nextval('notes_n_seq')")
    session.execute(INSERT, ("second",))
    proof, gap = mirrored(postgres, tmp_path / "m.db", dialects=[dialect(patience=60)])
    assert (proof.position, gap) == (0, 1)
    session.execute("UPDATE notes SET at = %s", ((time.time_ns() // 1000) - 61_000_000,))
    proof, gap = mirrored(postgres, tmp_path / "m.db", dialects=[dialect(patience=60)])
    assert (proof.position, gap) == (2, None), "an old row: what is missing before it would be there by now"


def test_writers_and_a_mirror_at_once(postgres: str, session: Any, tmp_path: Path) -> None:
    """Transactions of all lengths, of which some are rolled back: each that was committed is there, once."""
    session.execute(TABLE)
    done, committed, lock = threading.Event(), set[str](), threading.Lock()

    def write(name: int) -> None:
        chance = random.Random(name)
        with psycopg.connect(postgres) as connection:
            for number in range(60):
                texts = [f"{name}-{number}-{part}" for part in range(chance.randint(1, 3))]
                for text in texts:
                    connection.execute(INSERT, (text,))
                    time.sleep(chance.random() * 0.008)
                if chance.random() < 0.2:
                    connection.rollback()
                    continue
                connection.commit()
                with lock:
                    committed.update(texts)

    def stop() -> bool:
        return done.is_set() and reached() >= session.execute("SELECT max(n) FROM notes").fetchone()[0]

    def reached() -> int:
        return told[-1] if told else 0

    told: list[int] = []
    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    waiter = threading.Thread(target=lambda: ([thread.join() for thread in threads], done.set()))
    waiter.start()
    until = time.monotonic() + 90
    with closing(open_reader(postgres, [dialect()])) as reader, open_store(str(tmp_path / "m.db"), create=True) as here:
        foreign = ForeignSource(reader, lambda after: recorded_at(here, reader.name, after))
        follow(
            foreign, StoreSink(here), AS_IT_IS, lambda: stop() or time.monotonic() > until,
            lambda tally: told.append(tally.reached.position),
        )  # fmt: skip
    waiter.join()
    found = taken(tmp_path / "m.db")
    assert len(found) == len(set(found))
    assert set(found) == {f'{{"n":"{text}"}}' for text in committed}


def test_a_role_that_may_only_read_suffices_and_nobody_can_write(postgres: str, session: Any, tmp_path: Path) -> None:
    session.execute(TABLE)
    session.execute(INSERT, ("a",))
    session.execute("DROP ROLE IF EXISTS watcher")
    session.execute("CREATE ROLE watcher LOGIN PASSWORD 'word'")
    try:
        split = urlsplit(postgres)
        url = urlunsplit(split._replace(netloc=f"watcher:word@{split.hostname}:{split.port}"))
        with pytest.raises(Exception, match="no log of a known kind"):
            mirrored(url, tmp_path / "m.db", dialects=[dialect()])
        session.execute("GRANT SELECT ON notes TO watcher")
        assert mirrored(url, tmp_path / "m.db", dialects=[dialect()])[0].events == 1
    finally:
        session.execute("DROP OWNED BY watcher")
        session.execute("DROP ROLE watcher")
    with closing(PostgresDatabase(postgres)) as database, pytest.raises(Unavailable, match="read-only"):
        database.first("INSERT INTO notes (what) SELECT 'x' WHERE 1 = ?::int RETURNING n", 1)


def test_a_sequence_that_sessions_keep_numbers_of_is_refused(postgres: str, session: Any, tmp_path: Path) -> None:
    for made in (
        TABLE,
        "CREATE SEQUENCE notes_n_seq; CREATE TABLE notes (n bigint DEFAULT nextval('notes_n_seq'), what text, at bigint)",
    ):
        session.execute("DROP TABLE IF EXISTS notes")
        session.execute(made)
        session.execute("ALTER SEQUENCE notes_n_seq CACHE 20")
        with pytest.raises(Misuse) as caught:
            mirrored(postgres, tmp_path / "m.db", dialects=[dialect()])
        assert caught.value.code == "kept-numbers"
        session.execute("ALTER SEQUENCE notes_n_seq CACHE 1")
        mirrored(postgres, tmp_path / "m.db", dialects=[dialect()])


def test_parts_of_a_table_are_looked_at_too(postgres: str, session: Any, tmp_path: Path) -> None:
    session.execute("CREATE TABLE notes (n bigserial, what text, at bigint) PARTITION BY LIST (what)")
    session.execute("CREATE TABLE notes_a PARTITION OF notes FOR VALUES IN ('a')")
    session.execute("CREATE TABLE notes_b PARTITION OF notes DEFAULT")
    with psycopg.connect(postgres) as slow:
        slow.execute("INSERT INTO notes_a (n, what) VALUES (nextval('notes_n_seq'), 'a')")
        session.execute(INSERT, ("b",))
        assert mirrored(postgres, tmp_path / "m.db", dialects=[dialect()])[1] == 1
        slow.commit()
    assert mirrored(postgres, tmp_path / "m.db", dialects=[dialect()])[0].events == 2
