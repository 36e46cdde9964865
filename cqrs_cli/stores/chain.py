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

from cqrs_cli.stores.commits import SentCommand

VERSION = 1
GENESIS = bytes(32)
"""What stands for the previous hash in the first commit."""


def _text(value: str) -> str:
    return f"{len(value) if value.isascii() else len(value.encode())}:{value},"


_name = lru_cache(maxsize=4096)(_text)  # a log has few types, and many events of each


def _command(command: SentCommand | None) -> str:
    if command is None:
        return "-,-,-,-,-,"
    type, schema_version, digest, data, issued_at = command
    payload = "-" if data is None else f"64:{sha256(data).hexdigest()}"
    return f"{_name(type)}{schema_version},64:{digest.hex()},{payload},{issued_at},"


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
    own = _text(id)
    correlation = own if correlation_id == id else _text(correlation_id)
    extra = "-," if metadata is None else f"64:{sha256(metadata.encode()).hexdigest()},"
    text = (
        f"12:cqrs-chain-1,64:{previous.hex()},{own}{recorded_us},{_command(command)}{correlation}"
        f"{'-,' if causation_id is None else _text(causation_id)}{'-,' if user_id is None else _text(user_id)}"
        f"{extra}{len(events)},"
    )
    for stream, version, type, schema_version, digest in events:
        text += f"{_text(stream)}{version},{_name(type)}{schema_version},64:{digest},"
    return sha256(text.encode()).digest()
