"""Facts of commanded/eventstore's tests: appending, reading, streams, subscriptions, snapshots, protection."""

from __future__ import annotations

import gzip
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Conflict, CqrsError, Misuse
from cqrs_cli.stores.commits import Commit
from cqrs_cli.stores.conditions import AtVersion, NewStream, StreamExists
from cqrs_cli.stores.contract import Append, Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.opening import FORMAT
from cqrs_cli.testing.making import commit, event
from tests.peers import accounts as bank
from tests.peers.cases import Case, Peer
from tests.peers.conftest import Shell

COMMANDED = Peer("commanded/eventstore")
OLD = Path(__file__).parents[1] / "stores" / "sqlite" / "fixtures" / "format_1_full.db.gz"


def many(url, works):
    errors = []

    def run(work):
        try:
            with open_store(url) as mine:
                work(mine)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@COMMANDED.holds("any version, new stream: persisted")
def test_any_version_new_stream_persisted(store: Store) -> None:
    store.append(commit("c", *[event()] * 3))
    assert store.version("order-1") == 3


@COMMANDED.holds("any version, new stream, at once from several: all succeed")
def test_any_version_new_stream_at_once_from_several_all_succeed(store: Store, url: str) -> None:
    assert many(url, [lambda s, n=n: s.append(commit(f"c{n}")) for n in range(5)]) == []
    assert store.version("order-1") == 5


@COMMANDED.holds("any version, existing stream")
def test_any_version_existing_stream(store: Store) -> None:
    store.append(commit("c"))
    store.append(commit("d"))
    assert store.version("order-1") == 2


@COMMANDED.holds("any version, existing stream, at once from several")
def test_any_version_existing_stream_at_once_from_several(store: Store, url: str) -> None:
    store.append(commit("c"))
    assert many(url, [lambda s, n=n: s.append(commit(f"d{n}")) for n in range(5)]) == []
    assert store.version("order-1") == 6


@COMMANDED.holds("no_stream on a new stream")
def test_no_stream_on_a_new_stream(store: Store) -> None:
    store.append(commit("c"), [NewStream("order-1")])


@COMMANDED.holds("no_stream on an existing stream: stream exists")
def test_no_stream_on_an_existing_stream_stream_exists(store: Store) -> None:
    store.append(commit("c"))
    with pytest.raises(Conflict, match="expected a new stream"):
        store.append(commit("d"), [NewStream("order-1")])


@COMMANDED.holds("stream_exists on a new stream: not found")
def test_stream_exists_on_a_new_stream(store: Store) -> None:
    with pytest.raises(Conflict, match="order-1 does not exist"):
        store.append(commit("c"), [StreamExists("order-1")])
    assert store.head() == 0


@COMMANDED.holds("stream_exists on an existing stream")
def test_stream_exists_on_an_existing_stream(store: Store) -> None:
    store.append(commit("c"))
    store.append(commit("d"), [StreamExists("order-1")])


@COMMANDED.holds("the right expected version")
def test_the_right_expected_version(store: Store) -> None:
    store.append(commit("c", *[event()] * 3))
    store.append(commit("d"), [AtVersion("order-1", 3)])


@COMMANDED.holds("a wrong expected version")
def test_a_wrong_expected_version(store: Store) -> None:
    store.append(commit("c", *[event()] * 3))
    with pytest.raises(Conflict):
        store.append(commit("d"), [AtVersion("order-1", 2)])


@COMMANDED.holds("the same expected version at once: one succeeds")
def test_the_same_expected_version_at_once_one_succeeds(store: Store, url: str) -> None:
    store.append(commit("c"))
    errors = many(url, [lambda s, n=n: s.append(commit(f"d{n}"), [AtVersion("order-1", 1)]) for n in range(5)])
    assert len(errors) == 4
    assert all(isinstance(e, Conflict) for e in errors)
    assert store.version("order-1") == 2


@COMMANDED.holds("8,001 events in one append")
def test_8_001_events_in_one_append(store: Store) -> None:
    store.append(commit("c", *[event()] * 8_001))
    assert store.version("order-1") == 8_001


@COMMANDED.differs(
    "the event's own id is kept",
    "an event's id is <commit id>:<n>; an imported event's own id can only go into the payload or the metadata",
)
def test_the_events_own_id_is_kept(store: Store) -> None:
    assert store.append(commit("c")).events[0].event_id == "c:1"


