"""What happened in a scenario: a log of events, which are recorded as a store would, and kept nowhere."""

from __future__ import annotations

from typing import NamedTuple

from cqrs_cli.stores.commits import Recorded


class Payload(NamedTuple):
    """An event as it is stored."""

    type: str
    schema_version: int
    data: bytes


class Cause(NamedTuple):
    """Where events come from. command: its stored name, None where nobody asked. moment_us: microseconds UTC."""

    id: str
    moment_us: int
    command: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    user_id: str | None = None
    metadata_json: str | None = None


class Happened:
    """The events of a scenario, in their order. streams: the events of each."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self.streams: dict[str, list[Recorded]] = {}

    def record(self, stream: str, payload: Payload, cause: Cause, number: int = 1) -> Recorded:
        """Add an event to a stream. number: in the commit. No time is before that of the event before."""
        before = self.streams.setdefault(stream, [])
        last_us = self.events[-1].recorded_us if self.events else cause.moment_us
        recorded = Recorded(
            position=len(self.events) + 1,
            stream=stream,
            version=len(before) + 1,
            type=payload.type,
            schema_version=payload.schema_version,
            data=payload.data,
            commit_id=cause.id,
            number=number,
            command_type=cause.command,
            correlation_id=cause.correlation_id or cause.id,
            causation_id=cause.causation_id,
            user_id=cause.user_id,
            recorded_us=max(last_us, cause.moment_us),
            metadata_json=cause.metadata_json,
        )
        before.append(recorded)
        self.events.append(recorded)
        return recorded

    def take_back(self, count: int) -> None:
        """Let the last events not have happened."""
        for _ in range(count):
            stream = self.events.pop().stream
            self.streams[stream].pop()
            if not self.streams[stream]:
                del self.streams[stream]
