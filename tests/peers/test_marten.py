"""Facts of the compliance suites that Marten runs (JasperFx.Events), and of Marten's own tests."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Conflict, CqrsError, NotFound, Rejected
from cqrs_cli.stores.commits import Commit
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from tests.peers import accounts as bank
from tests.peers import tasks as reacting
from tests.peers.cases import Case, Peer
from tests.peers.conftest import Shell

MARTEN = Peer("Marten (JasperFx compliance)")


def opened(bench, account="a", *amounts, owner="ada"):
    bench.send(bank.Open(account_id=account, owner=owner))
    for amount in amounts:
        bench.send(bank.Deposit(account_id=account, amount=Decimal(amount)))


# ── reading streams ───────────────────────────────────────────────────────────────────────────


@MARTEN.holds("a stream in order")
def test_a_stream_in_order(bench: Workbench) -> None:
    opened(bench, "a", 1, 2)
    assert [e.version for e in bench.store.read(Selection(stream="account-a"))] == [1, 2, 3]


@MARTEN.holds("a stream up to a version")
def test_a_stream_up_to_a_version(bench: Workbench) -> None:
    opened(bench, "a", 1, 2)
    assert [e.version for e in bench.store.read(Selection(stream="account-a", limit=2))] == [1, 2]


@MARTEN.holds("a stream from a version on")
def test_a_stream_from_a_version_on(bench: Workbench) -> None:
    opened(bench, "a", 1, 2)
    assert [e.version for e in bench.store.read(Selection(stream="account-a", after_version=1))] == [2, 3]


@MARTEN.holds("a window of versions")
def test_a_window_of_versions(bench: Workbench) -> None:
    opened(bench, "a", 1, 2, 3)
    window = Selection(stream="account-a", after_version=1, before_version=4)
    assert [e.version for e in bench.store.read(window)] == [2, 3]
    assert [e.version for e in bench.store.read(window._replace(backwards=True))] == [3, 2]


@MARTEN.holds("a stream as of a time")
def test_a_stream_as_of_a_time(bench: Workbench) -> None:
    opened(bench, "a", 1)
    at = bench.store.head()
    time.sleep(0.01)
    moment = int(time.time() * 1e6)
    time.sleep(0.01)
    opened(bench, "b")
    assert bench.store.position_at(moment) == at


@MARTEN.holds("an unknown stream is empty; its state is null")
def test_an_unknown_stream_is_empty_its_state_is_null(bench: Workbench) -> None:
    assert list(bench.store.read(Selection(stream="account-zz"))) == []
    with pytest.raises(NotFound):
        bench.replay("account-zz")


@MARTEN.holds("the state of a stream: version and times")
def test_the_state_of_a_stream_version_and_times(bench: Workbench) -> None:
    opened(bench, "a", 1)
    (info,) = bench.store.streams("account")
    assert info.version == 2
    assert info.first_recorded_us <= info.last_recorded_us


@MARTEN.holds("the state of a stream names its aggregate's type")
def test_the_state_of_a_stream_names_its_aggregates_type(bench: Workbench) -> None:
    opened(bench, "a")
    assert bench.domain.aggregate_of("account-a").cls is bank.Account


@MARTEN.holds("one event by its id; an unknown one is null")
def test_one_event_by_its_id_an_unknown_one_is_null(bench: Any) -> None:
    outcome = bench.send(bank.Open(account_id="a"))
    assert bench.store.commit(outcome.command_id).events[0].event_id == outcome.events[0].event_id
    assert bench.store.commit("nobody") is None


# ── expected versions ─────────────────────────────────────────────────────────────────────────


@MARTEN.holds("the version asserted on append: right")
def test_the_version_asserted_on_append_right(bench: Workbench) -> None:
    opened(bench, "a", 1)
    assert bench.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=2).status == "committed"


@MARTEN.holds("the version asserted on append: wrong, nothing is written")
def test_the_version_asserted_on_append_wrong_nothing_is_written(bench: Workbench) -> None:
    opened(bench, "a", 1)
    with pytest.raises(Conflict):
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=1)
    assert bench.store.version("account-a") == 2


@MARTEN.holds("asserting a version on an empty stream; an impossible one")
def test_asserting_a_version_on_an_empty_stream_an_impossible_one(store: Store) -> None:
    store.append(commit("c"), [AtVersion("order-1", 0)])
    with pytest.raises(CqrsError):
        store.append(commit("d"), [AtVersion("order-1", -1)])


@MARTEN.holds("a condition on a stream to which nothing is appended (always enforce consistency)")
def test_a_condition_on_a_stream_to_which_nothing_is_appended_always(store: Store) -> None:
    store.append(commit("c", event("a-1")))
    store.append(commit("d", event("b-1")), [AtVersion("a-1", 1)])
    with pytest.raises(Conflict):
        store.append(commit("e", event("b-1")), [AtVersion("a-1", 7)])


MARTEN.not_offered("a commit has at least one event: a pure assertion has nowhere to go", "… without any event at all")


@MARTEN.holds("starting the same stream twice in one unit of work")
def test_starting_the_same_stream_twice_in_one_unit_of_work(bench: Workbench) -> None:
    opened(bench, "a")
    with pytest.raises(Rejected):
        bench.send(bank.Open(account_id="a"))


@MARTEN.holds("starting a stream without events is refused")
def test_starting_a_stream_without_events_is_refused(store: Store) -> None:
    with pytest.raises(CqrsError):
        store.append(Commit("c", ()))


@MARTEN.holds("append optimistic to a stream that is not there")
def test_append_optimistic_to_a_stream_that_is_not_there(bench: Workbench) -> None:
    with pytest.raises(NotFound):
        bench.send(bank.Deposit(account_id="zz", amount=Decimal(1)))


MARTEN.not_offered(
    "no pessimistic locks: a conflict is decided again, or reported under --expect",
    "append exclusive: the stream is locked while one decides",
)


@MARTEN.holds("fetch for writing what does not exist yet: empty, version 0, then it is made")
def test_fetch_for_writing_what_does_not_exist_yet_empty_version_0_then_it(bench: Workbench) -> None:
    assert bench.store.version("account-a") == 0
    assert bench.send(bank.Open(account_id="a")).version_before == 0


@MARTEN.holds("fetch for writing: state and version")
def test_fetch_for_writing_state_and_version(bench: Any) -> None:
    opened(bench, "a", 5)
    state = bench.replay("account-a")
    assert (state.version, state.state.balance) == (2, 5)


@MARTEN.holds("two writers on one version: the second loses")
def test_two_writers_on_one_version_the_second_loses(bench: Workbench, url: str) -> None:
    opened(bench, "a")
    with Workbench.open(url, bank.domain) as other:
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=1)
        with pytest.raises(Conflict):
            other.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=1)


@MARTEN.holds("a failed commit leaves no poisoned cache: the next decision is right")
def test_a_failed_commit_leaves_no_poisoned_cache_the_next_decision_is(bench: Workbench, url: str) -> None:
    opened(bench, "a", 1)
    with Workbench.open(url, bank.domain) as other:
        other.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    with pytest.raises(Conflict):
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=2)
    assert bench.send(bank.Deposit(account_id="a", amount=Decimal(1))).version_before == 3


MARTEN.not_offered(
    "cannot arise: nothing is kept that is not in the log", "a cached state ahead of the log heals itself"
)


# ── live aggregation ──────────────────────────────────────────────────────────────────────────


@MARTEN.holds("fold all events")
def test_fold_all_events(bench: Any) -> None:
    opened(bench, "a", 12, 9)
    assert bench.replay("account-a").state.balance == 21


@MARTEN.holds("fold up to a version")
def test_fold_up_to_a_version(bench: Any) -> None:
    opened(bench, "a", 12, 9)
    assert bench.replay("account-a", at=2).state.balance == 12


@MARTEN.holds("fold up to a time")
def test_fold_up_to_a_time(bench: Workbench, shell: Shell) -> None:
    opened(bench, "a", 12)
    time.sleep(0.02)
    cut = datetime.now(UTC).isoformat()
    time.sleep(0.02)
    bench.send(bank.Deposit(account_id="a", amount=Decimal(9)))
    done = shell("replay", "account-a", "--at", cut, "--json", app="tests.peers.accounts:domain")
    assert json.loads(done.out)["state"]["balance"] == "12", done


@MARTEN.holds("an unknown stream folds to nothing")
def test_an_unknown_stream_folds_to_nothing(bench: Workbench) -> None:
    with pytest.raises(NotFound):
        bench.replay("account-zz")


MARTEN.not_offered(
    "aggregates are never deleted; a state says `closed`", "a fold that deletes its aggregate is nothing"
)


@MARTEN.differs("the last good state before the fold was deleted", "--at a version, or --steps, looks back")
def test_the_last_good_state_before_the_fold_was_deleted(bench: Any) -> None:
    opened(bench, "a", 12)
    bench.send(bank.Close(account_id="a"))
    assert bench.replay("account-a", at=2).state.closed is False


# ── metadata ──────────────────────────────────────────────────────────────────────────────────


@MARTEN.holds("the envelope is whole after a round trip")
def test_the_envelope_is_whole_after_a_round_trip(bench: Workbench) -> None:
    outcome = bench.send(
        bank.Open(account_id="a").with_meta(command_id="x", user_id="ada", correlation_id="k", metadata={"ip": "1"})
    )
    (e,) = bench.store.read()
    assert (e.commit_id, e.user_id, e.correlation_id, e.metadata, e.type) == ("x", "ada", "k", {"ip": "1"}, "Opened")
    assert (e,) == outcome.events


@MARTEN.holds("versions are per stream and begin with 1")
def test_versions_are_per_stream_and_begin_with_1(bench: Workbench) -> None:
    opened(bench, "a", 1)
    opened(bench, "b")
    assert [(e.stream, e.version) for e in bench.store.read()] == [("account-a", 1), ("account-a", 2), ("account-b", 1)]


@MARTEN.holds("the sequence is global and rises")
def test_the_sequence_is_global_and_rises(bench: Workbench) -> None:
    opened(bench, "a")
    opened(bench, "b")
    assert [e.position for e in bench.store.read()] == [1, 2]


@MARTEN.holds("times advance with the stream")
def test_times_advance_with_the_stream(bench: Workbench) -> None:
    opened(bench, "a", 1, 2, 3)
    times = [e.recorded_us for e in bench.store.read()]
    assert times == sorted(times)


@MARTEN.holds("headers: kept; none is no error")
def test_headers_kept_none_is_no_error(store: Store) -> None:
    store.append(commit("c", metadata='{"h":1}'))
    store.append(commit("d"))
    assert [e.metadata for e in store.read()] == [{"h": 1}, {}]


MARTEN.not_offered("metadata belong to the commit: all its events have the same", "headers of one event of a commit")


MARTEN.not_offered(
    "no OpenTelemetry yet; --meta and with_meta", "correlation and causation from the ambient trace (activity)"
)


# ── projections ───────────────────────────────────────────────────────────────────────────────


@MARTEN.holds("events of several streams land on one row")
def test_events_of_several_streams_land_on_one_row(bench: Workbench) -> None:
    opened(bench, "a")
    opened(bench, "b")
    bench.project()
    (row,) = bench.rows(bank.Owners)
    assert (row.accounts, row.streams) == (2, ["account-a", "account-b"])


@MARTEN.holds("separate identities stay apart")
def test_separate_identities_stay_apart(bench: Workbench) -> None:
    opened(bench, "a")
    opened(bench, "b", owner="bob")
    bench.project()
    assert [(r.owner, r.accounts) for r in bench.rows(bank.Owners)] == [("ada", 1), ("bob", 1)]


@MARTEN.holds("a later commit changes the row of an earlier one")
def test_a_later_commit_changes_the_row_of_an_earlier_one(bench: Workbench) -> None:
    opened(bench, "a")
    bench.project()
    opened(bench, "b")
    bench.project()
    (row,) = bench.rows(bank.Owners)
    assert row.accounts == 2


@MARTEN.holds("one event reaches every identity it names")
def test_one_event_reaches_every_identity_it_names(bench: Workbench) -> None:
    opened(bench, "a", owner="x+y")
    bench.project()
    assert [r.name for r in bench.rows(bank.Fans)] == ["x", "y"]


@MARTEN.differs(
    "fanned-out children of one event (one event as several)",
    "key= gives several rows the same event; the row's evolve picks its own child",
)
def test_fanned_out_children_of_one_event_one_event_as_several(bench: Workbench) -> None:
    opened(bench, "a", owner="ann+bob+ann")
    bench.project()
    assert [(r.name, r.seen) for r in bench.rows(bank.Fans)] == [("ann", 1), ("bob", 1)]


@MARTEN.holds("asynchronous and inline give the same rows")
def test_asynchronous_and_inline_give_the_same_rows(bench: Workbench) -> None:
    opened(bench, "a", 1, 2)
    assert bench.check("balance").ok


@MARTEN.holds("a rebuild gives the same rows; twice too; of one leaves others alone")
def test_a_rebuild_gives_the_same_rows_twice_too_of_one_leaves_others_alone(bench: Workbench) -> None:
    opened(bench, "a", 1, 2)
    opened(bench, "b")
    bench.project()
    before = [list(bench.rows(p)) for p in (bank.Owners, bank.Fragile, bank.Fans)]
    bench.rebuild("fragile")
    bench.rebuild("fragile")
    bench.rebuild("owners")
    assert before == [list(bench.rows(p)) for p in (bank.Owners, bank.Fragile, bank.Fans)]


@MARTEN.holds("a rebuild removes what a replay can't produce")
def test_a_rebuild_removes_what_a_replay_cant_produce(bench: Workbench, url: str) -> None:
    import sqlite3

    opened(bench, "a")
    bench.project()
    with closing(sqlite3.connect(url)) as raw, raw:
        raw.execute("INSERT INTO fans (name, seen) VALUES ('ghost', 9)")
    assert not bench.check("fans").ok
    bench.rebuild("fans")
    assert [r.name for r in bench.rows(bank.Fans)] == ["ada"]


@MARTEN.holds("a rebuild without events is no error; catching up when there is nothing to do")
def test_a_rebuild_without_events_is_no_error_catching_up_when_there_is(bench: Workbench) -> None:
    bench.rebuild("owners")
    bench.project()
    bench.project()


@MARTEN.holds("flat tables: a row per event key, updated, incremented, deleted; columns from the members")
def test_flat_tables_a_row_per_event_key_updated_incremented_deleted(bench: Workbench, shell: Shell) -> None:
    opened(bench, "a", 3, 4)
    done = shell("sql", "SELECT account_id, balance, events FROM balance", "--csv")
    assert done.out.split() == ["account_id,balance,events", "a,7,3"]
    bench.send(bank.Close(account_id="a"))
    assert shell("sql", "SELECT count(*) AS n FROM balance", "--csv").out.split() == ["n", "0"]


MARTEN.not_offered(
    "evolve is pure: facts travel in events, joins happen in queries (so a rebuild is repeatable)",
    "enrichment: a projection may read other documents before it applies",
)


# ── poison events ─────────────────────────────────────────────────────────────────────────────


@MARTEN.differs(
    "a poison event: the projection survives and goes on (skipped by itself)",
    "it stops before the event, others go on; passing over is an explicit, recorded --skip (no automatic skipping)",
)
def test_a_poison_event_the_projection_survives_and_goes_on_skipped_by(bench: Workbench) -> None:
    opened(bench, "a", 1, 13, 2)
    opened(bench, "b", 5)
    errors = bench.try_project()
    assert [e.details.get("projection") for e in errors] == ["fragile"]
    assert [(r.account_id, r.sum) for r in bench.rows(bank.Fragile)] == [("a", Decimal(1))]


@MARTEN.holds("the skipped event is on record, with the projection and the reason")
def test_the_skipped_event_is_on_record_with_the_projection_and_the_reason(bench: Workbench, shell: Shell) -> None:
    opened(bench, "a", 13, 2)
    bench.try_project()
    bench.skip("fragile", 2, by="eve", reason="a test")
    assert bench.try_project() == []
    assert [(r.sum) for r in bench.rows(bank.Fragile)] == [Decimal(2)]
    (line,) = shell("project", "fragile", "--status", "--jsonl", app="tests.peers.accounts:domain").out.splitlines()
    assert [(s["position"], s["by"], s["reason"]) for s in json.loads(line)["skipped"]] == [(2, "eve", "a test")]


@MARTEN.holds("no faults, no dead letters; a fault in one stream leaves other projections alone")
def test_no_faults_no_dead_letters_a_fault_in_one_stream_leaves_other(bench: Workbench) -> None:
    opened(bench, "a", 13)
    bench.try_project()
    assert [r.accounts for r in bench.rows(bank.Owners)] == [1]
    assert bench.failed() == []


# ── snapshots, subscriptions, reactions ───────────────────────────────────────────────────────


@MARTEN.holds("a snapshot is the live fold; it keeps up with later events")
def test_a_snapshot_is_the_live_fold_it_keeps_up_with_later_events(bench: Any, shell: Shell) -> None:
    opened(bench, "a", *[1] * 20)
    assert shell("snapshot", "take", "account-a", app="tests.peers.accounts:domain").code == 0
    bench.send(bank.Deposit(account_id="a", amount=Decimal(5)))
    assert bench.replay("account-a").state.balance == 25
    assert shell("replay", "--verify", app="tests.peers.accounts:domain").code == 0


@MARTEN.holds("a subscription: all events, intact, in order, of every stream, each once, also later ones")
def test_a_subscription_all_events_intact_in_order_of_every_stream_each(bench: Workbench, url: str) -> None:
    opened(bench, "a", 1)
    opened(bench, "b")
    seen = []
    with open_store(url) as mine:
        for e in mine.read():
            seen.append(e)
        opened(bench, "c")
        assert mine.wait(seen[-1].position, 1)
        seen += mine.read(Selection(after=seen[-1].position))
    assert [e.position for e in seen] == [1, 2, 3, 4]
    assert len({e.event_id for e in seen}) == 4


@MARTEN.holds("a reaction sends a command for an event, once")
def test_a_reaction_sends_a_command_for_an_event_once(url: str) -> None:
    with Workbench.open(url, reacting.domain) as bench:
        bench.runner().drain()
        bench.send(reacting.Begin(task_id="t"))
        bench.runner().drain()
        bench.runner().drain()
        state: Any = bench.replay("task-diary").state
        assert state.notes == ["t"]


@MARTEN.holds("a command that a reaction sends and that is rejected is a dead letter, which can be retried")
def test_a_command_that_a_reaction_sends_and_that_is_rejected_is_a_dead(url: str) -> None:
    with Workbench.open(url, reacting.domain) as bench:
        bench.runner().drain()
        bench.send(reacting.Begin(task_id="bad"))
        assert bench.runner().drain().dead == 1
        (letter,) = bench.failed()
        assert letter.code == "bad"


# ── explorer ──────────────────────────────────────────────────────────────────────────────────


@MARTEN.differs("recent streams, newest first, with a count", "`streams` goes by name; the newest first only by SQL")
def test_recent_streams_newest_first_with_a_count(bench: Workbench, shell: Shell) -> None:
    opened(bench, "a")
    opened(bench, "b")
    done = shell("sql", "SELECT stream FROM stream_summary ORDER BY last_recorded_at DESC LIMIT 1", "--csv")
    assert done.out.split()[-1] == "account-b"


@MARTEN.holds("more streams asked for than there are")
def test_more_streams_asked_for_than_there_are(bench: Workbench, shell: Shell) -> None:
    opened(bench, "a")
    assert shell("streams", "--limit", "50", "--jsonl").code == 0


@MARTEN.holds("how many events of each registered type")
def test_how_many_events_of_each_registered_type(bench: Workbench, shell: Shell) -> None:
    opened(bench, "a", 1)
    assert {t["type"]: t["events"] for t in json.loads(shell("stats", "--json").out)["types"]} == {
        "Opened": 1,
        "Deposited": 1,
    }


@MARTEN.holds("statistics of an empty store")
def test_statistics_of_an_empty_store(store: Store, shell: Shell) -> None:
    found = json.loads(shell("stats", "--json").out)
    assert (found["events"], found["streams"]) == (0, 0)


@MARTEN.holds("the floor by time: the last event at or before a moment")
def test_the_floor_by_time_the_last_event_at_or_before_a_moment(store: Store) -> None:
    (e,) = store.append(commit("c")).events
    assert store.position_at(e.recorded_us) == 1
    assert store.position_at(e.recorded_us - 1) == 0


MARTEN.not_offered(
    "no archiving",
    "archive a stream: marked, idempotent, neighbours alone, unknown is no error",
    "events of an archived stream are left out",
)
MARTEN.not_offered("never: append-only; snapshots shorten loads", "compact a stream into one event with its snapshot")
MARTEN.not_offered("no compaction", "append after compacting")
MARTEN.not_offered(
    "no erasure yet (room is kept: the chain is over digests)", "mask personal data in stored events by rules"
)
MARTEN.not_offered("one store a tenant", "tenants: the same stream id in two tenants, isolated")
MARTEN.not_offered("payloads are JSON", "binary serializers for some events")
MARTEN.not_offered(
    "no tags in the contract", "tags: query by one, by several with OR, with a type filter, nothing found"
)
MARTEN.not_offered(
    "no tags in the contract",
    "tags: fetch for writing, violation found, unrelated events don't disturb",
    "tags: an empty result still guards the append",
)
MARTEN.not_offered("no tags", "tags: assigned afterwards to stored events", "tags inferred from the event's fields")
MARTEN.not_offered("never", "overwrite an event")
MARTEN.not_offered(
    "a key is in the stream's name for ever; other names by an inline unique projection",
    "natural keys of aggregates, changed later",
)
MARTEN.not_offered("keys are str, int, UUID, date", "strong-typed ids")
MARTEN.not_offered(
    "append_many takes them, but times and event ids are the store's",
    "bulk import of many streams with their own ids and times",
)


@pytest.mark.parametrize("case", MARTEN.missing, ids=str)
def test_not_offered(case: Case) -> None:
    pytest.skip(case.note)
