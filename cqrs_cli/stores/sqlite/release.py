"""Which SQLite this is, and whether it has the WAL-reset bug."""

from __future__ import annotations

import sqlite3

_FIRST, _LAST = (3, 7, 0), (3, 51, 2)
_FIXED_LINES: dict[tuple[int, ...], int] = {(3, 44): 6, (3, 50): 7}
"""Older lines that got the fix: from this patch release on."""


def release() -> str:
    """The version of the SQLite library in use: `3.46.1`."""
    return sqlite3.sqlite_version


def has_wal_reset_bug(version: str | None = None) -> bool:
    """Whether a checkpoint racing a commit of another connection can lose committed pages in this version."""
    parts = tuple(int(part) for part in (version or release()).split("."))
    if not _FIRST <= parts <= _LAST:
        return False
    fixed_from = _FIXED_LINES.get(parts[:2])
    return fixed_from is None or parts[2] < fixed_from
