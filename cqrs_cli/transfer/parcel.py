"""What is copied: a commit on its way from a source to a sink."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from cqrs_cli.stores.commits import Commit, Recorded
from cqrs_cli.stores.contract import ChainLink, Written


class Parcel(NamedTuple):
    """A commit as it is to be appended, and where in its source it stands.

    position: of its last event in the source, which is where one goes on after it. mark: what the source says of
    itself up to there, by which it is known again: for a store the hash of the chain, as hex; None where it has none.
    versions: of its events in their streams, where the source knows them. link: what its hash was found to be, if this
    very commit was proved.
    """

    commit: Commit
    position: int
    mark: str | None = None
    versions: tuple[int, ...] = ()
    link: ChainLink | None = None


_parcel: Callable[[tuple[Any, ...]], Parcel] = partial(tuple.__new__, Parcel)
_link: Callable[[tuple[Any, ...]], ChainLink] = partial(tuple.__new__, ChainLink)


def parcel_of(found: Written) -> Parcel:
    """A commit of a store, with its ids and times."""
    commit, position, hash, versions, previous = found
    link = None if previous is None else _link((previous, hash, versions))
    return _parcel((commit, position, None if hash is None else hash.hex(), versions, link))


def recorded(parcel: Parcel) -> tuple[Recorded, ...]:
    """Its events as a log would give them, for conditions; what the source does not know is 0."""
    commit, position, _, versions, _ = parcel
    first = position - len(commit.events) + 1
    return tuple(
        Recorded(
            first + at,
            event.stream,
            versions[at] if versions else 0,
            event.type,
            event.schema_version,
            event.data,
            commit.id,
            at + 1,
            None if commit.command is None else commit.command.type,
            commit.correlation_id or commit.id,
            commit.causation_id,
            commit.user_id,
            commit.recorded_us or 0,
            commit.metadata,
        )
        for at, event in enumerate(commit.events)
    )
