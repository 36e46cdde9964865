"""Many commands in grouped durable writes, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from cqrs_cli.domain.decision import Decided, Target, target_of
from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CommandReused, Conflict, CqrsError, Misuse, NotFound, Rejected, StoreFailed
from cqrs_cli.stores.commits import Receipt, SentCommand
from cqrs_cli.stores.contract import Append
from cqrs_cli.workbench.outcome import Expect, Outcome, OutcomeStatus, Request, committed, unchanged
from cqrs_cli.workbench.sender import Sender

_STATUSES: dict[type[CqrsError], OutcomeStatus] = {
    Rejected: "rejected",
    NotFound: "not-found",
    Conflict: "conflict",
    Misuse: "invalid",
    CqrsError: "failed",
}
_new = tuple.__new__  # the constructor of a named tuple takes twice as long, and a batch makes a dozen for each command


def send_batch(sender: Sender, requests: Iterable[Request | None], fail_fast: bool = False) -> Iterator[Outcome]:
    """See `Workbench.send_batch`. fail_fast: nothing after the first request without success is decided, save what was
    decided together with it when only the write showed that somebody else had been faster.
    """
    batch = _Batch(sender)
    for group in _groups(requests, sender.engine.limits.written_together):
        yield from batch.outcomes(group, fail_fast)
        if fail_fast and batch.failed:
            return


def _groups(requests: Iterable[Request | None], size: int) -> Iterator[list[Request]]:
    group: list[Request] = []
    for request in chain(requests, [None]):
        if request is not None:
            group.append(request)
        if group and (request is None or len(group) == size):
            yield group
            group = []


class _Slot(NamedTuple):
    request: Request
    outcome: Outcome | None  # what is known without writing
    decided: Decided | None
    stream: str | None
    follows: str | None = None  # the command in the same write on whose events this one was decided


class _Batch:
    """Decisions that wait for one durable write.

    The last of each stream has the state for the stream's next command, as it is made of events that are not written
    yet. After a rejection (a decide may have touched the state) or a failed append the stream is read again.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender, self._store, self._cached = sender, sender.engine.store, sender.aggregates.cached
        self._domain, self._envelope = sender.engine.domain, sender.engine.domain.envelope
        self.failed = False  # whether an outcome was an error
        self._known: set[str] = set()
        self._slots: list[_Slot] = []
        self._ids: set[str] = set()  # decided in this group, not written yet
        self._waiting: dict[str, Decided | None] = {}  # the last of each stream; None: its state counts no more

    def outcomes(self, group: list[Request], fail_fast: bool) -> Iterator[Outcome]:
        """Decide and write a group."""
        metas = [request.command.meta for request in group if request.command is not None]
        self._known = self._store.known([meta.command_id for meta in metas if not meta.id_is_new])
        for meta in metas:
            meta.id_is_new = False
        for request in group:
            slot = self._slot(request)
            if slot is None:
                yield from self._write()
                if fail_fast and self.failed:
                    return
                slot = self._slot(request)
                assert slot is not None
            self._slots.append(slot)
            if fail_fast and slot.outcome is not None and slot.outcome.error is not None:
                break
        yield from self._write()

    def _slot(self, request: Request) -> _Slot | None:
        """The request's slot; None if what waits must be written first: the same id, or a state that is gone."""
        command = request.command
        if command is None:
            return _Slot(request, failed(request, request.error), None, None)
        command_id = command.meta.command_id
        if command_id in self._ids:
            return None
        stream = None
        try:
            sent = self._sender.codec.sent(command)
            if command_id in self._known:  # first: a command that was honoured is not decided again
                known = self._sender.honoured(command, sent)
                if known is not None:
                    return _Slot(request, known._replace(line=request.line), None, None)
            target = target_of(self._domain, command)
            stream = target.stream
            before = self._waiting.get(stream)
            if before is None and stream in self._waiting:
                return None
            decided = self._decided(command, sent, target, request.expect, before and before.state)
        except StoreFailed:
            raise
        except CqrsError as error:
            return _Slot(request, self._first_answer(request, stream) or failed(request, error), None, stream)
        if decided.commit is None:
            return _Slot(request, self._first_answer(request, stream) or unchanged(decided, request.line), None, stream)
        self._ids.add(command_id)
        self._waiting[stream] = decided
        return _new(_Slot, (request, None, decided, stream, before and before.command_id))

    def _decided(
        self, command: Command, sent: SentCommand, target: Target, expect: Expect, waiting: State[Any] | None
    ) -> Decided:
        """The decision on the state that waits to be written, or on the cached one, or on the log."""
        sender = self._sender
        if waiting is not None:
            return sender.decide(command, sent, target, expect, waiting)
        cached = self._cached.take(target.stream)
        if cached is None and target.made:
            return sender.decide(command, sent, target, expect, target.empty())
        return sender.decide_on_cached(command, sent, target, expect, cached or target.assumed())

    def _first_answer(self, request: Request, stream: str | None) -> Outcome | None:
        """The first answer, if somebody else sent it meanwhile. The state that it came to nothing on counts no more."""
        if stream in self._waiting:
            self._waiting[stream] = None
        command = request.command
        assert command is not None
        if not self._store.known([command.meta.command_id]):
            return None
        try:
            known = self._sender.honoured(command, self._sender.codec.sent(command))
        except CqrsError as error:
            return failed(request, error)
        return known._replace(line=request.line) if known is not None else None

    def _write(self) -> Iterator[Outcome]:
        """Write what waits and give the outcomes, in order."""
        slots, self._slots = self._slots, []
        hook = self._sender.inline_hook() if self._ids else None  # it may write
        appends = [
            _new(Append, (slot.decided.commit, (slot.decided.condition,), hook, slot.follows))
            for slot in slots
            if slot.decided and slot.decided.commit
        ]
        answers = iter(self._store.append_many(appends) if appends else ())
        self._known |= self._ids
        last, self._ids, self._waiting = self._waiting, set(), {}
        broken: set[str] = set()
        written = []
        for slot in slots:
            decided = slot.decided
            answer = next(answers) if decided else None
            if decided and isinstance(answer, Receipt) and not answer.duplicate:
                written.append(decided)
                if last[decided.stream] is decided:
                    self._cached.put(decided.state)
                yield committed(decided, answer, self._envelope, slot.request.line)
            else:
                outcome = self._outcome(slot, answer, broken)
                self.failed = self.failed or outcome.error is not None
                yield outcome
        self._sender.aggregates.take_snapshots(written)

    def _outcome(self, slot: _Slot, answer: Receipt | CqrsError | None, broken: set[str]) -> Outcome:
        request, decided = slot.request, slot.decided
        if decided is not None and isinstance(answer, Receipt):
            broken.add(decided.stream)  # a duplicate: what was decided on is not what the log has
            return committed(decided, answer, self._envelope, request.line)
        if slot.stream in broken and request.command is not None:
            return self._again(request)  # it was decided on events that were not written
        if slot.outcome is not None:
            return slot.outcome
        assert decided is not None
        assert not isinstance(answer, Receipt)
        broken.add(decided.stream)
        if isinstance(answer, CommandReused):
            return self._first_answer(request, None) or failed(request, answer)
        if isinstance(answer, Conflict) and request.expect is None:
            return self._again(request)
        return failed(request, answer)

    def _again(self, request: Request) -> Outcome:
        assert request.command is not None
        try:
            return self._sender.send(request.command, request.expect)._replace(line=request.line)
        except StoreFailed:
            raise
        except CqrsError as error:
            return failed(request, error)


def failed(request: Request, error: CqrsError | None) -> Outcome:
    """The outcome of a request that came to nothing, by the kind of its error."""
    error = error if error is not None else Misuse("there is no command")
    status: OutcomeStatus = next(word for kind, word in _STATUSES.items() if isinstance(error, kind))
    command = request.command
    if command is None:
        return Outcome(status, request.name, request.command_id, line=request.line, error=error)
    name, command_id = type(command).stored.name, command.meta.command_id
    return Outcome(status, name, command_id, line=request.line, error=error)
