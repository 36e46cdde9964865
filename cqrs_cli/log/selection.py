"""From what was asked for, as it was typed, to a selection of a store's events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.log.matching import matcher, same_words
from cqrs_cli.log.older_names import older_names
from cqrs_cli.log.points import Address, parse_address, parse_position, parse_time
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import categories, correlation_named, no_stream, stream_named
from cqrs_cli.stores.streams import category_of

_CAPITAL = re.compile("[A-Z]")
_TOGETHER = 64
Note = Callable[[str], None]
"""Takes a remark for people."""


class Asked(NamedTuple):
    """What was asked for, as typed.

    address: a stream, `order-17@5` or `@1200`. since, until: times. after, before: positions. limit: at most so
    many, in reading order. reverse: from the newest. last: the newest so many, in the order of the log.
    user, commands, correlation: of the command that an event came of. grep: a text in the payload or the metadata.
    where: conditions, as in `log.matching.holds`. local: times are of this machine's zone unless they say theirs.
    has_domain: there is a domain, not loaded, that may know of older names of types.
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
    local: bool = False
    has_domain: bool = False


class EventFilter:
    """What was asked for, understood; made definite on a store by `on`. Raises `Misuse` for what can't be read."""

    def __init__(self, asked: Asked) -> None:
        self.address = parse_address(asked.address) if asked.address is not None else Address()
        self.since = parse_time(asked.since, local=asked.local) if asked.since is not None else None
        self.until = parse_time(asked.until, local=asked.local) if asked.until is not None else None
        self.before = parse_position(asked.before) if asked.before is not None else None
        self.has_domain = asked.has_domain
        self.types, self.reverse, stream = names_in(asked.types), asked.reverse, self.address.stream
        self.user, self.commands, self._met = asked.user, names_in(asked.commands), _Met(asked.user)
        self.matches = matcher(asked.user, self.commands, asked.grep, asked.where or (), self._met.take)
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
            types = known_types(self.types, store, note, self.has_domain)
        limit = None if self.narrows else self.limit if self.last is None else self.last
        before = min((end for end in ends if end is not None), default=None)
        return selection._replace(types=types, before=before, limit=limit)

    @property
    def narrows(self) -> bool:
        """Whether there is more to an event than a store can select."""
        return self.matches is not None or self.correlation is not None

    def read(self, store: Store, selection: Selection, note: Note | None = None) -> Iterator[Recorded]:
        """The events of a selection that `on` made, in the order that was asked for, at most as many as were.

        A command, user or correlation that none of those has that were looked through: `note` is told at the end.
        """
        events = self.matching(store, selection)
        if note is not None:
            events = self._noting(store, events, note)
        if self.last is not None:
            return reversed(list(islice(events, self.last)))
        return events if self.limit is None else islice(events, self.limit)

    def matching(self, store: Store, selection: Selection) -> Iterator[Recorded]:
        """Those events of a selection that have all that no store selects, in its order."""
        if self.correlation is not None:
            events = _of_story(store, self.correlation, selection)
            return events if self.matches is None else filter(self.matches, events)
        if self.matches is None:
            return store.read(selection)
        return _proved(store, selection, filter(self.matches, store.read(selection._replace(as_found=True))))

    def _noting(self, store: Store, events: Iterator[Recorded], note: Note) -> Iterator[Recorded]:
        yield from events  # to their end, for a limit was not reached
        story = self.correlation
        if story is not None and next(store.correlated(correlation_named(store, story)), None) is None:
            note(f"no command has the correlation id {story!r}")
            return
        if self._met.user == 0:
            note(f"none of the events that were looked through has the user {self.user!r}")
        met = {same_words(name): name for name in self._met.commands}
        for name in self.commands:
            if same_words(name) not in met:
                near = did_you_mean(name, sorted(met.values()))
                said = f"none of the events that were looked through came of a command {name!r}"
                note(f"{said}; {near or _RENAMED_COMMAND}" if near or self.has_domain else said)
        found = [met[same_words(name)] for name in self.commands if same_words(name) in met]
        if self.has_domain and found and len(found) < len(met):
            said = ", ".join(map(repr, found))
            note(f"nothing in the store tells whether {said} was renamed; {_RENAMED_COMMAND}")


