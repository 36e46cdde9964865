"""The hash chain over commits, version 1: each commit's hash covers its fields and the hash before it.

The hash is SHA-256 over a text of fields, which docs/format.md writes down for other tools:
an integer is `<digits>,`, a text `<length in bytes of UTF-8>:<text>,`, and what is absent `-,`.
Payloads and metadata enter as digests, so that one can be erased or encrypted and the chain still verifies.
Positions do not enter: the same history has the same hashes on a store whose positions have holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from cqrs_cli.stores.commits import Commit, SentCommand

VERSION = 1
GENESIS = bytes(32)
"""What stands for the previous hash in the first commit."""


def text_of(value: str) -> str:
    """A text as it enters a hash."""
    return f"{len(value) if value.isascii() else len(value.encode())}:{value},"


name_of = lru_cache(maxsize=4096)(text_of)
"""The same of what a log has few of, and many events of each."""


def link(
    previous: bytes,
    id: str,
    recorded_us: int,
    command: SentCommand | None,
    correlation_id: str,
    causation_id: str | None,
    user_id: str | None,
    metadata: str | None,
    events: Sequence[tuple[str, int, str, int, str]],
) -> bytes:
    """The hash of a commit after `previous` (`GENESIS` for the first): 32 bytes.

    command: None for imports. metadata: JSON text or None. events: (stream, version, type, schema
    version, hex SHA-256 of the payload), in the order of the commit.
    """
    text = ""
    for stream, version, type, schema_version, digest in events:
        text += f"{text_of(stream)}{version},{name_of(type)}{schema_version},64:{digest},"
    fields = (id, recorded_us, command, correlation_id, causation_id, user_id, metadata)
    return seal(previous, fields, len(events), text)


def link_of(previous: bytes, commit: Commit, recorded_us: int, versions: Sequence[int]) -> bytes:
    """The hash of a commit at this time, with its events at these versions of their streams, one for each."""
    id, events, command, correlation_id, causation_id, user_id, metadata, _ = commit
    text = ""
    for (stream, type, schema_version, data), version in zip(events, versions):  # noqa: B905  (hot)
        own = f"{len(stream)}:{stream}," if stream.isascii() else text_of(stream)
        text += f"{own}{version},{name_of(type)}{schema_version},64:{sha256(data).hexdigest()},"
    fields = (id, recorded_us, command, correlation_id or id, causation_id, user_id, metadata)
    return seal(previous, fields, len(events), text)


Fields = tuple[str, int, SentCommand | None, str, str | None, str | None, str | None]
"""Of a commit what `link` takes between the hash and the events."""


def seal(previous: bytes, fields: Fields, count: int, events: str) -> bytes:
    """As `link`, for who has the text of the events at hand: of so many, each as `link` writes it."""
    id, recorded_us, command, correlation_id, causation_id, user_id, metadata = fields
    own = f"{len(id)}:{id}," if id.isascii() else text_of(id)
    if command is None and causation_id is None and user_id is None and metadata is None and correlation_id == id:
        told = f"-,-,-,-,-,{own}-,-,-,{count},"  # of an import without an envelope
    else:
        told = _after_time(own, fields, count)
    return sha256(f"12:cqrs-chain-1,64:{previous.hex()},{own}{recorded_us},{told}{events}".encode()).digest()


def _after_time(own: str, fields: Fields, count: int) -> str:
    """What stands between the time and the events. own: the id as it enters the hash."""
    id, _, command, correlation_id, causation_id, user_id, metadata = fields
    if command is None:
        told = "-,-,-,-,-,"
    else:
        type, schema_version, digest, data, issued_at = command
        payload = "-" if data is None else f"64:{sha256(data).hexdigest()}"
        told = f"{name_of(type)}{schema_version},64:{digest.hex()},{payload},{issued_at},"
    correlation = own if correlation_id == id else text_of(correlation_id)
    causation = "-," if causation_id is None else text_of(causation_id)
    user = "-," if user_id is None else name_of(user_id)
    extra = "-," if metadata is None else f"64:{sha256(metadata.encode()).hexdigest()},"
    return f"{told}{correlation}{causation}{user}{extra}{count},"


def pieces(commit: Commit) -> tuple[str, str, list[str]]:
    """What `link` covers, without what is known only where the commit is written, for who computes the hash there.

    The text of a link is `12:cqrs-chain-1,64:<previous>,` and the first of them, the time, a comma and the second; then
    for each event `<length>:<stream>,<version>,` and the third's. The stream is in it, its version is not.
    """
    id, events, command, correlation_id, causation_id, user_id, metadata, _ = commit
    own = text_of(id)
    fields = (id, 0, command, correlation_id or id, causation_id, user_id, metadata)
    links = [
        f"{name_of(type)}{schema_version},64:{sha256(data).hexdigest()}," for _, type, schema_version, data in events
    ]
    return own, _after_time(own, fields, len(events)), links
