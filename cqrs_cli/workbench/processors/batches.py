"""The log in batches, none of which ends inside a commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from cqrs_cli.stores.commits import MAX_COMMIT_EVENTS, Recorded, StoredEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.workbench.engine import Engine, Limits
from cqrs_cli.workbench.processors.processor import Processor

_AT_ONCE = 50


def batches(engine: Engine, group: Sequence[Processor], goal: int) -> Iterator[tuple[Sequence[Any], int]]:
    """Batches of the events of a group up to the goal, with the position each reaches; none ends inside a commit."""
    handlers, log = [one.handler for one in group], engine.store
    selection = Selection(
        types=frozenset().union(*(handler.types for handler in handlers)), after=group[0].position, before=goal + 1
    )
    envelopes = any(handler.needs_envelope for handler in handlers)
    if not any(handler.sends for handler in handlers):  # rows can be made again, what was sent can't be taken back
        selection = selection._replace(as_found=True)
    events: Iterator[Any] = iter((log.read if envelopes else log.scan)(selection))
    batch: list[Any] = []
    while _fill(batch, events, engine.limits):
        end, following = commit_end(log, batch[-1].position), []
        for event in events:
            if event.position > end:
                following = [event]
                break
            batch.append(event)
        yield batch, end
        batch = following
    yield batch, goal


def _fill(batch: list[Any], events: Iterator[Any], limits: Limits) -> bool:
    """Take events until the batch is full, by number or size of payloads; False if they come to an end first."""
    size = sum([len(event.data) for event in batch])
    while len(batch) < limits.batch_events and size < limits.batch_bytes:
        # Many at once while they are small; a large one is looked at by itself.
        step = _AT_ONCE if size * _AT_ONCE < limits.batch_bytes * len(batch) else 1
        some = list(islice(events, min(step, limits.batch_events - len(batch))))
        if not some:
            return False
        batch += some
        size += sum([len(event.data) for event in some])
    return True


def cut_of(log: Store, events: Sequence[Any], fault: StoredEvent | Recorded | None) -> int:
    """Where to part a batch that failed (at the event `fault`, if that is known); 0 if it is all one commit.

    Between commits: a value may pass from row to row within one, and nobody is to see half of it.
    """
    at = next((at for at, event in enumerate(events) if event is fault), len(events) // 2)
    start = commit_start(log, events[at].position)
    cut = next(cut for cut, event in enumerate(events) if event.position >= start)
    if cut == 0:
        end = commit_end(log, events[at].position)
        cut = next((cut for cut, event in enumerate(events) if event.position > end), 0)
    return cut


def commit_start(log: Store, position: int) -> int:
    """The position of the first event of the commit that holds `position`."""
    event = next(log.read(Selection(after=position - 1, limit=1, as_found=True)))
    return event.position - event.number + 1


def commit_end(log: Store, position: int) -> int:
    """The position of the last event of the commit that holds `position`."""
    events = log.read(Selection(after=position - 1, limit=MAX_COMMIT_EVENTS + 1, as_found=True))
    _, of_commit = next(groupby(events, key=attrgetter("commit_id")))
    return max(event.position for event in of_commit)
