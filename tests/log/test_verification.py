"""Whether a store is what was written: what is found, what only a checkpoint shows, and where it is."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import Damaged
from cqrs_cli.log import checkpoint as checkpoints
from cqrs_cli.log.checkpoint import Checkpoint
from cqrs_cli.log.verification import Verified, check_log, verify
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.transfer.copy import Between, copy
from cqrs_cli.transfer.fork import fork
from cqrs_cli.transfer.interchange_file import InterchangeFile
from cqrs_cli.transfer.narrowing import Narrowing, Wanted
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource
from tests.faults import copies, manipulations

FIXTURES = Path(__file__).parents[1] / "stores" / "sqlite" / "fixtures"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "log.db"
    manipulations.make(path)
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "log.db"))


def looked_at(path: Path, *wanted: int) -> Verified:
    with SQLiteStore(str(path), read_only=True) as store:
        return verify(store, wanted)


def checkpoint(path: Path) -> Checkpoint:
    with SQLiteStore(str(path), read_only=True) as store:
        return checkpoints.checkpoint_of(store, verify(store))


def change(path: Path, *statements: str) -> None:
    """By plain SQL, as somebody does who drops the triggers before and makes them anew."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def codes(path: Path) -> list[tuple[int | None, str]]:
    return [(one.position, one.code) for one in looked_at(path).flaws]


def test_a_log_that_is_as_it_was_written(path: Path) -> None:
    told: list[int] = []
    with SQLiteStore(str(path), read_only=True) as store:
        found = verify(store, (1, 2, 3), told.append)
        hashes = {one.events[-1].position: one.hash for one in store.commits()}
    assert found.ok
    assert (found.commits, found.events, found.head) == (40, 79, 79)
    assert found.hash == hashes[79]
    assert found.hashes == {at: hashes[at] for at in (1, 3)}, "no commit ends at 2"
    assert sum(told) == 79


def test_an_empty_log(tmp_path: Path) -> None:
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        found = verify(store)
    assert (found.ok, found.commits, found.head, found.hash) == (True, 0, 0, None)


@pytest.mark.parametrize("kind", manipulations.KINDS)
def test_manipulations(path: Path, kind: str) -> None:
    then = checkpoint(path)
    for seed in range(2):
        copy = Path(shutil.copy(path, path.with_name(f"{seed}.db")))
        manipulations.manipulate(copy, kind, seed)
        found = looked_at(copy, then.position)
        assert found.ok == (kind in manipulations.UNSEEN), found.flaws
        assert not found.ok or checkpoints.compare(found, then) is not None


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["UPDATE events SET data = '[]' WHERE position = 6"], [(4, "chain")]),
        (["DELETE FROM events WHERE position = 5"], [(5, "event"), (4, "chain"), (7, "version")]),
        (["UPDATE events SET commit_position = 1 WHERE position = 5"], [(5, "event")]),
        (["UPDATE commits SET recorded_at = 1 WHERE first_position = 7"], [(7, "chain"), (7, "time")]),
        (["DELETE FROM streams WHERE id = 2"], None),
        (["INSERT INTO streams (id, name) VALUES (6, 'order-9')"], [(None, "stream")]),
        (["INSERT INTO streams (id, name) VALUES (60, 'order-9')"], None),
        (["DROP VIEW event_log"], [(None, "schema")]),
        (["DROP INDEX commits_by_correlation"], [(None, "schema")]),
        (["DROP TABLE cqrs_stops"], [(None, "schema")]),
        (["UPDATE cqrs_checkpoints SET position = 80"], [(80, "checkpoint")]),
        (["UPDATE cqrs_checkpoints SET position = -1"], [(-1, "checkpoint")]),
        (["INSERT INTO cqrs_stops VALUES ('p', 99, 's', 't', 'c', 'e', 0)"], [(None, "operational")]),
        (["INSERT INTO cqrs_snapshots VALUES ('order-1', 99, 3, 1, 'f', '{}', 0)"], [(3, "operational")]),
        (["INSERT INTO cqrs_snapshots VALUES ('order-1', 1, 3, 1, 'f', '{', 0)"], [(3, "operational")]),
    ],
)
def test_where_it_is_and_what(path: Path, statements: list[str], expected: Any) -> None:
    change(path, *statements)
    found = codes(path)
    assert found
    assert expected is None or found == expected


def test_what_can_not_be_read_is_a_finding_and_nothing_after_it_is_believed(path: Path) -> None:
    change(path, "UPDATE commits SET user_id = CAST(x'ff' AS TEXT) WHERE first_position = 7")
    assert (7, "unreadable") in codes(path)


