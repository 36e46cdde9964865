"""The dialects that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cqrs_cli.transfer.dialects.axon_jpa import AXON_JPA
from cqrs_cli.transfer.dialects.commanded import COMMANDED
from cqrs_cli.transfer.dialects.dialect import PRODUCED, Dialect
from cqrs_cli.transfer.dialects.emmett import EMMETT
from cqrs_cli.transfer.dialects.marten import MARTEN
from cqrs_cli.transfer.dialects.message_db import MESSAGE_DB
from cqrs_cli.transfer.dialects.pyeventsourcing import PYEVENTSOURCING
from cqrs_cli.transfer.dialects.rails_event_store import RAILS_EVENT_STORE

DIALECTS: tuple[Dialect, ...] = (
    PYEVENTSOURCING,
    EMMETT,
    MESSAGE_DB,
    MARTEN,
    COMMANDED,
    RAILS_EVENT_STORE,
    AXON_JPA,
)
"""Those over tables, as they are listed."""


class Listed(NamedTuple):
    """A dialect as people are told of it: what it is called, of what it is, where it is, and how well it is known."""

    dialect: str
    of: str
    databases: str
    known_by: str


def listed(dialects: Sequence[Dialect] = DIALECTS) -> list[Listed]:
    """These, and what has a reader of its own."""
    over_tables = [Listed(one.name, one.title, ", ".join(one.shapes), one.known_by) for one in dialects]
    return [*over_tables, Listed("umadb", "UmaDB (0.7)", "its server", PRODUCED)]
