"""One event in its context: the command it came of, what caused that, and what the event led to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cqrs_cli.errors import Damaged, Misuse, NotFound
from cqrs_cli.log.points import Address, parse_address
from cqrs_cli.log.trace import Node, story_of, walk
from cqrs_cli.stores.commits import Recorded, RecordedCommit
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import commit_named, no_stream, stream_named


class EventContext(NamedTuple):
    """commit: the whole, with its command. cause: the event that the command answered, and by which reaction (its
    name). led_to: what answered the event: the reactions, each with the commands under it. is_whole: False if its story
    was too long, so that neither is known."""

    event: Recorded
    commit: RecordedCommit
    cause: Node | None
    reaction: str | None
    led_to: Sequence[Node]
    is_whole: bool = True


def events_named(store: Store, what: str) -> tuple[Recorded, ...]:
    """The events that were meant: `@7`, `order-17@5`, an event's id, or all of a command, by its id or its beginning.

    Raises `Misuse` for what can't be read, `NotFound`.
    """
    commit = commit_named(store, what)
    if commit is not None:
        return commit.events
    id, colon, number = what.rpartition(":")
    commit = commit_named(store, id) if colon and number.isascii() and number.isdigit() else None
    if commit is not None:
        found = tuple(event for event in commit.events if event.number == int(number))
        if found:
            return found
        message = f"the command {commit.id} led to {len(commit.events)} events, so that there is no {what}"
        raise NotFound(message, code="event-not-found", command_id=commit.id)
    if "@" not in what:
        stream = stream_named(store, what)
        latest = store.version(stream)
        if latest:
            raise Misuse(
                f"{stream} is a stream of {latest} events", code="address", hint=f"{what}@{latest} is its newest"
            )
        raise NotFound(f"nothing in the store has the id {what}", code="id-not-found", id=what)
    return (_at(store, parse_address(what)),)


def context(store: Store, event: Recorded, most: int | None = None) -> EventContext:
    """What stands round an event. most: commits in its story, for who has no time for more. Raises `Damaged` if its
    commit is gone."""
    commit = store.commit(event.commit_id)
    if commit is None:
        raise Damaged(f"the commit of the event @{event.position} is gone", hint="restore a backup")
    told = story_of(store, event.correlation_id, most)
    if not told.is_whole:
        return EventContext(event, commit, None, None, (), False)
    nodes = {node.id: (node, above) for node, _, above in walk(told.roots)}
    own, command = nodes[event.event_id]
    reaction = nodes[command.id][1] if command is not None else None
    cause = nodes[reaction.id][1] if reaction is not None else None
    return EventContext(event, commit, cause, reaction.name if reaction is not None else None, own.children)


def _at(store: Store, address: Address) -> Recorded:
    if address.position is not None:
        selection = Selection(after=address.position - 1, before=address.position + 1)
        missing = f"there is no event @{address.position}, the head is @{store.head()}"
    else:
        assert address.stream is not None
        address = address._replace(stream=stream_named(store, address.stream))
        assert address.stream is not None
        latest = store.version(address.stream)
        if latest == 0:
            raise no_stream(store, address.stream)
        version = address.version or latest
        selection = Selection(stream=address.stream, after_version=version - 1, before_version=version + 1)
        missing = f"{address.stream} is at version {latest}, there is no version {address.version}"
    events = [event for event in store.read(selection) if address.version in (None, event.version)]
    if not events:
        raise NotFound(missing, code="event-not-found")
    return events[-1]