def test_a_fork_must_have_the_hash_of_its_source(path: Path) -> None:
    forked = str(path.with_name("fork.db"))
    with SQLiteStore(str(path), read_only=True) as store:
        fork(store, forked, 6)
    assert looked_at(Path(forked)).ok
    change(Path(forked), "UPDATE cqrs_origins SET source_hash = 'x'")
    assert codes(Path(forked)) == [(6, "origin")]


def test_what_was_narrowed_or_made_of_lines_has_a_history_of_its_own(path: Path, tmp_path: Path) -> None:
    lines, made, narrowed = tmp_path / "lines.jsonl", tmp_path / "made.db", tmp_path / "narrowed.db"
    lines.write_text('{"stream":"a-1","type":"T","data":{}}\n')
    narrowing = Narrowing(Wanted(streams=["order-1"]))
    with open_store(str(path), read_only=True) as there, open_store(str(narrowed), create=True) as here:
        copy(StoreSource(there), StoreSink(here), Between((narrowing,), narrowing.name))
    with open_store(str(made), create=True) as here:
        copy(InterchangeFile(str(lines)), StoreSink(here))
    for store in (narrowed, made):
        assert looked_at(store).head > 0
        assert looked_at(store).ok


@pytest.mark.parametrize("name", sorted(one.name for one in FIXTURES.glob("*.db*")))
def test_stores_of_older_formats_are_sound(name: str, tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "old.db"
    data = (FIXTURES / name).read_bytes()
    path.write_bytes(gzip.decompress(data) if name.endswith(".gz") else data)
    assert looked_at(path).flaws == []


def test_others_append_meanwhile(path: Path) -> None:
    with open_store(str(path)) as writer, SQLiteStore(str(path), read_only=True) as store:
        found = verify(store, progress=lambda _: writer.append(commit(f"late-{writer.head()}", event("new-1"))))
    assert found.ok
    assert found.head == 79


def test_the_log_is_checked_before_something_is_compared_with_it(path: Path) -> None:
    with SQLiteStore(str(path), read_only=True) as store:
        check_log(store)
    change(path, "UPDATE events SET data = '[]' WHERE position = 6")
    with SQLiteStore(str(path), read_only=True) as store, pytest.raises(Damaged, match="@4: the commit 'c2'") as raised:
        check_log(store)
    assert raised.value.code == "not-verified"


# ── checkpoints ───────────────────────────────────────────────────────────────────────────────


def test_a_checkpoint_is_three_lines(path: Path) -> None:
    made = checkpoint(path)
    origin, size, hash = made.text().splitlines()
    assert (origin[:5], size, len(hash)) == ("cqrs/", "79", 44)
    assert checkpoints.parse(made.text()) == made
    assert checkpoints.parse(made.text() + "an extension\n") == made


def test_a_log_that_only_grew(path: Path) -> None:
    then = checkpoint(path)
    with open_store(str(path)) as store:
        store.append(commit("later"))
    found = looked_at(path, then.position)
    assert found.head == 80
    assert checkpoints.compare(found, then) is None
    assert checkpoint(path).origin == then.origin


def test_one_that_did_not(path: Path) -> None:
    then = checkpoint(path)
    for one, code in (
        (then._replace(position=80), "cut"),
        (then._replace(position=78), "rewritten"),
        (then._replace(position=76), "rewritten"),
        (then._replace(position=0), "rewritten"),
    ):
        flaw = checkpoints.compare(looked_at(path, one.position), one)
        assert flaw is not None
        assert flaw.code == code


def test_an_empty_log_may_grow(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with SQLiteStore(str(path), create=True) as store:
        then = checkpoints.checkpoint_of(store, verify(store))
        store.append(commit("c1"))
    assert then.position == 0
    assert checkpoints.compare(looked_at(path, 0), then) is None


def test_of_a_log_that_was_changed_there_is_none(path: Path) -> None:
    change(path, "UPDATE events SET data = '[]' WHERE position = 6")
    with pytest.raises(Damaged):
        checkpoint(path)


def test_bits_that_flip_and_pages_that_change_places_are_found_or_change_nothing(path: Path) -> None:
    """In short: `make faults` has 300 of them."""
    known, changed, found = copies.history(path), path.with_name("changed.db"), 0
    for seed in range(24):
        shutil.copy(path, changed)
        told = copies.damage(changed, seed)
        if copies.verified(changed):
            assert copies.history(changed) == known, told
        else:
            found += 1
    assert found
