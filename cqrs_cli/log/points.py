"""Addresses and times as they are typed.

order-17        a stream                     5                     a version (digits alone)
order-17@5      the stream at version 5      2026-01-01T10:00Z     a time, RFC 3339, UTC unless it says
@1200           a position of the log        2h                    so long ago: s, m, h, d, w

A time as it is shown is cut to what is shown, so that as a point it means the last moment that is written like it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.moments import micros
from cqrs_cli.stores.streams import check_stream_name

_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|z|[+-]\d\d:?\d\d)?)?", re.ASCII)
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


def parse_point(text: str) -> Point:
    """`5`, `@1200`, a time or `2h`. Raises `Misuse`."""
    if text.startswith("@"):
        return Point(position=parse_position(text))
    if _DIGITS.fullmatch(text):
        return Point(version=int(text))
    return Point(moment=parse_time(text) + _left_open(text))


def _left_open(text: str) -> int:
    """How many microseconds later the last moment is that is written as this one: of a day, a minute, a second …"""
    time = _TIME.fullmatch(text)
    if time is None:
        return 0
    clock, seconds, fraction = time.group(1, 2, 3)
    if seconds is None:
        return (86_400 if clock is None else 60) * 1_000_000 - 1
    return int(10 ** max(6 - len(fraction or ".") + 1, 0)) - 1


def parse_time(text: str, now: datetime | None = None) -> int:
    """Microseconds UTC of `2026-01-01T10:00:00+02:00` (UTC unless it says), `2026-01-01` (its start) or `2h` ago.

    Of a time that leaves something open the first moment that is written like it.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return micros((now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
        if _TIME.fullmatch(text):
            moment = datetime.fromisoformat(text.replace(",", ".").upper())
            return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        pass
    raise _unreadable("a time", text, "2026-01-01T10:00Z, 2026-01-01, or so long ago: 90s, 15m, 2h, 7d, 4w")


def _unreadable(what: str, text: str, hint: str) -> Misuse:
    return Misuse(f"{text!r} is not {what}", code="address", hint=hint)
