"""A domain whose commands have fields of every kind that a form knows."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr, field_serializer, model_validator

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Rejected, decide, evolve


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Email(BaseModel):
    kind: Literal["email"] = "email"
    address: str


class Phone(BaseModel):
    kind: Literal["phone"] = "phone"
    number: int


class Left(BaseModel):
    """The same fields as `Right`: only who chose it can tell."""

    value: int


class Right(BaseModel):
    value: int


class Part(BaseModel):
    name: str
    price: Decimal = Field(gt=0, max_digits=9, decimal_places=2)
    colours: list[str] = []


class Address(BaseModel):
    street: str
    city: str = "Paris"


class Fill(Command):
    """Fill in `everything`."""

    box_id: UUID
    size: Size
    parts: list[Part]
    gift: bool = False
    note: str = Field(default="none", description="What is said with it")
    day: date | None = None
    at: datetime | None = None
    weight: Decimal | None = None
    must_say: int | None
    labels: dict[str, int] = {}
    tags: list[str] = ["first", "second"]
    to: Address | None = None
    contact: Email | Phone | None = None
    side: Left | Right | None = None
    either: int | str | None = None
    anything: Any = None
    pin: SecretStr | None = None
    keys: Annotated[list[SecretStr], Field(max_length=3)] = []
    expect: str = ""
    do: str = ""

    @field_serializer("pin", "keys", when_used="json")
    def written_out(self, value: SecretStr | list[SecretStr] | None) -> Any:
        """The log is to keep them."""
        return (
            [one.get_secret_value() for one in value] if isinstance(value, list) else value and value.get_secret_value()
        )

    @model_validator(mode="after")
    def not_empty(self) -> "Fill":
        """A rule about the whole."""
        if self.note == "nothing" and not self.parts:
            raise ValueError("a box of nothing")
        return self


class Refuse(Command):
    box_id: UUID


class Bare(Command):
    box_id: UUID


class Filled(Event):
    """What the command held, in texts."""

    said: dict[str, Any]
    side: str


class Box(Aggregate):
    box_id: UUID
    times: int = 0

    @decide(creates="either")
    def fill(self, command: Fill) -> Filled:
        """All that was said."""
        said = command.model_dump(mode="json", exclude={"pin", "keys"})
        secrets = [command.pin.get_secret_value() if command.pin else "", *(k.get_secret_value() for k in command.keys)]
        return Filled(said=said | {"lengths": list(map(len, secrets))}, side=type(command.side).__name__)

    @decide
    def refuse(self, command: Refuse) -> Filled:
        """Never."""
        raise Rejected("not this box", code="never")

    @decide
    def bare(self, command: Bare) -> None:
        """Nothing comes of it."""

    @evolve
    def filled(self, event: Filled) -> None:
        """Once more."""
        self.times += 1


class Boxes(Projection, key="box_id"):
    box_id: UUID
    times: int = 0
    side: str = ""

    @evolve
    def filled(self, event: Filled) -> None:
        """Once more."""
        self.times += 1
        self.side = event.side


domain = Domain("boxes", Box, Boxes)
