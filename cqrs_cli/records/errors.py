"""The records of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli.records.shape import Record

if TYPE_CHECKING:
    from cqrs_cli.errors import CqrsError


def error(raised: CqrsError, hint: str | None) -> Record:
    """An error as an object of its own. hint: in the words of the face that shows it."""
    return {"error": error_members(raised, hint) | ({"traceback": raised.traceback} if raised.traceback else {})}


def error_members(raised: CqrsError, hint: str | None) -> Record:
    """The members of an error: code, message, hint and details."""
    head = {"code": raised.code, "message": raised.message} | ({} if hint is None else {"hint": hint})
    return head | raised.details
