"""What all scenarios of one domain share: how its messages are read and written, looked up once."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.fold import AggregateFold


class Ground:
    """The codec of a domain, and the folds of its aggregates."""

    def __init__(self, domain: Domain) -> None:
        self.codec = Codec(domain.events, domain.commands)
        self._folds: dict[str, AggregateFold] = {}

    def fold(self, aggregate: AggregateType) -> AggregateFold:
        """The fold of an aggregate's streams."""
        found = self._folds.get(aggregate.category)
        if found is None:
            found = self._folds[aggregate.category] = AggregateFold(aggregate, self.codec)
        return found


_grounds: WeakKeyDictionary[Domain, Ground] = WeakKeyDictionary()


def ground_of(domain: Domain) -> Ground:
    """The ground of this domain: made once, and gone with it."""
    found = _grounds.get(domain)
    if found is None:
        found = _grounds[domain] = Ground(domain)
    return found
