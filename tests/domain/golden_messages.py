"""Commands of many shapes, whose stored bytes and digests may never change: old stores know commands by them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from cqrs_cli.domain.messages import Command

ID = UUID("11111111-1111-4111-8111-111111111111")


class Unit(Enum):
    PIECE = "piece"
    BOX = 12


class Address(BaseModel):
    street: str
    city: str
    country: str = "FR"


class Line(BaseModel):
    sku: str
    quantity: int
    price: Decimal
    unit: Unit = Unit.PIECE


class Issue(Command):
    invoice_id: UUID | None = None
    customer: str
    address: Address
    lines: list[Line]
    note: str | None = None


class Zones(Command):
    z: dict[str, Line]
    a: tuple[int, str] | None = None
    at: datetime | None = None
    on: date | None = None
    kind: Literal["b", "a"] = "a"
    any: Any = None


class Aliased(Command):
    inner: list["Named"] = []
    last: str = Field(default="x", alias="Last name")


class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    zulu: int = Field(default=1, alias="alpha")
    mike: int = 2


class Sets(Command):
    tags: set[str]
    parts: frozenset[int] = frozenset({3, 1, 2})


class Written(Command):
    number: str
    line: Line

    @field_serializer("number")
    def write(self, number: str) -> str:
        return number.upper()


class Opened(BaseModel):
    model_config = ConfigDict(extra="allow")

    known: int = 1


class Open(Command):
    inner: Opened


class Floats(Command):
    rate: float
    rates: list[float] = []


class Tree(Command):
    name: str
    children: list["Tree"] = []


Aliased.model_rebuild()


def commands() -> Iterator[tuple[str, Command]]:
    """Each by a name for it."""
    line: dict[str, Any] = {"quantity": 2, "sku": 'é"\\/\u2028😀\x7f\x01', "price": "1.10"}
    address = {"city": "Paris", "street": "Rue de la Paix"}
    yield "nested", Issue.model_validate({"lines": [line, line], "customer": "Ada", "address": address})
    yield "all set", Issue(invoice_id=ID, customer="", address=Address(**address, country="DE"), lines=[], note="\t\n")
    yield (
        "exponents",
        Issue(
            customer="a",
            address=Address(**address),
            lines=[Line(sku="a", quantity=10**30, price=Decimal("1E+5"), unit=Unit.BOX)],
        ),
    )
    yield "constructed", Issue.model_construct(customer="a", address=Address(**address), lines=[], note=None)
    yield "copied", Issue(customer="a", address=Address(**address), lines=[]).model_copy(update={"note": "n"})
    yield (
        "mapping",
        Zones(z={"b": Line(**line), "a": Line(**line), "é": Line(**line), "😀": Line(**line), "\uff5e": Line(**line)}),
    )
    yield "times", Zones(z={}, a=(1, "x"), at=datetime(2026, 1, 31, 10, tzinfo=UTC), on=date(2026, 1, 31), kind="b")
    yield "any", Zones(z={}, any={"b": [1, 2.5, None], "a": {"d": "é", "c": True}})
    yield "aliases", Aliased.model_validate({"Last name": "é", "inner": [{"zulu": 5, "mike": 6}, {"mike": 1}]})
    yield "sets", Sets(tags={"b", "a", "é"})
    yield "written", Written(number="NO 5", line=Line(**line))
    yield "floats", Floats(rate=1e22, rates=[0.1, 1e-7, 5.0, 1e16, -0.0, 123456789.123])
    yield "tree", Tree(name="a", children=[Tree(name="b", children=[Tree(name="c")]), Tree(name="d")])
