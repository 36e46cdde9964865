"""Commands, events and the envelope."""

import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from copy import copy, deepcopy
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from multiprocessing import get_context
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from pydantic import Field, ValidationError

from cqrs_cli import Command, Event
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.messages import Meta, kebab, snake
from cqrs_cli.errors import InvalidInput


class Ship(Command):
    order_id: str
    express: bool = False


@pytest.mark.parametrize(
    ("name", "snaked"),
    [
        ("OrderSummary", "order_summary"),
        ("HTTPRoute", "http_route"),
        ("Order", "order"),
        ("Order2Line", "order2_line"),
        ("V2API", "v2_api"),
    ],
)
def test_names_on_the_command_line(name: str, snaked: str) -> None:
    assert snake(name) == snaked
    assert kebab(name) == snaked.replace("_", "-")


def test_the_envelope_is_made_once_and_apart_from_the_fields() -> None:
    command = Ship(order_id="1")
    assert command.meta is command.meta
    assert command.meta.command_id != Ship(order_id="1").meta.command_id
    assert command.meta.timestamp.tzinfo is UTC
    assert command == Ship(order_id="1")
    assert hash(command) == hash(Ship(order_id="1"))
    assert command != Ship(order_id="1", express=True)
    assert command.model_dump() == {"order_id": "1", "express": False}


def test_ids_that_nobody_gave_are_different_and_in_the_order_of_time() -> None:
    first = Ship(order_id="1").meta.command_id
    time.sleep(0.002)  # the time in an id counts milliseconds
    ids = [first, *(Ship(order_id="1").meta.command_id for _ in range(200))]
    assert len(set(ids)) == len(ids)
    assert first == min(ids)
    assert {(UUID(each).version, UUID(each).variant, str(UUID(each)) == each) for each in ids} == {(7, RFC_4122, True)}
    assert abs(int(first.replace("-", "")[:12], 16) - time.time() * 1000) < 60_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
def test_a_forked_child_makes_other_ids() -> None:
    def randoms() -> str:  # what follows the time and the version
        return " ".join(Ship(order_id="1").meta.command_id[15:] for _ in range(3))

    randoms()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, randoms().encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read().split()
    assert len(theirs) == 3
    assert not set(theirs) & set(randoms().split())


def test_with_meta_gives_a_copy() -> None:
    first = Ship(order_id="1")
    made = first.meta
    second = first.with_meta(command_id="c1", user_id="ada", causation_id="e:1", correlation_id="k", metadata={"a": 1})
    assert first.meta is made
    assert (second.meta.command_id, second.meta.user_id, second.meta.causation_id, second.meta.correlation_id) == (
        "c1",
        "ada",
        "e:1",
        "k",
    )
    assert second == first
    assert "c1" in repr(second.meta)


def test_times_become_utc() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert Meta(timestamp=noon).timestamp.isoformat() == "2026-01-01T10:00:00+00:00"
    with pytest.raises(InvalidInput, match="time zone"):
        Meta(timestamp=datetime(2026, 1, 1))


@pytest.mark.parametrize("command_id", ["", "x" * 201, "a\0b", "\ud800"])
def test_command_ids_that_no_store_takes(command_id: str) -> None:
    with pytest.raises(InvalidInput, match="command id"):
        Ship(order_id="1").with_meta(command_id=command_id)


@pytest.mark.parametrize(
    "given",
    [
        {"command_id": UUID(int=1)},
        {"user_id": 5},
        {"correlation_id": UUID(int=1)},
        {"causation_id": b"x"},
        {"timestamp": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))},
    ],
)
def test_an_envelope_of_other_types_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Ship(order_id="1").with_meta(**given)
    assert caught.value.hint


def test_what_a_command_has_computed_is_no_part_of_it() -> None:
    class Weigh(Command):
        parts: tuple[int, ...]

        @cached_property
        def total(self) -> int:
            return sum(self.parts)

    weigh, again = Weigh(parts=(1, 2)), Weigh(parts=(1, 2))
    assert weigh.total == 3
    assert weigh == again != Weigh(parts=(1,))
    assert hash(weigh) == hash(again)
    codec = Codec({}, {})
    assert codec.sent(weigh)[:4] == codec.sent(again)[:4]


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": object()}, {"a": {1, 2}}, {(1, 2): 3}])
def test_metadata_that_is_no_json(metadata: dict[Any, Any]) -> None:
    with pytest.raises(InvalidInput, match="metadata"):
        _ = Meta(metadata=metadata).metadata_json


