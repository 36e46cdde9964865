"""given / when / then: a domain tried without a store.

Scenario(domain).given(OrderCreated(…)).when(ShipOrder(order_id=…)).then(OrderShipped())
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from cqrs_cli.domain.aggregate import Aggregate, AggregateType, made_key
from cqrs_cli.domain.clauses import decided
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command, Event
from cqrs_cli.domain.purity import Untouched
from cqrs_cli.errors import AggregateNotFound, DomainFailed, Misuse, NotFound, Rejected


class Scenario:
    """One aggregate's history, a command, and what comes of it. Every method returns the scenario, to be chained.

    services: replacements for what the domain provides, by type.
    """

    def __init__(self, domain: Domain, services: Mapping[type, Any] | None = None) -> None:
        self._domain, self._services = domain, dict(services or {})
        self._codec = Codec(domain.events, domain.commands)
        self._given: list[Event] = []
        self.events: list[Event] | None = None
        self.rejection: Rejected | NotFound | None = None
        self.state: Aggregate | None = None

    def given(self, *events: Event) -> Self:
        """What happened before to the aggregate that the command will be for."""
        self._given += events
        return self

    def when(self, command: Command) -> Self:
        """Decide the command. Raises `AssertionError` if the decide changes the state that it sees."""
        aggregate, clause = self._domain.decider(type(command))
        key = aggregate.command_key(command) or made_key(aggregate, clause, command)
        state = self._fold(aggregate, aggregate.empty(key), self._given)
        watch = Untouched(aggregate)
        seen = watch.seen(state)
        self.events, self.rejection = None, None
        services = [
            self._services[kind] if kind in self._services else self._domain.service(kind, clause.where)
            for kind in clause.services
        ]
        if clause.creates is bool(self._given):
            name = type(command).__name__
            if self._given:
                self.rejection = Rejected(f"{name}: it is there already", code="already-exists")
            else:
                self.rejection = AggregateNotFound(f"{name}: nothing was given, so there is none")
        else:
            try:
                self.events = [self._codec.encode(event).event for event in decided(clause, state, command, services)]
            except Rejected as error:
                self.rejection = error
        try:
            watch.check(state, seen, clause)
        except DomainFailed as error:
            raise AssertionError(f"{error.message}; {error.hint}") from None
        self.state = self._fold(aggregate, state, self.events or [])
        self._given += self.events or []
        return self

    def then(self, *events: Event) -> Self:
        """Exactly these events were decided, in this order."""
        if self.rejection is not None:
            raise AssertionError(
                f"expected {list(events)}, but it was rejected: [{self.rejection.code}] {self.rejection.message}"
            )
        decided_events = self._decided()
        if decided_events != list(events):
            raise AssertionError(f"expected {list(events)}\n but was {decided_events}")
        return self

    def then_nothing(self) -> Self:
        """The command was accepted and changed nothing."""
        return self.then()

    def then_rejected(self, code: str | None = None) -> Self:
        """The command was rejected, with this code if given (`aggregate-not-found` and `already-exists` count)."""
        if self.rejection is None:
            raise AssertionError(f"expected a rejection, but was {self._decided()}")
        if code is not None and self.rejection.code != code:
            raise AssertionError(
                f"expected a rejection with code {code!r}, but was [{self.rejection.code}] {self.rejection.message}"
            )
        return self

    def _decided(self) -> list[Event]:
        if self.events is None:
            raise Misuse("the scenario has no when()")
        return self.events

    def _fold(self, aggregate: AggregateType, state: Aggregate, events: list[Event]) -> Aggregate:
        for event in events:
            if type(event) not in aggregate.events:
                raise Misuse(f"{type(event).__name__} is no event of {aggregate.cls.__name__}")
            clause = aggregate.evolvers.get(type(event))
            result = clause.function(state, self._codec.encode(event).event) if clause is not None else None
            state = state if result is None else result
        return state
