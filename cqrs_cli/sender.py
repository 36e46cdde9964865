"""Sending commands: load the aggregate, decide, append; one by one or many in one durable write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any, NamedTuple

from cqrs_cli.aggregate import AggregateType, new_key
from cqrs_cli.clauses import Clause, decided
from cqrs_cli.codec import Codec, Encoded
from cqrs_cli.domain import Domain
from cqrs_cli.errors import CommandReused, Conflict, CqrsError, DomainFailed, Misuse, NotFound, Rejected, Unavailable
from cqrs_cli.failure import domain_failed
from cqrs_cli.fold import AggregateFold, State
from cqrs_cli.messages import Command
from cqrs_cli.outcome import Expect, Outcome, Request, Status
from cqrs_cli.stores.contract import Append, AtVersion, Commit, NewEvent, NewStream, Receipt, Recorded, Selection, SentCommand, Store

MAX_TRIES = 20
BATCH_SIZE = 500
BATCH_SECONDS = 0.2
CACHED_STATES = 10_000


class Decision(NamedTuple):
    """What a command came to, not yet written. state: after the new events."""

    commit: Commit | None
    stream: str
    before: int
    state: State
    encoded: tuple[Encoded, ...]


class Sender:
    """Sends the commands of a domain to a store."""

    def __init__(self, store: Store, domain: Domain, codec: Codec, services: dict[type, Any]) -> None:
        self._store, self._domain, self._codec, self._services = store, domain, codec, services
        self._folds: dict[str, AggregateFold] = {}

    def fold_of(self, aggregate: AggregateType) -> AggregateFold:
        """The aggregate's fold, made once."""
        fold = self._folds.get(aggregate.category)
        if fold is None:
            fold = self._folds[aggregate.category] = AggregateFold(aggregate, self._codec)
        return fold

    def load(self, aggregate: AggregateType, stream: str) -> State:
        """The aggregate as the log has it now."""
        fold = self.fold_of(aggregate)
        return fold.over(fold.empty(stream), self._store.scan(Selection(stream=stream)))

    # ── one command ───────────────────────────────────────────────────────────────────────────

    def send(self, command: Command, expect: Expect = None) -> Outcome:
        """Decide and append, durably. Raises `Rejected`, `NotFound`, `Conflict`, `CommandReused`, `DomainFailed` …

        Without `expect`, somebody else's append in between is solved by loading and deciding again.
        """
        sent = self._codec.sent(command)
        known = self.honoured(command, sent)
        if known is not None:
            return known
        stream = self.stream_of(command)
        for _ in range(MAX_TRIES):
            decision = self.decide(command, sent, stream, expect)
            if decision.commit is None:
                return Outcome("unchanged", sent.type, command.meta.command_id, (), decision.stream, decision.before)
            try:
                receipt = self._store.append(decision.commit, (_condition(decision),))
            except CommandReused:
                raise
            except Conflict:
                if expect is not None:
                    raise
                continue
            return _answered(sent.type, command.meta.command_id, receipt, decision)
        raise Conflict(
            f"{decision.stream} changed {MAX_TRIES} times while {sent.type} was being decided", hint="send it again when there is less traffic"
        )

    def honoured(self, command: Command, sent: SentCommand) -> Outcome | None:
        """The first answer, if the log has this command id. Raises `CommandReused` if it was another command's."""
        command_id = command.meta.command_id
        recorded = self._store.commit(command_id)
        if recorded is None:
            return None
        if recorded.command is None or (recorded.command.type, recorded.command.digest) != (sent.type, sent.digest):
            was = recorded.command.type if recorded.command is not None else "an import"
            raise CommandReused(
                f"the command id {command_id} was used before, for {was} with {'the same name but other' if was == sent.type else 'its own'} fields",
                hint="a new command needs a new id; look at the first one: cqrs log --json",
                command_id=command_id,
            )
        first = recorded.events[0]
        return Outcome("duplicate", sent.type, command_id, recorded.events, first.stream, first.version - 1)

    def decide(self, command: Command, sent: SentCommand, stream: str, expect: Expect = None, state: State | None = None) -> Decision:
        """Decide without writing. state: the aggregate of the stream, if it is at hand; it is given away."""
        aggregate, clause = self._domain.decider(type(command))
        if state is None:
            state = self.load(aggregate, stream)
        before = state.version
        if expect is not None and before != (0 if expect == "new" else expect):
            raise Conflict(
                f"{stream} is at version {before}, expected {expect}", hint=f"look at it: cqrs log {stream}", stream=stream, actual=before, expected=expect
            )
        _check_existence(clause, stream, before, sent.type)
        encoded = tuple(self._encoded(clause, state.state, command))
        if not encoded:
            return Decision(None, stream, before, state, ())
        after = state.state
        fold = self.fold_of(aggregate)
        for event in encoded:  # before the append: an event that its own aggregate can't take must not enter the log
            if type(event.event) not in aggregate.events:
                raise DomainFailed(
                    f"{clause.where} gave {type(event.event).__name__}, which its return annotation does not name",
                    hint=f"name it there, or give {aggregate.cls.__name__} an evolve for it",
                )
            after = fold.apply(after, event.event, f"on the event that {sent.type} decided")
        meta = command.meta
        commit = Commit(
            id=meta.command_id,
            events=tuple([NewEvent(stream, event.type, event.schema_version, event.data) for event in encoded]),
            command=sent,
            correlation_id=meta.correlation_id,
            causation_id=meta.causation_id,
            user_id=meta.user_id,
            metadata=json.dumps(meta.metadata, ensure_ascii=False, sort_keys=True, allow_nan=False) if meta.metadata else None,
        )
        return Decision(commit, stream, before, State(stream, before + len(encoded), after), encoded)

    def stream_of(self, command: Command) -> str:
        """The stream that a command is for; a new one's name comes from the command's id."""
        aggregate = self._domain.decider(type(command)).aggregate
        key = aggregate.command_key(command)
        return aggregate.stream_of(key if key is not None else new_key(aggregate, command.meta.command_id))

    def _encoded(self, clause: Clause, state: Any, command: Command) -> Iterator[Encoded]:
        services = [self._service(kind, clause.where) for kind in clause.services]
        try:
            for event in decided(clause, state, command, services):
                yield self._codec.encode(event)
        except CqrsError:
            raise
        except Exception as error:
            raise domain_failed(error, f"{clause.where} (deciding {type(command).__name__})") from error

    def _service(self, kind: type, asked_by: str) -> Any:
        if kind not in self._services:
            try:
                self._services[kind] = self._domain.service(kind, asked_by)
            except CqrsError:
                raise
            except Exception as error:
                raise domain_failed(error, f"the factory of {kind.__name__}") from error
        return self._services[kind]

    # ── many ──────────────────────────────────────────────────────────────────────────────────

    def send_batch(self, requests: Iterable[Request], fail_fast: bool = False) -> Iterator[Outcome]:
        """Outcomes in the order of the requests, each given only once it is durable. Errors are outcomes.

        fail_fast: nothing after the first request without success is decided.
        """
        batch = _Batch(self, self._store)
        for request in requests:
            if batch.must_flush_before(request):
                yield from batch.flush()
            failed = not batch.take(request)
            if failed and fail_fast:
                yield from batch.flush()
                return
            if batch.is_full():
                for outcome in batch.flush():
                    yield outcome
                    failed = failed or outcome.error is not None
                if failed and fail_fast:
                    return
        yield from batch.flush()


