"""What led to what: the commands, events and reactions that share a correlation id, as trees.

Nothing but the store is looked at, so that a trace can be had when the domain's code is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cqrs_cli.errors import NotFound
from cqrs_cli.log import letters, outbox
from cqrs_cli.stores.commits import RecordedCommit
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import commit_named
from cqrs_cli.stores.rows import Where


class Node(NamedTuple):
    """One thing in a trace and what it led to, in the order of the log.

    kind: `command`, `import` (a commit without a command), `event`, `reaction`; and of a reaction's
    commands that are not in the log: `waiting`, `deadline` (due_us says when), `failed` and `dropped`
    (letter says by whom and why).
    id: the command's or event's; a reaction's is that of the event it answered and its name.
    recorded_us, user_id: of what is in the log.
    """

    id: str
    kind: str
    name: str
    position: int | None
    stream: str | None
    due_us: int | None
    children: list[Node]
    letter: outbox.DeadLetter | None = None
    recorded_us: int | None = None
    user_id: str | None = None


class Story(NamedTuple):
    """Trees in the order of the log. is_whole: False if it was to be no longer, and goes on."""

    roots: list[Node]
    is_whole: bool


def trace(store: Store, what: str) -> list[Node]:
    """The story that an id (of a command, event, correlation) or an `@position` belongs to.

    The beginning of a command's or event's id is enough. Raises `NotFound`, and `Misuse` (`ambiguous`).
    """
    return story(store, what).roots


def story(store: Store, what: str, most: int | None = None) -> Story:
    """The same. most: its first so many commits, for who has no time for all."""
    return story_of(store, _correlation(store, what), most)


def story_of(store: Store, correlation_id: str, most: int | None = None) -> Story:
    """The story of a correlation; empty if there is none."""
    told = _Story(store, correlation_id, most)
    return Story(told.roots, most is None or told.commits <= most)


def stream_story(store: Store, stream: str) -> list[Node]:
    """The story of a stream over all its correlations: what led to its events, and what they led to, in their order.

    Empty if there is no such stream. Of each correlation only what touches the stream.
    """
    return newest_of_stream(store, stream).roots


def newest_of_stream(store: Store, stream: str, most: int | None = None, newest: int | None = None) -> Story:
    """The same. most: of commits, in all stories together. newest: only of its so many newest events."""
    read = store.read(Selection(stream=stream, backwards=True, limit=newest))
    correlations = dict.fromkeys(event.correlation_id for event in read)
    found: list[list[Node]] = []
    left, is_whole = most, newest is None or store.version(stream) <= newest
    for correlation in correlations:
        told = _Story(store, correlation, left)
        found.append(_touching(told.roots, stream))
        if left is not None:
            left -= told.commits
            if left < 0:
                is_whole = False
                break
    roots = [root for part in reversed(found) for root in part]
    return Story(sorted(roots, key=lambda root: root.position or 0), is_whole)


def _touching(roots: list[Node], stream: str) -> list[Node]:
    """The trees cut down to what leads to an event of the stream, or comes of one."""
    every = list(walk(roots))
    touching, inside = set[int](), set[int]()
    for node, _, above in every:
        if (above is not None and id(above) in inside) or (node.kind == "event" and node.stream == stream):
            inside.add(id(node))
    for node, _, _ in reversed(every):
        if id(node) in inside or any(id(child) in touching for child in node.children):
            touching.add(id(node))
    kept: dict[int, Node] = {}
    for node, _, above in every:
        if id(node) in touching:
            kept[id(node)] = node._replace(children=[])
            if above is not None:
                kept[id(above)].children.append(kept[id(node)])
    return [kept[id(root)] for root in roots if id(root) in kept]


def walk(roots: list[Node]) -> Iterator[tuple[Node, int, Node | None]]:
    """Every node with its depth and its parent, parents first."""
    stack: list[tuple[Node, int, Node | None]] = [(root, 0, None) for root in reversed(roots)]
    while stack:
        node, depth, parent = stack.pop()
        yield node, depth, parent
        stack += [(child, depth + 1, node) for child in reversed(node.children)]


def _correlation(store: Store, what: str) -> str:
    if re.fullmatch("@[0-9]{1,20}", what):
        position = int(what[1:])
        event = next(store.read(Selection(after=position - 1, limit=1)), None) if position else None
        if event is None or event.position != position:
            raise NotFound(f"there is no event {what}", code="event-not-found", hint=f"the head is @{store.head()}")
        return event.correlation_id
    if store.commit(what) is None and next(store.correlated(what), None) is not None:
        return what
    for commit_id in (what, what.rpartition(":")[0]):
        commit = commit_named(store, commit_id) if commit_id else None
        if commit is not None:
            return commit.correlation_id
    for dead in letters.letters_named(store.rows, what):
        return dead.outgoing.correlation_id
    raise NotFound(f"nothing in the store has the id {what}", code="id-not-found", id=what)


class _Story:
    """Builds the trees: a commit hangs under the reaction that answered its cause, else it is a root.

    most: at most so many commits are told. commits: how many there are, or one more than the most.
    """

    def __init__(self, store: Store, correlation_id: str, most: int | None = None) -> None:
        self.roots: list[Node] = []
        self.commits = 0
        self._events: dict[str, Node] = {}
        self._reactions: dict[str, Node] = {}
        for self.commits, commit in enumerate(store.correlated(correlation_id), 1):
            if most is not None and self.commits > most:
                break
            self._add(commit)
        pending = outbox.correlated(store.rows, correlation_id)
        known = store.known([outgoing.command_id for outgoing in pending])
        dead = letters.all_letters(store.rows, Where("correlation_id", "=", correlation_id))
        absent: list[tuple[outbox.Outgoing, outbox.DeadLetter | None]] = [(one.outgoing, one) for one in dead]
        absent += [(outgoing, None) for outgoing in pending if outgoing.command_id not in known]
        for outgoing, letter in sorted(absent, key=lambda one: (one[0].position, one[0].number)):
            self._hang_outgoing(outgoing, letter)

    def _add(self, commit: RecordedCommit) -> None:
        first = commit.events[0]
        kind, name = ("import", "import") if commit.command is None else ("command", commit.command.type)
        signed = (None, commit.recorded_us, commit.user_id)
        node = Node(commit.id, kind, name, first.position, first.stream, None, [], *signed)
        self._hang(node, commit.causation_id, first.metadata.get("reaction"))
        for event in commit.events:
            below = Node(event.event_id, "event", event.type, event.position, event.stream, None, [], *signed)
            node.children.append(below)
            self._events[event.event_id] = below

    def _hang_outgoing(self, outgoing: outbox.Outgoing, letter: outbox.DeadLetter | None) -> None:
        kind, due_us = "deadline" if outgoing.due_us else "waiting", outgoing.due_us or None
        if letter is not None:
            kind, due_us = "failed" if letter.dropped_us is None else "dropped", None
        node = Node(outgoing.command_id, kind, outgoing.command, None, None, due_us, [], letter)
        self._hang(node, outgoing.event_id, f"{outgoing.reaction}.{outgoing.clause}")

    def _hang(self, node: Node, cause: str | None, reaction: object) -> None:
        above = self._events.get(cause or "")
        if above is not None and isinstance(reaction, str):
            id, event = f"{above.id} {reaction}", above
            if id not in self._reactions:
                self._reactions[id] = Node(id, "reaction", reaction, event.position, event.stream, None, [])
                event.children.append(self._reactions[id])
            above = self._reactions[id]
        (self.roots if above is None else above.children).append(node)
