"""The events of another store in the order in which they are to be copied, none of them ever passed over.

PostgreSQL gives numbers when a row is inserted and shows the row when its transaction commits: 7 may be seen before 6.
Who goes on after 7 then never sees 6. So a number that is missing holds back what comes after it, until no transaction
that may have taken it is left: those that could write to the table when the later number was seen. What is missing then
will never come. (The horizon of transaction ids alone is not enough: a transaction takes its number before its id.)
"""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from cqrs_cli.errors import InvalidInput
from cqrs_cli.transfer.dialects.database import Database
from cqrs_cli.transfer.dialects.dialect import Dialect, Place
from cqrs_cli.transfer.dialects.event import ForeignEvent, Row

_MISFIT = (TypeError, ValueError, AttributeError, LookupError, OverflowError)
"""What a dialect raises for a row that is not what it expects."""
_LOOK_AGAIN = 0.05
_WAIT_FOR_WRITERS = 2.0
"""Seconds, before a copy ends at a gap."""


class Reader(Protocol):
    """Events in an order that stays. name: what the log is remembered by.

    gap: the number that held back what is after it when the last reading ended; None if nothing did.
    """

    name: str
    gap: int | None

    def events(self, after: int) -> Iterator[ForeignEvent]:
        """What comes after a position, as far as nothing can come before it any more."""

    def at(self, position: int) -> ForeignEvent | None:
        """The event at a position."""

    def wait(self, after: int, seconds: float) -> bool:
        """Until `events` has something after the position; False when the time is over."""

    def close(self) -> None: ...


class _Gap(NamedTuple):
    """A number that is missing. newest: what was seen then; writers: who may have taken it; since: when, monotonic."""

    newest: int
    writers: frozenset[str]
    since: float


class TableReader:
    """Reads by the SELECT of a dialect, a page at a time: no transaction is held while what was read is written."""

    def __init__(self, database: Database, dialect: Dialect, place: Place) -> None:
        self.name = f"{dialect.name}+{database.name}#{place[0].shown}"
        self.gap: int | None = None
        self._database, self._place, self._patience, self._page = database, place, dialect.patience, dialect.page
        self._select = dialect.select(database.kind, place)
        self._dialect, self._map = dialect.name, dialect.mapped(database, place)
        self._settled = 0  # up to here nothing comes any more
        self._no_events = 0  # up to here there was nothing but rows that are none
        self._open: _Gap | None = None
        database.check_order(place)

    def events(self, after: int) -> Iterator[ForeignEvent]:
        """What comes after a position."""
        self._check_positions(after)
        last, give_up = after, time.monotonic() + _WAIT_FOR_WRITERS
        has_gaps, mapped = self._database.has_gaps, self._map
        self.gap = None
        while True:
            number, missing = 0, None
            for row in self._database.page(self._select, last, self._page):
                if has_gaps and row[0] != last + 1 and not self._follows(row, last):
                    missing = row
                    break
                if row[0] == last:
                    raise self._misfit(row, "another row has that position")
                last, number = row[0], number + 1
                try:
                    event = mapped(row)
                except _MISFIT as error:
                    raise self._misfit(row, error) from error
                if event is not None:
                    if type(event[1]) is not str or type(event[2]) is not str or type(event[4]) is not str:
                        raise self._misfit(row, "its stream, its type or its id is no text")
                    yield event
                else:
                    self._no_events = last
            if missing is None:
                if number < self._page:
                    return
            elif not self._settle(missing):
                if time.monotonic() > give_up:
                    self.gap = last + 1
                    return
                time.sleep(_LOOK_AGAIN)

    def _check_positions(self, after: int) -> None:
        """Raise `InvalidInput` (`row`) for a row that has no position, or none from 1 on: it would be passed over."""
        if after:
            return
        position, where = self._select.position, self._select.where
        strange = f"({position} IS NULL OR {position} < ?)" + (f" AND ({where})" if where else "")
        row = self._database.first(f"SELECT {position} FROM {self._select.source} WHERE {strange} LIMIT 1", 1)
        if row is not None:
            raise InvalidInput(
                f"a row of {self._place[0].shown} has the position {'NULL' if row[0] is None else row[0]}",
                hint="positions grow from 1: mend it with the tools of the store that wrote it",
                code="row",
            )

    def at(self, position: int) -> ForeignEvent | None:
        """The event at a position."""
        row = self._database.at(self._select, position)
        return None if row is None else self._mapped(row)

    def wait(self, after: int, seconds: float) -> bool:
        """Until there is something that can be taken."""
        give_up = time.monotonic() + seconds
        last = max(after, self._no_events)
        while True:
            self._database.check_there()
            row = next(self._database.page(self._select, last, 1), None)
            if row is not None and (self._follows(row, last) or self._settle(row)):
                return True
            left = give_up - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_LOOK_AGAIN, left))

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _follows(self, row: Row, last: int) -> bool:
        return not self._database.has_gaps or row[0] == last + 1 or row[0] <= self._settled

    def _settle(self, row: Row) -> bool:
        """Whether by now nothing comes any more before a row that was seen; if so, it is read anew."""
        if self._open is None or self._open.newest < row[0]:
            newest = self._database.newest(self._select)
            self._open = _Gap(newest, self._database.writers(self._place), time.monotonic())
        newest, writers, since = self._open
        if writers and writers & self._database.writers(self._place):
            return False
        if time.monotonic() - since >= self._patience:
            self._settled, self._open = newest, None
            return True
        if not self._is_old(row):
            return False
        self._settled = row[0]
        return True

    def _mapped(self, row: Row) -> ForeignEvent | None:
        try:
            return self._map(row)
        except _MISFIT as error:
            raise self._misfit(row, error) from error

    def _misfit(self, row: Row, why: object) -> InvalidInput:
        """Of a row that has nothing where its dialect has something, or something of another kind."""
        return InvalidInput(
            f"the row at position {row[0]:,} of the source is none that {self._dialect} writes: {why}",
            hint="mend it with the tools of the store that wrote it, or say which dialect it is: --dialect NAME",
            code="row",
            position=row[0],
        )

    def _is_old(self, row: Row) -> bool:
        """Whether what was missing before it would be there, had it ever been to come."""
        event = self._mapped(row)
        recorded_us = None if event is None else event.time_us
        return recorded_us is not None and time.time_ns() // 1000 - recorded_us >= self._patience * 1_000_000
