"""Facts of RailsEventStore's repository lint."""

from __future__ import annotations

import threading
import time
from types import GeneratorType
from typing import Any

import pytest

from cqrs_cli.errors import Conflict, InvalidInput, Misuse
from cqrs_cli.stores.commits import Commit
from cqrs_cli.stores.conditions import AtVersion, NewStream
from cqrs_cli.stores.contract import Append, Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from tests.peers.cases import Case, Peer
from tests.peers.conftest import Shell

RAILS = Peer("RailsEventStore")


@RAILS.holds("a new repository is empty")
def test_a_new_repository_is_empty(store: Store) -> None:
    assert list(store.read()) == []


@RAILS.holds("an event is in its stream and in the whole, not in another stream")
def test_an_event_is_in_its_stream_and_in_the_whole_not_in_another_stream(store: Store) -> None:
    store.append(commit("c", event("a-1")))
    assert len(list(store.read())) == len(list(store.read(Selection(stream="a-1")))) == 1
    assert list(store.read(Selection(stream="b-1"))) == []


@RAILS.holds("several first events")
def test_several_first_events(store: Store) -> None:
    store.append(commit("c", event(), event()), [NewStream("order-1")])
    assert len(list(store.read(Selection(limit=2)))) == 2


@RAILS.holds("the right expected version on the second write")
def test_the_right_expected_version_on_the_second_write(store: Store) -> None:
    store.append(commit("c", event(), event()), [NewStream("order-1")])
    store.append(commit("d", event(), event()), [AtVersion("order-1", 2)])
    assert store.version("order-1") == 4


@RAILS.holds("a wrong expected version on the second write")
def test_a_wrong_expected_version_on_the_second_write(store: Store) -> None:
    store.append(commit("c", event(), event()))
    with pytest.raises(Conflict):
        store.append(commit("d"), [AtVersion("order-1", 1)])
    assert store.head() == 2


@RAILS.holds("`none` on the first and the next write")
def test_none_on_the_first_and_the_next_write(store: Store) -> None:
    store.append(commit("c"), [NewStream("order-1")])
    with pytest.raises(Conflict):
        store.append(commit("d"), [NewStream("order-1")])


@RAILS.holds("`any`: order without a guarantee")
def test_any_order_without_a_guarantee(store: Store) -> None:
    store.append(commit("c", event(), event()))
    store.append(commit("d", event(), event()))
    assert store.version("order-1") == 4


@RAILS.differs(
    "`auto`: looks the last position up by itself; begins with 0; goes on; mixes with explicit ones",
    "no `auto`: without a condition every append has the next version, which is the same without the race",
)
def test_auto_looks_the_last_position_up_by_itself_begins_with_0_goes_on(store: Store) -> None:
    store.append(commit("c"), [AtVersion("order-1", store.version("order-1"))])
    with pytest.raises(Conflict):
        store.append(commit("d"), [NewStream("order-1")])


