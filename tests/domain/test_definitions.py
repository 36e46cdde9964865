"""Definition mistakes: found when the class or its `Domain` is made, naming class, method and remedy.

Each mistake is source text, run in four ways: at module level and inside a function, with
annotations evaluated at once and with `from __future__ import annotations`.
"""

import sys
from textwrap import dedent, indent
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from cqrs_cli import DefinitionError, Event, Policy

HEAD = """
from collections import deque
from dataclasses import dataclass
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NewType, Protocol, TypeVar
from uuid import UUID, uuid4
from pydantic import BaseModel, Field
from cqrs_cli import *
T = TypeVar("T")
"""
SOUND = """
class Line(BaseModel):
    sku: str
    quantity: int
class Place(Command):
    lines: list[Line] = []
class Ship(Command):
    order_id: UUID
class Placed(Event):
    lines: list[Line] = []
class Shipped(Event):
    order_id: UUID
class Clock(Protocol):
    def now(self) -> datetime: ...
class Order(Aggregate):
    order_id: UUID
    shipped: bool = False
    @decide(creates=True)
    def place(self, command: Place, clock: Clock) -> Placed:
        return Placed(lines=command.lines)
    @decide
    def ship(self, command: Ship) -> Iterator[Shipped]:
        yield Shipped(order_id=command.order_id)
    @evolve
    def was_placed(self, event: Placed) -> None: ...
    @evolve
    def was_shipped(self, event: Shipped) -> None:
        self.shipped = True
class Row(Projection, key="order_id"):
    order_id: UUID
    lines: int = 0
    @evolve
    def placed(self, event: Placed, recorded: Recorded) -> None:
        self.lines += len(event.lines)
"""
WAYS = ("module", "function", "postponed module", "postponed function")


def run(source: str, way: str, sound: str = SOUND) -> dict[str, Any]:
    """Run the source text; its names."""
    first = "from __future__ import annotations\n" if "postponed" in way else ""
    body = dedent(sound) + dedent(source)
    if "function" in way:
        body = f"def make():\n{indent(body, '    ')}\n    return locals()\nnames = make()"
    module = sys.modules["domain_under_test"] = ModuleType("domain_under_test")  # pydantic looks its module up
    exec(compile(first + HEAD + body, "domain_under_test.py", "exec", dont_inherit=True), vars(module))
    names: dict[str, Any] = vars(module).get("names", vars(module))
    return names


def complaint(source: str, way: str) -> str:
    """The message and the hint of the definition error that the source leads to."""
    with pytest.raises(DefinitionError) as caught:
        run(source, way)
    assert caught.value.hint, f"no remedy: {caught.value}"
    return f"{caught.value} | {caught.value.hint}"


class Mistake(NamedTuple):
    name: str
    source: str
    told: tuple[str, ...]


def aggregate(body: str, keywords: str = "") -> str:
    return f"class Bad(Aggregate{keywords}):\n    bad_id: UUID\n{indent(dedent(body), '    ')}\nDomain('d', Bad)"


def projection(body: str, keywords: str = ', key="order_id"') -> str:
    return (
        f"class Bad(Projection{keywords}):\n    order_id: UUID\n{indent(dedent(body), '    ')}\nDomain('d', Order, Bad)"
    )


