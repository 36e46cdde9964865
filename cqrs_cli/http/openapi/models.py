"""The schemas of the classes of a domain: what is sent, and what is told."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.query import Query, answers_with
from cqrs_cli.http.openapi.schemas import REF, Schema
from cqrs_cli.payloads.jsonschema import SchemaGenerator


class Models:
    """References to them, and the schemas, by their names."""

    def __init__(self, domain: Domain, commands: list[type[Command]], queries: list[type[Query[Any]]]) -> None:
        rows = {answers_with(one) for one in queries} | {one.cls for one in domain.row_types()}
        asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [(one, "validation") for one in (*commands, *queries)]
        ordered = sorted((one for one in rows if one is not None), key=lambda one: one.__qualname__)
        asked.extend((one, "serialization") for one in ordered)
        names, schema = models_json_schema(asked, ref_template=REF, schema_generator=SchemaGenerator)
        self._names: dict[tuple[Any, str], Schema] = {(cls, mode): found for (cls, mode), found in names.items()}
        self.schemas: Schema = schema.get("$defs", {})

    def given(self, cls: type[BaseModel]) -> Schema:
        """The reference to a class as it is sent."""
        return self._names[(cls, "validation")]

    def told(self, cls: type[BaseModel]) -> Schema:
        """The reference to a class as it is told."""
        return self._names[(cls, "serialization")]

    def schema(self, cls: type[BaseModel]) -> Schema:
        """The schema of a class as it is sent."""
        found: Schema = self.schemas[self.given(cls)["$ref"].rpartition("/")[2]]
        return found