class _Met:
    """What the events that were looked through have of what is asked for. user: how many are of the one that is
    asked for; None if nobody is. commands: the stored names of all that they came of.
    """

    def __init__(self, user: str | None) -> None:
        self._asked = user
        self.user = None if user is None else 0
        self.commands: set[str] = set()

    def take(self, event: Recorded) -> bool:
        """Always true."""
        if event.command_type is not None:
            self.commands.add(event.command_type)
        if self.user is not None and event.user_id == self._asked:
            self.user += 1
        return True


def _proved(store: Store, selection: Selection, found: Iterator[Recorded]) -> Iterator[Recorded]:
    """The events that were found, read again as proved ones: most are looked through, and few are shown.

    Those near each other are read together; the first at once, then more and more of them.
    """
    most = 1
    while some := list(islice(found, most)):
        places = [event.position for event in some]
        first, last = min(places), max(places)
        if last - first < 4 * len(some):
            span = selection._replace(after=first - 1, before=last + 1, limit=None, backwards=False)
            proved = {event.position: event for event in store.read(span)}
        else:
            proved = {place: next(iter(store.read(Selection(after=place - 1, limit=1)))) for place in places}
        yield from (proved[place] for place in places)
        most = min(2 * most, _TOGETHER)


def _of_story(store: Store, correlation: str, selection: Selection) -> Iterator[Recorded]:
    """The events of a correlation that a selection without a limit has."""
    stream, category, types = selection.stream, selection.category, selection.types
    before = selection.before
    whole = correlation_named(store, correlation)
    events = [event for commit in store.correlated(whole) for event in commit.events]
    return (
        event
        for event in (reversed(events) if selection.backwards else events)
        if event.position > selection.after
        and (before is None or event.position < before)
        and (stream is None or event.stream == stream)
        and (category is None or category_of(event.stream) == category)
        and (types is None or event.type in types)
    )


def names_in(texts: Iterable[str] | None) -> list[str]:
    """Several names in one word: `A,B`. Raises `Misuse` for a word without any, which would choose all."""
    found = []
    for text in texts or ():
        names = [name for name in text.split(",") if name]
        if not names:
            raise Misuse(f"{text!r} names nothing", hint="leave it out to have all; is a variable of the shell empty?")
        found += names
    return found


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


def known_types(names: Iterable[str], store: Store, note: Note, has_domain: bool = False) -> frozenset[str]:
    """Stored type names for typed ones: exact, or the same words in kebab-case or snake_case; and their older names.

    Those that the store knows (`older_names`). Where it does not, and has_domain, `note` is told.
    """
    stored = dict.fromkeys(sorted(store.type_names()))
    older, by_words = older_names(store), dict[str, list[str]]()
    for type_name in {**stored, **older.aliases}:
        by_words.setdefault(same_words(type_name), []).append(type_name)
    found: set[str] = set()
    for name in names:
        fitting = [name] if name in stored else by_words.get(same_words(name), [])
        if not fitting or not older.with_older(fitting) & stored.keys():
            near = did_you_mean(name, list(stored)) or _near_beginning(name, stored)
            note(f"no event has the type {name!r}" + (f"; {near}" if near else f"; {_RENAMED}"))
        found.update(fitting or [name])
    unknown = sorted(found & stored.keys() - older.known)
    if has_domain and unknown and stored.keys() - older.known - found:
        said = ", ".join(map(repr, unknown))
        note(f"nothing in the store tells whether {said} was renamed; {_RENAMED}")
    return older.with_older(found)


_RENAMED = "the domain is not asked here: if the type was renamed, its older events have the older name"


_RENAMED_COMMAND = "the domain is not asked here: if the command was renamed, its older ones have the older name"


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
