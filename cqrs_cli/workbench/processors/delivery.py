"""Sending what waits in the outbox, and what becomes of commands that come to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cqrs_cli.domain.messages import Command, Meta
from cqrs_cli.domain.process_manager import CommandRejected, ReactionType
from cqrs_cli.errors import (
    AggregateNotFound,
    CommandReused,
    Conflict,
    CqrsError,
    Damaged,
    NotFound,
    Rejected,
    StoreFailed,
)
from cqrs_cli.log import letters, outbox
from cqrs_cli.log.outbox import Misplaced, Outgoing
from cqrs_cli.log.rejections import JUDGED_ON
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.moments import micros, moment
from cqrs_cli.stores.rows import Rows
from cqrs_cli.stores.stored_json import stored_object
from cqrs_cli.workbench.batch import send_batch
from cqrs_cli.workbench.engine import Clock, Engine
from cqrs_cli.workbench.outcome import Request
from cqrs_cli.workbench.sender import Sender


class Delivery(NamedTuple):
    """What became of one command.

    status: `sent`, `honoured` (the log had it already), `rejected` (the process hears of it), `dead` (a dead letter) or
    `held` (to be tried again).
    """

    outgoing: Outgoing
    status: str
    error: CqrsError | None = None


class Courier:
    """Sends outgoing commands with their derived ids: each is honoured once. clock: for deadlines and dead letters."""

    def __init__(self, engine: Engine, sender: Sender, clock: Clock) -> None:
        self._store, self._domain, self._codec, self._sender = engine.store, engine.domain, engine.codec, sender
        self._clock = clock

    def now_us(self) -> int:
        """The moment now by its clock, in microseconds UTC."""
        return micros(self._clock())

    def deliver(self, page: Sequence[Outgoing]) -> list[Delivery]:
        """Send these, in order, and take them out of the outbox. Raises as `send`."""
        deliveries = self.send(page)
        with self._store.transaction() as rows:
            self.settle(rows, deliveries)
        return deliveries

    def send(self, page: Sequence[Outgoing]) -> list[Delivery]:
        """Send these, in order; they wait in the outbox until they are settled. Raises `StoreFailed`."""
        deliveries: list[Delivery] = []
        commands: dict[Outgoing, Command] = {}
        for outgoing in page:
            try:
                commands[outgoing] = self._command(outgoing)
            except CqrsError as error:
                deliveries.append(self._unless_ours(Delivery(outgoing, "dead", error)))
        requests = [Request(number, command) for number, command in enumerate(commands.values(), 1)]
        outcomes = send_batch(self._sender, requests)
        for outcome, (outgoing, command) in zip(outcomes, commands.items(), strict=True):
            if outcome.error is None:
                deliveries.append(Delivery(outgoing, "honoured" if outcome.status == "duplicate" else "sent"))
            else:
                deliveries.append(self._unless_ours(self._failed(outgoing, command, outcome.error)))
        return deliveries

    def _unless_ours(self, failed: Delivery) -> Delivery:
        """What failed was sent all the same, if the log has it: by another runner, or before its class changed."""
        ours = failed.status == "dead" and self._is_ours(failed.outgoing)
        return Delivery(failed.outgoing, "honoured") if ours else failed

    def _is_ours(self, outgoing: Outgoing) -> bool:
        """Whether the commit with the derived id is this command's, whatever its fields: its class may have changed."""
        commit = self._store.commit(outgoing.command_id)
        if commit is None or commit.command is None:
            return False
        return (commit.causation_id, commit.command.type) == (outgoing.event_id, outgoing.command)

    def _command(self, outgoing: Outgoing) -> Command:
        """The command. Raises `Undecodable` …, and `Damaged` for a row that none of ours is."""
        if isinstance(outgoing, Misplaced):
            raise _not_ours(f"its row in the outbox is {outgoing.slot!r}")
        command = self._codec.command(outgoing.command, outgoing.schema_version, outgoing.data.encode())
        return command.with_meta(
            command_id=outgoing.command_id,
            timestamp=moment(outgoing.due_us or outgoing.recorded_us),
            user_id=outgoing.user_id,
            correlation_id=outgoing.correlation_id,
            causation_id=outgoing.event_id,
            metadata=stored_object(outgoing.metadata, "its metadata"),
        )

    def _failed(self, outgoing: Outgoing, command: Command, error: CqrsError) -> Delivery:
        if isinstance(error, Conflict) and not isinstance(error, CommandReused):
            return Delivery(outgoing, "held", error)
        reaction = self._domain.reactions[outgoing.reaction]
        heard = reaction.rows.evolvers.keys() | reaction.reactors.keys() if reaction.rows else ()
        if not isinstance(error, Rejected | AggregateNotFound) or CommandRejected not in heard:
            return Delivery(outgoing, "dead", error)
        try:
            return self._rejected(reaction, outgoing, command, error)
        except StoreFailed:
            raise
        except CqrsError as failure:
            return Delivery(outgoing, "dead", failure)

    def _rejected(self, reaction: ReactionType, outgoing: Outgoing, command: Command, error: CqrsError) -> Delivery:
        """Tell the process, in its own stream, in a commit with the command's id: of two answers one wins, for ever."""
        rejected = CommandRejected(
            command=outgoing.command,
            command_id=outgoing.command_id,
            code=error.code,
            reason=error.message,
            data=stored_object(outgoing.data, f"the command {outgoing.command_id} in the outbox"),
        )
        event, meta = self._codec.encode(rejected), command.meta
        commit = Commit(
            id=outgoing.command_id,
            events=(NewEvent(f"{reaction.name}-{outgoing.process}", event.type, event.schema_version, event.data),),
            command=self._codec.sent(command),
            correlation_id=meta.correlation_id,
            causation_id=meta.causation_id,
            user_id=meta.user_id,
            metadata=_judged(outgoing, error),
        )
        receipt = self._store.append(commit, (), self._sender.inline_hook())
        ours = receipt.events[0].type == event.type
        return Delivery(outgoing, "rejected", error) if ours else Delivery(outgoing, "honoured")

    def settle(self, rows: Rows, deliveries: Sequence[Delivery]) -> None:
        """Take out of the outbox what is done with; what came to nothing becomes a dead letter."""
        settled = list(map(self._unless_ours, deliveries))  # another runner's attempt may have been accepted just now
        outbox.remove(rows, [one.outgoing for one in settled if one.status in ("sent", "honoured", "rejected")])
        for outgoing, status, error in settled:
            if status == "dead" and error is not None:
                outbox.bury(rows, outgoing, error, self.now_us())

    def retry(self, command_id: str) -> Delivery:
        """Send a dead letter once more, under the same id unless that was taken by something else.

        Raises `NotFound`, and `StoreFailed`.
        """
        letter = letters.letter(self._store.rows, command_id)
        taken = command_id in self._store.known([command_id]) and not self._is_ours(letter.outgoing)
        attempt = letter.outgoing.attempt + taken
        if letter.outgoing.reaction not in self._domain.reactions:
            raise NotFound(
                f"no reaction {letter.outgoing.reaction} in the domain {self._domain.name!r}",
                code="reaction-not-found",
                reaction=letter.outgoing.reaction,
            )
        with self._store.transaction() as rows:
            outgoing = outbox.revive(rows, letter, attempt)
        return self.deliver([outgoing])[0]

    def drop(self, command_id: str, by: str, because: str) -> None:
        """Put a dead letter away for good, on record. Raises `NotFound`."""
        letters.drop(self._store, [command_id], by, because, self.now_us())


def _judged(outgoing: Outgoing, error: CqrsError) -> str:
    """The metadata of a rejection: the command's own, what services answered, and the stream and version judged on."""
    if not isinstance(error, Rejected) or error.judged_on is None:  # there was no such stream; or a rule over rows
        return outgoing.metadata
    stream, version, metadata = error.judged_on
    known = stored_object(metadata or outgoing.metadata, f"the metadata of {outgoing.command_id}")
    return Meta(metadata={**known, JUDGED_ON: f"{stream}@{version}"}).metadata_json or outgoing.metadata


def _not_ours(what: str) -> Damaged:
    """The error of a command in a row that was written, or changed, by something else."""
    return Damaged(f"{what}: another tool changed it", hint="look at it, then send it again or drop it")
