"""Advancing reactions over the log: their rows, what they want sent and how far they are, a transaction a batch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.domain.row_model import outdated, source_changed
from cqrs_cli.errors import Conflict, CqrsError, Damaged, Misuse, NeedsRebuild, Unavailable
from cqrs_cli.log import outbox
from cqrs_cli.log.outbox import Change
from cqrs_cli.log.stops import Poisoned, Skip, Stop, skip, skips_of, stop_ahead, stops_on_record
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Checkpoint, Where
from cqrs_cli.workbench.processors.processor import Progress
from cqrs_cli.workbench.processors.projections import Projector, gone
from cqrs_cli.workbench.processors.reaction_handler import Answers, Service
from cqrs_cli.workbench.processors.rebuild import Rebuild
from cqrs_cli.workbench.processors.rows import RowFold, write

BATCH_EVENTS = 500
_NO_ROWS = json.dumps({"version": 1, "key": [], "columns": [], "unique": [], "indexes": [], "source": ""})
_UNBUILT = json.dumps({"version": 0, "key": [], "columns": [], "unique": [], "indexes": [], "source": ""})
"""Of a process manager whose place in the log is settled, but whose rows up to there are not folded yet."""


class ReactionStatus(NamedTuple):
    """Where a reaction stands.

    kind: `process` or `policy`. status: `ready`, `behind`, `new` (never run), `stopped` (at an event
    that it can't take) or `needs-rebuild`. lag: events behind the head. rows: of a process manager.
    waiting, deadlines: commands in the outbox. failed: open dead letters.
    """

    reaction: str
    kind: str
    status: str
    position: int
    lag: int
    rows: int
    waiting: int
    deadlines: int
    failed: int
    reason: str | None = None
    stop: Stop | None = None
    skips: Sequence[Skip] = ()
    source_changed: bool = False


class Reactor:
    """Advances the reactions of a domain. Commands are not sent here: they end in the outbox."""

    def __init__(self, store: Store, domain: Domain, codec: Codec, projector: Projector, service: Service) -> None:
        self._store, self._domain, self._projector = store, domain, projector
        self._answers = {name: Answers(reaction, domain, codec, service) for name, reaction in domain.reactions.items()}

    # ── where it stands ───────────────────────────────────────────────────────────────────────

    def status(self, reaction: ReactionType) -> ReactionStatus:
        """Where a reaction stands, without moving it."""
        rows, head, name = self._store.rows, self._store.head(), reaction.name
        kind, skips = "process" if reaction.rows else "policy", skips_of(rows, name)
        checkpoint = rows.checkpoint(name)
        if checkpoint is None:
            return ReactionStatus(name, kind, "new", 0, head, 0, 0, 0, 0, skips=skips)
        queue = outbox.of_reaction(rows, name)
        counts = (
            rows.count(reaction.rows.table) if reaction.rows else 0,
            sum(not outgoing.due_us for outgoing in queue),
            sum(bool(outgoing.due_us) for outgoing in queue),
            len(outbox.letters(rows, Where("reaction", "=", name))),
        )
        lag, stop = max(head - checkpoint.position, 0), stop_ahead(rows, name, checkpoint.position)
        reason = self._outdated(reaction, checkpoint)
        if checkpoint.definition == _UNBUILT:
            status, reason = "new", None
        elif reason is not None:
            status = "needs-rebuild"
        elif stop is not None:
            status, reason = "stopped", f"at @{stop.position} ({stop.type} in {stop.stream}): {stop.error}"
        else:
            status = "behind" if lag else "ready"
        changed = status in ("ready", "behind") and source_changed(checkpoint.definition, _definition(reaction))
        return ReactionStatus(name, kind, status, checkpoint.position, lag, *counts, reason, stop, skips, changed)

    def _outdated(self, reaction: ReactionType, checkpoint: Checkpoint) -> str | None:
        reason = outdated(checkpoint.definition, _definition(reaction))
        return reason or (gone(self._store.rows, reaction.rows) if reaction.rows else None)

    def is_new(self, reaction: ReactionType) -> bool:
        """Whether it never ran on this store."""
        return self._store.rows.checkpoint(reaction.name) is None

    def has_caught_up(self, reaction: ReactionType, position: int) -> bool:
        """Whether it has taken in everything up to a position."""
        checkpoint = self._store.rows.checkpoint(reaction.name)
        return checkpoint is not None and checkpoint.position >= position and checkpoint.definition != _UNBUILT

    # ── starting ──────────────────────────────────────────────────────────────────────────────

    def begin(self, reaction: ReactionType, position: int) -> None:
        """Let a new reaction answer the events after `position`; one that ran before stays where it is."""
        with self._store.transaction() as rows:
            if rows.checkpoint(reaction.name) is None:
                # Settled at once, so that nothing is missed if the fold up to there is interrupted.
                definition = _UNBUILT if reaction.rows else _definition(reaction)
                rows.move(reaction.name, None, Checkpoint(reaction.name, position, definition))

    # ── catching up ───────────────────────────────────────────────────────────────────────────

    def catch_up(self, reaction: ReactionType, progress: Progress | None = None) -> int:
        """Answer every event up to the head; returns how many there were for it.

        Raises `Misuse` (needs-rebuild), or `DomainFailed`/`Undecodable` … for an event that can't be
        taken: everything is then as before that event, and the stop is recorded.
        """
        checkpoint = self._built(reaction, progress)
        reason = self._outdated(reaction, checkpoint)
        if reason is not None:
            raise NeedsRebuild(
                f"{reaction.name} needs a rebuild of its rows: {reason}",
                hint=f"cqrs project {reaction.name} --rebuild",
                projection=reaction.name,
            )
        try:
            with stops_on_record(self._store, reaction.name):
                return self._advance(reaction, progress)
        except Poisoned as poisoned:
            raise _stopped(reaction, poisoned) from poisoned.error

    def _built(self, reaction: ReactionType, progress: Progress | None) -> Checkpoint:
        """Its checkpoint, with the rows folded up to where it begins."""
        while True:
            checkpoint = self._store.rows.checkpoint(reaction.name)
            if checkpoint is None:
                raise Misuse(f"{reaction.name} has not begun", code="not-begun", hint="cqrs run starts it")
            if checkpoint.definition != _UNBUILT or reaction.rows is None:
                return checkpoint
            with suppress(Conflict):  # another runner is at it, or done
                Rebuild(self._store, self._domain, self._projector, [reaction.rows]).run(progress)

    def skip(self, reaction: ReactionType, position: int, by: str, reason: str) -> None:
        """Pass the event at `position` over, for ever and on record. Raises `NotFound`, `Misuse`."""
        reached = self._projector.reached(reaction.name, position)
        skip(self._store, reaction.name, position, reached, by, reason, "cqrs run --status")

    # ── the loop ──────────────────────────────────────────────────────────────────────────────

    def _advance(self, reaction: ReactionType, progress: Progress | None) -> int:
        """Take batches until the head is reached. Raises `Poisoned` with the one event that can't be taken."""
        work = None
        taken = 0
        while True:
            checkpoint = self._store.rows.checkpoint(reaction.name)
            assert checkpoint is not None
            head = self._store.head()
            if checkpoint.position >= head:
                return taken
            if work is None:
                work = _Work(reaction, self._store, self._projector, self._answers[reaction.name])
            try:
                for events, position in self._batches(work.types, checkpoint.position, head):
                    checkpoint = work.take(checkpoint, events, position)
                    taken += len(events)
                    if progress is not None:
                        progress(position, head)
            except Conflict:  # another runner was faster: what it wrote is the truth
                work.forget()

    def _batches(self, types: frozenset[str], after: int, head: int) -> Iterator[tuple[list[Recorded], int]]:
        events = iter(self._store.read(Selection(types=types, after=after, before=head + 1)))
        while len(batch := list(islice(events, BATCH_EVENTS))) == BATCH_EVENTS:
            yield batch, batch[-1].position
        yield batch, head


class _Work:
    """One reaction at work: takes batches, each in one transaction."""

    def __init__(self, reaction: ReactionType, store: Store, projector: Projector, answers: Answers) -> None:
        self._reaction, self._store, self._answers = reaction, store, answers
        self._fold: RowFold | None = projector.fold_of(reaction.rows) if reaction.rows else None
        self._folded = self._fold.types if self._fold else frozenset()
        self._skips = frozenset(skip.position for skip in skips_of(store.rows, reaction.name))
        self.types = self._folded | answers.types

    def forget(self) -> None:
        """Drop what was folded: the store is the truth again."""
        if self._fold is not None:
            self._fold.forget()

    def take(self, checkpoint: Checkpoint, events: Sequence[Recorded], position: int) -> Checkpoint:
        """Fold and answer a batch and commit it with its checkpoint; a failing one is narrowed down to the event."""
        try:
            changes = [change for event in events for change in self._taken(event)]
            moved = checkpoint._replace(position=position)
            with self._store.transaction() as rows:
                rows.move(checkpoint.name, checkpoint, moved)
                if self._fold is not None and self._reaction.rows is not None:
                    write(rows, self._reaction.rows.table, self._fold.changes())
                outbox.apply(rows, changes)
            return moved
        except (Conflict, Unavailable, Damaged):
            self.forget()
            raise
        except CqrsError as error:
            self.forget()
            if not events:
                raise
            if len(events) == 1:
                raise Poisoned(events[0], error) from error
            where = error.details.get("position")
            cut = next((at for at, event in enumerate(events) if event.position == where), len(events) // 2)
        cut = max(cut, 1)
        checkpoint = self.take(checkpoint, events[:cut], events[cut - 1].position)
        return self.take(checkpoint, events[cut:], position)

    def _taken(self, event: Recorded) -> list[Change]:
        """First the evolve, then the answers, so that they see the row as it is after this very event."""
        if event.position in self._skips:
            return []
        try:
            if self._fold is not None and event.type in self._folded:
                self._fold.over((event,))
            return self._answers.to(event, self._fold)
        except CqrsError as error:
            error.details.setdefault("position", event.position)
            raise


def _definition(reaction: ReactionType) -> str:
    return reaction.rows.definition if reaction.rows else _NO_ROWS


def _stopped(reaction: ReactionType, poisoned: Poisoned) -> CqrsError:
    """The error of the poison event, saying which reaction it stopped and what can be done."""
    error, position = poisoned.error, poisoned.event.position
    error.args = (f"{reaction.name} stopped at @{position}: {error.message}",)
    error.message = error.args[0]
    error.hint = f"mend the code and run cqrs run again, or: cqrs run --skip {reaction.name}@{position} --reason …"
    error.details.update(reaction=reaction.name, position=position)
    return error
