"""A store in memory, for tests: the SQLite store in a folder of this process, which goes when the last one closes it.

The folder is in memory where the system has such a place. So it is the very store that a file would be, with readers
beside a writer and threads that share it: SQLite's own databases in memory keep readers out while somebody writes.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from shutil import rmtree
from typing import Any, Literal
from uuid import uuid4

from cqrs_cli.passing import passed, passing
from cqrs_cli.stores.sqlite.errors import missing
from cqrs_cli.stores.sqlite.store import SQLiteStore

IN_MEMORY = "/dev/shm"


class _Place:
    """The folder of one name. users: how many stores are open on it. owner: the process that made it."""

    def __init__(self) -> None:
        in_memory = os.path.isdir(IN_MEMORY) and os.access(IN_MEMORY, os.W_OK)
        self.folder = tempfile.mkdtemp(prefix="cqrs-memory-", dir=IN_MEMORY if in_memory else None)
        passing(self.folder)  # what is killed would keep the memory else
        self.users, self.owner = 0, os.getpid()

    def remove(self) -> None:
        if self.owner == os.getpid():  # a child of a fork leaves its parent's alone
            rmtree(self.folder, ignore_errors=True)
            passed(self.folder)


_guard = threading.Lock()
_places: dict[str, _Place] = {}


class MemoryStore(SQLiteStore):
    """A `Store` that is gone when it is closed. All that open one name in this process share a log.

    name: empty for a log that nobody else can open.
    """

    def __init__(
        self,
        name: str,
        *,
        create: bool | Literal["lazily"] = False,
        read_only: bool = False,
        durability: str | None = None,
    ) -> None:
        """As `SQLiteStore`. durability: as a test may ask for it; nothing outlives the process."""
        self._place: str | None = None
        key, url = name or uuid4().hex, "memory:" + name
        with _guard:
            if key not in _places and (not create or read_only):
                raise missing(url)
            if key not in _places:
                _places[key] = _Place()
            place = _places[key]
            place.users += 1
            self._place = key
        try:
            super().__init__(
                os.path.join(place.folder, "log.db"), create=create, read_only=read_only, durability=durability
            )
        except BaseException:
            self._leave()
            raise
        self.url = url

    def describe(self) -> dict[str, Any]:
        """As the SQLite store's, with a kind of its own."""
        return {**super().describe(), "kind": "memory"}

    def close(self) -> None:
        """Close it; the last one that does takes the log away. Closing twice is harmless."""
        try:
            super().close()
        finally:
            self._leave()

    def _leave(self) -> None:
        with _guard:
            key, self._place = self._place, None
            if key is None:
                return
            place = _places[key]
            place.users -= 1
            if place.users == 0:
                del _places[key]
                place.remove()


@atexit.register
def _remove_all() -> None:
    """What a program that ends has not closed."""
    for place in _places.values():
        place.remove()
