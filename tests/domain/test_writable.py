"""Types that a function of the user's reads and nobody writes are found when the domain is made."""

# pyright: reportInvalidTypeForm=false, reportArgumentType=false, reportOperatorIssue=false
# pyright: reportGeneralTypeIssues=false, reportCallIssue=false
# Annotations are made of types that are values here.

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, NamedTuple, NewType, Protocol

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    WrapValidator,
    create_model,
    field_serializer,
)
from pydantic_core import core_schema

from cqrs_cli import Aggregate, Command, DefinitionError, Domain, Event, Projection, decide, evolve


class Money:
    def __init__(self, cents: int = 0) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    __hash__ = None  # type: ignore[assignment]


def money(value: Any) -> Money:
    return value if isinstance(value, Money) else Money(int(value))


class Sku(str):
    __slots__ = ()


class Own(Money):
    kind: Any = core_schema.no_info_plain_validator_function(money)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return cls.kind


class After(Own):
    kind = core_schema.no_info_after_validator_function(money, core_schema.int_schema())


class Written(Own):
    kind = core_schema.no_info_plain_validator_function(
        money, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.cents)
    )


class Speaks(Protocol):
    def speak(self) -> str: ...


Plain = Annotated[Money, PlainValidator(money)]
WrittenPlain = Annotated[Money, PlainValidator(money), PlainSerializer(lambda value: value.cents)]


@dataclass
class Purse:
    money: Plain


class Holder(BaseModel):
    money: Plain


class Pair(NamedTuple):
    one: Plain
    two: int


class Config:
    config = ConfigDict(arbitrary_types_allowed=True)


LOST: dict[str, Any] = {
    "a plain validator": Plain,
    "in a list": list[Plain],
    "in a dict": dict[str, Plain],
    "or None": Plain | None,
    "in a union": int | Plain,
    "in a tuple": tuple[int, Plain],
    "under a name": NewType("Named", Plain),
    "in a model": Holder,
    "in a list of models": list[Holder],
    "in a dataclass": Purse,
    "in a named tuple": Pair,
    "its own schema": Own,
    "its own schema, after an integer": After,
    "in a list, its own schema": list[Own],
}
KEPT: dict[str, Any] = {
    "with a serializer": WrittenPlain,
    "in a list, with one": list[WrittenPlain],
    "its own schema with one": Written,
    "of a text": Annotated[Sku, PlainValidator(Sku)],
    "of an integer": Annotated[int, PlainValidator(int)],
    "of a decimal": Annotated[Decimal, PlainValidator(lambda value: Decimal(str(value)))],
    "a rule after": Annotated[int, AfterValidator(lambda value: value)],
    "a rule before": Annotated[int, BeforeValidator(lambda value: value)],
    "a rule round": Annotated[int, WrapValidator(lambda value, handler: handler(value))],
    "of a fraction, with one": Annotated[Fraction, PlainValidator(Fraction), PlainSerializer(str)],
    "of anything": Annotated[Any, PlainValidator(lambda value: value)],
    "of a protocol": Annotated[Speaks, PlainValidator(lambda value: value)],
    "two kinds": tuple[WrittenPlain, Annotated[int, AfterValidator(lambda value: value)]],
}


@pytest.mark.parametrize("kind", LOST.values(), ids=LOST)
def test_what_nobody_writes_is_refused_when_the_domain_is_made(kind: Any) -> None:
    for message, part in ((Event, "event"), (Command, "command"), (None, "state"), (None, "row")):
        with pytest.raises(DefinitionError, match=r"is read by a function, and nothing says how it is written") as told:
            domain_of(kind, message, part)
        assert "PlainSerializer" in str(told.value.hint)
        assert "Lost" in told.value.message


@pytest.mark.parametrize("kind", KEPT.values(), ids=KEPT)
def test_what_somebody_writes_is_taken(kind: Any) -> None:
    for message, part in ((Event, "event"), (Command, "command")):
        domain_of(kind, message, part)


@pytest.mark.parametrize("rule", [BeforeValidator(money), WrapValidator(lambda value, _: money(value))])
def test_an_arbitrary_class_behind_a_rule(rule: Any) -> None:
    class Open(Config, BaseModel):
        model_config = Config.config
        money: Annotated[Money, rule]

    with pytest.raises(DefinitionError, match=r"Lost holds Open\.money: Money is read by a function"):
        domain_of(Open, Event, "event")


def test_a_serializer_of_the_class_counts() -> None:
    class Spent(Event):
        money: Plain

        @field_serializer("money")
        def cents(self, money: Money) -> int:
            return money.cents

    Domain("d", _aggregate(Spent))


def domain_of(kind: Any, message: Any, part: str) -> Domain:
    """A domain with a field of this type in an event, a command, a state or a row."""
    if message is not None:
        lost = create_model("Lost", __base__=message, thing_id=(str, ...), value=(kind, ...))
        return Domain("d", _aggregate(lost) if message is Event else _decides(lost))
    if part == "state":
        return Domain("d", create_model("Lost", __base__=Aggregate, lost_id=(str, ...), value=(kind | None, None)))

    class Put(Event):
        lost_id: str

    def put(self: Any, event: Put) -> None: ...

    space: dict[str, Any] = {"__annotations__": {"lost_id": str, "value": kind | None}, "value": None}
    space |= {"put": evolve(put), "__module__": __name__}
    return Domain("d", type("Lost", (Projection,), space, key="lost_id"))


def _aggregate(event: Any) -> Any:
    class Thing(Aggregate):
        thing_id: str
        ignores = (event,)

    return Thing


def _decides(command: Any) -> Any:
    class Done(Event): ...

    class Thing(Aggregate):
        thing_id: str

        @decide(creates="either")
        def do(self, command: command) -> Done:
            return Done()

        ignores = (Done,)

    return Thing
