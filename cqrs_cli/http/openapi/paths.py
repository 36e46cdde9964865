"""The paths that every domain has: the log, aggregates, read models, and what is there to operate it."""

from __future__ import annotations

from typing import Any

from cqrs_cli.domain.domain import Domain
from cqrs_cli.http.openapi import links
from cqrs_cli.http.openapi.parameters import (
    FLAG,
    LIMIT,
    POSITION,
    TEXT,
    TIME,
    ask,
    freshness,
    named,
    parameter,
    texts,
)  # fmt: skip
from cqrs_cli.http.openapi.responses import answers, problems_for
from cqrs_cli.http.openapi.schemas import Schema, ref
from cqrs_cli.http.parameters import MOST_VERSIONS
from cqrs_cli.workbench.processors.lag import PATTERN


def paths(domain: Domain) -> Schema:
    """All of them."""
    return _log() | _aggregates() | _projections(domain) | _operation()


def _get(id: str, tag: str, summary: str, parameters: list[Schema], answers: Schema, *more: int) -> Schema:
    """A route that is read."""
    told = {"operationId": id, "tags": [tag], "summary": summary, "parameters": parameters}
    return {"get": told | {"responses": {**answers, **problems_for(*more)}}}


def _post(
    id: str, tag: str, summary: str, parameters: list[Schema], answers: Schema, *more: int, body: Any = None
) -> Schema:
    """A route that does something."""
    told: Schema = {"operationId": id, "tags": [tag], "summary": summary, "parameters": parameters}
    told |= {} if body is None else {"requestBody": {"required": True, "content": body}}
    return {"post": told | {"responses": {**answers, **problems_for(*more)}}}


