"""The HTTP face: a domain and a store for programs, beside the shell and with the same words.

    app = create_app("shop.db", domain)                          # an ASGI application of its own
    mine.include_router(router("shop.db", domain), prefix="/shop")   # inside a FastAPI application of yours

It wants the extra `cqrs-cli[http]`; nothing else of the package imports this room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cqrs_cli.http.app import create_app, router
    from cqrs_cli.http.identity import Identity
    from cqrs_cli.http.options import Options

__all__ = ["Identity", "Options", "create_app", "router"]

_PLACES = {
    "Identity": "cqrs_cli.http.identity",
    "Options": "cqrs_cli.http.options",
    "create_app": "cqrs_cli.http.app",
    "router": "cqrs_cli.http.app",
}


def __getattr__(name: str) -> Any:
    """What is public, imported when first asked for. Raises `ConfigurationError` (`no-http`) without the extra."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from cqrs_cli.http.extra import check_installed

    check_installed()
    return getattr(import_module(place), name)
