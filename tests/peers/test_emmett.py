"""Facts of Emmett's specs: its SQLite store, the expected versions, the command handler, consumers, projections."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Rejected, Scenario, Workbench
from cqrs_cli.errors import Conflict, DomainFailed, Misuse
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.conditions import AtVersion, NewStream, StreamExists
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from tests.conftest import ROOT
from tests.peers import accounts as bank
from tests.peers import carts as old_and_new
from tests.peers import tasks as reacting
from tests.peers.cases import Case, Peer
from tests.peers.conftest import Shell

EMMETT = Peer("Emmett")
TWO = (event(), event(type="DiscountApplied"))


@EMMETT.holds("append to a new stream expecting version 0: next version 2, a position > 0")
def test_append_to_a_new_stream_expecting_version_0_next_version_2_a(store: Store) -> None:
    receipt = store.append(commit("c", *TWO), [AtVersion("order-1", 0)])
    assert receipt.streams == {"order-1": 2}
    assert receipt.position > 0


@EMMETT.holds("append without an expected version")
def test_append_without_an_expected_version(store: Store) -> None:
    assert store.append(commit("c", *TWO)).streams == {"order-1": 2}


@EMMETT.holds("append twice without concurrency control")
def test_append_twice_without_concurrency_control(store: Store) -> None:
    store.append(commit("c", *TWO))
    store.append(commit("d", *TWO))
    assert len(list(store.read(Selection(stream="order-1")))) == 4


@EMMETT.holds("expected version too high: refused, nothing written")
def test_expected_version_too_high_refused_nothing_written(store: Store) -> None:
    store.append(commit("c", *TWO), [AtVersion("order-1", 0)])
    with pytest.raises(Conflict):
        store.append(commit("d", *TWO), [AtVersion("order-1", 4)])
    assert store.version("order-1") == 2


@EMMETT.holds("the same stream created twice: the second is refused")
def test_the_same_stream_created_twice_the_second_is_refused(store: Store) -> None:
    store.append(commit("c", *TWO), [AtVersion("order-1", 0)])
    with pytest.raises(Conflict):
        store.append(commit("d", *TWO), [AtVersion("order-1", 0)])


@EMMETT.holds("expected version that was passed: refused")
def test_expected_version_that_was_passed_refused(store: Store) -> None:
    at = store.append(commit("c", *TWO)).streams["order-1"]
    store.append(commit("d", *TWO), [AtVersion("order-1", at)])
    with pytest.raises(Conflict):
        store.append(commit("e", *TWO), [AtVersion("order-1", at)])
    assert store.version("order-1") == 4


@EMMETT.holds("expected version that matches: written")
def test_expected_version_that_matches_written(store: Store) -> None:
    at = store.append(commit("c", *TWO), [AtVersion("order-1", 0)]).streams["order-1"]
    assert store.append(commit("d", *TWO), [AtVersion("order-1", at)]).streams == {"order-1": 4}


@EMMETT.holds("the hook before the commit gets the events")
def test_the_hook_before_the_commit_gets_the_events(store: Any) -> None:
    seen: list[Any] = []
    store.append(commit("c", *TWO), inline=lambda rows, recorded: seen.extend(recorded))
    assert [e.version for e in seen] == [1, 2]


@EMMETT.holds("the hook raises: all is rolled back")
def test_the_hook_raises_all_is_rolled_back(store: Store) -> None:
    def fail(rows, recorded):
        raise ValueError("fake")

    with pytest.raises(ValueError, match="fake"):
        store.append(commit("c", *TWO), inline=fail)
    assert store.head() == 0


@EMMETT.holds("no events: no success, no stream")
def test_no_events_no_success_no_stream(store: Store) -> None:
    with pytest.raises(Misuse):
        store.append(Commit("c", ()))
    assert list(store.streams()) == []


@EMMETT.holds("read a stream: its events and its current version")
def test_read_a_stream_its_events_and_its_current_version(store: Store) -> None:
    store.append(commit("c", *TWO))
    assert [e.version for e in store.read(Selection(stream="order-1"))] == [1, 2]
    assert store.version("order-1") == 2


@EMMETT.holds("read a stream that is not there: empty, version 0, no error")
def test_read_a_stream_that_is_not_there_empty_version_0_no_error(store: Store) -> None:
    assert (list(store.read(Selection(stream="x-1"))), store.version("x-1")) == ([], 0)


@EMMETT.holds("last position: of one event")
def test_last_position_of_one_event(store: Store) -> None:
    assert store.append(commit("c")).position == store.head() == 1


@EMMETT.holds("last position: of one stream")
def test_last_position_of_one_stream(store: Store) -> None:
    store.append(commit("c", *TWO))
    assert store.head() == 2


@EMMETT.holds("last position: of several streams")
def test_last_position_of_several_streams(store: Store) -> None:
    store.append(commit("c", *TWO))
    store.append(commit("d", event("b-1")))
    assert store.head() == 3


@EMMETT.differs(
    "last position of an empty store: none", "0 instead of null; positions begin with 1, so 0 is unambiguous"
)
def test_last_position_of_an_empty_store_none(store: Store) -> None:
    assert store.head() == 0


@EMMETT.holds("the schema is made by itself")
def test_the_schema_is_made_by_itself(url: str) -> None:
    with open_store(url, create=True) as made:
        assert made.head() == 0


@EMMETT.holds("an existing store is not overwritten")
def test_an_existing_store_is_not_overwritten(url: str) -> None:
    with open_store(url, create=True) as made:
        made.append(commit("c"))
    with open_store(url, create=True) as again:
        assert again.head() == 1


@EMMETT.holds("a store in memory")
def test_a_store_in_memory() -> None:
    with open_store("memory:emmett", create=True) as store, open_store("memory:emmett") as other:
        store.append(commit("c"))
        assert other.head() == 1
    with open_store("memory:emmett", create=True) as again:
        assert again.head() == 0


@EMMETT.holds("expected version kinds: no check at all")
def test_expected_version_kinds_no_check_at_all(store: Store) -> None:
    store.append(commit("c"))
    store.append(commit("d"), ())


@EMMETT.holds("expected: does not exist, and it doesn't")
def test_expected_does_not_exist_and_it_doesnt(store: Store) -> None:
    store.append(commit("c"), [NewStream("order-1")])


@EMMETT.holds("expected: does not exist, but it does")
def test_expected_does_not_exist_but_it_does(store: Store) -> None:
    store.append(commit("c"))
    with pytest.raises(Conflict):
        store.append(commit("d"), [NewStream("order-1")])


@EMMETT.holds("expected: exists at any version")
def test_expected_exists_at_any_version(store: Store) -> None:
    store.append(commit("c", *TWO))
    store.append(commit("d"), [StreamExists("order-1")])
    with pytest.raises(Conflict):
        store.append(commit("e"), [StreamExists("order-2")])


@EMMETT.differs(
    "causation is rooted in the correlation when unset",
    "causation stays null: nothing caused it; the correlation is the commit's own id",
)
def test_causation_is_rooted_in_the_correlation_when_unset(store: Store) -> None:
    (recorded,) = store.append(commit("c", correlation_id="k")).events
    assert recorded.causation_id is None


@EMMETT.holds("causation given is kept")
def test_causation_given_is_kept(store: Store) -> None:
    assert store.append(commit("c", causation_id="m:1")).events[0].causation_id == "m:1"


# ── command handler ───────────────────────────────────────────────────────────────────────────


@EMMETT.holds("handle: one event, the new state")
def test_handle_one_event_the_new_state(bench: Any) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.send(bank.Deposit(account_id="a", amount=Decimal(5)))
    assert bench.replay("account-a").state.balance == 5


@EMMETT.holds("handle with `does not exist`")
def test_handle_with_does_not_exist(bench: Workbench) -> None:
    assert bench.send(bank.Open(account_id="a"), expect="new").status == "committed"


@EMMETT.holds("handle without events: nothing appended, the state as it was")
def test_handle_without_events_nothing_appended_the_state_as_it_was(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    assert bench.send(bank.Touch(account_id="a")).status == "unchanged"
    assert bench.store.head() == 1


@EMMETT.holds("handle with an empty list: nothing appended")
def test_handle_with_an_empty_list_nothing_appended(bench: Workbench) -> None:
    assert bench.send(bank.Nothing(account_id="z")).status == "unchanged"


@EMMETT.holds("a first command without events makes no stream")
def test_a_first_command_without_events_makes_no_stream(bench: Workbench) -> None:
    bench.send(bank.Nothing(account_id="z"))
    assert list(bench.store.streams()) == []


@EMMETT.holds("a new stream, then the next expected version")
def test_a_new_stream_then_the_next_expected_version(bench: Workbench) -> None:
    first = bench.send(bank.Open(account_id="a"), expect="new")
    second = bench.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=first.streams["account-a"])
    assert second.streams == {"account-a": 2}


EMMETT.not_offered(
    "one command a commit; `send --batch` groups durability, not atomicity",
    "several decisions in order, their events appended together",
)


@EMMETT.holds("a custom stream name from the business id")
def test_a_custom_stream_name_from_the_business_id(bench: Workbench) -> None:
    assert bench.send(bank.Open(account_id="Größe/1")).stream == "account-Größe%2F1"


@EMMETT.holds("an asynchronous handler is awaited")
def test_an_asynchronous_handler_is_awaited(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    assert bench.send(bank.Deposit(account_id="a", amount=Decimal(1))).status == "committed"


EMMETT.not_offered("20 tries, with a turn for each writer; nothing to choose", "a retry policy of the call's own")


EMMETT.not_offered("conflicts alone are tried again", "a predicate for what is tried again")


@EMMETT.holds("a conflict tells the expected and the current version")
def test_a_conflict_tells_the_expected_and_the_current_version(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    with pytest.raises(Conflict) as caught:
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)), expect=7)
    assert (caught.value.details["expected"], caught.value.details["actual"]) == (7, 1)


@EMMETT.holds("a business error of the handler comes through")
def test_a_business_error_of_the_handler_comes_through(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    with pytest.raises(Rejected) as caught:
        bench.send(bank.Deposit(account_id="a", amount=Decimal(0)))
    assert caught.value.code == "no-amount"


@EMMETT.holds("any other error of the handler comes through")
def test_any_other_error_of_the_handler_comes_through(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    with pytest.raises(DomainFailed) as caught:
        bench.send(bank.Explode(account_id="a"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@EMMETT.holds("a wrong version without expectation is tried again and succeeds")
def test_a_wrong_version_without_expectation_is_tried_again_and_succeeds(bench: Any, url: str) -> None:
    bench.send(bank.Open(account_id="a"))
    with Workbench.open(url, bank.domain) as other:
        for _n in range(5):
            bench.send(bank.Deposit(account_id="a", amount=Decimal(1)))
            other.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    assert bench.replay("account-a").state.balance == 10


@EMMETT.holds("a wrong explicit version is not tried again")
def test_a_wrong_explicit_version_is_not_tried_again(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    with pytest.raises(Conflict):
        bench.send(bank.Twice(account_id="a", amount=Decimal(1)), expect=2)


@EMMETT.holds("several events of one decision")
def test_several_events_of_one_decision(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    assert len(bench.send(bank.Twice(account_id="a", amount=Decimal(1))).events) == 2


@EMMETT.holds("gives up after many conflicts")
def test_gives_up_after_many_conflicts(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.send(bank.Open(account_id="a"))
    tries = []

    def conflict(*a, **k):
        tries.append(1)
        raise Conflict("again")

    monkeypatch.setattr(bench.store, "append", conflict)
    with pytest.raises(Conflict):
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    assert len(tries) == 20


@EMMETT.holds("an error that is no conflict is not tried again")
def test_an_error_that_is_no_conflict_is_not_tried_again(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.send(bank.Open(account_id="a"))
    tries = []

    def fail(*a, **k):
        tries.append(1)
        raise Misuse("no")

    monkeypatch.setattr(bench.store, "append", fail)
    with pytest.raises(Misuse):
        bench.send(bank.Deposit(account_id="a", amount=Decimal(1)))
    assert len(tries) == 1


@EMMETT.holds("upcasting while aggregating: text to number")
def test_upcasting_while_aggregating_text_to_number(url: str) -> None:
    with open_store(url, create=True) as store:
        store.append(Commit("c", (NewEvent("cart-1", "Added", 1, b'{"price":"7","at":"2026-01-01T00:00:00Z"}'),)))
        store.append(Commit("d", (NewEvent("cart-1", "Added", 2, b'{"price":5,"at":"2026-01-02T00:00:00Z"}'),)))
    with Workbench.open(url, old_and_new.domain) as carts:
        state: Any = carts.replay("cart-1").state
        assert (state.total, state.last) == (12, datetime(2026, 1, 2, tzinfo=UTC))


@EMMETT.holds("upcasting: ISO text to date, text to big integer")
def test_upcasting_iso_text_to_date_text_to_big_integer(url: str) -> None:
    big = 2**60
    with open_store(url, create=True) as store:
        data = json.dumps({"price": str(big), "at": "2026-01-01T00:00:00Z"}).encode()
        store.append(Commit("c", (NewEvent("cart-1", "Added", 1, data),)))
    with Workbench.open(url, old_and_new.domain) as carts:
        state: Any = carts.replay("cart-1").state
        assert state.total == big


@EMMETT.differs(
    "upcasting when a stream is read directly",
    "`log` prints what is stored (no domain is loaded); only folds upcast. `log --upcast` is not offered",
)
def test_upcasting_when_a_stream_is_read_directly(url: str, shell: Shell) -> None:
    with open_store(url, create=True) as store:
        store.append(Commit("c", (NewEvent("cart-1", "Added", 1, b'{"price":"7","at":"2026-01-01T00:00:00Z"}'),)))
    (line,) = shell("log", "--jsonl").out.splitlines()
    assert json.loads(line)["data"]["price"] == "7"


EMMETT.not_offered("events are stored in today's version only", "downcasting to the stored shape on append")


EMMETT.not_offered("no downcasters", "a round trip through downcast and upcast")


# ── consumers ─────────────────────────────────────────────────────────────────────────────────


def follow(url, after, into, until):
    with open_store(url) as reader:
        while len(into) < until:
            for each in reader.read(Selection(after=after)):
                into.append(each.position)
                after = each.position
            reader.wait(after, 0.2)


@EMMETT.holds("a consumer handles what was appended before it started")
def test_a_consumer_handles_what_was_appended_before_it_started(store: Any, url: str) -> None:
    for n in range(5):
        store.append(commit(f"c{n}"))
    seen: list[Any] = []
    follow(url, 0, seen, 5)
    assert seen == [1, 2, 3, 4, 5]


@EMMETT.holds("a consumer handles what is appended after it started")
def test_a_consumer_handles_what_is_appended_after_it_started(store: Store, url: str) -> None:
    seen: list[int] = []
    thread = threading.Thread(target=follow, args=(url, 0, seen, 5))
    thread.start()
    for n in range(5):
        store.append(commit(f"c{n}"))
    thread.join(60)
    assert seen == [1, 2, 3, 4, 5]


@EMMETT.holds("only what comes after a given position")
def test_only_what_comes_after_a_given_position(store: Store, url: str) -> None:
    for n in range(5):
        store.append(commit(f"c{n}"))
    seen: list[int] = []
    follow(url, 3, seen, 2)
    assert seen == [4, 5]


@EMMETT.holds("a checkpoint is kept and a restart goes on there")
def test_a_checkpoint_is_kept_and_a_restart_goes_on_there(bench: Any) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.project()
    at = bench.store.rows.checkpoint("owners").position
    bench.send(bank.Open(account_id="b"))
    bench.project()
    assert bench.store.rows.checkpoint("owners").position == at + 1
    (row,) = bench.rows(bank.Owners)
    assert row.accounts == 2


@EMMETT.holds("starting at the end: a new reaction answers new events only; several such; a restart goes on")
def test_starting_at_the_end_a_new_reaction_answers_new_events_only_several(url: str) -> None:
    with Workbench.open(url, reacting.domain) as bench:
        bench.send(reacting.Begin(task_id="old"))
        bench.runner(start=bench.store.head()).drain()
        bench.send(reacting.Begin(task_id="new"))
    with Workbench.open(url, reacting.domain) as bench:
        bench.runner().drain()
        bench.runner().drain()
        state: Any = bench.replay("task-diary").state
        assert state.notes == ["new"]


EMMETT.not_offered("a projection always has a checkpoint", "checkpoints can be switched off")


@EMMETT.differs(
    "a consumer without processors fails to start",
    "`run` of a domain without projections or reactions ends with 0 (`--once`) and says nothing of it",
)
def test_a_consumer_without_processors_fails_to_start(url: str, shell: Shell) -> None:
    with Workbench.open(url, old_and_new.domain) as carts:
        carts.send(old_and_new.Add(cart_id="1", price=1, at=datetime.now(UTC)))
    done = shell("run", "--once", app="tests.peers.carts:domain")
    assert done.code == 0


@EMMETT.holds("several writers and processors at once without `database is locked`")
def test_several_writers_and_processors_at_once_without_database_is_locked(url: str) -> None:
    with Workbench.open(url, bank.domain) as made:
        made.send(bank.Open(account_id="a"))
    errors = []

    def write(name):
        try:
            with Workbench.open(url, bank.domain) as mine:
                for n in range(15):
                    mine.send(bank.Open(account_id=f"{name}-{n}"))
        except Exception as error:
            errors.append(error)

    def project():
        try:
            with Workbench.open(url, bank.domain) as mine:
                for _ in range(15):
                    mine.project()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    threads += [threading.Thread(target=project) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@EMMETT.holds("SIGTERM closes the consumer in order")
def test_sigterm_closes_the_consumer_in_order(url: str, tmp_path: Path) -> None:
    with Workbench.open(url, bank.domain) as made:
        made.send(bank.Open(account_id="a"))
    child = subprocess.Popen(
        [sys.executable, "-m", "cqrs_cli", "--app", "tests.peers.accounts:domain", "--store", url, "run"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == 0


@EMMETT.holds("a test waits until a position is handled")
def test_a_test_waits_until_a_position_is_handled(bench: Any) -> None:
    at = bench.send(bank.Open(account_id="a")).position
    bench.project()
    assert bench.store.wait(at - 1, 1)
    assert bench.store.rows.checkpoint("owners").position >= at


@EMMETT.holds("waiting for what never comes ends fast with a clear error")
def test_waiting_for_what_never_comes_ends_fast_with_a_clear_error(bench: Workbench, shell: Shell) -> None:
    bench.send(bank.Open(account_id="a"))
    done = shell("query", "owners", "--wait", "@99", "--timeout", "0.2", app="tests.peers.accounts:domain")
    assert done.code == 7
    assert "timed-out" in done.err


EMMETT.not_offered(
    "checkpoints are compared and set; there is no lock of a processor to choose a policy for",
    "lock policies of a processor (fail, skip, retry)",
)


# ── projections ───────────────────────────────────────────────────────────────────────────────


@EMMETT.holds("projection: the row's id is another than the stream's")
def test_projection_the_rows_id_is_another_than_the_streams(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.send(bank.Open(account_id="b"))
    bench.project()
    (row,) = bench.rows(bank.Owners)
    assert (row.owner, row.accounts) == ("ada", 2)


@EMMETT.holds("projection: no id, the event is skipped")
def test_projection_no_id_the_event_is_skipped(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a", owner="nobody"))
    bench.project()
    assert list(bench.rows(bank.Fans)) == []


@EMMETT.holds("projection: several ids, every row changes")
def test_projection_several_ids_every_row_changes(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a", owner="ann+bob"))
    bench.project()
    assert [(r.name, r.seen) for r in bench.rows(bank.Fans)] == [("ann", 1), ("bob", 1)]


@EMMETT.holds("projection: only the types it declares")
def test_projection_only_the_types_it_declares(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.send(bank.Deposit(account_id="a", amount=Decimal(3)))
    bench.project()
    (row,) = bench.rows(bank.Fragile)
    assert row.sum == 3


@EMMETT.holds("projection: the same event again changes nothing")
def test_projection_the_same_event_again_changes_nothing(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.project()
    bench.project()
    (row,) = bench.rows(bank.Fans)
    assert row.seen == 1


@EMMETT.holds("projection: an event deletes the row")
def test_projection_an_event_deletes_the_row(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    bench.send(bank.Close(account_id="a"))
    assert list(bench.rows(bank.Balance)) == []


@EMMETT.holds("inline projection: there with the commit")
def test_inline_projection_there_with_the_commit(bench: Workbench) -> None:
    bench.send(bank.Open(account_id="a"))
    assert [r.account_id for r in bench.rows(bank.Balance)] == ["a"]


EMMETT.not_offered("rows are classes; SQL is for reading", "projection written as SQL")


# ── decider specification ─────────────────────────────────────────────────────────────────────


@EMMETT.holds("given/when/then: the events decided")
def test_given_when_then_the_events_decided() -> None:
    Scenario(bank.domain).given(bank.Opened(owner="a")).when(bank.Deposit(account_id="a", amount=Decimal(1))).then(
        bank.Deposited(amount=Decimal(1))
    )


@EMMETT.holds("then() with nothing fails when there was an event")
def test_then_with_nothing_fails_when_there_was_an_event() -> None:
    with pytest.raises(AssertionError):
        Scenario(bank.domain).given(bank.Opened(owner="a")).when(bank.Close(account_id="a")).then()


@EMMETT.holds("nothing happened: holds")
def test_nothing_happened_holds() -> None:
    Scenario(bank.domain).given(bank.Opened(owner="a")).when(bank.Touch(account_id="a")).then_nothing()


@EMMETT.holds("nothing happened: fails when something did")
def test_nothing_happened_fails_when_something_did() -> None:
    with pytest.raises(AssertionError):
        Scenario(bank.domain).given(bank.Opened(owner="a")).when(bank.Close(account_id="a")).then_nothing()


@EMMETT.holds("then it throws: by code")
def test_then_it_throws_by_code() -> None:
    Scenario(bank.domain).given(bank.Opened(owner="a")).when(
        bank.Deposit(account_id="a", amount=Decimal(0))
    ).then_rejected("no-amount")


@EMMETT.holds("then it throws: fails when it doesn't")
def test_then_it_throws_fails_when_it_doesnt() -> None:
    with pytest.raises(AssertionError):
        Scenario(bank.domain).given(bank.Opened(owner="a")).when(bank.Close(account_id="a")).then_rejected()


@EMMETT.holds("given/when/then: an error of the code, not a rejection")
def test_given_when_then_an_error_of_the_code_not_a_rejection() -> None:
    with pytest.raises(DomainFailed) as caught:
        Scenario(bank.domain).given(bank.Opened(owner="a")).when(bank.Explode(account_id="a"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@EMMETT.holds("given/when/then for projections")
def test_given_when_then_for_projections() -> None:
    Scenario(bank.domain).given(bank.Opened(owner="a")).when(bank.Deposit(account_id="a", amount=Decimal(5))).then_rows(
        bank.Balance, {"account_id": "a", "owner": "a", "balance": Decimal(5), "events": 2}
    )


@EMMETT.holds("given/when/then for workflows (process managers)")
def test_given_when_then_for_workflows() -> None:
    Scenario(reacting.domain).when(reacting.Begin(task_id="a")).then_sends(reacting.Note(task_id="diary", of="a"))


@pytest.mark.parametrize("case", EMMETT.missing, ids=str)
def test_not_offered(case: Case) -> None:
    pytest.skip(case.note)
