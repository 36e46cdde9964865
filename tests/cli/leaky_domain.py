"""A domain that quotes what it should not: in keys, messages, prints, tracebacks and rows of other names."""

from collections.abc import Iterator
from datetime import timedelta

from cqrs_cli import (
    After,
    Aggregate,
    Command,
    Domain,
    Event,
    Page,
    Policy,
    Projection,
    Query,
    Read,
    Recorded,
    Rejected,
    decide,
    evolve,
    react,
)


class Register(Command):
    email: str
    name: str
    friends: list[dict[str, str]] = []


class Remark(Command):
    email: str
    text: str


class Registered(Event):
    name: str
    friends: list[dict[str, str]]


class Remarked(Event):
    text: str


class Person(Aggregate, key="email"):
    email: str
    name: str = ""
    by_friend: dict[str, int] = {}

    @decide(creates="either")
    def register(self, command: Register) -> Registered:
        print("registering", command.email)
        if self.name:
            raise Rejected(f"{self.name} <{self.email}> is there", code="there")
        return Registered(name=command.name, friends=command.friends)

    @decide
    def remark(self, command: Remark) -> Remarked:
        if command.text.startswith("fail"):
            raise RuntimeError(f"no remark on {self.name!r} {self.email}")
        return Remarked(text=f"{command.text} said of {self.name}")

    @evolve
    def registered(self, event: Registered) -> None:
        self.name = event.name
        self.by_friend = {friend["email"]: 1 for friend in event.friends}

    @evolve
    def remarked(self, event: Remarked) -> None: ...


class Badge(Projection, key="who"):
    who: str
    label: str = ""

    @evolve(key=lambda event, recorded: recorded.stream)
    def registered(self, event: Registered) -> None:
        self.label = f"{event.name}!"


class Greeter(Policy):
    """One command that comes to nothing, and one that waits."""

    @react
    def greet(self, event: Remarked, recorded: Recorded) -> Iterator[Remark | After]:
        if event.text.startswith("hello"):
            yield Remark(email=recorded.key, text=f"fail, {event.text}")
            yield After(timedelta(days=365), Remark(email=recorded.key, text=f"late, {event.text}"))


class Badges(Query[Badge]):
    def run(self, read: Read) -> Page[Badge]:
        return read.page(Badge)


domain = Domain("leaky", Person, Badge, Greeter, Badges)
