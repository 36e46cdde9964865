"""Which rows an event concerns: its field, its stream, or both, where the field may be None."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    DefinitionError,
    Domain,
    Event,
    ProcessManager,
    Projection,
    Workbench,
    evolve,
    react,
)
from cqrs_cli.stores.commits import Commit, NewEvent


class Tagged(Event):
    item_id: str | None = None
    label: str | None = None
    size: int = 1


class Tell(Command):
    item_id: str


class Item(Aggregate):
    item_id: str

    @evolve
    def tagged(self, event: Tagged) -> None: ...


class Shelf(Aggregate, key=("item_id", "shelf")):
    item_id: str
    shelf: int

    @evolve
    def tagged(self, event: Tagged) -> None: ...


class Stranger(Aggregate):
    stranger_id: str


class Items(Projection, key="item_id"):
    item_id: str
    size: int = 0

    @evolve
    def tagged(self, event: Tagged) -> None:
        self.size += event.size


class Labels(Projection, key="label"):
    label: str
    size: int = 0

    @evolve
    def tagged(self, event: Tagged) -> None:
        self.size += event.size


class Both(Projection, key=("label", "item_id")):
    label: str
    item_id: str
    size: int = 0

    @evolve
    def tagged(self, event: Tagged) -> None:
        self.size += event.size


class Flow(ProcessManager, key="item_id"):
    item_id: str
    size: int = 0

    @evolve
    def tagged(self, event: Tagged) -> None:
        self.size += event.size

    @react
    def tell(self, event: Tagged) -> None: ...


def rows(tmp_path: Path, domain: Domain, name: str, *events: tuple[str, str]) -> list[Any]:
    with Workbench.open(str(tmp_path / "s.db"), domain) as bench:
        for number, (stream, data) in enumerate(events):
            bench.store.append(Commit(f"c{number}", (NewEvent(stream, "Tagged", 1, data.encode()),)))
        if name in domain.projections:
            bench.project(name)
            assert bench.check(name).ok
        else:
            bench.runner(start=0).drain()
        return list(bench.store.rows.select(bench.domain.rows_of(name).table))


@pytest.mark.parametrize("name", ["items", "flow"])
def test_an_own_key_that_is_none_is_the_id_of_the_stream(tmp_path: Path, name: str) -> None:
    domain = Domain("d", Item, Shelf, Items, Flow)
    found = rows(tmp_path, domain, name, ("item-a", "{}"), ("item-a", '{"item_id":"b"}'), ("shelf-a,1", "{}"))
    assert found == [("a", 2), ("b", 1)]


def test_a_label_that_is_none_concerns_no_row(tmp_path: Path) -> None:
    found = rows(tmp_path, Domain("d", Item, Labels), "labels", ("item-a", "{}"), ("item-a", '{"label":"x"}'))
    assert found == [("x", 1)]


def test_a_key_of_a_label_and_an_own_key(tmp_path: Path) -> None:
    events = ("item-a", "{}"), ("item-a", '{"label":"x"}'), ("item-a", '{"label":"x","item_id":"b"}')
    assert rows(tmp_path, Domain("d", Item, Both), "both", *events) == [("x", "a", 1), ("x", "b", 1)]


def test_the_stream_of_an_aggregate_without_that_key_says_nothing_of_it(tmp_path: Path) -> None:
    class Other(Aggregate):
        other_id: str
        ignores = (Tagged,)

    found = rows(tmp_path, Domain("d", Item, Other, Items), "items", ("other-z", "{}"), ("item-a", "{}"))
    assert found == [("a", 1)]


def test_an_own_key_of_another_type_is_told_when_the_domain_is_made() -> None:
    class Thing(Aggregate, key="item_id"):
        item_id: UUID
        ignores = (Tagged,)

    with pytest.raises(DefinitionError, match=r"Items\.tagged: the key 'item_id' is str in Items but UUID"):
        Domain("d", Thing, Items)


def test_events_of_no_aggregate_of_the_domain_are_taken_from_any_stream(tmp_path: Path) -> None:
    """A domain of read models alone, on what others wrote."""
    found = rows(tmp_path, Domain("d", Stranger, Items), "items", ("else-a", '{"item_id":"b"}'))
    assert found == [("b", 1)]
