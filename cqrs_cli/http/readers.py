"""What reads payloads into the classes of a domain, by the names that paths have of them; each is made once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic import BaseModel

from cqrs_cli.errors import NotFound
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads.model_reader import ModelReader, model_reader

Model = TypeVar("Model", bound=BaseModel)


class Readers(Generic[Model]):
    """Readers of one kind of class: `command`, `query`."""

    def __init__(self, kind: str, classes: Mapping[str, type[Model]]) -> None:
        self._kind, self._classes = kind, classes
        self._made: dict[str, ModelReader[Model]] = {}

    def of(self, name: str) -> ModelReader[Model]:
        """The reader of a class. Raises `NotFound` (`command-not-found`, `query-not-found`)."""
        found = self._made.get(name)
        if found is None:
            cls = self._classes.get(name)
            if cls is None:
                near = did_you_mean(name, list(self._classes), 1)
                raise NotFound(f"no {self._kind} {name[:80]!r}", code=f"{self._kind}-not-found", hint=near)
            found = self._made[name] = model_reader(cls)
        return found
