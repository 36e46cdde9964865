"""Values as plain JSON: one text for one value, whatever Python or the machine would make of it."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from cqrs_cli.jsonable import jsonable


class Tone(StrEnum):
    HIGH = "high"


class Level(IntEnum):
    ONE = 1


class Ratio(float, Enum):
    HALF = 0.5


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({str(n) for n in range(100)}, sorted(str(n) for n in range(100))),
        (frozenset({9, 10, 2}), [10, 2, 9]),
        ({2.5, "a", None, 1}, [1, 2.5, None, "a"]),
    ],
)
def test_sets_have_one_order(value: Any, plain: list[Any]) -> None:
    assert jsonable(value) == plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 1, 12), "2026-01-01T12:00:00.000000Z"),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T12:00:00.000000Z"),
        (datetime(2026, 1, 1, 1, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))), "2025-12-31T23:00:00.000005Z"),
    ],
)
def test_times_are_utc_wherever_the_machine_is(tokyo: None, value: datetime, text: str) -> None:
    assert jsonable(value) == text


@pytest.mark.parametrize(("member", "plain"), [(Tone.HIGH, "high"), (Level.ONE, 1), (Ratio.HALF, 0.5)])
def test_an_enum_is_the_value_and_no_member(member: Enum, plain: Any) -> None:
    assert jsonable(member) == plain
    assert type(jsonable(member)) is type(plain)
    assert jsonable({member: [member]}) == {str(plain): [plain]}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a", "a"),
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (Decimal("1.50"), "1.50"),
        (("a", None), '["a", null]'),
        (Level.ONE, "1"),
    ],
)
def test_keys_that_are_no_text_are_json(key: Any, text: str) -> None:
    assert jsonable({key: 0}) == {text: 0}
    assert json.dumps(jsonable({key: 0})) == json.dumps({text: 0})


def test_a_class_is_no_model() -> None:
    class Row(BaseModel):
        a: int = 1

    assert jsonable([Row(), Row]) == [{"a": 1}, str(Row)]
