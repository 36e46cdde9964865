"""What helps after an error, in the words of HTTP: the errors themselves carry a code and details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cqrs_cli.errors import CqrsError

WORDS = {
    "aggregate-not-found": "GET /streams lists what there is",
    "already-exists": "look at it: GET /aggregates/{stream}",
    "behind": "POST /projections/{projection}/rebuild",
    "busy": "try again in a moment",
    "category-not-found": "GET /streams lists what there is",
    "command-id-reused": "a new command needs a new Idempotency-Key; look at the first one: GET /trace/{command_id}",
    "command-not-found": "GET /openapi.json lists the commands",
    "conflict": "look at it: GET /aggregates/{stream}, whose ETag is the version to send as If-Match",
    "dead-letter-not-found": "GET /dead-letters lists them",
    "end-lost": "restore a backup; what cqrs doctor says on the machine of the server tells how to go on without",
    "event-not-found": "GET /events shows what there is",
    "fork": "a server with run and a fork send twice what the original sends",
    "id-not-found": "the id of a command, an event or a correlation, or @position",
    "needs-rebuild": "POST /projections/{projection}/rebuild",
    "never-projected": "the server brings it up to date: try again in a moment",
    "no-such-reaction": "GET /reactions lists them",
    "outcome-unknown": "send it again with the same Idempotency-Key: what is in the log already is not done again",
    "projection-not-found": "GET /projections lists them",
    "query-not-found": "GET /openapi.json lists the queries",
    "reaction-not-found": "GET /reactions lists them",
    "read-only": "cqrs serve without --read-only writes; outside loopback it wants --write",
    "row-not-found": "GET /projections/{projection} shows what rows there are",
    "stream-not-found": "GET /streams lists what there is",
    "timed-out": "try again: what is waited for may have come by then",
}


def say(error: CqrsError, details: Mapping[str, Any] | None = None) -> str | None:
    """The hint for a client: this face's words for the error's code, else what the error says itself.

    details: those of the error, if they are shown otherwise than they are.
    """
    words = WORDS.get(error.code)
    if error.hint and error.code not in ("needs-rebuild", "behind"):
        return error.hint
    if words is None:
        return error.hint
    shown = error.details if details is None else details
    try:
        return words.format_map({name: quote(str(value), safe="@") for name, value in shown.items()})
    except KeyError:
        return error.hint
