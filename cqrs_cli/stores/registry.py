"""Stores: `open_store(url)` gives one that keeps the contract in `contract.py`.

A package brings another store by an entry point of the group `cqrs.stores`, named as the scheme of its URLs:

    [project.entry-points."cqrs.stores"]
    mongo = "cqrs_mongo:open_mongo"

Its object is an `Opener`. The installed packages are asked only for a scheme that is not built in, which takes time.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Protocol

from cqrs_cli.errors import ConfigurationError, Misuse

if TYPE_CHECKING:
    from cqrs_cli.stores.contract import Store

GROUP = "cqrs.stores"
MEMORY = "memory"
SERVERS = ("postgresql", "postgres")
_FILES = ("sqlite", "file")
_TIMEOUT = "timeout="
_WHICH = "target_session_attrs="
Create = bool | Literal["lazily"]


class Opener(Protocol):
    """What an entry point names: opens the store behind a URL of its scheme. The parameters are those of `open_store`.

    Raises `StoreNotFound`, `Unavailable`, `Damaged`, or `ConfigurationError` for a URL or durability it can't use.
    """

    def __call__(self, url: str, *, create: Create, read_only: bool, durability: str | None) -> Store: ...


def open_store(
    url: str | os.PathLike[str],
    *,
    create: Create = False,
    read_only: bool = False,
    durability: str | None = None,
) -> Store:
    """The store behind a URL or path: `shop.db`, `sqlite:///var/lib/shop.db`, `memory:`, `postgresql://host/db`.

    create: make it when it is missing (else `NotFound`); "lazily": with the first write that succeeds, and
    until then it is an empty log; on a server `True` alone makes one. read_only: never write, not even a lock file.
    durability: `full` (default) or `relaxed`, recorded when the store is made.
    `memory:` is a store for tests, gone when it is closed; those that open `memory:NAME` in one process share it.
    Raises `ConfigurationError` for a scheme that no installed package knows.
    """
    scheme = _scheme_of(url) if isinstance(url, str) else None
    if isinstance(url, str) and scheme == MEMORY:
        from cqrs_cli.stores.sqlite.memory import MemoryStore

        return MemoryStore(url[len(MEMORY) + 1 :], create=create, read_only=read_only, durability=durability)
    if isinstance(url, str) and scheme in SERVERS:
        return _on_a_server(url, create=create, read_only=read_only, durability=durability)
    if isinstance(url, str) and scheme is not None and scheme not in _FILES:
        return _opener_of(url, scheme)(url, create=create, read_only=read_only, durability=durability)
    path = path_of(url) if isinstance(url, str) else os.fspath(url)
    if path is None:
        from cqrs_cli.stores.addresses import is_pairs, shown

        hint = "a path is understood, shop.db, or a URL: sqlite:shop.db, sqlite:///var/lib/shop.db"
        if is_pairs(os.fspath(url)):
            hint = "a server is named by a URL: postgresql://USER@HOST/DATABASE?schema=NAME"
        raise ConfigurationError(f"no store understands {shown(os.fspath(url))!r}", hint=hint)
    if path.endswith(os.sep):
        raise ConfigurationError(f"{url} is a folder by its name", code="configuration", store=path)
    from cqrs_cli.stores.sqlite.store import SQLiteStore

    return SQLiteStore(path, create=create, read_only=read_only, durability=durability)


def _on_a_server(url: str, *, create: Create, read_only: bool, durability: str | None) -> Store:
    from cqrs_cli.stores.postgres.driver import check_installed

    check_installed()
    from cqrs_cli.stores.postgres.store import PostgresStore

    return PostgresStore(url, create=create, read_only=read_only, durability=durability)


def _opener_of(url: str, scheme: str) -> Opener:
    from importlib.metadata import entry_points

    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if scheme not in found:
        from cqrs_cli.stores.addresses import shown

        known = sorted({*_FILES, MEMORY, *SERVERS, *found})
        raise ConfigurationError(
            f"no store understands {shown(url)!r}",
            hint=f"the schemes there are: {', '.join(known)}; a path is understood, too: shop.db, as in sqlite:shop.db",
            schemes=known,
        )
    try:
        opener: Opener = found[scheme].load()
    except Exception as error:
        raise ConfigurationError(
            f"the store for {scheme}: can't be loaded from {found[scheme].value}: {error}",
            hint="is its package installed as it should be?",
        ) from error
    return opener


def _scheme_of(url: str) -> str | None:
    """What stands before the colon; None for a path."""
    scheme, colon, _ = url.partition(":")
    # A drive's letter, or a colon further on.
    return scheme if colon and len(scheme) > 1 and "/" not in scheme else None


def of_primary(url: str) -> str:
    """The URL of a store on a server, read where it is written unless it says otherwise; any other as it is."""
    if _scheme_of(url) not in SERVERS or _WHICH in url.partition("?")[2]:
        return url
    return f"{url}{'&' if '?' in url else '?'}{_WHICH}read-write"


def impatient(url: str, seconds: int) -> str:
    """The URL of a store on a server, which is waited for no longer than so many seconds; any other as it is."""
    if _scheme_of(url) not in SERVERS:
        return url
    from urllib.parse import unquote

    from cqrs_cli.stores import timeouts

    base, _, query = url.partition("?")
    pairs = query.split("&") if query else []
    said = {number: unquote(pair[len(_TIMEOUT) :]) for number, pair in enumerate(pairs) if pair.startswith(_TIMEOUT)}
    for number, text in said.items():
        with suppress(Misuse):  # what it is not is said when the store is opened
            if timeouts.seconds(_TIMEOUT, text) > seconds:
                pairs[number] = f"{_TIMEOUT}{seconds}"
    return f"{base}?{'&'.join(pairs if said else [*pairs, f'{_TIMEOUT}{seconds}'])}"


def path_of(url: str) -> str | None:
    """The file of the store behind a URL or path; None if it is none in a file.

    Nor if it is a list of keywords of libpq's, `host=db password=…`, whose password would be the name of a file.
    `sqlite:shop.db` is relative, `sqlite:///var/shop.db` absolute; after two slashes alone would stand a host.
    """
    scheme = _scheme_of(url)
    if scheme is None:
        return None if _is_pairs(url) else url
    rest = url[len(scheme) + 1 :]
    if scheme not in _FILES or (rest.startswith("//") and not rest.startswith("///")):
        return None
    return "/" + rest.lstrip("/") if rest.startswith("/") else rest


def _is_pairs(text: str) -> bool:
    if "=" not in text:
        return False
    from cqrs_cli.stores.addresses import is_pairs

    return is_pairs(text)
