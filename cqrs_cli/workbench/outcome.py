"""What became of a command, and how it was asked for."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from cqrs_cli.domain.decision import Decided
from cqrs_cli.domain.envelope import Envelope
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.commits import Receipt, Recorded

_new = tuple.__new__  # the constructor of a named tuple takes twice as long, and a batch makes one for each command

Expect = int | Literal["new"] | None
OutcomeStatus = Literal[
    "committed",
    "duplicate",
    "unchanged",
    "dry-run",
    "as-expected",
    "rejected",
    "not-found",
    "conflict",
    "unexpected",
    "failed",
    "invalid",
]


class Request(NamedTuple):
    """One command of a batch. error: why there is none (a line that could not be read); name, command_id: of that.

    rejection: the code of the rejection that it is sent for: with any other end it has failed, and nothing is written.
    """

    line: int
    command: Command | None
    expect: Expect = None
    error: CqrsError | None = None
    name: str | None = None
    command_id: str | None = None
    rejection: str | None = None


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
    with `error`; `as-expected`, with the rejection that was expected, or `unexpected`. stream,
    version_before: of the aggregate that decided. command: its name. request: of one that failed.
    """

    status: OutcomeStatus
    command: str | None
    command_id: str | None
    events: tuple[Recorded, ...] = ()
    stream: str | None = None
    version_before: int | None = None
    line: int | None = None
    error: CqrsError | None = None
    changes: Sequence[RowChange] = ()
    request: Request | None = None

    @property
    def is_failure(self) -> bool:
        """Whether it is not what was asked for."""
        return self.error is not None and self.status != "as-expected"

    @property
    def position(self) -> int | None:
        """The position of the last event; None without events."""
        return self.events[-1].position if self.events else None

    @property
    def streams(self) -> dict[str, int]:
        """Each stream that was written, with its version afterwards."""
        return {event.stream: event.version for event in self.events}


def committed(decided: Decided, receipt: Receipt, envelope: Envelope, line: int | None = None) -> Outcome:
    """The outcome once it is written. line: of the request, in a batch."""
    (events, duplicate), stream, before = receipt, decided.stream, decided.before
    status = "duplicate" if duplicate else "committed"
    if duplicate:
        stream, before = events[0].stream, events[0].version - 1
    events = tuple(map(envelope, events))
    return _new(Outcome, (status, decided.sent.type, decided.command_id, events, stream, before, line, None, (), None))


def unchanged(decided: Decided, line: int | None = None) -> Outcome:
    """The outcome without events."""
    return Outcome("unchanged", decided.sent.type, decided.command_id, (), decided.stream, decided.before, line)
