"""Types of fields with a few values each: what an event takes, a command, a state, a row, a snapshot and a reaction take."""

# pyright: reportInvalidTypeForm=false, reportUnhashable=false
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, NewType, Optional, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    JsonValue,
    NaiveDatetime,
    PlainSerializer,
    PlainValidator,
    PositiveInt,
    RootModel,
    SerializeAsAny,
    StringConstraints,
    Tag,
    computed_field,
    field_serializer,
    field_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import core_schema
from typing_extensions import TypeAliasType, TypedDict

T = TypeVar("T")
OSLO = ZoneInfo("Europe/Oslo")


class Color(Enum):
    RED = "red"
    NONE = ""


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    A = "a"
    B = "b"


class Rights(IntFlag):
    READ = 1
    WRITE = 2


class Mixed(Enum):
    ONE = 1
    TWO = "two"


class Part(BaseModel):
    name: str
    size: Decimal | None = None
    tags: list[str] = []


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    amount: Decimal = Decimal(0)

    @computed_field
    def cents(self) -> int:
        return int(self.amount * 100)


class Lenient(BaseModel):
    amount: Decimal = Decimal(0)

    @computed_field
    def cents(self) -> int:
        return int(self.amount * 100)


class Keeping(BaseModel):
    model_config = ConfigDict(extra="allow")
    amount: int = 0

    @computed_field
    def double(self) -> int:
        return self.amount * 2


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    inner_name: str = Field(alias="innerName")


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []


class Holding(BaseModel, Generic[T]):
    thing: T


class Odd(RootModel[list[int]]):
    pass


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str = ""


class Written(BaseModel):
    at: Decimal

    @field_serializer("at")
    def written(self, at: Decimal) -> str:
        return f"{at} EUR"

    @field_validator("at", mode="before")
    @classmethod
    def read(cls, at: Any) -> Any:
        return at.removesuffix(" EUR") if isinstance(at, str) else at


@dataclass
class Plain:
    name: str
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FrozenPlain:
    name: str
    at: date


@dataclass(frozen=True, slots=True)
class Slotted:
    amount: Decimal = Decimal(0)


@dataclass(slots=True)
class SlottedList:
    tags: list[str]
    seen: set[str] = field(default_factory=set)


@pydantic_dataclass
class Checked:
    size: PositiveInt


class Pair(NamedTuple):
    left: int
    right: str = ""


class PairOfSets(NamedTuple):
    left: set[str]
    right: Decimal


class Movie(TypedDict):
    name: str
    year: int


class Part_(TypedDict, total=False):
    name: str
    day: date


class Own:
    def __init__(self, v: str) -> None:
        self.v = v

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.v == self.v

    def __hash__(self) -> int:
        return hash(self.v)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.no_info_plain_validator_function(
            lambda v: v if isinstance(v, cls) else cls(v),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda o: o.v),
        )


class OwnWithTable(Own):
    NAMES: ClassVar[dict[object, str]] = {}


