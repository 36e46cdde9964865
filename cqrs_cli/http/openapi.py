"""The OpenAPI 3.1 document of a domain: its commands and queries with their schemas, and all else that is served."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.query import Query, answers_with
from cqrs_cli.http import links
from cqrs_cli.http.parameters import MOST_ROWS, MOST_VERSIONS
from cqrs_cli.http.queries import FIELD, OWN, is_paged
from cqrs_cli.payloads.jsonschema import SchemaGenerator
from cqrs_cli.payloads.shapes import Json, Mapping, Record, record_of
from cqrs_cli.payloads.words import by_word, doc_of, line_of
from cqrs_cli.workbench.processors.lag import PATTERN

Schema = dict[str, Any]
REF = "#/components/schemas/{model}"

_EVENT_MEMBERS: Schema = {
    "position": {"type": "integer", "minimum": 1},
    "stream": {"type": "string"},
    "version": {"type": "integer", "minimum": 1},
    "type": {"type": "string"},
    "schema_version": {"type": "integer"},
    "data": {},
    "event_id": {"type": "string"},
    "command_id": {"type": ["string", "null"]},
    "correlation_id": {"type": "string"},
    "causation_id": {"type": ["string", "null"]},
    "user_id": {"type": ["string", "null"]},
    "recorded_at": {"type": "string", "format": "date-time"},
    "metadata": {"type": "object"},
}
SCHEMAS: Schema = {
    "RecordedEvent": {"type": "object", "required": list(_EVENT_MEMBERS), "properties": _EVENT_MEMBERS},
    "Outcome": {
        "type": "object",
        "required": ["status", "command", "command_id", "position", "streams", "events", "key"],
        "properties": {
            "status": {"enum": ["committed", "duplicate", "unchanged", "dry-run"]},
            "command": {"type": "string"},
            "command_id": {"type": "string"},
            "position": {"type": ["integer", "null"]},
            "streams": {"type": "array", "items": {"type": "object", "required": ["stream", "version"]}},
            "events": {"type": "array", "items": {"$ref": REF.format(model="RecordedEvent")}},
            "changes": {"type": "array", "items": {"type": "object"}},
            "key": {"type": "object"},
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "hint": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["detail"],
                    "properties": {
                        "pointer": {"type": "string"},
                        "parameter": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    },
    "State": {
        "type": "object",
        "required": ["stream", "version", "state"],
        "properties": {"stream": {"type": "string"}, "version": {"type": "integer"}, "state": {"type": "object"}},
    },
    "Job": {
        "type": "object",
        "required": ["job", "kind", "subject", "state", "position", "goal"],
        "properties": {"state": {"enum": ["running", "done", "failed", "cancelled"]}},
    },
}
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
TEXT = {"type": "string", "minLength": 1}
KEY = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"}
ETAG = {"type": "string", "pattern": '^(\\*|"(0|[1-9][0-9]{0,9})")$'}
POSITION = {"type": "string", "pattern": "^@?(0|[1-9][0-9]{0,12})$"}
TIME = {"type": "string", "minLength": 1, "description": "2026-01-01T10:00Z, 10:00, yesterday, 2h (ago)"}
LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 100}
FLAG = {"type": "boolean", "default": False}
HEADERS: Schema = {
    "ETag": {"schema": {"type": "string"}},
    "Log-Position": {"schema": {"type": "integer"}},
    "Log-Lag": {"schema": {"type": "integer"}},
    "Link": {"schema": {"type": "string"}},
    "Location": {"schema": {"type": "string"}},
}


def document(domain: Domain, version: str) -> Schema:
    """The whole document."""
    commands, queries = by_word(dict.fromkeys(domain.commands.values())), by_word(domain.queries.values())
    names, schemas = _schemas(domain, list(commands.values()), list(queries.values()))
    paths: Schema = {}
    for name, command in commands.items():
        following = links.of_command(domain, command, commands, queries)
        paths[f"/commands/{name}"] = {"post": _command(domain, name, command, names, schemas, following)}
    paths["/commands"] = {"post": _batch()}
    for name, query in queries.items():
        paths[f"/queries/{name}"] = {"get": _query(name, query, names, schemas)}
    paths |= _log() | _aggregates() | _projections(domain) | _operation()
    return {
        "openapi": "3.1.0",
        "info": {"title": domain.name, "version": version, "description": f"The domain `{domain.name}`, by cqrs."},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS | schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _schemas(
    domain: Domain, commands: list[type[Command]], queries: list[type[Query[Any]]]
) -> tuple[dict[tuple[Any, str], Schema], Schema]:
    """The references to the schemas of all classes, and the schemas."""
    rows = {answers_with(one) for one in queries} | {one.cls for one in domain.row_types()}
    asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [(one, "validation") for one in (*commands, *queries)]
    ordered = sorted((one for one in rows if one is not None), key=lambda one: one.__qualname__)
    asked.extend((one, "serialization") for one in ordered)
    names, schema = models_json_schema(asked, ref_template=REF, schema_generator=SchemaGenerator)
    return {(cls, mode): found for (cls, mode), found in names.items()}, schema.get("$defs", {})


def problems_for(*statuses: int) -> Schema:
    """The problems that a route may answer with."""
    content = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    return {
        str(status): {"description": _PROBLEMS[status], "content": content} for status in sorted({*ALWAYS, *statuses})
    }


def _parameter(where: str, name: str, description: str, schema: Schema, required: bool = False) -> Schema:
    return {"name": name, "in": where, "required": required, "description": description, "schema": schema}


def _ask(name: str, description: str, schema: Schema) -> Schema:
    return _parameter("query", name, description, schema)


def _header(name: str, description: str, schema: Schema) -> Schema:
    return _parameter("header", name, description, schema)


def _answers(description: str, schema: Schema, *headers: str, media: str = "application/json") -> Schema:
    told: Schema = {"description": description, "content": {media: {"schema": schema}}}
    return told | ({"headers": {name: HEADERS[name] for name in headers}} if headers else {})


def _ref(name: str) -> Schema:
    return {"$ref": REF.format(model=name)}


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


# ── commands and queries ──────────────────────────────────────────────────────────────────────


def _command(
    domain: Domain,
    name: str,
    cls: type[Command],
    names: dict[tuple[Any, str], Schema],
    schemas: Schema,
    following: Schema,
) -> Schema:
    aggregate, clause = domain.decider(cls)
    opens = " It opens a stream." if clause.creates is True else ""
    done = _answers("Its events are in the log, durably", _ref("Outcome"), "ETag", "Log-Position", "Location")
    known = _answers("Done before with this key, nothing to do, or a dry run", _ref("Outcome"), "ETag", "Log-Position")
    doc = doc_of(cls)
    if clause.creates is False:
        _want_key(aggregate, schemas[names[(cls, "validation")]["$ref"].rpartition("/")[2]])
    return {
        "operationId": f"command-{name}",
        "tags": [f"commands: {aggregate.category}"],
        "summary": line_of(cls) or cls.__name__,
        "description": f"{doc}\n\nDecided by `{clause.where}`.{opens}".strip(),
        "parameters": [
            _header("Idempotency-Key", "The command's id: sent again, it gets the first answer, for ever.", KEY),
            _header("If-Match", '`"5"`: the stream must be at version 5.', ETAG),
            _header("If-None-Match", "`*`: the stream must not be there yet.", {"const": "*"}),
            _header("Correlation-Id", "The story that it belongs to.", KEY),
            _ask("dry_run", "Decide, and show events and changes of rows; write nothing.", FLAG),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": names[(cls, "validation")]}},
        },
        "responses": {"201": done | {"links": following}, "200": known, **problems_for(404, 409, 412, 413, 415)},
    }


def _want_key(aggregate: AggregateType, schema: Schema) -> None:
    """A key that is a text must not be empty: no stream is called so, and none is made here."""
    for name in aggregate.key:
        part = schema["properties"].get(name, {})
        if part.get("type") == "string":
            part["minLength"] = max(1, part.get("minLength", 0))


def _batch() -> Schema:
    lines = {"application/x-ndjson": {"schema": {"type": "string"}}}
    return {
        "operationId": "commands-batch",
        "tags": ["commands"],
        "summary": "Many commands, a line of JSON each",
        "description": 'A line: `{"command": "create-order", "data": {…}}`, with `command_id`, `expect` … if wanted.',
        "parameters": [_ask("fail_fast", "Stop at the first line without success.", FLAG)],
        "requestBody": {"required": True, "content": lines},
        "responses": {
            "200": {"description": "A line for each, once it is durable", "content": lines},
            **problems_for(413, 415),
        },
    }


def _query(name: str, cls: type[Query[Any]], names: dict[tuple[Any, str], Schema], schemas: Schema) -> Schema:
    schema = schemas[names[(cls, "validation")]["$ref"].rpartition("/")[2]]
    fields = _fields(cls, schema.get("properties", {}), schema.get("required", ()))
    row = answers_with(cls)
    item: Schema = names[(row, "serialization")] if row is not None else {}
    rows = {"anyOf": [{"type": "array", "items": item}, item, {"type": "null"}]} if item else {}
    paged = is_paged(cls)
    pages = [
        _ask("limit", "Rows a page.", LIMIT),
        _ask("cursor", "The next page, as `Link` said.", {"type": "string", "minLength": 1}),
    ]
    return {
        "operationId": f"query-{name}",
        "tags": ["queries"],
        "summary": line_of(cls) or cls.__name__,
        "parameters": [*fields, *(pages if paged is not False else []), *_freshness()],
        "responses": {
            "200": _answers("The answer", rows, "ETag", "Log-Position", "Log-Lag", *(["Link"] if paged else [])),
            "304": {"description": "As you have it"},
            **problems_for(404),
        },
    }


def _fields(cls: type[Query[Any]], parts: Schema, required: Collection[str]) -> Iterator[Schema]:
    """The fields of a query as parameters: lists are repeated, models and mappings are JSON, null is left out."""
    record = record_of(cls)
    for field, part in parts.items():
        member = record.member(field)
        told = _parameter("query", FIELD + field if field in OWN else field, "", {}, field in required)
        told["description"] = part.get("description", "")
        part = _without_null(part)
        if member is not None and isinstance(member.shape, Record | Mapping | Json):
            del told["schema"]
            yield told | {"content": {"application/json": {"schema": part}}}
        else:
            yield told | {"schema": part, "style": "form", "explode": True}


def _without_null(schema: Schema) -> Schema:
    """A schema without null, which a text in a URL can't say."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == len(schema.get("anyOf", ())):
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


