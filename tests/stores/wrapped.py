"""A store from outside: it has SQLite's, and hands everything on. Found by its scheme, `wrapped:`."""

from collections.abc import Callable, Mapping
from typing import Any

from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import Create
from cqrs_cli.stores.sqlite.store import SQLiteStore


class WrappedStore:
    """Delegates to a `SQLiteStore`."""

    def __init__(self, url: str, inner: SQLiteStore) -> None:
        self.url = url
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def clock(self) -> Callable[[], int]:
        return self._inner.clock

    @clock.setter
    def clock(self, clock: Callable[[], int]) -> None:
        self._inner.clock = clock

    def describe(self) -> Mapping[str, Any]:
        return {**self._inner.describe(), "kind": "wrapped"}

    def __enter__(self) -> "WrappedStore":
        return self

    def __exit__(self, *exc: object) -> None:
        self._inner.close()


def open_wrapped(url: str, *, create: Create, read_only: bool, durability: str | None) -> Store:
    path = url.removeprefix("wrapped:")
    return WrappedStore(url, SQLiteStore(path, create=create, read_only=read_only, durability=durability))  # pyright: ignore[reportReturnType]
