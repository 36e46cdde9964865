"""Deciding a command: one function for sends, batches, dry runs and scenarios. What fails in one fails in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any, NamedTuple

from cqrs_cli.domain.aggregate import AggregateType, made_key
from cqrs_cli.domain.answers import Heard
from cqrs_cli.domain.clauses import Clause, decided
from cqrs_cli.domain.codec import Codec, Encoded
from cqrs_cli.domain.domain import NO_STAND_IN, Domain
from cqrs_cli.domain.fold import AggregateFold, State
from cqrs_cli.domain.messages import Command, kebab, metadata_json
from cqrs_cli.errors import AggregateNotFound, CqrsError, DefinitionError, DomainFailed, Rejected
from cqrs_cli.failure import domain_failed
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import MAX_COMMIT_EVENTS, MAX_EVENT_BYTES, Commit, NewEvent, SentCommand
from cqrs_cli.stores.conditions import AtVersion, NewStream
from cqrs_cli.stores.streams import MAX_NAME_BYTES

_new = tuple.__new__  # the constructor of a named tuple takes twice as long, and a batch makes a dozen for each command


_UNMADE: Any = object()


class Services:
    """The services of a domain, each made when it is first asked for.

    replaced: instances to take instead, by type. rehearsing: the domain's stand-ins are taken, and no live one.
    """

    def __init__(self, domain: Domain, replaced: Mapping[type, Any] | None = None, *, rehearsing: bool = False) -> None:
        self._make = domain.stand_in if rehearsing else domain.service
        self._recorded = frozenset[type]() if rehearsing else domain.recorded
        self._made, self._one_at_a_time = dict(replaced or {}), RLock()

    def __call__(self, kind: type, asked_by: str) -> Any:
        """The service of this type. Raises `DefinitionError`, `DomainFailed`."""
        found = self._made.get(kind, _UNMADE)
        return self._first(kind, asked_by) if found is _UNMADE else found

    def given(self, clause: Clause) -> tuple[list[Any], Heard | None]:
        """The services that a clause asks for; and what they will have answered, if that is to be kept."""
        services = [self(kind, clause.where) for kind in clause.services]
        if self._recorded.isdisjoint(clause.services):
            return services, None
        heard = Heard()
        pairs = zip(clause.services, services, strict=True)
        return [heard.listening(kind, one) if kind in self._recorded else one for kind, one in pairs], heard

    def _first(self, kind: type, asked_by: str) -> Any:
        with self._one_at_a_time:
            if kind not in self._made:
                try:
                    self._made[kind] = self._make(kind, asked_by)
                except DefinitionError:
                    raise
                except BaseException as error:
                    if getattr(error, "code", None) == NO_STAND_IN:
                        raise
                    raise domain_failed(error, f"the factory of {kind.__name__}") from error
            return self._made[kind]


class Target(NamedTuple):
    """Who decides a command, on which stream. made: its key was made from the command's id.

    others: what the stream of that key would be called under the other names of the aggregate.
    """

    aggregate: AggregateType
    clause: Clause
    stream: str
    key: tuple[Any, ...]
    made: bool
    others: tuple[str, ...] = ()

    def empty(self) -> State[Any]:
        """The aggregate before its first event."""
        return State(self.stream, 0, self.aggregate.empty(self.key))

    def assumed(self) -> State[Any] | None:
        """`empty` for a command that opens its stream: that is not there yet, or the append will tell."""
        return self.empty() if self.clause.creates is True else None


def target_of(domain: Domain, command: Command) -> Target:
    """Who decides the command, on which stream. A new stream's name comes from the command's id.

    Raises `NotFound` and `InvalidInput`.
    """
    aggregate, clause = domain.decider(type(command))
    key = aggregate.command_key(command)
    if key is not None:
        return _new(Target, (aggregate, clause, aggregate.stream_of(key), key, False, ()))
    made = made_key(aggregate, clause, command)
    return Target(aggregate, clause, aggregate.stream_of(made), made, True)


class Decided(NamedTuple):
    """What a command came to, not yet written. before: the version decided on. state: after the new events.

    others: streams that may not be there if this one is new, as they would have the same key.
    """

    command_id: str
    sent: SentCommand
    commit: Commit | None
    stream: str
    before: int
    state: State[Any]
    others: tuple[str, ...] = ()

    @property
    def conditions(self) -> tuple[NewStream | AtVersion, ...]:
        """What must still hold when it is written (optimistic concurrency)."""
        stream, before = self.stream, self.before
        if before:
            return (_new(AtVersion, (stream, before)),)
        here = _new(NewStream, (stream,))
        return (here, *map(NewStream, self.others)) if self.others else (here,)


def decide(
    fold: AggregateFold, target: Target, state: State[Any], command: Command, sent: SentCommand, services: Services
) -> Decided:
    """Decide without writing. state: the target's aggregate; it is given away. sent: the command as it is stored.

    Raises `Rejected`, `AggregateNotFound`, `InvalidInput`, `LimitExceeded`, `DefinitionError` (a service that nobody
    provides), and `DomainFailed` for all that the domain's code raises, its own use of our errors included.
    """
    aggregate, clause, stream, _, _, others = target
    before, seen_state = state.version, state.state
    if clause.creates is (before > 0):
        wrong = _wrong_existence(aggregate, stream, before, sent.type)
        if isinstance(wrong, Rejected):
            wrong.judged_on = (stream, before, command.meta.metadata_json)
        raise wrong
    events, purity = aggregate.events, fold.purity
    seen = purity.seen(seen_state)
    given, heard = services.given(clause) if clause.services else ((), None)
    try:
        encoded = _encoded(fold.codec, clause, seen_state, command, given)
    except Rejected as error:
        purity.check(seen_state, seen, clause)
        error.judged_on = (stream, before, _metadata(command, heard))
        raise
    purity.check(seen_state, seen, clause)
    if not encoded:
        return Decided(command.meta.command_id, sent, None, stream, before, state, others)
    after = seen_state
    for event in encoded:  # before the append: an event that its own aggregate can't take must not enter the log
        if type(event.event) not in events:
            raise DomainFailed(
                f"{clause.where} gave {type(event.event).__name__}, for which {aggregate.cls.__name__} has no evolve",
                hint="add one, or put it into ignores",
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
        _metadata(command, heard),
        None,
    )
    commit = _new(Commit, named)
    if not _is_ordinary(commit):
        check_append(commit, ())  # the limits of every store, before anything is decided on these events
    state = _new(State, (stream, before + len(encoded), after, 0))
    return _new(Decided, (meta.command_id, sent, commit, stream, before, state, others))


def _metadata(command: Command, heard: Heard | None) -> str | None:
    """The metadata of its commit: its own, and what services answered if that is kept."""
    meta = command.meta
    return meta.metadata_json if heard is None else metadata_json(heard.metadata(meta.metadata), meta.command_id)


def _encoded(codec: Codec, clause: Clause, state: Any, command: Command, given: Sequence[Any]) -> Sequence[Encoded]:
    encode, encoded, deciding = codec.encode, [], True
    try:
        for event in decided(clause, state, command, given):
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


def _is_ordinary(commit: Commit) -> bool:
    """Whether it is far from all limits, so that no store can refuse it whatever it holds."""
    _, events, command, *named = commit
    stream = events[0][0]
    if named != _UNNAMED or len(events) > 9:
        return False
    size = 0 if command is None else len(command[3] or b"")
    for event in events:
        size += len(event[3])
    return size < MAX_EVENT_BYTES and len(stream) < MAX_NAME_BYTES // 4


_UNNAMED = [None] * 5
"""No correlation, causation, user or metadata, and no time of its own."""


def _wrong_existence(aggregate: AggregateType, stream: str, version: int, name: str) -> CqrsError:
    """The error for a command that wants the stream to be there, or not to be there, when it is the other way."""
    if version == 0:
        openers = [kebab(command.__name__) for command, clause in aggregate.deciders.items() if clause.creates]
        opener = {"opener": openers[0]} if openers else {}
        return AggregateNotFound(f"{name}: there is no {stream}", stream=stream, **opener)
    return Rejected(f"{name}: {stream} is there already", code="already-exists", stream=stream)
