"""Who came in, as it is counted now: adults and children. Before, nobody asked: they count as adults."""

from typing import Any

from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve


class LetIn(Command):
    """Let so many adults and children in."""

    door: str
    adults: int = 0
    children: int = 0


def from_people(old: dict[str, Any]) -> dict[str, Any]:
    return {"adults": old["people"], "children": 0}


class Entered(Event, version=2, upcasters={1: from_people}):
    adults: int
    children: int


class Door(Aggregate, key="door"):
    door: str
    adults: int = 0
    children: int = 0

    @decide(creates="either")
    def let_in(self, command: LetIn) -> Entered:
        return Entered(adults=command.adults, children=command.children)

    @evolve
    def entered(self, event: Entered) -> None:
        self.adults += event.adults
        self.children += event.children


domain = Domain("visits", Door)
