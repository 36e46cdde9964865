"""Stores: the contract, its values, and the stores that keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cqrs_cli.stores.registry import open_store as open_store


def __getattr__(name: str) -> Any:
    if name == "open_store":  # not imported before it is asked for: most parts of the package need no registry
        from cqrs_cli.stores.registry import open_store

        return open_store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
