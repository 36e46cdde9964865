"""Sending a command: load the aggregate, decide, append."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from cqrs_cli.domain.decision import Decided, Target, decide
from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CommandReused, Conflict, CqrsError, StoreFailed
from cqrs_cli.log.ends import check_ends
from cqrs_cli.stores.commits import SentCommand
from cqrs_cli.stores.contract import Inline
from cqrs_cli.workbench.aggregates import Aggregates
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.outcome import Expect, Outcome, committed, unchanged
from cqrs_cli.workbench.processors.inline import InlineProjections

_PAUSE = 0.05
"""The longest rest, in seconds, of who was outrun so often that others should finish first."""


class Sender:
    """Sends the commands of a domain to a store."""

    def __init__(self, engine: Engine, aggregates: Aggregates, inline: InlineProjections) -> None:
        self.engine, self.aggregates, self._inline = engine, aggregates, inline
        self._store, self.codec, self.service = engine.store, engine.codec, engine.services
        self._is_whole = False

    def inline_hook(self) -> Inline | None:
        """What every append of this domain runs in its transaction. Raises what `check_whole` does."""
        self.check_whole()
        return self._inline.hook()

    def check_whole(self) -> None:
        """Raise `Damaged` if the end of the log is gone: somebody would pass over what comes. It is asked once."""
        if not self._is_whole:
            check_ends(self._store, self._store.rows.checkpoints())
            self._is_whole = True

    def send(self, command: Command, expect: Expect = None) -> Outcome:
        """Decide and append, durably. Raises `Rejected`, `NotFound`, `Conflict`, `CommandReused`, `DomainFailed` …

        Without `expect`, somebody else's append in between is solved by loading and deciding again.
        """
        sent, meta = self.codec.sent(command), command.meta
        id_is_new, meta.id_is_new = meta.id_is_new, False
        known = None if id_is_new else self.honoured(command, sent)
        if known is not None:
            return known
        target = self.aggregates.target_of(command)
        if target.made:  # nobody can have written to a stream of that name
            return self._append(command, sent, target, expect, None)
        with self._store.turn(target.stream) as is_outrun:
            cached = self.aggregates.cached.take(target.stream) or target.assumed()
            if is_outrun and cached is not None and cached.version != self._store.version(target.stream):
                cached = None  # whoever had the turn has most likely appended
            return self._append(command, sent, target, expect, cached)

    def _append(
        self, command: Command, sent: SentCommand, target: Target, expect: Expect, cached: State[Any] | None
    ) -> Outcome:
        """Decide and append, anew whenever somebody else appended to the stream in between."""
        aggregates, state = self.aggregates, target.empty() if target.made else None
        conflicts = 0
        for _ in self._tries():
            try:
                if state is not None:
                    decided = self.decide(command, sent, target, expect, state)
                else:
                    decided = self.decide_on_cached(command, sent, target, expect, cached)
            except CqrsError as error:
                return self.honoured_meanwhile(command, sent, error)
            state = cached = None
            if decided.commit is None:
                return self.honoured(command, sent) or unchanged(decided)
            try:
                receipt = self._store.append(decided.commit, decided.conditions, self.inline_hook())
            except CommandReused as error:
                return self.honoured_meanwhile(command, sent, error)
            except Conflict as error:
                if expect is not None:
                    raise
                conflicts += 1
                if conflicts >= self.engine.limits.tries and "actual" not in error.details:
                    break  # nobody came to an end meanwhile, so far as it is told
                target = self.aggregates.called(target)
                continue
            if not receipt.duplicate:
                aggregates.cached.put(decided)
                aggregates.take_snapshots((decided,))
            return committed(decided, receipt, self.engine.domain.envelope)
        raise Conflict(
            f"{target.stream} changed {conflicts} times while {sent.type} was being decided",
            hint="send it again when there is less traffic",
        )

    def _tries(self) -> Iterator[None]:
        """As many as the limits say, and then on for a while, with rests: not every store gives everybody a turn."""
        yield from repeat(None, self.engine.limits.tries)
        end = time.monotonic() + self.engine.limits.outrun_seconds
        while time.monotonic() < end:
            time.sleep(random.uniform(0, _PAUSE))
            yield

    def honoured(self, command: Command, sent: SentCommand) -> Outcome | None:
        """The first answer, if the log has this command id. Raises `CommandReused` if it was another command's."""
        command_id = command.meta.command_id
        recorded = self._store.commit(command_id)
        if recorded is None:
            return None
        if recorded.command is None or not self.codec.is_same(command, sent, recorded.command):
            names = (sent.type, *type(command).stored.aliases)
            was = recorded.command.type if recorded.command is not None else "an import"
            other = " with other fields" if was in names else ""
            raise CommandReused(
                f"the command id {command_id} was used before, for {was}{other}",
                command_id=command_id,
            )
        first = recorded.events[0]
        events = tuple(map(self.engine.domain.envelope, recorded.events))
        return Outcome("duplicate", sent.type, command_id, events, first.stream, first.version - 1)

    def honoured_meanwhile(self, command: Command, sent: SentCommand, error: CqrsError) -> Outcome:
        """The first answer, if the same command came through beside this one and made it fail; else raises `error`."""
        if isinstance(error, StoreFailed):
            raise error
        known = self.honoured(command, sent)
        if known is None:
            raise error
        return known

    def decide(
        self,
        command: Command,
        sent: SentCommand,
        target: Target,
        expect: Expect = None,
        state: State[Any] | None = None,
    ) -> Decided:
        """Decide without writing. state: the aggregate of the stream, if it is at hand; it is given away."""
        fold = self.aggregates.fold_of(target.aggregate)
        if state is None:
            state = self.aggregates.snapshots.load(fold, target.stream)
        before = state.version
        if expect is not None and before != (0 if expect == "new" else expect):
            stream = target.stream
            message = f"{stream} is at version {before}, expected {expect}"
            raise Conflict(message, stream=stream, actual=before, expected=expect)
        return decide(fold, target, state, command, sent, self.service)

    def decide_on_cached(
        self, command: Command, sent: SentCommand, target: Target, expect: Expect, cached: State[Any] | None
    ) -> Decided:
        """The decision on a state of an earlier command. One that comes to nothing counts on the newest state only.

        One with events needs no look at the log: its append has the version as a condition.
        """
        if cached is None:
            return self.decide(command, sent, target, expect)
        version = cached.version
        try:
            decided = self.decide(command, sent, target, expect, cached)
        except CqrsError:
            if self._store.version(target.stream) == version:
                raise
        else:
            if decided.commit is not None or self._store.version(target.stream) == version:
                return decided
        return self.decide(command, sent, target, expect)
