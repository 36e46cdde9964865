"""Keys as text: how the id of an aggregate stands in the name of its stream, and back.

Reversible: UUIDs lowercase, integers decimal, dates ISO; of texts letters, digits and `- _ .` stay as
they are and everything else is percent-encoded, so `@ / , :` never occur raw. Names of streams are in
Unicode's NFC, so of a text that is not, all that is not ASCII is encoded: it comes back as it was.
The parts of a composite key are joined with a comma.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, get_args
from urllib.parse import unquote
from uuid import UUID

from cqrs_cli.errors import InvalidInput

Key = str | int | UUID | date

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_EXAMPLES: dict[type, str] = {
    str: "caf%C3%A9, percent-encoded UTF-8",
    int: "17",
    UUID: "11111111-1111-4111-8111-111111111111",
    date: "2026-01-31",
}

KEY_TYPES: tuple[type, ...] = (str, int, UUID, date)


def named_type(annotation: Any) -> Any:
    """The type behind `Annotated[X, …]`, `NewType` and `type` aliases; the annotation itself otherwise."""
    while True:
        if hasattr(annotation, "__metadata__"):
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType" and not get_args(annotation):
            annotation = annotation.__value__
        else:
            return annotation


def plain_type(annotation: Any) -> Any:
    """As `named_type`, and the type behind `X | None`."""
    annotation = named_type(annotation)
    arguments = get_args(annotation)
    if type(None) in arguments and len(arguments) == 2 and annotation != type[None]:
        return plain_type(arguments[0] if arguments[1] is type(None) else arguments[1])
    return annotation


def key_text(value: object) -> str:
    """One part of a key as text. Raises `InvalidInput` for an empty text, one that is no Unicode, or another type."""
    if type(value) is UUID:
        return str(value)
    if isinstance(value, str):
        if _PLAIN.fullmatch(value):
            return value
        if not value:
            raise InvalidInput("a key can't be empty", hint="at least a letter or digit")
        composed = unicodedata.is_normalized("NFC", value)
        try:
            return "".join(
                character
                if (character.isalnum() and (composed or character.isascii())) or character in "-_."
                else "".join(f"%{byte:02X}" for byte in character.encode())
                for character in value
            )
        except UnicodeEncodeError:
            raise InvalidInput(
                f"the key {value!r} is not valid Unicode", hint="a text without lone surrogates"
            ) from None
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(
                f"the key {value} needs more than 64 bits", hint="no table could hold it; make it a text"
            )
        return str(value)
    raise InvalidInput(
        f"a key is a text, an integer, a UUID or a date, not {value!r}", hint="convert it to one of these first"
    )


def parse_key(kind: type, text: str) -> Key:
    """The value that `key_text` made this text of; `kind` is one of `KEY_TYPES`. Raises `InvalidInput`.

    Another spelling of a value (`007`, an uppercase UUID) is refused: it would be a second stream with the same key.
    """
    value: Key
    if kind is UUID and _UUID.fullmatch(text):  # its one spelling: replays and rebuilds have many to read
        return UUID(int=int(text.replace("-", ""), 16))
    try:
        if kind is str:
            value = unquote(text, errors="strict")
        elif kind is UUID:
            value = UUID(text)
        else:
            value = date.fromisoformat(text) if kind is date else int(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no {kind.__name__} key", hint=f"such as {_EXAMPLES[kind]}") from None
    spelt = key_text(value)
    if spelt != text:
        raise InvalidInput(
            f"{text!r} is another spelling of the {kind.__name__} key {spelt!r}",
            hint="keys have one spelling: that one",
        )
    return value


def stream_name(category: str, parts: tuple[object, ...]) -> str:
    """`order-` and the key's parts as text."""
    if len(parts) == 1:
        return f"{category}-{key_text(parts[0])}"
    return f"{category}-{','.join([key_text(part) for part in parts])}"


def stream_key(stream: str, kinds: tuple[type, ...]) -> tuple[Key, ...]:
    """The key in a stream's name. Raises `InvalidInput` if it does not have these parts."""
    parts = stream.partition("-")[2].split(",")
    if len(parts) != len(kinds):
        raise InvalidInput(
            f"{stream!r} has {len(parts)} key parts, not {len(kinds)}", hint="the parts are joined with commas"
        )
    return tuple(parse_key(kind, part) for kind, part in zip(kinds, parts, strict=True))


SpeltKey = Callable[[str], "tuple[str, ...] | None"]


def spelt_key(kinds: tuple[type, ...], categories: Iterable[str]) -> SpeltKey | None:
    """The function from a stream's name to its key as texts, where each is spelt there just as its value is written.

    So it is with UUIDs and with texts that need no encoding, which are nearly all; for others, and for a
    stream of none of the categories, the function gives None: look closer. None instead of it: a key of
    these types is never like that.
    """
    if not set(kinds) <= {UUID, str}:
        return None
    pattern = ",".join([f"({_UUID.pattern if kind is UUID else _PLAIN.pattern})" for kind in kinds])
    match = re.compile(f"(?:{'|'.join(map(re.escape, categories))})-{pattern}").fullmatch

    def spelt(stream: str) -> tuple[str, ...] | None:
        found = match(stream)
        return found.groups() if found is not None else None

    return spelt
