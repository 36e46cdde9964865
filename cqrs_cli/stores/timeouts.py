"""Time-outs as they are typed, in an option or a URL: seconds for which somebody waits at most; in 0 for nothing."""

from __future__ import annotations

from cqrs_cli.errors import Misuse

LONGEST = 1_000_000


def seconds(name: str, text: str) -> float:
    """The seconds that a text says, from 0 to `LONGEST`. name: what takes them, as it is typed. Raises `Misuse`."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST:
        hint = f"from 0, which waits for nothing, to {LONGEST:,}, such as 30 or 0.5"
        raise Misuse(f"{name} wants seconds, not {text[:40]!r}", hint=hint)
    return abs(found)  # there is a -0
