"""What is read is what was appended: no event is left out in silence, and none is another one."""

import os
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import CqrsError, Damaged, Unavailable
from cqrs_cli.stores.contract import Append, Selection
from cqrs_cli.stores.sqlite import audit
from cqrs_cli.stores.sqlite.connection import Connection
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event

PAGE = 4096
NOTE = b"n" * 60
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store of 300 commits, every tenth of three events, as its file."""
    path = str(tmp_path_factory.mktemp("sound") / "log.db")
    with SQLiteStore(path, create=True) as store:
        some = [
            Append(
                commit(f"c{n:03}", *[event(f"order-{(n + k) % 7}", data=b'{"note":"%s"}' % NOTE) for k in range(most)])
            )
            for n, most in ((n, 3 if n % 10 == 0 else 1) for n in range(300))
        ]
        store.append_many(some)
    return Path(path).read_bytes()


@pytest.fixture
def path(tmp_path: Path, sound: bytes) -> Path:
    path = tmp_path / "log.db"
    path.write_bytes(sound)
    os.chmod(path, 0o600)
    return path


def is_refused(use: Callable[[], Any]) -> bool:
    try:
        list(use() or ())
    except Damaged:
        return True
    return False


def leaves(content: bytes | bytearray) -> list[int]:
    """Where the pages of the table of events begin that hold rows."""
    return [at for at in range(0, len(content), PAGE) if content[at] == 13 and content[at : at + PAGE].count(NOTE) > 9]


SELECTIONS = [
    Selection(),
    Selection(backwards=True),
    Selection(category="order"),
    Selection(stream="order-3"),
    Selection(stream="order-3", backwards=True),
    Selection(by_stream=True),
    Selection(after=100, before=200),
    Selection(types=frozenset({"OrderPlaced"})),
]


def test_a_sound_store_is_read_as_it_is(path: Path) -> None:
    with SQLiteStore(str(path), read_only=True) as store:
        store.check()
        for selection in SELECTIONS:
            events = [event[:6] for event in store.read(selection)]
            assert events == [event[:6] for event in store.scan(selection)]
            assert events == [event[:6] for event in store.read(selection._replace(as_found=True))]
        assert len(list(store.commits())) == 300


def test_no_flipped_bit_of_an_event_or_commit_is_read(path: Path, sound: bytes) -> None:
    """Wherever it is, what is read of the log is what was appended, or it is refused."""
    chance = random.Random(7)
    with SQLiteStore(str(path), read_only=True) as store:
        right = list(store.read()), list(store.commits())
    wrong = refused = 0
    for _ in range(60):
        content = bytearray(sound)
        content[chance.choice(leaves(sound)) + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            with SQLiteStore(str(path), read_only=True) as store:
                wrong += (list(store.read()), list(store.commits())) != right
        except Damaged:
            refused += 1
    assert (wrong, refused > 30) == (0, True)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_swapped_pages_leave_nothing_out(path: Path, sound: bytes, selection: Selection) -> None:
    one, other = leaves(sound)[2:4]
    content = bytearray(sound)
    content[one : one + PAGE], content[other : other + PAGE] = sound[other : other + PAGE], sound[one : one + PAGE]
    path.write_bytes(content)
    with SQLiteStore(str(path), read_only=True) as store:
        assert is_refused(lambda: store.scan(selection))
        assert is_refused(lambda: store.read(selection))
        assert is_refused(store.check)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_event_is_proved_with_the_rest_of_its_commit(path: Path, sound: bytes, number: int) -> None:
    """Whichever of its three events was changed: reading any of them reads them all."""
    with SQLiteStore(str(path)) as store:
        first = store.commit("c100").events[0].position  # type: ignore[union-attr]
        sql = f"UPDATE events SET data = '{{}}' WHERE position = {first + number - 1}"
        with store._file.transaction() as connection:
            connection.execute("DROP TRIGGER events_update")
            connection.execute(sql)
            connection.execute(
                "CREATE TRIGGER events_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
            )
        for at in range(3):
            assert is_refused(lambda at=at: store.read(Selection(after=first + at - 1, limit=1)))  # type: ignore[misc]
        assert is_refused(lambda: store.commit("c100"))
        assert not is_refused(lambda: store.read(Selection(after=first + 2)))
        assert not is_refused(lambda: store.read(Selection(before=first)))
        assert not is_refused(lambda: store.read(Selection(as_found=True)))
        assert (is_refused(lambda: store.check(first - 1)), is_refused(lambda: store.check(first + 2))) == (True, False)


def test_an_index_that_lies_is_found_by_the_check(path: Path, sound: bytes) -> None:
    at = next(at for at in range(0, len(sound), PAGE) if sound[at] == 10 and b"order-3" in sound[at : at + PAGE])
    content = bytearray(sound)
    where = content.index(b"order-3", at)
    content[where : where + 7] = b"order-8"
    path.write_bytes(content)
    with SQLiteStore(str(path), read_only=True) as store:
        assert is_refused(store.check)


def test_a_cut_log_is_not_taken_for_a_shorter_one(path: Path) -> None:
    with SQLiteStore(str(path)) as store:
        with store._file.transaction() as connection:
            connection.execute("DROP TRIGGER events_delete")
            connection.execute("DELETE FROM events WHERE position > 350")
        for use in (store.head, store.read, store.scan, store.types, store.check):
            assert is_refused(use)


@pytest.mark.parametrize(("code", "kind"), [(266, Unavailable), (8458, Unavailable), (11, Damaged), (779, Damaged)])
def test_a_page_that_the_disk_does_not_give_is_no_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[CqrsError]
) -> None:
    """SQLite's own check says both in one sentence. tests/faults/calls.py has each read of a store fail."""
    told = f"*** in database main ***\nPage 12: unable to get the page. error code={code}"

    with SQLiteStore(str(path), read_only=True) as store:
        monkeypatch.setattr(SQLiteFile, "query", lambda *_: [(told,)])
        with pytest.raises(kind, match="unable to get the page"):
            store.check()
    if kind is Damaged:
        assert [flaw.code for flaw in audit._told([told], "log.db")] == ["file"]
    else:
        with pytest.raises(Unavailable, match="the disk could not read it"):
            audit._told([told], "log.db")


