"""Random commands for the samples: whatever is a fold is the same fold, however one got there.

`PEER_EXAMPLES` says how many runs of up to 33 commands there are for each sample.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import samples.inventory as inventory
import samples.orders as orders
import samples.users as users
from cqrs_cli import Command, Request, Workbench
from cqrs_cli.domain.domain import Domain
from cqrs_cli.errors import CommandReused, CqrsError
from cqrs_cli.stores.commits import Recorded
from samples.orders.order import CancelOrder
from samples.users.user import CloseAccount
from tests.peers.folds import Rows, by_key, live_rows, of_stream, rows_of, slim, state_of
from tests.peers.shop_commands import (
    Maker,
    Makers,
    new_orders,
    new_stock,
    new_users,
    order_commands,
    stock_commands,
    uid,
    user_commands,
)

EXAMPLES = int(os.environ.get("PEER_EXAMPLES", "5"))
TIMES = ("created_at", "registered_at")  # a dry run is at another moment


class Sent(NamedTuple):
    """A command and what became of it. events: slim, None if there was an error."""

    command: Command
    status: str
    events: Any


def runs(first: Makers, commands: Makers) -> Callable[[Any], Any]:
    """Commands that make something, others, and a number for what happens in between."""

    def decorate(test: Any) -> Any:
        given_ = given(st.lists(first, max_size=3), st.lists(commands, min_size=1, max_size=30), st.integers(0, 2**32))
        return settings(max_examples=EXAMPLES, database=None)(given_(test))

    return decorate


@runs(new_orders, order_commands)
def test_orders(begin: list[Maker], makers: list[Maker], number: int) -> None:
    check(orders.domain, [*begin, *makers], random.Random(number))


@runs(new_stock, stock_commands)
def test_inventory(begin: list[Maker], makers: list[Maker], number: int) -> None:
    check(inventory.domain, [*begin, *makers], random.Random(number))


@runs(new_users, user_commands)
def test_users(begin: list[Maker], makers: list[Maker], number: int) -> None:
    check(users.domain, [*begin, *makers], random.Random(number))


def check(domain: Domain, makers: Sequence[Maker], rng: random.Random) -> None:
    """One by one, in a batch, and by hand: the same."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())

        def opened(name: str) -> Workbench:
            return stack.enter_context(Workbench.open(f"{folder}/{name}.db", domain, durability="relaxed"))

        one, batch = opened("one"), opened("batch")
        sent = send_one_by_one(one, makers, rng)
        send_in_a_batch(batch, sent)
        log = list(one.store.read())
        assert slim(log) == slim(batch.store.read())
        check_states(one, batch, log)
        check_the_past(one, log, rng)
        check_rows(one, batch, log)
        assert one.store.head() == len(log)


# ── sending ───────────────────────────────────────────────────────────────────────────────────


def send_one_by_one(bench: Workbench, makers: Sequence[Maker], rng: random.Random) -> list[Sent]:
    ids: list[UUID] = []
    sent: list[Sent] = []
    for number, maker in enumerate(makers):
        command = maker.make(ids).with_meta(command_id=f"c{number}")
        outcome = send_after_a_dry_run(bench, command, watched=rng.random() < 0.4)
        if maker.new and outcome[0] == "committed":
            ids.append(UUID(outcome[1][0][0].partition("-")[2]))
        sent.append(Sent(command, *outcome))
        if rng.random() < 0.3:
            bench.try_project()
        if rng.random() < 0.2 and outcome[0] == "committed":
            list(bench.snapshots.take([outcome[1][0][0]]))
        if rng.random() < 0.2:
            send_again(bench, rng.choice(sent))
    return sent


def send_after_a_dry_run(bench: Workbench, command: Command, watched: bool) -> tuple[str, Any]:
    """The outcome; the dry run before it said so, and (watched) which rows would change."""
    if watched:
        bench.try_project()
    before = {name: live_rows(bench, name) for name in bench.domain.projections} if watched else {}
    head = bench.store.head()
    expected, planned, changes = outcome_of(bench, command, dry_run=True)
    assert bench.store.head() == head
    status, events, _ = outcome_of(bench, command)
    if expected == "dry-run":
        assert status == ("committed" if planned else "unchanged"), command
        assert (events or []) == planned
        if watched:
            bench.try_project()
            assert changes_since(bench, before) == told_changes(changes), command
    else:
        assert status == expected, command
    return status, events