THING = """
class Thing: ...
class Shade(Enum):
    DARK = "dark"
ANY = {"arbitrary_types_allowed": True}
class Outer(BaseModel):
    model_config = ANY
    things: dict[str, Thing]
"""
MISTAKES = [
    Mistake(
        "two deciders in one class",
        aggregate("@decide(creates=True)\ndef a(self, command: Place): ...\n@decide(creates=True)\ndef b(self, command: Place): ..."),
        ("Bad.b", "Bad.a", "Place", "keep one"),
    ),
    Mistake(
        "two deciders in two classes",
        "class Bad(Aggregate):\n    bad_id: UUID\n    @decide(creates=True)\n    def a(self, command: Place): ...\nDomain('d', Order, Bad)",
        ("Bad.a", "Order.place", "Place", "keep one"),
    ),
    Mistake("two evolves", projection("@evolve\ndef a(self, event: Placed): ...\n@evolve\ndef b(self, event: Placed): ..."), ("Bad.b", "Bad.a", "Placed")),
    Mistake("no annotation", aggregate("@decide(creates=True)\ndef a(self, command): ..."), ("Bad.a", "'command'", "annotation")),
    Mistake("service without annotation", aggregate("@decide(creates=True)\ndef a(self, command: Place, clock): ..."), ("Bad.a", "'clock'", "annotation")),
    Mistake("no message", aggregate("@decide\ndef a(self): ..."), ("Bad.a", "takes no message", "command")),
    Mistake("event for a decide", aggregate("@decide\ndef a(self, command: Placed): ..."), ("Bad.a", "Placed", "Command")),
    Mistake("command for an evolve", aggregate("@evolve\ndef a(self, event: Place): ..."), ("Bad.a", "Place", "Event")),
    Mistake("base class as message", aggregate("@evolve\ndef a(self, event: Event): ..."), ("Bad.a", "Event", "subclass")),
    Mistake("starred parameters", aggregate("@decide\ndef a(self, command: Place, *rest: Clock): ..."), ("Bad.a", "*rest")),
    Mistake("keyword parameter", aggregate("@decide\ndef a(self, command: Place, *, clock: Clock): ..."), ("Bad.a", "clock")),
    Mistake("union as service", aggregate("@decide(creates=True)\ndef a(self, command: Place, clock: Clock | None): ..."), ("Bad.a", "Clock", "class or Protocol")),
    Mistake("evolve with a service", projection("@evolve\ndef a(self, event: Placed, clock: Clock): ..."), ("Bad.a", "pure")),
    Mistake("envelope for an aggregate", aggregate("@evolve\ndef a(self, event: Placed, recorded: Recorded): ..."), ("Bad.a", "envelope", "into the event")),
    Mistake("key= in an aggregate", aggregate("@evolve(key=lambda e, r: 1)\ndef a(self, event: Placed): ..."), ("Bad.a", "key=", "projections")),
    Mistake("key= that is no function", projection("@evolve(key='order_id')\ndef a(self, event: Placed): ..."), ("Bad.a", "'order_id'", "lambda")),
    Mistake("creates misspelt", aggregate("@decide(creates='eiter')\ndef a(self, command: Place): ..."), ("Bad.a", "eiter", '"either"')),
    Mistake("async evolve", aggregate("@evolve\nasync def a(self, event: Placed): ..."), ("Bad.a", "asynchronous", "plain")),
    Mistake("async generator", aggregate("@decide(creates=True)\nasync def a(self, command: Place):\n    yield Placed()"), ("Bad.a", "asynchronous")),
    Mistake("class method below", aggregate("@decide\n@classmethod\ndef a(cls, command: Place): ..."), ("Bad.a", "classmethod", "plain methods")),
    Mistake("class method above", aggregate("@classmethod\n@decide\ndef a(cls, command: Place): ..."), ("Bad.a",)),
    Mistake("static method", aggregate("@decide\n@staticmethod\ndef a(command: Place): ..."), ("Bad.a", "staticmethod", "plain methods")),
    Mistake("field before its clause", aggregate("a: bool = False\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.a", "field", "rename")),
    Mistake("clause before its field", aggregate("@evolve\ndef a(self, event: Placed): ...\na: bool = False"), ("Bad.a", "hidden", "name of its own")),
    Mistake("bare annotation after its clause", aggregate("@evolve\ndef a(self, event: Placed): ...\na: bool"), ("Bad.a", "field", "rename")),
    Mistake("column before its clause", projection("a: bool = False\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.a", "field", "rename")),
    Mistake("method twice", aggregate("@evolve\ndef a(self, event: Placed): ...\n@evolve\ndef a(self, event: Shipped): ..."), ("Bad.a", "later method of the same name")),
    Mistake("plain method over a clause", aggregate("@evolve\ndef a(self, event: Placed): ...\ndef a(self): ..."), ("Bad.a", "hidden")),
    Mistake(
        "override that lost its decorator",
        "class Bad(Order, category='order'):\n    def ship(self, command: Ship): ...\nDomain('d', Bad)",
        ("Bad.ship", "Order", "without its decorator", "@decide"),
    ),
    Mistake(
        "field over an inherited clause",
        "class Bad(Order, category='order'):\n    ship: bool = False\nDomain('d', Bad)",
        ("Bad.ship", "field", "rename"),
    ),
    Mistake("private attribute of an aggregate", aggregate("_seen: int = 0"), ("Bad._seen", "private", "field")),
    Mistake("private attribute of a row", projection("_seen: int = 0"), ("Bad._seen", "private", "field")),
    Mistake("private attribute of an event", "class Bad(Event):\n    _seen: int = 0", ("Bad._seen", "private", "field")),
    Mistake("private attribute of a command", "class Bad(Command):\n    _seen: int = 0", ("Bad._seen", "private", "field")),
    Mistake("tuple keys", aggregate("grid: dict[tuple[int, int], str] = {}"), ("Bad.grid", "tuple", "JSON")),
    Mistake("tuple keys in a nested model", "class Grid(BaseModel):\n    cells: dict[tuple[int, int], str] = {}\n" + aggregate("grid: Grid | None = None"), ("Bad.grid", "tuple", "JSON")),
    Mistake("plain tuple keys", aggregate("grid: dict[tuple, str] = {}"), ("Bad.grid", "tuple", "JSON")),
    Mistake("tuple keys of a mapping", aggregate("grid: Mapping[tuple[int, int], str] = {}"), ("Bad.grid", "tuple", "JSON")),
    Mistake("keys of two types", aggregate("grid: dict[int | str, str] = {}"), ("Bad.grid", "JSON")),
    Mistake("any keys", aggregate("grid: dict[Any, str] = {}"), ("Bad.grid", "Any", "JSON")),
    Mistake("NaN default", aggregate("score: float = float('nan')"), ("Bad", "score", "NaN")),
    Mistake("infinite default", aggregate("score: float = float('inf')"), ("Bad", "score", "infinities")),
    Mistake("default of another type", aggregate("size: int = 'large'"), ("Bad", "default of its own type")),
    Mistake("default that is an object", aggregate("thing: Any = object()"), ("Bad", "JSON")),
    Mistake("state without a default", aggregate("size: int"), ("Bad.size", "default")),
    Mistake("column without a default", projection("size: int\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.size", "default")),
    Mistake("aggregate without its key", "class Bad(Aggregate):\n    size: int = 0\nDomain('d', Bad)", ("Bad", "'bad_id'", "key=")),
    Mistake("key of another type", "class Bad(Aggregate):\n    bad_id: float\nDomain('d', Bad)", ("Bad.bad_id", "float")),
    Mistake("key that may be None", "class Bad(Aggregate):\n    bad_id: UUID | None\nDomain('d', Bad)", ("Bad.bad_id", "None")),
    Mistake("key field that is not there", projection("@evolve\ndef a(self, event: Placed): ...", ', key="oder_id"'), ("Bad", "'oder_id'", "key=")),
    Mistake("row without a key", projection("@evolve\ndef a(self, event: Placed): ...", ""), ("Bad", "no key", 'key="order_id"')),
    Mistake("unique in rows that are written later", projection("size: int = 0\n@evolve\ndef a(self, event: Placed): ...", ', key="order_id", unique="size"'), ("Bad", "unique=", "inline=True")),
    Mistake("unique in a process", "class Bad(ProcessManager, key='order_id', unique='order_id'):\n    order_id: UUID\nDomain('d', Order, Bad)", ("Bad", "unique", "key, version, name, aliases and ignores")),
    Mistake("row without an evolve", projection("size: int = 0"), ("Bad", "@evolve")),
    Mistake("decimal key", "class Bad(Projection, key='price'):\n    price: Decimal\n    @evolve\n    def a(self, event: Placed): ...\nDomain('d', Order, Bad)", ("Bad.price", "key")),
    Mistake(
        "event that says nothing of the row",
        "class Bad(Projection, key='sku'):\n    sku: str\n    @evolve\n    def a(self, event: Placed): ...\nDomain('d', Order, Bad)",
        ("Bad.a", "Placed", "sku", "key="),
    ),
    Mistake(
        "stream of an aggregate that is no part",
        "class Bad(Projection, key='order_id'):\n    order_id: UUID\n    @evolve\n    def a(self, event: Placed): ...\nDomain('d', Bad)",
        ("Bad.a", "Placed", "order_id", "key="),
    ),
    Mistake(
        "key types of row and event differ",
        "class Bad(Projection, key='order_id'):\n    order_id: str\n    @evolve\n    def a(self, event: Shipped): ...\nDomain('d', Order, Bad)",
        ("Bad.a", "str", "UUID", "Shipped"),
    ),
    Mistake(
        "key types of row and stream differ",
        "class Bad(Projection, key='order_id'):\n    order_id: str\n    @evolve\n    def a(self, event: Placed): ...\nDomain('d', Order, Bad)",
        ("Bad.a", "str", "UUID", "Placed"),
    ),
    Mistake("command without the key", aggregate("@decide\ndef a(self, command: Place): ..."), ("Place", "'bad_id'", "Bad.a", "creates=True")),
    Mistake(
        "command with a key of another type",
        "class Move(Command):\n    bad_id: str\n" + aggregate("@decide\ndef a(self, command: Move): ..."),
        ("Move.bad_id", "str", "UUID"),
    ),
    Mistake(
        "integer key that nobody gives",
        "class Bad(Aggregate):\n    bad_id: int\n    @decide(creates=True)\n    def a(self, command: Place): ...\nDomain('d', Bad)",
        ("Place", "'bad_id'", "add the field"),
    ),
    Mistake("ignores that is no tuple", aggregate("ignores = (Placed)"), ("Bad.ignores", "ignores = (")),
    Mistake("unknown keyword of an event", "class Bad(Event, verion=2): ...", ("Bad", "'verion'", "version")),
    Mistake("unknown keyword of a command", "class Bad(Command, nme='x'): ...", ("Bad", "'nme'", "name")),
    Mistake("unknown keyword of an aggregate", "class Bad(Aggregate, catgory='x'): ...", ("Bad", "'catgory'", "category")),
    Mistake("unknown keyword of a projection", "class Bad(Projection, keys='x'): ...", ("Bad", "'keys'", "key")),
    Mistake("missing upcaster", "class Bad(Event, version=3, upcasters={1: dict}): ...", ("Bad", "version 3", "from version 2", "upcasters=")),
    Mistake("upcaster from the future", "class Bad(Event, version=1, upcasters={1: dict}): ...", ("Bad", "version")),
    Mistake("version zero", "class Bad(Event, version=0): ...", ("Bad", "version=0")),
    Mistake("aliases as one text", "class Bad(Event, aliases='Old'): ...", ("Bad", "'Old'", "aliases=('Old',)")),
    Mistake("impossible name", "class Bad(Event, name='order created'): ...", ("Bad", "'order created'", "letters")),
    Mistake("empty name", "class Bad(Event, name=''): ...", ("Bad", "''", "letters")),
    Mistake("field called stored", "class Bad(Event):\n    stored: int = 0", ("Bad.stored", "alias")),
    Mistake("field called meta", "class Bad(Command):\n    meta: int = 0", ("Bad.meta", "alias")),
    Mistake("column called keywords", "class Bad(Projection, key='a'):\n    a: int\n    keywords: str = ''", ("Bad.keywords", "alias")),
    Mistake("same stored name", "class Bad(Event, name='Placed'): ...\n" + aggregate("ignores = (Bad, Placed)").replace("class Bad", "class Worse").replace("'d', Bad", "'d', Worse").replace("bad_id", "worse_id"), ("'Placed'", "Bad", "name=")),
    Mistake("alias that is a name", "class New(Event, aliases=('Placed',)): ...\n" + aggregate("ignores = (New, Placed)"), ("'Placed'", "New", "name=")),
    Mistake("same category", "class Bad(Aggregate, category='order'):\n    order_id: UUID\nDomain('d', Order, Bad)", ("Bad", "Order", "'order'", "category=")),
    Mistake("impossible category", aggregate("", ", category='my-order', key='bad_id'"), ("Bad", "'my-order'", "letters")),
    Mistake("same table", projection("@evolve\ndef a(self, event: Placed): ...", ", key='order_id', name='row'").replace("Order, Bad", "Order, Row, Bad"), ("Bad", "Row", "'row'", "name=")),
    Mistake("a table's name that PostgreSQL would cut", projection("@evolve\ndef a(self, event: Placed): ...", f", key='order_id', name='{'t' * 55}'"), ("Bad", "t" * 55, "55", "54", "name=", "aliases=")),
    Mistake("a class whose table's name PostgreSQL would cut", projection("@evolve\ndef a(self, event: Placed): ...").replace("Bad", f"Bad{'x' * 52}"), (f"Bad{'x' * 52}", "54", "name=")),
    Mistake("a process manager's table too", f"class Bad(ProcessManager, key='order_id', name='{'p' * 55}'):\n    order_id: UUID\n    @react\n    def a(self, event: Placed) -> Ship: ...\nDomain('d', Order, Bad)", ("Bad", "54", "name=", "aliases=")),
    Mistake("a table that PostgreSQL would take for its own", projection("@evolve\ndef a(self, event: Placed): ...", ", key='order_id', name='pg_orders'"), ("Bad", "pg_orders", "name=")),
    Mistake("a column's name that PostgreSQL would cut", projection(f"{'c' * 64}: int = 0\n@evolve\ndef a(self, event: Placed): ..."), ("Bad." + "c" * 64, "64", "63", "shorter")),
    Mistake("bytes of a column's name, not letters", projection(f"{'é' * 32}: int = 0\n@evolve\ndef a(self, event: Placed): ..."), ("Bad." + "é" * 32, "64", "63", "shorter")),
    Mistake("a column that each table of PostgreSQL has", projection("xmin: int = 0\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.xmin", "PostgreSQL", "another name")),
    Mistake("such a column in capitals", projection("TableOID: int = 0\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.TableOID", "tableoid", "another name")),
    Mistake("tables that differ in case", projection("@evolve\ndef a(self, event: Placed): ...", ", key='order_id', name='ROW'").replace("Order, Bad", "Order, Row, Bad"), ("Bad", "Row", "case", "name=")),
    Mistake("table called as a view", projection("@evolve\ndef a(self, event: Placed): ...", ", key='order_id', name='row_view'").replace("Order, Bad", "Order, Row, Bad"), ("Bad", "'row_view'", "view of Row", "name=")),
    Mistake("real key", "class Bad(Projection, key='price'):\n    price: float\n    @evolve\n    def a(self, event: Placed): ...\nDomain('d', Order, Bad)", ("Bad.price", "key")),
    Mistake("default that comes back as another", aggregate("pair: Any = (1, 2)"), ("Bad.pair", "default")),
    Mistake(
        "event of two aggregates with different keys",
        "class Other(Aggregate, key=('order_id', 'part')):\n    order_id: UUID\n    part: int\n    ignores = (Placed,)\n"
        + projection("@evolve\ndef a(self, event: Placed): ...").replace("Order, Bad", "Order, Other, Bad"),
        ("Bad.a", "which row", "key="),
    ),
    Mistake("table of the store", projection("@evolve\ndef a(self, event: Placed): ...", ", key='order_id', name='Events'"), ("Bad", "'Events'", "name=")),
    Mistake("internal table", projection("@evolve\ndef a(self, event: Placed): ...", ", key='order_id', name='cqrs_x'"), ("Bad", "'cqrs_x'", "name=")),
    Mistake("impossible table", projection("@evolve\ndef a(self, event: Placed): ...", ", key='order_id', name='a b'"), ("Bad", "'a b'", "letters")),
    Mistake(
        "same word on the command line",
        "class SHIP(Command):\n    bad_id: UUID\n" + aggregate("@decide\ndef a(self, command: SHIP): ...").replace("'d', Bad", "'d', Order, Bad"),
        ("'ship'", "command line", "rename"),
    ),
    Mistake("decide in a projection", projection("@evolve\ndef a(self, event: Placed): ...\n@decide\ndef b(self, command: Ship): ..."), ("Bad.b", "@decide means nothing", "aggregates")),
    Mistake("react in a projection", projection("@evolve\ndef a(self, event: Placed): ...\n@react\ndef b(self, event: Placed): ..."), ("Bad.b", "@react means nothing", "process managers")),
    Mistake("react in an aggregate", aggregate("@react\ndef b(self, event: Placed): ..."), ("Bad.b", "@react means nothing")),
    Mistake("decide in a process", "class Bad(ProcessManager, key='order_id'):\n    order_id: UUID\n    @react\n    def a(self, event: Placed) -> Ship: ...\n    @decide\n    def b(self, command: Ship): ...\nDomain('d', Order, Bad)", ("Bad.b", "@decide means nothing")),
    Mistake("creates that is a number", aggregate("@decide(creates=0)\ndef a(self, command: Place): ..."), ("Bad.a", "creates=0", '"either"')),
    Mistake("version as a text", "class Bad(Event, version='2'): ...", ("Bad", "version='2'", "1, 2, 3")),
    Mistake("version of a row as a text", projection("@evolve\ndef a(self, event: Placed): ...", ', key="order_id", version="x"'), ("Bad", "version='x'")),
    Mistake("version of an aggregate that is a bool", aggregate("", ", version=True"), ("Bad", "version=True")),
    Mistake("name that is a number", "class Bad(Event, name=5): ...", ("Bad", "5", "letters")),
    Mistake("alias that is a number", "class Bad(Event, aliases=(5,)): ...", ("Bad", "5", "letters")),
    Mistake("upcaster that is a text", "class Bad(Event, version=2, upcasters={1: 'x'}): ...", ("Bad", "function", "upcasters=")),
    Mistake("key that names a field twice", projection("@evolve\ndef a(self, event: Placed): ...", ', key=("order_id", "order_id")'), ("Bad", "twice", "('order_id',)")),
    Mistake("aggregate key that names a field twice", aggregate("", ", key=('bad_id', 'bad_id')"), ("Bad", "twice", "('bad_id',)")),
    Mistake("alias of a key", "class Bad(Aggregate):\n    bad_id: UUID = Field(alias='badId')\nDomain('d', Bad)", ("Bad.bad_id", "alias", "rename")),
    Mistake("alias of a row's key", "class Bad(Projection, key='order_id'):\n    order_id: UUID = Field(validation_alias='orderId')\n    @evolve\n    def a(self, event: Placed): ...\nDomain('d', Order, Bad)", ("Bad.order_id", "alias", "rename")),
    Mistake("NaN allowed", aggregate("model_config = {'allow_inf_nan': True}"), ("Bad", "NaN", "allow_inf_nan")),
    Mistake("field that is not written", aggregate("size: int = Field(0, exclude=True)"), ("Bad.size", "exclude=True")),
    Mistake("nested field that is not written", "class Part(BaseModel):\n    size: int = Field(0, exclude=True)\n" + aggregate("parts: list[Part] = []"), ("Bad.parts", "Part.size")),
    Mistake("nested private attribute", "class Part(BaseModel):\n    _size: int = 0\n" + aggregate("part: Part | None = None"), ("Bad.part", "Part._size")),
    Mistake("tuple keys in a dataclass", "@dataclass\nclass Grid:\n    cells: dict[tuple[int, int], str]\n" + aggregate("grid: Grid | None = None"), ("Bad.grid", "tuple", "JSON")),
    Mistake("tuple keys in a named tuple", "class Grid(NamedTuple):\n    cells: dict[tuple[int, int], str]\n" + aggregate("grid: Grid | None = None"), ("Bad.grid", "tuple", "JSON")),
    Mistake("cached property of an aggregate", aggregate("@cached_property\ndef size(self) -> int: ..."), ("Bad.size", "cached", "@property")),
    Mistake("cached property of a row", projection("@cached_property\ndef size(self) -> int: ...\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.size", "cached", "@property")),
    Mistake("deque that is cut", projection("last: deque[str] = deque(maxlen=2)\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.last", "maxlen")),
    Mistake("unknown keyword of a query", "class Bad(Query[Row], kye='x'):\n    def run(self, read: Read) -> Page[Row]: ...", ("Bad", "'kye'")),
    Mistake(
        "query called as its rows",
        "class ROW(Query[Row]):\n    def run(self, read: Read) -> Page[Row]: ...\nDomain('d', Order, Row, ROW)",
        ("ROW", "Row", "cqrs query row", "rename"),
    ),
    Mistake("factory that is asynchronous", "@Domain('d', Order).provide\nasync def clock() -> Clock: ...", ("clock", "asynchronous", "plain")),
    Mistake("factory that wants something", "@Domain('d', Order).provide\ndef clock(zone: str) -> Clock: ...", ("clock", "zone", "given nothing")),
    Mistake("query without a run", "class Bad(Query[Row]):\n    size: int = 0\nDomain('d', Order, Row, Bad)", ("Bad", "run", "def run")),
    Mistake("event without an evolve", aggregate("@decide(creates=True)\ndef a(self, command: Place) -> Placed: ..."), ("Bad.a", "Placed is decided", "no evolve", "ignores = (Placed,)")),
    Mistake("one of several events without an evolve", aggregate("@decide(creates=True)\ndef a(self, command: Place) -> Iterator[Placed | Shipped]: ...\n@evolve\ndef b(self, event: Placed): ..."), ("Bad.a", "Shipped is decided", "ignores = (Shipped,)")),
    Mistake("base class in an aggregate", "class Late(Shipped): ...\n" + aggregate("@decide(creates=True)\ndef a(self, command: Place) -> Late: ...\n@evolve\ndef b(self, event: Shipped): ..."), ("Bad.a", "Late is decided", "no evolve")),
    Mistake("base class beside another clause", "class Late(Shipped): ...\nclass Later(Late): ...\n" + aggregate("@evolve\ndef b(self, event: Shipped): ...\n@evolve\ndef c(self, event: Later): ...").replace("'d', Bad", "'d', Bad, Rows") .replace("Domain(", "class Rows(Projection, key='order_id'):\n    order_id: UUID\n    @evolve\n    def d(self, event: Shipped): ...\nDomain("), ("Rows.d", "Shipped alone", "Later", "names")),
    Mistake("base class in a projection", "class Late(Shipped): ...\nclass Rush(Order, category='rush', key='order_id'):\n    ignores = (Late,)\n" + projection("@evolve\ndef a(self, event: Shipped): ...").replace("Order, Bad", "Rush, Bad"), ("Bad.a", "Shipped alone", "Late")),
    Mistake("base class in a policy", "class Late(Shipped): ...\nclass Rush(Order, category='rush', key='order_id'):\n    ignores = (Late,)\nclass Bad(Policy):\n    @react\n    def a(self, event: Shipped) -> Place: ...\nDomain('d', Rush, Bad)", ("Bad.a", "Shipped alone", "Late")),
    Mistake("base class in a process", "class Late(Shipped): ...\nclass Rush(Order, category='rush', key='order_id'):\n    ignores = (Late,)\nclass Bad(ProcessManager, key='order_id'):\n    order_id: UUID\n    @react\n    def a(self, event: Shipped) -> Place: ...\nDomain('d', Rush, Bad)", ("Bad.a", "Shipped alone", "Late")),
    *(
        Mistake(f"key spelt {field}", f"class Open(Command):\n    {field}: UUID\n" + aggregate("@decide(creates=True)\ndef a(self, command: Open): ..."), (f"Open.{field.split(':')[0]}", "nearly the key 'bad_id'", "Bad.a", "call the field bad_id"))
        for field in ("badId", "bad_di", "bd_id", "badd_id", "bad_ib", "BadID", "id", "ID")
    ),
    Mistake("key by an alias", "class Open(Command):\n    number: UUID = Field(alias='bad_id')\n" + aggregate("@decide(creates='either')\ndef a(self, command: Open): ..."), ("Open.number", "nearly the key 'bad_id'", "Bad.a")),
    Mistake("version without a step", "class Bad(Event, version=2): ...", ("Bad", "version 2", "from version 1", "upcasters={1: lambda data: {**data, …}}")),
    Mistake("version of a command without a step", "class Bad(Command, version=3): ...", ("Bad", "version 3", "from version 1", "2: lambda")),
    Mistake("state with a new id each time", aggregate("token: UUID = Field(default_factory=uuid4)"), ("Bad.token", "default_factory", "decided")),
    Mistake("state with today", aggregate("since: date = Field(default_factory=date.today)"), ("Bad.since", "default_factory")),
    Mistake("row with the time", projection("at: datetime = Field(default_factory=lambda: datetime.now())\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.at", "default_factory")),
    Mistake("row with a model that has a new id", "class Part(BaseModel):\n    id: UUID = Field(default_factory=uuid4)\n" + projection("part: Part = Field(default_factory=lambda: Part())\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.part", "default_factory")),
    *(
        Mistake(f"{what} in {where}", source, (place, told, "does not come back from JSON", "PlainSerializer"))
        for what, kind, told in (
            ("class of one's own", "Thing", "Thing"),
            ("list of them", "list[Thing]", "Thing"),
            ("function", "Callable[[int], int]", "callable"),
            ("tuple keys", "dict[tuple[int, int], str]", "tuple keys"),
            ("member of an enum", "Literal[Shade.DARK]", "DARK"),
            ("in a nested model", "Outer", "Thing"),
            ("in a union", "Thing | int", "Thing"),
        )
        for where, place, source in (
            ("an event", "Stored.thing", f"{THING}class Stored(Event):\n    model_config = ANY\n    thing: {kind}\n" + aggregate("ignores = (Stored,)")),
            ("a command", "Sent.thing", f"{THING}class Sent(Command):\n    model_config = ANY\n    bad_id: UUID\n    thing: {kind}\n" + aggregate("@decide\ndef a(self, command: Sent): ...")),
        )
    ),
    Mistake("class of one's own in a row", THING + projection("model_config = ANY\nthing: Thing | None = None\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.thing", "Thing", "JSON")),
    Mistake("class of one's own in a state", THING + aggregate("model_config = ANY\nthing: Thing | None = None"), ("Bad.thing", "Thing", "JSON")),
    Mistake("event field that is not written", "class Stored(Event):\n    size: int = Field(0, exclude=True)\n" + aggregate("ignores = (Stored,)"), ("Stored.size", "exclude=True")),
    Mistake("nested field of an event that is not written", "class Part(BaseModel):\n    size: int = Field(0, exclude=True)\nclass Stored(Event):\n    part: Part\n" + aggregate("ignores = (Stored,)"), ("Stored", "Part.size", "exclude=True")),
    Mistake("default that no column holds", projection("size: int = 2**63\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.size", "default", "64 bits")),
    Mistake("default of a row of another type", projection("size: str = 5\n@evolve\ndef a(self, event: Placed): ..."), ("Bad.size", "default", "5")),
    Mistake("generic event", "class Changed(Event, Generic[T]):\n    value: T\n" + aggregate("ignores = (Changed[int],)"), ("Changed[int]", "no name", "class MyOwn(Changed[int])")),
    Mistake("generic event of a decide", "class Changed(Event, Generic[T]):\n    value: T\n" + aggregate("@decide(creates=True)\ndef a(self, command: Place) -> Changed[int]: ...\n@evolve\ndef b(self, event: Changed[int]): ..."), ("Changed[int]", "no name")),
    Mistake("generic command", "class Change(Command, Generic[T]):\n    value: T\n" + aggregate("@decide(creates=True)\ndef a(self, command: Change[int]): ..."), ("Change[int]", "no name")),
    Mistake("part that is none", "Domain('d', Placed)", ("Placed", "aggregates")),
    Mistake("misspelt attribute in an annotation", aggregate("@decide(creates=True)\ndef a(self, command: Place) -> 'Placed.Missing': ..."), ("Bad.a", "Missing", "run time")),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
@pytest.mark.filterwarnings("ignore:Field name")  # pydantic warns of some of these as well
def test_mistakes_are_told_with_their_place_and_a_remedy(mistake: Mistake, way: str) -> None:
    told = complaint(mistake.source, way)
    for part in mistake.told:
        assert part in told


@pytest.mark.parametrize("way", WAYS)
def test_a_sound_domain_is_taken_in_every_way(way: str) -> None:
    domain = run("domain = Domain('d', Order, Row)\n@domain.provide\ndef clock() -> Clock: ...", way)["domain"]
    assert list(domain.commands) == ["Place", "Ship"]
    assert domain.check() == []


@pytest.mark.parametrize("way", ["postponed module", "postponed function"])
@pytest.mark.parametrize(
    "body",
    [
        "@decide(creates=True)\ndef a(self, command: Missing): ...",
        "@decide(creates=True)\ndef a(self, command: Place) -> Iterator[Missing]: ...",
        "@decide(creates=True)\ndef a(self, command: Place, clock: Missing): ...",
        "size: Missing | None = None",
    ],
    ids=["message", "return", "service", "field"],
)
def test_an_import_for_type_checking_only_is_told_with_the_remedy(body: str, way: str) -> None:
    told = complaint("if TYPE_CHECKING:\n    from nowhere import Missing\n" + aggregate(body), way)
    assert "Missing" in told
    assert "TYPE_CHECKING" in told
    assert "Bad" in told


@pytest.mark.parametrize(
    "source",
    [
        "class Old(Event):\n    order_id: UUID\n    thing: Missing\n"
        + projection("@evolve\ndef a(self, event: Old): ..."),
        "class Old(Command):\n    bad_id: UUID\n    thing: Missing\n"
        + aggregate("@decide\ndef a(self, command: Old): ..."),
        projection("thing: Missing | None = None\n@evolve\ndef a(self, event: Placed): ..."),
        "class Old(Query[Row]):\n    thing: Missing\n    def run(self, read: Read) -> Page[Row]: ...\n"
        "Domain('d', Order, Row, Old)",
    ],
    ids=["event", "command", "row", "query"],
)
def test_fields_that_stay_open_are_told_when_the_domain_is_made(source: str) -> None:
    told = complaint("if TYPE_CHECKING:\n    from nowhere import Missing\n" + source, "postponed function")
    assert "Missing" in told
    assert "TYPE_CHECKING" in told


def test_a_wrapped_clause_stays_one() -> None:
    run(
        """
        def logged(function):
            @wraps(function)
            def wrapper(*arguments): return function(*arguments)
            return wrapper
        class Good(Aggregate, key="order_id"):
            order_id: UUID
            @logged
            @decide(creates=True)
            def a(self, command: Place) -> Placed: return Placed()
            ignores = (Placed,)
        assert list(Domain("d", Good).commands) == ["Place"]
        """,
        "function",
    )


@pytest.mark.parametrize("way", WAYS)
def test_clauses_are_inherited_and_overridden(way: str) -> None:
    names = run(
        """
        class Rush(Order, category="order"):
            order_id: UUID
            @decide
            def ship(self, command: Ship) -> None: ...
        domain = Domain("d", Rush)
        """,
        way,
    )
    assert names["domain"].deciders[names["Ship"]].clause.where == "Rush.ship"
    assert names["domain"].deciders[names["Place"]].clause.where == "Order.place"


@pytest.mark.parametrize(
    "field",
    [
        "sku: Annotated[str, Field(pattern='^[A-Z]{3}$')]",
        "sku: Annotated[int, Field(ge=1000)]",
        "sku: NewType('Sku', UUID)",
        "sku: date",
    ],
)
def test_keys_may_have_constraints_and_names(field: str) -> None:
    run(f"class Good(Aggregate, key='sku'):\n    {field}\nDomain('d', Good)", "function")


@pytest.mark.parametrize(
    "field",
    [
        "dict[str, int]",
        "dict[UUID, int]",
        "dict[date, int]",
        "dict[Literal['a'], int]",
        "dict[Decimal, int]",
        "Mapping[int, str]",
        "dict[str, dict[int, str]]",
    ],
)
def test_mappings_that_survive_json_are_taken(field: str) -> None:
    run(aggregate(f"grid: {field} = {{}}"), "function")


def test_a_domain_with_the_same_part_twice_has_it_once() -> None:
    names = run("inner = Domain('i', Order, Row)\ndomain = Domain('d', inner, Order)", "function")
    assert list(names["domain"].aggregates) == ["order"]


def test_check_finds_services_that_nobody_provides() -> None:
    domain = run("domain = Domain('d', Order)", "postponed function")["domain"]
    assert [(finding.code, finding.where) for finding in domain.check()] == [("no-service", "Order.place")]


KINDS = """
class Moved(Event): ...
class Raised(Moved): ...
class Lowered(Moved): ...
class Lift(Aggregate):
    lift_id: UUID
    {body}
class Move(Command):
    lift_id: UUID
"""


@pytest.mark.parametrize("way", ["module", "postponed function"])
@pytest.mark.parametrize(
    "body",
    [
        "@decide\ndef go(self, command: Move) -> Moved: ...\n@evolve\ndef a(self, event: Raised | Lowered) -> None: ...",
        "@decide\ndef go(self, command: Move) -> Raised | Lowered: ...\n@evolve\ndef a(self, event: Raised) -> None: ...\nignores = (Lowered,)",
        "@decide\ndef go(self, command: Move) -> list[Raised]: ...\n@evolve\ndef a(self, event: Moved) -> None: ...\n@evolve\ndef b(self, event: Raised) -> None: ...",
    ],
    ids=["a base that is decided", "one is ignored", "both have a clause"],
)
def test_events_of_a_kind_that_all_have_their_clause_are_taken(body: str, way: str) -> None:
    kinds = KINDS.replace("class Lift", "class Move(Command):\n    lift_id: UUID\nclass Lift").format(
        body=indent(body, "    ").strip()
    )
    domain = run(kinds + "domain = Domain('d', Lift)", way)["domain"]
    assert [*domain.deciders]


@pytest.mark.parametrize("way", WAYS)
def test_a_generic_event_is_stored_by_the_name_of_its_subclass(way: str) -> None:
    domain = run(
        """
        class Changed(Event, Generic[T]):
            order_id: UUID
            value: T
        class PriceChanged(Changed[Decimal]): ...
        class Change(Command):
            order_id: UUID
        class Good(Aggregate, key="order_id"):
            order_id: UUID
            price: Decimal = Decimal(0)
            @decide
            def change(self, command: Change) -> PriceChanged: ...
            @evolve
            def changed(self, event: PriceChanged) -> None: ...
        domain = Domain("d", Good)
        """,
        way,
    )["domain"]
    assert list(domain.events) == ["PriceChanged"]
    assert domain.events["PriceChanged"].model_fields["value"].annotation.__name__ == "Decimal"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["UUID", "str", "int", "date"])
