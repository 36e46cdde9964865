"""Columns: each kind there and back, and what is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, PositiveInt
from typing_extensions import TypeAliasType

from cqrs_cli.domain.columns import ColumnCodec, column_codec
from cqrs_cli.errors import InvalidInput
from cqrs_cli.jsonable import jsonable


class Tone(StrEnum):
    HIGH = "high"
    LOW = "low"


class Level(IntEnum):
    ONE = 1


class Mixed(Enum):
    A = "a"
    B = 2


class Line(BaseModel):
    sku: str
    price: Decimal
    tags: set[str] = set()


Sku = NewType("Sku", str)
MaybeSku = NewType("MaybeSku", str | None)  # type: ignore[valid-newtype]
Maybe = TypeAliasType("Maybe", int | None)
MaybeNumber = NewType("MaybeNumber", Maybe)  # type: ignore[valid-newtype]
Number = TypeAliasType("Number", int)
TWO = timezone(timedelta(hours=2))


def column(annotation: Any) -> ColumnCodec:
    return column_codec(Line, "field", annotation)


@pytest.mark.parametrize(
    "value",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_a_time_that_utc_has_not_is_refused(value: datetime) -> None:
    codec = column(datetime)
    assert codec.settle is not None
    with pytest.raises(InvalidInput, match="beyond the years"):
        codec.encode(codec.settle(value))
    assert jsonable(value) == value.isoformat()


@pytest.mark.parametrize(
    ("annotation", "value", "stored"),
    [
        (dict[str, float], {"a": 3}, '{"a":3.0}'),
        (list[int], [True], "[1]"),
        (list[Decimal], [1], '["1"]'),
        (tuple[float, ...], (1, 2.5), "[1.0,2.5]"),
        (set[float], {2, 1}, "[1.0,2.0]"),
    ],
)
def test_nested_values_are_stored_as_they_would_be_after_a_load(annotation: Any, value: Any, stored: str) -> None:
    codec = column(annotation)
    assert codec.encode(value) == stored
    assert codec.encode(codec.decode(stored)) == stored


@pytest.mark.parametrize(
    ("annotation", "kind", "nullable", "value", "stored"),
    [
        (str, "text", False, "ü", "ü"),
        (str | None, "text", True, None, None),
        (Sku, "text", False, "x", "x"),
        (Sku | None, "text", True, "x", "x"),
        (MaybeSku, "text", True, None, None),
        (Annotated[MaybeSku, "x"], "text", True, "x", "x"),
        (Number, "integer", False, 1, 1),
        (Maybe, "integer", True, None, None),
        (MaybeNumber, "integer", True, 1, 1),
        (Literal["a", "b"], "text", False, "a", "a"),
        (Literal["a"] | None, "text", True, "a", "a"),
        (int, "integer", False, -(2**63), -(2**63)),
        (PositiveInt, "integer", False, 1, 1),
        (PositiveInt | None, "integer", True, 1, 1),
        (Annotated[int | None, "x"], "integer", True, None, None),
        (float, "real", False, 0.1, 0.1),
        (Decimal, "decimal", False, Decimal("1.50"), "1.50"),
        (Decimal, "decimal", False, Decimal("1E+3"), "1000"),
        (Decimal, "decimal", False, Decimal("1E-8"), "0.00000001"),
        (Decimal, "decimal", False, Decimal("-0.00"), "0.00"),
        (Annotated[Decimal, "x"] | None, "decimal", True, Decimal("-0.10"), "-0.10"),  # pyright: ignore[reportOperatorIssue]
        (
            Decimal,
            "decimal",
            False,
            Decimal("12345678901234567890123456789.123456789"),
            "12345678901234567890123456789.123456789",
        ),
        (bool, "boolean", False, True, 1),
        (UUID, "uuid", False, UUID(int=10), "00000000-0000-0000-0000-00000000000a"),
        (date, "date", False, date(26, 1, 2), "0026-01-02"),
        (datetime, "datetime", False, datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00.000000Z"),
        (datetime, "datetime", False, datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (Tone, "text", False, Tone.HIGH, "high"),
        (Tone | None, "text", True, Tone.LOW, "low"),
        (Level, "integer", False, Level.ONE, 1),
        (Mixed, "json", False, Mixed.B, "2"),
        (list[int], "json", False, [1, 2], "[1,2]"),
        (list[str] | None, "json", True, None, None),
        (set[Tone], "json", False, {Tone.LOW, Tone.HIGH}, '["high","low"]'),
        (dict[str, Decimal], "json", False, {"a": Decimal("1.50")}, '{"a":"1.50"}'),
        (tuple[int, str], "json", False, (1, "a"), '[1,"a"]'),
        (
            Line,
            "json",
            False,
            Line(sku="a", price=Decimal("1.0"), tags={"b", "a"}),
            '{"sku":"a","price":"1.0","tags":["a","b"]}',
        ),
        (int | str, "json", False, "1", '"1"'),
    ],
)
def test_every_kind_there_and_back(annotation: Any, kind: str, nullable: bool, value: Any, stored: Any) -> None:
    cut = column(annotation)
    assert (cut.column.kind, cut.column.nullable) == (kind, nullable)
    assert cut.encode(value) == stored
    again = cut.decode(stored)
    assert again == value
    assert type(again) is type(value)
    assert cut.encode(again) == stored


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, 1),
        (str, None),
        (str, Tone.HIGH),
        (str, "\ud800"),
        (str, "a\0"),
        (int, 2**63),
        (int, True),
        (int, 1.0),
        (int, Level.ONE),
        (float, float("nan")),
        (float, float("inf")),
        (float, "1"),
        (float, Decimal(1)),
        (float, True),
        (Decimal, 1.5),
        (Decimal, Decimal("NaN")),
        (Decimal, "1"),
        (Decimal, True),
        (bool, 1),
        (UUID, "00000000-0000-0000-0000-00000000000a"),
        (date, datetime(2026, 1, 1)),
        (datetime, date(2026, 1, 1)),
        (Tone, "high"),
        (list[int], 5),
        (list[int], ["1"]),
        (list[int], (1,)),
        (list[float], [float("nan")]),
        (list[str], ["\ud800"]),
        (list[str], ["\0"]),
        (list[Any], [object()]),
        (list[Line], [{"sku": "a", "price": "1"}]),
        (dict[str, int], {1: 1}),
    ],
)
def test_values_of_another_type_are_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(InvalidInput):
        column(annotation).encode(value)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_keep_every_digit(value: Decimal) -> None:
    cut = column(Decimal)
    assert cut.decode(cut.encode(value)).as_tuple() == value.as_tuple()


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))
def test_times_are_kept_in_utc_and_sort_as_texts(moment: datetime) -> None:
    cut = column(datetime)
    again = cut.decode(cut.encode(moment))
    assert again == moment.astimezone(UTC)
    assert again.tzinfo is UTC
    later = moment.astimezone(UTC) + timedelta(microseconds=1)
    assert str(cut.encode(moment)) < str(cut.encode(later))


def test_a_time_without_a_zone_is_one_of_utc() -> None:
    cut, naive, aware = column(datetime), datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert cut.encode(naive) == cut.encode(aware) == "2026-01-02T03:00:00.000000Z"
    assert cut.decode("2026-01-02T03:00:00.000000") == cut.decode(cut.encode(naive)) == aware
    assert cut.settle is not None
    assert cut.settle(naive) == aware


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (float, 1),
        (float, -0.0),
        (float, 10**20),
        (Decimal, 5),
        (datetime, datetime(2026, 1, 1, 1, tzinfo=TWO)),
        (datetime, datetime(2026, 1, 1, 1)),
        (datetime | None, None),
        (float | None, None),
    ],
)
def test_what_is_settled_is_what_would_be_loaded(annotation: Any, value: Any) -> None:
    cut = column(annotation)
    assert cut.settle is not None
    settled = cut.settle(value)
    loaded = cut.decode(cut.encode(value)) if value != 0 else 0.0
    assert (repr(settled), type(settled)) == (repr(loaded), type(loaded))


def test_values_of_another_type_are_left_for_encode_to_refuse() -> None:
    for annotation in (float, Decimal, datetime):
        settle = column(annotation).settle
        assert settle is not None
        assert settle("x") == "x"


def test_a_decimal_is_written_out_and_has_at_most_a_thousand_digits_on_each_side() -> None:
    """Rows are the same on every store: some give back no exponent and no sign of zero."""
    cut = column(Decimal)
    assert cut.settle is not None
    for value in (Decimal("9" * 1000), Decimal("1E+999"), Decimal("-1E-1000"), Decimal("0E-1000")):
        stored = cut.encode(value)
        assert "E" not in str(stored)
        assert cut.decode(stored) == value
        assert str(cut.settle(value)) in (stored, str(value))
    assert str(cut.settle(Decimal("-0.0"))) == "0.0"
    assert str(cut.settle(Decimal("1E+3"))) == "1000"
    for value in (Decimal("1E+1000"), Decimal("1E-1001"), Decimal("1E+999999999")):
        with pytest.raises(InvalidInput, match="has more than 1000 digits before or after its point"):
            cut.encode(value)
        assert cut.settle(value) == value
