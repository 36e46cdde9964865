"""What is known of a domain by its classes: each kind of finding, and that it can be meant."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import ClassVar, Protocol

import pytest

from cqrs_cli import (
    After,
    Aggregate,
    Command,
    CommandRejected,
    DefinitionError,
    Domain,
    Event,
    Policy,
    ProcessManager,
    Projection,
    Query,
    Read,
    decide,
    evolve,
    react,
)
from samples.orders import domain as orders
from samples.orders.fulfilment import domain as fulfilment
from tests.checking.materials import checked, told


class Open(Command):
    door_id: str


class Shut(Command):
    door_id: str


class Opened(Event): ...


class Closed(Event): ...


class Slammed(Event): ...


class Heard(Event): ...


class Rapped(Event): ...


class Oil(Command):
    """Nobody decides it."""

    door_id: str


class Door(Aggregate):
    door_id: str
    ignores: ClassVar[tuple[type[Event] | type[Command], ...]] = (Oil, Heard, Slammed, Rapped)

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened()

    @decide
    def shut(self, command: Shut) -> Closed:
        return Closed()

    @evolve
    def opened(self, event: Opened) -> None: ...

    @evolve
    def closed(self, event: Closed) -> None: ...


def domain_of(cls: type, *others: type) -> Domain:
    return Domain("doors", cls, *others)


# ── nothing found ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("domain", [orders, fulfilment], ids=["orders", "fulfilment"])
def test_what_is_all_right_is_told_nothing_of(domain: Domain) -> None:
    assert not checked("model", domain).findings


def test_what_was_looked_at_is_counted() -> None:
    found = checked("model", orders)
    assert found.looked_at == "1 aggregate, 8 commands, 7 events, 3 read models, 2 queries"
    assert found.subjects["Order.pay"] is orders.aggregates["order"].cls.pay  # type: ignore[attr-defined]


def test_an_empty_domain_is_nothing_to_look_at() -> None:
    found = checked("model", Domain("nothing"))
    assert (found.looked_at, found.nothing) == ("", "the domain nothing is empty")


# ── aggregates ────────────────────────────────────────────────────────────────────────────────


def test_a_service_that_nobody_provides() -> None:
    class Bell(Protocol): ...

    class Gate(Door, key="door_id"):
        @decide
        def shut(self, command: Shut, bell: Bell) -> Closed:  # type: ignore[override]
            return Closed()

    assert told("model", domain_of(Gate)) == {("no-service", "Gate.shut")}


def test_an_event_that_only_the_code_names_and_no_evolve_takes_in() -> None:
    class Knocked(Event): ...

    class Gate(Door, key="door_id"):
        @decide
        def shut(self, command: Shut) -> Iterator[Event]:  # type: ignore[override]
            yield Closed()
            yield Knocked()

    (found,) = checked("model", domain_of(Gate)).findings
    assert (found.code, found.severity, found.where) == ("no-evolve", "warning", "Gate.shut")
    assert found.message == "names Knocked, for which Gate has no evolve"
    Gate.ignores = (*Door.ignores, Knocked)
    assert not told("model", domain_of(Gate))


def test_it_is_found_behind_a_function_and_a_method_too() -> None:
    class Gate(Door, key="door_id"):
        @decide
        def shut(self, command: Shut) -> Iterator[Event]:  # type: ignore[override]
            yield self.how(command)

        def how(self, command: Shut) -> Event:
            return knock(command)

        ignores = (Oil, Heard, Slammed)

    assert told("model", domain_of(Gate)) == {("no-evolve", "Gate.shut"), ("unreachable-event", "Door.closed")}


def knock(command: Command) -> Event:
    return Rapped()


def test_an_event_that_nothing_decides() -> None:
    class Gate(Door, key="door_id"):
        @evolve
        def slammed(self, event: Slammed) -> None: ...

    assert not told("model", domain_of(Gate))  # ignores = (Slammed,) is inherited
    Gate.ignores = (Oil, Heard, Rapped)
    (found,) = checked("model", domain_of(Gate)).findings
    assert (found.code, found.where) == ("unreachable-event", "Gate.slammed")
    assert "ignores = (Slammed,)" in str(found.hint)


def test_of_a_decide_that_says_nothing_nothing_is_guessed() -> None:
    class Gate(Door, key="door_id"):
        @decide
        def shut(self, command: Shut):  # pyright: ignore[reportIncompatibleMethodOverride]
            return [made() for made in MADE]

    assert told("model", domain_of(Gate)) == {("no-annotation", "Gate.shut")}
    assert checked("model", domain_of(Gate)).ok


MADE = [Closed]


def test_an_aggregate_that_no_command_opens() -> None:
    class Wall(Aggregate, key="door_id"):
        door_id: str
        ignores = (Closed, Oil, Heard, Slammed, Rapped, Open, Opened)

        @decide
        def shut(self, command: Shut) -> Closed:
            return Closed()

    assert told("model", domain_of(Wall)) == {("never-opened", "Wall")}


# ── the read side ─────────────────────────────────────────────────────────────────────────────


class Doors(Projection, key="door_id", ignores=(Slammed, Heard, Rapped)):
    door_id: str

    @evolve
    def opened(self, event: Opened | Closed) -> None: ...


def test_a_projection_that_does_not_see_an_event_that_carries_its_key() -> None:
    class Shown(Projection, key="door_id"):
        door_id: str

        @evolve
        def opened(self, event: Opened) -> None: ...

    (found,) = checked("model", domain_of(Door, Shown)).findings
    assert (found.code, found.where) == ("unseen-event", "Shown")
    assert found.message == "has no evolve for Closed, Heard, Rapped, Slammed, which carry its key"
    assert not told("model", domain_of(Door, Doors))


def test_what_is_in_ignores_is_a_class_of_the_kind() -> None:
    with pytest.raises(DefinitionError, match="not a tuple of event classes"):

        class Shown(Projection, key="door_id", ignores=(Open,)):
            door_id: str

    with pytest.raises(DefinitionError, match="not a tuple of command classes"):

        class Bored(Policy, ignores=(Opened,)):  # type: ignore[arg-type]
            pass


def test_an_event_of_no_aggregate_is_worth_knowing() -> None:
    class Rung(Event):
        door_id: str

    class Bells(Projection, key="door_id"):
        door_id: str

        @evolve
        def rung(self, event: Rung) -> None: ...

    assert told("model", domain_of(Door, Bells)) == {("foreign-event", "Bells.rung")}
    assert not told("model", Domain("bells", Bells))  # it is all about what others write


def test_a_query_whose_rows_are_no_part() -> None:
    class AllDoors(Query[Doors]):
        def run(self, read: Read) -> list[Doors]:
            return list(read.rows(Doors))

    assert told("model", domain_of(Door, AllDoors)) == {("query-without-rows", "AllDoors")}
    assert not told("model", domain_of(Door, Doors, AllDoors))


# ── reactions ─────────────────────────────────────────────────────────────────────────────────


def test_a_command_that_nobody_decides() -> None:
    class Careful(Policy):
        @react
        def oil(self, event: Opened) -> Oil:
            return Oil(door_id="front")

    assert told("model", domain_of(Door, Careful)) == {("undecided-command", "Careful.oil")}


def test_reactions_that_answer_each_other() -> None:
    class Drafty(Policy):
        @react
        def shut(self, event: Opened) -> Shut:
            return Shut(door_id="front")

    class Stuffy(Policy):
        @react
        def open(self, event: Closed) -> Open | None:
            return Open(door_id="front")

    assert not told("model", domain_of(Door, Drafty))
    (found,) = checked("model", domain_of(Door, Drafty, Stuffy)).findings
    assert (found.code, found.severity, found.where) == ("circle", "warning", "Drafty.shut")
    assert found.message == ("leads back to itself: Opened → Drafty.shut → Shut → Closed → Stuffy.open → Open → Opened")

    class Calm(Policy, ignores=(Open,)):  # only once a day
        @react
        def open(self, event: Closed) -> Open:
            return Open(door_id="front")

    assert not told("model", domain_of(Door, Drafty, Calm))


def test_a_circle_by_way_of_a_deadline_and_of_a_rejection() -> None:
    class Late(ProcessManager, key="door_id"):
        door_id: str

        @react
        def again(self, event: Closed) -> After:
            return After(timedelta(hours=1), Shut(door_id=self.door_id))

    assert told("model", domain_of(Door, Late)) == {("circle", "Late.again")}

    class Stubborn(ProcessManager, key="door_id"):
        door_id: str

        @react
        def shut(self, event: Opened) -> Shut:
            return Shut(door_id=self.door_id)

        @react
        def again(self, event: CommandRejected) -> Shut:
            return Shut(door_id=self.door_id)

    assert told("model", domain_of(Door, Stubborn)) == {("circle", "Stubborn.again")}

    class Resigned(ProcessManager, key="door_id"):
        door_id: str

        @react
        def shut(self, event: Opened) -> Shut:
            return Shut(door_id=self.door_id)

        @react
        def instead(self, event: CommandRejected) -> Open | None:
            return Open(door_id=self.door_id) if event.was(Shut) else None

    assert told("model", domain_of(Door, Resigned)) == {("circle", "Resigned.shut")}  # Shut, rejected, Open, Opened


# ── what is nobody's, and names ───────────────────────────────────────────────────────────────


LEFT_OVER = """
from cqrs_cli import Aggregate, Command, Domain, Event, decide

