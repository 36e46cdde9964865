"""Reactions: where they stand, how they begin, and what of them is brought along the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.domain.row_model import of_domain
from cqrs_cli.errors import Conflict
from cqrs_cli.log import outbox
from cqrs_cli.log.letters import letters
from cqrs_cli.stores.rows import Checkpoint, Where
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.projections import Projector
from cqrs_cli.workbench.processors.reaction_handler import ReactionHandler
from cqrs_cli.workbench.processors.rebuild import Rebuild
from cqrs_cli.workbench.processors.status import ProcessorStatus, Whereabouts, refuse_outdated, status_of

_NO_ROWS = json.dumps({"version": 1, "key": [], "columns": [], "unique": [], "indexes": [], "source": ""})
_UNBUILT = json.dumps({"version": 0, "key": [], "columns": [], "unique": [], "indexes": [], "source": ""})
"""Of a process manager whose place in the log is settled, but whose rows up to there are not folded yet."""


class Reactor:
    """The reactions of a domain, as processors. Commands are not sent here: they end in the outbox."""

    def __init__(self, projector: Projector) -> None:
        self.projector, self._engine, self._store = projector, projector.engine, projector.engine.store

    def status(self, reaction: ReactionType) -> ProcessorStatus:
        """Where a reaction stands, without moving it."""
        rows, name = self._store.rows, reaction.name
        found = status_of(
            self._store, name, "process" if reaction.rows else "policy", reaction.rows, _made_with(reaction)
        )
        if found.status == "new":
            return found
        checkpoint = rows.checkpoint(name)
        if checkpoint is not None and checkpoint.definition == _UNBUILT:
            found = found._replace(status="new", reason=None)
        queue = outbox.of_reaction(rows, name)
        return found._replace(
            waiting=sum(not outgoing.due_us for outgoing in queue),
            deadlines=sum(bool(outgoing.due_us) for outgoing in queue),
            failed=len(letters(rows, Where("reaction", "=", name))),
        )

    def begin(self, position: int, known: Mapping[str, Whereabouts]) -> dict[str, Whereabouts]:
        """Let reactions that never ran answer the events after `position`; where these stand now."""
        new = [reaction for name, reaction in self._engine.domain.reactions.items() if known[name].checkpoint is None]
        begun: dict[str, Whereabouts] = {}
        if new:
            with self._store.transaction() as rows:
                for reaction in new:
                    # Settled at once, so that nothing is missed if the fold up to there is interrupted.
                    definition = _UNBUILT if reaction.rows else _made_with(reaction)
                    checkpoint = rows.checkpoint(reaction.name)
                    if checkpoint is None:
                        checkpoint = Checkpoint(reaction.name, position, definition)
                        rows.move(reaction.name, None, checkpoint)
                    begun[reaction.name] = Whereabouts(checkpoint)
        return begun

    def live(self, reaction: ReactionType, found: Whereabouts, progress: Progress | None = None) -> Processor:
        """The reaction, to be brought along the log. Raises `NeedsRebuild`, and what `Rebuild.run` does."""
        checkpoint = found.checkpoint
        while checkpoint is not None and checkpoint.definition == _UNBUILT and reaction.rows is not None:
            with suppress(Conflict):  # another runner is at it, or done
                Rebuild(self.projector, [reaction.rows]).run(progress)
            checkpoint = self._store.rows.checkpoint(reaction.name) or checkpoint
        assert checkpoint is not None, "it was begun"
        refuse_outdated(self._store.rows, reaction.rows, _made_with(reaction), checkpoint)
        handler = ReactionHandler(self._engine, reaction)
        return Processor(handler, checkpoint, _made_with(reaction), found.skips, found.stop)


def _made_with(reaction: ReactionType) -> str:
    return reaction.rows.definition if reaction.rows else of_domain(_NO_ROWS, reaction.domain)
