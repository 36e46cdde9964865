"""What counts as a change of the user's code, and what does not."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cqrs_cli.domain.code_digest import code_digest, shape_digest

BASE = '''
import enum, functools, re
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, NewType
from pydantic import BaseModel, Field, field_validator

RATE = 2
RATES = {1: 2, "b": {3, 4}}
PATTERN = re.compile("a+")
Id = NewType("Id", str)

class Kind(enum.StrEnum):
    A = "a"
    B = "b"

class Money(BaseModel):
    amount: Decimal = Decimal("1.10")
    kind: Kind = Kind.A
    note: str = Field(default="", max_length=5)

    @field_validator("note")
    @classmethod
    def short(cls, value):
        return value[:3]

    def doubled(self):
        return self.amount * 2

    def unused(self):
        return 1

    def __add__(self, other):
        return self.amount + 5

@dataclass
class Point:
    x: int = 1

class Helper:
    factor: ClassVar[int] = 3

    @staticmethod
    def f(n):
        return n * 4

    @property
    def half(self):
        return self.factor / 6

def helper(n, rate=7):
    """Of no matter."""
    return n * rate

@functools.lru_cache
def cached(n):
    return n * 8

def makes(n):
    def inner(m):
        return n * m * 9
    return inner

enclosed = makes(10)
part = functools.partial(helper, rate=11)

def root(event: Money):
    total = helper(1) + RATE + RATES[1] + cached(2) + enclosed(3) + part(4) + Helper.f(5) + Helper().half
    if event.kind in {Kind.A} and PATTERN.match(event.note) and Point() and event + event:
        return event.doubled() + total, frozenset({"x", "y", "z"})
'''


def module(text: str) -> Any:
    made = ModuleType("shop_code")
    sys.modules["shop_code"] = made
    exec(text, vars(made))
    return made


def digest(text: str = BASE) -> str:
    made = module(text)
    return code_digest([made.root, made.Money])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 2", "RATE = 3"),
        ("RATE = 2", "RATE = 2.0"),
        ("{1: 2,", "{1: 3,"),
        ("{3, 4}", "{3, 5}"),
        ('"a+"', '"b+"'),
        ('A = "a"', 'A = "c"'),
        ('B = "b"', 'C = "b"'),
        ('Decimal("1.10")', 'Decimal("1.1")'),
        ("kind: Kind", "sort: Kind"),
        ("note: str", "note: str | None"),
        ("max_length=5", "max_length=6"),
        ("value[:3]", "value[:4]"),
        ("self.amount * 2", "self.amount * 3"),
        ("self.amount + 5", "self.amount + 6"),
        ("x: int = 1", "x: int = 2"),
        ("factor: ClassVar[int] = 3", "factor: ClassVar[int] = 4"),
        ("n * 4", "n * 5"),
        ("self.factor / 6", "self.factor / 7"),
        ("rate=7", "rate=8"),
        ("n * rate", "n + rate"),
        ("n * 8", "n * 9"),
        ("n * m * 9", "n * m * 8"),
        ("makes(10)", "makes(11)"),
        ("rate=11", "rate=12"),
        ('"y", "z"', '"y", "w"'),
        ("event.doubled() + total", "event.doubled() - total"),
    ],
)
def test_what_the_code_can_reach_counts(old: str, new: str) -> None:
    assert BASE.count(old) == 1
    assert digest(BASE.replace(old, new)) != digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Of no matter.", "Of none at all."),
        ("return 1\n", "return 2\n"),  # a method that nothing names
        ("    total = helper(1)", "    # a comment\n    total = helper(1)"),
        ('Id = NewType("Id", str)', "UNUSED = 5"),
        ('{1: 2, "b": {3, 4}}', '{"b": {4, 3}, 1: 2}'),
    ],
)
def test_what_changes_nothing_does_not(old: str, new: str) -> None:
    assert BASE.count(old) == 1
    assert digest(BASE.replace(old, new)) == digest()


TIMES = """
def times(n):
    def around(function):
        @functools.wraps(function)
        def called(*given):
            return function(*given) * n
        return called
    return around
