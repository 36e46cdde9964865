"""`cqrs schema NAME`: the JSON Schema of a command, event, query or projection, and an example that validates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Table, Value
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads.words import line_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cqrs_cli.domain.domain import Domain

KINDS = ("command", "event", "query", "projection")


class Named(NamedTuple):
    """A class of the domain. name: what it is called on the command line; words: everything it answers to."""

    kind: str
    name: str
    cls: type[BaseModel]
    version: int | None
    words: frozenset[str]


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="create-order, or kind:name if several are called so.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print a payload that validates instead.")] = False,
    lock: Annotated[
        bool, typer.Option("--lock", help="Write cqrs.lock.json: what cqrs check compares the classes with.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="With --lock: although what was locked can't all be read any more.")
    ] = False,
    scenario: Annotated[
        bool,
        typer.Option("--scenario", help="The schema of files *.scenario.yaml, for editors, with this domain's names."),
    ] = False,
) -> None:
    """The JSON Schema of a command, event, query or projection; without a name, what there is.

    cqrs schema create-order --example | cqrs send create-order -d @-

    --lock writes names, versions, schemas and keys of all of them to cqrs.lock.json beside the settings, to be
    committed, and prints what changed since it was written. Changes that want an upcaster, or that break something, are
    not locked without --accept: exit 1.
    """
    if accept and not lock:
        raise Misuse("--accept goes with --lock", hint="cqrs schema --lock --accept")
    if lock:
        if name is not None or example:
            raise Misuse("--lock is of all classes", hint="cqrs schema --lock")
        from cqrs_cli.cli.commands.lock import write_lock

        write_lock(current(), accept)
        return
    session = current()
    if scenario:
        if name is not None or example:
            raise Misuse("--scenario stands alone", hint="cqrs schema --scenario -o scenario.schema.json")
        from cqrs_cli.scenario.schema import scenario_schema

        session.printer.print(Value(scenario_schema(session.domain())))
        return
    known = list(named(session.domain()))
    if name is None:
        if example:
            raise Misuse("--example of what?", hint="cqrs schema NAME --example; cqrs schema lists the names")
        _list(session, known)
        return
    found = find(known, name, session.domain().name)
    session.printer.print(Value(_example(session, found) if example else _schema(found)))


def named(domain: Domain) -> Iterator[Named]:
    """All classes of the domain that have a schema."""
    from cqrs_cli.domain.messages import kebab, snake

    def words(cls: type, *more: str) -> frozenset[str]:
        every = {cls.__name__, kebab(cls.__name__), snake(cls.__name__)}
        for text in more:
            every |= {text, kebab(text), snake(text)}
        return frozenset(every)

    for kind, classes in (("command", domain.commands), ("event", domain.events)):
        for cls in sorted(dict.fromkeys(classes.values()), key=lambda cls: cls.stored.name):
            stored = cls.stored
            shown = kebab(cls.__name__) if kind == "command" else stored.name
            yield Named(kind, shown, cls, stored.version, words(cls, stored.name, *stored.aliases))
    for query in domain.queries.values():
        yield Named("query", kebab(query.__name__), query, None, words(query))
    for table, projection in domain.projections.items():
        yield Named("projection", table, projection.cls, projection.cls.keywords.version, words(projection.cls, table))


def find(known: list[Named], name: str, domain: str) -> Named:
    """The class of this name, `kind:name` if it must be said. Raises `NotFound` or, for several, `Misuse`."""
    kind, colon, rest = name.partition(":")
    wanted = rest if colon and kind in KINDS else name
    found = [one for one in known if wanted in one.words and (wanted == name or one.kind == kind)]
    if not found:
        near = did_you_mean(wanted, sorted({one.name for one in known}))
        hint = near or "cqrs schema lists what there is"
        raise NotFound(f"nothing is called {name!r} in the domain {domain!r}", code="name-not-found", hint=hint)
    if len(found) > 1:
        choices = ", ".join(f"{one.kind}:{one.name}" for one in found)
        raise Misuse(f"{len(found)} things are called {name!r}", code="ambiguous-name", hint=f"say which: {choices}")
    return found[0]


def _list(session: Session, known: list[Named]) -> None:
    rows = [records.definition(one.kind, one.name, one.version, one.cls, line_of(one.cls)) for one in known]
    session.printer.print(Table(rows, empty="the domain is empty"))


def _schema(found: Named) -> dict[str, Any]:
    from pydantic import PydanticInvalidForJsonSchema

    from cqrs_cli.payloads.jsonschema import DIALECT, SchemaGenerator

    try:
        return {"$schema": DIALECT, **found.cls.model_json_schema(schema_generator=SchemaGenerator)}
    except PydanticInvalidForJsonSchema as error:
        raise Misuse(
            f"{found.name} has no JSON Schema: {str(error).splitlines()[0]}",
            code="no-schema",
            hint="pydantic knows no schema for that type; a type with __get_pydantic_json_schema__ has one",
        ) from None


def _example(session: Session, found: Named) -> dict[str, Any]:
    from cqrs_cli.cli.options.examples import example_of
    from cqrs_cli.payloads import complaints
    from cqrs_cli.payloads.shapes import record_of

    _schema(found)
    example = example_of(found.cls)
    if example.refused is not None:
        for complaint in complaints.of(example.refused, record_of(found.cls), example.payload):
            session.printer.message(f"this example does not validate: {complaint}")
    return example.payload
