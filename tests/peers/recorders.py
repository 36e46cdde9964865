"""Recorders of pyeventsourcing (9.5) on the contract of a store: `PERSISTENCE_MODULE=tests.peers.recorders`.

What the contract does not have is emulated, and said so:
- originator versions begin anywhere and may have gaps (snapshots): they are kept in the payload;
- `state` is bytes of any kind: kept as base64 in a JSON payload, as a payload is UTF-8 JSON;
- `gt` and `lte` of a stream are about those, so the stream is read and filtered.
"""

# pyright: reportMissingImports=false
# `make peers` installs what they are for.

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID, uuid4

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.utils import resolve_topic

from cqrs_cli.domain.keys import stream_name
from cqrs_cli.errors import Conflict
from cqrs_cli.stores.commits import Commit, NewEvent, Recorded
from cqrs_cli.stores.conditions import AtVersion, NewStream
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, Rows

CATEGORY = "es"


class Log:
    """One log, opened once for all threads. opened: those that `close_all` is to close."""

    opened: ClassVar[list[Log]] = []

    def __init__(self, url: str) -> None:
        self.url = url
        self.store: Store = open_store(url, create=True)
        self.opened.append(self)

    @classmethod
    def close_all(cls) -> None:
        """What the suite leaves open, as it knows no closing of recorders."""
        while cls.opened:
            cls.opened.pop().store.close()


class CqrsRecorder:
    """What the recorders have in common: the log that they share."""

    def __init__(self, log: Log) -> None:
        self.log = log

    @property
    def store(self) -> Store:
        return self.log.store


def _pack(event: StoredEvent) -> bytes:
    state = base64.b64encode(event.state).decode()
    kind = "u" if isinstance(event.originator_id, UUID) else "s"
    return json.dumps([kind, str(event.originator_id), event.originator_version, state]).encode()


def _unpack(event: Recorded) -> StoredEvent:
    kind, id, version, state = json.loads(event.data)
    return StoredEvent(UUID(id) if kind == "u" else id, version, event.type, base64.b64decode(state))


class CqrsAggregateRecorder(CqrsRecorder, AggregateRecorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self._insert(stored_events, kwargs.get("tracking"))
        return None

    def _insert(self, stored_events: Sequence[StoredEvent], tracking: Tracking | None) -> Sequence[int]:
        if not stored_events:
            if tracking is not None:
                with self.store.transaction() as rows:
                    _track(rows, tracking)
            return []
        id, events = uuid4().hex, []
        groups: dict[str, list[int]] = {}
        for event in stored_events:
            stream = stream_name(CATEGORY, (str(event.originator_id),))
            groups.setdefault(stream, []).append(event.originator_version)
            events.append(NewEvent(stream, event.topic, 1, _pack(event)))

        def inline(rows: Rows, recorded: Sequence[Recorded]) -> None:
            if tracking is not None:
                _track(rows, tracking)

        while True:
            conditions: list[NewStream | AtVersion] = []
            for stream, versions in groups.items():
                if any(b <= a for a, b in itertools.pairwise(versions)):
                    raise IntegrityError(f"{stream}: the versions {versions} do not rise")
                last = next(iter(self.store.read(Selection(stream=stream, backwards=True, limit=1))), None)
                if last is None:
                    conditions.append(NewStream(stream))
                elif versions[0] <= json.loads(last.data)[2]:
                    raise IntegrityError(f"{stream} has version {versions[0]} already")
                else:
                    conditions.append(AtVersion(stream, last.version))
            try:
                receipt = self.store.append(
                    Commit(id, tuple(events)), conditions, inline if tracking is not None else None
                )
            except Conflict:
                continue  # somebody else wrote in between: look again
            return [event.position for event in receipt.events]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        stream = stream_name(CATEGORY, (str(originator_id),))
        bounded = gt is not None or lte is not None
        found = []
        for recorded in self.store.read(Selection(stream=stream, backwards=desc, limit=None if bounded else limit)):
            event = _unpack(recorded)
            if (gt is None or event.originator_version > gt) and (lte is None or event.originator_version <= lte):
                found.append(event)
                if len(found) == limit:
                    break
        return found


class CqrsApplicationRecorder(CqrsAggregateRecorder, ApplicationRecorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self._insert(stored_events, kwargs.get("tracking"))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        found = self.store.read(
            Selection(
                types=frozenset(topics) if topics else None,
                after=after,
                before=None if stop is None else stop + 1,
                limit=limit,
            )
        )
        return [
            Notification(e.originator_id, e.originator_version, e.topic, e.state, r.position)
            for r, e in ((r, _unpack(r)) for r in found)
        ]

    def max_notification_id(self) -> int | None:
        return self.store.head() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return CqrsSubscription(self, gt, topics)


class CqrsSubscription(Subscription[CqrsApplicationRecorder]):
    """Catch up in pages of 500, then wait for the head to move."""

    def __init__(self, recorder: CqrsApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._page: Iterator[Notification] = iter(())

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            for notification in self._page:
                self._last_notification_id = notification.id
                return notification
            after = self._last_notification_id or 0
            page = self._recorder.select_notifications(after, 500, topics=self._topics, inclusive_of_start=False)
            self._page = iter(page)
            if not page:
                self._recorder.store.wait(self._recorder.store.head() if self._topics else after, 0.05)
        raise StopIteration


def _tracked(name: str) -> str:
    return f"tracking:{name}"


def _track(rows: Rows, tracking: Tracking) -> None:
    old = rows.checkpoint(_tracked(tracking.application_name))
    if old is not None and old.position >= tracking.notification_id:
        raise IntegrityError(f"{tracking} comes after {old.position}")
    rows.move(
        _tracked(tracking.application_name),
        old,
        Checkpoint(_tracked(tracking.application_name), tracking.notification_id, "{}"),
    )


class CqrsTrackingRecorder(CqrsRecorder, TrackingRecorder):
    def insert_tracking(self, tracking: Tracking) -> None:
        with self.store.transaction() as rows:
            _track(rows, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        found = self.store.rows.checkpoint(_tracked(application_name))
        return None if found is None else found.position


class CqrsProcessRecorder(CqrsTrackingRecorder, CqrsApplicationRecorder, ProcessRecorder):
    pass


class CqrsFactory(InfrastructureFactory[CqrsTrackingRecorder]):
    """`CQRS_DBNAME` names the file; snapshots are kept in a second one beside it."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.log = Log(self.env.get("CQRS_DBNAME") or os.environ["CQRS_DBNAME"])

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        return CqrsAggregateRecorder(self.log if purpose == "events" else Log(f"{self.log.url}-{purpose}"))

    def application_recorder(self) -> ApplicationRecorder:
        topic = self.env.get(self.APPLICATION_RECORDER_TOPIC)
        return (resolve_topic(topic) if topic else CqrsApplicationRecorder)(self.log)

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> CqrsTrackingRecorder:
        topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
        kind = tracking_recorder_class or (resolve_topic(topic) if topic else CqrsTrackingRecorder)
        return kind(self.log)

    def process_recorder(self) -> ProcessRecorder:
        topic = self.env.get(self.PROCESS_RECORDER_TOPIC)
        return (resolve_topic(topic) if topic else CqrsProcessRecorder)(self.log)


Factory = CqrsFactory