def test_an_audit_that_is_stopped_stops_sqlites_own_check(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one statement, in a thread: nothing goes on, or holds the file, when the audit is over."""
    begun = threading.Event()

    def check_for_ever(self: Any) -> None:
        begun.set()
        with suppress(sqlite3.OperationalError):  # interrupted
            self._connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            )

    def stop(events: int) -> None:
        begun.wait()
        raise KeyboardInterrupt

    def interrupt(self: Connection) -> None:
        interrupted.append(self)
        sqlite3.Connection.interrupt(self)

    interrupted: list[Connection] = []
    monkeypatch.setattr(Connection, "interrupt", interrupt, raising=False)
    monkeypatch.setattr(audit._OwnCheck, "_run", check_for_ever)
    with SQLiteStore(str(path), read_only=True) as store, pytest.raises(KeyboardInterrupt):
        store.audit(progress=stop)
    assert interrupted, "else closing waits until it has come to its end"
    assert not [thread for thread in threading.enumerate() if thread.name == "cqrs-check"]


def test_what_explains_the_rest_is_said_first(path: Path) -> None:
    """SQLite's own check ends after the walk along the log, which finds what follows from it."""
    content = bytearray(path.read_bytes())
    index = next(at for at in range(0, len(content), PAGE) if content[at] == 10 and b"c150" in content[at : at + PAGE])
    content[content.index(b"c150", index)] = ord("b")
    content[content.index(NOTE, leaves(content)[3])] = ord("m")
    path.write_bytes(content)
    with SQLiteStore(str(path), read_only=True) as store:
        codes = [flaw.code for flaw in store.audit().flaws]
    assert codes[0] == "file"
    assert codes[-1] == "chain"


def test_a_file_that_sqlite_cant_check_is_told_once(path: Path) -> None:
    content = bytearray(path.read_bytes())
    leaf = leaves(content)[1]
    content[leaf + 3 : leaf + 5] = bytes(2)  # a page with no rows
    path.write_bytes(content)
    with SQLiteStore(str(path), read_only=True) as store:
        flaws = store.audit().flaws
    assert len({flaw.what for flaw in flaws}) == len(flaws)
    assert ("unreadable", True) in [(flaw.code, (flaw.position or 0) > 1) for flaw in flaws]