def test_metadata_in_one_order() -> None:
    assert Meta(metadata={"b": "ü", "a": 1}).metadata_json == '{"a": 1, "b": "ü"}'
    assert Meta().metadata_json is None


def test_commands_of_two_classes_are_never_equal() -> None:
    class Send(Command):
        order_id: str
        express: bool = False

    assert Send(order_id="1") != Ship(order_id="1") == Ship(order_id="1")
    assert len({Send(order_id="1"), Ship(order_id="1"), Ship(order_id="1")}) == 2  # pyright: ignore[reportUnhashable]


def test_messages_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Ship(order_id="1").express = True


def test_commands_refuse_what_they_do_not_know_and_events_pass_it_over() -> None:
    class Shipped(Event):
        order_id: str

    with pytest.raises(ValidationError, match="expres"):
        Ship.model_validate({"order_id": "1", "expres": True})
    assert Shipped.model_validate({"order_id": "1", "expres": True}) == Shipped(order_id="1")


def test_a_field_may_be_called_meta_in_json() -> None:
    class Noted(Command):
        info: str = Field(alias="meta")

    assert Noted.model_validate({"meta": "x"}).info == "x"


def test_an_event_may_have_a_field_called_meta() -> None:
    class Noted(Event):
        meta: str

    assert Noted(meta="x").meta == "x"


def test_stored_names_versions_and_aliases() -> None:
    class Placed(Event, name="order-placed", version=2, aliases=("OrderMade",), upcasters={1: dict}):
        pass

    assert (Placed.stored.name, Placed.stored.version, Placed.stored.aliases) == ("order-placed", 2, ("OrderMade",))
    assert (Ship.stored.name, Ship.stored.version, Ship.stored.aliases) == ("Ship", 1, ())

    class Sub(Placed):
        pass

    assert (Sub.stored.name, Sub.stored.version) == ("Sub", 1)


def test_a_clock_before_1970_gives_ids_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.domain.messages.time_ns", lambda: -300_000_000_000_000_000)
    meta = Meta()
    assert (UUID(meta.command_id).version, UUID(meta.command_id).variant) == (7, RFC_4122)
    assert meta.timestamp.year == 1960


# ── a command that travels ────────────────────────────────────────────────────────────────────


class Travel(Command):
    order_id: str
    lines: list[int] = []


def there_and_back(command: Travel) -> Travel:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(deepcopy, command).result()


WAYS: dict[str, Callable[[Travel], Travel]] = {
    "pickled": lambda command: pickle.loads(pickle.dumps(command)),
    "pickled the old way": lambda command: pickle.loads(pickle.dumps(command, 2)),
    "copied": copy,
    "copied deeply": deepcopy,
    "copied by pydantic": lambda command: command.model_copy(),
    "copied deeply by pydantic": lambda command: command.model_copy(deep=True),
    "in a list": lambda command: deepcopy([command])[0],
    "to a process": there_and_back,
}
ENVELOPE = ("command_id", "timestamp_us", "user_id", "correlation_id", "causation_id", "metadata")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("named", [True, False])
def test_a_command_that_travels_keeps_its_envelope(way: str, named: bool) -> None:
    command = Travel(order_id="1", lines=[1])
    if named:
        command = command.with_meta(
            command_id="c1", user_id="ada", correlation_id="k", causation_id="e:1", metadata={"ip": "x"}
        )
    found = WAYS[way](command)
    assert found == command
    assert [getattr(found.meta, name) for name in ENVELOPE] == [getattr(command.meta, name) for name in ENVELOPE]
    assert "pickled" not in way or not (found.meta.id_is_new or command.meta.id_is_new), "either may be sent first"


def test_a_copy_with_other_fields_is_another_command_by_the_same_user() -> None:
    command = Travel(order_id="1").with_meta(command_id="c1", user_id="ada", correlation_id="k", metadata={"a": 1})
    other = command.model_copy(update={"order_id": "2"})
    assert other.meta.command_id != "c1"
    assert (other.meta.user_id, other.meta.correlation_id, other.meta.metadata) == ("ada", "k", {"a": 1})
