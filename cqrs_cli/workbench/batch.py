"""Many commands in grouped durable writes, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from cqrs_cli.domain.decision import Decided, Target
from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CommandReused, Conflict, CqrsError, Misuse, NotFound, Rejected, StoreFailed
from cqrs_cli.stores.commits import Receipt, SentCommand
from cqrs_cli.stores.conditions import AtVersion, Condition
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
    """See `Workbench.send_batch`. fail_fast: nothing after the first request without success is written."""
    batch = _Batch(sender)
    for group in _groups(requests, sender):
        yield from batch.outcomes(group, fail_fast)
        if fail_fast and batch.failed:
            return


class _Line(NamedTuple):
    """A request, and its command as it is stored; or why there is none."""

    request: Request
    sent: SentCommand | None
    error: CqrsError | None = None


def _groups(requests: Iterable[Request | None], sender: Sender) -> Iterator[list[_Line]]:
    """What is written together: so many, or so many bytes, or what is at hand."""
    limits, group, size = sender.engine.limits, list[_Line](), 0
    for request in chain(requests, [None]):
        if request is not None:
            line = _line(sender, request)
            group.append(line)
            size += 0 if line.sent is None else len(line.sent.data or b"")
        if group and (request is None or len(group) == limits.written_together or size >= limits.written_bytes):
            yield group
            group, size = [], 0


def _line(sender: Sender, request: Request) -> _Line:
    command = request.command
    if command is None:
        return _Line(request, None, request.error)
    try:
        return _new(_Line, (request, sender.codec.sent(command), None))
    except CqrsError as error:
        return _Line(request, None, error)


class _Slot(NamedTuple):
    """What a line came to.

    outcome: what is known without writing. stream, follows, version: which state of the stream it was decided on: that
    after the events of an earlier command of the write, or the one of this version in the log.
    """

    request: Request
    outcome: Outcome | None
    decided: Decided | None = None
    stream: str | None = None
    follows: str | None = None
    version: int | None = None


class _Batch:
    """Decisions that wait for one durable write, which ends where a decision turns out to be on a state that is none.

    The last of each stream has the state for the stream's next command, as it is made of events that are not written
    yet. After a rejection (a decide may have touched the state) or a failed append the stream is read again.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender, self._store, self._cached = sender, sender.engine.store, sender.aggregates.cached
        self._domain, self._envelope = sender.engine.domain, sender.engine.domain.envelope
        self._most_bytes = sender.engine.limits.written_bytes
        self.failed = False  # whether an outcome was an error
        self._known: set[str] = set()
        self._ids: set[str] = set()  # decided in this write, not written yet
        self._waiting: dict[str, Decided | None] = {}  # the last of each stream; None: its state counts no more

    def outcomes(self, group: Sequence[_Line], fail_fast: bool) -> Iterator[Outcome]:
        """Decide and write a group, in as many writes as it takes."""
        metas = [line.request.command.meta for line in group if line.request.command is not None]
        self._known = self._store.known([meta.command_id for meta in metas if not meta.id_is_new])
        for meta in metas:
            meta.id_is_new = False
        at, most = 0, len(group)
        while at < len(group) and not (fail_fast and self.failed):
            slots = self._decide(group[at : at + most], fail_fast)
            answered = yield from self._write(slots, fail_fast)
            at += answered
            # What is decided in vain is never more than twice what is written.
            most = len(group) if answered == len(slots) else 2 * answered

    def _decide(self, lines: Sequence[_Line], fail_fast: bool) -> list[_Slot]:
        """Decide lines, until what waits must be written first: it is much, or the next has the same id, or its state
        is gone.
        """
        slots: list[_Slot] = []
        size, self._ids, self._waiting = 0, set(), {}
        for line in lines:
            slot = self._slot(line)
            if slot is None:
                break
            slots.append(slot)
            if slot.decided is not None and slot.decided.commit is not None:
                for event in slot.decided.commit.events:
                    size += len(event[3])
            if size >= self._most_bytes or (fail_fast and slot.outcome is not None and slot.outcome.is_failure):
                break
        return slots

    def _slot(self, line: _Line) -> _Slot | None:
        """What the line comes to; None if what waits must be written first: the same id, or a state that is gone."""
        request, sent, error = line
        command = request.command
        if command is None or sent is None:
            return _Slot(request, failed(request, error))
        command_id = command.meta.command_id
        if command_id in self._ids:
            return None
        if request.rejection is not None:
            return None if self._ids else _Slot(request, self._to_be_rejected(request, command))
        stream = before = None
        try:
            if command_id in self._known:  # first: a command that was honoured is not decided again
                known = self._sender.honoured(command, sent)
                if known is not None:
                    return _Slot(request, known._replace(line=request.line))
            target = self._sender.aggregates.target_of(command)
            stream = target.stream
            before = self._waiting.get(stream)
            if before is None and stream in self._waiting:
                return None
            decided = self._decided(command, sent, target, request.expect, before and before.state)
        except StoreFailed:
            raise
        except CqrsError as error:
            return self._came_to_nothing(request, sent, failed(request, error), stream, before)
        if decided.commit is None:
            return self._came_to_nothing(request, sent, unchanged(decided, request.line), stream, before)
        self._ids.add(command_id)
        self._waiting[stream] = decided
        return _new(_Slot, (request, None, decided, stream, before and before.command_id, None))

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

    def _came_to_nothing(
        self, request: Request, sent: SentCommand, outcome: Outcome, stream: str | None, before: Decided | None
    ) -> _Slot:
        """The slot of a command without events: the first answer, if somebody else sent it meanwhile. The state that
        it came to nothing on counts no more.
        """
        command = request.command
        assert command is not None
        if stream in self._waiting:
            self._waiting[stream] = None
        if self._store.known([command.meta.command_id]):
            try:
                known = self._sender.honoured(command, sent)
            except CqrsError as error:
                return _Slot(request, failed(request, error))
            if known is not None:
                return _Slot(request, known._replace(line=request.line))
        if stream is None or before is not None:
            return _Slot(request, outcome, None, stream, before and before.command_id)
        return _Slot(request, outcome, None, stream, None, self._store.version(stream))

    def _write(self, slots: Sequence[_Slot], fail_fast: bool) -> Generator[Outcome, None, int]:
        """Write what waits and give the outcomes, in order; returns how many these are.

        The first that was decided on what is not so is sent by itself, in its place, and is the last.
        """
        appends = self._appends(slots, fail_fast)
        answers = self._store.append_many(appends) if appends else []
        self._known |= self._ids
        right, left, written = self._right(slots, appends, answers), iter(answers), []
        for request, outcome, decided, *_ in slots[:right]:
            if decided is not None:
                answer = next(left)
                if isinstance(answer, Receipt):
                    if not answer.duplicate:
                        written.append(decided)
                        if self._waiting[decided.stream] is decided:
                            self._cached.put(decided)
                    yield committed(decided, answer, self._envelope, request.line)
                    continue
                outcome = self._reused(request) if isinstance(answer, CommandReused) else failed(request, answer)
            assert outcome is not None
            self.failed = self.failed or outcome.is_failure
            yield outcome
            if fail_fast and self.failed:
                right = len(slots)
                break
        self._sender.aggregates.take_snapshots(written)
        if right == len(slots):
            return right
        yield self._alone(slots[right].request)
        return right + 1

    def _reused(self, request: Request) -> Outcome:
        """What a command comes to whose id somebody else used meanwhile: the first answer, if it was the same."""
        command = request.command
        assert command is not None
        try:
            known = self._sender.honoured(command, self._sender.codec.sent(command))
        except CqrsError as error:
            return failed(request, error)
        assert known is not None, "the store has the id"
        return known._replace(line=request.line)

    def _appends(self, slots: Sequence[_Slot], fail_fast: bool) -> list[Append]:
        """The commits, each with what it was decided on, and what was decided since the one before it."""
        hook = self._sender.inline_hook() if self._ids else None  # it may write
        appends: list[Append] = []
        follows: tuple[str, ...] = ()
        assumes: tuple[Condition, ...] = ()
        for request, _, decided, stream, before, version in slots:
            if before is not None:
                follows += (before,)
            if decided is None:
                if version is not None and stream is not None:
                    assumes += (AtVersion(stream, version),)
                continue
            if fail_fast and appends:  # and nothing follows what fails
                follows += (appends[-1].commit.id,)
            conditions = decided.conditions
            if request.expect is None:
                appends.append(_new(Append, (decided.commit, (), hook, follows, assumes + conditions)))
            else:
                appends.append(_new(Append, (decided.commit, conditions, hook, follows, assumes)))
            follows = assumes = ()
        return appends

    def _right(self, slots: Sequence[_Slot], appends: Sequence[Append], answers: Sequence[Receipt | CqrsError]) -> int:
        """How many of the slots, from the first, were decided on what is so."""
        if len(answers) < len(appends):
            places = [place for place, slot in enumerate(slots) if slot.decided is not None]
            return places[len(answers) - 1] + 1 if answers else 0
        right = len(slots)
        if not appends or slots[-1].decided is not None:
            return right
        written = {answer.events[0].commit_id for answer in answers if isinstance(answer, Receipt) and not answer[1]}
        for place in range(right - 1, -1, -1):  # those after the last commit, which no condition of one has proved
            _, _, decided, stream, before, version = slots[place]
            if decided is not None:
                break
            is_other = version is not None and stream is not None and self._store.version(stream) != version
            if is_other or (before is not None and before not in written):
                right = place
        return right

    def _alone(self, request: Request) -> Outcome:
        """The outcome of a command that is decided and written by itself, with a turn of its own."""
        assert request.command is not None
        try:
            outcome = self._sender.send(request.command, request.expect)._replace(line=request.line)
        except StoreFailed:
            raise
        except CqrsError as error:
            outcome = failed(request, error)
        self.failed = self.failed or outcome.is_failure
        return outcome

    def _to_be_rejected(self, request: Request, command: Command) -> Outcome:
        """What a command comes to that is to be rejected: looked at and never written, with nothing waiting before it.

        The rules of inline rows count too, which no decision alone would tell.
        """
        from cqrs_cli.workbench.dry_run import dry_run

        try:
            outcome = dry_run(self._sender, command)
        except StoreFailed:
            raise
        except CqrsError as error:
            return _judged(request, error)
        count = len(outcome.events)
        found = f"it would append {count} event{'' if count == 1 else 's'} to {outcome.stream}"
        if outcome.status == "duplicate":
            found = f"it was committed before, at @{outcome.position}"
        elif not count:
            found = f"{outcome.stream} would stay as it is"
        return _unexpected(request, f"{found}; nothing was written", None)