class Money:
    """A class that knows nothing of pydantic, with what it needs beside it."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    def __hash__(self) -> int:
        return self.cents


Price = Annotated[
    Money,
    PlainValidator(lambda v: v if isinstance(v, Money) else Money(int(v))),
    PlainSerializer(lambda money: money.cents),
]
Ratio = Annotated[Fraction, PlainValidator(lambda v: Fraction(v)), PlainSerializer(lambda value: str(value))]
Recursive = TypeAliasType("Recursive", "dict[str, Recursive] | list[Recursive] | int")
Alias = TypeAliasType("Alias", dict[str, Decimal])
Sku = NewType("Sku", str)
Number = NewType("Number", int)
Short = Annotated[str, StringConstraints(max_length=5, to_upper=True)]
Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Told = Annotated[
    Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")],
    Discriminator(lambda v: v["kind"] if isinstance(v, dict) else v.kind),
]
FIRST = datetime(2026, 10, 25, 2, 30, tzinfo=OSLO)
SECOND = FIRST.replace(fold=1)
LEFT_OUT = datetime(2026, 3, 29, 2, 30, tzinfo=OSLO)
NOON = datetime(2026, 1, 31, 12, 0, 0, 123, tzinfo=UTC)
PLUS = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

TYPES: dict[str, tuple[Any, list[Any]]] = {
    "int": (int, [0, -1, 2**63 - 1, -(2**63)]),
    "float": (float, [0.0, 1.5, -0.25, 1e300, 5e-324]),
    "Decimal": (Decimal, [Decimal("1.10"), Decimal("-0"), Decimal("1E+3"), Decimal("0.000000000000000000001")]),
    "str": (str, ["", "a", "é\u0301", "'\"\\\n\t", "🎉"]),
    "bool": (bool, [True, False]),
    "bytes": (bytes, [b"", b"abc"]),
    "UUID": (UUID, [UUID(int=1)]),
    "date": (date, [date(2026, 1, 31), date(1, 1, 1), date(9999, 12, 31)]),
    "datetime": (datetime, [NOON, PLUS, NOON.replace(microsecond=0)]),
    "naive datetime": (NaiveDatetime, [datetime(2026, 1, 31, 12)]),
    "aware datetime": (AwareDatetime, [NOON, PLUS]),
    "time": (time, [time(12, 30), time(0, 0, 0, 1)]),
    "timedelta": (timedelta, [timedelta(0), timedelta(days=1, microseconds=1), timedelta(seconds=-1)]),
    "None": (type(None), [None]),
    "Any": (Any, [None, 1, "a", [1, {"b": [None, 2.5]}], {"a": {"b": True}}]),
    "object": (object, [1, "a", [1]]),
    "JsonValue": (JsonValue, [{"a": [1, None, 2.5, True]}, [1, "a"], "x", 3, None]),
    "dict of JsonValue": (dict[str, JsonValue], [{"a": [1, {"b": None}]}]),
    "list of JsonValue": (list[JsonValue], [[1, {"b": None}, "x"]]),
    "recursive alias": (Recursive, [{"a": [1, {"b": 2}]}, 3, []]),
    "list of a recursive alias": (list[Recursive], [[{"a": [1]}, 3]]),
    "alias": (Alias, [{"a": Decimal("1.10")}]),
    "new type of a text": (Sku, ["a"]),
    "new type of a number": (Number, [7]),
    "list of a new type": (list[Sku], [["a", "b"]]),
    "Enum": (Color, [Color.RED, Color.NONE]),
    "IntEnum": (Level, [Level.LOW, Level.HIGH]),
    "StrEnum": (Word, [Word.A]),
    "IntFlag": (Rights, [Rights.READ, Rights.READ | Rights.WRITE]),
    "enum of two types": (Mixed, [Mixed.ONE, Mixed.TWO]),
    "list of an enum": (list[Color], [[Color.RED, Color.RED]]),
    "set of an enum": (set[Word], [{Word.A, Word.B}]),
    "dict by enum": (dict[Color, int], [{Color.RED: 1, Color.NONE: 2}]),
    "dict by IntEnum": (dict[Level, int], [{Level.LOW: 1}]),
    "Literal of texts": (Literal["a", "b"], ["a"]),
    "Literal of several": (Literal["a", 1, None], ["a", 1, None]),
    "list of integers": (list[int], [[], [1, 2**62]]),
    "list of floats": (list[float], [[1.0, 2.5]]),
    "list of decimals": (list[Decimal], [[Decimal("1.10"), Decimal("1.1")]]),
    "list of times": (list[datetime], [[NOON, PLUS]]),
    "list of dates": (list[date], [[date(2026, 1, 31)]]),
    "list of optionals": (list[int | None], [[1, None]]),
    "list of lists": (list[list[int]], [[[1], [], [2, 3]]]),
    "set of texts": (set[str], [set(), {"b", "a", "c"}]),
    "set of integers": (set[int], [{3, 1, 2}]),
    "set of dates": (set[date], [{date(2026, 1, 31), date(2026, 1, 1)}]),
    "frozenset": (frozenset[int], [frozenset({1, 2})]),
    "frozenset of tuples": (frozenset[tuple[int, str]], [frozenset({(1, "a"), (2, "b")})]),
    "set of frozen models": (set[Frozen], [{Frozen(name="b"), Frozen(name="a")}]),
    "set of frozen dataclasses": (
        set[FrozenPlain],
        [{FrozenPlain("b", date(2026, 1, 1)), FrozenPlain("a", date(1, 1, 1))}],
    ),
    "set of slotted dataclasses": (frozenset[Slotted], [frozenset({Slotted(Decimal(2)), Slotted(Decimal("1.0"))})]),
    "set of own": (set[Own], [{Own("b"), Own("a"), Own("c")}]),
    "set of tuples of own": (set[tuple[int, Own]], [{(1, Own("b")), (1, Own("a"))}]),
    "list of sets": (list[set[str]], [[{"b", "a"}, set()]]),
    "dict of sets": (dict[str, set[int]], [{"a": {2, 1}}]),
    "dict": (dict[str, int], [{}, {"b": 1, "a": 2}]),
    "dict of decimals": (dict[str, Decimal], [{"a": Decimal("1.10")}]),
    "dict by integers": (dict[int, str], [{2: "b", 1: "a"}]),
    "dict by ids": (dict[UUID, list[float]], [{UUID(int=1): [1.5]}]),
    "dict by dates": (dict[date, int], [{date(2026, 1, 31): 1}]),
    "dict by times": (dict[datetime, int], [{NOON: 1}]),
    "dict by decimals": (dict[Decimal, int], [{Decimal("1.10"): 1}]),
    "dict by literals": (dict[Literal["a", "b"], int], [{"a": 1}]),
    "dict of dicts": (dict[str, dict[int, str]], [{"a": {1: "b"}}]),
    "dict of lists of models": (dict[str, list[Part]], [{"a": [Part(name="x")]}]),
    "Mapping": (Mapping[str, int], [{"a": 1}]),
    "Sequence": (Sequence[int], [[1, 2]]),
    "plain list": (list, [[1, "a", None]]),
    "plain dict": (dict, [{"a": [1]}]),
    "plain set": (set, [{"b", "a"}]),
    "plain tuple": (tuple, [("a", 1)]),
    "deque": (deque[int], [deque([1, 2])]),
    "defaultdict": (defaultdict[str, int], [defaultdict(int, {"a": 1})]),
    "OrderedDict": (OrderedDict[str, int], [OrderedDict({"b": 1, "a": 2})]),
    "Counter": (Counter[str], [Counter({"a": 2})]),
    "tuple": (tuple[int, str], [(1, "a")]),
    "tuple of many": (tuple[int, ...], [(), (1, 2)]),
    "tuple with times": (tuple[datetime, Decimal], [(NOON, Decimal("1.10"))]),
    "named tuple": (Pair, [Pair(1, "a"), Pair(2)]),
    "list of named tuples": (list[Pair], [[Pair(1, "a")]]),
    "dict of named tuples": (dict[str, Pair], [{"a": Pair(1, "b")}]),
    "named tuple of sets": (PairOfSets, [PairOfSets({"b", "a"}, Decimal("1.10"))]),
    "typed dict": (Movie, [{"name": "a", "year": 1999}]),
    "typed dict, not total": (Part_, [{}, {"day": date(2026, 1, 31)}]),
    "list of typed dicts": (list[Movie], [[{"name": "a", "year": 1999}]]),
    "model": (Part, [Part(name="a"), Part(name="b", size=Decimal("1.10"), tags=["x"])]),
    "frozen model": (Frozen, [Frozen(name="a")]),
    "list of models": (list[Part], [[Part(name="a"), Part(name="b", tags=["x", "y"])]]),
    "dict of models": (dict[str, Part], [{"a": Part(name="a")}]),
    "tuple of models": (tuple[Part, ...], [(Part(name="a"),)]),
    "tree": (Tree, [Tree(name="a", children=[Tree(name="b")])]),
    "generic model": (Holding[Decimal], [Holding[Decimal](thing=Decimal("1.10"))]),
    "root model": (Odd, [Odd([1, 2])]),
    "model with an alias": (Aliased, [Aliased(innerName="a")]),
    "model with a serializer": (Written, [Written(at=Decimal("1.10"))]),
    "computed field, extra forbidden": (Strict, [Strict(amount=Decimal("1.10"))]),
    "list of computed fields": (list[Strict], [[Strict(amount=Decimal("1.10"))]]),
    "computed field, extra ignored": (Lenient, [Lenient(amount=Decimal("1.10"))]),
    "computed field, extra kept": (Keeping, [Keeping(amount=2)]),
    "tagged union": (Pet, [Cat(), Dog(name="a")]),
    "list of a tagged union": (list[Pet], [[Cat(), Dog(name="a")]]),
    "union by a function": (Told, [Cat(), Dog(name="a")]),
    "any kind of a model": (SerializeAsAny[Part], [Part(name="a")]),
    "dataclass": (Plain, [Plain("a"), Plain("b", ["x"])]),
    "frozen dataclass": (FrozenPlain, [FrozenPlain("a", date(2026, 1, 31))]),
    "list of dataclasses": (list[Plain], [[Plain("a", ["x"])]]),
    "dataclass with slots, frozen": (Slotted, [Slotted(Decimal("1.10"))]),
    "list of slotted dataclasses": (list[Slotted], [[Slotted(Decimal("1.10"))]]),
    "dict of slotted dataclasses": (dict[str, Slotted], [{"a": Slotted(Decimal("1.10"))}]),
    "dataclass with slots, a list and a set": (SlottedList, [SlottedList(["a"], {"b", "a"})]),
    "dataclass of pydantic": (Checked, [Checked(3)]),
    "own class": (Own, [Own("a")]),
    "own class with a ClassVar": (OwnWithTable, [OwnWithTable("a")]),
    "list of own": (list[Own], [[Own("b"), Own("a")]]),
    "dict of own": (dict[str, Own], [{"a": Own("b")}]),
    "annotated class": (Price, [Money(110)]),
    "list of an annotated class": (list[Price], [[Money(110), Money(5)]]),
    "fraction": (Ratio, [Fraction(1, 3)]),
    "constrained text": (Short, ["ABC"]),
    "constrained integer": (Annotated[int, Field(ge=0)], [3]),
    "read leniently": (Annotated[int, BeforeValidator(lambda v: v)], [3]),
    "Optional": (Optional[int], [1, None]),  # noqa: UP045
    "int or text": (int | str, [1, "1", "a"]),
    "text or int": (str | int, [1, "1", "a"]),
    "decimal or text": (Decimal | str, [Decimal("1.10"), "a"]),
    "float or int": (float | int, [1, 1.5]),
    "time or text": (datetime | str, [NOON, "a"]),
    "date or time": (date | datetime, [date(2026, 1, 31), NOON]),
    "bool or int": (bool | int, [True, 1, 0, False]),
    "model or text": (Part | str | None, [Part(name="a"), "a", None]),
    "list or text": (list[int] | str, [[1], "a"]),
    "address": (IPv4Address, [IPv4Address("10.0.0.1")]),
    "newer address": (IPv6Address, [IPv6Address("::1")]),
    "network": (IPv4Network, [IPv4Network("10.0.0.0/8")]),
    "path": (Path, [Path("/a/b")]),
    "pure path": (PurePosixPath, [PurePosixPath("a/b")]),
    "pattern": (re.Pattern[str], [re.compile("a+")]),
    "URL": (HttpUrl, [HttpUrl("https://example.org/a")]),
    "list of URLs": (list[HttpUrl], [[HttpUrl("https://example.org/a")]]),
    "size": (ByteSize, [ByteSize(1024)]),
    "complex": (complex, [1 + 2j]),
    "time of a zone": (datetime, [NOON.astimezone(OSLO)]),
    "first of the hour that comes twice": (datetime, [FIRST]),
    "second of the hour that comes twice": (datetime, [SECOND]),
    "hour that is left out": (datetime, [LEFT_OUT]),
    "list of the hours that come twice": (list[datetime], [[FIRST, SECOND, LEFT_OUT]]),
    "tuple of the hour that comes twice": (tuple[datetime, int], [(SECOND, 1)]),
    "dict of the hour that comes twice": (dict[str, datetime], [{"a": SECOND}]),
    "dataclass in the hour that comes twice": (Holding[datetime], [Holding[datetime](thing=FIRST)]),
}
