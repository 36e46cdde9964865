"""What a command would do, with nothing written: its events, the rows they would change, and whether they may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from cqrs_cli.domain.decision import Decided
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.row_model import RowType, outdated
from cqrs_cli.errors import CqrsError, NeedsRebuild, StoreFailed
from cqrs_cli.jsonable import jsonable
from cqrs_cli.stores.checks import not_unique
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Scalar, Where
from cqrs_cli.workbench.outcome import RowChange
from cqrs_cli.workbench.processors.projections import Projector
from cqrs_cli.workbench.processors.rows import Key, RowFold
from cqrs_cli.workbench.processors.status import gone

Shown = dict[str, Any] | None


class DryRun:
    """One decision, looked at before it is written."""

    def __init__(self, store: Store, domain: Domain, projector: Projector) -> None:
        self._store, self._domain, self._projector = store, domain, projector

    def events(self, command: Command, decided: Decided) -> tuple[Recorded, ...]:
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

    def changes(self, events: Sequence[Recorded]) -> list[RowChange]:
        """The rows that would change. Raises what inline projections would: `NotUnique`, `DomainFailed`, `Misuse`."""
        return [
            change
            for name in sorted(self._domain.projections)
            for change in self._of(self._domain.projections[name], events)
        ]

    def _of(self, projection: RowType, events: Sequence[Recorded]) -> Iterator[RowChange]:
        fold = self._projector.fold_of(projection)
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
                shown = {
                    column.column.name: column.decode(part)
                    for column, part in zip(projection.key_columns, key, strict=True)
                }
                yield RowChange(projection.name, jsonable(shown), row, after)

    def _usable(self, projection: RowType) -> int | None:
        """The position of the live rows; None if they don't count."""
        checkpoint = self._store.rows.checkpoint(projection.name)
        if checkpoint is None:
            return None
        reason = outdated(checkpoint.definition, projection.definition) or gone(self._store.rows, projection)
        if reason is not None and projection.inline:
            raise NeedsRebuild(
                f"the inline projection {projection.name} needs a rebuild: {reason}",
                hint=f"cqrs project {projection.name} --rebuild",
            )
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
        table = projection.table
        names = [column.name for column in table.columns]
        key_places = [names.index(name) for name in table.key]
        puts, deletes = fold.changes()
        decimals = {column.name for column in table.columns if column.kind == "decimal"}
        changed = {_parts(row, key_places) for row in puts} | set(deletes)
        for group in table.unique:
            places = [names.index(name) for name in group]
            seen: set[tuple[Any, ...]] = set()
            for row in puts:
                values = _parts(row, places)
                if None in values:
                    continue
                compared = tuple(
                    [
                        Decimal(str(value)) if name in decimals else value
                        for name, value in zip(group, values, strict=True)
                    ]
                )
                where = [Where(name, "=", value) for name, value in zip(group, values, strict=True)]
                others = self._store.rows.select(table, where) if usable is not None else ()
                if compared in seen or any(_parts(other, key_places) not in changed for other in others):
                    raise not_unique(table, group, values)
                seen.add(compared)


def _parts(row: Sequence[Scalar], places: Sequence[int]) -> tuple[Scalar, ...]:
    return tuple(row[place] for place in places)


def _shown(fold: RowFold, key: Key) -> Shown:
    row = fold.row(key)
    return None if row is None else jsonable(row)
