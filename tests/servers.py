"""Any test on a server: whatever store it opens in a folder of its own is a schema there, and the test does not know it.

`cqrs` in a process of its own, begun by `program()`, is told by three variables of the environment.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

from cqrs_cli.stores.contract import Store

_DSN, _FOLDER, _PREFIX = "TESTS_SERVER_DSN", "TESTS_SERVER_FOLDER", "TESTS_SERVER_PREFIX"


class OnServer(NamedTuple):
    """The stores in a folder are on a server. prefix: of their schemas, which are of one test."""

    dsn: str
    folder: str
    prefix: str

    @property
    def environ(self) -> dict[str, str]:
        """What tells a process of it."""
        return {_DSN: self.dsn, _FOLDER: self.folder, _PREFIX: self.prefix}

    def url(self, path: str) -> str | None:
        """The URL of the store that stands for a file in the folder; None for a file elsewhere."""
        within = os.path.relpath(os.path.realpath(path), os.path.realpath(self.folder))
        if within.startswith(os.pardir):
            return None
        schema = f"{self.prefix}_{hashlib.sha256(within.encode()).hexdigest()[:10]}"
        return f"{self.dsn}{'&' if '?' in self.dsn else '?'}schema={schema}&application_name={schema}"

    def remove(self) -> None:
        """Drop all schemas of the test."""
        import psycopg
        from psycopg.sql import SQL, Identifier

        with psycopg.connect(self.dsn, autocommit=True) as connection:
            like = self.prefix.replace("_", r"\_") + r"\_%"
            there = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", (like,)).fetchall()
            for (schema,) in there:
                connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))

    def opener(self, of_files: Any) -> Any:
        """What stands in the place of the class of stores in files."""
        from cqrs_cli.stores.postgres.store import PostgresStore

        def opened(path: str, *, create: Any = False, read_only: bool = False, durability: str | None = None) -> Store:
            url = self.url(path)
            if url is None:
                store: Store = of_files(path, create=create, read_only=read_only, durability=durability)
                return store
            # Who tests a command that makes a file with its first write has run `cqrs migrate` on a server.
            return PostgresStore(url, create=create is not False, read_only=read_only, durability=durability)

        return opened


def program() -> list[str]:
    """The words that begin `cqrs` in a process of its own, which finds its stores where the test does."""
    return [sys.executable, "-m", "tests.servers" if _DSN in os.environ else "cqrs_cli"]


def told(environ: Mapping[str, str]) -> dict[str, str]:
    """What of an environment tells a process where its stores are."""
    return {name: environ[name] for name in (_DSN, _FOLDER, _PREFIX) if name in environ}


def as_told() -> AbstractContextManager[None]:
    """While the stores of this process are where it was told."""
    words = told(os.environ)
    return in_force(OnServer(*words.values())) if words else nullcontext()


@contextmanager
def in_force(place: OnServer) -> Iterator[None]:
    """While stores in files are opened on the server; `open_store` imports their class when it wants one."""
    from cqrs_cli.stores.sqlite import memory
    from cqrs_cli.stores.sqlite import store as module
    from cqrs_cli.transfer import backup, fork

    _ = memory, backup, fork  # whoever asks for the class itself has it before
    names: dict[str, Any] = module.__dict__
    before = names["SQLiteStore"]
    names["SQLiteStore"] = place.opener(before)
    try:
        yield
    finally:
        names["SQLiteStore"] = before


if __name__ == "__main__":
    from cqrs_cli.__main__ import main

    with as_told():
        sys.exit(main())
