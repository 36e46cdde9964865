"""Addresses and times as they are typed.

order-17        a stream                     5                     a version (digits alone)
order-17@5      the stream at version 5      2026-01-01T10:00Z     a time, RFC 3339, UTC unless it says
@1200           a position of the log        2h                    so long ago, or so long: s, m, h, d, w
                                             now, 10:00, today, yesterday, tuesday, tuesday 10:00

A time as it is shown is cut to what is shown, so that as a point it means the last moment that is written like it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.moments import micros
from cqrs_cli.stores.streams import check_stream_name

_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_DAYS_AGO = {"today": 0, "yesterday": 1}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "today|yesterday|mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?"
_WORDS = re.compile(rf"({_DAY})?((?:(?<=[a-z])[ t])?\d\d:\d\d(:\d\d([.,]\d+)?)?)?", re.ASCII)
_MIDNIGHT = time_of_day()
_DIGITS = re.compile(r"[0-9]{1,18}")


class Address(NamedTuple):
    """What was addressed: a stream, perhaps at a version (from 1), or a position of the log (from 1)."""

    stream: str | None = None
    version: int | None = None
    position: int | None = None


class Point(NamedTuple):
    """A point in history: exactly one of a version, a position, or a time in microseconds UTC."""

    version: int | None = None
    position: int | None = None
    moment: int | None = None


def parse_address(text: str) -> Address:
    """`order-17`, `order-17@5` or `@1200`. Raises `Misuse` for anything else, also for an impossible stream name."""
    name, at, digits = text.rpartition("@")
    if not at:
        return Address(stream=check_stream_name(text))
    if not _DIGITS.fullmatch(digits) or int(digits) == 0:
        raise _unreadable("an address", text, "order-17, order-17@5 (a version) or @1200 (a position)")
    if not name:
        return Address(position=int(digits))
    return Address(stream=check_stream_name(name), version=int(digits))


def parse_stream(text: str) -> Address:
    """`order-17` or `order-17@5`; a bare position is `Misuse`."""
    address = parse_address(text)
    if address.stream is None:
        raise _unreadable("a stream", text, "order-17 or order-17@5")
    return address


def parse_position(text: str) -> int:
    """`@1200` or `1200`, from 0."""
    digits = text.removeprefix("@")
    if not _DIGITS.fullmatch(digits):
        raise _unreadable("a position", text, "@1200")
    return int(digits)


def parse_point(text: str, local: bool = False) -> Point:
    """`5`, `@1200`, a time or `2h`. local: as of `parse_time`. Raises `Misuse`."""
    if text.startswith("@"):
        return Point(position=parse_position(text))
    if _DIGITS.fullmatch(text):
        return Point(version=int(text))
    return Point(moment=_moments(text, datetime.now(UTC), local)[1])


def parse_time(text: str, now: datetime | None = None, local: bool = False) -> int:
    """Microseconds UTC of a time as it is typed; of one that leaves something open the first moment written like it.

    `2026-01-01T10:00:00+02:00`, `2026-01-01` (its start), `10:00` (the last that there was), `now`, `yesterday`,
    `tuesday` (the last before today), `tuesday 10:00`, `2h` (so long ago). UTC unless it says; local: of this machine's
    zone unless it says.
    """
    return _moments(text, now or datetime.now(UTC), local)[0]


def parse_duration(text: str) -> int | None:
    """Microseconds of `30s`, `15m`, `2h`, `7d`, `4w`; None if it is none of these."""
    found = _AGO.fullmatch(text)
    return None if found is None else int(found[1]) * (timedelta(**{_UNITS[found[2]]: 1}) // timedelta(microseconds=1))


def _moments(text: str, now: datetime, local: bool) -> tuple[int, int]:
    """The first and the last moment that are written so."""
    if text.lower() == "now":
        return micros(now), micros(now)
    ago, time, words = _AGO.fullmatch(text), _TIME.fullmatch(text), _WORDS.fullmatch(text.lower())
    try:
        if ago:
            moment = micros(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
            return moment, moment
        if time:
            return _open(datetime.fromisoformat(text.replace(",", ".").upper()), local, *time.group(1, 2, 3))
        if words and (words[1] or words[2]):
            return _open(_last(words[1], words[2], now, local), local, *words.group(2, 3, 4))
    except (ValueError, OverflowError):
        pass
    raise _unreadable(
        "a time",
        text,
        "2026-01-01T10:00Z, 2026-01-01, 10:00, yesterday, tuesday, or so long ago: 90s, 15m, 2h, 7d, 4w",
    )


def _open(
    first: datetime, local: bool, clock: str | None, seconds: str | None, fraction: str | None
) -> tuple[int, int]:
    """From the first moment of a day, a minute, a second … to its last."""
    if seconds is None:
        length = timedelta(days=1) if clock is None else timedelta(minutes=1)
    else:
        length = timedelta(microseconds=int(10 ** max(6 - len(fraction or ".") + 1, 0)))
    start = micros(_aware(first, local))
    try:
        return start, micros(_aware(first + length, local)) - 1  # a day may have 23 hours, or 25
    except OverflowError:
        return start, start + length // timedelta(microseconds=1) - 1


def _aware(moment: datetime, local: bool) -> datetime:
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if local else moment.replace(tzinfo=UTC)


def _last(day: str | None, clock: str | None, now: datetime, local: bool) -> datetime:
    """The last such day, or time, that has begun; a day of the week is one before today."""
    here = now.astimezone() if local else now.astimezone(UTC)
    today = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    at = _MIDNIGHT if clock is None else time_of_day.fromisoformat(clock.strip(" t").replace(",", "."))
    if day is None:
        moment = datetime.combine(today, at)
        return moment if _aware(moment, local) <= now else moment - timedelta(days=1)
    back = _DAYS_AGO.get(day)
    if back is None:
        back = (today.weekday() - _WEEKDAYS.index(day[:3]) - 1) % 7 + 1
    return datetime.combine(today - timedelta(days=back), at)


def _unreadable(what: str, text: str, hint: str) -> Misuse:
    return Misuse(f"{text!r} is not {what}", code="address", hint=hint)
