"""Moments: microseconds since 1970 UTC in the stores, `datetime` and RFC 3339 outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """An aware moment as integer microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The aware UTC moment of `micros`, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def rfc3339(microseconds: int) -> str:
    """`2026-01-01T10:00:00.000123Z`: always six digits, so that texts sort as times do."""
    return (
        moment(microseconds).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    )  # strftime does not pad years
