"""Reactions: where they stand, how they begin, and what of them is brought along the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.domain.row_model import stored_names
from cqrs_cli.errors import Conflict
from cqrs_cli.log import outbox
from cqrs_cli.log.letters import count_letters
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.engine import Clock
from cqrs_cli.workbench.processors.definitions import (
    NO_ROWS,
    adopting,
    answered,
    answering_again,
    is_unbuilt,
    unbuilt,
)
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.projections import Projector
from cqrs_cli.workbench.processors.reaction_handler import ReactionHandler
from cqrs_cli.workbench.processors.rebuild import Rebuild
from cqrs_cli.workbench.processors.status import Code, Kind, ProcessorStatus, Whereabouts, code_of, status_of
from cqrs_cli.workbench.processors.taken_in import learnt, lost, question


class Reactor:
    """The reactions of a domain, as processors. Commands are not sent here: they end in the outbox.

    clock: from which deadlines count, where the log ran ahead of it.
    """

    def __init__(self, projector: Projector, clock: Clock) -> None:
        self.projector, self._engine, self._store = (
            projector,
            projector.engine._replace(clock=clock),
            projector.engine.store,
        )
        self._code: dict[str, Code] = {}

    def status(self, reaction: ReactionType) -> ProcessorStatus:
        """Where a reaction stands, without moving it."""
        rows, name = self._store.rows, reaction.name
        kind: Kind = "process" if reaction.rows else "policy"
        found = status_of(self._store, name, kind, reaction.rows, self._code_of(reaction).definition)
        if found.status == "new":
            return found
        checkpoint = rows.checkpoint(name)
        if checkpoint is not None and is_unbuilt(checkpoint.definition):
            found = found._replace(status="new", reason=None)
        waiting, deadlines = outbox.counts(rows, name)
        return found._replace(waiting=waiting, deadlines=deadlines, failed=count_letters(rows, name))

    def _code_of(self, reaction: ReactionType) -> Code:
        if reaction.name not in self._code:
            rows = json.loads(reaction.rows.definition) if reaction.rows else {**NO_ROWS, "domain": reaction.domain}
            definition = json.dumps({**rows, "answers": sorted(stored_names(reaction.reactors))})
            self._code[reaction.name] = code_of(self._store, reaction.rows, definition, reaction.rows is None)
        return self._code[reaction.name]

    def begin(self, position: int, known: Mapping[str, Whereabouts]) -> dict[str, Whereabouts]:
        """Let reactions that never ran answer the events after `position`; where these stand now."""
        new = [reaction for name, reaction in self._engine.domain.reactions.items() if known[name].checkpoint is None]
        begun: dict[str, Whereabouts] = {}
        if new:
            with self._store.transaction() as rows:
                for reaction in new:
                    # Settled at once, so that nothing is missed if the fold up to there is interrupted.
                    definition = self._code_of(reaction).definition
                    definition = unbuilt(definition) if reaction.rows else definition
                    checkpoint = rows.checkpoint(reaction.name)
                    if checkpoint is None:
                        checkpoint = Checkpoint(reaction.name, position, definition)
                        rows.move(reaction.name, None, checkpoint)
                    begun[reaction.name] = Whereabouts(checkpoint)
        return begun

    def live(self, reaction: ReactionType, found: Whereabouts, progress: Progress | None = None) -> Processor:
        """The reaction, to be brought along the log. Raises `NeedsRebuild`, and what `Rebuild.run` does."""
        checkpoint, code = found.checkpoint, self._code_of(reaction)
        while checkpoint is not None and is_unbuilt(checkpoint.definition) and reaction.rows is not None:
            if (asked := question(self._store, checkpoint, code.definition)) is not None:
                raise asked
            with suppress(Conflict):  # another runner is at it, or done
                Rebuild(self.projector, [reaction.rows]).run(progress)
            checkpoint = self._store.rows.checkpoint(reaction.name) or checkpoint
        assert checkpoint is not None, "it was begun"
        checkpoint = self.projector.adopted(code, checkpoint)
        handler = ReactionHandler(self._engine, reaction, answered(checkpoint.definition))
        return Processor(handler, code, found._replace(checkpoint=checkpoint))

    def asks(self, known: Mapping[str, Whereabouts]) -> bool:
        """Whether any reaction must be told first what to do with what it missed."""
        return any(
            checkpoint is not None and question(self._store, checkpoint, self._code_of(reaction).definition) is not None
            for name, reaction in self._engine.domain.reactions.items()
            for checkpoint in [known[name].checkpoint]
        )

    def answer(self, position: int, known: Mapping[str, Whereabouts]) -> dict[str, Whereabouts]:
        """Let reactions that ask what to do with what they missed answer what of it came after `position`.

        What they answered already is not answered again. One that was moved by code that answers more goes on with
        this code only if the position is where it stands, or later: a start that is always given is not meant.
        """
        told: dict[str, Whereabouts] = {}
        for name, reaction in self._engine.domain.reactions.items():
            checkpoint, code = known[name].checkpoint, self._code_of(reaction)
            if checkpoint is None or question(self._store, checkpoint, code.definition) is None:
                continue
            at, missed = checkpoint.position, learnt(self._store, checkpoint, code.definition, "answers")
            if lost(self._store, checkpoint, code.definition, "answers") and position < max(at, 1):
                continue
            new = adopting(checkpoint.definition, code.definition)
            if any(missed.values()) and position < at:
                new = answering_again(checkpoint.definition, frozenset(missed), at, reaction.rows is not None)
            moved = Checkpoint(name, min(position, at), new)
            with suppress(Conflict), self._store.transaction() as rows:  # another runner was told too
                rows.move(name, checkpoint, moved)
            told[name] = known[name]._replace(checkpoint=self._store.rows.checkpoint(name))
        return told
