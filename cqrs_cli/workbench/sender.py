"""Sending a command: load the aggregate, decide, append."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from cqrs_cli.domain.aggregate import AggregateType, made_key
from cqrs_cli.domain.clauses import Clause, decided
from cqrs_cli.domain.codec import Codec, Encoded
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.fold import AggregateFold, State
from cqrs_cli.domain.messages import Command, kebab
from cqrs_cli.errors import (
    AggregateNotFound,
    CommandReused,
    Conflict,
    CqrsError,
    Damaged,
    DefinitionError,
    DomainFailed,
    Rejected,
    Unavailable,
)
from cqrs_cli.failure import domain_failed
from cqrs_cli.stores.commits import MAX_COMMIT_EVENTS, AtVersion, Commit, NewEvent, NewStream, Receipt, SentCommand
from cqrs_cli.stores.contract import Inline, Store
from cqrs_cli.workbench.outcome import Expect, Outcome
from cqrs_cli.workbench.processors.inline import InlineProjections
from cqrs_cli.workbench.snapshots import Snapshots

MAX_TRIES = 20
KEPT_STATES = 1_000
_new = tuple.__new__  # the constructor of a named tuple takes twice as long, and a batch makes a dozen for each command


class Target(NamedTuple):
    """Who decides a command, on which stream. made: its key was made from the command's id."""

    aggregate: AggregateType
    clause: Clause
    stream: str
    key: tuple[Any, ...]
    made: bool


class Decision(NamedTuple):
    """What a command came to, not yet written. before: the version decided on. state: after the new events."""

    command_id: str
    sent: SentCommand
    commit: Commit | None
    stream: str
    before: int
    state: State
    encoded: Sequence[Encoded]

    @property
    def condition(self) -> NewStream | AtVersion:
        """What must still hold when it is written."""
        stream, before = self.stream, self.before
        return _new(AtVersion, (stream, before)) if before else _new(NewStream, (stream,))

    def answered(self, receipt: Receipt, line: int | None = None) -> Outcome:
        """The outcome once it is written. line: of the request, in a batch."""
        (events, duplicate), stream, before = receipt, self.stream, self.before
        status: Literal["duplicate", "committed"] = "committed"
        if duplicate:
            first = events[0]
            status, stream, before = "duplicate", first.stream, first.version - 1
        return _new(Outcome, (status, self.sent.type, self.command_id, events, stream, before, line, None, ()))

    def unchanged(self) -> Outcome:
        """The outcome without events."""
        return Outcome("unchanged", self.sent.type, self.command_id, (), self.stream, self.before)


