"""Records as JSON text, the same bytes in every face: compact, with all digits, no control character raw."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cqrs_cli.errors import Misuse
from cqrs_cli.jsonable import Digits, RawJson, jsonable

# C0, DEL and C1, marks that reorder or hide text or can't be seen, line and paragraph separators, lone surrogates,
# tags, selectors of variants (but for those of emoji).
_UNSAFE = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Joiners belong to emoji and to some scripts: there is a letter or picture of theirs on both sides then.
_JOINED = rf"[^\x00-\x7f\u200c\u200d{_UNSAFE}]"
_JOINER = rf"(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED})"
# A picture may have one selector of its variant; a row of them is a hidden text.
_SELECTOR = r"(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]"
BRACKETED = r"#(?=#(?:vso|teamcity)?\[)"  # of GitHub's older form, Azure Pipelines, TeamCity: anywhere in a line


@cache
def control(but: str = "") -> re.Pattern[str]:
    """Unsafe characters, but for these; compiled when first needed, which most output never does."""
    return re.compile((f"(?![{but}])" if but else "") + f"[{_UNSAFE}]|{_JOINER}|{_SELECTOR}")


def escape_json(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point < 0x10000:
        return f"\\u{point:04x}"
    point -= 0x10000
    return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"


def inert_json(text: str) -> str:
    """JSON text with the same meaning in which no control character is raw (line breaks between tokens may be)."""
    if not (text.isascii() and text.isprintable()):
        text = control("\n").sub(escape_json, text)
    return re.sub(BRACKETED, r"\\u0023", text) if "##" in text else text


_BLANK = dict.fromkeys(map(ord, "\t\n\r"), " ")
_quote = json.encoder.encode_basestring
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def json_text(value: Any, indent: int | None = None) -> str:
    """One JSON text, compact unless indented, with every control character escaped."""
    return inert_json(_dumped(jsonable(value), indent))


def json_line(record: Mapping[str, Any]) -> str:
    """A record as one line of JSON. `RawJson` is spliced in, not parsed: 5 µs instead of 15 an event."""
    return inert_json("{" + ",".join([f"{_quote(name)}:{_member(value)}" for name, value in record.items()]) + "}")


def _member(value: Any) -> str:
    kind = type(value)
    if kind is RawJson:  # a line break or tab in it stands between tokens
        return value if value.isprintable() else value.translate(_BLANK)  # type: ignore[no-any-return]
    if kind is str:
        return _quote(value)
    if kind is dict and RawJson in map(type, value.values()):
        return json_line(value)
    if kind is list and any(type(item) is dict and RawJson in map(type, item.values()) for item in value):
        return "[" + ",".join(map(_member, value)) + "]"
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    return _dumped(jsonable(value))


def _dumped(plain: Any, indent: int | None = None) -> str:
    if has_digits(plain):
        return "".join(written(plain, indent, "\n"))
    try:
        return (
            _compact(plain) if indent is None else json.dumps(plain, ensure_ascii=False, indent=indent, allow_nan=False)
        )
    except ValueError as error:
        raise Misuse(
            "a value that is NaN or infinite has no JSON", code="no-json", hint="--format table shows it"
        ) from error


def has_digits(plain: Any) -> bool:
    """Whether a number with its digits is in what `jsonable` gave: its dicts and lists are no subclasses."""
    kind = type(plain)
    if kind is not dict and kind is not list:
        return kind is Digits
    for one in plain.values() if kind is dict else plain:
        kind = type(one)
        if kind is Digits or ((kind is dict or kind is list) and has_digits(one)):
            return True
    return False


def written(plain: Any, indent: int | None, line: str) -> Iterator[str]:
    """As `json` writes it, but numbers with their digits. line: the line break before what is not inside."""
    if isinstance(plain, Digits):
        yield plain.text
    elif isinstance(plain, (dict, list)) and plain:
        inner = "" if indent is None else line + " " * indent
        opening, closing = "{}" if isinstance(plain, dict) else "[]"
        for number, item in enumerate(plain):
            yield (opening if number == 0 else ",") + inner
            if isinstance(plain, dict):
                yield _quote(item) + (":" if indent is None else ": ")
                item = plain[item]
            yield from written(item, indent, inner)
        yield ("" if indent is None else line) + closing
    else:
        yield _dumped(plain)
