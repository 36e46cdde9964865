"""Stored JSON inside a JSON text, so that the very same bytes can be made of it again.

Most payloads can be written where they belong, for anybody to read. A text that compact JSON would write in another
way (with spaces, with escapes that are not needed, with a name twice) goes as a string instead.
"""

from __future__ import annotations

import json
from typing import Any

from cqrs_cli.jsonable import Digits

_plain, _ascii = json.encoder.encode_basestring, json.encoder.encode_basestring_ascii
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_make = getattr(json.encoder, "c_make_encoder", None)
_chunks = _make and _make(None, None, _plain, None, ":", ",", False, False, False)
"""The encoder that `_encode` makes anew for each value, which takes longer than a small payload."""


def _compact(value: Any) -> str:
    return _encode(value) if _chunks is None else "".join(_chunks(value, 0))


def quote(text: str) -> str:
    """A text as a JSON string; what no terminal should see is escaped."""
    return _plain(text) if text.isprintable() else _ascii(text)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


class ExactJson:
    """Reads JSON and writes it again without spaces, numbers with the digits that they were read with."""

    def __init__(self) -> None:
        self._has_digits = False
        decoder = json.JSONDecoder(parse_float=self._number, parse_constant=_refuse)
        self._decode, self._scan = decoder.decode, getattr(decoder, "scan_once", decoder.raw_decode)

    def _number(self, text: str) -> float:
        number = float(text)
        if repr(number) == text:
            return number
        self._has_digits = True
        return Digits(text)

    def loads(self, text: str) -> Any:
        """The value of a JSON text. Raises `ValueError`."""
        self._has_digits = False
        try:
            return self._decode(text)
        except RecursionError:
            raise ValueError("it is nested too deep") from None

    def end_of(self, text: str, start: int) -> int:
        """Where in a text the JSON value ends that begins at a place. Raises `ValueError` if none does."""
        try:
            end: int = self._scan(text, start)[1]
        except (StopIteration, RecursionError, ValueError):
            raise ValueError("no JSON value begins there") from None
        return end

    def dumps(self, value: Any) -> str:
        """A part of what was read last. Raises `ValueError` for what has no JSON."""
        return written(value) if self._has_digits else _compact(value)

    def is_exact(self, text: str) -> bool:
        """Whether a text is what `dumps` makes of its value: then it may stand in another as it is."""
        if not text.isprintable():
            return False
        self._has_digits = False
        try:
            value, end = self._scan(text, 0)
            return end == len(text) and self.dumps(value) == text
        except (ValueError, RecursionError, StopIteration):
            return False


def written(value: Any) -> str:
    """A JSON value without spaces. Raises `ValueError` or `TypeError` for what has no JSON."""
    if isinstance(value, Digits):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join([f"{_plain(name)}:{written(item)}" for name, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return _compact(value)