class Sender:
    """Sends the commands of a domain to a store."""

    def __init__(
        self, store: Store, domain: Domain, codec: Codec, services: dict[type, Any], inline: InlineProjections
    ) -> None:
        self._store, self._domain, self.codec, self._services, self._inline = store, domain, codec, services, inline
        self._folds: dict[str, AggregateFold] = {}
        self._states: dict[str, State] = {}  # as the last commands left them, the latest last
        self._keeps = any(each.cls.keywords.snapshot_every is not None for each in domain.aggregates.values())
        self.snapshots = Snapshots(store, lambda stream: self.fold_of(domain.aggregate_of(stream)))

    def fold_of(self, aggregate: AggregateType) -> AggregateFold:
        """The aggregate's fold, made once."""
        fold = self._folds.get(aggregate.category)
        if fold is None:
            fold = self._folds[aggregate.category] = AggregateFold(aggregate, self.codec)
        return fold

    def load(self, aggregate: AggregateType, stream: str) -> State:
        """The aggregate as the log has it now."""
        return self.snapshots.load(self.fold_of(aggregate), stream)

    def keep_folds(self, written: Iterable[Decision]) -> None:
        """Keep the folds that are due after these decisions were written, in one transaction. Raises nothing."""
        if not self._keeps:
            return
        due = [
            decision.stream
            for decision in written
            if self.snapshots.due(decision.stream, decision.before, decision.state.version)
        ]
        self.snapshots.keep(dict.fromkeys(due))

    def inline_hook(self) -> Inline | None:
        """What every append of this domain runs in its transaction."""
        return self._inline.hook()

    # ── one command ───────────────────────────────────────────────────────────────────────────

    def send(self, command: Command, expect: Expect = None) -> Outcome:
        """Decide and append, durably. Raises `Rejected`, `NotFound`, `Conflict`, `CommandReused`, `DomainFailed` …

        Without `expect`, somebody else's append in between is solved by loading and deciding again.
        """
        sent = self.codec.sent(command)
        fresh, command.meta.fresh = command.meta.fresh, False
        known = None if fresh else self.honoured(command, sent)
        if known is not None:
            return known
        target = self.target(command)
        state = self.first_state(target)
        kept = (self._states.pop(target.stream, None) or self.assumed_state(target)) if state is None else None
        for _ in range(MAX_TRIES):
            try:
                if kept is not None:
                    decision = self.decide_on_kept(command, sent, target, expect, kept)
                else:
                    decision = self.decide(command, sent, target, expect, state)
            except CqrsError as error:
                return self.honoured_meanwhile(command, sent, error)
            state = kept = None
            if decision.commit is None:
                return self.honoured(command, sent) or decision.unchanged()
            try:
                receipt = self._store.append(decision.commit, (decision.condition,), self.inline_hook())
            except CommandReused:
                raise
            except Conflict:
                if expect is not None:
                    raise
                continue
            if not receipt.duplicate:
                self._keep_state(decision)
                self.keep_folds((decision,))
            return decision.answered(receipt)
        raise Conflict(
            f"{decision.stream} changed {MAX_TRIES} times while {sent.type} was being decided",
            hint="send it again when there is less traffic",
        )

    def _keep_state(self, decision: Decision) -> None:
        """Keep the state for the stream's next command: all that it is made of is in the log."""
        self._states[decision.stream] = decision.state
        if len(self._states) > KEPT_STATES:
            del self._states[next(iter(self._states))]

    def honoured(self, command: Command, sent: SentCommand) -> Outcome | None:
        """The first answer, if the log has this command id. Raises `CommandReused` if it was another command's."""
        command_id = command.meta.command_id
        recorded = self._store.commit(command_id)
        if recorded is None:
            return None
        names = (sent.type, *type(command).stored.aliases)
        if recorded.command is None or recorded.command.type not in names or recorded.command.digest != sent.digest:
            was = recorded.command.type if recorded.command is not None else "an import"
            other = " with other fields" if was in names else ""
            raise CommandReused(
                f"the command id {command_id} was used before, for {was}{other}",
                hint=f"a new command needs a new id; look at the first one: cqrs trace {command_id}",
                command_id=command_id,
            )
        first = recorded.events[0]
        return Outcome("duplicate", sent.type, command_id, recorded.events, first.stream, first.version - 1)

    def honoured_meanwhile(self, command: Command, sent: SentCommand, error: CqrsError) -> Outcome:
        """The first answer, if the same command came through beside this one and made it fail; else raises `error`."""
        if isinstance(error, Unavailable | Damaged):
            raise error
        known = self.honoured(command, sent)
        if known is None:
            raise error
        return known

    def target(self, command: Command) -> Target:
        """Who decides the command, on which stream. A new stream's name comes from the command's id."""
        aggregate, clause = self._domain.decider(type(command))
        key = aggregate.command_key(command)
        if key is not None:
            return _new(Target, (aggregate, clause, aggregate.stream_of(key), key, False))
        made = made_key(aggregate, clause, command)
        return Target(aggregate, clause, aggregate.stream_of(made), made, True)

    def first_state(self, target: Target) -> State | None:
        """The empty state for a stream whose name was made from a new command id: nobody can have written to it."""
        return State(target.stream, 0, target.aggregate.empty(target.key)) if target.made else None

    def assumed_state(self, target: Target) -> State | None:
        """The empty state for a command that opens its stream: that is not there yet, or the append will tell."""
        return State(target.stream, 0, target.aggregate.empty(target.key)) if target.clause.creates is True else None

    def decide(
        self, command: Command, sent: SentCommand, target: Target, expect: Expect = None, state: State | None = None
    ) -> Decision:
        """Decide without writing. state: the aggregate of the stream, if it is at hand; it is given away."""
        aggregate, clause, stream = target[:3]
        if state is None:
            state = self.load(aggregate, stream)
        before = state.version
        if expect is not None and before != (0 if expect == "new" else expect):
            raise Conflict(
                f"{stream} is at version {before}, expected {expect}",
                hint=f"look at it: cqrs log {stream}" if before else "it is not there yet, so `new` is what to expect",
                stream=stream,
                actual=before,
                expected=expect,
            )
        if clause.creates is (before > 0):
            raise _wrong_existence(aggregate, stream, before, sent.type)
        fold, events = self.fold_of(aggregate), aggregate.events
        seen = fold.untouched.seen(state.state)
        encoded = self._encoded(clause, state.state, command)
        fold.untouched.check(state.state, seen, clause)
        if not encoded:
            return Decision(command.meta.command_id, sent, None, stream, before, state, ())
        after = state.state
        for event in encoded:  # before the append: an event that its own aggregate can't take must not enter the log
            if type(event.event) not in events:
                raise DomainFailed(
                    f"{clause.where} gave {type(event.event).__name__}, which its return annotation does not name",
                    hint=f"name it there, or give {aggregate.cls.__name__} an evolve for it",
                )
            after = fold.apply(after, event.event, sent.type)
        meta = command.meta
        named = (
            meta.command_id,
            tuple([_new(NewEvent, (stream, type, version, data)) for type, version, data, _ in encoded]),
            sent,
            meta.correlation_id,
            meta.causation_id,
            meta.user_id,
            meta.metadata_json if meta.metadata else None,
        )
        commit = _new(Commit, named)
        state = _new(State, (stream, before + len(encoded), after, 0))
        return _new(Decision, (meta.command_id, sent, commit, stream, before, state, encoded))

    def decide_on_kept(
        self, command: Command, sent: SentCommand, target: Target, expect: Expect, kept: State
    ) -> Decision:
        """The decision on a state of an earlier command. One that comes to nothing counts on the newest state only.

        One with events needs no look at the log: its append has the version as a condition.
        """
        version = kept.version
        try:
            decision = self.decide(command, sent, target, expect, kept)
        except CqrsError:
            if self._store.version(target.stream) == version:
                raise
        else:
            if decision.commit is not None or self._store.version(target.stream) == version:
                return decision
        return self.decide(command, sent, target, expect)

    def _encoded(self, clause: Clause, state: Any, command: Command) -> Sequence[Encoded]:
        services = [self.service(kind, clause.where) for kind in clause.services] if clause.services else ()
        encode, encoded, deciding = self.codec.encode, [], True
        try:
            for event in decided(clause, state, command, services):
                deciding = False
                encoded.append(encode(event))
                deciding = True
                if len(encoded) > MAX_COMMIT_EVENTS:  # no store takes so many, and a generator may never end
                    break
        except (Rejected, DomainFailed):
            raise
        except BaseException as error:
            if not deciding:  # what can't be stored
                raise
            # Also errors of ours: raised by the domain, a Conflict would be tried again, and for ever.
            raise domain_failed(error, f"{clause.where} (deciding {type(command).__name__})") from error
        return encoded

    def service(self, kind: type, asked_by: str) -> Any:
        """The service of this type, made when it is first asked for. Raises `DefinitionError`, `DomainFailed`."""
        if kind not in self._services:
            try:
                self._services[kind] = self._domain.service(kind, asked_by)
            except DefinitionError:
                raise
            except BaseException as error:
                raise domain_failed(error, f"the factory of {kind.__name__}") from error
        return self._services[kind]


def _wrong_existence(aggregate: AggregateType, stream: str, version: int, name: str) -> CqrsError:
    """The error for a command that wants the stream to be there, or not to be there, when it is the other way."""
    if version == 0:
        openers = [kebab(command.__name__) for command, clause in aggregate.deciders.items() if clause.creates]
        return AggregateNotFound(
            f"{name}: there is no {stream}",
            hint=f"cqrs send {openers[0]} opens one" if openers else "cqrs streams lists what there is",
            stream=stream,
        )
    return Rejected(
        f"{name}: {stream} is there already",
        code="already-exists",
        hint=f"look at it: cqrs replay {stream}",
        stream=stream,
    )
