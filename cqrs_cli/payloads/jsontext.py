"""Strict JSON: what comes from outside loses no digit, and says what it is."""

import json
from collections.abc import Callable
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Never

from cqrs_cli.stores.checks import depth

HEARD: ContextVar[Callable[[Any], None] | None] = ContextVar("heard", default=None)
"""Who is told each value that is read, if anybody: what hides values has to know those that were typed."""


class JsonTextError(ValueError):
    """The text is not the JSON that is taken here; the message says where and why."""


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Numbers keep their digits (`Decimal`).

    Raises `JsonTextError` for anything else than JSON (NaN too), a key that stands twice, or nesting without end.
    """
    value, told = _parsed(text), HEARD.get()
    if told is not None:
        told(value)
    return value


def _parsed(text: str | bytes) -> Any:
    try:
        if not isinstance(text, str):
            text = text.removeprefix(_MARK).decode()
        if text.count("[") + text.count("{") > _MAX_DEPTH and depth(text.encode()) > _MAX_DEPTH:
            raise JsonTextError("nested too deeply")
        if text.startswith("{"):  # nearly always: without looking for white space on both sides
            value, end = _DECODER.raw_decode(text)
            if not text[end:].strip(" \t\n\r"):
                return value
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise JsonTextError(f"not JSON: {error.msg[:1].lower()}{error.msg[1:]} at {where}") from None
    except UnicodeDecodeError as error:
        raise JsonTextError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise JsonTextError("nested too deeply") from None
    except JsonTextError:
        raise
    except (ValueError, ArithmeticError) as error:  # an integer of more digits than Python converts
        raise JsonTextError(f"not a number that can be read: {str(error)[:60]}") from None


_MARK = b"\xef\xbb\xbf"  # some editors put it before UTF-8


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise JsonTextError(f"the key {twice!r} stands twice in one object")
    return made


def _refuse(constant: str) -> Never:
    raise JsonTextError(f"{constant} is not JSON")


def _number(text: str) -> Decimal:
    """Every digit is kept; but an exponent must leave a number that can be written out, as an integer field would."""
    number = Decimal(text)
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise JsonTextError(f"the number {text[:40]} has an exponent beyond {_MAX_EXPONENT}")
    return number


_MAX_EXPONENT = 4_000
_MAX_DEPTH = 200  # more than a payload may have, and far from the limits of Python
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_number, parse_constant=_refuse)
