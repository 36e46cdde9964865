"""The model: whether the classes of a domain are complete and fit each other, by themselves.

What stops a domain from being made is a `DefinitionError` and never comes here. What is found here can be meant: then
it is named in `ignores` of the class, one by one, with the reason in a comment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from cqrs_cli.checking.circles import circles, commands_of
from cqrs_cli.checking.material import Material
from cqrs_cli.checking.mentions import mentioned
from cqrs_cli.domain.aggregate import Aggregate, AggregateType
from cqrs_cli.domain.clauses import clauses_of, says_what_it_gives
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.keys import plain_type
from cqrs_cli.domain.messages import Command, Event, Message
from cqrs_cli.domain.process_manager import CommandRejected
from cqrs_cli.domain.query import rows_named
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import DefinitionError
from cqrs_cli.finding import Checked, Finding

M = TypeVar("M", bound=Message)
Decided = Mapping[type[Command], set[type[Event]]]


def check(material: Material) -> Checked:
    """All that is probably wrong, and worth knowing, of the classes."""
    domain = material.domain
    subjects = _subjects(domain)
    if not subjects:
        return Checked("model", nothing=f"the domain {domain.name} is empty")
    decided = {command: events_of(domain, command) for command in domain.deciders}
    findings = [
        *domain.check(),
        *(one for aggregate in domain.aggregates.values() for one in _of_aggregate(aggregate, decided)),
        *(one for rows in domain.projections.values() for one in _of_projection(domain, rows)),
        *_of_queries(domain),
        *_of_reactions(domain),
        *_circles(domain, decided),
        *_left_over(domain, decided),
        *_names(domain, material.reserved),
    ]
    kinds = {
        "aggregate": len(domain.aggregates),
        "command": len(set(domain.commands.values())),
        "event": len(_events(domain)),
        "read model": len(domain.projections),
        "reaction": len(domain.reactions),
        "query": len(domain.queries),
    }
    told = [f"{count} {_plural(name) if count > 1 else name}" for name, count in kinds.items() if count]
    return Checked("model", findings, ", ".join(told), subjects=subjects)


def _plural(noun: str) -> str:
    return "queries" if noun == "query" else noun + "s"


def _subjects(domain: Domain) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for aggregate in domain.aggregates.values():
        found[aggregate.cls.__name__] = aggregate.cls
        found |= {clause.where: clause.function for clause in aggregate.deciders.values()}
    for reaction in domain.reactions.values():
        found |= {clause.where: clause.function for clause in reaction.reactors.values()}
    classes: list[type] = [*(rows.cls for rows in domain.row_types()), *(one.cls for one in domain.reactions.values())]
    classes += [*domain.queries.values(), *domain.commands.values(), *_events(domain)]
    return found | {cls.__name__: cls for cls in classes}


def _events(domain: Domain) -> list[type[Event]]:
    found = dict.fromkeys(domain.events.values())
    return sorted((one for one in found if one is not CommandRejected), key=lambda one: one.__name__)


def events_of(domain: Domain, command: type[Command]) -> set[type[Event]]:
    """The events that may come of a command, as far as the code tells."""
    aggregate, clause = domain.deciders[command]
    told = {event for event in aggregate.events if any(issubclass(event, one) for one in clause.produces)}
    return told | set(clause.produces) | mentioned(clause, Event)


# ── aggregates ────────────────────────────────────────────────────────────────────────────────


def _of_aggregate(aggregate: AggregateType, decided: Decided) -> Iterator[Finding]:
    name, tells, events = aggregate.cls.__name__, True, set[type[Event]]()
    for command, clause in aggregate.deciders.items():
        events |= decided[command]
        if not decided[command] and not says_what_it_gives(clause):
            tells = False
            told = "says nowhere which events it decides, so that nothing is known of them"
            yield Finding("no-annotation", "note", clause.where, told, "def pay(…) -> OrderPaid: …")
        for event in sorted(decided[command], key=lambda one: one.__name__):
            if not any(issubclass(known, event) for known in aggregate.events):
                told = f"names {event.__name__}, for which {name} has no evolve"
                hint = f"add one, or ignores = ({event.__name__},) if it changes nothing in the state"
                yield Finding("no-evolve", "warning", clause.where, told, hint)
    if aggregate.deciders and all(clause.creates is False for clause in aggregate.deciders.values()):
        told = "no command opens one, so that each is answered with: not found"
        yield Finding("never-opened", "note", name, told, "@decide(creates=True)")
    for event, clause in aggregate.evolvers.items() if tells else ():
        if not any(issubclass(event, one) for one in events) and event not in aggregate.cls.ignores:
            told = f"takes in {event.__name__}, which no decide of {name} names"
            hint = f"decide it, or ignores = ({event.__name__},) if only older streams have it"
            yield Finding("unreachable-event", "warning", clause.where, told, hint)


# ── the read side ─────────────────────────────────────────────────────────────────────────────


def _of_projection(domain: Domain, rows: RowType) -> Iterator[Finding]:
    owners = list(domain.aggregates.values())
    # Of other aggregates an event may carry the key as well, and mean nothing here.
    own = [owner for owner in owners if owner.events & rows.evolvers.keys()]
    unseen = [
        event
        for event in _events(domain)
        if event not in (*rows.evolvers, *rows.cls.keywords.ignores)
        and any(event in owner.events and _carries_key(event, owner, rows) for owner in own)
    ]
    if unseen:
        named = ", ".join(event.__name__ for event in unseen)
        told = f"has no evolve for {named}, which {'carry' if len(unseen) > 1 else 'carries'} its key"
        hint = f"add one, or ignores=({named},) behind its key= if the row does not change"
        yield Finding("unseen-event", "warning", rows.cls.__name__, told, hint)
    for event, clause in rows.evolvers.items():
        if owners and event is not CommandRejected and not any(event in owner.events for owner in owners):
            told = f"takes in {event.__name__}, which no aggregate of {domain.name} has"
            hint = "make the aggregate part of the domain; or it is another domain's on the same store"
            yield Finding("foreign-event", "note", clause.where, told, hint)


def _carries_key(event: type[Event], owner: AggregateType, rows: RowType) -> bool:
    """Whether the event says which row it would concern: by its fields, or by its stream's key."""
    return all(
        (name in event.model_fields and _same_type(event, rows.cls, name))
        or (name in owner.key and _same_type(owner.cls, rows.cls, name))
        for name in rows.table.key
    )


