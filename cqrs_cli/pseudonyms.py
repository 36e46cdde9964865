"""The rule of pseudonyms: another value of the same form in the place of one, the same for the same under a key.

    e-mail    ada.l@x.org       qhv.m@b.wzr.example
    UUID      its version stays
    date      another one of the same hundred years from 1925, 2025 … on; a time of day stays valid
    text      a letter for a letter, a digit for a digit; spaces and marks stay
    number    as many digits before and after the point, and the sign

All values of one form are put into an order that the key makes, and each becomes the next one. So two values never
become one, and none stays itself; but a boolean may, and what has no letter and no digit. Whoever has the key can try
values; whoever has not learns their form and which are equal.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from hashlib import shake_256
from math import isqrt
from typing import Any
from unicodedata import category, normalize

from cqrs_cli.jsonable import Digits

PSEUDONYM, BLANK, NULL, HASH = WAYS = ("pseudonym", "blank", "null", "hash")
"""What becomes of a value: another of its form; `[redacted]`; nothing; 16 hex digits."""
REDACTED = "[redacted]"
_UUID = re.compile("[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = "([0-9]{4}-[0-9]{2}-[0-9]{2})"
_MOMENT = re.compile(_DATE + "(?:([T ])([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?")
_KEPT = frozenset(" -_.,:;/+@#()&'%*!?=|~")
"""Marks that mean nothing anywhere: not in JSON, not in a terminal, not in a name of a stream."""
_DIGITS, _HEX = "0123456789", "0123456789abcdef"
_ROUNDS = 6
_AT_ONCE = 4_000
"""Letters that have one order. What comes after them in a longer text has one that depends on them."""


class Pseudonyms:
    """Makes pseudonyms under a key, which is any bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"pseudonyms", "sha256")
        self.of_text = lru_cache(100_000)(self._of_text)

    def of(self, value: Any) -> Any:
        """The pseudonym of a plain JSON value, no object and no array; nothing, and the empty text, have none."""
        if value is None or value == "":
            return value
        if isinstance(value, bool):  # all that can be hidden of it is whether it was turned round
            return value ^ bool(self._bytes("bool", 1)[0] & 1)
        if isinstance(value, Digits):
            return Digits(self.of_text(value.text))
        if isinstance(value, int):
            return int(self.of_text(str(value)))
        if isinstance(value, float):
            return Digits(self.of_text(repr(value)))
        return self.of_text(str(value))

    @property
    def fingerprint(self) -> str:
        """Tells one key from another."""
        return self._bytes("fingerprint", 6).hex()

    def sealed(self, text: str) -> str:
        """64 hex digits that stand for a text."""
        return self._bytes(f"sealed:{text}", 32).hex()

    def hidden(self, value: Any, way: str) -> Any:
        """A plain JSON value, no object and no array, in one of the ways."""
        if value is None or way == NULL:
            return None
        if way == PSEUDONYM:
            return self.of(value)
        return REDACTED if way == BLANK else self.digest(written_number(value))

    def digest(self, value: Any) -> str:
        """16 hex digits that stand for a value."""
        return self._bytes(f"digest:{value}", 8).hex()

    # ── forms ─────────────────────────────────────────────────────────────────────────────────

    def _of_text(self, text: str) -> str:
        number = _NUMBER.fullmatch(text)
        if number is not None:  # the same as of the number
            return self._others(text, _figures(number))
        if _UUID.fullmatch(text):
            made = self._others(text.lower(), ["" if n == 14 or c == "-" else _hex(n, c) for n, c in enumerate(text)])
            return made if text == text.lower() else made.upper()
        moment = _MOMENT.fullmatch(text)
        if moment is not None:
            return self._moment(moment) or f"{self._letters(text)} {self.digest(text)}"
        if _EMAIL.fullmatch(text):
            return f"{self._letters(text, '.')}.example"  # a domain that nobody can have
        return self._letters(text)

    def _letters(self, text: str, space: str = " ") -> str:
        """Another letter for each letter; what may be a mark of something is none afterwards, and makes it longer."""
        alphabets = [_alphabet(char) for char in text]
        if not any(alphabets):
            return self.digest(text)
        made = self._others(text, alphabets)
        harmless = "".join(
            char if alphabet or char in _KEPT else "_" for char, alphabet in zip(made, alphabets, strict=True)
        )
        return made if made == harmless else f"{harmless}{space}{self.digest(text)}"

    def _others(self, text: str, alphabets: Sequence[str]) -> str:
        """Each character another one of its alphabet; one without any stays."""
        pairs = [(char, alphabet) for char, alphabet in zip(text, alphabets, strict=True) if alphabet]
        form = "".join(alphabet[:1] or char for char, alphabet in zip(text, alphabets, strict=True))
        told: list[int] = []
        for at in range(0, len(pairs), _AT_ONCE):  # nearly always one part: an order over longer ones takes for ever
            part = pairs[at : at + _AT_ONCE]
            numbers = [alphabet.index(char) for char, alphabet in part]
            own = f"{form} {at} {self.digest(''.join(char for char, _ in pairs[:at]))}" if at else form
            told += self._next(numbers, [len(alphabet) for _, alphabet in part], own)
        shown = iter(told)
        return "".join(
            alphabet[next(shown)] if alphabet else char for char, alphabet in zip(text, alphabets, strict=True)
        )

    def _moment(self, found: re.Match[str]) -> str | None:
        """None for what is no time."""
        day_text, mark, hour, minute, second, fraction, zone = found.groups()
        clock = [int(part) for part in (hour, minute, second) if part is not None]
        try:
            day = date.fromisoformat(day_text)
        except ValueError:
            return None
        if any(part >= most for part, most in zip(clock, (24, 60, 60), strict=False)):
            return None
        first, days = _hundred_years(day)
        rest = [int(char) for char in (fraction or "")[1:]]
        sizes = [days, *(24, 60, 60)[: len(clock)], *[10] * len(rest)]
        form = f"{first} {len(clock)} {len(rest)} {mark} {zone}"
        told = self._next([day.toordinal() - first, *clock, *rest], sizes, form)
        shown = date.fromordinal(first + told[0]).isoformat()
        if not clock:
            return shown
        hours = ":".join(f"{part:02}" for part in told[1 : 1 + len(clock)])
        parts = "".join(map(str, told[1 + len(clock) :]))
        return f"{shown}{mark}{hours}{(fraction or '')[:1]}{parts}{zone or ''}"

    # ── the order of all values of a form ─────────────────────────────────────────────────────

    def _next(self, numbers: Sequence[int], sizes: Sequence[int], form: str) -> list[int]:
        """What comes after some numbers, each below its size, in the order that the key makes of all of a form.

        The order is a Feistel network over two numbers below `side`; what is none of the form is passed over.
        """
        given, total = 0, 1
        for number, size in zip(numbers, sizes, strict=True):
            given, total = given * size + number, total * size
        if total == 1:
            return list(numbers)
        side, found = isqrt(total - 1) + 1, given
        while True:
            place = (self._place(found, side, form) + 1) % (side * side)
            found = self._at(place, side, form)
            if found < total:
                break
        told = []
        for size in reversed(sizes):
            found, number = divmod(found, size)
            told.append(number)
        return told[::-1]

    def _place(self, number: int, side: int, form: str) -> int:
        left, right = divmod(number, side)
        for turn in range(_ROUNDS):
            left, right = right, (left + self._turned(turn, right, side, form)) % side
        return left * side + right

    def _at(self, place: int, side: int, form: str) -> int:
        left, right = divmod(place, side)
        for turn in reversed(range(_ROUNDS)):
            left, right = (right - self._turned(turn, left, side, form)) % side, left
        return left * side + right

    def _turned(self, turn: int, half: int, side: int, form: str) -> int:
        return int.from_bytes(self._bytes(f"{turn}:{half}:{form}", side.bit_length() // 8 + 9), "big")

    def _bytes(self, text: str, count: int) -> bytes:
        return shake_256(self._key + text.encode("utf-8", "surrogatepass")).digest(count)


def written_number(value: Any) -> str:
    """A number as JSON had it; of other values their text."""
    return value.text if isinstance(value, Digits) else str(value)


def _figures(found: re.Match[str]) -> list[str]:
    """The alphabets of a number: it keeps its length, and so a zero that it begins with, and none comes to be there."""
    sign, whole = found[1], found[2]
    text, begin, end = found[0], len(sign), (found[0].lower() + "e").index("e")
    alphabets = [_DIGITS if begin <= at < end and char != "." else "" for at, char in enumerate(text)]
    if whole != text:  # one digit alone may be zero
        alphabets[begin] = "" if whole[0] == "0" else _DIGITS[1:]
    elif len(whole) > 1:
        alphabets[0] = "" if whole[0] == "0" else _DIGITS[1:]
    return alphabets


def _hex(at: int, char: str) -> str:
    return "89ab" if at == 19 and char in "89abAB" else _HEX


@lru_cache(4_096)
def _alphabet(char: str) -> str:
    """The letters, or digits, that a character may become: of its script, its case and its kind. Else nothing."""
    if not char.isalnum():
        return ""
    first, kind = ord(char) // 128 * 128, (category(char), normalize("NFC", char) == char)
    near = [other for other in map(chr, range(first, first + 128)) if other.isalnum()]
    alike = [other for other in near if (category(other), normalize("NFC", other) == other) == kind]
    return "".join(alike) if len(alike) > 1 else ""


def _hundred_years(day: date) -> tuple[int, int]:
    """The first day, as its ordinal, and how many: of 1925 to 2024, 2025 to 2124 …, so that who is born stays born."""
    year = (day.year - 25) // 100 * 100 + 25
    first = date(max(1, year), 1, 1).toordinal()
    end = date(year + 100, 1, 1) if year + 100 <= date.max.year else date.max
    return first, end.toordinal() - first + (end == date.max)
