"""Reading the log in short pages: no statement stays open while the caller works.

A page of events ends where the caller's memory or the limit says, but the pages together end at a commit: the last
position is taken from the head, which is always the end of a commit. What is read is proved as far as its reader needs
it (docs/decisions/0027-what-is-read-is-proved.md).
"""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from cqrs_cli.stores.commits import FURTHEST, Recorded, RecordedCommit, SentCommand, StoredEvent
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.proof import Proof, Row
from cqrs_cli.stores.streams import StreamInfo

_SMALL_BYTES, _LARGE_BYTES = 256 * 1024, 4 * 1024 * 1024
LAST = 2**63 - 1
"""The largest number that a store can hold."""

make_stored: Callable[[Row], StoredEvent] = partial(tuple.__new__, StoredEvent)
make_recorded: Callable[[Row], Recorded] = partial(tuple.__new__, Recorded)


def bounded(number: int) -> int:
    """The nearest number that a position or a version can be."""
    return max(0, min(number, LAST))


def versions(selection: Selection) -> tuple[int, int]:
    """The bounds of the versions, both exclusive, as a store can hold them."""
    before = selection.before_version
    return bounded(selection.after_version), LAST if before is None else bounded(before)


def within(category: str | None, column: str, mark: str) -> list[tuple[str, tuple[str, ...]]]:
    """Conditions, with their values, of the names of a category's streams, in order; of all without one.

    By ranges, so that no wildcard of LIKE leaks into other categories: '.' follows '-' in ASCII. A category's own name,
    if it is a stream, sorts before all others of the category. mark: stands for a value.
    """
    if category is None:
        return [("TRUE", ())]
    between = f"{column} >= {mark} AND {column} < {mark}"
    return [(f"{column} = {mark}", (category,)), (between, (category + "-", category + "."))]


class Sizes(Protocol):
    """How much is read at once. window: positions that one statement looks through. smallest, largest: of a page."""

    @property
    def window(self) -> int: ...

    @property
    def smallest(self) -> int: ...

    @property
    def largest(self) -> int: ...


