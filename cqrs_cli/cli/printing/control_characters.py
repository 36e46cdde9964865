"""Untrusted text made harmless for what it is printed to: a terminal, JSON, a spreadsheet or Markdown.

Payloads come from anywhere. A control character may move the cursor, set the clipboard or retitle the
window; a bidirectional mark may show a text in another order; a leading `=` is run by a spreadsheet; a line that
begins with `::error` or holds `##[error]` is a command to a CI job that prints it.
"""

import codecs
import re

from cqrs_cli.json_text import BRACKETED, control, escape_json

_WORKFLOW_COMMAND = rf"(?m)^[^\S\n]*:(?=:[A-Za-z])|{BRACKETED}"
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_TSV = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"})
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN = r"[\\`*\[\]|~]"
# People, issues, changes, labels, pictures and addresses, as GitHub and GitLab find them in a text.
_LINKED = r"[@#!$%&~]\w|(?i:\bGH-\d|://|\bwww\.|\b(?:mailto|xmpp):)|:[\w+-]*[A-Za-z][\w+-]*:"
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    named = _NAMED.get(character)
    if named is not None:
        return named
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _json_instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return re.sub("(?s).", escape_json, error.object[error.start : error.end]), error.end


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
    return no_command(control().sub(_escape, text))


def visible_lines(text: str) -> str:
    """Lines for a terminal: as `visible`, but the line breaks stay."""
    return no_command(control("\n").sub(_escape, text))


def visible_cell(text: str) -> str:
    """A cell of CSV or TSV for a terminal: line breaks and tabs stay, other control characters are escapes."""
    if not (text.isascii() and text.isprintable()):
        text = control("\n\t").sub(_escape, text)
    return no_command(text)


def tsv_text(text: str) -> str:
    """A cell of TSV: a tab, a line break or a backslash is written with a backslash, as `\\t \\n \\r \\\\`."""
    return text.translate(_TSV)


def no_formula(text: str) -> str:
    """With an apostrophe before what a spreadsheet would run as a formula.

    That is a text which begins with = + - @ (full-width too), a tab or a line break and is not a plain number.
    """
    return "'" + text if text[:1] in _FORMULA and not re.fullmatch(_NUMBER, text) else text


def markdown_text(text: str) -> str:
    """A cell of a Markdown table: neither Markdown nor HTML is read in it, and whoever is named in it is not called.

    What a page would make a link or a mention of stands as code, in which nothing is looked for.
    """
    text = visible(text)
    if re.search(_LINKED, text):
        return _code_span(text)
    text = re.sub(_MARKDOWN, lambda match: "\\" + match.group(), text)
    return re.sub("[&<>]", lambda match: _HTML[match.group()], text)


def _code_span(text: str) -> str:
    """Longer quotes than any inside; a bar ends a cell even there."""
    quotes = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or (text[0] == text[-1] == " ") else ""
    return f"{quotes}{pad}{text}{pad}{quotes}".replace("|", "\\|")


def html_text(text: str) -> str:
    """Text in a line of HTML, as code: no page makes a link or a mention of it."""
    return f"<code>{re.sub('[&<>]', lambda match: _HTML[match.group()], visible(text))}</code>"
