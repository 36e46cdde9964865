"""That what was read is what was written: no event is left out, and each is as its commit's hash says.

Rows are as the stores read them. Of an event: position, stream, version, type, schema version, data, and with its
envelope the commit's id and the number in the commit. Of a commit: first position, number of events, id, the five of
its command, correlation, causation, user, metadata, time, hash, and the hash of the commit before it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import pairwise, zip_longest
from operator import itemgetter
from typing import Any

from cqrs_cli.errors import CqrsError, Damaged
from cqrs_cli.stores import chain
from cqrs_cli.stores.commits import FURTHEST, SentCommand

_HINT = "the disk or another tool changed the store: keep it as it is and restore a backup"
_FEWEST, _SMALL_BYTES = 32, 1024 * 1024
_position_of, _version_of = itemgetter(0), itemgetter(2)
Row = tuple[Any, ...]


class Proof(ABC):
    """The checks of what is read from one store, which says how it is asked for the rest. name: of the store."""

    def __init__(self, name: str) -> None:
        self._name = name

    # ── what a store is asked for ─────────────────────────────────────────────────────────────

    @abstractmethod
    def count(self, low: int, high: int) -> int:
        """How many events have positions from one to another."""

    @abstractmethod
    def events(self, first: int, last: int) -> Sequence[Row]:
        """The events from one position to another, in order; the first six of their fields."""

    @abstractmethod
    def commits(self, firsts: Sequence[int], is_dense: bool) -> Sequence[Row]:
        """The commits that begin at these positions, in order.

        is_dense: all commits from the first to the last of them may be given, and only the first one need have the
        hash of the one before it: the others follow one another.
        """

    # ── what is said ──────────────────────────────────────────────────────────────────────────

    def damage(self, what: str) -> CqrsError:
        """The store is damaged: `what` ends the sentence."""
        return self._explained(Damaged(f"{self._name} is damaged: {what}", hint=_HINT, store=self._name))

    def _explained(self, damage: Damaged) -> CqrsError:
        """What looks like damage may be something else, which the store knows."""
        return damage

    def head(self, ends: Sequence[Any]) -> int:
        """The last position, of the first and last ones of the events, then of the commits; 0 for an empty log."""
        first, head, first_commit, end = ends
        if (first, first_commit) not in ((1, 1), (None, None)) or head != end or (head or 0) >= FURTHEST:
            raise self.damage(
                f"its events have the positions {first} to {head}, its commits those from {first_commit} to {end}"
            )
        return head or 0

    def check_all_there(self, rows: Sequence[Row], first: int, last: int) -> None:
        """Raise `Damaged` unless these are all events from one position to another, in that order."""
        found = list(map(_position_of, rows))
        wanted = list(range(first, last + 1) if first <= last else range(first, last - 1, -1))
        if found != wanted:
            lost = next((a for a, b in zip_longest(wanted, found) if a != b and a is not None), first)
            raise self.damage(f"the event at position {lost} is not to be found in its place")

    def check_some(self, rows: Sequence[Row], first: int, last: int) -> None:
        """Raise `Damaged` unless these, of which only some were wanted, are in order, and none is left out."""
        found = list(map(_position_of, rows))
        if found != sorted(found, reverse=first > last):
            raise self.damage(f"its events from position {first} to {last} are not in order")
        low, high = sorted((first, last))
        if len(found) == high - low + 1 == len(set(found)):
            return  # each of them was wanted
        there = self.count(low, high)
        if there != high - low + 1:
            raise self.damage(f"of {high - low + 1} events from position {low} to {high} {there} are to be found")

    def check_stream(self, rows: Sequence[Row], first: int, step: int) -> None:
        """Raise `Damaged` unless these are a stream's events from a version on, one after the other."""
        end = first + step * len(rows)
        if list(map(_version_of, rows)) != list(range(first, end, step)):
            raise self.damage(f"not all of {rows[0][1]} from version {first} to {end - step} is to be found")

    def check_versions(self, rows: Sequence[Row], from_start: bool) -> None:
        """Raise `Damaged` unless each stream's events follow one another. from_start: each begins with its first."""
        for one, next_ in [(a, b) for a, b in pairwise(rows) if b[2] != a[2] + 1]:
            if one[1] == next_[1] or (from_start and next_[2] != 1):
                raise self.damage(f"{next_[1]} has no event before its version {next_[2]}")

    def check_recorded(self, rows: Sequence[Row]) -> None:
        """Raise `Damaged` unless these events, read with envelopes, are what was appended: by their commits' hashes.

        A commit of which some events were not wanted is read whole.
        """
        own: dict[int, list[Row]] = {}
        for row in rows:
            first = row[0] - row[7] + 1
            if first in own:
                own[first].append(row)
            else:
                own[first] = [row]
        firsts, at, most = sorted(own), 0, _FEWEST
        while at < len(firsts):
            some = firsts[at : at + most]
            is_dense = some[-1] - some[0] < 2 * len(rows)
            found = self.commits(some, is_dense)
            checked, before = 0, found[0][-1] if found else None
            for commit in found:
                if commit[0] in own:
                    self.check_commit(commit, before if is_dense else commit[-1], own[commit[0]])
                    checked += 1
                before = commit[-2]
            if checked != len(some):
                raise self.damage(f"no commit begins at one of the positions {some[0]} to {some[-1]}")
            at += most
            if sum([len(commit[6] or b"") for commit in found]) < _SMALL_BYTES:
                most *= 4

    def check_commit(self, commit: Row, before: bytes | None, rows: Sequence[Row]) -> None:
        """Raise `Damaged` unless the hash of a commit is that of its fields, of its events and of what came before.

        before: the hash of the commit before it. rows: those of its events that were read.
        """
        first, count, id, *sent, correlation, causation, user, metadata, at, hash, _ = commit
        try:
            if first < 1 or first + count > FURTHEST or (before is None) != (first == 1):
                raise ValueError("no such positions")
            events: Iterable[Row] = rows
            if len(rows) != count:
                events = self.events(first, first + count - 1)
                theirs = {row[0]: row for row in events}
                if len(theirs) != count or any(theirs[row[0]][1:6] != tuple(row[1:6]) for row in rows):
                    raise ValueError("another number of events")
            elif count > 1:
                events = sorted(rows)
            links = [(row[1], row[2], row[3], row[4], sha256(row[5]).hexdigest()) for row in events]
            command = None if sent[0] is None else SentCommand(*sent)
            previous = before or chain.GENESIS
            if chain.link(previous, id, at, command, correlation, causation, user, metadata, links) == hash:
                return
        except (TypeError, ValueError, KeyError, AttributeError):  # what is absent, or of another kind than was written
            pass
        raise self.damage(f"the commit {id!r} at position {first} is not what was appended: its hash does not hold")
