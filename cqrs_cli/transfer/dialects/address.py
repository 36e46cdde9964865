"""Where a log of another store is: a path, or a URL whose scheme may name the dialect."""

from __future__ import annotations

from typing import Literal, NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.addresses import shown
from cqrs_cli.stores.registry import path_of

Kind = Literal["sqlite", "postgresql", "umadb"]


class Address(NamedTuple):
    """dialect: as the scheme names it, before a plus; None: to be seen. where: a path, or a URL for the driver."""

    kind: Kind
    where: str
    dialect: str | None = None


def parse_address(text: str) -> Address:
    """`shop.db`, `pyeventsourcing+sqlite:///var/shop.db`, `emmett+postgresql://shop@db/shop`, `umadb://localhost:50051`.

    Raises `Misuse` (`no-source`) for another scheme.
    """
    scheme, colon, rest = text.partition(":")
    dialect, plus, inner = scheme.rpartition("+")
    if not colon or len(scheme) < 2 or "/" in scheme:
        return Address("sqlite", text)
    if not plus:
        inner = scheme
    name = dialect or None
    if inner in ("sqlite", "file"):
        path = path_of(f"{inner}:{rest}")
        if path:
            return Address("sqlite", path, name)
    elif inner in ("postgresql", "postgres"):
        return Address("postgresql", f"postgresql:{rest}", name)
    elif inner == "umadb":
        return Address("umadb", f"http:{rest}", name)
    elif dialect == "umadb" and inner in ("http", "https", "grpc", "grpcs"):
        return Address("umadb", f"{inner}:{rest}", "umadb")
    raise Misuse(
        f"{shown(text)} is no address of a log that is known",
        hint="the path of an SQLite file, or sqlite:PATH, postgresql://USER@HOST/DATABASE, umadb://HOST:PORT; "
        "with the dialect before it, if it should be said: emmett+postgresql://…",
        code="no-source",
    )
