"""Many commits at once: what copies read is what others read, and what they write is what `append_many` would write."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from cqrs_cli.errors import CqrsError, Damaged, InvalidInput, Misuse
from cqrs_cli.stores import chain
from cqrs_cli.stores.bulk import WrittenReader
from cqrs_cli.stores.commits import MAX_EVENT_BYTES, Commit
from cqrs_cli.stores.contract import Append, BulkStore, ChainLink, Written, written
from cqrs_cli.stores.rows import Rows
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from tests.transfer.logs import awkward_commits, plain_commits


def nothing(rows: Rows, position: int) -> None:
    """Writes no rows."""


def several() -> list[Commit]:
    return [*awkward_commits(), *plain_commits(60, first=2_000, a_commit=7)]


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    made = SQLiteStore(str(tmp_path / "log.db"), create=True, durability="relaxed")
    made.append_many([Append(one) for one in several()])
    return made


def test_what_is_written_is_what_others_read(store: SQLiteStore) -> None:
    with store:
        assert isinstance(store, BulkStore)
        wanted = list(map(written, store.commits()))
        before = [chain.GENESIS, *[one.hash for one in wanted]]
        assert list(store.written()) == [one._replace(previous=hash) for one, hash in zip(wanted, before, strict=False)]
        for at in (1, 5, len(wanted) - 1):
            assert plain(store.written(wanted[at].position)) == wanted[at + 1 :]
            assert plain(store.written(wanted[at].position - 1)) == list(
                map(written, store.commits(wanted[at].position - 1))
            )


def plain(found: Iterable[Written]) -> list[Written]:
    return [one._replace(previous=None) for one in found]


def test_it_is_read_quickly(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WrittenReader, "_proved", None)  # the long way is for what is damaged
    with store:
        assert len(list(store.written())) == len(several())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET data = '{}' WHERE position = 30",
        "UPDATE events SET version = version + 100 WHERE position = 30",
        "UPDATE events SET type_id = 1 + type_id % 2 WHERE position = 60",
        "DELETE FROM events WHERE position = 30",
        "UPDATE commits SET user_id = 'eve' WHERE first_position = (SELECT max(first_position) FROM commits)",
        "UPDATE commits SET event_count = 1 WHERE event_count = 7",
        "UPDATE commits SET event_count = 1000000000 WHERE first_position = (SELECT max(first_position) FROM commits)",
        "UPDATE commits SET event_count = -1 WHERE event_count = 2",
        "DELETE FROM commits WHERE first_position = 1",
    ],
)
def test_what_was_changed_is_not_copied(store: SQLiteStore, change: str) -> None:
    with store, closing(sqlite3.connect(store.url.removeprefix("sqlite:"))) as other:
        other.execute("PRAGMA foreign_keys=OFF")
        for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            other.execute(f"DROP TRIGGER {name}")
        assert other.execute(change).rowcount
        other.commit()
        with pytest.raises(Damaged):
            list(store.written())


def test_what_is_taken_in_is_what_would_be_appended(tmp_path: Path, store: SQLiteStore) -> None:
    with store, SQLiteStore(str(tmp_path / "other.db"), create=True) as other:
        positions: list[int] = []
        half = len(several()) // 2
        for part in (several()[:half], several()[half:]):
            assert other.take_in(part, lambda rows, position: positions.append(position))
        assert list(other.commits()) == list(store.commits())
        assert positions[-1] == other.head()
        other.append(commit("next", event("order-1")))  # the tail is known
        other.check()


def links_of(store: SQLiteStore) -> list[ChainLink | None]:
    return [ChainLink(one.previous, one.hash, one.versions) for one in store.written() if one.previous and one.hash]


def test_a_hash_that_is_known_is_not_computed_again(
    tmp_path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store, SQLiteStore(str(tmp_path / "other.db"), create=True) as other:
        links = links_of(store)
        assert len(links) == len(several())
        with monkeypatch.context() as patched:
            patched.setattr(chain, "link_of", None)
            assert other.take_in([one.commit for one in store.written()], nothing, links)
        assert list(other.commits()) == list(store.commits())
        other.check()


@pytest.mark.parametrize("there", ["another stream", "the same streams", "a commit of the log is left out"])
def test_what_is_known_of_another_history_is_not_believed(tmp_path: Path, store: SQLiteStore, there: str) -> None:
    with store, SQLiteStore(str(tmp_path / "other.db"), create=True) as other:
        commits, links = [one.commit for one in store.written()], links_of(store)
        if there == "a commit of the log is left out":
            commits, links = [commits[0], *commits[2:]], [links[0], *links[2:]]
        else:
            stream = "till-1" if there == "another stream" else "order-1"
            other.append(commit("first", event(stream))._replace(recorded_us=1_000_000_000_000_000))
        assert other.take_in(commits, nothing, links)
        other.check()
        assert not other.audit().flaws
        assert len(list(other.commits())) == len(commits) + (there != "a commit of the log is left out")


@pytest.mark.parametrize("what", ["versions", "time", "number"])
def test_a_link_that_is_not_that_of_the_commit_here(tmp_path: Path, what: str) -> None:
    one = plain_commits(1)[0]
    link = ChainLink(chain.GENESIS, b"x" * 32, (7,) if what == "versions" else (1,))
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        if what == "number":
            with pytest.raises(ValueError, match="zip"):
                store.take_in([one, *plain_commits(1, first=1)], nothing, [link])
            return
        assert store.take_in([one._replace(recorded_us=None) if what == "time" else one], nothing, [link])
        assert not store.audit().flaws


def refused(store: SQLiteStore, commits: Sequence[Commit]) -> CqrsError | bool:
    before = list(store.commits())
    try:
        return store.take_in(commits, nothing)
    except CqrsError as error:
        return error
    finally:
        assert list(store.commits()) == before
        store.check()


def test_all_or_nothing(tmp_path: Path) -> None:
    good = plain_commits(3)
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        store.append_many([Append(one) for one in good])
        new = plain_commits(3, first=10)
        assert refused(store, [*new, good[0]._replace(recorded_us=None)]) is False
        assert refused(store, [*new, new[0]._replace(recorded_us=None)]) is False
        for wrong, kind in (
            (Commit("x", (event(data=b"\xff"),)), InvalidInput),
            (Commit("x", (event(data=b"x" * (MAX_EVENT_BYTES + 1)),)), CqrsError),
            (Commit("x", (event("a stream\0"),)), CqrsError),
            (Commit("x", ()), Misuse),
            (new[0]._replace(id="x", recorded_us=1), Misuse),
            (new[0]._replace(id="x", recorded_us=4_102_444_800_000_000), Misuse),
        ):
            assert isinstance(refused(store, [*new, wrong]), kind)
        assert store.take_in(new, nothing)
        assert [one.id for one in store.commits()] == [one.id for one in [*good, *new]]


def test_the_rows_are_of_the_same_transaction(tmp_path: Path) -> None:
    def fail(rows: Rows, position: int) -> None:
        raise Misuse("no")

    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        with pytest.raises(Misuse, match="no"):
            store.take_in(plain_commits(3), fail)
        assert store.head() == 0
        assert store.take_in(plain_commits(3), nothing)