def _same_type(one: type[BaseModel], other: type[BaseModel], name: str) -> bool:
    kinds = [plain_type(cls.model_fields[name].annotation) for cls in (one, other)]
    return bool(kinds[0] is kinds[1])


def _of_queries(domain: Domain) -> Iterator[Finding]:
    known = {rows.cls for rows in domain.row_types()}
    for query in domain.queries.values():
        rows = rows_named(query)
        if rows is not None and rows not in known:
            told = f"answers with {rows.__name__}, which is no part of {domain.name}"
            yield Finding("query-without-rows", "error", query.__name__, told, f"Domain(…, {rows.__name__})")


# ── reactions ─────────────────────────────────────────────────────────────────────────────────


def _of_reactions(domain: Domain) -> Iterator[Finding]:
    for reaction in domain.reactions.values():
        for clause in dict.fromkeys(reaction.reactors.values()):
            given = commands_of(clause)
            if not given and not says_what_it_gives(clause):
                told = "says nowhere which commands it gives, so that nothing is known of them"
                yield Finding("no-annotation", "note", clause.where, told, "def ship(…) -> ShipOrder: …")
            for command in sorted(given, key=lambda one: one.__name__):
                if command not in domain.deciders and not any(issubclass(one, command) for one in domain.deciders):
                    told = f"answers with {command.__name__}, which nobody in {domain.name} decides"
                    hint = "make the aggregate with its @decide part of the domain"
                    yield Finding("undecided-command", "error", clause.where, told, hint)