def failed(request: Request, error: CqrsError | None) -> Outcome:
    """The outcome of a request that came to nothing, by the kind of its error."""
    error = error if error is not None else Misuse("there is no command")
    status: OutcomeStatus = next(word for kind, word in _STATUSES.items() if isinstance(error, kind))
    return _came_to(request, status, error)


def _judged(request: Request, error: CqrsError) -> Outcome:
    """The outcome of a request that is to be rejected, by what was raised."""
    if not isinstance(error, Rejected | NotFound):
        return failed(request, error)
    if error.code == request.rejection:
        return _came_to(request, "as-expected", error)
    return _unexpected(request, f"it was {error.code}: {error.message}", error.code)


def _unexpected(request: Request, found: str, code: str | None) -> Outcome:
    """The outcome of a request that should have been rejected and was not, or with another code."""
    message = f"expected the rejection {request.rejection}, but {found}"
    error = Rejected(message, code="unexpected", expected=request.rejection, found=code)
    return _came_to(request, "unexpected", error)


def _came_to(request: Request, status: OutcomeStatus, error: CqrsError) -> Outcome:
    command, name, command_id = request.command, request.name, request.command_id
    if command is not None:
        name, command_id = type(command).stored.name, command.meta.command_id
    return Outcome(status, name, command_id, line=request.line, error=error, request=request)
