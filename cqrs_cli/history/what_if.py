"""What if this had been sent: on a fork that is thrown away, compared with what is. Nothing is written to the store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.history.changes import Change, changes
from cqrs_cli.history.rows import row_key_text
from cqrs_cli.history.shapes import Shape
from cqrs_cli.log.outbox import Outgoing, of_reaction
from cqrs_cli.passing import passing_folder
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.streams import category_of
from cqrs_cli.transfer.fork import fork
from cqrs_cli.workbench.outcome import Outcome, Request
from cqrs_cli.workbench.processors.rows import Key, RowFold
from cqrs_cli.workbench.processors.runner import Round
from cqrs_cli.workbench.workbench import Workbench


class SubjectChange(NamedTuple):
    """A stream or row (`customer_totals/C1`), and what of it would be another."""

    subject: str
    change: Change


class WhatIf(NamedTuple):
    """What would be. position: of the history that it was tried on.

    outcomes: of the commands, in order. events: all that would be recorded, those of reactions among them. states,
    rows: what of the streams that these events are on, and of the rows that they concern, would be another. outgoing:
    commands that reactions want sent later. drained: what the reactions did; None: they were not run.
    """

    position: int
    outcomes: Sequence[Outcome]
    events: Sequence[Recorded]
    states: Sequence[SubjectChange]
    rows: Sequence[SubjectChange]
    outgoing: Sequence[Outgoing]
    drained: Round | None


def what_if(
    store: Store,
    now: Domain,
    then: Domain,
    requests: Iterable[Request],
    *,
    position: int | None = None,
    react: bool = False,
    live_services: bool = False,
) -> WhatIf:
    """Send these on a fork of the store, with the history up to a position (the end of a commit; None: all of it).

    now: the code that says what is. then: the code that the commands are sent to, which are its own; often the same.
    react: let reactions answer what would be recorded. live_services: call the services of the domain itself; else its
    stand-ins, and `Misuse` (`no-stand-in`) where there is none. Raises what `fork` does, and what the folds raise; that
    a command is rejected is an outcome.
    """
    with trial(store, then, position=position, rehearsing=not live_services) as bench:
        begun = bench.store.head()
        outcomes = list(bench.send_batch(requests))
        drained = bench.runner(start=begun, live=True).drain() if react else None
        events = list(bench.log(Selection(after=begun)))
        before = Workbench(bench.store, now, read_only=True)
        return WhatIf(
            begun,
            outcomes,
            events,
            list(_states(before, bench, events, begun)),
            list(_rows(before, bench, events, begun)),
            [one for name in sorted(then.reactions) for one in of_reaction(bench.store.rows, name)],
            drained,
        )


@contextmanager
def trial(
    store: Store, domain: Domain, *, position: int | None = None, rehearsing: bool = False
) -> Iterator[Workbench]:
    """A workbench on a fork of the store, which is thrown away at the end. Inline projections are ready there."""
    with passing_folder("cqrs-what-if-") as folder:
        path = os.path.join(folder, "what-if.db")
        fork(store, path, position)
        with open_store(path) as copy:
            bench = Workbench(copy, domain, rehearsing=rehearsing)
            inline = [name for name, kind in domain.projections.items() if kind.inline]
            if inline:
                bench.project(*inline)
            yield bench


def _states(before: Workbench, after: Workbench, events: Sequence[Recorded], position: int) -> Iterator[SubjectChange]:
    """Stream by stream, in the order in which they were first written to."""
    for stream in dict.fromkeys(event.stream for event in events):
        versions = [event.version for event in events if event.stream == stream]
        old: Any = {}
        if category_of(stream) in before.domain.categories:
            aggregate = before.domain.aggregate_of(stream)
            begun = min(versions) > 1
            state = before.load(stream, at_position=position).state if begun else None
            old = before.jsonable(state or aggregate.empty(aggregate.key_of(stream)))
        new = after.load(stream).state
        for change in changes(old, after.jsonable(new), Shape(type(new))):
            yield SubjectChange(stream, change)


def _rows(before: Workbench, after: Workbench, events: Sequence[Recorded], position: int) -> Iterator[SubjectChange]:
    for name, kind in sorted(after.domain.projections.items()):
        fold = RowFold(after.engine, kind)
        concerned = [event for event in events if event.type in fold.types]
        if not concerned:
            continue
        keys = fold.keys_of(concerned)
        same = before.domain is after.domain
        old_kind = before.domain.projections.get(name)
        old = _shown_at(before, old_kind, keys, position) if old_kind is not None and not same else None
        fresh = _Folded(after, kind, keys)
        fresh.over(Selection(before=position + 1))
        old = fresh.shown() if same else old or {}
        fresh.over(Selection(after=position))
        new = fresh.shown()
        for key in keys:
            for change in changes(old.get(key) or {}, new.get(key) or {}, Shape(kind.cls)):
                yield SubjectChange(f"{name}/{row_key_text(kind, key)}", change)


def _shown_at(bench: Workbench, kind: RowType, keys: Sequence[Key], position: int) -> dict[Key, Any]:
    folded = _Folded(bench, kind, keys)
    folded.over(Selection(before=position + 1))
    return folded.shown()


class _Folded:
    """Some rows of a read model, folded from the log."""

    def __init__(self, bench: Workbench, kind: RowType, keys: Sequence[Key]) -> None:
        self._bench, self._keys = bench, keys
        self._fold = RowFold(bench.engine, kind)
        self._fold.wanted = set(keys).__contains__
        self._fold.start_empty()

    def over(self, selection: Selection) -> None:
        """Take the selected events in."""
        wanted = selection._replace(types=self._fold.types)
        read: Any = self._bench.store.read if self._fold.needs_envelope else self._bench.store.scan
        for event in read(wanted):
            self._fold.over((event,))

    def shown(self) -> dict[Key, Any]:
        """The rows as plain JSON values; None for one that is not there."""
        rows = ((key, self._fold.row(key)) for key in self._keys)
        return {key: None if row is None else self._bench.jsonable(row) for key, row in rows}
