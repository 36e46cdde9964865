"""Which events of a source are copied: what was asked for, as a step between a source and a sink."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.log.matching import matcher, same_words
from cqrs_cli.log.points import parse_stream, parse_time
from cqrs_cli.log.selection import category_named, names_in
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.streams import category_of
from cqrs_cli.transfer.parcel import Parcel, recorded

_Matches = Callable[[Recorded], bool]


class Wanted(NamedTuple):
    """What is to be copied, as typed; everything that is given must hold, and of a list one.

    streams, categories, types, commands: names, several in one word too (`A,B`). since, until: times. user,
    correlation: of the command that an event came of. grep: a text in payload or metadata. where: conditions.
    """

    streams: Iterable[str] = ()
    categories: Iterable[str] = ()
    types: Iterable[str] = ()
    since: str | None = None
    until: str | None = None
    user: str | None = None
    commands: Iterable[str] = ()
    correlation: str | None = None
    grep: str | None = None
    where: Iterable[str] = ()


class Narrowing:
    """Leaves events out. Raises `Misuse` for what can't be read.

    name: all of it in one text, the same for the same. A commit of which some events are left out goes on with the
    others, and they are counted anew: their ids are other ones. whole_streams: whether of a stream all is copied or
    nothing.
    """

    def __init__(self, wanted: Wanted) -> None:
        since = None if wanted.since is None else parse_time(wanted.since)
        until = None if wanted.until is None else parse_time(wanted.until)
        streams = sorted({_stream(text) for text in names_in(wanted.streams)})
        kinds = sorted({category_named(text) for text in names_in(wanted.categories)})
        types, commands = sorted(set(names_in(wanted.types))), sorted(set(names_in(wanted.commands)))
        conditions = list(wanted.where)
        said: list[tuple[str, object]] = [
            ("stream", streams), ("category", kinds), ("type", types), ("since", since), ("until", until),
            ("user", wanted.user), ("command", commands), ("correlation", wanted.correlation), ("grep", wanted.grep),
            ("where", conditions),
        ]  # fmt: skip
        self.name = "&".join(_said(name, value) for name, value in said if value not in (None, []))
        self.whole_streams = all(value in (None, []) for name, value in said if name not in ("stream", "category"))
        self._streams, self._categories = frozenset(streams), frozenset(kinds)
        self._asked: list[_Matches] = [lambda event: self.concerns(event.stream)]
        if types:
            words = frozenset(map(same_words, types))
            self._asked.append(lambda event: same_words(event.type) in words)
        if since is not None:
            self._asked.append(lambda event: event.recorded_us >= since)
        if until is not None:
            self._asked.append(lambda event: event.recorded_us < until)
        if wanted.correlation is not None:
            self._asked.append(lambda event: event.correlation_id == wanted.correlation)
        rest = matcher(wanted.user, commands, wanted.grep, conditions)
        if rest is not None:
            self._asked.append(rest)

    def concerns(self, stream: str) -> bool:
        """Whether a stream is among those that were asked for."""
        streams, categories = self._streams, self._categories
        return (not streams or stream in streams) and (not categories or category_of(stream) in categories)

    def __call__(self, parcel: Parcel) -> Parcel | None:
        """The parcel with the events that are wanted; None if there are none."""
        asked = self._asked
        kept = [at for at, event in enumerate(recorded(parcel)) if all(matches(event) for matches in asked)]
        events, versions = parcel.commit.events, parcel.versions
        if len(kept) == len(events):
            return parcel
        if not kept:
            return None
        return parcel._replace(
            commit=parcel.commit._replace(events=tuple([events[at] for at in kept])),
            versions=tuple([versions[at] for at in kept]) if versions else (),
        )


def _stream(text: str) -> str:
    address = parse_stream(text)
    if address.version is not None:
        raise Misuse(f"{text} is a version of a stream, and streams are copied", hint="the stream alone, or --until")
    return address.stream or ""


def _said(name: str, value: object) -> str:
    return f"{name}={','.join(value) if isinstance(value, list) else value}"
