"""What a domain promised to read: `cqrs.lock.json`, made of its classes, kept in the repository.

Its members are sorted and stand a line each, so that what changes is what a diff shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cqrs_cli.checking.schemas import schema_of
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.keys import plain_type
from cqrs_cli.domain.messages import Message
from cqrs_cli.domain.process_manager import CommandRejected
from cqrs_cli.errors import Misuse

NAME = "cqrs.lock.json"
FORMAT = 1
KINDS = ("aggregates", "commands", "events", "read_models")
Lock = Mapping[str, Any]
"""The content: `format`, `domain`, and by kind and name what was promised."""


def lock_of(domain: Domain) -> Lock:
    """The lock of the classes as they are now."""
    return {
        "format": FORMAT,
        "domain": domain.name,
        "aggregates": {
            one.category: {
                "aliases": sorted(one.aliases),
                "key": {name: kind.__name__ for name, kind in zip(one.key, one.key_types, strict=True)},
            }
            for one in domain.aggregates.values()
        },
        "commands": _messages(domain.commands.values()),
        "events": _messages(one for one in domain.events.values() if one is not CommandRejected),
        "read_models": {
            rows.name: {
                "key": {name: _type_name(rows.cls.model_fields[name].annotation) for name in rows.table.key},
                "schema": schema_of(rows.cls),
                "version": rows.cls.keywords.version,
            }
            for rows in domain.row_types()
        },
    }


def text_of(lock: Lock) -> str:
    """The lock as it stands in its file."""
    return json.dumps(lock, indent=1, ensure_ascii=False, sort_keys=True, default=str) + "\n"


def read(path: Path) -> Lock | None:
    """The lock in a file; None if there is no such file. Raises `Misuse` (`lock`, `unreadable-file`)."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        hint = "the path of a file that is there, and that this user may read"
        raise Misuse(f"{path} can't be read: {error.strerror}", hint=hint, code="unreadable-file") from error
    return parse(data, str(path))


def parse(data: bytes, where: str) -> Lock:
    """The lock that a text holds. Raises `Misuse` (`lock`) for what is none, or is newer than this program."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _no_lock(where, f"it is no JSON: {error}") from None
    if not isinstance(found, dict) or type(found.get("format")) is not int:
        raise _no_lock(where, "it has no format")
    if found["format"] > FORMAT:
        told = f"{where} is a lock of format {found['format']}, and this program knows {FORMAT}"
        raise Misuse(told, code="lock", hint="a newer cqrs wrote it: use that one")
    for kind in KINDS:
        named = found.get(kind)
        if not isinstance(named, dict) or not all(isinstance(one, dict) for one in named.values()):
            raise _no_lock(where, f"its {kind} are no names with what was locked of each")
        for name, one in named.items():
            if not _is_whole(kind, one):
                raise _no_lock(where, f"what it has of {name} is not what a lock has")
    return found


def _is_whole(kind: str, one: Mapping[str, Any]) -> bool:
    wanted: dict[str, type] = {"key": dict} if kind in ("aggregates", "read_models") else {}
    wanted |= {} if kind == "aggregates" else {"schema": dict, "version": int}
    wanted |= {} if kind == "read_models" else {"aliases": list}
    return all(type(one.get(name)) is kind for name, kind in wanted.items())


def _no_lock(where: str, why: str) -> Misuse:
    return Misuse(f"{where} is no lock: {why}", code="lock", path=where)


def _messages(classes: Iterable[type[Message]]) -> dict[str, Any]:
    return {
        cls.stored.name: {
            "aliases": sorted(cls.stored.aliases),
            "schema": schema_of(cls),
            "version": cls.stored.version,
        }
        for cls in dict.fromkeys(classes)
    }


def _type_name(annotation: Any) -> str:
    kind: Any = plain_type(annotation)
    return getattr(kind, "__name__", str(kind))
