"""Commits for tests, made from few words."""

from hashlib import sha256
from typing import Any

from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand


def event(
    stream: str = "order-1", type: str = "OrderPlaced", data: bytes = b'{"n":1}', schema_version: int = 1
) -> NewEvent:
    return NewEvent(stream, type, schema_version, data)


def sent(body: str = "{}", type: str = "PlaceOrder") -> SentCommand:
    return SentCommand(type, 1, sha256(body.encode()).digest(), body.encode(), 1_700_000_000_000_000)


def commit(id: str, *events: NewEvent, body: str | None = "{}", **envelope: Any) -> Commit:
    """A commit of these events (one on order-1 if none); body None: without a command."""
    command = None if body is None else sent(body)
    return Commit(id, events or (event(),), command, **envelope)
