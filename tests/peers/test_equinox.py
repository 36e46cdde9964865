"""Facts of Equinox's acceptance tests: memory store, event store, message-db's hook."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Conflict, DomainFailed
from cqrs_cli.stores.contract import Selection
from tests.peers import accounts as bank
from tests.peers.cases import Case, Peer

EQUINOX = Peer("Equinox")


@EQUINOX.holds("send an update: the folded result at once and by a reload")
def test_send_an_update_the_folded_result_at_once_and_by_a_reload(bench: Workbench, url: str) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.send(bank.Deposit(account_id="a", amount=Decimal(2)))
    with Workbench.open(url, bank.domain) as other:
        assert bench.replay("account-a").state == other.replay("account-a").state


@EQUINOX.holds("commits are reported with their events")
def test_commits_are_reported_with_their_events(bench: Any) -> None:
    outcome = bench.send(bank.Open(account_id="a"))
    assert [e.type for e in outcome.events] == ["Opened"]
    assert bench.store.commit(outcome.command_id).events == outcome.events


@EQUINOX.holds("the version after a command is right")
def test_the_version_after_a_command_is_right(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    outcome = bench.send(bank.Twice(account_id="a", amount=Decimal(1)))
    assert (outcome.version_before, outcome.streams) == (1, {"account-a": 3})


@EQUINOX.holds("versions begin with 0 for an empty stream")
def test_versions_begin_with_0_for_an_empty_stream(bench: Workbench) -> None:
    assert bench.store.version("account-a") == 0


@EQUINOX.holds("a long stream is read in batches and whole")
def test_a_long_stream_is_read_in_batches_and_whole(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    list(bench.send_batch(request(n) for n in range(600)))
    assert bench.replay("account-a").version == 601


def request(n):
    from cqrs_cli import Request

    return Request(n + 1, bank.Deposit(account_id="a", amount=Decimal(1)))


@EQUINOX.holds("competing writers: conflicts are solved by trying again, nothing is lost")
def test_competing_writers_conflicts_are_solved_by_trying_again_nothing_is(bench: Any, url: str) -> None:
    bench.send(bank.Open(account_id="a"))

    def work():
        with Workbench.open(url, bank.domain) as mine:
            for _ in range(20):
                mine.send(bank.Deposit(account_id="a", amount=Decimal(1)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.replay("account-a").state.balance == 60


@EQUINOX.holds("snapshots avoid redundant reads and give the same state")
def test_snapshots_avoid_redundant_reads_and_give_the_same_state(bench: Any) -> None:
    bench.send(bank.Open(account_id="a"))
    list(bench.send_batch(request(n) for n in range(200)))
    before = bench.replay("account-a").state
    bench.snapshots.take(["account-a"]) if hasattr(bench.snapshots, "take") else bench.snapshots.keep(
        {"account-a": None}
    )
    assert bench.replay("account-a").state == before


@EQUINOX.holds("a cached state still sees what others appended")
def test_a_cached_state_still_sees_what_others_appended(bench: Any, url: str) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    with Workbench.open(url, bank.domain) as other:
        other.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    bench.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    assert bench.replay("account-a").state.balance == 3


EQUINOX.not_offered(
    "an aggregate is the fold of its whole stream; no access strategies but snapshots",
    "only the last event is known to be needed (LatestKnownEvent)",
)


@EQUINOX.holds("the hook in the transaction: the projection is updated at once")
def test_the_hook_in_the_transaction_the_projection_is_updated_at_once(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    assert [r.events for r in bench.rows(bank.Balance)] == [1]


@EQUINOX.holds("the hook is not run when no events are written")
def test_the_hook_is_not_run_when_no_events_are_written(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.send(bank.Touch(account_id="a"))
    assert [r.events for r in bench.rows(bank.Balance)] == [1]


@EQUINOX.holds("when the hook raises the events are not written")
def test_when_the_hook_raises_the_events_are_not_written(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    with pytest.raises(DomainFailed):
        bench.send(bank.Deposit(account_id="a", amount=Decimal(666)))
    assert bench.store.head() == 1


@EQUINOX.holds("the hook runs every time")
def test_the_hook_runs_every_time(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    for _ in range(3):
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    assert [r.events for r in bench.rows(bank.Balance)] == [4]


@EQUINOX.holds("append at the end without a version; reading backwards in batches")
def test_append_at_the_end_without_a_version_reading_backwards_in_batches(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    list(bench.send_batch(request(n) for n in range(300)))
    versions = [e.version for e in bench.store.read(Selection(stream="account-a", backwards=True))]
    assert versions == list(range(301, 0, -1))


@EQUINOX.differs(
    "a stale expectation is refused and tells the conflicting events",
    "the conflict tells the versions, not the events in between (Equinox hands them over for the retry)",
)
def test_a_stale_expectation_is_refused_and_tells_the_conflicting_events(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    with pytest.raises(Conflict) as caught:
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=5)
    assert caught.value.details["actual"] == 1


@pytest.mark.parametrize("case", EQUINOX.missing, ids=str)
def test_not_offered(case: Case) -> None:
    pytest.skip(case.note)
