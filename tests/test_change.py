"""The tables of docs/change.md are so: a domain is used, changed and used again."""

import linecache
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.conftest import Ran
from tests.cli.conftest import here as here
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "change.md"
BASE = '''
from pydantic import BaseModel
from cqrs_cli import Aggregate, Command, CommandRejected, Domain, Event, Policy, ProcessManager, Projection
from cqrs_cli import decide, evolve, react

RATE = 100

class Add(Command):
    cart_id: str
    cents: int

class Empty(Command):
    cart_id: str

class Thank(Command):
    note_id: str

class Added(Event):
    cents: int

class Emptied(Event): ...

class Thanked(Event): ...

class Cart(Aggregate, snapshot_every=1):
    cart_id: str
    cents: int = 0

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(cents=command.cents)

    @decide
    def empty(self, command: Empty) -> Emptied:
        return Emptied()

    @evolve
    def added(self, event: Added) -> None:
        self.cents += scaled(event.cents)

    ignores = (Emptied,)

class Note(Aggregate):
    note_id: str

    @decide(creates="either")
    def thank(self, command: Thank) -> Thanked:
        return Thanked()

    ignores = (Thanked,)

def scaled(cents):
    return cents * 1

def euros(cents):
    return cents / RATE

class Last(BaseModel):
    cents: int = 0

class Carts(Projection, key="cart_id", version=1):
    """Carts."""

    cart_id: str
    count: int = 0
    euros: float = 0
    last: Last = Last()

    @evolve
    def added(self, event: Added) -> None:
        self.count += 1
        self.euros += euros(event.cents)
        self.last = Last(cents=event.cents)

class Offers(ProcessManager, key="cart_id"):
    cart_id: str
    adds: int = 0

    @evolve
    def added(self, event: Added | Emptied) -> None:
        self.adds += 1

    @react
    def offer(self, event: Added) -> Thank:
        return Thank(note_id="offer")

    @react
    def idle(self, event: CommandRejected) -> None:
        return None

class Greets(Policy):
    @react
    def greet(self, event: Added) -> Thank:
        return Thank(note_id="greet")

    @react
    def idle(self, event: Thanked) -> None:
        return None

domain = Domain("shop", Cart, Note, Carts, Offers, Greets)
'''
Edit = tuple[str, str]
RENAMED: list[Edit] = [("Added", "Put")]
BASKET: list[Edit] = [
    ("class Cart(Aggregate, ", "class Basket(Aggregate, key='cart_id', "), ("Cart, Note", "Basket, Note"),
]  # fmt: skip
BASKETS: list[Edit] = [*BASKET, ("class Basket(Aggregate, ", "class Basket(Aggregate, aliases=('cart',), ")]
CARELESS: list[Edit] = [("class Offers(", "class Deals("), (" Offers,", " Deals,")]
DEALS: list[Edit] = [*CARELESS, ("class Deals(ProcessManager, ", "class Deals(ProcessManager, aliases=('offers',), ")]
HAILS: list[Edit] = [("class Greets(Policy)", "class Hails(Policy, aliases=('greets',))"), (" Greets)", " Hails)")]
CHANGES: dict[str, list[Edit]] = {
    "a row: a field added": [("    count: int = 0\n", "    count: int = 0\n    note: str = ''\n")],
    "a row: a field renamed": [("    count: int", "    adds: int"), ("self.count +=", "self.adds +=")],
    "a row: a field removed": [("    count: int = 0\n", ""), ("        self.count += 1\n", "")],
    "a row: a field's type": [("    count: int = 0", "    count: float = 0")],
    "a row: a field of a nested model": [("Last(BaseModel):\n", "Last(BaseModel):\n    more: int = 0\n")],
    "a row: a default": [("    count: int = 0", "    count: int = 5")],
    "a row: its key": [
        ('Carts(Projection, key="cart_id"', 'Carts(Projection, key="cents"'),
        ("    cart_id: str\n    count: int", "    cents: int\n    count: int"),
    ],
    "a row: `version=`": [("version=1", "version=2")],
    "a row: indexes": [("version=1", "version=1, indexes=('count',)")],
    "the body of an `@evolve`": [("self.count += 1", "self.count += 2")],
    "a helper that it calls": [("cents / RATE", "cents / RATE / 2")],
    "a constant that it names": [("RATE = 100", "RATE = 50")],
    "a comment, a docstring": [('"""Carts."""', '"""The carts."""'), ("        self.count += 1", "        # one more\n        self.count += 1")],
    "an `@evolve` added, of a type that the log has": [
        ("class Offers", "    @evolve\n    def emptied(self, event: Emptied) -> None:\n        self.count = 0\n\nclass Offers")
    ],
    "an `@evolve` added, of a type that the log has not": [
        ("class Emptied(", "class Closed(Event): ...\n\nclass Close(Command):\n    cart_id: str\n\nclass Emptied("),
        ("    ignores = (Emptied,)", "    @decide\n    def close(self, command: Close) -> Closed:\n        return Closed()\n\n    ignores = (Emptied, Closed)"),
        ("class Offers", "    @evolve\n    def closed(self, event: Closed) -> None:\n        self.count = 0\n\nclass Offers"),
    ],
    "an `@evolve` removed": [
        ("    def added(self, event: Added) -> None:\n        self.count += 1\n        self.euros += euros(event.cents)\n        self.last = Last(cents=event.cents)\n",
         "    def emptied(self, event: Emptied) -> None:\n        self.count = 0\n")
    ],
    "an event: a field added, with a default": [("class Added(Event):\n", "class Added(Event):\n    note: str = ''\n")],
    "an event: a field renamed, with no upcaster": [
        ("class Added(Event):\n    cents: int", "class Added(Event):\n    amount: int"),
        ("Added(cents=command.cents)", "Added(amount=command.cents)"),
        ("event.cents", "event.amount"),
    ],
    "an event: a field's type, to one that the old values fit": [
        ("class Added(Event):\n    cents: int", "class Added(Event):\n    cents: int | None")
    ],
    "an event: `version=` and an upcaster": [
        ("class Added(Event):\n", "class Added(Event, version=2, upcasters={1: lambda old: {**old, 'cents': old['cents'] * 2}}):\n")
    ],
    "an event: its name, without `aliases=`": RENAMED,
    "an event: its name, with `aliases=`": [*RENAMED, ("class Put(Event)", "class Put(Event, aliases=('Added',))")],
    "a process: a field added": [("    adds: int = 0\n", "    adds: int = 0\n    note: str = ''\n")],
    "a process: the body of an `@evolve`": [("self.adds += 1", "self.adds += 2")],
    "a process: an `@react` added, of a type that the log has": [
        ("class Greets", "    @react\n    def sorry(self, event: Emptied) -> Thank:\n        return Thank(note_id='sorry')\n\nclass Greets")
    ],
    "a process: an `@react` removed": [
        ("    @react\n    def offer(self, event: Added) -> Thank:\n        return Thank(note_id=\"offer\")\n\n", "")
    ],
    "a policy: an `@react` added, of a type that the log has": [
        ("domain =", "    @react\n    def sorry(self, event: Emptied) -> Thank:\n        return Thank(note_id='sorry')\n\ndomain =")
    ],
    "a policy: an `@react` removed": [
        ("    @react\n    def greet(self, event: Added) -> Thank:\n        return Thank(note_id=\"greet\")\n\n", "")
    ],
    "an aggregate: its name (its category), without `aliases=`": BASKET,
    "an aggregate: its name, with `aliases=`": BASKETS,
    "a projection: its name": [("class Carts(", "class Baskets("), (" Carts,", " Baskets,")],
    "a process: its name, without `aliases=`": CARELESS,
    "a process: its name, with `aliases=`": DEALS,
    "a process: its name, with `aliases=` after it ran without": DEALS,
    "a policy: its name, without `aliases=`": [("class Greets(", "class Hails("), (" Greets)", " Hails)")],
    "a policy: its name, with `aliases=`": HAILS,
    "an aggregate: an `@evolve`, a helper, a constant": [("return cents * 1", "return cents * 3")],
}  # fmt: skip
BEFORE = {"a process: its name, with `aliases=` after it ran without": CARELESS}
"""The edits under which it ran before."""
MENDED: dict[str, list[Edit]] = {
    "an aggregate: its name (its category), without `aliases=`": BASKETS,
    "a projection: its name": [("class Carts(Projection, ", "class Baskets(Projection, name='carts', "), (" Carts,", " Baskets,")],
    "a process: its name, without `aliases=`": DEALS,
    "a policy: its name, without `aliases=`": HAILS,
}  # fmt: skip
COMMANDS = ("project carts --csv", "query carts --csv", "run --once", "doctor")


