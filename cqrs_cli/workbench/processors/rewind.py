"""Starting a reaction again: what it would answer once more, which of that would be sent, and doing it, on record.

The id of a command comes from the event, the reaction and a number, and an id is honoured once, for ever. So what the
log has is not sent a second time, whoever answers again; what today's code answers otherwise is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.errors import Misuse
from cqrs_cli.log import letters, outbox
from cqrs_cli.log.outbox import OutboxChange, Outgoing
from cqrs_cli.log.stops import clear_stop, now_us, skips_of
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.operational import OUTBOX
from cqrs_cli.stores.rows import Checkpoint, Where
from cqrs_cli.workbench.processors.batches import batches
from cqrs_cli.workbench.processors.definitions import rewound
from cqrs_cli.workbench.processors.handler import Poisoned
from cqrs_cli.workbench.processors.processor import Processor
from cqrs_cli.workbench.processors.projections import Projector, named, stopped
from cqrs_cli.workbench.processors.reaction_handler import ReactionHandler
from cqrs_cli.workbench.processors.reactions import Reactor
from cqrs_cli.workbench.processors.refold import refold
from cqrs_cli.workbench.processors.status import REBUILD, Whereabouts, why_rebuild

Becomes = Literal["new", "sent", "refused", "waits", "failed", "dropped"]


class Again(NamedTuple):
    """A command that would be given once more.

    becomes: `new`; `sent` (the log has it, so nothing happens); `refused` (its id was another command's); `waits` (in
    the outbox already); `failed` or `dropped` (it came to nothing, and is tried again).
    """

    outgoing: Outgoing
    becomes: Becomes


class Rewind:
    """A reaction that is to go back to a position, and answer what comes after it once more, by today's code.

    stands: where it is. Raises `NotFound` for one that never ran, `Misuse` for a position that does not lie before it.
    """

    def __init__(self, projector: Projector, reactor: Reactor, reaction: ReactionType, position: int) -> None:
        self._projector, self._engine, self._store = projector, projector.engine, projector.engine.store
        self._reaction, self._code, self.position = reaction, reactor.code_of(reaction), position
        name = reaction.name
        found = self._store.rows.checkpoint(name)
        if found is None:
            raise Misuse(f"{name} never ran, so there is nothing to start again", code="not-begun", reaction=name)
        if position >= found.position:
            message = f"{name} stands at @{found.position}: it can only go back, not to @{position}"
            raise Misuse(message, hint="what lies ahead is passed over by skips, on record")
        if reaction.rows is None and why_rebuild(self._store, None, self._code.definition, found):
            fault = self._code.fault(found)
            if fault is not None:  # another domain's
                raise fault
        self._checkpoint, self.stands = found, found.position

    def commands(self) -> Iterator[Again]:
        """What it would want sent, in the order of the log; a deadline that it takes back again is none.

        Nothing is written, and services are asked. Raises what stops it at an event.
        """
        wanted: dict[tuple[str, str], Outgoing] = {}
        for change in self._changes():
            place = change.process, change.slot
            wanted.pop(place, None)
            if isinstance(change, Outgoing):
                wanted[place] = change
        some = list(wanted.values())
        for at in range(0, len(some), self._engine.limits.outbox_page):
            page = some[at : at + self._engine.limits.outbox_page]
            known = self._store.known([one.command_id for one in page])
            yield from (Again(one, self._becomes(one, one.command_id in known)) for one in page)

    def _changes(self) -> Iterator[OutboxChange]:
        if self._reaction.rows is None:
            yield from self._asked(self._store)
            return
        with refold(self._projector, self._reaction.rows) as again:
            again.advance(self.position)
            yield from self._asked(again.store)

    def _asked(self, beside: Store) -> Iterator[OutboxChange]:
        """What the clauses answer to the events in between. beside: where the rows are as they were."""
        reaction, name = self._reaction, self._reaction.name
        handler = ReactionHandler(self._engine._replace(store=beside), reaction)
        start = Checkpoint(name, self.position, self._code.definition)
        one = Processor(handler, self._code, Whereabouts(start, skips=skips_of(self._store.rows, name)))
        try:
            for events, _ in batches(self._engine, [one], self.stands):
                handler.gather(one.own(events))
                writes = handler.writes()
                yield from writes.commands
                rows_alone = writes._replace(commands=())
                if rows_alone:
                    with beside.transaction() as rows:
                        rows_alone.apply(rows)
        except Poisoned as fault:
            details = named(reaction.rows) if reaction.rows else {"reaction": name}
            raise stopped(fault, f"{name} would stop", **details) from fault.error

    def _becomes(self, one: Outgoing, is_known: bool) -> Becomes:
        if is_known:
            commit = self._store.commit(one.command_id)
            is_same = commit is not None and commit.command is not None and commit.command.type == one.command
            return "sent" if is_same else "refused"
        dead = letters.all_letters(self._store.rows, Where("command_id", "=", one.command_id))
        if dead:
            return "dropped" if dead[0].dropped_us is not None else "failed"
        waiting = self._store.rows.load(OUTBOX, [(one.reaction, one.process, one.slot)])
        return "waits" if waiting else "new"

    def apply(self, by: str, reason: str | None) -> None:
        """Do it, on record. What waits for later events is wanted anew, or no more. Raises `Conflict` if it moved."""
        name, found = self._reaction.name, self._checkpoint
        how = {"from": self.stands, "to": self.position, "by": by, "at": rfc3339(now_us()), "reason": reason}
        definition = rewound(found.definition, self._code.definition, how, self._reaction.rows is not None)
        with self._store.transaction() as rows:
            rows.hold([name, name + REBUILD])
            rows.move(name, found, Checkpoint(name, self.position, definition))
            later = [one for one in outbox.of_reaction(rows, name) if one.position > self.position]
            rows.delete(OUTBOX, [(one.reaction, one.process, one.slot) for one in later])
            rows.forget(name + REBUILD)  # one that was interrupted may have come further than this
            clear_stop(rows, name)
