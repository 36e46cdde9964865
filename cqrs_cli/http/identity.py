"""Who asks, and what they may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Right = Literal["read", "send", "operate"]
RIGHTS: frozenset[Right] = frozenset({"read", "send", "operate"})


@dataclass(frozen=True)
class Identity:
    """A caller. user: becomes `user_id` of what they send, and the name on record of what they do; None: nobody's.

    may: `read` (all that is stored), `send` (commands), `operate` (rebuild, retry, drop).
    """

    user: str | None = None
    may: frozenset[Right] = RIGHTS


Authenticate = Callable[[Mapping[str, str]], Identity | Awaitable[Identity | None] | None]
"""The plug: from the headers of a request (names in lower case) to who it is; None: nobody that may come in."""
