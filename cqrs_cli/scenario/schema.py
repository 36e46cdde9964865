"""The JSON Schema of a scenario: for editors, which complete names and mark what is misspelt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command, kebab

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LENGTH = "a length: 90m, 1d 2h, P1DT2H"
_TIME = {"type": "string", "description": f"A moment with its zone, 2026-01-01T10:00Z, or {_LENGTH}."}
_TEXT = {"type": ["string", "number"]}
_BESIDE: dict[str, Any] = {
    "stream": {**_TEXT, "description": "Whose event it is: order-17."},
    "at": {**_TIME, "description": "From here on it is this time."},
    "by": {**_TEXT, "description": "The user of a command."},
    "id": {**_TEXT, "description": "The id of a command."},
}
_VERSION = {"version": {"type": "integer", "minimum": 1, "description": "The event as this version stored it."}}


def scenario_schema(domain: Domain | None = None) -> dict[str, Any]:
    """The schema of one document. domain: whose commands, events, read models and services it names; None: any."""
    commands, events = (None, None) if domain is None else (_messages(domain.deciders), _messages(_classes(domain)))
    both = None if commands is None or events is None else {**events, **commands}
    past = None if domain is None or both is None else {**both, **_messages(_classes(domain), older=True)}
    tables = None if domain is None else [rows.name for rows in domain.row_types()]
    later = {
        "type": "object",
        "required": ["later"],
        "additionalProperties": False,
        "properties": {"later": {**_TIME, "description": f"Time passes, and deadlines come due: {_LENGTH}."}},
    }
    return {
        "$schema": _DIALECT,
        "$id": "https://cqrs-cli/scenario/1",
        "title": "A scenario of cqrs: what happened, what is tried, what comes of it",
        "type": "object",
        "required": ["scenario", "then"],
        "additionalProperties": False,
        "properties": {
            "scenario": {"type": "string", "minLength": 1, "description": "Its name, of which there is one in a file."},
            "at": {**_TIME, "description": "The time at the beginning; 2026-01-01T00:00Z if nothing is said."},
            "services": {
                "type": "object",
                "description": "What services answer: {Inventory: {available: true}}, {in_turn: […]}, {raises: code}.",
            },
            "given": {
                "type": "array",
                "description": "Events that happened, and commands that were accepted.",
                "items": {"$ref": "#/$defs/happened"},
            },
            "when": {"anyOf": [{"$ref": "#/$defs/tried"}, later]},
            "then": {"$ref": "#/$defs/then"},
        },
        "$defs": {
            "happened": _item(past, {**_BESIDE, **_VERSION}),
            "tried": _item(both, _BESIDE),
            "event": _item(events, {}),
            "sent": _item(commands, {"after": {**_TIME, "description": f"A deadline: {_LENGTH}."}, "named": _TEXT}),
            "then": _then(tables),
        },
    }


def _then(tables: list[str] | None) -> dict[str, Any]:
    row = {"type": "array", "items": {"type": "object"}}
    texts = {"anyOf": [{"type": "string"}, {"type": "object"}]}
    rejected = {"type": "object", "additionalProperties": False, "properties": {"code": texts, "message": texts}}
    members = {
        "events": {"type": "array", "items": {"$ref": "#/$defs/event"}},
        "rejected": {"anyOf": [{"type": "string"}, rejected], "description": "The code, or code and message."},
        "state": {"type": "object", "description": "Fields of the aggregate afterwards."},
        "holds": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "description": "Conditions over the aggregate afterwards: state.in_stock >= 0.",
        },
        "rows": {
            "type": "object",
            "description": "Read models, with all their rows: keys, and the fields that matter.",
            **_named(dict.fromkeys(tables, row) if tables is not None else None, row),
        },
        "sends": {"type": "array", "items": {"$ref": "#/$defs/sent"}, "description": "What reactions answer."},
    }
    whole = {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": members}
    several = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/event"}}
    return {"anyOf": [{"const": "nothing"}, several, whole, {"$ref": "#/$defs/event"}]}


def _item(messages: Mapping[str, Any] | None, beside: Mapping[str, Any]) -> dict[str, Any]:
    """One message by its name, with what may stand beside it; or its name alone."""
    count = {"minProperties": 1, "maxProperties": 1 + len(beside)}
    whole = {"type": "object", **count, **_named(messages, {"type": ["object", "null"]}, beside)}
    alone = {"type": "string"} if messages is None else {"enum": list(messages)}
    return {"anyOf": [whole, alone]}


def _named(known: Mapping[str, Any] | None, other: Any, beside: Mapping[str, Any] = {}) -> dict[str, Any]:
    if known is None:
        return {"properties": dict(beside), "additionalProperties": other}
    return {"properties": {**known, **beside}, "additionalProperties": False}


def _classes(domain: Domain) -> dict[Any, Any]:
    return dict.fromkeys(domain.events.values())


def _messages(classes: Mapping[Any, Any], *, older: bool = False) -> dict[str, Any]:
    """By name, what fields a message has. Their values may be matchers, so that these are not told.

    older: or had, in a version before today's.
    """
    found: dict[str, Any] = {}
    for cls in classes:
        fields = dict.fromkeys(cls.model_fields, True)
        told = (cls.__doc__ or "").strip().splitlines()
        schema = {
            "type": ["object", "null"],
            "properties": fields,
            "additionalProperties": older and cls.stored.version > 1,
        }
        schema |= {"description": told[0]} if told and "__doc__" in vars(cls) else {}
        names = (kebab(cls.__name__), cls.__name__) if issubclass(cls, Command) else (cls.__name__,)
        for name in dict.fromkeys((*names, cls.stored.name, *cls.stored.aliases)):
            found[name] = schema
    return found
