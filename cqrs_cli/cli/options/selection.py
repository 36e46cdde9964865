"""The selection of events that all readers share: options, and what they mean on a store."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.command import did_you_mean
from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.log.points import parse_address, parse_position, parse_time
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.names import categories, no_stream
from cqrs_cli.stores.streams import category_of

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.render import Printer
    from cqrs_cli.stores.contract import Store

_CAPITAL = re.compile("[A-Z]")

Address = Annotated[
    str | None,
    typer.Argument(
        metavar="STREAM",
        help="A stream (order-17), what led to its version 5 (order-17@5), or all up to a position (@1200).",
        autocompletion=completion.streams,
        show_default=False,
    ),
]
Category = Annotated[
    str | None, typer.Option(metavar="NAME", help="Streams of this category.", autocompletion=completion.categories)
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type", metavar="NAME", help="Events of this type; may be repeated.", autocompletion=completion.types
    ),
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Recorded at or after: 2026-01-01T10:00Z, or 2h (ago).")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Recorded before.")]
After = Annotated[str | None, typer.Option(metavar="@POSITION", help="After this position.")]
Before = Annotated[str | None, typer.Option(metavar="@POSITION", help="Before this position.")]
Limit = Annotated[int | None, typer.Option("-n", "--limit", metavar="N", help="The first N in reading order.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="From the newest.")]
FailIfEmpty = Annotated[bool, typer.Option("--fail-if-empty", help="Exit 5 if nothing matched.")]


class Wanted:
    """A selection as typed, made definite on a store by `on`. Raises `Misuse` at once for what can't be read."""

    def __init__(
        self,
        address: str | None,
        category: str | None,
        types: Sequence[str] | None,
        since: str | None,
        until: str | None,
        after: str | None,
        before: str | None,
        limit: int | None,
        reverse: bool,
    ) -> None:
        self.address = parse_address(address) if address is not None else None
        self.category = category.replace("-", "_") if category is not None else None
        self.types = list(types or ())
        self.since = parse_time(since) if since is not None else None
        self.until = parse_time(until) if until is not None else None
        self.after = parse_position(after) if after is not None else 0
        self.before = parse_position(before) if before is not None else None
        self.limit = check_limit(limit)
        self.reverse = reverse
        stream = self.address.stream if self.address else None
        if stream is not None and self.category is not None and category_of(stream) != self.category:
            raise Misuse(f"{stream} is not of the category {self.category}", hint="give the stream or the category")

    @property
    def ends(self) -> bool:
        """Whether it has an end that new events can't move."""
        at = self.address is not None and (self.address.version or self.address.position) is not None
        return at or self.before is not None or self.until is not None

    def on(self, store: Store, printer: Printer, missing_ok: bool = False) -> Selection:
        """The selection on this store. A stream that is not there is `NotFound` (unless `missing_ok`); a type or
        category that is not there selects nothing, and a note says so."""
        after, before = self.after, self.before
        if self.since is not None:
            after = max(after, store.position_at(self.since - 1))
        if self.until is not None:
            before = _least(before, store.position_at(self.until - 1) + 1)
        stream = None
        if self.address is not None:
            stream = self.address.stream
            if self.address.position is not None:
                before = _least(before, self.address.position + 1)
            if stream is not None:
                before = _least(before, self._end_of(store, stream, missing_ok))
        if self.category is not None:
            note_category(store, self.category, printer)
        types = known_types(self.types, store, printer) if self.types else None
        return Selection(
            stream=stream,
            category=self.category,
            types=types,
            after=after,
            before=before,
            limit=self.limit,
            backwards=self.reverse,
        )

    def _end_of(self, store: Store, stream: str, missing_ok: bool) -> int | None:
        """The position that ends `stream@version`, exclusive; None if no version was asked for."""
        assert self.address is not None
        version, latest = self.address.version, store.version(stream)
        if latest == 0 and not missing_ok:
            raise no_stream(store, stream)
        if version is None:
            return None
        if version > latest:
            raise NotFound(
                f"{stream} is at version {latest}, there is no version {version}",
                code="version-not-found",
                hint=f"cqrs log {stream}",
                stream=stream,
                version=latest,
            )
        # Versions are dense, so the events up to this one are the first `version` of the stream.
        for event in store.scan(Selection(stream=stream, limit=version)):
            if event.version == version:
                return event.position + 1
        return None


def check_limit(limit: int | None) -> int | None:
    """The limit itself; `Misuse` if it is negative."""
    if limit is not None and limit < 0:
        raise Misuse(f"-n can't be {limit}", hint="at most so many are shown")
    return limit


def known_types(names: Iterable[str], store: Store, printer: Printer) -> frozenset[str]:
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
            printer.message(f"no event has the type {name!r}" + (f"; {near}" if near else ""))
        found.update(fitting or [name])
    return frozenset(found)


def _near_beginning(name: str, stored: Iterable[str]) -> str | None:
    """`Ordr` is near to no type, but to the first word of `OrderCreated`."""
    by_beginning: dict[str, list[str]] = {}
    for type_name in stored:
        for capital in _CAPITAL.finditer(type_name, 1):
            by_beginning.setdefault(type_name[: capital.start()], []).append(type_name)
    near = difflib.get_close_matches(name, by_beginning, 1)
    return f"did you mean {' or '.join(map(repr, by_beginning[near[0]][:3]))}?" if near else None


def note_category(store: Store, category: str, printer: Printer) -> None:
    """Say so if there is no stream of this category, with what is near."""
    if next(iter(store.streams(category=category, limit=1)), None) is None:
        near = did_you_mean(category, list(categories(store)))
        printer.message(f"no stream has the category {category!r}" + (f"; {near}" if near else ""))


def _words(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
