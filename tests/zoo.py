"""A domain of every kind of field: unions with and without a tag, mappings, names and values of other letters, bounds."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue, StringConstraints

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
    Rejected,
    decide,
    evolve,
)


class Habitat(StrEnum):
    FOREST = "лес"
    SEA = "海"
    MEADOW = "große Wiese"


class Level(StrEnum):
    LOW = "↓"
    HIGH = "↑"


class Plants(BaseModel):
    kind: Literal["plants"] = "plants"
    kilos: Annotated[Decimal, Field(ge=0, max_digits=8, decimal_places=3)]


class Meat(BaseModel):
    kind: Literal["Fleisch"] = "Fleisch"
    of: list[Annotated[str, StringConstraints(min_length=1, max_length=20)]]


class Born(BaseModel):
    model_config = {"extra": "forbid"}
    born_on: date
    parents: tuple[str, ...] = ()


class Found(BaseModel):
    model_config = {"extra": "forbid"}
    place: str
    depth: float | None = None


class Keeper(BaseModel):
    name: str
    shift: time | None = None
    stands_in: "Keeper | None" = None


Diet = Annotated[Plants | Meat, Field(discriminator="kind")]
Slug = Annotated[str, StringConstraints(pattern="^[a-z]{1,8}$")]


class Admit(Command):
    """Take an animal in."""

    tier_id: str | None = Field(None, min_length=1, max_length=60)
    名前: Annotated[str, StringConstraints(min_length=1)]
    größe: Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=2)]
    habitat: Habitat
    diet: Diet
    origin: Born | Found
    code: int | str = 0
    chip: UUID | None = None
    keeper: Keeper | None = None
    alarm: Annotated[Level, Field(alias="niveau")] = Level.LOW


class Weigh(Command):
    """Write down weights, by day or by who took them."""

    tier_id: str
    by_day: dict[date, Decimal] = {}
    by_keeper: dict[str, Annotated[int, Field(ge=1, le=9_000)]]
    at: datetime | None = None
    took: timedelta = timedelta(0)
    exact: float = 0.0


class Mark(Command):
    """Give it marks, notes and pictures."""

    tier_id: str
    marks: Annotated[set[Slug], Field(max_length=5)] = set()
    notes: dict[Habitat, list[str]] = {}
    picture: bytes = b""
    more: JsonValue = None
    level: Literal["á", "b", 3] = "b"
    steps: Annotated[int, Field(ge=0, le=100, multiple_of=5)] = 0
    is_tame: bool = False


class Feed(Command):
    """Give it something to eat."""

    tier_id: str
    meals: Annotated[list[Diet], Field(min_length=1, max_length=10)]


class Release(Command):
    """Let it go."""

    tier_id: str


class Admitted(Event):
    名前: str
    größe: Decimal
    habitat: Habitat
    diet: Diet
    origin: Born | Found
    code: int | str
    chip: UUID | None
    keeper: Keeper | None
    alarm: Level


class Weighed(Event):
    by_day: dict[date, Decimal]
    by_keeper: dict[str, int]
    at: datetime | None
    took: timedelta
    exact: float


class Marked(Event):
    marks: frozenset[str]
    notes: dict[Habitat, list[str]]
    picture: bytes
    more: JsonValue
    level: Literal["á", "b", 3]
    steps: int
    is_tame: bool


class Fed(Event):
    meals: list[Diet]


class Released(Event):
    pass


class Animal(Aggregate, key="tier_id", category="tier"):
    tier_id: str
    名前: str = ""
    größe: Decimal = Decimal(0)
    habitat: Habitat = Habitat.FOREST
    origin: Born | Found | None = None
    keeper: Keeper | None = None
    by_keeper: dict[str, int] = {}
    by_day: dict[date, Decimal] = {}
    marks: frozenset[str] = frozenset()
    notes: dict[Habitat, list[str]] = {}
    meals: list[Diet] = []
    is_free: bool = False

    @decide(creates=True)
    def admit(self, command: Admit) -> Admitted:
        given = {name: getattr(command, name) for name in Admitted.model_fields}
        return Admitted(**given)

    @decide
    def weigh(self, command: Weigh) -> Weighed | None:
        self.check()
        told = {name: getattr(command, name) for name in Weighed.model_fields}
        return Weighed(**told) if command.by_keeper or command.by_day else None

    @decide
    def mark(self, command: Mark) -> Marked:
        self.check()
        told = {name: getattr(command, name) for name in Marked.model_fields}
        return Marked(**told)

    @decide
    def feed(self, command: Feed) -> Fed:
        self.check()
        return Fed(meals=command.meals)

    @decide
    def release(self, command: Release) -> Released | None:
        return None if self.is_free else Released()

    def check(self) -> None:
        if self.is_free:
            raise Rejected("it is gone", code="gone")

    @evolve
    def admitted(self, event: Admitted) -> None:
        self.名前, self.größe, self.habitat = event.名前, event.größe, event.habitat
        self.origin, self.keeper = event.origin, event.keeper

    @evolve
    def weighed(self, event: Weighed) -> None:
        self.by_keeper = {**self.by_keeper, **event.by_keeper}
        self.by_day = {**self.by_day, **event.by_day}

    @evolve
    def marked(self, event: Marked) -> None:
        self.marks |= event.marks
        self.notes = {**self.notes, **event.notes}

    @evolve
    def fed(self, event: Fed) -> None:
        self.meals = event.meals

    @evolve
    def released(self, event: Released) -> None:
        self.is_free = True


class Gehege(Projection, key="tier_id"):
    """One row an animal, with a column of every kind."""

    tier_id: str
    名前: str = ""
    größe: Decimal = Decimal(0)
    habitat: Habitat = Habitat.FOREST
    diet: Diet | None = None
    origin: Born | Found | None = None
    code: int | str = 0
    chip: UUID | None = None
    keeper: Keeper | None = None
    weights: dict[str, int] = {}
    days: dict[date, Decimal] = {}
    seen: datetime | None = None
    took: timedelta = timedelta(0)
    exact: float = 0.0
    marks: frozenset[str] = frozenset()
    notes: dict[Habitat, list[str]] = {}
    picture: bytes = b""
    more: JsonValue = None
    level: Literal["á", "b", 3] = "b"
    steps: int = 0
    is_tame: bool = False

    @evolve
    def admitted(self, event: Admitted) -> None:
        for name in ("名前", "größe", "habitat", "diet", "origin", "code", "chip", "keeper"):
            setattr(self, name, getattr(event, name))

    @evolve
    def weighed(self, event: Weighed) -> None:
        self.weights, self.days = {**self.weights, **event.by_keeper}, {**self.days, **event.by_day}
        self.seen, self.took, self.exact = event.at, event.took, event.exact

    @evolve
    def marked(self, event: Marked) -> None:
        for name in ("marks", "notes", "picture", "more", "level", "steps", "is_tame"):
            setattr(self, name, getattr(event, name))

    @evolve
    def released(self, event: Released) -> Delete:
        return DELETE


class Animals(Query[Gehege]):
    """Animals by what is known of them."""

    habitat: list[Habitat] = []
    least: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    größer: bool = False
    since: datetime | None = None
    chip: UUID | None = None
    code: int | str | None = None
    limit: Annotated[int, Field(ge=0)] = 0
    diet: Diet | None = None
    weights: dict[str, int] = {}

    def run(self, read: Read) -> Page[Gehege]:
        return read.page(Gehege, order="größe")


class OneAnimal(Query[Gehege]):
    """The animal with an id."""

    tier_id: str

    def run(self, read: Read) -> Gehege | None:
        return read.get(Gehege, self.tier_id)


class Counted(BaseModel):
    """How many there are."""

    habitat: Habitat
    count: int


class Census(Query[Counted]):
    """How many animals live where."""

    def run(self, read: Read) -> list[Counted]:
        found = [row.habitat for row in read.rows(Gehege)]
        return [Counted(habitat=one, count=found.count(one)) for one in Habitat]


domain = Domain("zoo", Animal, Gehege, Animals, OneAnimal, Census)
