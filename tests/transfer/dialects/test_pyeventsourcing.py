"""Logs of pyeventsourcing: one that is checked in, and where the package is, what it writes now."""

# pyright: reportMissingImports=false

from __future__ import annotations

import importlib
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from cqrs_cli.errors import CqrsError, InvalidInput, Misuse, NotFound, Unavailable
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.dialects.known import DIALECTS
from cqrs_cli.transfer.dialects.opening import open_reader
from tests.conftest import ROOT
from tests.transfer.dialects.mirrors import mirrored
from tests.transfer.logs import fields_of, history

FIXTURE = ROOT / "tests" / "data" / "pyeventsourcing.db"


def rows(path: Path | str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT rowid, * FROM stored_events ORDER BY rowid").fetchall()


def log(path: Path, *events: tuple[Any, ...], table: str = "stored_events") -> Path:
    """A log in the tables of the package: (originator id, version, topic, state) each."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (originator_id TEXT, originator_version INTEGER, topic TEXT, "
            "state BLOB, PRIMARY KEY (originator_id, originator_version))"
        )
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", events)
        connection.commit()
    return path


def event(id: str, version: int = 1, topic: str = "shop:Cart.Opened", **state: Any) -> tuple[Any, ...]:
    return id, version, topic, json.dumps(state, separators=(",", ":")).encode()


def test_what_becomes_of_it(tmp_path: Path) -> None:
    proof, _ = mirrored(str(FIXTURE), tmp_path / "m.db")
    assert (proof.events, proof.commits, proof.position, proof.seen) == (5, 5, 5, proof.taken)
    found, stored = history(tmp_path / "m.db"), rows(FIXTURE)
    dog, cat = UUID(stored[0][1]), UUID(stored[2][1])
    assert [(one.events[0].stream, one.events[0].version, one.events[0].type) for one in found] == [
        (f"guide_dog-{dog}", 1, "GuideDog.Registered"),
        (f"guide_dog-{dog}", 2, "Animal.TrickAdded"),  # of the dog, though its class has inherited it
        (f"animal-{cat}", 1, "Animal.Registered"),
        (f"guide_dog-{dog}", 3, "GuideDog.Befriended"),
        (f"animal-{UUID(stored[4][1])}", 1, "Animal.Registered"),
    ]
    assert [one.id for one in found[:2]] == [f"guide_dog-{dog}:1", f"guide_dog-{dog}:2"]
    first, befriended = json.loads(found[0].events[0].data), json.loads(found[3].events[0].data)
    assert (first["name"], first["price"], first["originator_topic"]) == ("Fidó", "12.50", "kennel:GuideDog")
    assert befriended["friend"] == str(cat)
    assert befriended["at"] == "2026-01-31T10:00:00+00:00"
    assert befriended["note"] == '{"_type_":"uuid_hex","_data_":"ab"}', "a text that looks like a value is a text"
    assert json.loads(found[1].metadata_json or "")["topic"] == "kennel:Animal.TrickAdded"
    assert all(one.command is None for one in found)


def test_times_are_kept_and_never_fall(tmp_path: Path) -> None:
    mirrored(str(FIXTURE), tmp_path / "m.db")
    times = [one.recorded_us for one in history(tmp_path / "m.db")]
    own = [json.loads(data)["timestamp"] for (data,) in fields_of(tmp_path / "m.db", ("data",))]
    told = [json.loads(one.metadata_json or "{}").get("recorded_at") for one in history(tmp_path / "m.db")]
    assert times == sorted(times)
    assert own[2] < own[1], "the package gives each aggregate times of its own"
    assert times[2] == times[1]
    assert told == [None, None, own[2].replace("+00:00", "Z"), None, None]


def test_the_next_time_goes_on_where_it_was(tmp_path: Path) -> None:
    source, target = log(tmp_path / "s.db", *[event(f"a{n}", n=n) for n in range(5)]), tmp_path / "m.db"
    assert mirrored(str(source), target)[0].events == 5
    assert mirrored(str(source), target)[0].events == 0
    log(source, event("a1", 2, n=9))
    proof, _ = mirrored(str(source), target)
    assert (proof.begun, proof.position, proof.events, proof.duplicates) == (5, 6, 1, 0)
    assert fields_of(target, ("stream", "version"))[-1] == ("cart-a1", 2)


def test_the_stream_of_an_event_does_not_depend_on_where_one_begins(tmp_path: Path) -> None:
    """It is that of the first event of the aggregate, which was read another time."""
    first = event("a1", originator_topic="shop:Basket")
    source, target = log(tmp_path / "s.db", first, event("b1")), tmp_path / "m.db"
    mirrored(str(source), target)
    log(source, event("a1", 2, "lib:Base.Changed"))
    mirrored(str(source), target)
    assert fields_of(target, ("stream", "version")) == [("basket-a1", 1), ("cart-b1", 1), ("basket-a1", 2)]


@pytest.mark.parametrize(
    ("id", "stream"),
    [
        ("0123456789abcdef0123456789abcdef", "cart-01234567-89ab-cdef-0123-456789abcdef"),
        ("plain-1", "cart-plain-1"), ("cart-7", "cart-7"), ("a/b:c@1", "cart-a%2Fb%3Ac%401"), ("é", "cart-é"),
        ("e\u0301", "cart-e%CC%81"), ("100%", "cart-100%25"), ("a,b", "cart-a%2Cb"),
    ],
)  # fmt: skip
def test_ids(tmp_path: Path, id: str, stream: str) -> None:
    mirrored(str(log(tmp_path / "s.db", event(id))), tmp_path / "m.db")
    assert fields_of(tmp_path / "m.db", ("stream",)) == [(stream,)]


@pytest.mark.parametrize("made", ["pressed", "encrypted", "not json", "half", "list"])
def test_states(tmp_path: Path, made: str) -> None:
    plain = b'{"n":1,"at":{"_type_":"decimal_str","_data_":"1"}}'
    state = {
        "pressed": zlib.compress(plain), "encrypted": b"\x01\x02\x03" * 9, "not json": b"<xml/>", "half": plain[:-1],
        "list": b"[1]",
    }[made]  # fmt: skip
    source = str(log(tmp_path / "s.db", event("a"), ("b", 1, "shop:Cart.Opened", state)))
    if made in ("pressed", "list"):
        mirrored(source, tmp_path / "m.db")
        expected = b'{"n":1,"at":"1"}' if made == "pressed" else b"[1]"
        assert fields_of(tmp_path / "m.db", ("data",))[1] == (expected,)
        return
    with pytest.raises(InvalidInput, match="position 2") as caught:
        mirrored(source, tmp_path / "m.db")
    assert caught.value.code == "not-json"
    assert len(history(tmp_path / "m.db")) == 1, "what was before it is there, and the next time goes on behind it"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "NULL"), ("state", "5"), ("topic", "NULL"), ("topic", "x'ff00'"), ("topic", "''"),
        ("originator_version", "'x'"), ("originator_version", "NULL"), ("originator_id", "NULL"),
    ],
)  # fmt: skip
def test_a_torn_row_is_named_and_what_is_before_it_is_there(tmp_path: Path, column: str, value: str) -> None:
    source = log(tmp_path / "s.db", event("a"), event("b"), event("c"))
    with closing(sqlite3.connect(source)) as connection:
        connection.execute(f"UPDATE stored_events SET {column} = {value} WHERE rowid = 2")
        connection.commit()
    with pytest.raises(InvalidInput, match="position 2 of the source") as caught:
        mirrored(str(source), tmp_path / "m.db")
    assert caught.value.hint
    assert [one.events[0].stream for one in history(tmp_path / "m.db")] == ["cart-a"]
    with closing(sqlite3.connect(source)) as connection:  # who mends it goes on with it
        connection.execute("DELETE FROM stored_events WHERE rowid = 2")
        connection.commit()
    assert mirrored(str(source), tmp_path / "m.db")[0].events == 1


@pytest.mark.parametrize(
    ("words", "is_named", "hint"),
    [
        ({}, True, "another version"), ({"table": "stored_events"}, True, "another version"),
        ({"table": "stored_event"}, False, "stored_events"), ({"dialect": "emmett"}, False, "can be described"),
    ],
)  # fmt: skip
def test_columns_that_are_missing_are_named(tmp_path: Path, words: dict[str, str], is_named: bool, hint: str) -> None:
    """As in the schema of another version."""
    source = log(tmp_path / "s.db", event("a"))
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("ALTER TABLE stored_events DROP COLUMN topic")
        connection.commit()
    with pytest.raises(NotFound, match=r"whose tables are: stored_events$") as caught:
        open_reader(str(source), DIALECTS, **words)
    assert ("stored_events has no topic" in caught.value.complaints) == is_named
    assert hint in str(caught.value.hint)


def test_what_is_too_large_is_named_by_its_position(tmp_path: Path) -> None:
    source = str(log(tmp_path / "s.db", event("a"), event("b", text="x" * 1_100_000)))
    with pytest.raises(Misuse, match=r"position 2 of the source: an event Cart\.Opened has"):
        mirrored(source, tmp_path / "m.db")


def test_times_of_tomorrow_and_of_nowhere(tmp_path: Path) -> None:
    tomorrow: Any = {"timestamp": {"_type_": "datetime_iso", "_data_": "2999-01-01T00:00:00+00:00"}}
    source = log(tmp_path / "s.db", event("a", **tomorrow), event("b"), event("c", timestamp="2020-01-01T00:00:00Z"))
    mirrored(str(source), tmp_path / "m.db")
    found = history(tmp_path / "m.db")
    told = [json.loads(one.metadata_json or "{}").get("recorded_at") for one in found]
    assert told == ["2999-01-01T00:00:00.000000Z", None, "2020-01-01T00:00:00.000000Z"]
    log(source, event("d"))
    assert mirrored(str(source), tmp_path / "m.db")[0].events == 1


def test_another_log_at_the_same_place(tmp_path: Path) -> None:
    source, target = log(tmp_path / "s.db", event("a", n=1), event("b", n=2)), tmp_path / "m.db"
    mirrored(str(source), target)
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE stored_events SET state = '{\"n\":3}' WHERE originator_id = 'b'")
        connection.commit()
    with pytest.raises(Misuse) as caught:
        mirrored(str(source), target)
    assert caught.value.code == "source-changed"
    source.unlink()
    log(source, event("a", n=1))
    with pytest.raises(Misuse, match="it ends before"):
        mirrored(str(source), target)


def test_which_log_is_meant(tmp_path: Path) -> None:
    source = log(tmp_path / "s.db", event("a"), table="shop_events")
    with closing(sqlite3.connect(source)) as connection:  # snapshots are in a table of their own, without row ids
        connection.execute(
            "CREATE TABLE snapshots (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB, "
            "PRIMARY KEY (originator_id, originator_version)) WITHOUT ROWID"
        )
    mirrored(str(source), tmp_path / "m.db")
    log(source, event("b"), table="bank_events")
    with pytest.raises(Misuse, match="pyeventsourcing in bank_events, pyeventsourcing in shop_events") as caught:
        mirrored(str(source), tmp_path / "m.db")
    assert caught.value.code == "several-logs"
    with closing(open_reader(str(source), DIALECTS, table="bank_events")) as reader:
        assert [one.stream for one in reader.events(0)] == ["cart-b"]


@pytest.mark.parametrize("kind", ["missing", "text", "folder", "empty", "ours", "unreadable"])
def test_what_is_no_such_log(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s.db"
    if kind == "text":
        path.write_text("no database at all" * 100)
    elif kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "ours":
        open_store(str(path), create=True).close()
    expected = {"missing": NotFound, "empty": NotFound}.get(kind, Misuse)
    if kind == "unreadable":
        path, expected = Path("http://localhost/x"), Misuse
    with pytest.raises(expected) as caught:
        mirrored(str(path), tmp_path / "m.db")
    assert caught.value.code == {
        "missing": "no-file", "text": "no-database", "folder": "no-database", "empty": "no-log",
        "ours": "own-store", "unreadable": "no-source",
    }[kind]  # fmt: skip


def test_nothing_can_be_written_to_it(tmp_path: Path) -> None:
    from cqrs_cli.transfer.dialects.sqlite_database import SQLiteDatabase

    source = log(tmp_path / "s.db", event("a"))
    source.chmod(0o400)
    before = source.read_bytes()
    with closing(SQLiteDatabase(str(source))) as database, pytest.raises(CqrsError, match="readonly"):
        database.first("DELETE FROM stored_events WHERE originator_id <> ? RETURNING 1", "x")
    mirrored(str(source), tmp_path / "m.db")
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("s.db*")) == ["s.db"]


def test_whoever_follows_notices_another_file(tmp_path: Path) -> None:
    source = log(tmp_path / "s.db", event("a"))
    with closing(open_reader(str(source), DIALECTS)) as reader:
        assert reader.wait(0, 1)
        assert not reader.wait(1, 0.05)
        source.unlink()
        log(source, event("b"))
        with pytest.raises(Unavailable) as caught:
            reader.wait(1, 1)
        assert caught.value.code == "source-replaced"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "postgresql with functions"])
@pytest.mark.parametrize("compressor", ["", "eventsourcing.compressor:ZlibCompressor"])
def test_what_the_package_writes(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, compressor: str
) -> None:
    pytest.importorskip("eventsourcing", reason="make peers installs it")
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "data"))
    kennel = importlib.import_module("kennel")

    source = str(tmp_path / "s.db")
    if kind == "sqlite":
        environ = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": source}
    else:
        pytest.importorskip("psycopg_pool")
        source = request.getfixturevalue("postgres")
        split = urlsplit(source)
        environ = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres", "POSTGRES_DBNAME": split.path[1:],
            "POSTGRES_HOST": str(split.hostname), "POSTGRES_PORT": str(split.port),
            "POSTGRES_USER": str(split.username), "POSTGRES_PASSWORD": split.password or "none",
            "POSTGRES_ENABLE_DB_FUNCTIONS": "y" if "functions" in kind else "",
        }  # fmt: skip
    with kennel.Kennel({**environ, "COMPRESSOR_TOPIC": compressor}) as application:
        (dog,) = kennel.fill(application)
        assert mirrored(source, tmp_path / "m.db")[0].events == 5
        kennel.fill(application)  # while it is open
        assert mirrored(source, tmp_path / "m.db")[0].events == 5
    mirrored(str(FIXTURE), tmp_path / "fixture.db")
    fixture = [json.loads(data).keys() for (data,) in fields_of(tmp_path / "fixture.db", ("data",))]
    found = [json.loads(data).keys() for (data,) in fields_of(tmp_path / "m.db", ("data",))]
    assert found == fixture * 2, "what is checked in is what is written today"
    assert fields_of(tmp_path / "m.db", ("stream", "type"))[3] == (f"guide_dog-{dog}", "GuideDog.Befriended")
