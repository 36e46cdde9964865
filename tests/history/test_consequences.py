"""What one event did to the state of its aggregate, and which rows it concerns."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Workbench, decide, evolve
from cqrs_cli.history.changes import Change
from cqrs_cli.history.consequences import Concerned, rows_concerned, state_changes
from cqrs_cli.history.folds import DomainFolds
from cqrs_cli.stores.commits import Commit, NewEvent


class Add(Command):
    tally_id: str
    n: int


class Added(Event, aliases=("Increased",)):
    n: int


class Tally(Aggregate):
    tally_id: str
    total: int = 0

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(n=command.n)

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.n


class Totals(Projection, key="tally_id"):
    tally_id: str
    total: int = 0

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.n


class ByNumber(Projection, key="n"):
    n: int
    times: int = 0

    @evolve
    def added(self, event: Added) -> None:
        self.times += 1


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(tmp_path / "a.db", Domain("tallies", Tally, Totals, ByNumber)) as bench:
        bench.send(Add(tally_id="a", n=1))
        bench.send(Add(tally_id="a", n=5))
        bench.store.append(Commit("old", (NewEvent("tally-a", "Increased", 1, b'{"n":2}'),)))
        yield bench


def test_what_an_event_changed(bench: Workbench) -> None:
    told = [state_changes(DomainFolds(bench), event) for event in bench.log()]
    assert told == [[Change("total", 0, 1)], [Change("total", 1, 6)], [Change("total", 6, 8)]]


def test_the_rows_that_it_concerns_also_under_a_name_of_old(bench: Workbench) -> None:
    found = [rows_concerned(bench, event) for event in bench.log()]
    assert found == [[Concerned("by_number", {"n": n}), Concerned("totals", {"tally_id": "a"})] for n in (1, 5, 2)]