def _log() -> Schema:
    event = ref("RecordedEvent")
    filters = [
        ask("stream", "Only this stream.", TEXT),
        ask("category", "Only this category.", TEXT),
        ask("type", "Only these types.", texts()),
        ask("contains", "With this text in the payload or the metadata.", TEXT),
        ask("user", "Of commands of this user.", TEXT),
        ask("command", "Of these commands.", texts()),
        ask("correlation", "Of one story.", TEXT),
        ask("where", "Conditions, as in `data.amount < 0`; all must hold.", texts()),
        ask("after", "After this position.", POSITION),
        ask("before", "Before this position.", POSITION),
        ask("since", "Recorded at or after.", TIME),
        ask("until", "Recorded before.", TIME),
        ask("limit", "Events a page.", LIMIT),
        ask("backwards", "From the newest.", FLAG),
    ]
    page = answers("Events", {"type": "array", "items": event}, "Link", "Log-Position")
    page["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    many = {"type": "array", "items": {"type": "object"}}
    listed = [
        ask("category", "Only this category.", TEXT),
        ask("after", "Names after this one.", TEXT),
        ask("limit", "Streams a page.", LIMIT),
    ]
    one = {"anyOf": [event, {"type": "array", "items": event}]}
    return {
        "/events": _get("events", "log", "A page of events, or with `Accept: text/event-stream` all that come", filters,
                        {"200": page}, 404),
        "/events/{what}": _get("event", "log", "One event in full", [named("what", "`1200`, `order-17@5` or an id.")],
                               {"200": answers("The event", one)}, 404),
        "/streams": _get("streams", "log", "Streams by name", listed, {"200": answers("Streams", many, "Link")}),
        "/trace/{what}": _get("trace", "log", "What led to what", [named("what", "An id, a position or a stream.")],
                              {"200": answers("Trees", many)}, 404),
    }  # fmt: skip


def _aggregates() -> Schema:
    stream = named("stream", "A stream: `order-17`.")
    at = ask("at", "`5` a version, `@1200` a position, or a time.", TIME)
    many = {"type": "array", "items": {"type": "object"}}
    after = {"type": "integer", "minimum": 1, "maximum": MOST_VERSIONS}
    return {
        "/aggregates/{stream}": _get("aggregate", "aggregates", "The state of an aggregate", [stream, at],
            {"200": answers("The state", ref("State"), "ETag")}, 404),
        "/aggregates/{stream}/history": _get("history", "aggregates", "Each event, the state after it, what it changed",
            [stream, at, ask("after", "Versions after this one.", after), ask("limit", "Steps a page.", LIMIT)],
            {"200": answers("Steps", many, "Link")}, 404),
        "/aggregates/{stream}/blame": _get("blame", "aggregates", "Which event each field is from",
            [stream, at, ask("field", "Only this field.", TEXT), ask("history", "Every change of it.", TEXT)],
            {"200": answers("Fields", many)}, 404),
    }  # fmt: skip


def _projections(domain: Domain) -> Schema:
    many, known = {"type": "array", "items": {"type": "object"}}, [one.name for one in domain.row_types()]
    name = parameter("path", "name", "A read model.", {"enum": known} if known else TEXT, True)
    job = answers("It has begun", ref("Job"), "Location") | {"links": links.JOB}
    rows = [
        name,
        ask("where", "Conditions on columns; all must hold.", texts()),
        ask("order", "Columns, `-` before one for descending.", TEXT),
        ask("limit", "Rows a page.", LIMIT),
        ask("cursor", "The next page, as `Link` said.", TEXT),
        ask("at", "As they were: `@1200` or a time.", TIME),
        *freshness(),
    ]
    found = answers("Rows", many, "ETag", "Log-Position", "Log-Lag", "Link")
    unchanged = {"304": {"description": "As you have it"}}
    id = named("id", "The id of a job.")
    return {
        "/projections": _get("projections", "read models", "Where they stand", [], {"200": answers("All", many)}),
        "/projections/{name}": _get("projection", "read models", "Rows", rows, {"200": found, **unchanged}, 404),
        "/projections/{name}/check": _post("check", "read models", "Compare with a fold", [name], {"202": job}, 404),
        "/projections/{name}/rebuild": _post("rebuild", "read models", "Fold anew", [name], {"202": job}, 404),
        "/jobs/{id}": _get("job", "read models", "How far a job is", [id], {"200": answers("It", ref("Job"))}, 404),
        "/jobs/{id}/cancel": _post("cancel", "read models", "Let a job end", [id], {"202": job}, 404),
    }  # fmt: skip


def _operation() -> Schema:
    many, id = {"type": "array", "items": {"type": "object"}}, named("id", "The id of its command.")
    thing = {"type": "object"}
    reason = {
        "type": "object",
        "required": ["reason"],
        "additionalProperties": False,
        "properties": {"reason": {"type": "string", "pattern": "[!-~]"}},
    }
    body = {"application/json": {"schema": reason}}
    letters = [
        ask("dropped", "Those that were dropped.", FLAG),
        ask("limit", "Letters a page.", LIMIT),
        ask("after", "After this one.", TEXT),
    ]
    most = {"type": "string", "pattern": f"^{PATTERN}$", "examples": ["100", "30s"]}
    figures = answers("Prometheus' text format", {"type": "string"}, media="text/plain")
    return {
        "/reactions": _get("reactions", "operation", "Where reactions stand", [], {"200": answers("All", many)}),
        "/dead-letters": _get("dead-letters", "operation", "Commands that came to nothing", letters,
                              {"200": answers("Them", many, "Link")}),
        "/dead-letters/{id}/retry": _post("retry", "operation", "Send it again", [id],
                                          {"200": answers("What became of it", thing)}, 404),
        "/dead-letters/{id}/drop": _post("drop", "operation", "Put it away, on record", [id],
                                         {"200": answers("It", thing)}, 404, 413, 415, body=body),
        "/sql": _get("sql", "operation", "One SELECT", [parameter("query", "q", "The statement.", TEXT, True)],
                     {"200": answers("Rows", many)}, 413),
        "/health/live": _get("live", "operation", "The process answers", [], {"200": answers("Yes", thing)}),
        "/health/ready": _get("ready", "operation", "It may be asked", [ask("max_lag", "At most.", most)],
                              {"200": answers("Yes", thing)}),
        "/metrics": _get("metrics", "operation", "Figures for Prometheus", [], {"200": figures}),
    }  # fmt: skip
