"""Errors as problem details (RFC 9457): a stable `type` and `code`, the status for programs, the hint for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.responses import Response

from cqrs_cli.errors import (
    CommandReused,
    Conflict,
    CqrsError,
    Damaged,
    DomainFailed,
    InvalidInput,
    LimitExceeded,
    Misuse,
    NeedsRebuild,
    NotFound,
    NothingMatched,
    Rejected,
    StoreFailed,
    StoreNotFound,
    Unavailable,
    Undecodable,
)
from cqrs_cli.http.hints import say
from cqrs_cli.json_text import json_text

MEDIA = "application/problem+json"
LOG = logging.getLogger("cqrs.http")


class Kind(NamedTuple):
    """What a kind of error is to a client."""

    status: int
    title: str


KINDS: dict[type[CqrsError], Kind] = {
    Rejected: Kind(400, "Rejected by the domain"),
    CommandReused: Kind(422, "Idempotency-Key used with another body"),
    Conflict: Kind(409, "Conflict"),
    StoreNotFound: Kind(503, "No store"),
    NotFound: Kind(404, "Not found"),
    NothingMatched: Kind(404, "Nothing matched"),
    InvalidInput: Kind(422, "Not valid"),
    LimitExceeded: Kind(413, "Too large"),
    NeedsRebuild: Kind(503, "A read model needs a rebuild"),
    Misuse: Kind(400, "Bad request"),
    Damaged: Kind(500, "The store is damaged"),
    Unavailable: Kind(503, "Not available now"),
    StoreFailed: Kind(500, "The store failed"),
    DomainFailed: Kind(500, "The domain's code failed"),
    Undecodable: Kind(500, "A stored event can't be read"),
    CqrsError: Kind(500, "Failed"),
}
"""By class, the first that an error is of; subclasses come before what they are."""

CODES = {
    "behind": Kind(503, "A read model is too far behind"),
    "body-too-large": Kind(413, "Too large"),
    "cursor": Kind(400, "Bad request"),
    "cross-origin": Kind(403, "From another site's page"),
    "forbidden": Kind(403, "Not for you"),
    "fork": Kind(403, "Not on a fork"),
    "method-not-allowed": Kind(405, "Method not allowed"),
    "no-such-path": Kind(404, "Not found"),
    "not-a-form": Kind(400, "The body is no form"),
    "not-json": Kind(400, "The body is not JSON"),
    "precondition-failed": Kind(412, "Precondition failed"),
    "read-only": Kind(403, "This server only reads"),
    "sql-off": Kind(403, "SQL is off"),
    "unauthorized": Kind(401, "Who are you?"),
    "unsupported-media-type": Kind(415, "Unsupported media type"),
    "wrong-host": Kind(421, "Not this server"),
}
"""By code: what is told apart whatever its class is."""

STATUS_OF_EXIT = {
    1: (400, 500),
    2: (400, 403, 405, 413, 415, 421, 422, 503),
    3: (404, 503),
    4: (409, 412, 422),
    5: (404,),
    6: (500,),
    7: (403, 503),
    8: (500,),
    70: (500,),
}
"""By the shell's exit code, the statuses that the same errors have here. Exit 0 is 200, 201 or 202; 401 has none."""


def kind_of(error: CqrsError) -> Kind:
    """The status and the title of an error."""
    if not isinstance(error, Rejected) and error.code in CODES:  # a rule of the domain may be called anything
        return CODES[error.code]
    return next(kind for cls, kind in KINDS.items() if isinstance(error, cls))


def record(error: CqrsError, kind: Kind | None = None) -> dict[str, Any]:
    """An error as a problem. kind: if it is another than the error's own."""
    status, title = kind or kind_of(error)
    told: dict[str, Any] = {
        "type": f"urn:cqrs:problem:{error.code}",
        "title": title,
        "status": status,
        "code": error.code,
        "detail": error.message,
    }
    hint = say(error)
    details = {name: value for name, value in error.details.items() if name not in told and name != "hint"}
    return told | ({} if hint is None else {"hint": hint}) | details


def respond(error: CqrsError, told: Mapping[str, Any] | None = None, kind: Kind | None = None) -> Response:
    """The response for an error. told: its record, if that was changed on the way out."""
    told = record(error, kind) if told is None else told
    status = told["status"]
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "1"
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="cqrs"'
    if status in (409, 412) and isinstance(error.details.get("actual"), int):
        headers["ETag"] = f'"{error.details["actual"]}"'
    log_failure(error, status)
    return Response(json_text(told) + "\n", status, headers, media_type=MEDIA)


def log_failure(error: CqrsError, status: int) -> None:
    """Note what failed on our side: the traceback goes nowhere else."""
    if status >= 500 and not isinstance(error, Unavailable):
        LOG.error("%s: %s", error.code, error.message, exc_info=error)


def precondition(error: CqrsError) -> Kind | None:
    """That of a stream which is not at the version that a header expected; None for other errors."""
    is_expectation = isinstance(error, Conflict) and not isinstance(error, CommandReused)
    return CODES["precondition-failed"] if is_expectation and "expected" in error.details else None