@RAILS.holds("`any` from four threads at once: all succeed")
def test_any_from_four_threads_at_once_all_succeed(store: Store, url: str) -> None:
    def work(n):
        with open_store(url) as mine:
            for i in range(25):
                mine.append(commit(f"{n}-{i}"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.version("order-1") == 100
    assert len({e.commit_id for e in store.read()}) == 100


@RAILS.holds("`auto` from four threads at once: some fail, the stream is ordered")
def test_auto_from_four_threads_at_once_some_fail_the_stream_is_ordered(store: Store, url: str) -> None:
    failed = []

    def work(n):
        with open_store(url) as mine:
            for i in range(25):
                try:
                    mine.append(commit(f"{n}-{i}"), [AtVersion("order-1", mine.version("order-1"))])
                except Conflict:
                    failed.append(1)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.version("order-1") == 100 - len(failed)


@RAILS.holds("data comes back")
def test_data_comes_back(store: Store) -> None:
    store.append(commit("c", event(data=b'{"order_id":3}')))
    assert next(iter(store.read())).data == b'{"order_id":3}'


@RAILS.holds("metadata comes back")
def test_metadata_comes_back(store: Store) -> None:
    store.append(commit("c", metadata='{"request_id":3}'))
    assert next(iter(store.read())).metadata == {"request_id": 3}


@RAILS.differs("is there an event with this id?", "by the commit's id; an event's id contains it")
def test_is_there_an_event_with_this_id(store: Store) -> None:
    store.append(commit("c"))
    assert store.known(["c", "other"]) == {"c"}


@RAILS.differs(
    "the place of an event in its stream; of one that is not in it", "through the commit: store.commit(id).events"
)
def test_the_place_of_an_event_in_its_stream_of_one_that_is_not_in_it(store: Any) -> None:
    store.append(commit("c", event("a-1"), event("b-1")))
    assert [(e.stream, e.version) for e in store.commit("c").events] == [("a-1", 1), ("b-1", 1)]
    assert store.commit("x") is None


@RAILS.holds("the global position of an event; of one that does not exist")
def test_the_global_position_of_an_event_of_one_that_does_not_exist(store: Any) -> None:
    store.append(commit("c", event(), event()))
    assert store.commit("c").events[1].position == 2
    assert store.commit("zz") is None


@RAILS.holds("the last event of a stream; of none")
def test_the_last_event_of_a_stream_of_none(store: Store) -> None:
    store.append(commit("c"))
    store.append(commit("d"))
    assert next(iter(store.read(Selection(stream="order-1", backwards=True, limit=1)))).commit_id == "d"
    assert next(iter(store.read(Selection(stream="x", backwards=True, limit=1))), None) is None


@RAILS.holds("batches of a stream forwards and backwards, from and to an event, with a count")
def test_batches_of_a_stream_forwards_and_backwards_from_and_to_an_event(store: Store) -> None:
    store.append(commit("x", event("other-1")))
    at = [store.append(commit(f"c{n}")).position for n in range(10)]
    store.append(commit("y", event("other-1")))

    def read(**k):
        return [e.position for e in store.read(Selection(stream="order-1", **k))]

    assert read(limit=3) == at[:3]
    assert read(limit=100) == at
    assert read(after=at[4]) == at[5:]
    assert read(after=at[4], limit=4) == at[5:9]
    assert read(before=at[4], limit=3) == at[:3]
    assert read(before=at[4]) == at[:4]
    assert read(backwards=True, limit=3) == at[:6:-1]
    assert read(backwards=True) == at[::-1]
    assert read(backwards=True, before=at[4], limit=4) == at[3::-1]
    assert read(backwards=True, after=at[4]) == at[:4:-1]


@RAILS.holds("batches of the whole forwards and backwards")
def test_batches_of_the_whole_forwards_and_backwards(store: Store) -> None:
    at = [store.append(commit(f"c{n}", event(f"s-{n}"))).position for n in range(10)]

    def read(**k):
        return [e.position for e in store.read(Selection(**k))]

    assert read(limit=3) == at[:3]
    assert read(after=at[4], limit=4) == at[5:9]
    assert read(before=at[4]) == at[:4]
    assert read(backwards=True, before=at[4]) == at[3::-1]
    assert read(backwards=True, after=at[3], limit=2) == at[:7:-1]


@RAILS.holds("the same event twice in a stream, or in two, is refused")
def test_the_same_event_twice_in_a_stream_or_in_two_is_refused(store: Store) -> None:
    store.append(Commit("c", (event(),)))
    with pytest.raises(Conflict):
        store.append(Commit("c", (event("other-1"),)))


RAILS.not_offered("every event is in the whole log; it has no name", "appending to the global stream by name")


@RAILS.holds("nothing persisted when the append failed")
def test_nothing_persisted_when_the_append_failed(store: Store) -> None:
    store.append(commit("c"))
    with pytest.raises(Conflict):
        store.append(commit("d"), [NewStream("order-1")])
    assert store.known(["d"]) == set()


@RAILS.holds("reading is lazy (an enumerator)")
def test_reading_is_lazy_an_enumerator(store: Store) -> None:
    assert isinstance(store.read(), GeneratorType)


@RAILS.differs("arbitrary binary data", "payloads are UTF-8 JSON, refused at the boundary: base64 in a field")
def test_arbitrary_binary_data(store: Store) -> None:
    with pytest.raises(InvalidInput):
        store.append(commit("c", event(data=b"\xb0")))


@RAILS.holds("in batches of 100, the last one smaller")
def test_in_batches_of_100_the_last_one_smaller(store: Store) -> None:
    store.append_many([Append(commit(f"c{n}")) for n in range(250)])
    assert len(list(store.read(Selection(limit=199)))) == 199


RAILS.not_offered("never: append-only; upcasters read old shapes", "changing events afterwards (update_messages)")


@RAILS.holds("timestamps keep microseconds")
def test_timestamps_keep_microseconds(store: Store) -> None:
    time.sleep(0.0003)
    (e,) = store.append(commit("c")).events
    assert isinstance(e.recorded_us, int)
    assert e.recorded_at.microsecond == e.recorded_us % 1_000_000


@RAILS.holds("older than, older or equal, newer than, newer or equal, between")
def test_older_than_older_or_equal_newer_than_newer_or_equal_between(store: Store) -> None:
    times = []
    for n in range(6):
        times.append(store.append(commit(f"c{n}")).events[0].recorded_us)
        time.sleep(0.002)
    assert store.position_at(times[3]) == 4
    assert store.position_at(times[3] - 1) == 3
    newer = [e.position for e in store.read(Selection(after=store.position_at(times[3])))]
    assert newer == [5, 6]


@RAILS.holds("the same by the shell: --since and --until")
def test_the_same_by_the_shell_since_and_until(store: Store, shell: Shell) -> None:
    for n in range(3):
        store.append(commit(f"c{n}"))
        time.sleep(0.002)
    at = [e.recorded_at for e in store.read()][1].isoformat()
    assert len(shell("log", "--since", at, "--jsonl").out.splitlines()) == 2
    assert len(shell("log", "--until", at, "--jsonl").out.splitlines()) == 1


@RAILS.holds("a limit counts what passes the time filter")
def test_a_limit_counts_what_passes_the_time_filter(store: Store, shell: Shell) -> None:
    for n in range(3):
        store.append(commit(f"c{n}"))
        time.sleep(0.002)
    at = [e.recorded_at for e in store.read()][1].isoformat()
    assert len(shell("log", "--since", at, "--limit", "1", "--jsonl").out.splitlines()) == 1


RAILS.not_offered(
    "one time only: recorded_at (monotonic); a domain's own times are fields",
    "ordered by valid time (as_of), by record time (as_at)",
)


@RAILS.differs(
    "an empty list of events is a no-op", "an empty commit is refused (no-events); an empty batch is nothing"
)
def test_an_empty_list_of_events_is_a_no_op(store: Store) -> None:
    assert store.append_many([]) == []
    with pytest.raises(Misuse):
        store.append(Commit("c", ()))


RAILS.not_offered(
    "no links",
    "link an event to a new stream",
    "link several",
    "link with the right and a wrong version",
    "`none`, `any` and `auto` when linking",
    "data and metadata of linked events",
    "linking twice is refused",
    "linking what does not exist",
    "links make no duplicates in the whole",
)


RAILS.not_offered("streams are never deleted", "deleted streams are gone, their events stay in the whole")


@RAILS.holds("global order and order of a stream, forwards and backwards")
def test_global_order_and_order_of_a_stream_forwards_and_backwards(store: Store) -> None:
    for n in range(20):
        store.append(commit(f"c{n}", event(f"s-{n % 3}")))
    whole = [e.position for e in store.read()]
    assert whole == sorted(whole)
    assert [e.version for e in store.read(Selection(stream="s-1", backwards=True))] == list(range(7, 0, -1))


@pytest.mark.parametrize("case", RAILS.missing, ids=str)
def test_not_offered(case: Case) -> None:
    pytest.skip(case.note)
