"""Who came in, as it was counted at first: `people`."""

from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve


class LetIn(Command):
    """Let so many people in."""

    door: str
    people: int


class Entered(Event):
    people: int


class Door(Aggregate, key="door"):
    door: str
    people: int = 0

    @decide(creates="either")
    def let_in(self, command: LetIn) -> Entered:
        return Entered(people=command.people)

    @evolve
    def entered(self, event: Entered) -> None:
        self.people += event.people


domain = Domain("visits", Door)
