"""Moments: microseconds since 1970 UTC in the stores, `datetime` and RFC 3339 outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cqrs_cli.errors import Damaged

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999 in UTC, as `micros` gives them."""


def micros(moment: datetime) -> int:
    """An aware moment as integer microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The aware UTC moment of `micros`, exactly. Raises `Damaged` for what no clock gave."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except (OverflowError, TypeError):
        raise Damaged(
            f"{microseconds!r} microseconds are no time of the years 1 to 9999",
            hint="another tool changed the store: restore a backup",
        ) from None


def rfc3339(microseconds: int) -> str:
    """`2026-01-01T10:00:00.000123Z`: always six digits, so that texts sort as times do."""
    second, rest = divmod(microseconds, 1_000_000)
    return f"{_second(second)}.{rest:06d}Z"


@lru_cache(maxsize=256)  # what was recorded in one is told together
def _second(seconds: int) -> str:
    return moment(seconds * 1_000_000).replace(tzinfo=None).isoformat()  # strftime does not pad years
