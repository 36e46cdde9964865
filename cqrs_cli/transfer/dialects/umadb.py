"""The log of UmaDB (0.7), read by its own client. It gives positions in the order of the commits, without gaps.

It has tags and no streams: an event is here in the stream of its first tag, `dog:17` in `dog-17`, and has all of its
tags in the metadata; without tags it is in the stream `untagged`. Nothing says what was appended together, nor when.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.stores.addresses import shown, without_secrets
from cqrs_cli.transfer.dialects.event import (
    ForeignEvent,
    category,
    encoded,
    json_bytes,
    json_text,
    kept_metadata,
    stream_of,
    text_in,
)

API_KEY = "UMADB_API_KEY"
"""The variable that the server reads, too."""
_LOOK_AGAIN = 0.05


class UmaReader:
    """Reads from a server. Raises `Misuse` (`driver-missing`) without the package, `Unavailable`; each read does."""

    gap: int | None = None

    def __init__(self, url: str) -> None:
        self._umadb, self._url = _client(), url
        self.name = f"umadb+{shown(url).rstrip('/')}"
        with self._told():
            self._connection = self._umadb.Client(url, api_key=os.environ.get(API_KEY) or None)
            self._connection.head()

    def events(self, after: int) -> Iterator[ForeignEvent]:
        """What comes after a position, up to where the log is now."""
        with self._told():
            answer = self._connection.read(start=after + 1)
            try:
                for one in answer:
                    yield _event(one)
            finally:
                answer.cancel()

    def at(self, position: int) -> ForeignEvent | None:
        """The event at a position."""
        with self._told():
            found = list(self._connection.read(start=position, limit=1))
        return _event(found[0]) if found and found[0].position == position else None

    def wait(self, after: int, seconds: float) -> bool:
        """Until there is more."""
        give_up = time.monotonic() + seconds
        while True:
            with self._told():
                head = self._connection.head() or 0
            if head > after:
                return True
            left = give_up - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_LOOK_AGAIN, left))

    def close(self) -> None:
        """Let go of the server."""
        self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._umadb.AuthenticationError as error:
            message, hint = f"{shown(self._url)} does not let us in: {error}", f"{API_KEY} is the key that it wants"
            raise Unavailable(without_secrets(message, self._url), hint=hint, code="no-permission") from None
        except (self._umadb.TransportError, self._umadb.CorruptionError) as error:
            message = f"{shown(self._url)} can't be read: {error}"
            raise Unavailable(
                without_secrets(message, self._url), hint="is the server there? Try again", code="unreachable"
            ) from None


def _event(one: Any) -> ForeignEvent:
    event, position = one.event, one.position
    tags = list(event.tags)
    told, found = kept_metadata(position, json_text(event.metadata), tags=tags or None)
    return ForeignEvent(
        position,
        _stream(tags),
        event.event_type,
        json_bytes(bytes(event.data), position),
        f"umadb-{position}" if event.uuid is None else str(event.uuid),
        metadata=told,
        correlation_id=text_in(found, "correlation_id", "correlationId"),
        causation_id=text_in(found, "causation_id", "causationId"),
        user_id=text_in(found, "user_id", "userId"),
    )


def _stream(tags: list[str]) -> str:
    if not tags:
        return "untagged"
    kind, colon, id = tags[0].partition(":")
    return f"{category(kind)}-{encoded(id)}" if colon and kind and id else stream_of(tags[0])


def _client() -> Any:
    try:
        import umadb
    except ImportError as error:
        raise Misuse(
            f"UmaDB is read by its own client, which is not here: {error}",
            code="driver-missing",
            extra="umadb",
            python=sys.executable,
        ) from None
    return umadb
