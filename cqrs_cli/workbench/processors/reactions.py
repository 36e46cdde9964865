"""Reactions: where they stand, how they begin, and what of them is brought along the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from cqrs_cli.domain.messages import Event
from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.domain.row_model import aliases_of, stored_names
from cqrs_cli.errors import Conflict, CqrsError
from cqrs_cli.log import outbox
from cqrs_cli.log.letters import count_letters
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.engine import Clock
from cqrs_cli.workbench.processors.begun_names import ahead_of, answered_by, begun_otherwise
from cqrs_cli.workbench.processors.definitions import (
    NO_ROWS,
    adopting,
    anew,
    answered,
    answering_again,
    beside,
    is_unbuilt,
    rewinds,
    unbuilt,
)
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.projections import Projector
from cqrs_cli.workbench.processors.reaction_handler import ReactionHandler
from cqrs_cli.workbench.processors.rebuild import Rebuild
from cqrs_cli.workbench.processors.status import (
    REBUILD,
    Code,
    Kind,
    Named,
    ProcessorStatus,
    Whereabouts,
    code_of,
    statuses_of,
)
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

    def status(self, reaction: ReactionType, counted: bool = True) -> ProcessorStatus:
        """Where a reaction stands, without moving it. counted: with the number of its rows."""
        rows, name = self._store.rows, reaction.name
        kind: Kind = "process" if reaction.rows else "policy"
        asked = Named(name, kind, reaction.rows, self.code_of(reaction).definition)
        [found] = statuses_of(self._store, [asked], counted)
        if found.status == "new":
            return found
        checkpoint = rows.checkpoint(name)
        again = [] if checkpoint is None else rewinds(checkpoint.definition)
        if checkpoint is not None and is_unbuilt(checkpoint.definition):
            found = found._replace(status="behind" if again else "new", reason=None)
        if (twice := begun_otherwise(reaction, rows, own=True)) is not None:
            found = found._replace(status="stopped", reason=twice.message)
        elif checkpoint is not None and (other := self._ahead_of(reaction, checkpoint)) is not None:
            found = found._replace(status="stopped", reason=answered_by(checkpoint, other).message)
        waiting, deadlines = outbox.counts(rows, name)
        dead = count_letters(rows, name)
        return found._replace(waiting=waiting, deadlines=deadlines, failed=dead, rewound=again)

    def code_of(self, reaction: ReactionType) -> Code:
        if reaction.name not in self._code:
            rows = json.loads(reaction.rows.definition) if reaction.rows else {**NO_ROWS, "domain": reaction.domain}
            answers = {"answers": sorted(stored_names(reaction.reactors))}
            streams = {} if reaction.streams is None else {"in": list(reaction.streams)}
            aliases = {**rows.get("aliases", {}), **aliases_of(reaction.reactors)}
            definition = json.dumps({**rows, **answers, **streams, "aliases": aliases})
            code = code_of(self._store, reaction.rows, definition, reaction.rows is None)

            def fault(found: Checkpoint) -> CqrsError | None:
                if (twice := begun_otherwise(reaction, self._store.rows, own=True)) is not None:
                    return twice
                other = self._ahead_of(reaction, found)
                return code.fault(found) if other is None else answered_by(found, other)

            self._code[reaction.name] = code._replace(fault=fault)
        return self._code[reaction.name]

    def _ahead_of(self, reaction: ReactionType, checkpoint: Checkpoint) -> Checkpoint | None:
        definition = self.code_of(reaction).definition
        return ahead_of(self._engine.domain, checkpoint, definition, self._store.rows)

    def unbegun(self, known: Mapping[str, Whereabouts]) -> dict[str, int]:
        """The reactions that never ran, with the number of events in the log that they would answer."""
        new = [name for name in self._engine.domain.reactions if known[name].checkpoint is None]
        return {name: self._count_answerable(name) for name in new}

    def _count_answerable(self, name: str) -> int:
        """It looks at every event, once for each group of streams that its clauses take events from."""
        groups: dict[frozenset[str], set[type[Event]]] = {}
        for event, route in self._engine.domain.react_routes[name].items():
            groups.setdefault(route.domain, set()).add(event)
        there = self._store.type_names()
        count = 0
        for categories, events in groups.items():
            types = stored_names(events) & there
            count += sum(self._store.kinds(types, categories or None).values()) if types else 0
        return count

    def begin(self, position: int, known: Mapping[str, Whereabouts]) -> dict[str, Whereabouts]:
        """Let reactions that never ran answer the events after `position`; where these stand now.

        Raises `Conflict` if one began under another of its names meanwhile.
        """
        new = [reaction for name, reaction in self._engine.domain.reactions.items() if known[name].checkpoint is None]
        begun: dict[str, Whereabouts] = {}
        if new:
            with self._store.transaction() as rows:
                rows.hold([name for reaction in new for name in (reaction.name, *reaction.other_names)])
                for reaction in new:
                    # Settled at once, so that nothing is missed if the fold up to there is interrupted.
                    definition = self.code_of(reaction).definition
                    definition = unbuilt(definition) if reaction.rows else definition
                    checkpoint = rows.checkpoint(reaction.name)
                    if checkpoint is None:
                        if (other := begun_otherwise(reaction, rows, own=False)) is not None:
                            raise other
                        checkpoint = Checkpoint(reaction.name, position, definition)
                        while (ahead := self._ahead_of(reaction, checkpoint)) is not None:  # one said where to begin
                            checkpoint = checkpoint._replace(definition=beside(checkpoint.definition, ahead.name))
                        rows.move(reaction.name, None, checkpoint)
                    begun[reaction.name] = Whereabouts(checkpoint)
        return begun

    def live(self, reaction: ReactionType, found: Whereabouts, progress: Progress | None = None) -> Processor:
        """The reaction, to be brought along the log. Raises `NeedsRebuild`, and what `Rebuild.run` does."""
        checkpoint, code = found.checkpoint, self.code_of(reaction)
        while checkpoint is not None and is_unbuilt(checkpoint.definition) and reaction.rows is not None:
            if (asked := question(self._store, checkpoint, code.definition)) is not None:
                raise asked
            with suppress(Conflict):  # another runner is at it, or done
                Rebuild(self.projector, [reaction.rows]).run(progress)
            checkpoint = self._store.rows.checkpoint(reaction.name) or checkpoint
        assert checkpoint is not None, "it was begun"
        checkpoint = self.projector.adopted(code, checkpoint)
        definition = checkpoint.definition
        handler = ReactionHandler(self._engine, reaction, answered(definition), anew(definition))
        return Processor(handler, code, found._replace(checkpoint=checkpoint))

    def asks(self, known: Mapping[str, Whereabouts]) -> bool:
        """Whether any reaction must be told first what to do with what it missed."""
        return any(self.asks_first(name, whereabouts) for name, whereabouts in known.items())

    def asks_first(self, name: str, found: Whereabouts) -> bool:
        """Whether this reaction must."""
        reaction, checkpoint = self._engine.domain.reactions.get(name), found.checkpoint
        if reaction is None or checkpoint is None:
            return False
        return (
            self._ahead_of(reaction, checkpoint) is not None
            or question(self._store, checkpoint, self.code_of(reaction).definition) is not None
        )

    def answer(self, position: int, known: Mapping[str, Whereabouts]) -> dict[str, Whereabouts]:
        """Let reactions that ask what to do with what they missed answer what of it came after `position`.

        What they answered already is not answered again. One that was moved by code that answers more goes on with
        this code only if the position is where it stands, or later: a start that is always given is not meant.
        """
        told: dict[str, Whereabouts] = {}
        for name, reaction in self._engine.domain.reactions.items():
            checkpoint, code = known[name].checkpoint, self.code_of(reaction)
            if checkpoint is not None and (other := self._ahead_of(reaction, checkpoint)) is not None:
                if position >= max(checkpoint.position, 1):
                    told[name] = self._move(known[name], self._beside(reaction, checkpoint, other, position))
                continue
            if checkpoint is None or question(self._store, checkpoint, code.definition) is None:
                continue
            at, missed = checkpoint.position, learnt(self._store, checkpoint, code.definition, "answers")
            streams = learnt(self._store, checkpoint, code.definition, "in")
            forgotten = any(lost(self._store, checkpoint, code.definition, one) for one in ("answers", "in"))
            if forgotten and position < max(at, 1):
                continue
            new = adopting(checkpoint.definition, code.definition)
            if any((*missed.values(), *streams.values())) and position < at:
                unbuilt = reaction.rows is not None
                new = answering_again(checkpoint.definition, frozenset(missed), at, unbuilt, frozenset(streams))
            told[name] = self._move(known[name], Checkpoint(name, min(position, at), new))
        return told

    def _beside(self, reaction: ReactionType, found: Checkpoint, other: Checkpoint, position: int) -> Checkpoint:
        """Where a reaction goes on that was overtaken: it passes over what the other one answered, up to a position."""
        to = max(found.position, min(position, other.position))
        new = beside(adopting(found.definition, self.code_of(reaction).definition), other.name)
        return Checkpoint(found.name, to, unbuilt(new) if reaction.rows and to > found.position else new)

    def _move(self, found: Whereabouts, moved: Checkpoint) -> Whereabouts:
        with suppress(Conflict), self._store.transaction() as rows:  # another runner was told too
            rows.move(moved.name, found.checkpoint, moved)
            rows.forget(moved.name + REBUILD)  # one that was interrupted may have come further than this
        return found._replace(checkpoint=self._store.rows.checkpoint(moved.name))
