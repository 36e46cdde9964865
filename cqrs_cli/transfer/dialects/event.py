"""An event of another store, in our words."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from cqrs_cli.errors import InvalidInput
from cqrs_cli.stores.moments import micros

_is_plain = re.compile(r"[A-Za-z0-9._-]+").fullmatch
_is_uuid = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_decode = json.JSONDecoder(
    parse_constant=_refuse
).raw_decode  # what `loads` does besides takes longer than a small payload
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class ForeignEvent(NamedTuple):
    """What a dialect makes of a row.

    position: in the foreign log, from 1, growing. id: unique in that log, for ever; it becomes the commit's. data: JSON
    in UTF-8. time_us: microseconds UTC, None where there is none. version: in its stream, as its store counts; 0 where
    that is not known. metadata: a JSON object as text. together: events in a row with an equal one were one commit; one
    with None was alone.
    """

    position: int
    stream: str
    type: str
    data: bytes
    id: str
    time_us: int | None = None
    version: int = 0
    metadata: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    user_id: str | None = None
    schema_version: int = 1
    together: object = None


Row = tuple[Any, ...]
"""What a select gives: the position first."""
Mapped = Callable[[Row], ForeignEvent | None]
"""What a row is; None for one that is no event."""


@lru_cache(maxsize=4096)
def encoded(text: str) -> str:
    """A foreign name as our streams may have it: what is no letter, digit or `- _ .` is percent-encoded, reversibly."""
    if _is_plain(text):
        return text
    composed = unicodedata.is_normalized("NFC", text)
    return "".join(
        character
        if (character.isalnum() and (composed or character.isascii())) or character in "-_."
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
        for character in text
    )


def stream_of(name: str) -> str:
    """A stream that has a name of its own there; one that is nothing but a UUID gets a category, `stream`."""
    return f"stream-{name}" if _is_uuid(name) else encoded(name)


def kept_metadata(position: int, metadata: object, **more: object) -> tuple[str | None, Mapping[str, Any]]:
    """Metadata as text, with more members that are not None, and what the text says."""
    text = metadata_text(metadata, position)
    found: dict[str, Any] = {} if text is None else parsed(text, position, "metadata")
    added = {name: value for name, value in more.items() if value is not None and name not in found}
    if added:
        rest = "" if text is None else "," + text.strip()[1:-1]
        text = json_text(added)[:-1] + rest + "}"
    return text, {**added, **found}


@lru_cache(maxsize=4096)
def category(name: str) -> str:
    """The category of a class: `credit_note` of `CreditNote`. It has no dash, behind which the id would begin."""
    return encoded(_WORDS.sub("_", name).lower()).replace("-", "%2D")


def json_bytes(value: object, position: int, what: str = "payload") -> bytes:
    """A payload as it is stored, if it is JSON. Raises `InvalidInput` (`not-json`) with its position."""
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes | memoryview | bytearray):
        data = bytes(value)
    else:
        data = json_text(value).encode()
    parsed(data, position, what)
    return data


def parsed(data: bytes | str, position: int, what: str = "payload") -> Any:
    """What JSON says. Raises `InvalidInput` (`not-json`) with the position of what is none."""
    try:
        text = data if isinstance(data, str) else data.decode()
        found, end = _decode(text)
        if end == len(text):
            return found
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(data if isinstance(data, str) else data.decode(), parse_constant=_refuse)  # spaces around it
    except (ValueError, RecursionError):
        raise InvalidInput(
            f"the {what} at position {position:,} of the source is no JSON",
            hint="only events that are stored as JSON can be mirrored: not those in XML, in binary form, or encrypted",
            code="not-json",
            position=position,
        ) from None


def json_text(value: object) -> str:
    """JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def metadata_text(value: object, position: int) -> str | None:
    """Metadata as a JSON object; what is JSON and no object stands in one, as `value`. Raises `InvalidInput`."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json_bytes(value, position, "metadata").decode()
    found = parsed(text, position, "metadata")
    if found is None or found == {}:
        return None
    return text if isinstance(found, dict) else f'{{"value":{text}}}'


def time_of(value: object) -> int | None:
    """A moment in microseconds UTC: of a text in ISO form or a `datetime`; without a zone it is UTC.

    Raises `ValueError` for what is none: the row would be taken for one of today.
    """
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return micros(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def text_in(found: Mapping[str, Any], *names: str) -> str | None:
    """The first of these members that is a text with something in it, or a number."""
    for name in names:
        value = found.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            return str(value)
    return None
