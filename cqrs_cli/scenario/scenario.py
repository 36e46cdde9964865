"""given / when / then: a domain tried without a store.

Scenario(domain).given(OrderCreated(…)).when(ShipOrder(order_id=…)).then(OrderShipped())
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from cqrs_cli.domain.aggregate import Aggregate
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.decision import Services, Target, decide, target_of
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.fold import AggregateFold, State
from cqrs_cli.domain.messages import Command, Event
from cqrs_cli.domain.sameness import same_value
from cqrs_cli.errors import AggregateNotFound, Misuse, NotFound, Rejected
from cqrs_cli.stores.commits import NewEvent, StoredEvent


class Scenario:
    """One aggregate's history, a command, and what comes of it. Every method returns the scenario, to be chained.

    services: replacements for what the domain provides, by type.
    """

    def __init__(self, domain: Domain, services: Mapping[type, Any] | None = None) -> None:
        self._domain, self._services = domain, Services(domain, services)
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
        """Decide the command, just as `Workbench.send` does: with the same errors, but that a rejection is noted here.

        Raises `DomainFailed`, `InvalidInput`, `LimitExceeded` … and `Misuse` for given events of another aggregate.
        """
        sent = self._codec.sent(command)
        target = target_of(self._domain, command)
        fold = AggregateFold(target.aggregate, self._codec)
        self.events, self.rejection = None, None
        try:
            decided = decide(fold, target, self._folded(fold, target), command, sent, self._services)
        except (Rejected, AggregateNotFound) as error:
            self.rejection = error
            self.state = self._folded(fold, target).state
        else:
            self.events = [self._event(event) for event in decided.commit.events] if decided.commit else []
            self.state = decided.state.state
            self._given += self.events
        return self

    def then(self, *events: Event) -> Self:
        """Exactly these events were decided, in this order."""
        if self.rejection is not None:
            raise AssertionError(
                f"expected {list(events)}, but it was rejected: [{self.rejection.code}] {self.rejection.message}"
            )
        decided_events = self._decided()
        if not same_value(decided_events, list(events)):
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

    def _event(self, decided: NewEvent) -> Event:
        event: Event = self._codec.decoder(decided.type, decided.schema_version)(decided.data)
        return event

    def _decided(self) -> list[Event]:
        if self.events is None:
            raise Misuse("the scenario has no when()")
        return self.events

    def _folded(self, fold: AggregateFold, target: Target) -> State[Any]:
        """The aggregate after what was given, as if that were its stream."""
        stored = []
        for number, event in enumerate(self._given, 1):
            if type(event) not in fold.aggregate.events:
                raise Misuse(f"{type(event).__name__} is no event of {fold.aggregate.cls.__name__}")
            name, version, data, _ = self._codec.encode(event)
            stored.append(StoredEvent(number, target.stream, number, name, version, data))
        return fold.over(target.empty(), stored)
