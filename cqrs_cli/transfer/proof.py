"""What a copy came to, and whether it is what it was copied from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cqrs_cli.errors import Damaged
from cqrs_cli.stores.contract import Store
from cqrs_cli.transfer.copy import AS_IT_IS, Between, Tally, begin, copy, remembered
from cqrs_cli.transfer.mapping import Mapping as EventMapping
from cqrs_cli.transfer.redaction import Redaction
from cqrs_cli.transfer.sink import Reached
from cqrs_cli.transfer.source import Source
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource


class Proof(NamedTuple):
    """A copy, counted.

    begun, position: where in the source it began (after), and where it is. read: commits of the source; commits,
    events: those that were taken, of which `duplicates` commits were there already. seen, taken: events by type, in and
    out. mapped: what became of events on the way, by what was done; None without a function. kinds: which type became
    which other one how often, none (`""`) where it was dropped. masked: how often which field
    was; None if none was to be. source_hash, hash: where the chains of both end; None
    where there is none. is_same: whether these are one history; None where it is not to be, and `why` says why.
    """

    source: str
    begun: int
    position: int
    read: int
    commits: int
    events: int
    duplicates: int
    seen: Mapping[str, int]
    taken: Mapping[str, int]
    mapped: Mapping[str, int] | None
    kinds: Mapping[tuple[str, str], int]
    masked: Mapping[str, int] | None
    source_hash: str | None
    hash: str | None
    is_same: bool | None
    why: str | None


class ProvenCopy:
    """One copy into a store, and the proof of it: whatever was one history with the source before still is.

    Raises what `copy` does, and `Damaged` if a copy of all of a log does not end as that log does.
    """

    def __init__(self, source: Source, store: Store, between: Between = AS_IT_IS) -> None:
        self._source, self._store, self._between = source, store, between
        self._end = StoreSource(store)
        begun = begin(source, StoreSink(store), remembered(source, between), between.sealed)
        self._head = store.head()
        hash = self._end.mark(self._head) if self._head else None
        self._was_one = begun is None and not self._head if begun is None or not begun.position else hash == begun.mark

    def make(self, told: Callable[[int], None] = lambda events: None) -> Proof:
        """Copy, and prove it. told: as of `copy`."""
        tally = copy(self._source, StoreSink(self._store), self._between, told)
        return self._prove(tally)

    def _prove(self, tally: Tally) -> Proof:
        head = self._store.head()
        hash = self._end.mark(head) if head else None
        redaction = next((step for step in self._between.steps if isinstance(step, Redaction)), None)
        source_hash = tally.reached.mark if self._source.has_chain and redaction is None else None
        mapping = next((step for step in self._between.steps if isinstance(step, EventMapping)), None)
        why = self._why_another(tally, head)
        if why is None and hash != source_hash:
            raise Damaged(
                f"the copy ends with the hash {hash}, its source at {tally.reached.position:,} with {source_hash}",
                hint="the chain of the source does not hold: restore a backup of it",
            )
        begun = tally.begun or Reached(0, None)
        return Proof(
            self._source.name, begun.position, tally.reached.position, tally.read, tally.commits, tally.events,
            tally.duplicates, dict(sorted(tally.seen.items())), dict(sorted(tally.taken.items())),
            None if mapping is None else dict(mapping.counts), {} if mapping is None else dict(mapping.kinds),
            None if redaction is None else dict(redaction.counts), source_hash, hash,
            True if why is None else None, why,
        )  # fmt: skip

    def _why_another(self, tally: Tally, head: int) -> str | None:
        """Why the copy need not be one history with its source; None if it has to."""
        if any(isinstance(step, Redaction) for step in self._between.steps):
            return "what is masked is another history"
        if self._between.steps:
            return "not all was copied as it is"
        if not self._source.has_chain:
            return "the source keeps no hashes"
        if not self._was_one:
            return "the store has a history besides"
        if head - self._head != tally.events:
            return "others wrote to the store, or it had some of it already"
        return None
