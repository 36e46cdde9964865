"""What became of a command, and how it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.commits import Recorded

Expect = int | Literal["new"] | None
Status = Literal[
    "committed", "duplicate", "unchanged", "dry-run", "rejected", "not-found", "conflict", "failed", "invalid"
]


class Request(NamedTuple):
    """One command of a batch. error: why there is none (a line that could not be read); name, command_id: of that."""

    line: int
    command: Command | None
    expect: Expect = None
    error: CqrsError | None = None
    name: str | None = None
    command_id: str | None = None


class RowChange(NamedTuple):
    """What a dry run would do to a row; `before` or `after` is None where there is no row."""

    projection: str
    key: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Outcome(NamedTuple):
    """The answer to a command.

    status: `committed`, `duplicate` (honoured before: the first answer again), `unchanged` (no
    events), `dry-run`; in a batch also `rejected`, `not-found`, `conflict`, `failed`, `invalid`,
    with `error`. stream, version_before: of the aggregate that decided.
    """

    status: Status
    command: str | None
    command_id: str | None
    events: tuple[Recorded, ...] = ()
    stream: str | None = None
    version_before: int | None = None
    line: int | None = None
    error: CqrsError | None = None
    changes: Sequence[RowChange] = ()

    @property
    def position(self) -> int | None:
        """The position of the last event; None without events."""
        return self.events[-1].position if self.events else None

    @property
    def streams(self) -> dict[str, int]:
        """Each stream that was written, with its version afterwards."""
        return {event.stream: event.version for event in self.events}
