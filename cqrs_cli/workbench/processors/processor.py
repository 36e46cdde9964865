"""A processor: a handler of events, and how far it has come along the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.processors.definitions import adopting, made_also_by
from cqrs_cli.workbench.processors.handler import Handler, Poisoned, Writes
from cqrs_cli.workbench.processors.status import Code, Whereabouts


class Processor:
    """A handler, and how far it has come.

    checkpoint: as the store has it. position: reached in fact, past the checkpoint if no event was for it since.
    goal: where it stops; None: at the head of the log. skips: what it passes over.
    stopped: a stop is on record, to be cleared when it goes on. taken: how many events it has taken in for good.
    """

    def __init__(self, handler: Handler, code: Code, found: Whereabouts, goal: Callable[[], int] | None = None) -> None:
        assert found.checkpoint is not None, "it was begun"
        self.handler, self.code, self.goal = handler, code, goal
        self.skips, self.stopped, self.taken = {skip.position for skip in found.skips}, found.stop is not None, 0
        self.stands_at(found.checkpoint)

    @property
    def name(self) -> str:
        """The name of its checkpoint."""
        return self.checkpoint.name

    def stands_at(self, checkpoint: Checkpoint) -> None:
        """Take up from a checkpoint, whatever was in between."""
        self.handler.forget()
        self.checkpoint, self.position = checkpoint, checkpoint.position
        self._gathered = 0

    def moved_to(self, position: int, took_in: bool) -> Checkpoint:
        """Its checkpoint further along. took_in: rows change with it, by today's code."""
        definition = adopting(self.checkpoint.definition, self.code.definition)
        if took_in:
            definition = made_also_by(definition, self.code.definition)
        return self.checkpoint._replace(position=position, definition=definition)

    def takes_up(self, found: Whereabouts) -> bool:
        """Whether it can go on with what it has cached, as the store is now."""
        self.stopped = found.stop is not None
        return found.checkpoint == self.checkpoint and self.skips == {skip.position for skip in found.skips}

    def gather(self, events: Sequence[Any]) -> None:
        """Let the handler take events in. Raises `Poisoned`."""
        with self._blamed():
            self.handler.gather(events)
        self._gathered += len(events)

    def writes(self) -> Writes:
        """What the handler wants written. Raises `Poisoned`, or an error of no one event."""
        with self._blamed():
            return self.handler.writes()

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except Poisoned as fault:
            fault.processor = self.name
            raise

    def reached(self, position: int) -> None:
        """All that was gathered is written, or needs no writing."""
        self.position, self.taken, self._gathered = position, self.taken + self._gathered, 0

    def own(self, events: Sequence[Any]) -> Sequence[Any]:
        """Those of the events that are for it."""
        types, skips = self.handler.types, self.skips
        return [event for event in events if event[3] in types and event[0] not in skips]
