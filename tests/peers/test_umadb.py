"""Facts of UmaDB's tests that are not about tags (the contract knows no tags)."""

from __future__ import annotations

from typing import Any

import pytest

from cqrs_cli.errors import Conflict
from cqrs_cli.stores.commits import Commit
from cqrs_cli.stores.conditions import NewStream
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.testing.making import commit, event
from tests.peers.cases import Case, Peer

UMADB = Peer("UmaDB")


@UMADB.differs("the head of an empty store", "0 instead of none")
def test_the_head_of_an_empty_store(store: Store) -> None:
    assert store.head() == 0


@UMADB.holds("the head advances with an append")
def test_the_head_advances_with_an_append(store: Store) -> None:
    store.append(commit("c", event(), event()))
    assert store.head() == 2


@UMADB.differs("backwards from a position: it and what is before", "bounds are exclusive on both sides")
def test_backwards_from_a_position_it_and_what_is_before(store: Store) -> None:
    store.append(commit("c", event(), event(), event()))
    assert [e.position for e in store.read(Selection(backwards=True, before=3))] == [2, 1]


@UMADB.holds("backwards with a limit")
def test_backwards_with_a_limit(store: Store) -> None:
    store.append(commit("c", event(), event(), event()))
    assert [e.position for e in store.read(Selection(backwards=True, limit=2))] == [3, 2]


@UMADB.holds("limit 0: nothing")
def test_limit_0_nothing(store: Store) -> None:
    store.append(commit("c"))
    assert list(store.read(Selection(limit=0))) == [] == list(store.read(Selection(limit=0, backwards=True)))


@UMADB.holds("a start past the end, both ways")
def test_a_start_past_the_end_both_ways(store: Store) -> None:
    store.append(commit("c", event(), event()))
    assert list(store.read(Selection(after=10))) == []
    assert [e.position for e in store.read(Selection(backwards=True, before=11))] == [2, 1]


@UMADB.differs("metadata round trip, per event", "per commit")
def test_metadata_round_trip_per_event(store: Store) -> None:
    store.append(commit("c", metadata='{"source":"x"}'))
    assert next(iter(store.read())).metadata == {"source": "x"}


UMADB.not_offered(
    "a read does not tell the head it went up to; head() before it is on the safe side",
    "the head that a read saw is told with its events",
)


@UMADB.holds("an event's UUID is kept and makes the append idempotent, even under its own condition")
def test_an_events_uuid_is_kept_and_makes_the_append_idempotent_even_under(store: Store) -> None:

    first = store.append(Commit("u-1", (event(),)), [NewStream("order-1")])
    again = store.append(Commit("u-1", (event(),)), [NewStream("order-1")])
    assert again.duplicate
    assert again.position == first.position
    assert store.head() == 1


@UMADB.holds("tracking: unknown source, round trip")
def test_tracking_unknown_source_round_trip(store: Any) -> None:
    assert store.rows.checkpoint("up") is None
    with store.transaction() as rows:
        rows.move("up", None, Checkpoint("up", 5, "{}"))
    assert store.rows.checkpoint("up").position == 5


@UMADB.holds("tracking with an append: the same position again fails, and nothing is appended")
def test_tracking_with_an_append_the_same_position_again_fails_and_nothing(store: Store) -> None:
    def track(at, old):
        return lambda rows, recorded: rows.move("up", old, Checkpoint("up", at, "{}"))

    store.append(commit("c"), inline=track(5, None))
    with pytest.raises(Conflict):
        store.append(commit("d"), inline=track(5, None))
    store.append(commit("e"), inline=track(6, Checkpoint("up", 5, "{}")))
    assert store.head() == 2


@UMADB.holds("a batch of appends, each with its own tracking and outcome")
def test_a_batch_of_appends_each_with_its_own_tracking_and_outcome(store: Store) -> None:
    from cqrs_cli.stores.contract import Append

    def track(at, old):
        return lambda rows, recorded: rows.move(
            "up", None if old is None else Checkpoint("up", old, "{}"), Checkpoint("up", at, "{}")
        )

    out = store.append_many(
        [
            Append(commit("a"), (), track(5, None)),
            Append(commit("b"), (), track(5, None)),
            Append(commit("c"), (), track(6, 5)),
        ]
    )
    assert [isinstance(o, Conflict) for o in out] == [False, True, False]
    assert store.head() == 2


UMADB.not_offered(
    "reads are pages: leaving the loop ends them; another thread has a store of its own",
    "a read is cancelled from another thread",
)


@UMADB.holds("a subscription blocks at the head and goes on; a stop ends it")
def test_a_subscription_blocks_at_the_head_and_goes_on_a_stop_ends_it(store: Store, url: str) -> None:
    assert store.wait(0, 0.01) is False
    store.append(commit("c"))
    assert store.wait(0, 0.5) is True


@pytest.mark.parametrize("case", UMADB.missing, ids=str)
def test_not_offered(case: Case) -> None:
    pytest.skip(case.note)
