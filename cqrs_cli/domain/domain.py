"""A domain: aggregates, projections and queries together, with names, keys and services resolved."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from cqrs_cli.domain.aggregate import Aggregate, AggregateType, aggregate_type
from cqrs_cli.domain.clashes import (
    by_stored_name,
    claim,
    refuse_same_question,
    refuse_same_tables,
    refuse_same_words,
    refuse_shared,
)
from cqrs_cli.domain.clauses import Clause, refuse_passed_by, resolved_annotations
from cqrs_cli.domain.envelope import envelope_of, with_keys
from cqrs_cli.domain.messages import Command, Event, snake
from cqrs_cli.domain.process_manager import (
    CommandRejected,
    Policy,
    ProcessManager,
    ReactionType,
    policy_type,
    process_type,
)
from cqrs_cli.domain.projection import Projection, projection_type
from cqrs_cli.domain.query import Query, check_query
from cqrs_cli.domain.routes import Route, own_categories, route_of
from cqrs_cli.domain.row_model import RowModel, RowType
from cqrs_cli.errors import DefinitionError, NotFound
from cqrs_cli.finding import Finding
from cqrs_cli.stores.commits import Recorded

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", RowType, ReactionType)
C = TypeVar("C", AggregateType, RowType)


class Decider(NamedTuple):
    """Who decides a command."""

    aggregate: AggregateType
    clause: Clause


Part: TypeAlias = "type[Aggregate] | type[Projection] | type[Query[Any]] | type[ProcessManager] | type[Policy] | Domain"


class Domain:
    """`Domain("orders", Order, OrderSummary, …)`: the classes that make up a system, checked as a whole.

    Parts are aggregate, projection, query, process manager and policy classes, or other domains,
    whose parts and services are taken in. Raises `DefinitionError` for every mistake that can be seen without running.
    """

    def __init__(self, name: str, *parts: Part) -> None:
        self.name = name
        self._parts: list[type] = []
        self._homes: dict[type, str] = {}  # the name of the domain that a part was first put into
        self._services: dict[type, Callable[[], Any]] = {}
        for part in parts:
            self._take_in(part)
        self.aggregates: dict[str, AggregateType] = {}
        self.deciders: dict[type[Command], Decider] = {}
        self.projections: dict[str, RowType] = {}
        self.queries: dict[str, type[Query[Any]]] = {}
        self.reactions: dict[str, ReactionType] = {}
        for part in self._parts:
            self._register(part)
        refuse_shared(self.reactions, self.aggregates, "are the streams of ")
        refuse_shared(self.projections, self.reactions, "is ")
        events: list[type[Event]] = [CommandRejected] if self.reactions else []
        for aggregate in self.aggregates.values():
            events += aggregate.events
        for rows in self.row_types():
            events += rows.evolvers
        for reaction in self.reactions.values():
            events += reaction.reactors
        self.events: dict[str, type[Event]] = by_stored_name(events)
        self.commands: dict[str, type[Command]] = by_stored_name(self.deciders)
        self._refuse_clauses_that_pass_by()
        kinds = {category: aggregate.key_types for category, aggregate in self.aggregates.items()}
        kinds.update({name: reaction.key_types for name, reaction in self.reactions.items() if reaction.rows})
        self.envelope = envelope_of(kinds)
        """A `Recorded` with its typed key: what clauses and callers get. Other streams keep a text."""
        self.routes: dict[str, dict[type[Event], Route]] = {
            rows.name: {
                event: route_of(rows, event, clause, self.aggregates, self.reactions)
                for event, clause in rows.evolvers.items()
            }
            for rows in self.row_types()
        }
        self.react_routes: dict[str, dict[type[Event], Route]] = {
            reaction.name: {
                event: route_of(reaction.rows, event, clause, self.aggregates, self.reactions)
                if reaction.rows
                else Route(
                    clause, (), None, clause.recorded, domain=own_categories(event, self.aggregates, self.reactions)
                )
                for event, clause in reaction.reactors.items()
            }
            for reaction in self.reactions.values()
        }
        for routes in (*self.routes.values(), *self.react_routes.values()):
            for event, route in routes.items():
                routes[event] = route._replace(clause=with_keys(route.clause, self.envelope))
        refuse_same_tables(self.row_types())
        refuse_same_words(self.commands.values(), "commands")
        refuse_same_words(self.queries.values(), "queries")
        refuse_same_question(self.queries.values(), self.row_types())

    def __repr__(self) -> str:
        return f"Domain({self.name!r}, {', '.join(part.__name__ for part in self._parts)})"

    def provide(self, factory: F) -> F:
        """Offer a service: the factory's return annotation is the type that `decide` methods ask for.

        Called once per workbench, when first needed. Raises `DefinitionError` without an annotation
        or if that type has a factory already.
        """
        name = getattr(factory, "__qualname__", repr(factory))
        kind = None
        if not isinstance(factory, type):
            _check_factory(factory, name)
            kind = resolved_annotations(factory, name, sys._getframe(1).f_locals).get("return")
        if not isinstance(kind, type) or kind is type(None):
            raise DefinitionError(f"{name} does not say what it makes", hint="def stock() -> Inventory: …")
        if kind in self._services:
            other = getattr(self._services[kind], "__qualname__", repr(self._services[kind]))
            raise DefinitionError(f"{kind.__name__} has a factory already: {other}", hint="keep one of them")
        self._services[kind] = factory
        return factory  # pyright: ignore[reportReturnType]  # isinstance made it forget F

    def service(self, kind: type, asked_by: str) -> Any:
        """A new service of this type. Raises `DefinitionError` if nobody provides it."""
        factory = self._services.get(kind)
        if factory is None:
            raise DefinitionError(
                f"{asked_by} asks for {kind.__name__}, which nobody provides",
                hint=f"domain.provide(factory), with `-> {kind.__name__}`",
            )
        return factory()

    def decider(self, command: type[Command]) -> Decider:
        """Who decides this command. Raises `NotFound`."""
        found = self.deciders.get(command)
        if found is None:
            raise NotFound(
                f"nobody decides {command.__name__} in the domain {self.name!r}",
                code="command-not-found",
                hint="make the aggregate with its @decide part of the domain",
            )
        return found

    def aggregate(self, cls: type[Aggregate]) -> AggregateType:
        """The aggregate of this class. Raises `NotFound`."""
        return self._of_class(cls, "category", self.aggregates.values())

    def aggregate_of(self, stream: str) -> AggregateType:
        """The aggregate whose stream this is, by its category. Raises `NotFound`."""
        category = stream.partition("-")[0]
        found = self.aggregates.get(category)
        if found is None:
            raise NotFound(
                f"no aggregate of the domain {self.name!r} has the category {category!r}",
                code="category-not-found",
                hint=did_you_mean(category, self.aggregates),
            )
        return found

    def row_types(self) -> list[RowType]:
        """All that keeps rows: the projections, and the process managers with their states."""
        return [*self.projections.values(), *(reaction.rows for reaction in self.reactions.values() if reaction.rows)]

    def reaction(self, name: str) -> ReactionType:
        """The process manager or policy of this name, kebab or snake. Raises `NotFound`."""
        return self._named("reaction", name, self.reactions)

    def projection(self, name: str) -> RowType:
        """The projection of this table, kebab or snake. Raises `NotFound`."""
        return self._named("projection", name, self.projections)

    def rows_of(self, name: str) -> RowType:
        """The projection or process manager of this name, kebab or snake. Raises `NotFound`."""
        return self._named("projection", name, {rows.name: rows for rows in self.row_types()})

    def _named(self, kind: str, name: str, known: Mapping[str, P]) -> P:
        found = known.get(name) or known.get(snake(name))
        if found is None:
            raise NotFound(
                f"no {kind} {name!r} in the domain {self.name!r}",
                code=f"{kind}-not-found",
                hint=did_you_mean(snake(name), known),
            )
        return found

    def row_type_of(self, cls: type[RowModel]) -> RowType:
        """The projection or process manager of this class. Raises `NotFound`."""
        return self._of_class(cls, "projection", self.row_types())

    def _of_class(self, cls: type, kind: str, known: Iterable[C]) -> C:
        found = next((one for one in known if one.cls is cls), None)
        if found is None:
            raise NotFound(
                f"{cls.__name__} is no part of the domain {self.name!r}",
                code=f"{kind}-not-found",
                hint=f"Domain({self.name!r}, …, {cls.__name__})",
            )
        return found

    def check(self) -> list[Finding]:
        """What would not stop every command but is probably wrong: services that nobody provides."""
        asking = [clause for aggregate in self.aggregates.values() for clause in aggregate.deciders.values()]
        asking += [clause for reaction in self.reactions.values() for clause in reaction.reactors.values()]
        return [
            Finding(
                "no-service",
                "error",
                clause.where,
                f"asks for {kind.__name__}, which nobody provides",
                "domain.provide(factory)",
            )
            for clause in asking
            for kind in clause.services
            if kind is not Recorded and kind not in self._services
        ]

    # ── reading the parts ─────────────────────────────────────────────────────────────────────

    def _take_in(self, part: object) -> None:
        if isinstance(part, Domain):
            for inner in part._parts:
                self._homes.setdefault(inner, part._homes[inner])
                self._take_in(inner)
            for kind, factory in part._services.items():
                if self._services.setdefault(kind, factory) is not factory:
                    raise DefinitionError(
                        f"two parts of {self.name!r} provide {kind.__name__}", hint="let one of them do it"
                    )
        elif isinstance(part, type) and issubclass(part, Aggregate | Projection | Query | ProcessManager | Policy):
            if part not in self._parts:
                self._parts.append(part)
                self._homes.setdefault(part, self.name)
        else:
            shown = part.__name__ if isinstance(part, type) else repr(part)
            raise DefinitionError(
                f"{shown} can't be part of a domain",
                hint="aggregates, projections, queries, process managers, policies and domains can; "
                "commands and events come with their aggregate",
            )

    def _refuse_clauses_that_pass_by(self) -> None:
        for aggregate in self.aggregates.values():
            refuse_passed_by(aggregate.evolvers, aggregate.events.difference(aggregate.cls.ignores))
        for rows in self.row_types():
            refuse_passed_by(rows.evolvers, self.events.values())
        for reaction in self.reactions.values():
            refuse_passed_by(reaction.reactors, self.events.values())

    def _register(self, part: type) -> None:
        if issubclass(part, Aggregate):
            aggregate = aggregate_type(part)
            claim(self.aggregates, aggregate.category, aggregate, part, "category", "category=")
            for command, clause in aggregate.deciders.items():
                if command in self.deciders:
                    raise DefinitionError(
                        f"{clause.where} and {self.deciders[command].clause.where} both decide {command.__name__}",
                        hint="keep one of them",
                    )
                self.deciders[command] = Decider(aggregate, clause)
        elif issubclass(part, Projection):
            projection = projection_type(part)._replace(domain=self._homes[part])
            claim(self.projections, projection.name, projection, part, "table", "name=")
        elif issubclass(part, ProcessManager | Policy):
            reaction = process_type(part) if issubclass(part, ProcessManager) else policy_type(part)
            reaction = reaction.of_domain(self._homes[part])
            claim(self.reactions, reaction.name, reaction, part, "name", "name=")
        elif issubclass(part, Query):
            check_query(part)
            claim(self.queries, part.__name__, part, part, "name", "another class name")


def _check_factory(factory: Callable[..., Any], name: str) -> None:
    if inspect.iscoroutinefunction(factory):
        raise DefinitionError(f"{name} is asynchronous", hint="a factory is a plain function; its service may be async")
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.default is parameter.empty and "VAR" not in parameter.kind.name:
            raise DefinitionError(
                f"{name} wants {parameter.name}, but a factory is given nothing", hint="def stock() -> Inventory: …"
            )


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or what there is."""
    names = list(known)
    close = difflib.get_close_matches(typed, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are: {', '.join(sorted(names)[:12])}" if names else "there are none"
