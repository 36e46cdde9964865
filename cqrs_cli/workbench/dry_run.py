"""What a command would do, with nothing written: its events, the rows they would change, and whether they may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from cqrs_cli.domain.decision import Decided
from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import CqrsError, StoreFailed
from cqrs_cli.jsonable import jsonable
from cqrs_cli.stores.checks import not_unique
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.rows import Where, reader_of
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.outcome import Expect, Outcome, RowChange
from cqrs_cli.workbench.processors.rows import Key, RowFold
from cqrs_cli.workbench.processors.status import needs_rebuild, why_rebuild
from cqrs_cli.workbench.sender import Sender

Shown = dict[str, Any] | None


def dry_run(sender: Sender, command: Command, expect: Expect = None) -> Outcome:
    """What sending would come to, on what is in the log now. Raises what sending does."""
    sent = sender.codec.sent(command)
    known = sender.honoured(command, sent)
    if known is not None:
        return known
    sender.check_whole()
    decided = sender.decide(command, sent, sender.aggregates.target_of(command), expect)
    return DryRun(sender.engine).outcome(command, decided)


class DryRun:
    """One decision, looked at before it is written."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._store, self._domain = engine, engine.store, engine.domain

    def outcome(self, command: Command, decided: Decided) -> Outcome:
        """The events and the changes of rows. Raises what inline projections would: `NotUnique`, `NeedsRebuild` …"""
        events, projections = self._events(command, decided), sorted(self._domain.projections.items())
        changes = [change for _, projection in projections for change in self._changes(projection, events)]
        name, command_id = decided.sent.type, decided.command_id
        return Outcome("dry-run", name, command_id, events, decided.stream, decided.before, changes=changes)

    def _events(self, command: Command, decided: Decided) -> tuple[Recorded, ...]:
        """The events as they would be recorded if nothing came in between."""
        if decided.commit is None:
            return ()
        meta, head = command.meta, self._store.head()
        recorded = (
            Recorded(
                head + number,
                event.stream,
                decided.before + number,
                event.type,
                event.schema_version,
                event.data,
                meta.command_id,
                number,
                type(command).stored.name,
                meta.correlation_id or meta.command_id,
                meta.causation_id,
                meta.user_id,
                meta.timestamp_us,
                decided.commit.metadata,
            )
            for number, event in enumerate(decided.commit.events, 1)
        )
        return tuple(map(self._domain.envelope, recorded))

    def _changes(self, projection: RowType, events: Sequence[Recorded]) -> Iterator[RowChange]:
        fold = RowFold(self._engine, projection)
        concerned = [event for event in events if event.type in fold.types]
        if not concerned:
            return
        usable = self._usable(projection)
        try:
            before = self._rows_now(projection, fold, concerned, usable)
            fold.over(concerned)
        except StoreFailed:
            raise
        except CqrsError:
            if projection.inline:
                raise
            return  # it stops here or has stopped before: the command is committed all the same, and its rows stay
        if projection.inline:
            self._refuse_taken(projection, fold, usable)
        for key, row in before.items():
            after = _shown(fold, key)
            if after != row:
                parts = zip(projection.key_columns, key, strict=True)
                shown = {column.column.name: column.decode(part) for column, part in parts}
                yield RowChange(projection.name, jsonable(shown), row, after)

    def _usable(self, projection: RowType) -> int | None:
        """The position of the live rows; None if they don't count."""
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is None:
            return None
        reason = why_rebuild(self._store, projection, projection.definition, checkpoint)
        if reason is not None and projection.inline:
            raise needs_rebuild(projection.name, reason, "the inline projection ")
        return checkpoint.position if reason is None else None

    def _rows_now(
        self, projection: RowType, fold: RowFold, events: Sequence[Recorded], usable: int | None
    ) -> dict[Key, Shown]:
        """The rows that the events concern, as they are at the head: what is not projected yet is folded in memory."""
        if usable is None:
            fold.start_empty()
        keys = fold.keys_of(events)
        if not projection.inline:  # else any other row may hold a value that is unique
            fold.wanted = set(keys).__contains__
        for event in self._store.read(Selection(types=fold.types, after=usable or 0)):
            fold.over((event,))
        return {key: _shown(fold, key) for key in keys}

    def _refuse_taken(self, projection: RowType, fold: RowFold, usable: int | None) -> None:
        """Raise `NotUnique` as the write would."""
        table, key_in = projection.table, reader_of(projection.table, projection.table.key)
        puts, deletes = fold.changes()
        decimals = {column.name for column in table.columns if column.kind == "decimal"}
        changed = {key_in(row) for row in puts} | set(deletes)
        for group in table.unique:
            values_in, seen = reader_of(table, group), set[tuple[Any, ...]]()
            for row in puts:
                values = values_in(row)
                if None in values:
                    continue
                pairs = list(zip(group, values, strict=True))
                compared = tuple([Decimal(str(value)) if name in decimals else value for name, value in pairs])
                where = [Where(name, "=", value) for name, value in pairs]
                # All of them, who are few: a reading that is left in the middle keeps its connection.
                others = list(self._store.rows.select(table, where)) if usable is not None else []
                if compared in seen or any(key_in(other) not in changed for other in others):
                    raise not_unique(table, group, values)
                seen.add(compared)


def _shown(fold: RowFold, key: Key) -> Shown:
    row = fold.row(key)
    return None if row is None else jsonable(row)
