"""What goes on while nobody asks: read models are kept at the head, and reactions run if that is wanted."""

from __future__ import annotations

import asyncio
import threading

from cqrs_cli.errors import CqrsError, Passing
from cqrs_cli.http.face import Face
from cqrs_cli.http.problems import LOG

AFTER = 0.1
"""Seconds after a commit in which others may follow that are taken in together."""
PAUSE = 1.0
"""Seconds before something is tried again that failed."""


async def keep_up(face: Face) -> None:
    """Bring the read models up to date soon after the log has grown, so that queries need not wait for it."""
    reactions = Reactions(face) if face.options.run else None
    if reactions is not None:
        reactions.start()
    noted: str | None = None
    try:
        while not face.tail.is_over:
            try:
                await face.benches.catch_up()
            except CqrsError as error:  # busy, locked …: a query says it
                if noted != error.code:  # once, not every second for as long as a server is away
                    LOG.warning("read models were not brought up to date: %s", error.message)
                noted = error.code
                await asyncio.sleep(PAUSE)
                continue
            noted = None
            await face.tail.moved()
            await asyncio.sleep(AFTER)
    finally:
        if reactions is not None:
            await asyncio.shield(asyncio.to_thread(reactions.stop))


class Reactions:
    """The runner, in a thread and on a workbench of its own."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cqrs-reactions", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once what is being answered is finished."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with self._face.benches.opened_to_operate() as bench:
                    bench.runner(stop=self._over.is_set).run(lambda _: self._face.tail.told())
            except Passing as error:
                LOG.warning("reactions wait: %s", error.message)
            except CqrsError as error:
                LOG.error("reactions do not run: %s", error.message)
            except Exception as error:
                LOG.error("reactions do not run", exc_info=error)
            self._over.wait(PAUSE)
