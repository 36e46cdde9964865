"""From what was asked for, as it was typed, to a selection of a store's events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.log.matching import matcher, same_words
from cqrs_cli.log.points import Address, parse_address, parse_position, parse_time
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import categories, no_stream, stream_named
from cqrs_cli.stores.streams import category_of

_CAPITAL = re.compile("[A-Z]")
Note = Callable[[str], None]
"""Takes a remark for people."""


class Asked(NamedTuple):
    """What was asked for, as typed.

    address: a stream, `order-17@5` or `@1200`. since, until: times. after, before: positions. limit: at most so
    many, in reading order. reverse: from the newest. last: the newest so many, in the order of the log.
    user, commands, correlation: of the command that an event came of. grep: a text in the payload or the metadata.
    where: conditions, as in `log.matching.holds`.
    """

    address: str | None = None
    category: str | None = None
    types: Iterable[str] | None = None
    since: str | None = None
    until: str | None = None
    after: str | None = None
    before: str | None = None
    limit: int | None = None
    reverse: bool = False
    user: str | None = None
    commands: Iterable[str] | None = None
    correlation: str | None = None
    grep: str | None = None
    last: int | None = None
    where: Iterable[str] | None = None


class EventFilter:
    """What was asked for, understood; made definite on a store by `on`. Raises `Misuse` for what can't be read."""

    def __init__(self, asked: Asked) -> None:
        self.address = parse_address(asked.address) if asked.address is not None else Address()
        self.since = parse_time(asked.since) if asked.since is not None else None
        self.until = parse_time(asked.until) if asked.until is not None else None
        self.before = parse_position(asked.before) if asked.before is not None else None
        self.types, self.reverse, stream = _listed(asked.types), asked.reverse, self.address.stream
        self.matches = matcher(asked.user, _listed(asked.commands), asked.grep, asked.where or ())
        self.category, self.correlation, self.last = asked.category, asked.correlation, asked.last
        after = parse_position(asked.after) if asked.after is not None else 0
        category = category_named(asked.category) if asked.category is not None else None
        if stream is not None and category is not None and category_of(stream) != category:
            raise Misuse(f"{stream} is not of the category {category}", hint="give the stream or the category")
        self.limit = check_limit(asked.limit)
        if asked.last is not None:
            if asked.limit is not None or self.reverse:
                raise Misuse(
                    "--last N goes with neither -n nor --reverse",
                    hint="leave one of them out",
                )
            if asked.last < 1:
                raise Misuse(f"--last can't be {asked.last}", hint="the newest so many are shown, from 1")
        backwards = self.reverse or self.last is not None
        self._selection = Selection(stream=stream, category=category, after=after, backwards=backwards)

    @property
    def ends(self) -> bool:
        """Whether it has an end that new events can't move."""
        ends = (self.address.version, self.address.position, self.before, self.until)
        return any(end is not None for end in ends)

    def on(self, store: Store, note: Note, missing_ok: bool = False) -> Selection:
        """The selection on this store. A stream that is not there is `NotFound` (unless `missing_ok`); a type or
        category that is not there selects nothing, and `note` is told so; a stream as category is `Misuse`."""
        selection, address, ends, types = self._selection, self.address, [self.before], None
        if address.stream is not None:
            address = address._replace(stream=stream_named(store, address.stream))
            selection = selection._replace(stream=address.stream)
        if self.since is not None:
            selection = selection._replace(after=max(selection.after, store.position_at(self.since - 1)))
        if self.until is not None:
            ends.append(store.position_at(self.until - 1) + 1)
        if address.position is not None:
            ends.append(address.position + 1)
        if address.stream is not None:
            ends.append(_end_of(store, address.stream, address.version, missing_ok))
        if self.category is not None:
            note_category(store, self.category, note)
        if self.types:
            types = known_types(self.types, store, note)
        limit = None if self.narrows else self.limit if self.last is None else self.last
        before = min((end for end in ends if end is not None), default=None)
        return selection._replace(types=types, before=before, limit=limit)

    @property
    def narrows(self) -> bool:
        """Whether there is more to an event than a store can select."""
        return self.matches is not None or self.correlation is not None

    def read(self, store: Store, selection: Selection) -> Iterator[Recorded]:
        """The events of a selection that `on` made, in the order that was asked for, at most as many as were."""
        events = self.matching(store, selection)
        if self.last is not None:
            return reversed(list(islice(events, self.last)))
        return events if self.limit is None else islice(events, self.limit)

    def matching(self, store: Store, selection: Selection) -> Iterator[Recorded]:
        """Those events of a selection that have all that no store selects, in its order."""
        events = store.read(selection)
        if self.correlation is not None:
            events = _of_story(store, self.correlation, selection)
        return events if self.matches is None else filter(self.matches, events)


