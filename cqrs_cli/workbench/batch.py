"""Many commands in grouped durable writes, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CommandReused, Conflict, CqrsError, Damaged, Misuse, NotFound, Rejected, Unavailable
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import MAX_EVENT_BYTES, Commit, Receipt, SentCommand
from cqrs_cli.stores.contract import Append, Store
from cqrs_cli.stores.streams import MAX_NAME_BYTES
from cqrs_cli.workbench.outcome import Expect, Outcome, Request, Status
from cqrs_cli.workbench.sender import Decision, Sender, Target

GROUP = 2_000
CACHED_STATES = 10_000
_new = tuple.__new__  # the constructor of a named tuple takes twice as long, and a batch makes a dozen for each command


def send_batch(
    sender: Sender, store: Store, requests: Iterable[Request | None], fail_fast: bool = False
) -> Iterator[Outcome]:
    """Outcomes in the order of the requests, each given only once it is durable. Errors are outcomes.

    None among the requests means that nothing more is at hand now: what waits is written.
    fail_fast: nothing after the first request without success is decided, save what was already
    decided together with it when only the write showed that somebody else had been faster.
    """
    batch = _Batch(sender, store)
    for group in _groups(requests):
        failed_once = False
        for outcome in batch.outcomes(group, fail_fast):
            yield outcome
            failed_once = failed_once or outcome.error is not None
        if fail_fast and failed_once:
            return


def _groups(requests: Iterable[Request | None]) -> Iterator[list[Request]]:
    group: list[Request] = []
    for request in requests:
        if request is not None:
            group.append(request)
        if group and (request is None or len(group) == GROUP):
            yield group
            group = []
    if group:
        yield group


class _Slot(NamedTuple):
    request: Request
    outcome: Outcome | None  # what is known without writing
    decision: Decision | None
    stream: str | None
    follows: str | None = None  # the command in the same write on whose events this one was decided


class _Batch:
    """Decisions that wait for one durable write.

    States are kept between commands, but only as long as everything they are made of was
    acknowledged: after a rejection (a decide may have touched the state) or a failed append the
    stream is read again.
    """

    def __init__(self, sender: Sender, store: Store) -> None:
        self._sender, self._store = sender, store
        self._states: dict[str, State] = {}
        self._known: set[str] = set()
        self._slots: list[_Slot] = []
        self._ids: set[str] = set()  # decided in this group, not written yet
        self._pending: dict[str, str] = {}  # streams with decided, unwritten events, and the last command of each
        self._stale: set[str] = set()  # of those, the ones whose kept state is gone

    def outcomes(self, group: list[Request], fail_fast: bool) -> Iterator[Outcome]:
        """Decide and write a group."""
        metas = [request.command.meta for request in group if request.command is not None]
        self._known = self._store.known([meta.command_id for meta in metas if not meta.fresh])
        for meta in metas:
            meta.fresh = False
        for request in group:
            slot = self._decided(request)
            if slot is None:
                failed_once = False
                for outcome in self._write():
                    yield outcome
                    failed_once = failed_once or outcome.error is not None
                if fail_fast and failed_once:
                    return
                slot = self._decided(request)
                assert slot is not None
            self._slots.append(slot)
            if fail_fast and slot.outcome is not None and slot.outcome.error is not None:
                break
        yield from self._write()

    def _decided(self, request: Request) -> _Slot | None:
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
            target = self._sender.target(command)
            stream = target.stream
            if stream in self._stale:
                return None
            decision = self._decision(command, sent, target, request.expect)
            if decision.commit is not None and not _is_ordinary(decision.commit):
                # Now, before others are decided on its events: those would have to wait for the next write.
                check_append(decision.commit, ())
        except (Unavailable, Damaged):
            raise
        except CqrsError as error:
            self._lose(stream)
            return _Slot(request, self._first_answer(request) or failed(request, error), None, stream)
        if decision.commit is None:
            self._lose(stream)
            return _Slot(
                request, self._first_answer(request) or decision.unchanged()._replace(line=request.line), None, stream
            )
        self._ids.add(command_id)
        follows, self._pending[stream] = self._pending.get(stream), command_id
        self._states[stream] = decision.state
        return _new(_Slot, (request, None, decision, stream, follows))

    def _decision(self, command: Command, sent: SentCommand, target: Target, expect: Expect) -> Decision:
        """The decision on the kept state, if there is one."""
        sender, kept = self._sender, self._states.pop(target.stream, None)
        if target.stream in self._pending:
            return sender.decide(command, sent, target, expect, kept)
        state = sender.first_state(target) if kept is None else None
        kept = kept or sender.assumed_state(target)
        if state is not None or kept is None:
            return sender.decide(command, sent, target, expect, state)
        return sender.decide_on_kept(command, sent, target, expect, kept)

    def _first_answer(self, request: Request) -> Outcome | None:
        """The first answer to a command that somebody else sent with this id since the group was looked up."""
        command = request.command
        assert command is not None
        if not self._store.known([command.meta.command_id]):
            return None
        try:
            known = self._sender.honoured(command, self._sender.codec.sent(command))
        except CqrsError as error:
            return failed(request, error)
        return known._replace(line=request.line) if known is not None else None

    def _lose(self, stream: str | None) -> None:
        if stream in self._pending:
            self._stale.add(stream)

    def _write(self) -> Iterator[Outcome]:
        """Write what waits and give the outcomes, in order."""
        slots, self._slots = self._slots, []
        try:
            hook = self._sender.inline_hook() if self._ids else None  # it may write
            appends = [
                _new(Append, (slot.decision.commit, (slot.decision.condition,), hook, slot.follows))
                for slot in slots
                if slot.decision and slot.decision.commit
            ]
            answers = iter(self._store.append_many(appends) if appends else ())
        except CqrsError:
            self._states.clear()
            raise
        self._known |= self._ids
        self._ids, self._pending, self._stale = set(), {}, set()
        broken: set[str] = set()
        written = []
        for slot in slots:
            answer = next(answers) if slot.decision else None
            if slot.decision and isinstance(answer, Receipt) and not answer.duplicate:
                written.append(slot.decision)
                yield slot.decision.answered(answer, slot.request.line)
            else:
                yield self._outcome(slot, answer, broken)
        self._sender.keep_folds(written)
        while len(self._states) > CACHED_STATES:
            del self._states[next(iter(self._states))]

    def _outcome(self, slot: _Slot, answer: Receipt | CqrsError | None, broken: set[str]) -> Outcome:
        request, decision = slot.request, slot.decision
        if decision is not None and isinstance(answer, Receipt):
            broken.add(decision.stream)  # a duplicate: what was kept is not what the log has
            self._states.pop(decision.stream, None)
            return decision.answered(answer, request.line)
        if slot.stream in broken and request.command is not None:
            return self._again(request)  # it was decided on events that were not written
        if slot.outcome is not None:
            return slot.outcome
        assert decision is not None
        assert not isinstance(answer, Receipt)
        broken.add(decision.stream)
        self._states.pop(decision.stream, None)
        if isinstance(answer, Conflict) and not isinstance(answer, CommandReused) and request.expect is None:
            return self._again(request)
        return failed(request, answer)

    def _again(self, request: Request) -> Outcome:
        assert request.command is not None
        try:
            return self._sender.send(request.command, request.expect)._replace(line=request.line)
        except (Unavailable, Damaged):
            raise
        except CqrsError as error:
            return failed(request, error)


def _is_ordinary(commit: Commit) -> bool:
    """Whether it is far from all limits, so that no store can refuse it whatever it holds."""
    _, events, command, *named = commit
    if named != _UNNAMED or len(events) > 9:
        return False
    size = 0 if command is None or command[3] is None else len(command[3])
    for event in events:
        size += len(event[3])
    return size < MAX_EVENT_BYTES and len(events[0][0]) < MAX_NAME_BYTES // 4


_UNNAMED = [None] * 4
"""No correlation, causation, user or metadata."""


def failed(request: Request, error: CqrsError | None) -> Outcome:
    """The outcome of a request that came to nothing, by the kind of its error."""
    error = error if error is not None else Misuse("there is no command")
    status: Status
    match error:
        case Rejected():
            status = "rejected"
        case NotFound():
            status = "not-found"
        case Conflict():
            status = "conflict"
        case Misuse():
            status = "invalid"
        case _:
            status = "failed"
    command = request.command
    if command is None:
        return Outcome(status, request.name, request.command_id, line=request.line, error=error)
    name, command_id = type(command).stored.name, command.meta.command_id
    return Outcome(status, name, command_id, line=request.line, error=error)
