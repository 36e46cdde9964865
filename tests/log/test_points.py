"""Addresses, positions, points and times as they are typed."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.log.points import (
    Address,
    Point,
    _moments,
    parse_address,
    parse_duration,
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


NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
"""A Wednesday."""


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", "2026-03-11T00:00:00.000000Z", "2026-03-11T23:59:59.999999Z"),
        ("yesterday", "2026-03-10T00:00:00.000000Z", "2026-03-10T23:59:59.999999Z"),
        ("Tuesday", "2026-03-10T00:00:00.000000Z", "2026-03-10T23:59:59.999999Z"),
        ("thu", "2026-03-05T00:00:00.000000Z", "2026-03-05T23:59:59.999999Z"),
        ("wednesday", "2026-03-04T00:00:00.000000Z", "2026-03-04T23:59:59.999999Z"),
        ("sunday 10:00", "2026-03-08T10:00:00.000000Z", "2026-03-08T10:00:59.999999Z"),
        ("yesterday 23:59:59.356", "2026-03-10T23:59:59.356000Z", "2026-03-10T23:59:59.356999Z"),
        ("09:30", "2026-03-11T09:30:00.000000Z", "2026-03-11T09:30:59.999999Z"),
        ("09:31", "2026-03-10T09:31:00.000000Z", "2026-03-10T09:31:59.999999Z"),
        ("03:29:06.356", "2026-03-11T03:29:06.356000Z", "2026-03-11T03:29:06.356999Z"),
    ],
)
def test_days_and_times_of_a_day_are_the_last_that_there_were(text, first, last):
    assert tuple(map(rfc3339, _moments(text, NOW, False))) == (first, last)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-03-09", "2026-03-08T23:00:00.000000Z", "2026-03-09T22:59:59.999999Z"),
        ("2026-03-29", "2026-03-28T23:00:00.000000Z", "2026-03-29T21:59:59.999999Z"),  # 23 hours
        ("2026-10-25", "2026-10-24T22:00:00.000000Z", "2026-10-25T22:59:59.999999Z"),  # 25
        ("yesterday", "2026-03-09T23:00:00.000000Z", "2026-03-10T22:59:59.999999Z"),
        ("10:15", "2026-03-11T09:15:00.000000Z", "2026-03-11T09:15:59.999999Z"),
        ("2026-03-09T10:00Z", "2026-03-09T10:00:00.000000Z", "2026-03-09T10:00:59.999999Z"),
        ("2h", "2026-03-11T07:30:00.000000Z", "2026-03-11T07:30:00.000000Z"),
    ],
)
def test_local_times_are_of_this_zone_unless_they_say_theirs(berlin, text, first, last):
    assert tuple(map(rfc3339, _moments(text, NOW, True))) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "order-17@",
        "order-17@x",
        "order-17@0",
        "order 17",
        "a@b@5",
        "a/b",
        "@-1",
        "@٣",
    ],
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
    assert parse_duration(text) == seconds * 1_000_000


def test_no_durations():
    for text in ("", "5", "m", "-5m", "5 m", "5M", "1h5m", "1234567890s", "٣m"):
        assert parse_duration(text) is None
    assert parse_duration("999999999w") == 999_999_999 * 7 * 86_400 * 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260101",
        "2026",
        "2026-13-01",
        "2026-01-01T25:00Z",
        "2y",
        "h",
        "999999999w",
        "10",
        "10:0",
        "24:00",
        "10:61",
        "1:00",
        "nov",
        "now 10:00",
        "tuesdays",
        "yesterday yesterday",
        "yesterday 10",
        " 10:00",
        "tuesday 25:00",
    ],
)
def test_no_times(text):
    with pytest.raises(Misuse):
        parse_time(text)


THURSDAY = datetime(2026, 11, 26, 17, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "2026-11-26T17:30:15.123456Z"),
        ("today", "2026-11-26T00:00:00.000000Z"),
        ("yesterday", "2026-11-25T00:00:00.000000Z"),
        ("thursday", "2026-11-19T00:00:00.000000Z"),
        ("Wednesday", "2026-11-25T00:00:00.000000Z"),
        ("friday", "2026-11-20T00:00:00.000000Z"),
        ("10:00", "2026-11-26T10:00:00.000000Z"),
        ("23:59:58", "2026-11-25T23:59:58.000000Z"),
    ],
)
def test_times_as_they_are_spoken(text, moment):
    assert rfc3339(parse_time(text, THURSDAY)) == moment
    assert parse_time(text, THURSDAY.astimezone(timezone(timedelta(hours=9)))) == micros(datetime.fromisoformat(moment))


def test_a_spoken_time_that_leaves_something_open_means_its_last_moment():
    for text, length in (("yesterday", 86_400), ("monday", 86_400), ("10:00", 60), ("10:00:30", 1)):
        point = parse_point(text)
        assert point.moment is not None
        assert point.moment - parse_time(text) == length * 1_000_000 - 1
