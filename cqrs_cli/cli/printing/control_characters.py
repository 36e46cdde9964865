"""Untrusted text made harmless for what it is printed to: a terminal, JSON, CSV, TSV or Markdown.

Payloads come from anywhere. A control character may move the cursor, set the clipboard or retitle the
window; a bidirectional mark may show a text in another order; a leading `=` is run by a spreadsheet.
"""

import codecs
import re
from functools import cache

# C0, DEL and C1, marks that reorder or hide text, line and paragraph separators, lone surrogates, tags.
_UNSAFE = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f"
)
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN = r"[\\`*\[\]|~]"
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"


@cache
def _control(but: str = "") -> re.Pattern[str]:
    """Unsafe characters, but for these; compiled when first needed, which most output never does."""
    return re.compile(f"(?![{but}])[{_UNSAFE}]" if but else f"[{_UNSAFE}]")


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    named = _NAMED.get(character)
    if named is not None:
        return named
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _escape_json(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point < 0x10000:
        return f"\\u{point:04x}"
    point -= 0x10000
    return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"


def _json_instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return re.sub("(?s).", _escape_json, error.object[error.start : error.end]), error.end


codecs.register_error("json", _json_instead)


def visible(text: str) -> str:
    """One line for a terminal: every control character, newline and tab too, is written as an escape."""
    if text.isprintable():
        return text
    return _control().sub(_escape, text)


def visible_lines(text: str) -> str:
    """Lines for a terminal: as `visible`, but the line breaks stay."""
    return _control("\n").sub(_escape, text)


def inert_json(text: str) -> str:
    """JSON text with the same meaning in which no control character is raw (line breaks between tokens may be)."""
    if text.isprintable():
        return text
    return _control("\n").sub(_escape_json, text)


def csv_text(text: str) -> str:
    """A text cell for CSV: what a spreadsheet would run as a formula gets a leading apostrophe.

    That is a text which begins with = + - @ (full-width too), a tab or a line break and is not a plain number.
    Line breaks and tabs stay, quoted; other control characters are written as escapes.
    """
    if text[:1] in _FORMULA and not re.fullmatch(_NUMBER, text):
        text = "'" + text
    if text.isprintable():
        return text
    return _control("\n\t").sub(_escape, text)


def tsv_text(text: str) -> str:
    """A text cell for TSV: as for CSV, and tabs and line breaks, which TSV can't quote, are escapes."""
    if text[:1] in _FORMULA and not re.fullmatch(_NUMBER, text):
        text = "'" + text
    return visible(text)


def markdown_text(text: str) -> str:
    """A cell of a Markdown table: neither Markdown nor HTML is read in it."""
    text = re.sub(_MARKDOWN, lambda match: "\\" + match.group(), visible(text))
    return re.sub("[&<>]", lambda match: _HTML[match.group()], text)
