"""How values are written on pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from cqrs_cli.http.pages.hidden_text import HiddenText
from cqrs_cli.json_text import control, escape_json, json_text
from cqrs_cli.jsonable import Digits

HUES = 12
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UNITS = ("B", "kB", "MB", "GB", "TB")
_AROUND = 24, 80
"""Characters that are shown before and after what was searched for."""
_SHORT = 160
"""Characters of a value that is one of many."""


def visible(value: Any) -> Any:
    """What a template is about to write, with control characters and those that reorder text made visible."""
    if not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return value
    seen = control("\n\t").sub(escape_json, value)
    return Markup(seen) if isinstance(value, Markup) else seen


class Typed:
    """A text that goes back into a field of a form as it was typed: what is sent next is what was typed.

    What would reorder the page is a reference to a character: it means the same, and only in the field.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __html__(self) -> Markup:
        return Markup(control("\n\t").sub(lambda found: f"&#x{ord(found.group()):x};", escape(self._text)))


def when(moment: str | None) -> Markup:
    """A moment (RFC 3339) as an element, to the millisecond in UTC; a script shows it in local time if asked to."""
    if moment is None:
        return Markup('<span class="faint">–</span>')
    day, rest = moment[:19].replace("T", " "), (moment[20:23] if moment[19:20] == "." else "").ljust(3, "0")
    return Markup('<time datetime="{0}" title="{0}">{1}<span class="faint">.{2}</span></time>').format(
        moment, day, rest
    )


def thousands(value: Any) -> str:
    """A whole number, in groups of three digits; other values as they are."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)


def size(value: int | None) -> str:
    """Bytes for people."""
    amount = float(value or 0)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def seconds(value: float | None) -> str:
    """A length of time for people: `0 s`, `3.2 s`, `5 min`, `2 h`, `4 d`."""
    if value is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= 2 * length:
            return f"{value / length:.0f} {unit}"
    return f"{value:.0f} s" if value >= 10 or value == int(value) else f"{value:.1f} s"


def hue(name: str) -> int:
    """The colour of a name, the same everywhere: one of `HUES`."""
    return int.from_bytes(hashlib.blake2s(name.encode(errors="replace"), digest_size=2).digest(), "big") % HUES


def code(doc: str) -> Markup:
    """A line of a docstring: what stands in backticks as code."""
    parts = doc.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else escape(part) for n, part in enumerate(parts)
    )


def preview(data: Any) -> Markup:
    """A payload in a line: what people tell events apart by first, ids short and last."""
    if not isinstance(data, dict):
        return escape(compact(data))
    parts = sorted(data.items(), key=lambda one: _is_id(one[1]))
    shown = Markup('<span class="p"><span class="faint">{}</span> {}</span>')
    return Markup(" ").join(shown.format(name, _short(value)) for name, value in parts)


def around(data: Any, needle: str) -> Markup:
    """A payload where it holds what was searched for."""
    text = compact(data)
    at = text.find(needle)
    if at < 0:
        return preview(data)
    before, after = _AROUND
    end = at + len(needle)
    shown = Markup('<span class="mono">{}{}<mark>{}</mark>{}</span>')
    return shown.format("…" if at > before else "", text[max(0, at - before) : at], needle, text[end : end + after])


def compact(value: Any) -> str:
    """A value as JSON, numbers with their digits."""
    return json_text(_with_digits(value))


def short(value: Any) -> str:
    """The same, cut where it is long."""
    text = compact(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def brief(path: str) -> str:
    """A path whose ids are shown by their beginnings."""
    return _UUID.sub(lambda found: f"{found[0][:8]}…", path)


def _with_digits(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_digits(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_digits(inner) for inner in value]
    return Digits(str(value)) if isinstance(value, Decimal) else value


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value[:8] + "…" if _is_id(value) else value
    if isinstance(value, dict) and value:
        return f"{len(value)} " + ("fields" if len(value) > 1 else "field")
    if isinstance(value, list) and value:
        return f"{len(value)} " + ("items" if len(value) > 1 else "item")
    return compact(value)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "when": when,
    "n": thousands,
    "size": size,
    "seconds": seconds,
    "hue": hue,
    "code": code,
    "typed": Typed,
    "preview": preview,
    "around": around,
    "brief": brief,
    "compact": compact,
    "short": short,
    "q": lambda value: quote(value.word if isinstance(value, HiddenText) else str(value), safe=""),
}
