"""What is not there: the error for a stream, and the names that may have been meant."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.streams import category_of

_SEEN = 2_000
_LISTED = 5
_HEX = re.compile("[0-9a-f-]{4,35}")
_UUID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_LAST = "\U0010ffff"


def stream_named(store: Store, text: str) -> str:
    """The stream of this name, or the only one whose key is a UUID that begins so: `order-6db370b2`.

    Other keys are typed whole: `order-1` never means `order-10`. Raises `NotFound`, and `Misuse` (code
    `ambiguous`) with the candidates.
    """
    category, _, beginning = text.partition("-")
    if store.version(text) or not _HEX.fullmatch(beginning):
        return text
    after = itertools.takewhile(lambda info: info.stream.startswith(text), store.streams(category=category, after=text))
    found = [
        info.stream
        for info in itertools.islice(after, _LISTED + 1)
        if _UUID.fullmatch(info.stream[len(category) + 1 :])
    ]
    if len(found) < 2:
        return found[0] if found else text
    more = " …" if len(found) > _LISTED else ""
    hint = f"{', '.join(found[:_LISTED])}{more}"
    raise Misuse(f"{text} may be one of several streams", code="ambiguous", hint=hint, stream=text, candidates=found)


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