class _Slot(NamedTuple):
    request: Request
    outcome: Outcome | None  # what is known without writing
    decision: Decision | None
    stream: str | None


class _Batch:
    """Decisions that wait for one durable write.

    States are kept between commands, but only as long as everything they are made of was
    acknowledged: after a rejection (a decide may have touched the state) or a failed append the
    stream is read again.
    """

    def __init__(self, sender: Sender, store: Store) -> None:
        self._sender, self._store = sender, store
        self._states: dict[str, State] = {}
        self._slots: list[_Slot] = []
        self._ids: set[str] = set()
        self._pending: set[str] = set()  # streams with decided, unwritten events
        self._stale: set[str] = set()  # of those, the ones whose kept state is gone
        self._since = 0.0

    def is_full(self) -> bool:
        return len(self._slots) >= BATCH_SIZE or (bool(self._slots) and monotonic() - self._since > BATCH_SECONDS)

    def must_flush_before(self, request: Request) -> bool:
        """Whether this command has to see what waits: the same id, or a stream whose state must be read again."""
        if request.command is None or not self._slots:
            return False
        if request.command.meta.command_id in self._ids:
            return True
        return bool(self._stale) and self._stream(request.command) in self._stale

    def take(self, request: Request) -> bool:
        """Decide the request. False if it can't succeed any more."""
        if not self._slots:
            self._since = monotonic()
        slot = self._slot(request)
        self._slots.append(slot)
        return slot.outcome is None or slot.outcome.error is None

    def flush(self) -> Iterator[Outcome]:
        """Write what waits and give the outcomes, in order."""
        slots, self._slots = self._slots, []
        self._ids.clear()
        self._pending.clear()
        self._stale.clear()
        appends = [Append(slot.decision.commit, (_condition(slot.decision),)) for slot in slots if slot.decision and slot.decision.commit]
        try:
            answers = iter(self._store.append_many(appends) if appends else [])
        except CqrsError:
            self._states.clear()
            raise
        broken: set[str] = set()
        for slot in slots:
            answer = next(answers) if slot.decision and slot.decision.commit else None
            yield self._outcome(slot, answer, broken)
        while len(self._states) > CACHED_STATES:
            del self._states[next(iter(self._states))]

    def _stream(self, command: Command) -> str | None:
        try:
            return self._sender.stream_of(command)
        except CqrsError:
            return None

    def _slot(self, request: Request) -> _Slot:
        command = request.command
        if command is None:
            return _Slot(request, _failed(request, request.error), None, None)
        stream = None
        try:
            sent = self._sender._codec.sent(command)
            known = self._sender.honoured(command, sent)
            if known is not None:
                return _Slot(request, known._replace(line=request.line), None, None)
            stream = self._sender.stream_of(command)
            decision = self._sender.decide(command, sent, stream, request.expect, self._states.pop(stream, None))
        except Unavailable:
            raise
        except CqrsError as error:
            if stream in self._pending:
                self._stale.add(stream)
            return _Slot(request, _failed(request, error), None, stream)
        self._ids.add(command.meta.command_id)
        if decision.commit is None:
            if stream in self._pending:
                self._stale.add(stream)
            unchanged = Outcome("unchanged", sent.type, command.meta.command_id, (), stream, decision.before, request.line)
            return _Slot(request, unchanged, None, stream)
        self._pending.add(stream)
        self._states[stream] = decision.state
        return _Slot(request, None, decision, stream)

    def _outcome(self, slot: _Slot, answer: Receipt | CqrsError | None, broken: set[str]) -> Outcome:
        request = slot.request
        if slot.stream in broken and (request.command is not None):
            return self._again(request)  # it was decided on events that were not written
        if slot.outcome is not None:
            return slot.outcome
        assert slot.decision is not None and request.command is not None
        name, command_id = type(request.command).stored.name, request.command.meta.command_id
        if isinstance(answer, Receipt):
            return _answered(name, command_id, answer, slot.decision)._replace(line=request.line)
        broken.add(slot.decision.stream)
        self._states.pop(slot.decision.stream, None)
        if isinstance(answer, Conflict) and not isinstance(answer, CommandReused) and request.expect is None:
            return self._again(request)
        return _failed(request, answer)

    def _again(self, request: Request) -> Outcome:
        assert request.command is not None
        try:
            return self._sender.send(request.command, request.expect)._replace(line=request.line)
        except Unavailable:
            raise
        except CqrsError as error:
            return _failed(request, error)


def _condition(decision: Decision) -> NewStream | AtVersion:
    return AtVersion(decision.stream, decision.before) if decision.before else NewStream(decision.stream)


def _answered(name: str, command_id: str, receipt: Receipt, decision: Decision) -> Outcome:
    events: tuple[Recorded, ...] = receipt.events
    return Outcome("duplicate" if receipt.duplicate else "committed", name, command_id, events, decision.stream, decision.before)


def _failed(request: Request, error: CqrsError | None) -> Outcome:
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
    name = type(command).stored.name if command is not None else None
    command_id = command.meta.command_id if command is not None else None
    return Outcome(status, name, command_id, line=request.line, error=error)


def _check_existence(clause: Clause, stream: str, version: int, name: str) -> None:
    if version == 0 and clause.creates is False:
        raise NotFound(f"{name}: there is no {stream}", code="aggregate-not-found", hint="cqrs streams lists what there is", stream=stream)
    if version > 0 and clause.creates is True:
        raise Rejected(f"{name}: {stream} is there already", code="already-exists", hint=f"look at it: cqrs replay {stream}", stream=stream)