def outcome_of(bench: Workbench, command: Command, dry_run: bool = False) -> tuple[str, Any, Any]:
    """Status or error code, the events, the changes of rows."""
    try:
        outcome = bench.send(command, dry_run=dry_run)
    except CqrsError as error:
        return error.code, None, ()
    return outcome.status, slim(outcome.events), outcome.changes


def send_again(bench: Workbench, sent: Sent) -> None:
    """A duplicate if it was committed; its id with another command is an error."""
    if sent.status != "committed":
        return
    assert outcome_of(bench, sent.command)[:2] == ("duplicate", sent.events)
    for other in (CancelOrder(order_id=uid("x", 1), reason="other"), CloseAccount(user_id=uid("x", 1))):
        if type(other) in bench.domain.deciders:
            with pytest.raises(CommandReused):
                bench.send(other.with_meta(command_id=sent.command.meta.command_id))


def send_in_a_batch(bench: Workbench, sent: list[Sent]) -> None:
    """The same outcomes, but where an inline rule refuses a line: those go one by one."""
    requests = [Request(number, one.command) for number, one in enumerate(sent, 1)]
    alone = any(one.status == "not-unique" for one in sent)
    groups = [[request] for request in requests] if alone else [requests]
    outcomes = [outcome for group in groups for outcome in bench.send_batch(group)]
    for one, outcome in zip(sent, outcomes, strict=True):
        assert (outcome.error.code if outcome.error is not None else outcome.status) == one.status, one.command
        assert one.status != "committed" or slim(outcome.events) == one.events


def changes_since(bench: Workbench, before: dict[str, Rows]) -> dict[Any, Any]:
    """Which rows are others now, as JSON: (before, after) by name and key."""
    found = {}
    for name, old in before.items():
        new = live_rows(bench, name)
        for key in {*old, *new}:
            pair = tuple(without_times(bench.jsonable(rows[key])) if key in rows else None for rows in (old, new))
            if pair[0] != pair[1]:
                found[name, tuple(map(str, key))] = pair
    return found


def told_changes(changes: Any) -> dict[Any, Any]:
    """What a dry run told, in the same form."""
    told = {
        (change.projection, tuple(change.key.values())): (without_times(change.before), without_times(change.after))
        for change in changes
    }
    return {where: pair for where, pair in told.items() if pair[0] != pair[1]}


def without_times(row: Any) -> Any:
    return None if row is None else {name: value for name, value in row.items() if name not in TIMES}


# ── folding ───────────────────────────────────────────────────────────────────────────────────


def check_states(one: Workbench, batch: Workbench, log: list[Recorded]) -> None:
    """Now, at every version, step by step, and all at once."""
    streams = {event.stream for event in log}
    for stream in streams:
        own = of_stream(log, stream)
        states = [state_of(one, stream, own[:version]) for version in range(1, len(own) + 1)]
        assert one.replay(stream).state == states[-1] == batch.replay(stream).state
        assert [one.replay(stream, at=version).state for version in range(1, len(own) + 1)] == states
        steps = [(event.version, step.state.model_copy(deep=True)) for event, step in one.steps(stream)]
        assert steps == list(enumerate(states, 1))
    everything = {state.stream: state.state.model_copy(deep=True) for state in one.replay_all()}
    assert everything == {stream: state_of(one, stream, of_stream(log, stream)) for stream in streams}


def check_the_past(bench: Workbench, log: list[Recorded], rng: random.Random) -> None:
    """States and rows as they were at some positions."""
    for position in rng.sample(range(len(log) + 1), min(3, len(log) + 1)):
        prefix = [event for event in log if event.position <= position]
        for stream in {event.stream for event in prefix}:
            then = bench.replay(stream, at_position=position)
            assert then.state == state_of(bench, stream, of_stream(prefix, stream))
        for name in bench.domain.projections:
            assert by_key(bench, name, bench.rows_at(name, position)) == rows_of(bench, name, prefix), name


def check_rows(one: Workbench, batch: Workbench, log: list[Recorded]) -> None:
    """Caught up bit by bit, from the beginning, and rebuilt."""
    one.project()
    batch.project()
    for name in one.domain.projections:
        assert by_key(one, name, one.rows(name)) == rows_of(one, name, log), name
        assert by_key(batch, name, batch.rows(name)) == rows_of(batch, name, batch.store.read()), name
        assert one.check(name).ok
    one.rebuild(*one.domain.projections)
    for name in one.domain.projections:
        assert by_key(one, name, one.rows(name)) == rows_of(one, name, log), name
