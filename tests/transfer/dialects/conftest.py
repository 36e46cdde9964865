"""A PostgreSQL server of this folder's own, and for each test a database in it, as other stores have one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def server(server_for_roles: Callable[[str], str]) -> str:
    """The URL of a server on which databases and roles may be made."""
    return server_for_roles("postgres")


@pytest.fixture
def postgres(server: str) -> Iterator[str]:
    """The URL of an empty database."""
    psycopg: Any = pytest.importorskip("psycopg")
    name = f"t_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def session(postgres: str) -> Iterator[Any]:
    """A session in that database, each statement its own transaction."""
    psycopg: Any = pytest.importorskip("psycopg")
    with psycopg.connect(postgres, autocommit=True) as connection:
        yield connection