class Open(Command):
    gate_id: str

class Oil(Command):
    gate_id: str

class Opened(Event): ...
class Squeaked(Event): ...

class Gate(Aggregate):
    gate_id: str
    ignores = (Opened,)

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened()

class Smith(Aggregate):
    gate_id: str
    ignores = (Squeaked,)

    @decide(creates=True)
    def oil(self, command: Oil) -> Squeaked:
        return Squeaked()
"""


def test_what_nobody_decides_and_nothing_takes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(text: str) -> set[tuple[str, str]]:
        module = ModuleType("gates_under_test")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(text, vars(module))
        return told("model", Domain("gates", module.Gate))

    alone = LEFT_OVER[: LEFT_OVER.index("class Smith")]
    assert found(alone) == {("undecided-command", "Oil"), ("unreachable-event", "Squeaked")}
    assert not found(alone.replace("(Opened,)", "(Opened, Oil, Squeaked)"))
    assert not found(LEFT_OVER)  # they are another aggregate's, which is part of another domain


def test_names_that_differ_in_case_only_and_fields_that_are_options() -> None:
    class SLAMMED(Event): ...

    class Send(Command):
        door_id: str
        batch: int = 0

    class Gate(Door, key="door_id"):
        ignores = (*Door.ignores, SLAMMED)

        @decide
        def send(self, command: Send) -> Closed:
            return Closed()

    found = told("model", domain_of(Gate), reserved=frozenset({"batch"}))
    assert ("reserved-field", "Send") in found
    assert len([code for code, _ in found if code == "near-names"]) == 1
