"""Reactions: where they stand, how they begin, and what of them is brought along the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.domain.row_model import outdated
from cqrs_cli.errors import Conflict, CqrsError
from cqrs_cli.log import outbox
from cqrs_cli.log.letters import letters
from cqrs_cli.log.stops import Skip, now_us, skip, skips_of, stop_of
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Checkpoint, Where
from cqrs_cli.workbench.processors.processor import Poisoned, Processor, Progress, needs_rebuild
from cqrs_cli.workbench.processors.projections import Projector
from cqrs_cli.workbench.processors.reaction_handler import ReactionHandler, Service
from cqrs_cli.workbench.processors.rebuild import Rebuild
from cqrs_cli.workbench.processors.status import ProcessorStatus, gone, status_of

_NO_ROWS = json.dumps({"version": 1, "key": [], "columns": [], "unique": [], "indexes": [], "source": ""})
_UNBUILT = json.dumps({"version": 0, "key": [], "columns": [], "unique": [], "indexes": [], "source": ""})
"""Of a process manager whose place in the log is settled, but whose rows up to there are not folded yet."""


class Reactor:
    """The reactions of a domain, as processors. Commands are not sent here: they end in the outbox."""

    def __init__(self, store: Store, domain: Domain, codec: Codec, projector: Projector, service: Service) -> None:
        self._store, self._domain, self.projector = store, domain, projector
        self._codec, self._service = codec, service

    # ── where it stands ───────────────────────────────────────────────────────────────────────

    def status(self, reaction: ReactionType) -> ProcessorStatus:
        """Where a reaction stands, without moving it."""
        rows, head, name = self._store.rows, self._store.head(), reaction.name
        kind: Literal["process", "policy"] = "process" if reaction.rows else "policy"
        skips, checkpoint = skips_of(rows, name), rows.checkpoint(name)
        if checkpoint is None:
            return ProcessorStatus(name, kind, "new", 0, head, skips=skips)
        found = status_of(rows, reaction.rows, _definition(reaction), checkpoint, head)
        if checkpoint.definition == _UNBUILT:
            found = found._replace(status="new", reason=None, source_changed=False)
        queue = outbox.of_reaction(rows, name)
        return found._replace(
            kind=kind,
            skips=skips,
            waiting=sum(not outgoing.due_us for outgoing in queue),
            deadlines=sum(bool(outgoing.due_us) for outgoing in queue),
            failed=len(letters(rows, Where("reaction", "=", name))),
        )

    def _outdated(self, reaction: ReactionType, checkpoint: Checkpoint) -> str | None:
        reason = outdated(checkpoint.definition, _definition(reaction))
        return reason or (gone(self._store.rows, reaction.rows) if reaction.rows else None)

    # ── starting ──────────────────────────────────────────────────────────────────────────────

    def begin(self, position: int, known: Mapping[str, Checkpoint]) -> dict[str, Checkpoint]:
        """Let new reactions answer the events after `position`; the checkpoints of all that are not `known`."""
        new = [reaction for name, reaction in sorted(self._domain.reactions.items()) if name not in known]
        begun: dict[str, Checkpoint] = {}
        if new:
            with self._store.transaction() as rows:
                for reaction in new:
                    # Settled at once, so that nothing is missed if the fold up to there is interrupted.
                    definition = _UNBUILT if reaction.rows else _definition(reaction)
                    found = rows.checkpoint(reaction.name)
                    begun[reaction.name] = found or Checkpoint(reaction.name, position, definition)
                    if found is None:
                        rows.move(reaction.name, None, begun[reaction.name])
        return begun

    # ── on its way ────────────────────────────────────────────────────────────────────────────

    def processor(self, reaction: ReactionType, checkpoint: Checkpoint, progress: Progress | None = None) -> Processor:
        """The reaction on its way from its checkpoint. Raises `NeedsRebuild`, and what `Rebuild.run` does."""
        checkpoint = self._built(reaction, checkpoint, progress)
        reason = self._outdated(reaction, checkpoint)
        if reason is not None:
            raise needs_rebuild(reaction.name, reason)
        fold = self.projector.fold_of(reaction.rows) if reaction.rows else None
        handler = ReactionHandler(reaction, self._domain, self._codec, fold, self._service)
        skips, stop = skips_of(self._store.rows, reaction.name), stop_of(self._store.rows, reaction.name)
        one = Processor(handler, checkpoint, _definition(reaction), [skip.position for skip in skips])
        one.stopped = stop is not None
        return one

    def _built(self, reaction: ReactionType, checkpoint: Checkpoint, progress: Progress | None) -> Checkpoint:
        """Its checkpoint, with the rows folded up to where it begins."""
        while checkpoint.definition == _UNBUILT and reaction.rows is not None:
            with suppress(Conflict):  # another runner is at it, or done
                Rebuild(self._store, self._domain, self.projector, [reaction.rows]).run(progress)
            checkpoint = self._store.rows.checkpoint(reaction.name) or checkpoint
        return checkpoint

    def skip(self, reaction: ReactionType, position: int, by: str, reason: str) -> None:
        """Pass the event at `position` over, for ever and on record. Raises `NotFound`, `Misuse`."""
        reached = self.projector.reached(reaction.name, position)
        skip(self._store, Skip(reaction.name, position, by, now_us(), reason), reached, "cqrs run --status")


def _definition(reaction: ReactionType) -> str:
    return reaction.rows.definition if reaction.rows else _NO_ROWS


def reaction_stopped(name: str, fault: Poisoned) -> CqrsError:
    """The error of the poison event, saying which reaction it stopped and what can be done."""
    position = fault.event.position
    return fault.error.retold(
        f"{name} stopped at @{position}: {fault.error.message}",
        hint=f"mend the code and run cqrs run again, or: cqrs run --skip {name}@{position} --reason …",
        reaction=name,
        position=position,
    )
