"""OpenAPI links: where the key, the id or the name that an answer has may be used next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.query import Query

Json = dict[str, Any]

JOB: Json = {
    "job": {"operationId": "job", "parameters": {"id": "$response.body#/job"}},
    "cancel": {"operationId": "cancel", "parameters": {"id": "$response.body#/job"}},
}
"""From a job that has begun."""


def of_command(
    domain: Domain, cls: type[Command], commands: Mapping[str, type[Command]], queries: Mapping[str, type[Query[Any]]]
) -> Json:
    """From a command that was committed: to its events, its story, its aggregate; if it opens one, to what that takes.

    commands, queries: all there are, by their names in paths.
    """
    aggregate, clause = domain.decider(cls)
    stream = {"stream": "$response.body#/streams/0/stream"}
    links: Json = {
        "event": {"operationId": "event", "parameters": {"what": "$response.body#/command_id"}},
        "trace": {"operationId": "trace", "parameters": {"what": "$response.body#/command_id"}},
        **{name: {"operationId": name, "parameters": stream} for name in ("aggregate", "history", "blame")},
    }
    if clause.creates is False:
        return links
    for name, other in commands.items():
        deciding = aggregate.deciders.get(other)
        fields = _key(aggregate, other)
        if fields and deciding is not None and deciding.creates is not True:
            links[f"command-{name}"] = {"operationId": f"command-{name}", "requestBody": fields}
    for name, query in queries.items():
        parameters = {f"query.{field}": value for field, value in _key(aggregate, query).items()}
        if parameters:
            links[f"query-{name}"] = {"operationId": f"query-{name}", "parameters": parameters}
    return links


def _key(aggregate: AggregateType, cls: type[Command] | type[Query[Any]]) -> dict[str, str]:
    """Where the fields that are the key of an aggregate are in an outcome; empty if a message has it not."""
    fields = cls.model_fields
    if not all(name in fields for name in aggregate.key):
        return {}
    return {fields[name].alias or name: f"$response.body#/key/{name}" for name in aggregate.key}