@COMMANDED.holds("one event; several events")
def test_one_event_several_events(store: Store) -> None:
    store.append(commit("c"))
    store.append(commit("d", event(), event()))
    assert [e.version for e in store.read()] == [1, 2, 3]


@COMMANDED.holds("appending to the stream of all is refused")
def test_appending_to_the_stream_of_all_is_refused(store: Store) -> None:
    with pytest.raises(Misuse):
        store.append(commit("c", event("$all")))


COMMANDED.not_offered(
    "only the other way round: rows of the caller's in the store's transaction (inline)",
    "append inside the caller's own database transaction",
)


COMMANDED.not_offered(
    "no links: an event is in one stream; projections and selections read across",
    "link events to another stream",
    "read linked events",
    "linking to the stream of all is refused",
    "linking what does not exist",
    "linking twice",
)


@COMMANDED.holds("read a stream forwards, in order")
def test_read_a_stream_forwards_in_order(store: Store) -> None:
    store.append(commit("c", *[event()] * 5))
    assert [e.version for e in store.read(Selection(stream="order-1"))] == [1, 2, 3, 4, 5]


@COMMANDED.holds("read a stream backwards")
def test_read_a_stream_backwards(store: Store) -> None:
    store.append(commit("c", *[event()] * 5))
    assert [e.version for e in store.read(Selection(stream="order-1", backwards=True))] == [5, 4, 3, 2, 1]


@COMMANDED.holds("read all forwards, all backwards")
def test_read_all_forwards_all_backwards(store: Store) -> None:
    for n in range(3):
        store.append(commit(f"c{n}", event(f"s-{n}")))
    assert (
        [e.position for e in store.read()]
        == [1, 2, 3]
        == [e.position for e in store.read(Selection(backwards=True))][::-1]
    )


@COMMANDED.holds("read all backwards from an offset")
def test_read_all_backwards_from_an_offset(store: Store) -> None:
    for n in range(5):
        store.append(commit(f"c{n}", event(f"s-{n}")))
    assert [e.position for e in store.read(Selection(backwards=True, before=4))] == [3, 2, 1]


@COMMANDED.holds("read a stream from a version, limited by a count")
def test_read_a_stream_from_a_version_limited_by_a_count(store: Store) -> None:
    store.append(commit("c", *[event()] * 5))
    assert [e.version for e in store.read(Selection(stream="order-1", after_version=2, limit=2))] == [3, 4]


@COMMANDED.holds("read a stream from a version that is past its end")
def test_read_a_stream_from_a_version_that_is_past_its_end(store: Store) -> None:
    store.append(commit("c", *[event()] * 5))
    assert list(store.read(Selection(stream="order-1", after_version=5))) == []


@COMMANDED.holds("read a stream in pages of any size")
def test_read_a_stream_in_pages_of_any_size(store: Store) -> None:
    store.append_many([Append(commit(f"c{n}")) for n in range(300)])
    assert [e.version for e in store.read(Selection(stream="order-1"))] == list(range(1, 301))


@COMMANDED.differs(
    "read a stream that is not there: stream not found", "the store gives nothing; `log` says not found (exit 3)"
)
def test_read_a_stream_that_is_not_there_stream_not_found(store: Store, shell: Shell) -> None:
    assert list(store.read(Selection(stream="x-1"))) == []
    assert shell("log", "x-1").code == 3


@COMMANDED.holds("reading all when there is nothing; after the last event; after it with a limit")
def test_reading_all_when_there_is_nothing_after_the_last_event_after_it(store: Store) -> None:
    assert list(store.read()) == []
    store.append(commit("c"))
    assert list(store.read(Selection(after=1))) == [] == list(store.read(Selection(after=1, limit=1)))


@COMMANDED.holds("events without correlation or causation")
def test_events_without_correlation_or_causation(store: Store) -> None:
    (e,) = store.append(commit("c")).events
    assert (e.correlation_id, e.causation_id) == ("c", None)


@COMMANDED.differs(
    "gaps in the order of all are passed over", "positions are dense on SQLite; the contract allows gaps"
)
def test_gaps_in_the_order_of_all_are_passed_over() -> None:
    pass


@COMMANDED.holds("text of any script in the payload")
def test_text_of_any_script_in_the_payload(store: Store) -> None:
    text = '{"n":"日本語 Größe 😀"}'.encode()
    store.append(commit("c", event(data=text)))
    assert next(iter(store.read())).data == text


COMMANDED.not_offered(
    "recorded_at is the store's own; an import can't keep when things happened, but in metadata",
    "created_at can be overridden (imports keep their times)",
)


@COMMANDED.holds("created_at is set and sane")
def test_created_at_is_set_and_sane(store: Store) -> None:
    (e,) = store.append(commit("c")).events
    assert abs((e.recorded_at - datetime.now(UTC)).total_seconds()) < 60


@COMMANDED.differs(
    "the same events twice in one stream are refused",
    "the commit is the unit of identity: the same again is answered, not refused",
)
def test_the_same_events_twice_in_one_stream_are_refused(store: Store) -> None:
    assert store.append(commit("c"))
    assert store.append(commit("c")).duplicate
    assert store.version("order-1") == 1


@COMMANDED.holds("the same events in another stream are refused")
def test_the_same_events_in_another_stream_are_refused(store: Store) -> None:
    store.append(Commit("c", (event(),)))
    with pytest.raises(Conflict):
        store.append(Commit("c", (event("other-1"),)))


@COMMANDED.holds("events to several streams, new and existing")
def test_events_to_several_streams_new_and_existing(store: Store) -> None:
    store.append(commit("c", event("a-1"), event("b-1")))
    store.append(commit("d", event("a-1"), event("b-1")))
    assert (store.version("a-1"), store.version("b-1")) == (2, 2)


@COMMANDED.holds("tables refuse DELETE")
def test_tables_refuse_delete(store: Store, url: str) -> None:
    store.append(commit("c"))
    with closing(sqlite3.connect(url)) as raw, raw:
        for table in ("events", "streams", "commits", "event_types"):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(f"DELETE FROM {table}")


@COMMANDED.holds("tables refuse UPDATE")
def test_tables_refuse_update(store: Store, url: str) -> None:
    store.append(commit("c"))
    with closing(sqlite3.connect(url)) as raw, raw:
        for sql in ("UPDATE events SET data='{}'", "UPDATE commits SET user_id='x'", "UPDATE streams SET name='x'"):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(sql)


COMMANDED.not_offered("never; an append-only log with a hash chain", "hard deletes when they are switched on")


COMMANDED.not_offered(
    "streams are never deleted",
    "soft delete a stream",
    "reading a deleted stream",
    "writing to a deleted stream",
    "deleting the stream of all is refused",
    "deleting with an expected version",
)


@COMMANDED.holds("stream info: version and times; unknown stream")
def test_stream_info_version_and_times_unknown_stream(store: Store) -> None:
    store.append(commit("c", event("a-1"), event("a-1")))
    (info,) = store.streams()
    assert info.version == 2
    assert info.first_recorded_us == info.last_recorded_us
    assert store.version("zzz") == 0


@COMMANDED.holds("streams are paged")
def test_streams_are_paged(store: Store) -> None:
    for n in range(5):
        store.append(commit(f"c{n}", event(f"s-{n}")))
    assert [s.stream for s in store.streams(after="s-1", limit=2)] == ["s-2", "s-3"]


COMMANDED.not_offered(
    "by name only; `cqrs sql` over stream_summary sorts as one likes", "streams sorted by creation or version"
)


COMMANDED.not_offered("a category or a beginning after a name; `cqrs sql … LIKE`", "streams searched by part of a name")


# ── subscriptions ─────────────────────────────────────────────────────────────────────────────


def reader(url, after, count, **selection):
    seen: list[Any] = []
    with open_store(url) as mine:
        while len(seen) < count:
            for e in mine.read(Selection(after=after, **selection)):
                seen.append(e)
                after = e.position
            mine.wait(after, 0.1)
    return seen


def append_elsewhere(url: str, new: Commit) -> None:
    with open_store(url) as other:
        other.append(new)


@COMMANDED.holds("subscribe from the origin: all events")
def test_subscribe_from_the_origin_all_events(store: Store, url: str) -> None:
    store.append(commit("c", *[event()] * 3))
    assert len(reader(url, 0, 3)) == 3


@COMMANDED.holds("subscribe from now: only new events")
def test_subscribe_from_now_only_new_events(store: Store, url: str) -> None:
    store.append(commit("c"))
    at = store.head()
    threading.Timer(0.05, append_elsewhere, [url, commit("d")]).start()
    assert [e.position for e in reader(url, at, 1)] == [2]


@COMMANDED.holds("subscribe to one stream: events of others are left out")
def test_subscribe_to_one_stream_events_of_others_are_left_out(store: Store, url: str) -> None:
    store.append(commit("c", event("a-1"), event("b-1"), event("a-1")))
    assert [e.position for e in reader(url, 0, 2, stream="a-1")] == [1, 3]


