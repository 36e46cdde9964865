"""Carts with everything in them that a state may hold: one small change an event."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any

from pydantic import BaseModel

from cqrs_cli import DELETE, Aggregate, Command, Delete, Domain, Event, Projection, decide, evolve
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Append, Store


class Address(BaseModel):
    city: str
    zip: str | None = None


class Item(BaseModel):
    product_id: str
    quantity: int
    ship_to: Address | None = None


class Leg(BaseModel):
    """Told apart by nothing that is named as a key."""

    to: str
    cost: Decimal


class Changed(Event):
    """What is done to a cart. what: the name of the method; the rest is for it."""

    what: str
    name: str = ""
    number: int = 0


class Change(Command):
    cart_id: str
    what: str
    name: str = ""
    number: int = 0


class Emptied(Event):
    pass


class Cart(Aggregate):
    cart_id: str
    note: str | None = None
    total: Decimal = Decimal(0)
    address: Address | None = None
    items: list[Item] = []
    legs: list[Leg] = []
    tags: list[str] = []
    prices: dict[str, Decimal] = {}
    grid: list[list[int]] = [[0, 0], [0, 0]]

    @decide(creates="either")
    def change(self, command: Change) -> Changed:
        return Changed(what=command.what, name=command.name, number=command.number)

    @evolve
    def emptied(self, event: Emptied) -> None:
        self.items = []

    @evolve
    def changed(self, event: Changed) -> None:
        name, number = event.name, event.number
        at = number % max(1, len(self.legs))
        if event.what == "note":
            self.note = name or None
        elif event.what == "total":
            self.total += number
        elif event.what == "address":
            self.address = None if number % 4 == 0 else Address(city=name, zip=str(number) if number % 3 else None)
        elif event.what == "item":
            found = [item for item in self.items if item.product_id == name]
            if not found:
                self.items.insert(number % (len(self.items) + 1), Item(product_id=name, quantity=number))
            elif number % 3 == 0:
                self.items.remove(found[0])
            elif number % 3 == 1:
                found[0].quantity = number
            else:
                found[0].ship_to = None if found[0].ship_to else Address(city=str(number))
        elif event.what == "leg" and number % 3 == 0:
            self.legs.insert(at, Leg(to=name, cost=Decimal(number)))
        elif event.what == "leg" and self.legs and number % 3 == 1:
            self.legs[at].cost += number
        elif event.what == "leg" and self.legs:
            del self.legs[at]
        elif event.what == "tag" and name in self.tags:
            self.tags.remove(name)
        elif event.what == "tag":
            self.tags.append(name)
        elif event.what == "price" and name in self.prices and number % 3 == 0:
            del self.prices[name]
        elif event.what == "price":
            self.prices[name] = Decimal(number)
        elif event.what == "grid":
            self.grid[number % 2][number // 2 % 2] = number


class CartTotals(Projection, key=("cart_id", "what"), name="cart_totals"):
    """Rows that go and come back."""

    cart_id: str
    what: str
    times: int = 0
    last: str = ""
    numbers: list[int] = []

    @evolve(key=lambda event, recorded: (recorded.stream.removeprefix("cart-"), event.what))
    def changed(self, event: Changed) -> Delete | None:
        if event.number % 7 == 0:
            return DELETE
        self.times += 1
        self.last = event.name
        self.numbers = [*self.numbers, event.number][-4:]
        return None


domain = Domain("carts", Cart, CartTotals)

_KINDS = ("note", "total", "address", "item", "item", "item", "leg", "leg", "leg", "tag", "price", "grid")
_NAMES = ("pen", "ink", "cup", "a.b", "[0]", "ä")


def random_change(dice: Random, turn: int) -> dict[str, Any]:
    what = dice.choice(_KINDS)
    name = f"leg {turn}" if what == "leg" else dice.choice(_NAMES)
    return {"what": what, "name": name, "number": dice.randrange(1, 60)}


def fill(store: Store, streams: int, events: int, seed: int = 1) -> None:
    """So many carts of so many events each, side by side; every commit one event, of three users."""
    dice = Random(seed)
    for turn in range(events):
        appends = []
        for number in range(streams):
            kind, data = ("Emptied", {}) if dice.random() < 0.02 else ("Changed", random_change(dice, turn))
            event = NewEvent(f"cart-{number}", kind, 1, json.dumps(data).encode())
            sent = SentCommand("Change", 1, b"d" * 32, None, 0)
            appends.append(Append(Commit(f"c{turn}-{number}", (event,), sent, user_id=f"user-{turn % 3}")))
        for receipt in store.append_many(appends):
            assert not isinstance(receipt, Exception)
