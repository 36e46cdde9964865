"""Ids as a person reads and types them: the beginning of a UUID by which it is known."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from itertools import islice
from typing import TYPE_CHECKING

from cqrs_cli.stores.names import streams_beginning

if TYPE_CHECKING:
    from cqrs_cli.stores.contract import Store

SHORTEST = 8
_LENGTH = 36
_UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_ID = re.compile(rf"([^\s=-]+-)?({_UUID})((?::[0-9]+)?(?:@[0-9]+)?)")


class ShortIds:
    """Shortens UUIDs to beginnings that are unique among those that it was shown, and in the store.

    store: for streams and commands: a beginning that is printed is understood where such an id is typed. None: only
    what was shown counts. A UUID alone, the id of an event (`UUID:0`), a stream (`order-UUID`, `order-UUID@5`) are
    shortened, and nothing that merely holds one.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store
        self._seen: dict[str, list[str]] = {}
        self._short: dict[tuple[str, str], str] = {}

    def note(self, text: str) -> str:
        """Count it among what is shown; returns the text itself."""
        found = _ID.fullmatch(text) if len(text) >= _LENGTH else None
        if found is not None:
            seen, id = self._seen.setdefault(found[1] or "", []), found[2]
            at = bisect_left(seen, id)
            if at == len(seen) or seen[at] != id:
                insort(seen, id)
                self._short.clear()
        return text

    def short(self, text: str) -> str:
        """The text with the UUID that it is shortened; any other text as it is."""
        found = _ID.fullmatch(text) if len(text) >= _LENGTH else None
        if found is None:
            return text
        kind, id, rest = found[1] or "", found[2], found[3]
        known = self._short.get((kind, id))
        if known is None:
            known = self._short[kind, id] = self._beginning(kind, id)
        return kind + known + rest

    def _beginning(self, kind: str, id: str) -> str:
        seen = self._seen.get(kind, [])
        at = bisect_left(seen, id)
        near = [other for other in seen[max(0, at - 1) : at + 2] if other != id]
        short = _apart(id, near, SHORTEST)
        while self.store is not None and len(short) < _LENGTH:
            begin = kind + short
            names = islice(streams_beginning(self.store, begin), 2) if kind else self.store.ids_beginning(begin, 2)
            others = [name[len(kind) :] for name in names if name != kind + id]
            if not others:
                break
            short = _apart(id, others, len(short))
        return short


def _apart(id: str, others: list[str], least: int) -> str:
    """The shortest beginning, of at least so many letters, that none of the others has."""
    length = least
    for other in others:
        while length < len(id) and other.startswith(id[:length]):
            length += 1
    return id[: length + 1] if id[:length].endswith("-") else id[:length]
