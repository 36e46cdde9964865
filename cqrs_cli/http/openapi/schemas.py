"""The shapes that are the same for every domain: events, outcomes, problems, states, jobs."""

from __future__ import annotations

from typing import Any

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


def ref(name: str) -> Schema:
    """The reference to one of them, or to that of a class."""
    return {"$ref": REF.format(model=name)}
