"""A domain for tests of the read side: an inline rule, decimals, a fan-out, and a read model that can be poisoned.

Imported in this process, and copied into a folder for processes of their own.
"""

from decimal import Decimal

from cqrs_cli import (
    DELETE,
    Aggregate,
    Command,
    Delete,
    Domain,
    Event,
    Page,
    Projection,
    Query,
    Read,
    Where,
    decide,
    evolve,
)


class Join(Command):
    member_id: str
    email: str
    city: str = "Paris"


class Move(Command):
    member_id: str
    city: str


class ChangeEmail(Command):
    member_id: str
    email: str


class Score(Command):
    member_id: str
    points: Decimal
    times: int = 1


class Leave(Command):
    member_id: str


class Joined(Event):
    email: str
    city: str


class EmailChanged(Event):
    email: str


class Scored(Event):
    points: Decimal
    city: str


class Left(Event):
    city: str


class Member(Aggregate):
    member_id: str
    email: str = ""
    city: str = ""

    @decide(creates=True)
    def join(self, command: Join) -> Joined:
        return Joined(email=command.email, city=command.city)

    @decide
    def change_email(self, command: ChangeEmail) -> EmailChanged | None:
        return EmailChanged(email=command.email) if command.email != self.email else None

    @decide
    def score(self, command: Score) -> list[Scored]:
        return [Scored(points=command.points, city=self.city)] * command.times

    @decide
    def leave(self, command: Leave) -> Left:
        return Left(city=self.city)

    @evolve
    def joined(self, event: Joined) -> None:
        self.email, self.city = event.email, event.city

    @evolve
    def email_changed(self, event: EmailChanged) -> None:
        self.email = event.email

    @evolve
    def scored(self, event: Scored) -> None: ...

    @evolve
    def left(self, event: Left) -> None: ...


class Directory(Projection, key="member_id", inline=True, unique="email"):
    """Nobody has the e-mail of another."""

    member_id: str
    email: str | None = None

    @evolve
    def joined(self, event: Joined) -> None:
        self.email = event.email

    @evolve
    def changed(self, event: EmailChanged) -> None:
        self.email = event.email

    @evolve
    def left(self, event: Left) -> Delete:
        return DELETE


class Standing(Projection, key="member_id", indexes=("city", "total")):
    """One row a member; version 1."""

    member_id: str
    city: str = ""
    total: Decimal = Decimal(0)
    scores: int = 0

    @evolve
    def joined(self, event: Joined) -> None:
        self.city = event.city

    @evolve
    def scored(self, event: Scored) -> None:
        self.total += event.points
        self.scores += 1

    @evolve
    def left(self, event: Left) -> Delete:
        return DELETE


class CityTotal(Projection, key="city"):
    """Over all members of a city; it can't take thirteen points."""

    city: str
    total: Decimal = Decimal(0)

    @evolve
    def scored(self, event: Scored) -> None:
        if event.points == 13:
            raise ValueError("unlucky")
        self.total += event.points


class Best(Query[Standing]):
    """Members with at least so many points, the best first."""

    least: Decimal = Decimal(0)

    def run(self, read: Read) -> Page[Standing]:
        return read.page(Standing, where=[Where("total", ">=", self.least)], order="-total")


domain = Domain("members", Member, Directory, Standing, CityTotal, Best)
