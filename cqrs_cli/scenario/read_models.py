"""Read models and reactions of a scenario: the folds and handlers of the workbench, with no rows to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from cqrs_cli.domain.row_model import RowModel, RowType, row_maker
from cqrs_cli.log.outbox import Cancelled, OutboxChange, Outgoing
from cqrs_cli.stores.checks import not_unique
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Scalar, Table, reader_of
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.handler import Poisoned
from cqrs_cli.workbench.processors.reaction_handler import ReactionHandler
from cqrs_cli.workbench.processors.rows import RowFold


class _NoRows:
    def load(self, table: Table, keys: Sequence[Any]) -> dict[Any, Any]:
        return {}


class _Nowhere:
    """Stands where the folds expect a store: there is nothing in it, and whatever else is asked of it is a bug."""

    rows = _NoRows()


NOWHERE = cast(Store, _Nowhere())


def folded(engine: Engine, kind: RowType, events: Sequence[Recorded]) -> list[RowModel]:
    """The rows of a read model after these events, by key. Raises `DomainFailed` and `Undecodable`."""
    return list(map(row_maker(kind), _stored(engine, kind, events)))


def refuse_taken(engine: Engine, kind: RowType, events: Sequence[Recorded]) -> None:
    """Raise `NotUnique` if after these events two rows are equal in columns that are declared unique."""
    rows, table = _stored(engine, kind, events), kind.table
    decimals = {column.name for column in table.columns if column.kind == "decimal"}
    for group in table.unique:
        values_in, seen = reader_of(table, group), set[tuple[Any, ...]]()
        for row in rows:
            values = values_in(row)
            pairs = zip(group, values, strict=True)
            compared = tuple([Decimal(str(value)) if name in decimals else value for name, value in pairs])
            if None not in values and compared in seen:
                raise not_unique(table, group, values)
            seen.add(compared)


def _stored(engine: Engine, kind: RowType, events: Sequence[Recorded]) -> list[tuple[Scalar, ...]]:
    fold = RowFold(engine, kind)
    fold.over([event for event in events if event.type in fold.types])
    return fold.changes()[0]


class Reactions:
    """The process managers and policies of a domain, asked event by event. What they answer is kept, never sent."""

    def __init__(self, engine: Engine) -> None:
        named = sorted(engine.domain.reactions.items())
        self._handlers = [ReactionHandler(engine, reaction) for _, reaction in named]
        self._deadlines: dict[tuple[str, str, str], Outgoing] = {}
        self._taken = 0

    def answers(self, events: Sequence[Recorded], after: int) -> list[Outgoing]:
        """What they answer to the events after a position, of all that happened; deadlines wait from now on.

        Raises what their clauses raise, as a runner would note it.
        """
        answers: list[Outgoing] = []
        for event in events[self._taken :]:
            given = self._answers(event)
            answers += given if event.position > after else []
        self._taken = len(events)
        return answers

    def _answers(self, event: Recorded) -> list[Outgoing]:
        changes: list[OutboxChange] = []
        for handler in self._handlers:
            if event.type in handler.types:
                try:
                    handler.gather((event,))
                except Poisoned as fault:
                    raise fault.error from fault.error.__cause__
                changes += handler.writes().commands
        for change in changes:
            place = (change.reaction, change.process, change.slot)
            if isinstance(change, Cancelled):
                self._deadlines.pop(place, None)
            elif change.due_us:
                self._deadlines[place] = change
        return [change for change in changes if isinstance(change, Outgoing)]

    def due(self, moment_us: int) -> list[Outgoing]:
        """The deadlines that are due at a moment (microseconds UTC), the earliest first. They wait no longer."""
        due = sorted((one for one in self._deadlines.values() if one.due_us <= moment_us), key=lambda one: one.due_us)
        self._deadlines = {place: one for place, one in self._deadlines.items() if one.due_us > moment_us}
        return due
