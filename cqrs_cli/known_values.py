"""Values that are to be hidden wherever they stand in a text: in a message, a traceback, the name of a stream.

Texts under four characters and numbers under five digits are looked for in the keys of streams alone: elsewhere they
would be anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import islice
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote

from cqrs_cli.pseudonyms import BLANK, NULL, REDACTED, Pseudonyms, written_number

_LEAST, _LEAST_DIGITS = 4, 5
_OURS = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?::\d+)?|[0-9a-f]{32,}")
"""Times and ids: one of these is masked as a whole or not at all."""
_NOT_IN_KEYS, _NOT_IN_URLS = re.compile(r"[^\w.-]"), re.compile("[^A-Za-z0-9_.~-]")


class KnownValues:
    """Knows values, each with the way in which it is hidden, and finds them however they are quoted."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._ways: dict[str, str] = {}  # of all values
        self._spelled: dict[str, tuple[str, str]] = {}  # what is looked for in texts: the value that it is, and its way
        self._names: dict[str, str] = {}  # names of streams in which that would not find all
        self._lengths: dict[str, list[int]] = {}  # of what is looked for, by its first letters
        self._streams: dict[str, set[str]] = {}  # by the parts of their keys

    def __len__(self) -> int:
        """How many values are known."""
        return len(self._ways)

    def later(self, count: int) -> KnownValues:
        """Those alone that came to be known after so many."""
        made = KnownValues(self._pseudonyms)
        for text, way in islice(self._ways.items(), count, None):
            made.add(text, way)
        return made

    # ── what there is to hide ─────────────────────────────────────────────────────────────────

    def add(self, text: str, way: str) -> None:
        """Know a value."""
        if text in self._ways:
            return
        self._ways[text] = way
        if len(text) >= (_LEAST_DIGITS if text.isdecimal() else _LEAST):
            # As it is, as Python and JSON quote it, and as it stands in the names of streams.
            spelled = {text, normalize("NFC", text), normalize("NFD", text), repr(text)[1:-1], ascii(text)[1:-1]}
            spelled |= {json.dumps(text)[1:-1], repr(text.encode("utf-8", "surrogatepass"))[2:-1]}
            spelled.add(json.dumps(text, ensure_ascii=False)[1:-1])
            spelled |= {_percent(text, others) for others in (_NOT_IN_KEYS, _NOT_IN_URLS)}
            for one in spelled:
                self._spelled[one] = text, way
                self._look_for(one)
        for name in tuple(self._streams.get(text, ())):
            self._add_name(name)

    def add_stream(self, name: str) -> None:
        """Know a stream: what is in its key may become known as a value later."""
        for part in parts_of(name):
            streams = self._streams.setdefault(part, set())
            if name not in streams:
                streams.add(name)
                if part in self._ways:
                    self._add_name(name)

    def _add_name(self, name: str) -> None:
        """A name of which a text alone would not tell that it is one: of a short key, or of one that becomes blank."""
        hidden = self.stream(name)
        if hidden != self.prose(name):
            self._names[name] = hidden
            self._look_for(name)

    def _look_for(self, spelled: str) -> None:
        lengths = self._lengths.setdefault(spelled[:_LEAST], [])
        if len(spelled) not in lengths:
            lengths.append(len(spelled))
            lengths.sort(reverse=True)

    # ── hiding it ─────────────────────────────────────────────────────────────────────────────

    def prose(self, text: str) -> str:
        """A text without the values."""
        return self._replaced(text, lambda found, way: REDACTED if way in (BLANK, NULL) else self._apart(found, way))

    def apart(self, text: str) -> str:
        """A text that has to stay apart from others, such as an id: nothing in it becomes blank."""
        return self._replaced(text, self._apart)

    def stream(self, name: str) -> str:
        """The name of a stream without the values, as valid as it was, and of no other stream."""
        category, dash, key = name.partition("-")
        parts = []
        for part in key.split(","):
            plain = unquote(part)
            way = self._ways.get(plain)
            hidden = self.apart(plain) if way is None else self._apart(plain, way)
            parts.append(part if hidden == plain else _percent(normalize("NFC", hidden), _NOT_IN_KEYS))
        return f"{category}{dash}{','.join(parts)}"

    def number(self, number: Any) -> Any:
        """A number, or what stands in its place."""
        found = self._spelled.get(written_number(number))
        return number if found is None else self._pseudonyms.hidden(number, found[1])

    def each(self, values: Any) -> Any:
        """A list of texts, or one: those that are values by themselves, however short they are, are hidden."""
        if isinstance(values, list):
            return [self.each(one) for one in values]
        way = self._ways.get(values) if isinstance(values, str) else None
        return values if way is None else self._pseudonyms.hidden(values, way)

    def _apart(self, text: str, way: str) -> str:
        return str(self._pseudonyms.hidden(text, "hash" if way in (BLANK, NULL) else way))

    def _replaced(self, text: str, instead: Callable[[str, str], str]) -> str:
        if len(text) < _LEAST or not self._lengths:
            return text
        if _OURS.fullmatch(text):
            return instead(*self._spelled[text]) if text in self._spelled else text
        out, last, at, end = [], 0, 0, len(text) - _LEAST
        while at <= end:
            for length in self._lengths.get(text[at : at + _LEAST], ()):
                found = text[at : at + length]
                hidden = self._found(found, text, at, instead)
                if hidden is not None:
                    out += [text[last:at], hidden]
                    last, at = at + length, at + length - 1
                    break
            at += 1
        return "".join([*out, text[last:]]) if out else text

    def _found(self, found: str, text: str, at: int, instead: Callable[[str, str], str]) -> str | None:
        """What stands in the place of a part of a text, if it is known; a part of a number or of a name is not."""
        before, after = text[at - 1 : at], text[at + len(found) : at + len(found) + 1]
        name = self._names.get(found)
        if name is not None and not (before.isalnum() or after.isalnum()):
            return name
        known = self._spelled.get(found)
        if known is None or (found.isdecimal() and (before.isdecimal() or after.isdecimal())):
            return None
        return instead(*known)


def parts_of(stream: str) -> list[str]:
    """The parts of the key of a stream, as they are without its name."""
    return [unquote(part) for part in stream.partition("-")[2].split(",") if part]


def _percent(text: str, others: re.Pattern[str]) -> str:
    """Percent-encoded, but for what may stand as it is."""
    return others.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")), text)
