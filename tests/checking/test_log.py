"""The log: what today's classes read of it, each way to fail once with its number and its first place."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Domain, Workbench
from cqrs_cli.finding import Checked
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Selection
from tests.checking.materials import checked

TABLES = """
from decimal import Decimal
from pydantic import Field, field_validator
from cqrs_cli import *

class Book(Command):
    table_id: str
    guests: int

class Booked(Event):
    guests: int
    prices: list[Decimal] = []

class Left(Event): ...

class Table(Aggregate):
    table_id: str
    guests: int = 0
    ignores = (Left,)

    @decide(creates=True)
    def book(self, command: Book) -> Booked | Left:
        return Booked(guests=command.guests)

    @evolve
    def booked(self, event: Booked) -> None:
        self.guests = event.guests

domain = Domain("tables", Table)
"""


def domain_of(*changes: tuple[str, str]) -> Domain:
    text = TABLES
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    names: dict[str, Any] = {"__name__": "tables_under_test"}
    exec(text, names)
    found: Domain = names["domain"]
    return found


@pytest.fixture
def log(tmp_path: Path) -> Any:
    """Appends events, (stream, type, data) each, version 1 unless said; `check` reads them with a domain."""
    return Log(tmp_path / "tables.db")


class Log:
    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0

    def append(self, *events: tuple[Any, ...]) -> None:
        with Workbench.open(self._path, domain_of()) as bench:
            for stream, type, data, *more in events:
                self._count += 1
                command = SentCommand("Book", 1, b"d" * 32, b'{"table_id":"1","guests":2}', 0)
                event = NewEvent(stream, type, more[0] if more else 1, json.dumps(data).encode())
                bench.store.append(Commit(f"c-{self._count}", (event,), command))

    def check(self, *changes: tuple[str, str], **more: Any) -> Checked:
        with Workbench.open(self._path, domain_of(*changes), read_only=True) as bench:
            return checked("log", bench.domain, bench, **more)


def told(found: Checked) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in found.findings if one.fails]


def test_all_is_read_and_counted(log: Log) -> None:
    log.append(("table-1", "Booked", {"guests": 1}), ("table-2", "Booked", {"guests": 2}), ("table-1", "Left", {}))
    found = log.check()
    assert (found.findings, found.looked_at) == ([], "3 events of 2 types")
    assert found.rows == [
        {"kind": "event", "type": "Booked", "version": 1, "count": 2, "failing": 0},
        {"kind": "event", "type": "Left", "version": 1, "count": 1, "failing": 0},
    ]


def test_each_way_to_fail_is_told_once_with_its_number_and_first_place(log: Log) -> None:
    log.append(("table-1", "Booked", {"guests": 1}), ("table-2", "Booked", {"guests": "two"}))
    log.append(*(("table-3", "Booked", {"guests": 1, "prices": ["1"] * number + ["x"]}) for number in range(4)))
    log.append(("table-4", "Booked", {"guests": "three"}), ("table-4", "Booked", {}))
    found = log.check()
    assert [(code, message.partition(":")[0], message.rpartition("; ")[2]) for code, message in told(found)] == [
        ("undecodable", "2 events of Booked version 1", "the first is @2 (table-2@1)"),
        ("undecodable", "4 events of Booked version 1", "the first is @3 (table-3@1)"),
        ("undecodable", "1 event of Booked version 1", "the first is @8 (table-4@2)"),
    ]
    assert "guests: Input should be a valid integer" in found.findings[0].message
    assert [row["failing"] for row in found.rows] == [7]


def test_what_only_a_validator_of_the_class_refuses(log: Log) -> None:
    log.append(("table-1", "Booked", {"guests": 13}), ("table-2", "Booked", {"guests": 13}))
    rule = "\n    @field_validator('guests')\n    @classmethod\n    def lucky(cls, value: int) -> int:\n"
    refusing = (
        "    prices: list[Decimal] = []\n",
        f"    prices: list[Decimal] = []\n{rule}        assert value != 13\n        return value\n",
    )
    assert "guests: Assertion failed" in told(log.check(refusing))[0][1]
    raising = (refusing[0], refusing[1].replace("assert value != 13", "raise KeyError(value)"))
    ((code, message),) = told(log.check(raising))
    assert (code, message.partition(":")[0]) == ("undecodable", "2 events of Booked version 1")
    assert "a validator of Booked" in message


def test_versions_are_upcast_and_newer_ones_are_not_read(log: Log) -> None:
    log.append(
        ("table-1", "Booked", {"seats": 1}), ("table-1", "Booked", {"guests": 1}, 2), ("table-1", "Booked", {"x": 1}, 3)
    )
    step = "class Booked(Event, version=2, upcasters={1: lambda data: {'guests': data['seats']}})"
    ((code, message),) = told(log.check(("class Booked(Event)", step)))
    assert code == "undecodable"
    assert message.startswith("1 event of Booked version 3: ")
    assert message.endswith("this code knows 2; the first is @3 (table-1@3)")
    broken = told(log.check(("class Booked(Event)", step.replace("seats", "chairs"))))
    assert [message.partition(":")[0] for _, message in broken] == [
        "1 event of Booked version 1",
        "1 event of Booked version 3",
    ]
    assert "the upcaster of Booked from version 1" in broken[0][1]


def test_types_that_no_class_knows_and_classes_that_the_log_never_had(log: Log) -> None:
    log.append(("table-1", "Booked", {"guests": 1}), ("table-1", "Seated", {}), ("table-2", "Seated", {}))
    found = log.check()
    assert [(one.code, one.severity, one.where) for one in found.findings] == [
        ("unknown-type", "error", "Seated"),
        ("never-stored", "note", "tables"),
    ]
    assert found.findings[0].message.startswith("2 events of Seated version 1: no event of this domain is stored as")
    assert found.findings[1].message == "the log never had Left"
    assert log.check(("class Left(Event)", 'class Left(Event, aliases=("Seated",))')).findings == []


def test_another_domain_on_the_same_store_is_not_blamed(log: Log) -> None:
    log.append(("table-1", "Booked", {"guests": 1}), ("table-1", "Left", {}))
    log.append(("room-1", "Booked", {"nights": 3}), ("room-1", "Cleaned", {}))
    found = log.check(commands=True)
    assert [(one.code, one.severity) for one in found.findings] == [("others", "note")]
    assert found.findings[0].message.startswith("2 that no class of it reads are in streams of other categories")


def test_a_log_of_another_domain_alone_is_the_wrong_one(log: Log) -> None:
    log.append(("room-1", "Cleaned", {}))
    assert told(log.check()) == [("foreign-log", "the log has not one event of a type that tables knows")]


def test_commands_are_read_when_asked(log: Log) -> None:
    log.append(("table-1", "Booked", {"guests": 1}), ("table-2", "Booked", {"guests": 1}), ("table-2", "Left", {}))
    narrowed = (
        "class Book(Command):\n    table_id: str\n    guests: int",
        "class Book(Command):\n    table_id: str\n    guests: int = Field(gt=2)",
    )
    assert log.check(narrowed).findings == []
    found = log.check(narrowed, commands=True)
    ((code, message),) = told(found)
    assert (code, message.partition(":")[0]) == ("undecodable-command", "3 commands of Book version 1")
    assert message.endswith("the first is of the commit at @1 (c-1)")
    assert found.looked_at == "3 events of 2 types, 3 commands"
    gone = log.check(
        ("class Book(Command)", "class Reserve(Command)"), ("command: Book", "command: Reserve"), commands=True
    )
    assert [(one.code, one.severity, one.where) for one in gone.findings] == [("unknown-command", "warning", "Book")]
    assert log.check(commands=True).ok


def test_no_store_and_an_empty_log_are_nothing_to_look_at(log: Log) -> None:
    assert checked("log", domain_of()).nothing == "there is no store"
    log.append()
    assert log.check().nothing.endswith("is empty")


def test_an_event_is_decoded_once_and_nothing_else_is_done_with_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a quarter of a million events a second needs: one call an event, no envelope, no second look."""
    log.append(*(("table-1", "Booked", {"guests": number}) for number in range(20)))
    counted = {"decoded": 0, "scanned": 0}
    with Workbench.open(log._path, domain_of(), read_only=True) as bench:
        decoder, scan = bench.codec.decoder, bench.store.scan

        def counting(name: str, version: int) -> Any:
            decode = decoder(name, version)

            def read(data: bytes) -> Any:
                counted["decoded"] += 1
                return decode(data)

            return read

        def scanned(selection: Selection = Selection()) -> Iterator[Any]:
            for event in scan(selection):
                counted["scanned"] += 1
                yield event

        monkeypatch.setattr(bench.codec, "decoder", counting)
        monkeypatch.setattr(bench.store, "scan", scanned)
        monkeypatch.setattr(bench.store, "read", None)
        assert checked("log", bench.domain, bench).ok
    assert counted == {"decoded": 20, "scanned": 20}
