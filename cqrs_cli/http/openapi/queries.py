"""The paths of queries, whose fields are parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from cqrs_cli.domain.query import Query, answers_with
from cqrs_cli.http.openapi.models import Models
from cqrs_cli.http.openapi.parameters import LIMIT, ask, freshness, parameter
from cqrs_cli.http.openapi.responses import answers, problems_for
from cqrs_cli.http.openapi.schemas import Schema
from cqrs_cli.http.queries import FIELD, OWN, is_paged
from cqrs_cli.payloads.shapes import Json, Mapping, Record, record_of
from cqrs_cli.payloads.words import line_of


def query(name: str, cls: type[Query[Any]], models: Models) -> Schema:
    """The path of one."""
    schema = models.schema(cls)
    fields = _fields(cls, schema.get("properties", {}), schema.get("required", ()))
    row = answers_with(cls)
    item: Schema = models.told(row) if row is not None else {}
    rows = {"anyOf": [{"type": "array", "items": item}, item, {"type": "null"}]} if item else {}
    paged = is_paged(cls)
    pages = [
        ask("limit", "Rows a page.", LIMIT),
        ask("cursor", "The next page, as `Link` said.", {"type": "string", "minLength": 1}),
    ]
    return {
        "operationId": f"query-{name}",
        "tags": ["queries"],
        "summary": line_of(cls) or cls.__name__,
        "parameters": [*fields, *(pages if paged is not False else []), *freshness()],
        "responses": {
            "200": answers("The answer", rows, "ETag", "Log-Position", "Log-Lag", *(["Link"] if paged else [])),
            "304": {"description": "As you have it"},
            **problems_for(404),
        },
    }


def _fields(cls: type[Query[Any]], parts: Schema, required: Collection[str]) -> Iterator[Schema]:
    """The fields of a query as parameters: lists are repeated, models and mappings are JSON, null is left out."""
    record = record_of(cls)
    for field, part in parts.items():
        member = record.member(field)
        told = parameter("query", FIELD + field if field in OWN else field, "", {}, field in required)
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