class Row(NamedTuple):
    """A row of the first table. cells: what each of the commands comes to."""

    change: str
    cells: tuple[str, ...]
    told: str
    todo: str


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first column has this heading."""
    lines = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.is_file() else []
    start = next((at for at, line in enumerate(lines) if line.startswith(f"| {heading} |")), len(lines))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


ROWS = [Row(cells[0], tuple(cells[1:5]), cells[5], cells[6]) for cells in table("I change …")]


@pytest.fixture
def shop(here: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """`cqrs …` with the module as it is after these edits."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run(line: str, edits: list[Edit]) -> Ran:
        text = BASE
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / "shop.py").write_text(text)
        sys.modules.pop("shop", None)
        linecache.clearcache()
        return here(*shlex.split(f"--app shop:domain {line}"))

    return run


def used(shop: Callable[..., Ran]) -> int:
    """A store that the code of before has worked on; its head."""
    for line in ("add --cart-id a --cents 150", "add --cart-id a --cents 250", "empty --cart-id a"):
        assert shop(f"send {line}", []).code == 0
    assert shop("run --once --from @0", []).code == 0
    assert shop("project carts --csv", []).code == 0
    found: int = shop("stats --json", []).json["head"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_a_change_is_noticed_as_the_page_says(shop: Callable[..., Ran], row: Row) -> None:
    head, edits = used(shop), CHANGES[row.change]
    if row.change in BEFORE:
        assert shop("run --once --from @0", BEFORE[row.change]).code == 0
    said = []
    for command, cell in zip(COMMANDS, row.cells, strict=True):
        ran = shop(command, edits)
        code, _, told = cell.partition(" ")
        assert ran.code == int(code), f"{command}: {ran.err}"
        said_here = ran.err + (ran.out if command == "doctor" else "")
        is_told = bool(row.told) and any(text in said_here for text in row.told.split(" / "))
        assert is_told == (told == "told" or code != "0"), f"{command}: {said_here or 'silence'}"
        said += [line for line in ran.err.splitlines() if "its code is not the one" in line]
    assert row.told or not said
    todo = re.fullmatch(r"`cqrs (.+)`", row.todo)
    if todo is None:
        if "a rebuild stops" in row.todo:
            assert shop("project carts --rebuild", edits).code == 1
        return
    assert shop(todo[1].replace("@HEAD", f"@{head}"), edits).code == 0
    for command in COMMANDS:
        ran = shop(command, edits)
        text = ran.out + ran.err
        assert (ran.code, "its code is not" in text, "needs a rebuild" in text) == (0, False, False), text
    assert shop("project --check", edits).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("change", MENDED)
def test_what_is_to_do_in_the_code(shop: Callable[..., Ran], change: str) -> None:
    (row,) = [row for row in ROWS if row.change == change]
    assert row.todo.startswith("give it `")
    head = used(shop)
    for command in COMMANDS:
        ran = shop(command, MENDED[change])
        assert (ran.code, "needs a rebuild" in ran.err, "is called so" in ran.err + ran.out) == (0, False, False)
    ran = shop("run --once --json", MENDED[change])
    assert (ran.json["position"], ran.json["sent"]) == (head, 0)


def test_the_page_has_every_change_and_no_other() -> None:
    assert [row.change for row in ROWS] == list(CHANGES)


@pytest.mark.parametrize("cells", table("the old process"), ids=lambda cells: cells[0])
def test_what_the_page_says_was_tried_is_a_test(cells: list[str]) -> None:
    name = cells[2].strip("`")
    found = [path for path in (ROOT / "tests").rglob("test_*.py") if f"def {name}(" in path.read_text(encoding="utf-8")]
    assert len(found) == 1, name