"""
REACHED = {
    "single dispatch": (
        "@functools.singledispatch\ndef f(n): return 0\n@f.register\ndef _(n: int): return n * {}\n"
        "def root(): return f(1)"
    ),
    "a decorator's parameter": TIMES + "@times({})\ndef f(): return 1\ndef root(): return f()",
    "a decorator's of a method": (
        TIMES + "class H:\n    @times({})\n    def f(self): return 1\ndef root(): return H().f()"
    ),
    "slots": (
        "class K:\n    __slots__ = ('n',)\n    def __init__(self, n): self.n = n\nk = K({})\ndef root(): return k.n"
    ),
    "a private attribute": "class K(BaseModel):\n    _p: int = {}\nk = K()\ndef root(): return k._p",
    "a metaclass": ("class M(type):\n    def f(cls): return {}\nclass H(metaclass=M): pass\ndef root(): return H.f()"),
    "the config of a model": (
        "class K(BaseModel):\n    model_config = ConfigDict(str_max_length={})\ndef root(): return K()"
    ),
    "a validator in Annotated": (
        "class K(BaseModel):\n    n: Annotated[int, AfterValidator(lambda v: v * {})] = 1\ndef root(): return K()"
    ),
    "an integer of a class of its own": "class I(int): ...\nONE = I({})\ndef root(): return ONE",
    "what a text is made with": ("class H:\n    def __str__(self): return '{}'\nh = H()\ndef root(): return str(h)"),
    "a function that an object holds": "class F: ...\nf = F()\nf.g = lambda: {}\ndef root(): return f.g()",
    "a module in a module": "import shop_parts\ndef root(): return shop_parts.prices.RATE\nshop_parts.prices.RATE = {}",
}


@pytest.mark.parametrize("case", REACHED)
def test_ways_to_reach_code_that_are_easily_missed(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: Any = ModuleType("shop_parts")
    parts.prices = ModuleType("shop_parts.prices")
    monkeypatch.setitem(sys.modules, "shop_parts", parts)
    head = (
        "import functools\nfrom typing import Annotated\nfrom pydantic import AfterValidator, BaseModel, ConfigDict\n"
    )
    one, other, again = (code_digest([module(head + REACHED[case].format(value)).root]) for value in ("2", "3", "2"))
    assert one != other
    assert one == again


def test_it_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "shop_code.py").write_text(BASE)
    code = (
        "import shop_code as s; from cqrs_cli.domain.code_digest import code_digest as c; print(c([s.root, s.Money]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}", "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "99")
    }
    assert len(found) == 1


def test_what_does_not_count_does_not_even_where_a_name_could_mean_it() -> None:
    def made(by: str) -> str:
        text = f"class A:\n  def add(self): return {by}\n  def other(self): self.seen.add(1)\n"
        cls = module(text).A
        return code_digest([cls, cls.other], but=[cls.add])

    assert made("1") == made("2")


def test_code_of_libraries_is_known_by_its_name() -> None:
    text = "import json, pydantic\ndef root(): return {}\n"
    one, other = text.format("json.dumps(pydantic)"), text.format("json.loads(pydantic)")
    assert code_digest([module(one).root]) != code_digest([module(other).root])


@pytest.mark.parametrize("value", ["object()", "iter(())", "lambda: 1", "open", "type('T', (), {})()"])
def test_any_value_can_be_looked_at(value: str) -> None:
    text = f"THING = {value}\ndef root(): return THING\n"
    assert code_digest([module(text).root]) == code_digest([module(text).root])


def test_values_that_hold_themselves_come_to_an_end() -> None:
    text = "LOOP = []\nLOOP.append(LOOP)\ndef root(): return LOOP and root()\n"
    assert code_digest([module(text).root]) == code_digest([module(text).root])


SHAPES = """
from pydantic import BaseModel

class Inner(BaseModel):
    n: int = 0

    def worth(self):
        return 1

class Item(BaseModel):
    sku: str
    inner: list[Inner] = []
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("n: int = 0", "n: float = 0", False),
        ("n: int = 0", "m: int = 0", False),
        ("n: int = 0", "n: int = 1", False),
        ("sku: str", "sku: str\n    more: int = 0", False),
        ("return 1", "return 2", True),
    ],
)
def test_a_shape_goes_through_nested_models_and_is_no_code(old: str, new: str, same: bool) -> None:
    def made(text: str) -> str:
        item: Any = module(text).Item
        return shape_digest(dict[str, item])

    assert (made(SHAPES.replace(old, new)) == made(SHAPES)) is same