class Page:
    """How many rows to take at once: few when events are large, more while they are small."""

    def __init__(self, sizes: Sizes, limit: int | None = None) -> None:
        self.left = LAST if limit is None else max(limit, 0)
        self._size, self._largest = sizes.smallest, sizes.largest

    @property
    def size(self) -> int:
        """Rows to ask for."""
        return min(self._size, self.left)

    def took(self, rows: Sequence[Row]) -> None:
        """These were given, whose sixth field is the payload."""
        self.left -= len(rows)
        weight = sum([len(row[5]) for row in rows])
        if weight < _SMALL_BYTES:
            self._size = min(self._size * 4, self._largest)
        elif weight > _LARGE_BYTES:
            self._size = max(self._size // 4, 1)


def is_span(first: Any, count: Any) -> bool:
    """Whether a commit can have these positions: many from a first one on."""
    return isinstance(first, int) and isinstance(count, int) and first + count < FURTHEST


def together(rows: list[Row], most: int) -> list[Row]:
    """The first of these rows of commits, as many as have `most` events together: at least one."""
    events = 0
    for number, (first, count, *_) in enumerate(rows):
        events += count if is_span(first, count) else most
        if events > most and number:
            return rows[:number]
    return rows


class Source(Protocol):
    """What is selected of a log, for who walks along its positions."""

    @property
    def is_vain(self) -> bool:
        """Whether nothing of the log can be selected."""

    @property
    def takes_all(self) -> bool:
        """Whether every event between the positions is selected."""

    def look(self) -> int:
        """The head, as it is now; what is selected is known up to there."""

    def between(self, low: int, high: int, wanted: int) -> list[Row]:
        """Those between two positions, both exclusive, in the order that is asked for; at most so many."""


def log_pages(source: Source, proof: Proof, sizes: Sizes, selection: Selection) -> Iterator[list[Row]]:
    """Windows of positions, so that a rare type is not looked for in one long statement."""
    page, window = Page(sizes, selection.limit), sizes.window
    low = bounded(selection.after)
    before = LAST if selection.before is None else min(selection.before, LAST)
    high = min(before, source.look() + 1)
    while page.left and low < high - 1 and not source.is_vain:
        start, end = (max(low, high - 1 - window), high) if selection.backwards else (low, min(high, low + 1 + window))
        wanted = page.size
        rows = source.between(start, end, wanted)
        page.took(rows)
        full = len(rows) == wanted
        if selection.backwards:
            high = rows[-1][0] if full else start + 1
        else:
            low = rows[-1][0] if full else end - 1
        seen = (end - 1, high) if selection.backwards else (start + 1, low)
        (proof.check_all_there if source.takes_all else proof.check_some)(rows, *seen)
        if not selection.backwards and low >= high - 1 and high < before:  # at the head as it was: there may be more
            high = min(before, source.look() + 1)
        yield rows


class PagedLog(ABC):
    """What of a log reader is alike wherever the log is. sizes: how much is read at once."""

    def __init__(self, proof: Proof, sizes: Sizes) -> None:
        self._proof, self._sizes = proof, sizes

    @abstractmethod
    def head(self) -> int:
        """The last position; 0 for an empty log."""

    @abstractmethod
    def _commits_after(self, position: int, wanted: int) -> list[Row]:
        """Rows of commits that begin after a position, in order, at most so many."""

    @abstractmethod
    def _recorded_between(self, first: int, last: int) -> list[Row]:
        """The events from one position to another, with their envelopes, in order."""

    @abstractmethod
    def _last_commit_up_to(self, position: int) -> list[Row]:
        """First position, number of events and time of the commit that begins last, at or before a position."""

    @abstractmethod
    def _streams_of(self, within: tuple[str, tuple[str, ...]], name: str, wanted: int) -> list[Row]:
        """Rows of `StreamInfo` by name, after a name, at most so many. within: a condition and its values."""

    @abstractmethod
    def _within(self, category: str | None) -> list[tuple[str, tuple[str, ...]]]:
        """As `within`, in the store's own SQL."""

    def streams(
        self, category: str | None = None, after: str | None = None, limit: int | None = None
    ) -> Iterator[StreamInfo]:
        """Streams by name (order of code points)."""
        left = LAST if limit is None else max(limit, 0)
        for within in self._within(category):
            name = after or ""
            while left:
                wanted = min(left, self._sizes.largest)
                rows = self._streams_of(within, name, wanted)
                for row in rows:
                    if None in row:
                        raise self._proof.damage(f"not all of the stream {row[0]} is to be found")
                    yield StreamInfo(*row)
                left -= len(rows)
                if len(rows) < wanted:
                    break
                name = rows[-1][0]

    def commits(self, after: int = 0, limit: int | None = None) -> Iterator[RecordedCommit]:
        """Commits that begin after a position, in order."""
        after = bounded(after)
        left, page = LAST if limit is None else limit, Page(self._sizes)
        while left > 0:
            wanted = min(left, page.size)
            rows = self._commits_after(after, wanted)
            is_last = len(rows) < wanted
            while rows:
                some = together(rows, page.size)
                yield from self._commits_of(some, page)
                after, rows = some[-1][0], rows[len(some) :]
                left -= len(some)
            if is_last:
                return

    def _commits_of(self, rows: list[Row], page: Page) -> Iterator[RecordedCommit]:
        """The commits of these rows, which are in order, with their events, which are read at once."""
        spans = [(row[0], row[0] + row[1]) for row in rows if is_span(row[0], row[1])]
        found = self._recorded_between(spans[0][0], spans[-1][1] - 1) if spans else []
        page.took(found)
        at = 0
        for row in rows:
            first, count, id, *sent, correlation_id, causation_id, user_id, metadata, recorded_at, hash, before = row
            start = at
            if is_span(first, count):
                while at < len(found) and found[at][0] < first + count:
                    at += 1
            self._proof.check_commit(row, before, found[start:at])
            events = tuple(map(make_recorded, found[start:at]))
            command = None if sent[0] is None else SentCommand(*sent)
            envelope = (correlation_id, causation_id, user_id, metadata, recorded_at)
            yield RecordedCommit(id, command, *envelope, hash, events)

    def position_at(self, recorded_us: int) -> int:
        """The last position recorded at or before a moment, by bisection: times never fall along the log."""
        low, high, found = 0, self.head(), 0  # nothing at or below low is still to be looked at, nothing above high
        while low < high:
            middle = (low + high + 1) // 2
            rows = self._last_commit_up_to(middle)
            for first, count, at in rows:
                if at <= recorded_us:
                    low, found = max(middle, first + count - 1), first + count - 1
                else:
                    high = first - 1
            if not rows:
                low = middle
        return found
