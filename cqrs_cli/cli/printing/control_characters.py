"""Untrusted text made harmless for what it is printed to: a terminal, JSON, CSV, TSV or Markdown.

Payloads come from anywhere. A control character may move the cursor, set the clipboard or retitle the
window; a bidirectional mark may show a text in another order; a leading `=` is run by a spreadsheet; a line that
begins with `::error` or holds `##[error]` is a command to a CI job that prints it.
"""

import codecs
import re
from functools import cache

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
_BRACKETED = r"#(?=#(?:vso|teamcity)?\[)"  # of GitHub's older form, Azure Pipelines, TeamCity: anywhere in a line
_WORKFLOW_COMMAND = rf"(?m)^[^\S\n]*:(?=:[A-Za-z])|{_BRACKETED}"
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN = r"[\\`*\[\]|~]"
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"


@cache
def _control(but: str = "") -> re.Pattern[str]:
    """Unsafe characters, but for these; compiled when first needed, which most output never does."""
    return re.compile((f"(?![{but}])" if but else "") + f"[{_UNSAFE}]|{_JOINER}|{_SELECTOR}")


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


def no_command(text: str) -> str:
    """Without the beginning of a workflow command at the beginning of a line, or anywhere in its older form."""
    if "::" not in text and "##" not in text:
        return text
    return re.sub(_WORKFLOW_COMMAND, lambda match: match.group()[:-1] + f"\\x{ord(match.group()[-1]):02x}", text)


def visible(text: str) -> str:
    """One line for a terminal: every control character, newline and tab too, is written as an escape."""
    if text.isascii() and text.isprintable():
        return no_command(text)
    return no_command(_control().sub(_escape, text))


def visible_lines(text: str) -> str:
    """Lines for a terminal: as `visible`, but the line breaks stay."""
    return no_command(_control("\n").sub(_escape, text))


def inert_json(text: str) -> str:
    """JSON text with the same meaning in which no control character is raw (line breaks between tokens may be)."""
    if not (text.isascii() and text.isprintable()):
        text = _control("\n").sub(_escape_json, text)
    return re.sub(_BRACKETED, r"\\u0023", text) if "##" in text else text


def csv_text(text: str) -> str:
    """A text cell for CSV: line breaks and tabs stay, quoted; other control characters are written as escapes."""
    if not (text.isascii() and text.isprintable()):
        text = _control("\n\t").sub(_escape, text)
    return text if text.startswith("::") else no_command(text)  # a cell that begins so is quoted instead


def tsv_text(text: str) -> str:
    """A text cell for TSV: as for CSV, and tabs and line breaks, which TSV can't quote, are escapes."""
    return visible(text)


def no_formula(text: str) -> str:
    """With an apostrophe before what a spreadsheet would run as a formula.

    That is a text which begins with = + - @ (full-width too), a tab or a line break and is not a plain number.
    """
    return "'" + text if text[:1] in _FORMULA and not re.fullmatch(_NUMBER, text) else text


def markdown_text(text: str) -> str:
    """A cell of a Markdown table: neither Markdown nor HTML is read in it."""
    text = re.sub(_MARKDOWN, lambda match: "\\" + match.group(), visible(text))
    return re.sub("[&<>]", lambda match: _HTML[match.group()], text)
