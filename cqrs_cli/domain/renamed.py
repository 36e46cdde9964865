"""Fields that had another name: what was stored under the older one is read under today's.

    seats: int = field(renamed_from="guests")

The names are kept in the field's `json_schema_extra`, so that a JSON Schema, and with it a lock, has them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from cqrs_cli.domain.pydantic_fast import nodes
from cqrs_cli.errors import DefinitionError

RENAMED_FROM = "renamed_from"


def field(default: Any = ..., *, renamed_from: str | Sequence[str], **options: Any) -> Any:
    """A field of an event or command that had another name, or several: pydantic's `Field` with `renamed_from`.

    Stored payloads with the older name are read as if they had today's; what is written has today's. No upcaster and no
    new `version=` is needed for that.
    """
    extra = {**options.pop("json_schema_extra", {}), RENAMED_FROM: renamed_from}
    return Field(default, json_schema_extra=extra, **options)


def older_names(cls: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """By field, the names that it had, of the fields that had others."""
    found = {}
    for name, info in cls.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and RENAMED_FROM in extra:
            older: Any = extra[RENAMED_FROM]
            found[name] = (older,) if isinstance(older, str) else tuple(older)
    return found


def refuse_wrong_names(cls: type[BaseModel]) -> None:
    """Raise `DefinitionError` for older names that a message can't have, and for those of models in it, which nobody
    would read."""
    renamed = older_names(cls)
    taken = {name: name for name in cls.model_fields}
    taken |= {info.alias: name for name, info in cls.model_fields.items() if info.alias is not None}
    for name, older in renamed.items():
        for one in older:
            if not isinstance(one, str) or not one:
                raise DefinitionError(f"{cls.__name__}.{name}: {one!r} was never a name", hint='renamed_from="guests"')
            if one in taken:
                raise DefinitionError(
                    f"{cls.__name__}.{name} was called {one!r}, as is or was {cls.__name__}.{taken[one]}",
                    hint="one of them would read what is the other's: version= and an upcaster say which is which",
                )
            taken[one] = name
    for model in {node["cls"]: None for node in nodes(cls) if node["type"] == "model" and node["cls"] is not cls}:
        refuse_older_names(model, f"{cls.__name__} holds {model.__name__}")


def refuse_older_names(cls: type[BaseModel], where: str) -> None:
    """Raise `DefinitionError` for a field with older names in a class that is no message."""
    for name, older in older_names(cls).items():
        names = ", ".join(map(repr, (name, *older)))
        raise DefinitionError(
            f"{where}: {name} has renamed_from=, which is for fields of events and commands themselves",
            hint=f"in a model inside them: Field(validation_alias=AliasChoices({names})) of pydantic",
        )
