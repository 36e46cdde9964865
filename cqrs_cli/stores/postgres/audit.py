"""A store on PostgreSQL looked at as a whole: its parts, and each commit against the hash chain.

Everything is read as it is stored. Of each commit the hash is computed from its fields, its events and the stored hash
of the commit before, so that one change is found where it is, and not again in all that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from hashlib import sha256

from cqrs_cli.errors import Damaged
from cqrs_cli.stores import chain
from cqrs_cli.stores.audit import Audit, Flaw
from cqrs_cli.stores.commits import SentCommand
from cqrs_cli.stores.postgres.connection import Row
from cqrs_cli.stores.postgres.health import missing, strange
from cqrs_cli.stores.postgres.link import Link

MOST = 1_000
"""Flaws, after which no more are looked for: such a store is none of ours any more."""
_COMMITS_A_PAGE = 500
_COMMITS = (
    "SELECT first_position, event_count, id, recorded_at, command_type, command_schema_version, command_digest, "
    "textsend(command_data), issued_at, coalesce(correlation_id, id), causation_id, user_id, metadata, hash "
    "FROM {s}.commits WHERE first_position > %b::bigint AND first_position <= %b::bigint ORDER BY first_position "
    "LIMIT %b::bigint"
)
_EVENTS = (
    "SELECT position, commit_position, stream, version, type, schema_version, textsend(data) FROM {s}.events "
    "WHERE position > %b::bigint AND position <= %b::bigint ORDER BY position"
)
_ENDS = (
    "SELECT coalesce((SELECT max(first_position) FROM {s}.commits), 0), "
    "coalesce((SELECT max(position) FROM {s}.events), 0)"
)
_Progress = Callable[[int], object]


def audit(link: Link, wanted: Collection[int] = (), progress: _Progress | None = None) -> Audit:
    """Look at all of it, up to the head as it is now. wanted: positions of which the hash is asked for.

    progress: is told how many events more were looked at. Others may append meanwhile. What can't be read is a flaw;
    raises `Unavailable` for what is wrong with the server or the way to it.
    """
    walk = _Walk(link, frozenset(wanted))
    flaws = [Flaw(None, "schema", f"the {what} is missing: another tool has dropped it") for what in missing(link)]
    flaws += [Flaw(None, "schema", f"the {what} was not made by cqrs") for what in strange(link)]
    try:
        walk.run(progress)
    except Damaged as error:
        told = f"what comes after @{walk.head} can't be read, nor was looked at: {error.message}"
        walk.flaws.append(Flaw(walk.head + 1, "unreadable", told))
    return Audit(walk.commits, walk.events, walk.head, walk.hash, walk.hashes, (flaws + walk.flaws)[:MOST])


class _Walk:
    """Along the log, commit by commit. head, hash: of the last one that was looked at."""

    def __init__(self, link: Link, wanted: frozenset[int]) -> None:
        self._link, self._wanted = link, wanted
        self.commits = self.events = self.head = 0
        self.hash: bytes | None = None
        self.hashes: dict[int, bytes] = {}
        self.flaws: list[Flaw] = []
        self._at = 0  # when the last one was recorded
        self._versions: dict[str, int] = {}
        self._types: set[str] = set()

    def run(self, progress: _Progress | None) -> None:
        """Look at all of it, and add what is wrong to `flaws`."""
        link = self._link
        known = {type for (type,) in link.query(f"SELECT type FROM {link.s}.cqrs_event_types")}
        last, end = link.query(_ENDS.format(s=link.s))[0]
        after, at = -(2**63), -(2**63)
        while len(self.flaws) < MOST:
            commits = link.query(_COMMITS.format(s=link.s), (after, last, _COMMITS_A_PAGE))
            is_last = len(commits) < _COMMITS_A_PAGE
            upto = end if is_last else max(at, commits[-1][0] + max(commits[-1][1], 1) - 1)
            events = link.query(_EVENTS.format(s=link.s), (at, upto))
            self._page(commits, events)
            if progress is not None:
                progress(len(events))
            if is_last:
                break
            after, at = commits[-1][0], upto
        for type in sorted(self._types - known)[:MOST]:
            again = link.query(f"SELECT 1 FROM {link.s}.cqrs_event_types WHERE type = %b", (type,))
            if not again:  # else it came while we looked
                self._flaw(None, "names", f"the type {type} has events and is not among the types of the log")

    def _flaw(self, position: int | None, code: str, what: str) -> None:
        if len(self.flaws) < MOST:
            self.flaws.append(Flaw(position, code, what))

    def _page(self, commits: Sequence[Row], events: Sequence[Row]) -> None:
        at = 0
        for commit in commits:
            first, count = commit[0], commit[1]
            while at < len(events) and events[at][0] < first:
                self._loose(events[at])
                at += 1
            start = at
            while at < len(events) and events[at][0] < first + max(count, 0):
                at += 1
            self._take(commit, events[start:at])
        for event in events[at:]:
            self._loose(event)

    def _loose(self, event: Row) -> None:
        self.events += 1
        self._flaw(event[0], "event", f"the event at @{event[0]} belongs to no commit")

    def _take(self, commit: Row, own: Sequence[Row]) -> None:
        """Look at a commit and its events."""
        first, count, id, at = commit[:4]
        last = first + count - 1
        if first != self.head + 1:
            due = self.head + 1
            if first > due:
                self._flaw(due, "position", f"no commit has the positions @{due} to @{first - 1}")
            else:
                self._flaw(first, "position", f"a commit begins at @{first}, which one before it has already")
        there = {event[0] for event in own}
        lost = next((position for position in range(first, last + 1) if position not in there), None)
        if lost is not None:
            self._flaw(lost, "event", f"the event at @{lost} of the commit {id!r} is missing")
        if not self._holds(commit, own):
            told = f"the commit {id!r} (@{first} to @{last})" if count > 1 else f"the commit {id!r}"
            self._flaw(first, "chain", f"{told} is not what was appended after the one before: its hash does not hold")
        if at < self._at:
            self._flaw(first, "time", f"the commit {id!r} was recorded before the one that it follows")
        self._at = at
        self.commits += 1
        self.events += len(own)
        self.head, self.hash = max(last, first), commit[13]
        if self.head in self._wanted and self.hash is not None:
            self.hashes[self.head] = self.hash

    def _holds(self, commit: Row, events: Sequence[Row]) -> bool:
        """Whether its hash is that of its fields and events; versions are looked at on the way."""
        links = []
        for position, owner, stream, version, type, schema_version, payload in events:
            due = self._versions.get(stream, 0) + 1
            if version != due:
                self._flaw(position, "version", f"{stream} has version {version} at @{position}, {due} was due")
            if owner != commit[0]:
                self._flaw(position, "event", f"the event at @{position} says that it is of the commit at @{owner}")
            self._versions[stream] = version
            self._types.add(type)
            links.append((stream, version, type, schema_version, sha256(payload).hexdigest()))
        _, count, id, at, *sent, correlation, causation, user, extra, hash = commit
        try:
            command = None if sent[0] is None else SentCommand(*sent)
            before = chain.GENESIS if self.hash is None else self.hash
            link = chain.link(before, id, at, command, correlation, causation, user, extra, links)
        except (TypeError, ValueError, AttributeError):  # absent, or of another kind than was written
            return False
        return len(links) == count and bool(link == hash)
