"""Inline projections: rows that change in the commit's own transaction, so that rules over many rows can hold."""

from __future__ import annotations

from collections.abc import Sequence

from cqrs_cli.errors import DomainFailed, Misuse
from cqrs_cli.log.ends import end_lost
from cqrs_cli.log.stops import skips_of_each
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Inline, Selection
from cqrs_cli.stores.rows import Rows
from cqrs_cli.workbench.processors.handler import Poisoned
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.projections import Projector, begin
from cqrs_cli.workbench.processors.rows import RowFold
from cqrs_cli.workbench.processors.status import Whereabouts, code_of


class InlineProjections:
    """The inline projections of a domain, as the hook of an append. names: of them, which it holds and asks about at
    once."""

    def __init__(self, projector: Projector) -> None:
        self._projector, self._store, self._limits = projector, projector.engine.store, projector.engine.limits
        self._projections = [rows for rows in projector.engine.domain.projections.values() if rows.inline]
        self.names = [projection.name for projection in self._projections]
        self._ready = not self._projections

    def hook(self) -> Inline | None:
        """What an append runs in its transaction; None without inline projections.

        The first call catches them up, so that the transaction stays short. While the log is empty they begin with its
        first commit: one that is refused then leaves nothing.
        """
        if not self._ready and self._store.head():
            for error in self._projector.catch_up(self._projections).values():
                raise error
            self._ready = True
        return self if self._projections else None

    def __call__(self, rows: Rows, recorded: Sequence[Recorded]) -> None:
        """Fold the commit's events. Raises `NotUnique`, `DomainFailed`, `Undecodable`: then nothing is written."""
        first, last = recorded[0].position, recorded[-1].position
        rows.hold(self.names)
        skipped = skips_of_each(self._store.rows, self.names)
        for projection in self._projections:
            checkpoint = rows.checkpoint(projection.name) or begin(rows, projection)
            code = code_of(self._store, None, projection.definition)  # that its table is gone is said when it is used
            if (fault := code.fault(checkpoint)) is not None:
                raise fault
            behind = first - 1 - checkpoint.position
            if behind < 0:
                raise end_lost(projection.name, checkpoint.position, first - 1)
            if behind >= self._limits.inline_lag:
                raise Misuse(
                    f"the inline projection {projection.name} is {behind} events behind",
                    code="behind",
                    projection=projection.name,
                )
            found = Whereabouts(checkpoint, skips=skipped.get(projection.name, ()))
            one = Processor(RowFold(self._projector.engine, projection, rows), code, found)
            # Somebody may have appended without the domain (an import): what they left out comes first.
            missed = Selection(types=one.handler.types, after=checkpoint.position, before=first)
            try:
                one.handler.gather(one.own([*(self._store.read(missed) if behind else ()), *recorded]))
                writes = one.handler.writes()
                writes.apply(rows)
            except Poisoned as poisoned:
                raise poisoned.error from poisoned
            except DomainFailed as error:
                raise error.retold(error.message, projection=projection.name) from error
            rows.move(projection.name, checkpoint, one.moved_to(last, bool(writes)))
