"""Fields that had another name: what was stored is read, and what can't be meant is refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel, Field

from cqrs_cli import Aggregate, Command, DefinitionError, Domain, Event, Workbench, decide, evolve, field
from cqrs_cli.domain.codec import Codec
from cqrs_cli.stores.commits import StoredEvent


class Book(Command):
    table_id: str
    seats: int = field(renamed_from="guests")


class Booked(Event):
    seats: int = field(renamed_from=("guests", "people"), ge=1)
    note: str = ""


class Table(Aggregate):
    table_id: str
    seats: int = 0

    @decide(creates=True)
    def book(self, command: Book) -> Booked:
        return Booked(seats=command.seats)

    @evolve
    def booked(self, event: Booked) -> None:
        self.seats = event.seats


domain = Domain("tables", Table)
codec = Codec(domain.events, domain.commands)


def read(data: str, type: str = "Booked") -> Any:
    return codec.decode(StoredEvent(1, "table-1", 1, type, 1, data.encode()))


@pytest.mark.parametrize("name", ["seats", "guests", "people"])
def test_each_of_its_names_is_read(name: str) -> None:
    assert read(f'{{"{name}": 3, "note": "window"}}') == Booked(seats=3, note="window")


def test_todays_name_wins_and_is_what_is_written() -> None:
    assert read('{"guests": 3, "seats": 4}').seats == 4
    assert codec.encode(Booked(seats=2)).data == b'{"seats":2,"note":""}'
    assert codec.sent(Book(table_id="1", seats=2)).data == b'{"table_id":"1","seats":2}'


def test_rules_hold_and_are_told_by_the_name_in_the_payload() -> None:
    with pytest.raises(Exception, match="guests: Input should be greater"):
        read('{"guests": 0}')
    with pytest.raises(Exception, match="seats: Field required"):
        read("{}")


def test_a_command_that_was_sent_under_the_older_name_is_the_same(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "a.db", domain) as bench:
        first = bench.send(Book.model_validate({"table_id": "1", "guests": 3}).with_meta(command_id="b-1"))
        again = bench.send(Book(table_id="1", seats=3).with_meta(command_id="b-1"))
        assert (first.status, again.status) == ("committed", "duplicate")
        assert bench.load(Table, "1").state.seats == 3


def test_aliases_of_pydantics_own_stay(tmp_path: Path) -> None:
    class Moved(Event):
        to: str = field(renamed_from="target", alias="To")

    class Room(Aggregate):
        room_id: str
        ignores = (Moved,)

    own = Codec(Domain("rooms", Room).events, {})
    decode = own.decoder("Moved", 1)
    assert decode(b'{"To": "a"}').to == decode(b'{"target": "a"}').to == "a"


def test_an_inherited_field_and_one_that_is_resolved_late() -> None:
    class Base(Event):
        kids: "list[Kid]" = field(renamed_from="children")

    class Kid(BaseModel):
        age: int

    class Came(Base): ...

    Came.model_rebuild()

    class Room(Aggregate):
        room_id: str
        ignores = (Came,)

    decode = Codec(Domain("rooms", Room).events, {}).decoder("Came", 1)
    assert decode(b'{"children": [{"age": 3}]}').kids[0].age == 3


class Inner(BaseModel):
    seats: int = field(renamed_from="guests")


class InnerAlias(BaseModel):
    seats: int = Field(validation_alias=AliasChoices("seats", "guests"))


def domain_with(**fields: Any) -> Domain:
    kinds = {"__annotations__": {name: kind for name, (kind, _) in fields.items()}, "__module__": __name__}
    event = type("Held", (Event,), {**kinds, **{name: value for name, (_, value) in fields.items()}})
    room = type(
        "Room", (Aggregate,), {"__annotations__": {"room_id": str}, "ignores": (event,), "__module__": __name__}
    )
    return Domain("rooms", room)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"a": (int, field(renamed_from="b")), "b": (int, 0)}, "Held.a was called 'b', as is or was Held.b"),
        ({"a": (int, field(renamed_from="c")), "b": (int, field(renamed_from="c"))}, "as is or was Held.a"),
        ({"a": (int, field(renamed_from=""))}, "'' was never a name"),
        ({"a": (Inner, ...)}, "Held holds Inner: seats has renamed_from="),
    ],
)
def test_what_can_not_be_meant_is_refused(fields: Any, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        domain_with(**fields)


def test_the_remedy_for_an_inner_model_works() -> None:
    decode = Codec(domain_with(a=(InnerAlias, ...)).events, {}).decoder("Held", 1)
    assert decode(b'{"a": {"guests": 3}}').a.seats == 3


def test_a_state_has_no_older_names() -> None:
    class Room(Aggregate):
        room_id: str
        seats: int = field(0, renamed_from="guests")

    with pytest.raises(DefinitionError, match="Room: seats has renamed_from="):
        Domain("rooms", Room)
