"""Waiting for a commit: a connection of its own listens; where that can't be, the log is looked at again and again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from cqrs_cli.stores.postgres.connection import Connection
from cqrs_cli.stores.postgres.link import Link, leave_to_parent
from cqrs_cli.stores.postgres.schema import WAITING, channel

_LONGEST = 1.0
"""Seconds after which the head is looked at whatever was heard: a network may swallow what was told."""


class Waiter:
    """One thread of a process at a time listens, the others look."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turn = threading.Lock()
        self._connection: Connection | None = None
        self._hears = True
        self._process = os.getpid()

    def wait(self, head: Callable[[], int], after: int, timeout: float) -> bool:
        """Until the head is past a position: True; False when `timeout` seconds are over."""
        if self._process != os.getpid():
            self._after_fork()
        end = time.monotonic() + timeout
        if head() > after:
            return True
        if timeout <= 0:
            return False
        listens = self._turn.acquire(False)
        try:
            while True:
                hears = listens and self._listen()
                if head() > after:  # after we listen, so that nothing comes in between
                    return True
                left = end - time.monotonic()
                if left <= 0:
                    return False
                if hears:
                    self._hear(min(left, _LONGEST))
                else:
                    time.sleep(min(left, self._link.limits.poll))
        finally:
            if listens:
                self._turn.release()

    def _listen(self) -> bool:
        """Whether the server tells this process of commits: not a standby, and not through a pooler."""
        if self._connection is not None and not self._connection.is_lost:
            return True
        self.close()
        if not self._hears:
            return False
        events = f"'{self._link.s}.events'::regclass::oid::int"
        try:
            connection = self._connection = self._link.dial()
            here, standby = connection.run("SELECT pg_backend_pid(), pg_is_in_recovery()").fetchall()[0]
            self._hears = here == connection.info.backend_pid and not standby
            if self._hears:
                connection.run(f'LISTEN "{channel(self._link.schema)}"')
                # Appends tell of themselves only while somebody has this lock.
                connection.run(f"SELECT pg_advisory_lock_shared({WAITING}, {events})")
        except psycopg.Error:
            self.close()  # looking at the head tells what is wrong
            return False
        if not self._hears:
            self.close()
        return self._hears

    def _hear(self, seconds: float) -> None:
        connection = self._connection
        assert connection is not None
        try:
            for _ in connection.notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.Error:
            self.close()

    def _after_fork(self) -> None:
        if self._connection is not None:
            leave_to_parent(self._connection)
        self._turn, self._connection, self._process = threading.Lock(), None, os.getpid()

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()
