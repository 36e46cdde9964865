"""Addresses, positions, points and times as they are typed."""

from datetime import UTC, datetime

import pytest

from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.log.points import (
    Address,
    Point,
    parse_address,
    parse_point,
    parse_position,
    parse_stream,
    parse_time,
)
from cqrs_cli.stores.moments import micros, rfc3339


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order-17", Address(stream="order-17")),
        ("order-17@5", Address(stream="order-17", version=5)),
        ("@1200", Address(position=1200)),
        ("straße-ä", Address(stream="straße-ä")),
    ],
)
def test_addresses(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "@", "order-17@", "order-17@x", "order-17@0", "order 17", "a@b@5", "a/b", "@-1", "@٣"]
)
def test_no_addresses(text):
    with pytest.raises(CqrsError) as caught:
        parse_address(text)
    assert caught.value.exit_code == 2


def test_a_stream_is_no_position():
    assert parse_stream("order-1@2").version == 2
    with pytest.raises(Misuse):
        parse_stream("@2")


def test_points():
    assert parse_point("5") == Point(version=5)
    assert parse_point("@5") == Point(position=5)
    assert parse_position("@0") == parse_position("0") == 0


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2026-01-01", "2026-01-01T23:59:59.999999Z"),
        ("2026-01-01T10:00Z", "2026-01-01T10:00:59.999999Z"),
        ("2026-01-01 10:00:30", "2026-01-01T10:00:30.999999Z"),
        ("2026-01-01T10:00:30.2+02:00", "2026-01-01T08:00:30.299999Z"),
        ("2026-01-01 10:00:30.250", "2026-01-01T10:00:30.250999Z"),
        ("2026-01-01 10:00:30,250", "2026-01-01T10:00:30.250999Z"),
        ("2026-01-01T10:00:30.250123Z", "2026-01-01T10:00:30.250123Z"),
        ("9999-12-31", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_that_leaves_something_open_is_its_last_moment_as_a_point(text, last):
    moment = parse_point(text).moment
    assert moment is not None
    assert rfc3339(moment) == last


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T10:00Z", "2026-01-01T10:00:00.000000Z"),
        ("2026-01-01T10:00:30.25+02:00", "2026-01-01T08:00:30.250000Z"),
        ("2026-01-01 10:00", "2026-01-01T10:00:00.000000Z"),
        ("2026-01-01t10:00z", "2026-01-01T10:00:00.000000Z"),
        ("2026-01-01", "2026-01-01T00:00:00.000000Z"),
    ],
)
def test_times(text, moment):
    assert rfc3339(parse_time(text)) == moment


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 7 * 86400), ("4w", 28 * 86400)]
)
def test_so_long_ago(text, seconds):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_time(text, now) == micros(now) - seconds * 1_000_000


@pytest.mark.parametrize(
    "text", ["", "20260101", "2026", "2026-13-01", "2026-01-01T25:00Z", "2y", "h", "999999999w", "now"]
)
def test_no_times(text):
    with pytest.raises(Misuse):
        parse_time(text)
