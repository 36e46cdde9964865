"""Following the log: one thread looks, everybody hears.

A follower is a position and nothing more. New events are encoded once and kept in a ring; who is further behind than
the ring reaches reads pages of the store. So a slow reader costs no memory, and none is lost to it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from cqrs_cli import records
from cqrs_cli.errors import CqrsError, Passing
from cqrs_cli.http.benches import Benches
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench

RING = 4_096
PAGE = 500
KEEP_ALIVE = 15.0
AWAY = 1.0
"""Seconds before a store that is away is asked again for who follows."""
LOOK_AGAIN, LOOK_SELDOM = 0.05, 0.2
"""Seconds between two looks at a log that other processes may write to: while somebody follows, and while nobody does.
What this one writes is told at once.
"""

Encode = Callable[[Workbench, Mapping[str, Any]], str]
Wanted = Callable[[Recorded], bool]


class _Fresh(NamedTuple):
    """An event as it is sent."""

    position: int
    event: Recorded
    frame: bytes


class Tail:
    """The end of the log, as it grows. head: its position. followers: how many there are."""

    def __init__(
        self, benches: Benches, encode: Encode, lost: Callable[[CqrsError], object], keep_alive: float = KEEP_ALIVE
    ) -> None:
        """lost: is told, in the thread, that the store is another one by now. Nothing is followed any more then."""
        self._benches, self._encode, self._lost = benches, encode, lost
        self._ring: deque[_Fresh] = deque(maxlen=RING)
        self._loop, self._moved = asyncio.get_running_loop(), asyncio.Event()
        self._told, self._stop = threading.Event(), threading.Event()
        self.followers = self.sent = self._beats = 0
        self._keep_alive = keep_alive
        self._loop.call_later(keep_alive, self._beat)
        self._bench = benches.opened_to_read()
        self.head = self._looked_to = self._bench.store.head()
        self._thread = threading.Thread(target=self._run, name="cqrs-tail", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether followers are let go."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Let every follower go: a server that ends need not wait for them. From any thread, or a signal handler."""
        self._stop.set()
        self._told.set()
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Stop, and give the store back."""
        self.stop()
        self._thread.join()

    def told(self) -> None:
        """That the log has grown, by whoever made it grow."""
        self._told.set()

    def told_to(self, position: int) -> None:
        """The same in the loop, by who wrote up to there: while nobody follows there is nothing more to look for.

        On a server others may read from a standby, which is asked what it has.
        """
        if self.followers or self._benches.is_on_a_server:
            self._told.set()
        elif position > self.head:
            self._looked_to = position
            self._take([], position)

    async def moved(self, seconds: float | None = None) -> bool:
        """Wait until the head has moved, at most so long; whether it has."""
        try:
            await asyncio.wait_for(self._moved.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _run(self) -> None:
        with self._bench as bench:
            while not self._stop.is_set():
                self._told.wait(LOOK_AGAIN if self.followers else LOOK_SELDOM)
                self._told.clear()
                try:
                    self._looked_to = max(self._look(bench, self._looked_to), self._looked_to)
                except RuntimeError:  # the loop is closed
                    return
                except CqrsError as error:  # whoever asks the store hears of it; here it is tried again
                    if error.code == "replaced":
                        self._lost(error)
                        self.stop()
                        return
                    time.sleep(LOOK_AGAIN)

    def _look(self, bench: Workbench, position: int) -> int:
        """What came after a position, given to the followers; where the log ends now."""
        head = bench.store.head()
        if head <= position:
            return position
        fresh: list[_Fresh] = []
        if self.followers:
            wanted = Selection(after=max(position, head - RING), before=head + 1)
            fresh = [self._fresh(bench, event) for event in bench.store.read(wanted)]
        self._loop.call_soon_threadsafe(self._take, fresh, head)
        return head

    def _fresh(self, bench: Workbench, event: Recorded) -> _Fresh:
        text = self._encode(bench, records.event(event))
        return _Fresh(event.position, event, f"id: {event.position}\nevent: event\ndata: {text}\n\n".encode())

    def _take(self, fresh: list[_Fresh], head: int) -> None:
        if not fresh or (self._ring and self._ring[-1].position + 1 != fresh[0].position):
            self._ring.clear()  # nobody followed for a while
        self._ring.extend(fresh)
        self.head = max(self.head, head)
        self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def _beat(self) -> None:
        """Wake all who follow: one timer for them, and not a timer of each for each event."""
        if self.is_over:
            return
        self._beats += 1
        self._loop.call_later(self._keep_alive, self._beat)
        self._wake()

    def admit(self) -> None:
        """Raise `Passing` (`busy`) if too many follow already."""
        if self.followers >= self._benches.options.followers:
            raise Passing(f"{self.followers} follow the log already", code="busy", hint="try again later")

    async def follow(self, after: int, selection: Selection, wanted: Wanted | None) -> AsyncIterator[bytes]:
        """Frames of the events after a position, for ever; a comment now and then, so that nobody takes it for dead."""
        self.followers += 1
        self.told()  # that it looks often, from now on
        try:
            yield b"retry: 1000\n: follows from @%d\n\n" % after
            position, beats = after, self._beats
            while not self._stop.is_set():
                moved = self._moved
                if self.head > position:
                    try:
                        frames, position = await self._next(position, selection, wanted)
                    except Passing:
                        yield b": waits for the store\n\n"
                        await asyncio.sleep(AWAY)
                        continue
                    if frames:
                        self.sent += len(frames)
                        yield b"".join(frames)
                elif beats != self._beats:
                    beats = self._beats
                    yield b": still here, @%d\n\n" % position
                else:
                    await moved.wait()
        finally:
            self.followers -= 1

    async def _next(self, position: int, selection: Selection, wanted: Wanted | None) -> tuple[list[bytes], int]:
        """What comes after a position, from the ring or from the store, and how far that goes."""
        head = self.head
        if self._ring and self._ring[0].position <= position + 1 and self._ring[-1].position >= head:
            found: list[bytes] = []
            for one in reversed(self._ring):
                if one.position <= position:
                    break
                if wanted is None or wanted(one.event):
                    found.append(one.frame)
            return found[::-1], head

        def page(bench: Workbench) -> tuple[list[bytes], int]:
            part = selection._replace(after=max(position, selection.after), before=head + 1, limit=PAGE)
            read = list(bench.store.read(part))
            frames = [self._fresh(bench, event).frame for event in read if wanted is None or wanted(event)]
            return frames, read[-1].position if len(read) == PAGE else head

        return await self._benches.read(page)
