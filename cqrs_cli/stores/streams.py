"""Streams: what they are called, and what is told of one."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from cqrs_cli.errors import LimitExceeded, Misuse

MAX_NAME_BYTES = 200
_STREAM_PUNCTUATION = frozenset("-_.%,")


def category_of(stream: str) -> str:
    """`order` of `order-17`: what stands before the first dash; all of it if there is none."""
    return stream.partition("-")[0]


def check_stream_name(stream: str) -> str:
    """The name itself, or `Misuse`/`LimitExceeded`.

    Letters and digits of any script (NFC) and `- _ . % ,`; at most 200 bytes of UTF-8; not empty;
    never `@` `/` `:` or a control character, which the shell's addresses and subjects use.
    """
    if not stream:
        raise Misuse("a stream name can't be empty", code="stream-name", hint="CATEGORY-ID, such as order-17")
    if len(stream) > MAX_NAME_BYTES or len(stream.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise LimitExceeded(
            f"the stream name {stream[:40]!r}… has more than {MAX_NAME_BYTES} bytes",
            hint="a shorter key; letters that are percent-encoded count three times and more",
            limit=MAX_NAME_BYTES,
        )
    if not stream.isascii() and unicodedata.normalize("NFC", stream) != stream:
        raise Misuse(
            f"the stream name {stream!r} is not in Unicode's NFC form",
            code="stream-name",
            hint=f"in NFC it is {unicodedata.normalize('NFC', stream)!r}",
        )
    for character in stream:
        if not (character.isalnum() or character in _STREAM_PUNCTUATION):
            raise Misuse(
                f"the stream name {stream!r} holds {character!r}",
                code="stream-name",
                hint="letters, digits and - _ . % , are allowed; other characters are percent-encoded",
            )
    return stream


class StreamInfo(NamedTuple):
    """A stream and where it stands; times in microseconds UTC."""

    stream: str
    category: str
    version: int
    first_recorded_us: int
    last_recorded_us: int
