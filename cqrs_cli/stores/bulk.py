"""The log as rows, for copies of many events: each commit is proved, and no more is made of it than a copy wants."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from cqrs_cli.stores import chain
from cqrs_cli.stores.commits import MAX_COMMIT_EVENTS, Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Written, written
from cqrs_cli.stores.pages import PagedLog, together
from cqrs_cli.stores.proof import Row

_FEWEST, _MOST = 32, 1_024
_LARGE_BYTES = 4 * 1024 * 1024
_REMEMBERED = 100_000

_new_event: Callable[[Row], NewEvent] = partial(tuple.__new__, NewEvent)
_new_commit: Callable[[Row], Commit] = partial(tuple.__new__, Commit)
_new_written: Callable[[Row], Written] = partial(tuple.__new__, Written)


class ChainTexts(dict[Any, str]):
    """Names by what stands for them in rows, as they enter the hash of a commit."""

    def __init__(self, names: Mapping[Any, str]) -> None:
        self._names = names

    def __missing__(self, key: Any) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        text = self[key] = chain.text_of(self._names[key])
        return text


class WrittenReader(ABC):
    """Gives the commits after a position. Raises `Damaged` for one that is not what was appended."""

    def __init__(self, log: PagedLog, names: Mapping[Any, str], types: Mapping[Any, str]) -> None:
        """names, types: of streams and of events, by what stands for them in the rows."""
        self._log, self._names, self._types = log, names, types
        self._name_texts, self._type_texts = ChainTexts(names), ChainTexts(types)

    @abstractmethod
    def commits(self, after: int, wanted: int) -> list[Row]:
        """Commits that begin after a position, at most so many.

        First position, number of events, id, the five of the command, correlation, causation, user, metadata, time,
        hash.
        """

    @abstractmethod
    def events(self, first: int, last: int) -> list[Row]:
        """Events from one position to another: position, that of the commit, stream, version, type, schema, data."""

    @abstractmethod
    def hash_up_to(self, position: int) -> bytes | None:
        """The hash of the last commit that begins at or before a position; None if there is none."""

    def after(self, position: int) -> Iterator[Written]:
        """Those that begin after a position."""
        wanted = _FEWEST
        while rows := self.commits(position, wanted):
            hash, size, is_last = self.hash_up_to(position) or chain.GENESIS, 0, len(rows) < wanted
            while rows:
                part = together(rows, _MOST)
                rows = rows[len(part) :]
                is_span = all(type(row[1]) is int and 0 < row[1] <= MAX_COMMIT_EVENTS for row in part)
                events = self.events(part[0][0], part[-1][0] + part[-1][1] - 1) if is_span else []
                size += sum([len(event[6]) for event in events])
                at = 0
                for row in part:
                    yield self._take(row, events[at : at + row[1]], hash) or self._proved(row)
                    at, hash = at + row[1], row[13]
                position = part[-1][0]
            if is_last:
                return
            wanted = max(wanted // 4, 1) if size > _LARGE_BYTES else min(wanted * 4, _MOST)

    def _take(self, row: Row, events: list[Row], previous: bytes) -> Written | None:
        """The commit of these rows; None if anything of it is not just as it should be."""
        first, count, id, type_, version_, digest_, data_, issued, correlation, causation, user, extra, at, hash = row
        names, types, name_texts, type_texts = self._names, self._types, self._name_texts, self._type_texts
        due, text, made, versions = first, "", [], []
        try:
            for position, owner, stream, version, type, schema_version, data in events:
                if position != due or owner != first:
                    return None
                due += 1
                digest = sha256(data).hexdigest()
                text += f"{name_texts[stream]}{version},{type_texts[type]}{schema_version},64:{digest},"
                made.append(_new_event((names[stream], types[type], schema_version, data)))
                versions.append(version)
            command = None if type_ is None else SentCommand(type_, version_, digest_, data_, issued)
            fields = (id, at, command, correlation, causation, user, extra)
            if due != first + count or chain.seal(previous, fields, count, text) != hash:
                return None
        except (TypeError, ValueError, AttributeError, LookupError, OverflowError):  # absent, or of another kind
            return None
        commit = _new_commit((id, tuple(made), command, correlation, causation, user, extra, at))
        return _new_written((commit, due - 1, hash, tuple(versions), previous))

    def _proved(self, row: Row) -> Written:
        """The same commit as others read it, who say what is wrong with it."""
        return written(next(self._log.commits(row[0] - 1, 1)))
