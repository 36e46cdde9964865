"""What every part of a workbench works with, in one object instead of four to six parameters."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.decision import Services
from cqrs_cli.domain.domain import Domain
from cqrs_cli.stores.contract import Store

Clock = Callable[[], datetime]


def now() -> datetime:
    """The moment now, aware, in UTC."""
    return datetime.now(UTC)


class Limits(NamedTuple):
    """How far a workbench goes. written_together: commands in one durable write of a batch. cached_states: streams.

    tries: how often a command is decided anew when others append in between.
    """

    written_together: int = 2_000
    cached_states: int = 10_000
    tries: int = 20


class Engine(NamedTuple):
    """A domain on a store, with the services its clauses ask for, a clock and the limits."""

    store: Store
    domain: Domain
    codec: Codec
    services: Services
    clock: Clock = now
    limits: Limits = Limits()