def _circles(domain: Domain, decided: Decided) -> Iterator[Finding]:
    for steps in circles(domain, decided):
        path = [f"{one.event.__name__} → {one.clause.where} → {one.command.__name__}" for one in steps]
        told = f"leads back to itself: {' → '.join([*path, steps[0].event.__name__])}"
        last = steps[-1]
        hint = f"if something ends it: ignores=({last.command.__name__},) of {last.reaction.__name__}, and say what"
        yield Finding("circle", "warning", steps[0].clause.where, told, hint)


# ── what is nobody's ──────────────────────────────────────────────────────────────────────────


def _left_over(domain: Domain, decided: Decided) -> Iterator[Finding]:
    """Messages in the files of the aggregates that nobody decides or takes in."""
    aggregates = [one.cls for one in domain.aggregates.values()]
    modules = dict.fromkeys(cls.__module__ for cls in aggregates)
    others = [one for one in _own(modules, Aggregate) if one not in aggregates]
    theirs = _of_others(others)
    ignored = {one for cls in aggregates for one in cls.ignores}
    for command in _own(modules, Command):
        if command not in domain.deciders and command not in ignored | theirs and not _is_base(command):
            told = f"is decided by no aggregate of {domain.name}"
            hint = f"a @decide for it, or ignores = ({command.__name__},) in an aggregate if it is sent no more"
            yield Finding("undecided-command", "warning", command.__name__, told, hint)
    known = {*domain.events.values(), *ignored, *theirs, *(one for events in decided.values() for one in events)}
    for event in _own(modules, Event):
        if event not in known and not _is_base(event):
            told = "is decided by nothing and taken in by nothing"
            hint = f"ignores = ({event.__name__},) in an aggregate if older streams have it; else leave it out"
            yield Finding("unreachable-event", "warning", event.__name__, told, hint)


def _own(modules: Iterable[str], kind: type[Any]) -> Iterator[Any]:
    for name in modules:
        for value in list(vars(sys.modules.get(name, object)).values()):
            if isinstance(value, type) and issubclass(value, kind) and value.__module__ == name and value is not kind:
                yield value


def _is_base(message: type[Message]) -> bool:
    return bool(message.__subclasses__()) or "stored" not in vars(message)


def _of_others(aggregates: Iterable[type[Aggregate]]) -> set[type[Message]]:
    """The messages of aggregates that are in the same files and part of another domain."""
    found: set[type[Message]] = set()
    for cls in aggregates:
        found.update(cls.ignores)
        try:
            clauses = [*clauses_of(cls, "decide"), *clauses_of(cls, "evolve")]
        except DefinitionError:  # nobody has to mend what is no part of the domain
            continue
        for clause in clauses:
            found.update((*clause.messages, *clause.produces))
    return found


# ── names ─────────────────────────────────────────────────────────────────────────────────────


def _names(domain: Domain, reserved: frozenset[str]) -> Iterator[Finding]:
    by_letters: dict[str, type[Event]] = {}
    for name, event in domain.events.items():
        other = by_letters.setdefault(name.lower(), event)
        if other is not event:
            told = f"is stored as {name!r}, which differs from {other.__name__} in case only"
            yield Finding("near-names", "warning", event.__name__, told, "another name for one of them: name=")
    words: list[type[BaseModel]] = [*dict.fromkeys(domain.commands.values()), *domain.queries.values()]
    for cls in words:
        for field in cls.model_fields:
            if field.replace("_", "-") in reserved:
                told = f"has a field {field!r}, which is an option of the tool: it is --field.{field.replace('_', '-')}"
                yield Finding("reserved-field", "note", cls.__name__, told, "another name reads better in a shell")
