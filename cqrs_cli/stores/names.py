"""What is not there: the error for a stream, and the names that may have been meant."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.stores.commits import RecordedCommit
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.streams import category_of

_SEEN = 2_000
_LISTED = 5
_ALIKE = 10_000
_HEX = re.compile("[0-9a-f-]{4,35}")
_UUID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_LAST = "\U0010ffff"


def stream_named(store: Store, text: str) -> str:
    """The stream of this name, or the only one whose key is a UUID that begins so: `order-6db370b2`.

    Other keys are typed whole: `order-1` never means `order-10`. Raises `NotFound`, and `Misuse` (code
    `ambiguous`) with the candidates.
    """
    category, _, beginning = text.partition("-")
    if store.version(text) or not may_begin_an_id(beginning):
        return text
    alike = (name for name in streams_beginning(store, text) if _UUID.fullmatch(name[len(category) + 1 :]))
    return only_one(text, "streams", list(itertools.islice(alike, _LISTED + 1))) or text


def commit_named(store: Store, text: str) -> RecordedCommit | None:
    """The commit with this id, or the only one whose id is a UUID that begins so. None without one.

    Raises `Misuse` (code `ambiguous`) with the candidates.
    """
    found = store.commit(text)
    if found is None and may_begin_an_id(text):
        one = only_one(text, "commands", [id for id in store.ids_beginning(text, _ALIKE) if _UUID.fullmatch(id)])
        found = None if one is None else store.commit(one)
    return found


def correlation_named(store: Store, text: str) -> str:
    """The correlation id itself, or the only one of a command that began a story and whose id begins so."""
    if next(store.correlated(text), None) is None:
        commit = commit_named(store, text)
        if commit is not None:
            return commit.id
    return text


def may_begin_an_id(text: str) -> bool:
    """Whether a text may be the beginning of a UUID: at least four of its letters, and not all."""
    return _HEX.fullmatch(text) is not None


def only_one(text: str, what: str, found: Sequence[str]) -> str | None:
    """The only one that was found for what was typed; None without any.

    Raises `Misuse` (code `ambiguous`) with the candidates. what: streams, commands …
    """
    if len(found) < 2:
        return found[0] if found else None
    more = " …" if len(found) > _LISTED else ""
    hint = f"{', '.join(found[:_LISTED])}{more}"
    typed = {"stream": text} if what == "streams" else {"id": text}
    listed = list(found[: _LISTED + 1])
    raise Misuse(f"{text} may be one of several {what}", code="ambiguous", hint=hint, **typed, candidates=listed)


def streams_beginning(store: Store, beginning: str) -> Iterator[str]:
    """The streams whose names are longer than this beginning, category and dash included, by name."""
    category, after, page = category_of(beginning), beginning, 4
    while True:
        infos = list(store.streams(category=category, after=after, limit=page))
        for info in infos:
            if not info.stream.startswith(beginning):
                return
            yield info.stream
        if len(infos) < page:
            return
        after, page = infos[-1].stream, min(page * 8, _SEEN)


def no_stream(store: Store, stream: str) -> NotFound:
    """The error for a stream that is not there, with near names; details: `category`, if it is the name of one."""
    is_category = stream == category_of(stream) and _some_streams(store, stream)
    told = {"stream": stream, "category": stream} if is_category else {"stream": stream}
    hint = None if is_category else near_stream(store, stream)
    return NotFound(f"no stream {stream}", code="stream-not-found", hint=hint, **told)


def near_stream(store: Store, stream: str) -> str | None:
    """`did you mean 'order-17'?`: of the same category if there is one. None if nothing is near."""
    category = category_of(stream)
    # What all of them begin with would make any two of them alike.
    shared = len(category) + 1 if (names := _some_streams(store, category)) else 0
    by_rest = {name[shared:]: name for name in names or _some_streams(store, None)}
    near = difflib.get_close_matches(stream[shared:], by_rest, 3)
    return f"did you mean {' or '.join(repr(by_rest[rest]) for rest in near)}?" if near else None


def categories(store: Store) -> Iterator[str]:
    """The categories of the log, by name; each is one look, however many streams it has."""
    after = None
    while found := next(iter(store.streams(after=after, limit=1)), None):
        yield found.category
        after = found.stream if found.stream == found.category else f"{found.category}-{_LAST}"


def _some_streams(store: Store, category: str | None) -> list[str]:
    return [info.stream for info in store.streams(category=category, limit=_SEEN)]
