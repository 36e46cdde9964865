"""The paths of commands: one for each class, and one for many."""

from __future__ import annotations

from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command
from cqrs_cli.http.openapi.models import Models
from cqrs_cli.http.openapi.parameters import ETAG, FLAG, KEY, ask, header
from cqrs_cli.http.openapi.responses import answers, problems_for
from cqrs_cli.http.openapi.schemas import Schema, ref
from cqrs_cli.payloads.words import doc_of, line_of


def command(domain: Domain, name: str, cls: type[Command], models: Models, following: Schema) -> Schema:
    """The path of one. following: links from what it answers."""
    aggregate, clause = domain.decider(cls)
    opens = " It opens a stream." if clause.creates is True else ""
    done = answers("Its events are in the log, durably", ref("Outcome"), "ETag", "Log-Position", "Location")
    known = answers("Done before with this key, nothing to do, or a dry run", ref("Outcome"), "ETag", "Log-Position")
    doc = doc_of(cls)
    if clause.creates is False:
        _want_key(aggregate, models.schema(cls))
    return {
        "operationId": f"command-{name}",
        "tags": [f"commands: {aggregate.category}"],
        "summary": line_of(cls) or cls.__name__,
        "description": f"{doc}\n\nDecided by `{clause.where}`.{opens}".strip(),
        "parameters": [
            header("Idempotency-Key", "The command's id: sent again, it gets the first answer, for ever.", KEY),
            header("If-Match", '`"5"`: the stream must be at version 5.', ETAG),
            header("If-None-Match", "`*`: the stream must not be there yet.", {"const": "*"}),
            header("Correlation-Id", "The story that it belongs to.", KEY),
            ask("dry_run", "Decide, and show events and changes of rows; write nothing.", FLAG),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": models.given(cls)}},
        },
        "responses": {"201": done | {"links": following}, "200": known, **problems_for(404, 409, 412, 413, 415)},
    }


def _want_key(aggregate: AggregateType, schema: Schema) -> None:
    """A key that is a text must not be empty: no stream is called so, and none is made here."""
    for name in aggregate.key:
        part = schema["properties"].get(name, {})
        if part.get("type") == "string":
            part["minLength"] = max(1, part.get("minLength", 0))


def batch() -> Schema:
    """The path of many."""
    lines = {"application/x-ndjson": {"schema": {"type": "string"}}}
    return {
        "operationId": "commands-batch",
        "tags": ["commands"],
        "summary": "Many commands, a line of JSON each",
        "description": 'A line: `{"command": "create-order", "data": {…}}`, with `command_id`, `expect` … if wanted.',
        "parameters": [ask("fail_fast", "Stop at the first line without success.", FLAG)],
        "requestBody": {"required": True, "content": lines},
        "responses": {
            "200": {"description": "A line for each, once it is durable", "content": lines},
            **problems_for(413, 415),
        },
    }
