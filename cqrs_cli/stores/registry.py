"""Stores: `open_store(url)` gives one that keeps the contract in `contract.py`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from cqrs_cli.errors import ConfigurationError

if TYPE_CHECKING:
    from cqrs_cli.stores.contract import Store


def open_store(
    url: str | os.PathLike[str],
    *,
    create: bool | Literal["lazily"] = False,
    read_only: bool = False,
    durability: str | None = None,
) -> Store:
    """The store behind a URL or path: `shop.db`, `sqlite:shop.db`, `sqlite:///var/lib/shop.db`.

    create: make it when it is missing (else `NotFound`); "lazily": with the first write that succeeds, and
    until then it is an empty log. read_only: never write, not even a lock file.
    durability: `full` (default) or `relaxed`, recorded when the store is made.
    """
    path = path_of(url) if isinstance(url, str) else os.fspath(url)
    if path is None:
        raise ConfigurationError(
            f"no store understands {url!r}",
            hint="a path is understood, shop.db, or a URL: sqlite:shop.db, sqlite:///var/lib/shop.db",
        )
    from cqrs_cli.stores.sqlite.store import SQLiteStore

    return SQLiteStore(path, create=create, read_only=read_only, durability=durability)


def path_of(url: str) -> str | None:
    """The file of the store behind a URL or path; None if it is none in a file.

    `sqlite:shop.db` is relative, `sqlite:///var/shop.db` absolute; after two slashes alone would stand a host.
    """
    scheme, colon, rest = url.partition(":")
    if not colon or len(scheme) == 1 or "/" in scheme:  # a drive's letter, or a colon further on
        return url
    if scheme in ("sqlite", "file"):
        if rest.startswith("///"):
            return "/" + rest.lstrip("/")
        return None if rest.startswith("//") else rest
    return None