def _of_story(store: Store, correlation: str, selection: Selection) -> Iterator[Recorded]:
    """The events of a correlation that a selection without a limit has."""
    stream, category, types = selection.stream, selection.category, selection.types
    before = selection.before
    events = [event for commit in store.correlated(correlation) for event in commit.events]
    return (
        event
        for event in (reversed(events) if selection.backwards else events)
        if event.position > selection.after
        and (before is None or event.position < before)
        and (stream is None or event.stream == stream)
        and (category is None or category_of(event.stream) == category)
        and (types is None or event.type in types)
    )


def _listed(names: Iterable[str] | None) -> list[str]:
    """Several names in one word: `A,B`."""
    return [name for text in names or () for name in text.split(",") if name]


def _end_of(store: Store, stream: str, version: int | None, missing_ok: bool) -> int | None:
    """The position that ends `stream@version`, exclusive; None if no version was asked for."""
    latest = store.version(stream)
    if latest == 0 and not missing_ok:
        raise no_stream(store, stream)
    if version is None:
        return None
    if version > latest:
        message = f"{stream} is at version {latest}, there is no version {version}"
        raise NotFound(message, code="version-not-found", stream=stream, version=latest)
    one = Selection(stream=stream, after_version=version - 1, before_version=version + 1)
    return max((event.position + 1 for event in store.scan(one)), default=None)


def check_limit(limit: int | None) -> int | None:
    """The limit itself; `Misuse` if it is negative."""
    if limit is not None and limit < 0:
        raise Misuse(f"-n can't be {limit}", hint="at most so many are shown")
    return limit


def known_types(names: Iterable[str], store: Store, note: Note) -> frozenset[str]:
    """Stored type names for typed ones: exact, or the same words in kebab-case or snake_case."""
    stored = store.types()
    by_words: dict[str, list[str]] = {}
    for type_name in stored:
        by_words.setdefault(same_words(type_name), []).append(type_name)
    found: set[str] = set()
    for name in names:
        fitting = [name] if name in stored else by_words.get(same_words(name), [])
        if not fitting:
            near = did_you_mean(name, list(stored)) or _near_beginning(name, stored)
            note(f"no event has the type {name!r}" + (f"; {near}" if near else f"; {_RENAMED}"))
        found.update(fitting or [name])
    return frozenset(found)


_RENAMED = "the domain is not asked here: if the type was renamed, its older events have the older name"


def _near_beginning(name: str, stored: Iterable[str]) -> str | None:
    """`Ordr` is near to no type, but to the first word of `OrderCreated`."""
    import difflib

    by_beginning: dict[str, list[str]] = {}
    for type_name in stored:
        for capital in _CAPITAL.finditer(type_name, 1):
            by_beginning.setdefault(type_name[: capital.start()], []).append(type_name)
    near = difflib.get_close_matches(name, by_beginning, 1)
    return f"did you mean {' or '.join(map(repr, by_beginning[near[0]][:3]))}?" if near else None


def category_named(typed: str) -> str:
    """The category that is meant: the shell writes `credit-note` for `credit_note`."""
    return typed.replace("-", "_")


def note_category(store: Store, typed: str, note: Note) -> None:
    """Say so if there is no stream of this category, with what is near. Raises `Misuse` if it is a stream."""
    category = category_named(typed)
    if next(iter(store.streams(category=category, limit=1)), None) is not None:
        return
    if typed != category and store.version(typed):
        raise Misuse(f"{typed} is a stream, not a category", hint=f"its category is {category_of(typed)}", stream=typed)
    near = did_you_mean(category, list(categories(store)))
    note(f"no stream has the category {category!r}" + (f"; {near}" if near else ""))