@COMMANDED.holds("a selector of events while catching up and after")
def test_a_selector_of_events_while_catching_up_and_after(store: Store, url: str) -> None:
    store.append(commit("c", event(type="A"), event(type="B")))
    threading.Timer(0.05, append_elsewhere, [url, commit("d", event(type="B"), event(type="A"))]).start()
    assert [e.position for e in reader(url, 0, 2, types=frozenset({"A"}))] == [1, 4]


COMMANDED.not_offered("reading gives an iterator: Python's map", "a mapper of events")


@COMMANDED.holds("acknowledging: a persistent subscription goes on after what was acknowledged")
def test_acknowledging_a_persistent_subscription_goes_on_after_what_was(url: str) -> None:
    with Workbench.open(url, bank.domain) as bench:
        bench.send(bank.Open(account_id="a"))
        bench.project()
    with Workbench.open(url, bank.domain) as bench:
        bench.send(bank.Open(account_id="b"))
        bench.project()
        (row,) = bench.rows(bank.Owners)
        assert row.accounts == 2


COMMANDED.not_offered(
    "readers pull; there is no server that pushes, so nothing to share, acknowledge or buffer",
    "several subscribers share a subscription (competing consumers)",
    "in-flight events are sent again when a subscriber dies",
    "back pressure: a full buffer",
    "partitioning by key keeps the order of a stream",
    "checkpoint after a number of events or after a while",
    "hibernation after inactivity",
)


@COMMANDED.holds("a subscription goes on after the connection was lost")
def test_a_subscription_goes_on_after_the_connection_was_lost(store: Store, url: str) -> None:
    store.append(commit("c"))
    with open_store(url) as mine:
        assert len(list(mine.read())) == 1
    with open_store(url) as mine:
        store.append(commit("d"))
        assert mine.wait(1, 1)


# ── snapshots ─────────────────────────────────────────────────────────────────────────────────


@COMMANDED.holds("snapshots: recorded, read, overwritten, deleted, missing ones ignored")
def test_snapshots_recorded_read_overwritten_deleted_missing_ones_ignored(url: str, shell: Shell) -> None:
    with Workbench.open(url, bank.domain) as bench:
        bench.send(bank.Open(account_id="a"))
    app = "tests.peers.accounts:domain"
    assert shell("snapshot", "list", app=app).code == 0
    assert shell("snapshot", "take", "account-a", app=app).code == 0
    assert shell("snapshot", "take", "account-a", app=app).code == 0
    assert "account-a" in shell("snapshot", "list", app=app).out
    assert shell("snapshot", "drop", "account-a", app=app).code == 0
    again = shell("snapshot", "drop", "account-a", app=app)
    assert again.code in (0, 3), again


@COMMANDED.holds("a snapshot of a stream that is not there")
def test_a_snapshot_of_a_stream_that_is_not_there(url: str, shell: Shell) -> None:
    with Workbench.open(url, bank.domain) as bench:
        bench.send(bank.Open(account_id="a"))
    assert shell("snapshot", "take", "account-zz", app="tests.peers.accounts:domain").code == 3


@COMMANDED.holds("two stores are independent: events, subscriptions, snapshots")
def test_two_stores_are_independent_events_subscriptions_snapshots(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "1.db"), create=True) as one, open_store(str(tmp_path / "2.db"), create=True) as two:
        one.append(commit("c"))
        assert (one.head(), two.head()) == (1, 0)


@COMMANDED.holds("a migrated store reads as a new one; migrations don't run twice at once")
def test_a_migrated_store_reads_as_a_new_one(url: str) -> None:
    Path(url).write_bytes(gzip.decompress(OLD.read_bytes()))
    with open_store(url, read_only=True) as old:
        log = list(old.read())
        assert old.describe()["format"] < FORMAT
    assert many(url, [lambda s, n=n: s.append(commit(f"c{n}")) for n in range(4)]) == []
    with open_store(url) as migrated:
        assert migrated.describe()["format"] == FORMAT
        assert list(migrated.read())[: len(log)] == log


@COMMANDED.holds("a schema or database that does not exist")
def test_a_schema_or_database_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CqrsError):
        open_store(str(tmp_path / "no" / "log.db"), create=True)


@pytest.mark.parametrize("case", COMMANDED.missing, ids=str)
def test_not_offered(case: Case) -> None:
    pytest.skip(case.note)
