"""What a check found."""

from typing import NamedTuple


class Finding(NamedTuple):
    """Something a check found. code: stable. severity: error, warning or note. where: what it is about."""

    code: str
    severity: str
    where: str
    message: str
    hint: str | None = None
