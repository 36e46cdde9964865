"""`recorded.key`: the key of the event's stream, typed by the aggregate."""

import pickle
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    Domain,
    Event,
    Policy,
    Projection,
    Recorded,
    Scenario,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.errors import InvalidInput
from cqrs_cli.stores.commits import Commit, NewEvent

ID = UUID(int=7)
seen: list[Any] = []


class Note(Command):
    page_id: UUID | None = None


class Book(Command):
    room: str
    day: date
    number: int


class Noted(Event):
    pass


class Booked(Event):
    pass


class Thank(Command):
    page_id: UUID


class PageOfNotes(Aggregate, category="page", key="page_id"):
    page_id: UUID

    @decide(creates="either")
    def note(self, command: Note) -> Noted:
        return Noted()

    @decide
    def thank(self, command: Thank) -> None: ...

    ignores = (Noted,)


class Booking(Aggregate, key=("room", "day", "number")):
    room: str
    day: date
    number: int

    @decide(creates="either")
    def book(self, command: Book) -> Booked:
        return Booked()

    ignores = (Booked,)


class Notes(Projection, key="page_id"):
    page_id: UUID
    same: bool = False

    @evolve
    def noted(self, event: Noted, recorded: Recorded) -> None:
        self.same = recorded.key == self.page_id


class Days(Projection, key="day"):
    day: date
    number: int = 0

    @evolve(key=lambda event, recorded: recorded.key[1])
    def booked(self, event: Booked, recorded: Recorded) -> None:
        self.number = recorded.key[2]


class Thanks(Policy):
    @react
    def noted(self, event: Noted, recorded: Recorded) -> Thank:
        seen.append(recorded.key)
        return Thank(page_id=recorded.key)


domain = Domain("pages", PageOfNotes, Booking, Notes, Days, Thanks)


@pytest.fixture
def bench(tmp_path: Any) -> Any:
    with Workbench.open(tmp_path / "pages.db", domain) as opened:
        yield opened


def test_clauses_get_typed_keys(bench: Workbench) -> None:
    seen.clear()
    bench.send(Note(page_id=ID))
    bench.send(Book(room="a b", day=date(2026, 1, 31), number=-3))
    bench.project()
    assert [(row.page_id, row.same) for row in bench.rows(Notes)] == [(ID, True)]
    assert [(row.day, row.number) for row in bench.rows(Days)] == [(date(2026, 1, 31), -3)]
    assert bench.runner(start=0).drain().failures == {}
    assert seen == [ID]


def test_callers_get_typed_keys(bench: Workbench) -> None:
    made = bench.send(Note()).events[0].key
    assert type(made) is UUID
    assert bench.load(PageOfNotes, made).state.page_id == made
    command = Book(room="a,b", day=date(2026, 1, 31), number=5).with_meta(command_id="b")
    key = ("a,b", date(2026, 1, 31), 5)
    for outcome in (bench.send(command, dry_run=True), bench.send(command), bench.send(command)):
        assert [event.key for event in outcome.events] == [key]
    assert bench.load(Booking, *key).version == 1
    assert [event.key for event, _ in bench.steps(Booking, *key)] == [key]
    assert [event.key for event in bench.log()] == [made, key]


def test_other_streams_keep_a_text(bench: Workbench) -> None:
    bench.store.append(Commit("x", (NewEvent("other-a%20b", "Noted", 1, b"{}"), NewEvent("page-x", "Noted", 1, b"{}"))))
    other, wrong = bench.log()
    assert other.key == "a%20b"
    with pytest.raises(InvalidInput, match="no UUID key"):
        _ = wrong.key
    assert [event.key for event in bench.store.read()] == ["a%20b", "x"]


def test_an_envelope_is_the_tuple_that_it_was(bench: Workbench) -> None:
    (event,) = bench.send(Note(page_id=ID)).events
    (stored,) = bench.store.read()
    assert event == stored
    assert hash(event) == hash(stored)
    assert isinstance(event, Recorded)
    assert event._replace(version=9).key == ID
    assert pickle.loads(pickle.dumps(event)) == stored


def test_a_scenario_needs_no_envelope() -> None:
    Scenario(domain).when(Note(page_id=ID)).then(Noted())
