"""The store from look to look, whatever becomes of it: made later, moved, replaced, on a server that is away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cqrs_cli import records
from cqrs_cli.cli.options.foreign import check_pair
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, StoreFailed, StoreNotFound
from cqrs_cli.log.letters import count_letters, newest_letters
from cqrs_cli.log.outbox import DeadLetter
from cqrs_cli.log.selection import EventFilter
from cqrs_cli.log.stops import Stop, stops

if TYPE_CHECKING:
    from cqrs_cli.stores.contract import Selection, Store
    from cqrs_cli.workbench.processors.status import ProcessorStatus
    from cqrs_cli.workbench.workbench import Workbench

LETTERS = 3
"""How many dead letters are told."""
_EVERY = 1.0
"""Seconds between two looks at processors and dead letters."""
_FIRST, _LONGEST = 0.5, 5.0
"""Seconds between two tries to open a store that is not there."""


class Seen(NamedTuple):
    """What was seen. events: records, the newest last. statuses: None without a domain. stops: of all processors that
    the store knows. dead: how many commands came to nothing. trouble: why there is no more than was seen before."""

    head: int
    events: Sequence[records.Record] = ()
    statuses: Sequence[ProcessorStatus] | None = None
    stops: Sequence[Stop] = ()
    dead: int = 0
    letters: Sequence[DeadLetter] = ()
    trouble: str | None = None


class Looking:
    """Looks at the store of a session. wanted: the events that are shown, at most so many. foreign: is meant."""

    def __init__(self, session: Session, wanted: EventFilter, most: int, foreign: bool) -> None:
        self._session, self._wanted, self._foreign = session, wanted, foreign
        self._events: deque[records.Record] = deque(maxlen=most)
        self._store: Store | None = None
        self._bench: Workbench | None = None
        self._selection: Selection
        self._pause, self._again, self._next = _FIRST, 0.0, 0.0
        self._was_open = False
        self.seen = Seen(0)

    def look(self) -> Seen:
        """What there is now; the same object, if there is nothing new.

        Raises `CqrsError` for what is wrong with the domain or what is asked for, as long as the store never was there.
        """
        now = time.monotonic()
        if now < self._again:
            return self.seen
        try:
            if self._store is None:
                self._open()
            self._take_events()
            if now >= self._next:
                self._next = now + _EVERY
                self._take_statuses()
            self._was_open, self._pause = True, _FIRST
        except CqrsError as error:
            if not self._was_open and not isinstance(error, StoreFailed | StoreNotFound):
                raise
            self._close()
            self._again, self._pause = time.monotonic() + self._pause, min(2 * self._pause, _LONGEST)
            self.seen = self.seen._replace(trouble=error.message)
        return self.seen

    def _open(self) -> None:
        session = self._session
        if session.settings.app is None:
            self._store = session.store()
        else:
            self._bench = session.workbench()
            self._store = self._bench.store
            check_pair(session, self._bench, self._foreign, recent=True)
        self._selection = self._wanted.on(self._store, session.printer.message, missing_ok=True)
        self._events.clear()
        self.seen, self._next = Seen(0), 0.0  # another one may be in its place

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = self._bench = None

    def _take_events(self) -> None:
        store = self._store
        assert store is not None, "it was opened"
        head = store.head()
        if head == self.seen.head:
            return
        new = self._selection._replace(
            after=max(self._selection.after, self.seen.head), before=head + 1, backwards=True, limit=self._events.maxlen
        )
        found = [records.event(event) for event in store.read(new)]
        if self._session.hiding is not None:
            self._session.hiding.learn(self._session.address)  # before anything of them is shown
        self._events.extend(reversed(found))
        self.seen = self.seen._replace(head=head, events=tuple(self._events))

    def _take_statuses(self) -> None:
        store, bench = self._store, self._bench
        assert store is not None, "it was opened"
        statuses = None
        if bench is not None:
            statuses = [*bench.statuses(counted=False), *bench.reactions(counted=False)]
        dead = count_letters(store.rows)
        found = self.seen._replace(
            statuses=statuses,
            stops=list(stops(store.rows).values()),
            dead=dead,
            letters=newest_letters(store.rows, LETTERS) if dead else (),
        )
        if found != self.seen:
            self.seen = found
