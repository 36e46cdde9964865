"""How a domain is served: everything that may be set, with what holds if nothing is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cqrs_cli.http.identity import Authenticate

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names of this machine for itself, as they stand in `Host`."""


@dataclass(frozen=True)
class Options:
    """How to serve.

    read_only: nothing is written, rows are shown as they are. run: reactions run, too. readers: threads that read.
    hosts: names that are answered to, beside those of loopback. origins: of pages elsewhere that may ask (CORS).
    token: what programs show as `Bearer`; authenticate: a plug instead. sql: whether SQL may be asked.
    followers: at most so many. max_body: bytes. waiting: requests that may wait for a thread, of each kind.
    ui: pages for people as well. filters: of the log, each a name and the parameters of its page.
    together: commands written at once. patience: seconds that a request waits for a position.
    fold: what events of streams that are no aggregate's come to, by type, as under [tool.cqrs.fold].
    spoken: options of the shell with which it was started, for the lines of the shell that pages show.
    mask: fields to hide, each with its way, and mask_key for pseudonyms that are the same each time.
    """

    read_only: bool = False
    run: bool = False
    readers: int = 4
    hosts: frozenset[str] = field(default=frozenset())
    origins: frozenset[str] = field(default=frozenset())
    token: str | None = field(default=None, repr=False)
    authenticate: Authenticate | None = None
    sql: bool = False
    ui: bool = True
    filters: Mapping[str, str] = field(default_factory=dict)
    followers: int = 500
    max_body: int = 1_200_000
    waiting: int = 1_000
    together: int = 256
    patience: float = 10.0
    durability: str | None = None
    fold: Mapping[str, Any] = field(default_factory=dict)
    spoken: Sequence[str] = ()
    mask: Mapping[str, str] = field(default_factory=dict)
    mask_key: bytes | None = field(default=None, repr=False)
