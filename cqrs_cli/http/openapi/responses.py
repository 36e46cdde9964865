"""What comes back: answers, their headers, and the problems that a route may answer with."""

from __future__ import annotations

from cqrs_cli.http.openapi.schemas import Schema, ref

_PROBLEMS = {
    400: "The domain said no (`code` names the rule), or the request can't be read",
    401: "Nobody that is known asks",
    403: "Not for who asks, not from there, or this server only reads",
    404: "There is no such stream, version, name …",
    409: "Somebody was faster",
    412: "`If-Match` or `If-None-Match` does not hold; `ETag` has the version",
    413: "Too large",
    415: "Not the type of body that is taken",
    421: "Not this host",
    422: "Something does not validate (`errors`), or the `Idempotency-Key` was used with another body",
    500: "The domain's own code failed, or the store is damaged",
    503: "Busy, locked, full, or to be rebuilt: try again",
}
ALWAYS = (400, 401, 403, 421, 422, 500, 503)
HEADERS: Schema = {
    "ETag": {"schema": {"type": "string"}},
    "Log-Position": {"schema": {"type": "integer"}},
    "Log-Lag": {"schema": {"type": "integer"}},
    "Link": {"schema": {"type": "string"}},
    "Location": {"schema": {"type": "string"}},
}


def answers(description: str, schema: Schema, *headers: str, media: str = "application/json") -> Schema:
    """The response with a body of this shape, and these headers."""
    told: Schema = {"description": description, "content": {media: {"schema": schema}}}
    return told | ({"headers": {name: HEADERS[name] for name in headers}} if headers else {})


def problems_for(*statuses: int) -> Schema:
    """The problems that a route may answer with."""
    content = {"application/problem+json": {"schema": ref("Problem")}}
    return {
        str(status): {"description": _PROBLEMS[status], "content": content} for status in sorted({*ALWAYS, *statuses})
    }