def test_a_new_type_is_a_key_everywhere(kind: str, way: str) -> None:
    domain = run(
        f"""
        Key = NewType("Key", {kind})
        class Open(Command):
            thing_id: Key
        class Opened(Event):
            other: Key
        class Thing(Aggregate):
            thing_id: Key
            ignores = (Opened,)
            @decide(creates=True)
            def open(self, command: Open) -> Opened: return Opened(other=command.thing_id)
        class Things(Projection, key="thing_id"):
            thing_id: Key
            @evolve
            def opened(self, event: Opened) -> None: ...
        class Others(Projection, key="other"):
            other: Key
            @evolve
            def opened(self, event: Opened) -> None: ...
        class Flow(ProcessManager, key="thing_id"):
            thing_id: Key
            @react
            def opened(self, event: Opened) -> Open: ...
        domain = Domain("d", Thing, Things, Others, Flow)
        """,
        way,
    )["domain"]
    assert domain.reactions["flow"].key_types == domain.aggregates["thing"].key_types


def test_only_models_take_the_keywords_of_pydantic() -> None:
    with pytest.raises(DefinitionError) as of_policy:
        type("Bad", (Policy,), {}, nme="x")
    assert of_policy.value.hint == "known: name, aliases and ignores"
    with pytest.raises(DefinitionError) as of_event:
        type("Bad", (Event,), {}, nme="x")
    assert str(of_event.value.hint).endswith("and pydantic's own")


def test_the_longest_names_fit() -> None:
    """What is 54 and 63 long is taken, and so is a process manager that goes on under a longer name."""
    sound = projection(
        f"{'c' * 63}: int = 0\n@evolve\ndef a(self, event: Placed): ...", f", key='order_id', name='{'t' * 54}'"
    )
    run(sound, "module")
    aliases = f"class Late(ProcessManager, key='order_id', aliases=('{'t' * 90}',)):\n    order_id: UUID\n    @react\n    def a(self, event: Placed) -> Ship: ...\nDomain('d', Order, Late)"
    run(aliases, "module")
