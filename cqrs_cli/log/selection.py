"""From what was asked for, as it was typed, to a selection of a store's events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.log.points import Address, parse_address, parse_position, parse_time
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import categories, no_stream
from cqrs_cli.stores.streams import category_of

_CAPITAL = re.compile("[A-Z]")
Note = Callable[[str], None]
"""Takes a remark for people."""


class Asked(NamedTuple):
    """What was asked for, as typed.

    address: a stream, `order-17@5` or `@1200`. since, until: times. after, before: positions. limit: at most so
    many, in reading order. reverse: from the newest.
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


class EventFilter:
    """What was asked for, understood; made definite on a store by `on`. Raises `Misuse` for what can't be read."""

    def __init__(self, asked: Asked) -> None:
        self.address = parse_address(asked.address) if asked.address is not None else Address()
        self.since = parse_time(asked.since) if asked.since is not None else None
        self.until = parse_time(asked.until) if asked.until is not None else None
        self.before = parse_position(asked.before) if asked.before is not None else None
        self.types, self.reverse, stream = list(asked.types or ()), asked.reverse, self.address.stream
        self.category = asked.category
        after = parse_position(asked.after) if asked.after is not None else 0
        category = category_named(asked.category) if asked.category is not None else None
        if stream is not None and category is not None and category_of(stream) != category:
            raise Misuse(f"{stream} is not of the category {category}", hint="give the stream or the category")
        limit = check_limit(asked.limit)
        self._selection = Selection(stream=stream, category=category, after=after, limit=limit, backwards=self.reverse)

    @property
    def ends(self) -> bool:
        """Whether it has an end that new events can't move."""
        ends = (self.address.version, self.address.position, self.before, self.until)
        return any(end is not None for end in ends)

    def on(self, store: Store, note: Note, missing_ok: bool = False) -> Selection:
        """The selection on this store. A stream that is not there is `NotFound` (unless `missing_ok`); a type or
        category that is not there selects nothing, and `note` is told so; a stream as category is `Misuse`."""
        selection, address, ends, types = self._selection, self.address, [self.before], None
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
        return selection._replace(types=types, before=min((end for end in ends if end is not None), default=None))


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
    # Versions are dense, so the events up to this one are the first `version` of the stream.
    return max((event.position + 1 for event in store.scan(Selection(stream=stream, limit=version))), default=None)


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
        by_words.setdefault(_words(type_name), []).append(type_name)
    found: set[str] = set()
    for name in names:
        fitting = [name] if name in stored else by_words.get(_words(name), [])
        if not fitting:
            near = did_you_mean(name, list(stored)) or _near_beginning(name, stored)
            note(f"no event has the type {name!r}" + (f"; {near}" if near else ""))
        found.update(fitting or [name])
    return frozenset(found)


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


def _words(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()