def _freshness() -> list[Schema]:
    return [
        _ask("wait", "First wait until the log and the rows have this position.", POSITION),
        _ask("stale", "Rows as they are: do not bring them up to date first.", FLAG),
    ]


# ── the rest ──────────────────────────────────────────────────────────────────────────────────


def _stream() -> Schema:
    return _parameter("path", "stream", "A stream: `order-17`.", {"type": "string", "minLength": 1}, True)


def _named(name: str, description: str) -> Schema:
    return _parameter("path", name, description, {"type": "string", "minLength": 1}, True)


def _texts() -> Schema:
    return {"type": "array", "items": {"type": "string", "minLength": 1}}


def _log() -> Schema:
    event = _ref("RecordedEvent")
    filters = [
        _ask("stream", "Only this stream.", TEXT),
        _ask("category", "Only this category.", TEXT),
        _ask("type", "Only these types.", _texts()),
        _ask("contains", "With this text in the payload or the metadata.", TEXT),
        _ask("user", "Of commands of this user.", TEXT),
        _ask("command", "Of these commands.", _texts()),
        _ask("correlation", "Of one story.", TEXT),
        _ask("where", "Conditions, as in `data.amount < 0`; all must hold.", _texts()),
        _ask("after", "After this position.", POSITION),
        _ask("before", "Before this position.", POSITION),
        _ask("since", "Recorded at or after.", TIME),
        _ask("until", "Recorded before.", TIME),
        _ask("limit", "Events a page.", LIMIT),
        _ask("backwards", "From the newest.", FLAG),
    ]
    page = _answers("Events", {"type": "array", "items": event}, "Link", "Log-Position")
    page["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    many = {"type": "array", "items": {"type": "object"}}
    listed = [
        _ask("category", "Only this category.", TEXT),
        _ask("after", "Names after this one.", TEXT),
        _ask("limit", "Streams a page.", LIMIT),
    ]
    one = {"anyOf": [event, {"type": "array", "items": event}]}
    return {
        "/events": _get("events", "log", "A page of events, or with `Accept: text/event-stream` all that come", filters,
                        {"200": page}, 404),
        "/events/{what}": _get("event", "log", "One event in full", [_named("what", "`1200`, `order-17@5` or an id.")],
                               {"200": _answers("The event", one)}, 404),
        "/streams": _get("streams", "log", "Streams by name", listed, {"200": _answers("Streams", many, "Link")}),
        "/trace/{what}": _get("trace", "log", "What led to what", [_named("what", "An id, a position or a stream.")],
                              {"200": _answers("Trees", many)}, 404),
    }  # fmt: skip


def _aggregates() -> Schema:
    at = _ask("at", "`5` a version, `@1200` a position, or a time.", TIME)
    many = {"type": "array", "items": {"type": "object"}}
    after = {"type": "integer", "minimum": 1, "maximum": MOST_VERSIONS}
    return {
        "/aggregates/{stream}": _get("aggregate", "aggregates", "The state of an aggregate", [_stream(), at],
            {"200": _answers("The state", _ref("State"), "ETag")}, 404),
        "/aggregates/{stream}/history": _get("history", "aggregates", "Each event, the state after it, what it changed",
            [_stream(), at, _ask("after", "Versions after this one.", after), _ask("limit", "Steps a page.", LIMIT)],
            {"200": _answers("Steps", many, "Link")}, 404),
        "/aggregates/{stream}/blame": _get("blame", "aggregates", "Which event each field is from",
            [_stream(), at, _ask("field", "Only this field.", TEXT), _ask("history", "Every change of it.", TEXT)],
            {"200": _answers("Fields", many)}, 404),
    }  # fmt: skip


def _projections(domain: Domain) -> Schema:
    many, known = {"type": "array", "items": {"type": "object"}}, [one.name for one in domain.row_types()]
    name = _parameter("path", "name", "A read model.", {"enum": known} if known else TEXT, True)
    job = _answers("It has begun", _ref("Job"), "Location") | {"links": links.JOB}
    rows = [
        name,
        _ask("where", "Conditions on columns; all must hold.", _texts()),
        _ask("order", "Columns, `-` before one for descending.", TEXT),
        _ask("limit", "Rows a page.", LIMIT),
        _ask("cursor", "The next page, as `Link` said.", TEXT),
        _ask("at", "As they were: `@1200` or a time.", TIME),
        *_freshness(),
    ]
    found = _answers("Rows", many, "ETag", "Log-Position", "Log-Lag", "Link")
    unchanged = {"304": {"description": "As you have it"}}
    id = _named("id", "The id of a job.")
    return {
        "/projections": _get("projections", "read models", "Where they stand", [], {"200": _answers("All", many)}),
        "/projections/{name}": _get("projection", "read models", "Rows", rows, {"200": found, **unchanged}, 404),
        "/projections/{name}/check": _post("check", "read models", "Compare with a fold", [name], {"202": job}, 404),
        "/projections/{name}/rebuild": _post("rebuild", "read models", "Fold anew", [name], {"202": job}, 404),
        "/jobs/{id}": _get("job", "read models", "How far a job is", [id], {"200": _answers("It", _ref("Job"))}, 404),
        "/jobs/{id}/cancel": _post("cancel", "read models", "Let a job end", [id], {"202": job}, 404),
    }  # fmt: skip


def _operation() -> Schema:
    many, id = {"type": "array", "items": {"type": "object"}}, _named("id", "The id of its command.")
    thing = {"type": "object"}
    reason = {
        "type": "object",
        "required": ["reason"],
        "additionalProperties": False,
        "properties": {"reason": {"type": "string", "pattern": "[!-~]"}},
    }
    body = {"application/json": {"schema": reason}}
    letters = [
        _ask("dropped", "Those that were dropped.", FLAG),
        _ask("limit", "Letters a page.", LIMIT),
        _ask("after", "After this one.", TEXT),
    ]
    most = {"type": "string", "pattern": f"^{PATTERN}$", "examples": ["100", "30s"]}
    figures = _answers("Prometheus' text format", {"type": "string"}, media="text/plain")
    return {
        "/reactions": _get("reactions", "operation", "Where reactions stand", [], {"200": _answers("All", many)}),
        "/dead-letters": _get("dead-letters", "operation", "Commands that came to nothing", letters,
                              {"200": _answers("Them", many, "Link")}),
        "/dead-letters/{id}/retry": _post("retry", "operation", "Send it again", [id],
                                          {"200": _answers("What became of it", thing)}, 404),
        "/dead-letters/{id}/drop": _post("drop", "operation", "Put it away, on record", [id],
                                         {"200": _answers("It", thing)}, 404, 413, 415, body=body),
        "/sql": _get("sql", "operation", "One SELECT", [_parameter("query", "q", "The statement.", TEXT, True)],
                     {"200": _answers("Rows", many)}, 413),
        "/health/live": _get("live", "operation", "The process answers", [], {"200": _answers("Yes", thing)}),
        "/health/ready": _get("ready", "operation", "It may be asked", [_ask("max_lag", "At most.", most)],
                              {"200": _answers("Yes", thing)}),
        "/metrics": _get("metrics", "operation", "Figures for Prometheus", [], {"200": figures}),
    }  # fmt: skip
