"""A line as an export writes it, read member by member where they must stand: several times as fast as any line.

What stands elsewhere, or is written in another way, is not read here at all but as any line is. The payloads are the
bytes that stand there, so that only a commit's hash tells whether they are those that were exported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.moments import micros
from cqrs_cli.transfer.exact import ExactJson
from cqrs_cli.transfer.parcel import Parcel

_TEXT = r'"([^"\\\x00-\x1f]+)"'
_WHOLE = r"([1-9][0-9]{0,17})"
_ENVELOPE = re.compile(
    rf'\{{"id":{_TEXT},"position":{_WHOLE},"recorded_at":"([0-9-]{{10}}T[0-9:]{{8}})\.([0-9]{{6}})Z",("command":)?'
).match
_SENT = re.compile(rf'\{{"type":{_TEXT},"schema_version":{_WHOLE},"digest":"([0-9a-f]{{64}})",("data":)?').match
_ISSUED = re.compile(r'"issued_us":(-?[0-9]{1,18})\},').match
_BY = re.compile(
    rf'(?:"correlation_id":{_TEXT},)?(?:"causation_id":{_TEXT},)?(?:"user_id":{_TEXT},)?("metadata":)?'
).match
_EVENT = re.compile(rf'\{{"stream":{_TEXT},"version":{_WHOLE},"type":{_TEXT},"schema_version":{_WHOLE},"data":').match
_END = re.compile(r'\],"hash":"([0-9a-f]{64})"\}\n\Z').match
_BEGIN = '"events":['

_new_event: Callable[[tuple[Any, ...]], NewEvent] = partial(tuple.__new__, NewEvent)
_new_commit: Callable[[tuple[Any, ...]], Commit] = partial(tuple.__new__, Commit)
_new_parcel: Callable[[tuple[Any, ...]], Parcel] = partial(tuple.__new__, Parcel)


class ExportedLine:
    """Makes a parcel of such a line."""

    def __init__(self, json: ExactJson) -> None:
        self._end_of = json.end_of

    def parcel(self, line: bytes, after: int) -> Parcel | None:
        """The commit of a line; None if it has to be read as any other. after: the position before it."""
        try:
            text = line.decode()
            found = _ENVELOPE(text)
            if found is None:
                return None
            id, position, second, fraction, has_command = found.groups()
            command, at = self._command(text, found.end()) if has_command else (None, found.end())
            found = _BY(text, at)
            assert found is not None  # all of it may be absent
            correlation_id, causation_id, user_id, has_metadata = found.groups()
            at, metadata = found.end(), None
            if has_metadata:
                end = self._end_of(text, at)
                metadata, at = text[at:end], end + 1
                if metadata[0] != "{" or text[end] != ",":
                    return None
            if not text.startswith(_BEGIN, at):
                return None
            events, versions, at = self._events(text, at + len(_BEGIN))
            found = _END(text, at)
            if found is None or int(position) < after + len(events):
                return None
            recorded_us = _second(second) + int(fraction)
        except (ValueError, IndexError):
            return None
        commit = (id, tuple(events), command, correlation_id, causation_id, user_id, metadata, recorded_us)
        return _new_parcel((_new_commit(commit), int(position), found[1], tuple(versions), None))

    def _events(self, text: str, at: int) -> tuple[list[NewEvent], list[int], int]:
        """The events of an array, and where it ends. Raises `ValueError` if they are not as they are written."""
        events, versions, end_of = [], [], self._end_of
        while True:
            found = _EVENT(text, at)
            if found is None:
                raise ValueError("no event begins there")
            stream, version, type, schema_version = found.groups()
            start = found.end()
            end = end_of(text, start)
            events.append(_new_event((stream, type, int(schema_version), text[start:end].encode())))
            versions.append(int(version))
            if text.startswith("},", end):
                at = end + 2
            elif text.startswith("}]", end):
                return events, versions, end + 1
            else:
                raise ValueError("no event ends there")

    def _command(self, text: str, at: int) -> tuple[SentCommand, int]:
        """The command that begins at a place, and where what follows it does. Raises `ValueError`, too."""
        found, data = _SENT(text, at), None
        if found is None:
            raise ValueError("no command begins there")
        type, schema_version, digest, has_data = found.groups()
        at = found.end()
        if has_data:
            end = self._end_of(text, at)
            data, at = text[at:end].encode(), end + 1
            if text[end] != ",":
                raise ValueError("no member ends there")
        issued = _ISSUED(text, at)
        if issued is None:
            raise ValueError("no command ends there")
        return SentCommand(type, int(schema_version), bytes.fromhex(digest), data, int(issued[1])), issued.end()


@lru_cache(maxsize=256)
def _second(text: str) -> int:
    return micros(datetime.fromisoformat(text + "+00:00"))
