"""What takes events along the log: what it is given, what it wants written, and the event that it can't take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from cqrs_cli.errors import CqrsError
from cqrs_cli.log import outbox
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.rows import Rows, Scalar, Table


class Poisoned(Exception):
    """One event that could not be taken in, what it led to, and the name of the processor, once that is known."""

    def __init__(self, event: StoredEvent | Recorded, error: CqrsError) -> None:
        super().__init__(error.message)
        self.event, self.error, self.processor = event, error, ""


class Writes(NamedTuple):
    """What a handler wants written in the transaction that moves its checkpoint."""

    table: Table | None = None
    puts: Sequence[tuple[Scalar, ...]] = ()
    deletes: Sequence[tuple[Scalar, ...]] = ()
    commands: Sequence[outbox.OutboxChange] = ()

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes or self.commands)

    def apply(self, rows: Rows) -> None:
        """Write it."""
        if self.table is not None and self.deletes:
            rows.delete(self.table, self.deletes)
        if self.table is not None and self.puts:
            rows.put(self.table, self.puts)
        outbox.apply(rows, self.commands)


class Handler(Protocol):
    """What takes events; it may gather many before it is asked for what to write.

    types: stored names of the events that concern it. needs_envelope: they must be read as `Recorded`.
    sends: what it writes leads to commands.
    """

    types: frozenset[str]
    needs_envelope: bool
    sends: bool

    @property
    def is_full(self) -> bool:
        """Whether so much was gathered that it is time to write."""
        ...

    def gather(self, events: Sequence[Any]) -> None:
        """Take events in. Raises `Poisoned` for one that it can't take."""

    def writes(self) -> Writes:
        """What is to be written of all that was gathered. Raises `Poisoned`, or an error of no one event."""
        ...

    def forget(self) -> None:
        """Drop everything that was gathered or cached: the store is the truth again."""
