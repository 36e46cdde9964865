"""A domain of strict types: what is masked must be one of them still."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, decide, evolve


class Open(Command):
    customer: str
    number: UUID
    iban: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{2} [A-Z]{4} \d{10}$")]
    born: date
    seen: datetime
    limit: Decimal
    age: Annotated[int, Field(ge=10, le=99)]
    vip: bool
    tier: Literal["gold", "silver"]


class Opened(Event):
    number: UUID
    iban: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{2} [A-Z]{4} \d{10}$")]
    born: date
    seen: datetime
    limit: Decimal
    age: Annotated[int, Field(ge=10, le=99)]
    vip: bool
    tier: Literal["gold", "silver"]


class Account(Aggregate, key="customer"):
    customer: str
    number: UUID | None = None
    born: date | None = None
    limit: Decimal = Decimal(0)
    tier: str = ""

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened(**{name: getattr(command, name) for name in Opened.model_fields})

    @evolve
    def opened(self, event: Opened) -> None:
        self.number, self.born, self.limit, self.tier = event.number, event.born, event.limit, event.tier


class Iban(Projection, key="iban"):
    iban: str
    customers: int = 0
    limit: Decimal = Decimal(0)

    @evolve(key=lambda event, recorded: event.iban)
    def opened(self, event: Opened) -> None:
        self.customers += 1
        self.limit += event.limit


class Number(Projection, key="customer", inline=True, unique="number"):
    customer: str
    number: UUID | None = None

    @evolve(key=lambda event, recorded: recorded.key)
    def opened(self, event: Opened) -> None:
        self.number = event.number


domain = Domain("typed", Account, Iban, Number)
