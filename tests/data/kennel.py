"""An application of pyeventsourcing, of our own: `python tests/data/kennel.py` makes `pyeventsourcing.db` beside it."""

# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

import importlib
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Animal(Aggregate):
    @event("Registered")
    def __init__(self, name: str, price: Decimal) -> None:
        self.name, self.price = name, price
        self.tricks: list[str] = []
        self.friend: UUID | None = None

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        self.tricks.append(trick)


class GuideDog(Animal):
    @event("Befriended")
    def befriend(self, friend: UUID, at: datetime, note: str) -> None:
        self.friend = friend


class Kennel(Application):
    pass


def fill(kennel: Kennel, times: int = 1) -> list[UUID]:
    """Five events of three animals for each time, in two transactions; gives the ids of the dogs."""
    dogs = []
    for _ in range(times):
        fido, cat = GuideDog("Fidó", Decimal("12.50")), Animal("Tom", Decimal("-0.10"))
        fido.add_trick('say "hello" and {"_type_":"no"}')
        kennel.save(fido, cat)
        fido.befriend(cat.id, datetime(2026, 1, 31, 10, tzinfo=UTC), '{"_type_":"uuid_hex","_data_":"ab"}')
        kennel.save(fido, Animal("Rex", Decimal(3)))
        dogs.append(fido.id)
    return dogs


def make(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.environ.update(PERSISTENCE_MODULE="eventsourcing.sqlite", SQLITE_DBNAME=str(path))
    with Kennel() as application:
        fill(application)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


if __name__ == "__main__":
    importlib.import_module("kennel").make(  # topics have the name of the module
        Path(__file__).with_name("pyeventsourcing.db")
    )
