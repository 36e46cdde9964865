"""Parameters and headers that are sent: what they are called, what they say, and which texts they take."""

from __future__ import annotations

from cqrs_cli.http.openapi.schemas import Schema
from cqrs_cli.http.parameters import MOST_ROWS

TEXT = {"type": "string", "minLength": 1}
KEY = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"}
ETAG = {"type": "string", "pattern": '^(\\*|"(0|[1-9][0-9]{0,9})")$'}
POSITION = {"type": "string", "pattern": "^@?(0|[1-9][0-9]{0,12})$"}
TIME = {"type": "string", "minLength": 1, "description": "2026-01-01T10:00Z, 10:00, yesterday, 2h (ago)"}
LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 100}
FLAG = {"type": "boolean", "default": False}


def parameter(where: str, name: str, description: str, schema: Schema, required: bool = False) -> Schema:
    """One that stands there: `path`, `query`, `header`."""
    return {"name": name, "in": where, "required": required, "description": description, "schema": schema}


def ask(name: str, description: str, schema: Schema) -> Schema:
    """One of the URL, which may be left out."""
    return parameter("query", name, description, schema)


def header(name: str, description: str, schema: Schema) -> Schema:
    """A header, which may be left out."""
    return parameter("header", name, description, schema)


def named(name: str, description: str) -> Schema:
    """One of the path."""
    return parameter("path", name, description, {"type": "string", "minLength": 1}, True)


def texts() -> Schema:
    """The schema of one that may be repeated."""
    return {"type": "array", "items": {"type": "string", "minLength": 1}}


def freshness() -> list[Schema]:
    """How fresh rows are to be."""
    return [
        ask("wait", "First wait until the log and the rows have this position.", POSITION),
        ask("stale", "Rows as they are: do not bring them up to date first.", FLAG),
    ]
