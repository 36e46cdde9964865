"""A decide only looks at the state. One that changes it would decide otherwise where a cached state is given to it."""

from __future__ import annotations

from typing import Any

from cqrs_cli.domain.aggregate import Aggregate, AggregateType
from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.codec import unchanging
from cqrs_cli.domain.pydantic_fast import writer
from cqrs_cli.errors import DomainFailed

SPARED_BYTES = 4096


class Purity:
    """Compares the states of one aggregate before and after a decide.

    A state whose values can't change is compared by its fields. Another is compared by its JSON; as
    that takes by its length, a state of `n` bytes spares the next `n // 4096` decides the look.
    """

    def __init__(self, aggregate: AggregateType) -> None:
        self.flat = unchanging(aggregate.cls)
        self._json = writer(aggregate.cls)
        self._spared = 0

    def seen(self, state: Aggregate) -> Any:
        """What `check` compares with; None when this decide is spared."""
        if self.flat:
            return state.__dict__.copy()
        if self._spared > 0:  # several threads may count it down
            self._spared -= 1
            return None
        seen = self._text(state)
        self._spared = len(seen) // SPARED_BYTES
        return seen

    def check(self, state: Aggregate, seen: Any, clause: Clause) -> None:
        """Raise `DomainFailed` if the state is not as it was seen."""
        if seen is not None and (state.__dict__ if self.flat else self._text(state)) != seen:
            raise DomainFailed(
                f"{clause.where} changed the state that it was given",
                hint="a decide looks at the state and gives events; what changes it is the evolve of an event",
            )

    def _text(self, state: Aggregate) -> bytes:
        try:
            return self._json(state, warnings=False)
        except (ValueError, TypeError, RecursionError):  # what JSON can't say is for the snapshots to refuse
            return b""
