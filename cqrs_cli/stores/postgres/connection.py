"""One connection to a server: what is sent in one trip, how long it waits, and whose error an error is.

Nothing is set on a session, no statement is prepared: behind a pooler the next statement may run on another one.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
from psycopg.pq import TransactionStatus

Row = tuple[Any, ...]
_SYNCS = 3
"""Syncs after which the answers to all that was sent have been read, errors and all."""

Refused = Callable[[psycopg.Error], BaseException]
"""What is raised for an error of the server about one statement."""


class _Silent(psycopg.OperationalError):
    """The server does not answer who knocks, either."""


class Connection(psycopg.Connection[Row]):
    """patience: seconds to wait for an answer, if not as long as the server lives. warned: whether it gave a warning.

    silence: seconds without an answer after which `is_alive` is asked, again and again: a server whose processes stand
    still keeps its sockets open, and nothing of the network tells of it.

    used: when it was made or given back, by the monotonic clock.

    Inside of `piped` statements wait to be asked for together: `later` sends one, `run` sends one and waits for the
    answers to all, which is one trip. Each statement's error is raised as that statement's, whenever it comes.
    """

    patience: float | None = None
    silence = 15.0
    warned = False
    used = 0.0
    is_alive: Callable[[], bool] | None = None
    _pipe: psycopg.Pipeline | None = None
    _in_chunks = False  # as libpq still thinks after a streamed result, of the first statement of a pipeline
    _owed: list[tuple[psycopg.Cursor[Row], Refused | None]]

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        began, patience = time.monotonic(), self.patience if timeout is None else timeout
        try:
            return super().wait(gen if patience else self._watched(gen), interval, patience)
        except psycopg.OperationalError as error:
            is_over = timeout is None and patience is not None and time.monotonic() - began >= patience
            if (is_over or isinstance(error, _Silent)) and error.sqlstate is None:
                self.pgconn.finish()  # whatever comes now would be taken for the answer to the next question
                raise psycopg.OperationalError("no answer from the server") from None
            raise

    def _watched(self, gen: Any) -> Generator[Any, Any, Any]:
        """The same steps; between two of them, after a long silence, it is asked whether the server lives."""
        heard = time.monotonic()
        try:
            step = next(gen)
            while True:
                ready = yield step
                if ready:
                    heard = time.monotonic()
                elif self.is_alive is not None and time.monotonic() - heard > self.silence:
                    if not self.is_alive():
                        raise _Silent
                    heard = time.monotonic()
                step = gen.send(ready)
        except StopIteration as end:
            return end.value

    def note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        """Remember a warning: during a commit it says that a standby was not waited for."""
        self.warned = self.warned or diagnostic.severity_nonlocalized == "WARNING"

    @contextmanager
    def piped(self) -> Iterator[None]:
        """Statements share trips until the end, which is the last one: what was sent `later` is answered there."""
        if self._pipe is not None or not psycopg.Pipeline.is_supported():  # an old libpq: a trip for each statement
            yield
            self.settle()
            return
        if self._in_chunks:
            self.run("")
        failure: BaseException | None = None
        try:
            with self.pipeline() as pipe:
                self._pipe, self._owed = pipe, []
                try:
                    yield
                except BaseException as error:  # psycopg would log what it finds then, and that is on the terminal
                    failure = error
                finally:
                    self._pipe = None
        except psycopg.Error as error:
            if failure is None:
                self._blame(error)
        if failure is not None:
            raise failure

    def run(self, sql: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Row]:
        """One statement, whose `%b` are values; results are binary, so that no setting of the session shapes them."""
        if self._pipe is None:
            self._in_chunks = False
            return self.execute(sql.encode(), values, binary=True)
        cursor = self._sent(sql, values, None)
        self.settle()
        return cursor

    def streamed(self, sql: str, values: Sequence[Any]) -> Generator[Row, None, None]:
        """The rows of one statement, a thousand at a time."""
        with self.cursor() as cursor:
            self._in_chunks = True
            yield from cursor.stream(sql.encode(), values, binary=True, size=1000)

    def later(self, sql: str, values: Sequence[Any] = (), refused: Refused | None = None) -> psycopg.Cursor[Row]:
        """One statement whose answer is not waited for. refused: the error for what the server has against it."""
        if self._pipe is not None:
            return self._sent(sql, values, refused)
        try:
            return self.execute(sql.encode(), values, binary=True)
        except psycopg.Error as error:
            if refused is None:
                raise
            raise refused(error) from error

    def _sent(self, sql: str, values: Sequence[Any], refused: Refused | None) -> psycopg.Cursor[Row]:
        cursor = self.cursor(binary=True)
        owed = (cursor, refused)
        try:
            cursor.execute(sql.encode(), values)
        except psycopg.Error as error:  # of this one's values, or of one before
            self._recover(error)
        self._owed.append(owed)
        return cursor

    def settle(self) -> None:
        """Wait for the answers to all that was sent. Raises the error of the first statement that has one."""
        if self._pipe is None or not self._owed:
            return
        try:
            self._pipe.sync()
        except psycopg.Error as error:
            self._recover(error)
        self._owed = []

    def _recover(self, error: psycopg.Error) -> NoReturn:
        """Raise the error as that of its statement, with the pipeline ready for the next one."""
        assert self._pipe is not None
        for _ in range(_SYNCS):
            if self.is_lost:
                break
            try:
                self._pipe.sync()
                break
            except psycopg.Error:  # what came behind was not run
                continue
        self._blame(error)

    def _blame(self, error: psycopg.Error) -> NoReturn:
        """Raise the error as that of the first statement that has no answer; as it is if the connection is lost."""
        owed, self._owed = self._owed, []
        while isinstance(error, psycopg.errors.PipelineAborted) and isinstance(error.__context__, psycopg.Error):
            error = error.__context__
        refused = next((refused for cursor, refused in owed if cursor.pgresult is None), None)
        if refused is None or self.is_lost:
            raise error
        raise refused(error) from error

    @property
    def is_stale(self) -> bool:
        """Whether the server has hung up while nobody used it: what it said last lies there, and the end of it."""
        try:
            while not self.is_lost and _is_readable(self.fileno()):
                self.pgconn.consume_input()
        except psycopg.Error:
            return True
        return self.is_lost

    @property
    def is_lost(self) -> bool:
        return self.closed or self.broken

    @property
    def is_idle(self) -> bool:
        return not self.is_lost and self.info.transaction_status == TransactionStatus.IDLE


def _is_readable(file: int) -> bool:
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))
