"""A domain: aggregates, projections and queries together, with names, keys and services resolved."""

from __future__ import annotations

import copy
import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from cqrs_cli.domain.aggregate import Aggregate, AggregateType, aggregate_type
from cqrs_cli.domain.answers import methods
from cqrs_cli.domain.clashes import (
    by_stored_name,
    claim,
    refuse_same_question,
    refuse_same_tables,
    refuse_same_words,
    refuse_shared,
    refuse_used_aliases,
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
from cqrs_cli.domain.routes import Route, own_categories, route_of, streams_of
from cqrs_cli.domain.row_model import RowModel, RowType
from cqrs_cli.errors import DefinitionError, Misuse, NotFound
from cqrs_cli.finding import Finding
from cqrs_cli.stores.commits import Recorded

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", RowType, ReactionType)
C = TypeVar("C", AggregateType, RowType)


NO_STAND_IN = "no-stand-in"


class Decider(NamedTuple):
    """Who decides a command."""

    aggregate: AggregateType
    clause: Clause


Part: TypeAlias = "type[Aggregate] | type[Projection] | type[Query[Any]] | type[ProcessManager] | type[Policy] | Domain"


class Domain:
    """`Domain("orders", Order, OrderSummary, …)`: the classes that make up a system, checked as a whole.

    Parts are aggregate, projection, query, process manager and policy classes, or other domains,
    whose parts and services are taken in. journal_rejections: commands that are rejected are kept on record, so that
    they can be judged again (`cqrs rehearse`). Raises `DefinitionError` for every mistake that can be seen without
    running.
    """

    def __init__(self, name: str, *parts: Part, journal_rejections: bool = False) -> None:
        self.name, self.journal_rejections = name, journal_rejections
        self._parts: list[type] = []
        self._homes: dict[type, str] = {}  # the name of the domain that a part was first put into
        self._services: dict[type, Callable[[], Any]] = {}
        self._stand_ins: dict[type, Callable[[], Any]] = {}
        self.recorded: set[type] = set()
        """The services whose answers are kept with the commits."""
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
        refuse_used_aliases(self.aggregates.values(), self.reactions.values(), self.projections.values())
        self.categories = {name: one for one in self.aggregates.values() for name in one.categories}
        """The aggregates by the categories of their streams, older ones too."""
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
        self._find_streams()
        self._find_routes()
        refuse_same_tables(self.row_types())
        refuse_same_words(self.commands.values(), "commands")
        refuse_same_words(self.queries.values(), "queries")
        refuse_same_question(self.queries.values(), self.row_types())

    def _find_streams(self) -> None:
        """Say of all that takes events in whose they are, so that a category that comes or goes is noticed."""
        for name, projection in self.projections.items():
            self.projections[name] = projection._replace(streams=streams_of(projection.evolvers, self.aggregates))
        for name, reaction in self.reactions.items():
            rows = reaction.rows and reaction.rows._replace(streams=streams_of(reaction.rows.evolvers, self.aggregates))
            self.reactions[name] = reaction._replace(rows=rows, streams=streams_of(reaction.reactors, self.aggregates))

    def _find_routes(self) -> None:
        kinds = {category: aggregate.key_types for category, aggregate in self.categories.items()}
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

    def going_by(self, names: Mapping[str, str]) -> Domain:
        """The same with reactions under other names of theirs: today's to the one they have in a store."""
        other = copy.copy(self)
        gone_by = [one.going_by(names.get(one.name, one.name)) for one in self.reactions.values()]
        other.reactions = {one.name: one for one in gone_by}
        other._find_routes()
        return other

    def __repr__(self) -> str:
        return f"Domain({self.name!r}, {', '.join(part.__name__ for part in self._parts)})"

    def provide(self, factory: F, *, record: bool = False) -> F:
        """Offer a service: the factory's return annotation is the type that `decide` methods ask for.

        Called once per workbench, when first needed. record: what its methods answer is kept with the commit, so that
        the command can be judged again without it; they say what they answer. Raises `DefinitionError` without an
        annotation, or if that type has a factory already.
        """
        kind = self._offer(self._services, factory, sys._getframe(1).f_locals)
        if record:
            methods(kind)
            self.recorded.add(kind)
        return factory

    def rehearse_with(self, factory: F) -> F:
        """Offer what stands in for a service where commands are only tried: as `provide`, and never called live."""
        self._offer(self._stand_ins, factory, sys._getframe(1).f_locals)
        return factory

    def _offer(self, services: dict[type, Callable[[], Any]], factory: Any, seen: dict[str, Any]) -> type:
        name = getattr(factory, "__qualname__", repr(factory))
        kind = None
        if not isinstance(factory, type):
            _check_factory(factory, name)
            kind = resolved_annotations(factory, name, seen).get("return")
        if not isinstance(kind, type) or kind is type(None):
            raise DefinitionError(f"{name} does not say what it makes", hint="def stock() -> Inventory: …")
        if kind in services:
            other = getattr(services[kind], "__qualname__", repr(services[kind]))
            raise DefinitionError(f"{kind.__name__} has a factory already: {other}", hint="keep one of them")
        services[kind] = factory
        return kind

    def service(self, kind: type, asked_by: str) -> Any:
        """A new service of this type. Raises `DefinitionError` if nobody provides it."""
        factory = self._services.get(kind)
        if factory is None:
            raise DefinitionError(
                f"{asked_by} asks for {kind.__name__}, which nobody provides",
                hint=f"domain.provide(factory), with `-> {kind.__name__}`",
            )
        return factory()

    def stand_in(self, kind: type, asked_by: str) -> Any:
        """What stands in for a service where commands are only tried. Raises `Misuse` (`no-stand-in`) without one."""
        factory = self._stand_ins.get(kind)
        if factory is None:
            raise Misuse(
                f"{asked_by} asks for {kind.__name__}, which has no stand-in: the live one is not called here",
                hint=f"domain.rehearse_with(factory), with `-> {kind.__name__}`",
                code="no-stand-in",
                service=kind.__name__,
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
        found = self.categories.get(category)
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
        return self._named("reaction", name, self.reactions, self.reactions)

    def projection(self, name: str) -> RowType:
        """The projection of this table, kebab or snake. Raises `NotFound`."""
        return self._named("projection", name, self.projections, {})

    def rows_of(self, name: str) -> RowType:
        """The projection or process manager of this name, kebab or snake. Raises `NotFound`."""
        return self._named("projection", name, {rows.name: rows for rows in self.row_types()}, self.reactions)

    def _named(self, kind: str, name: str, known: Mapping[str, P], reactions: Mapping[str, ReactionType]) -> P:
        going_by = {other: one.name for one in reactions.values() for other in one.other_names}
        found = next((known[word] for one in (name, snake(name)) if (word := going_by.get(one, one)) in known), None)
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
            self.recorded |= part.recorded
            self.journal_rejections = self.journal_rejections or part.journal_rejections
            for inner in part._parts:
                self._homes.setdefault(inner, part._homes[inner])
                self._take_in(inner)
            for own, theirs in ((self._services, part._services), (self._stand_ins, part._stand_ins)):
                for kind, factory in theirs.items():
                    if own.setdefault(kind, factory) is not factory:
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
