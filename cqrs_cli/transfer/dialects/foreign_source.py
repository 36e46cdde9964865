"""Another store's log as a source: its events as commits, with times that never fall."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.log.origins import origin_of
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import MAX_COMMIT_BYTES, MAX_EVENT_BYTES, Commit, NewEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.transfer.dialects.event import ForeignEvent
from cqrs_cli.transfer.dialects.reader import Reader
from cqrs_cli.transfer.parcel import Parcel

_MOST_EVENTS = 1_000
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
_LONGEST_NAME = 150

_new_event: Callable[[tuple[Any, ...]], NewEvent] = partial(tuple.__new__, NewEvent)
_new_commit: Callable[[tuple[Any, ...]], Commit] = partial(tuple.__new__, Commit)
_new_parcel: Callable[[tuple[Any, ...]], Parcel] = partial(tuple.__new__, Parcel)


class ForeignSource:
    """What a reader gives, one commit an event; several where the other store knows that they were one.

    floor: the time that the copy had reached at a position of the source, in microseconds. An event whose time is
    before that of one that was taken in before it, or not over yet, is recorded at the nearest time that can be; its
    own stands in the metadata then, as `recorded_at`.
    """

    has_chain = False
    begins = 0

    def __init__(self, reader: Reader, floor: Callable[[int], int]) -> None:
        self._reader, self._floor = reader, floor
        self.name = reader.name

    @property
    def gap(self) -> int | None:
        """The number that held back what is after it when the last reading ended."""
        return self._reader.gap

    def parcels(self, after: int) -> Iterator[Parcel]:
        """What comes after a position."""
        newest_us = self._floor(after)
        for events in _commits(self._reader.events(after)):
            parcel = _parcel(events, newest_us)
            assert parcel.commit.recorded_us is not None
            newest_us = parcel.commit.recorded_us
            yield parcel

    def mark(self, position: int) -> str | None:
        """What tells the event at the position from another one."""
        event = self._reader.at(position)
        return None if event is None else _mark(event)

    def wait(self, after: int, seconds: float) -> bool:
        """Until there is more."""
        return self._reader.wait(after, seconds)


def _commits(events: Iterator[ForeignEvent]) -> Iterator[Sequence[ForeignEvent]]:
    """Events that were one commit, as far as they are in a row."""
    part: list[ForeignEvent] = []
    size = 0
    for event in events:
        if event.together is None and not part:
            yield (event,)
            continue
        size += len(event.data)
        if part and (
            event.together is None
            or event.together != part[0].together
            or len(part) == _MOST_EVENTS
            or size > MAX_COMMIT_BYTES // 2
        ):
            yield part
            part, size = [], len(event.data)
        if event.together is None:
            yield (event,)
        else:
            part.append(event)
    if part:
        yield part


def _parcel(events: Sequence[ForeignEvent], newest_us: int) -> Parcel:
    first, last = events[0], events[-1]
    metadata = first.metadata if len(events) == 1 else _metadata_of(events)
    now_us, recorded_us = time.time_ns() // 1000, first.time_us
    if recorded_us is None:
        recorded_us = max(newest_us, now_us)
    elif not _FIRST_US <= recorded_us <= _LAST_US:
        raise InvalidInput(
            f"the event at position {first.position:,} of the source has a time beyond the years 1 to 9999",
            hint="mend it with the tools of the store that wrote it",
            code="row",
            position=first.position,
        )
    elif not newest_us <= recorded_us <= now_us:
        metadata = _with_time(metadata, recorded_us)
        recorded_us = max(newest_us, min(recorded_us, now_us))
    new = tuple([_new_event((event[1], event[2], event[11], event[3])) for event in events])
    commit = _new_commit(
        (first.id, new, None, first.correlation_id, first.causation_id, first.user_id, metadata, recorded_us)
    )
    for event in new:
        stream, type, _, data = event
        if len(data) > MAX_EVENT_BYTES or not (0 < len(stream) <= _LONGEST_NAME and 0 < len(type) <= _LONGEST_NAME):
            _check(commit, events[new.index(event)])
    return _new_parcel((commit, last.position, _mark(last), tuple([event[6] for event in events]), None))


def _check(commit: Commit, event: ForeignEvent) -> None:
    try:
        check_append(commit, ())
    except CqrsError as error:
        raise error.retold(f"at position {event.position:,} of the source: {error.message}") from error


def _metadata_of(events: Sequence[ForeignEvent]) -> str | None:
    """The metadata of each, where there is some: ids of their own, for instance."""
    if all(event.metadata is None for event in events):
        return None
    return '{"events":[' + ",".join([event.metadata or "{}" for event in events]) + "]}"


def _with_time(metadata: str | None, recorded_us: int) -> str:
    """The metadata, a JSON object with something in it, and the time behind it."""
    said = f'recorded_at":"{rfc3339(recorded_us)}"}}'
    if metadata is None:
        return f'{{"{said}'
    is_there = "recorded_at" in metadata and "recorded_at" in json.loads(metadata)
    return f'{metadata.rstrip()[:-1]},"{"mirror_" if is_there else ""}{said}'


def _mark(event: ForeignEvent) -> str:
    return sha256(f"{event.id}\n{event.type}\n".encode("utf-8", "surrogatepass") + event.data).hexdigest()[:32]


def recorded_at(store: Store, name: str, position: int) -> int:
    """The time, in microseconds, of the last event that came of a source up to a position; 0 if none did.

    name: what the copy is remembered by.
    """
    origin = origin_of(store.rows, name)
    if origin is None or origin.source_position != position:
        return 0
    found = next(store.read(Selection(before=origin.position + 1, backwards=True, limit=1)), None)
    return 0 if found is None else found.recorded_us
