"""The OpenAPI 3.1 document of a domain: its commands and queries with their schemas, and all else that is served."""

from __future__ import annotations

from cqrs_cli.domain.domain import Domain
from cqrs_cli.http.openapi import links
from cqrs_cli.http.openapi.commands import batch, command
from cqrs_cli.http.openapi.models import Models
from cqrs_cli.http.openapi.paths import paths
from cqrs_cli.http.openapi.queries import query
from cqrs_cli.http.openapi.schemas import SCHEMAS, Schema
from cqrs_cli.payloads.words import by_word


def document(domain: Domain, version: str) -> Schema:
    """The whole document."""
    commands, queries = by_word(dict.fromkeys(domain.commands.values())), by_word(domain.queries.values())
    models = Models(domain, list(commands.values()), list(queries.values()))
    served: Schema = {}
    for name, cls in commands.items():
        following = links.of_command(domain, cls, commands, queries)
        served[f"/commands/{name}"] = {"post": command(domain, name, cls, models, following)}
    served["/commands"] = {"post": batch()}
    for name, asked in queries.items():
        served[f"/queries/{name}"] = {"get": query(name, asked, models)}
    return {
        "openapi": "3.1.0",
        "info": {"title": domain.name, "version": version, "description": f"The domain `{domain.name}`, by cqrs."},
        "paths": served | paths(domain),
        "components": {
            "schemas": SCHEMAS | models.schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }
