"""What changed, in a line for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cqrs_cli.cli.printing.values import cell_text


def change_line(change: Mapping[str, Any]) -> str:
    """`status: open → paid`; nothing is `∅`, the empty text `''`. change: a record with path, old and new."""
    return f"{change['path']}: {_short(change['old'])} → {_short(change['new'])}"


def _short(value: Any) -> str:
    return "∅" if value is None else "''" if value == "" else cell_text(value)
