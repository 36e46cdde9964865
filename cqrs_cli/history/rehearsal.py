"""Recorded commands judged again by today's code, each on the history it met: what came of it, and what would now."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.domain.answers import MEMBER, Recalled
from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.decision import Services, Target, decide
from cqrs_cli.domain.domain import NO_STAND_IN
from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.process_manager import CommandRejected
from cqrs_cli.errors import AggregateNotFound, CqrsError, DefinitionError, DomainFailed, NotFound, Rejected, Undecodable
from cqrs_cli.history.changes import Change
from cqrs_cli.history.outcomes import ACCEPTED, DIFFERENT, REJECTED, SAME, Came, differences, verdict
from cqrs_cli.log.rejections import JUDGED_ON, Rejection, judged_on, rejections
from cqrs_cli.stores.commits import Recorded, RecordedCommit, SentCommand
from cqrs_cli.stores.moments import moment
from cqrs_cli.stores.stored_json import stored_object
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.workbench import Workbench

NONDETERMINISTIC, UNJUDGED = "nondeterministic", "unjudged"
VERDICTS = (SAME, DIFFERENT, REJECTED, ACCEPTED, NONDETERMINISTIC, UNJUDGED)
"""`rejected`, `accepted`: today, and not when it was recorded. All but the first and the last fail a rehearsal."""


class Rehearsed(NamedTuple):
    """A recorded command, judged again. position: of its first event. recorded, today: None where it can't be told.

    changes: what of the events would be another, by type and field (`OrderCreated.total`). why: it was not judged.
    """

    verdict: str
    command: str
    command_id: str
    position: int
    recorded: Came | None = None
    today: Came | None = None
    changes: Sequence[Change] = ()
    why: str | None = None


class Wanted(NamedTuple):
    """Which commands are judged: of these stored types (all: None), recorded after and up to a position.

    ignored: fields of events that may differ, as `OrderCreated.total`; what is inside them too.
    """

    types: Collection[str] | None = None
    after: int = 0
    until: int | None = None
    ignored: Collection[str] = ()


ALL = Wanted()
_END = 2**63


def rehearse(bench: Workbench, wanted: Wanted = ALL) -> Iterator[Rehearsed]:
    """Judge the recorded commands in the order of the log. Nothing is written, and no live service is asked.

    Each meets the state just before it, folded with today's code, under its recorded id, time and user. A service is
    answered for by what was recorded of it, else by its stand-in. Commits without a command are passed over; commands
    of the journal of rejections come where they were judged.
    """
    return _Rehearsal(bench, wanted).judged()


class _Unjudged(Exception):
    """Why a command can't be judged."""


class _Recorded(Services):
    """The services of one recorded command."""

    def __init__(self, stand_ins: Services, recalled: Recalled) -> None:
        self._stand_ins, self._recalled = stand_ins, recalled

    def given(self, clause: Clause) -> tuple[list[Any], None]:
        """What was recorded of a service answers for it, else its stand-in."""
        recalled = self._recalled
        return [
            recalled.answering(kind) if recalled.has(kind) else self._stand_ins(kind, clause.where)
            for kind in clause.services
        ], None


class _States:
    """The states of streams as they were at a point that moves along the log.

    They are the folds' own. Over the limit the one that was used longest ago goes, and is folded anew when wanted.
    """

    def __init__(self, bench: Workbench, is_whole: bool) -> None:
        self._bench, self._limit = bench, bench.engine.limits.cached_states
        self._is_whole = is_whole  # a stream that is not known has no events yet
        self._states: OrderedDict[str, State[Any]] = OrderedDict()
        self._broken: dict[str, str] = {}

    def before(self, target: Target, position: int, version: int | None = None) -> State[Any]:
        """The aggregate as it was before the event at a position; with a version, at that, which the log had there.

        Raises `_Unjudged`.
        """
        stream = target.stream
        if stream in self._broken:
            raise _Unjudged(self._broken[stream])
        state = self._states.get(stream)
        if state is None:
            state = target.empty()
            if not self._is_whole:
                try:
                    state = self._bench.replay(stream, at_position=position - (version is None))
                except NotFound:
                    pass
                except (Undecodable, DomainFailed) as error:
                    self._broken[stream] = f"its history can't be folded: {error.message}"
                    raise _Unjudged(self._broken[stream]) from None
        self._keep(state)
        if version is not None and version != state.version:  # others had appended while it was judged
            try:
                state = self._bench.replay(stream, at=version) if version else target.empty()
            except (NotFound, Undecodable, DomainFailed) as error:
                raise _Unjudged(error.message) from None
        return state

    def past(self, events: Sequence[Recorded]) -> None:
        """Take these events in, of one commit: the point is behind them now."""
        for event in events:
            stream = event.stream
            if category_of(stream) not in self._bench.domain.categories or stream in self._broken:
                continue
            state = self._states.get(stream)
            fold = self._bench.aggregates.fold_of(self._bench.domain.aggregate_of(stream))
            if state is None:
                if not self._is_whole:
                    continue
                state = fold.empty(stream)
            try:
                self._keep(fold.over(state, (event,)))
            except (Undecodable, DomainFailed) as error:
                self._states.pop(stream, None)
                self._broken[stream] = f"its history can't be folded: {error.message}"

    def _keep(self, state: State[Any]) -> None:
        self._states[state.stream] = state
        self._states.move_to_end(state.stream)
        if len(self._states) > self._limit:
            self._states.popitem(last=False)
            self._is_whole = False


_Judged = tuple[str, int] | None
"""The stream and version on which a command was rejected, where that is known."""


class _Message(NamedTuple):
    """A command as it is stored."""

    type: str
    schema_version: int
    data: bytes | None


class _Envelope(NamedTuple):
    """Who sent it, when, and because of what."""

    id: str
    issued_us: int
    user_id: str | None
    correlation_id: str | None
    causation_id: str | None
    metadata: Mapping[str, Any]


class _Rehearsal:
    def __init__(self, bench: Workbench, wanted: Wanted) -> None:
        self._bench, self._wanted, self._codec = bench, wanted, bench.codec
        self._states = _States(bench, is_whole=wanted.after == 0)
        self._stand_ins = Services(bench.domain, rehearsing=True)
        self._refused = (CommandRejected.stored.name, *CommandRejected.stored.aliases)

    def judged(self) -> Iterator[Rehearsed]:
        """The verdicts, in the order of the log."""
        types, until = self._wanted.types, self._wanted.until
        refused = self._rejections()
        for commit in self._bench.store.commits(after=self._wanted.after):
            first = commit.events[0].position
            if until is not None and first > until:
                break
            yield from refused(first)
            if commit.command is not None and (types is None or commit.command.type in types):
                yield self._judge(commit, commit.command)
            self._states.past(commit.events)
        yield from refused(_END if until is None else until + 1)

    def _rejections(self) -> Callable[[int], Iterator[Rehearsed]]:
        """Gives the verdicts on those commands of the journal that were rejected before a position, each once."""
        types, rows = self._wanted.types, self._bench.store.rows
        waiting = deque(one for one in rejections(rows, self._wanted.after) if types is None or one.command in types)

        def before(position: int) -> Iterator[Rehearsed]:
            while waiting and waiting[0].position < position:
                yield self._judge_rejection(waiting.popleft())

        return before

    def _judge_rejection(self, one: Rejection) -> Rehearsed:
        metadata = stored_object(one.metadata, f"the metadata of the rejected {one.command_id}") if one.metadata else {}
        envelope = _Envelope(one.command_id, one.issued_us, one.user_id, one.correlation_id, one.causation_id, metadata)
        message = _Message(one.command, one.schema_version, one.data.encode())
        recorded = Came("", (), one.code, one.reason)
        return self._verdict(message, envelope, one.position, recorded, (one.stream, one.version))

    def _judge(self, commit: RecordedCommit, sent: SentCommand) -> Rehearsed:
        position = commit.events[0].position
        text = commit.metadata_json
        envelope = _Envelope(
            commit.id,
            sent.issued_at,
            commit.user_id,
            commit.correlation_id,
            commit.causation_id,
            stored_object(text, f"the metadata of the commit {commit.id}") if text else {},
        )
        try:
            recorded = self._recorded(commit)
        except _Unjudged as error:
            return Rehearsed(UNJUDGED, sent.type, commit.id, position, why=str(error))
        judged = judged_on(envelope.metadata) if recorded.code is not None else None
        return self._verdict(_Message(*sent[:2], sent.data), envelope, position, recorded, judged)

    def _verdict(
        self, message: _Message, envelope: _Envelope, position: int, recorded: Came, judged: _Judged = None
    ) -> Rehearsed:
        asked = (message.type, envelope.id, position)

        def judge() -> Came:
            return self._today(self._command(message, envelope), envelope, position, judged)

        try:
            today, again = judge(), judge()
            if judged is None and recorded.code not in (None, today.code) and today.code == AggregateNotFound.code:
                raise _Unjudged(f"{today.stream}, on which it was judged, is not in this log")
        except _Unjudged as error:
            return Rehearsed(UNJUDGED, *asked, recorded, why=str(error))
        restless = differences(today, again, self._bench.jsonable, self._wanted.ignored)
        if restless:
            return Rehearsed(NONDETERMINISTIC, *asked, recorded, today, restless)
        found = differences(recorded, today, self._bench.jsonable, self._wanted.ignored)
        return Rehearsed(verdict(recorded, today, found), *asked, recorded, today, found)

    def _command(self, message: _Message, envelope: _Envelope) -> Command:
        if message.data is None:
            raise _Unjudged("its fields were not kept")
        try:
            command = self._codec.command(message.type, message.schema_version, message.data)
        except (Undecodable, DomainFailed) as error:
            raise _Unjudged(error.message) from None
        return command.with_meta(
            command_id=envelope.id,
            timestamp=moment(envelope.issued_us),
            user_id=envelope.user_id,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.causation_id,
            metadata={name: value for name, value in envelope.metadata.items() if name not in (MEMBER, JUDGED_ON)},
        )

    def _recorded(self, commit: RecordedCommit) -> Came:
        """What came of it when it was recorded, in today's classes."""
        first = commit.events[0]
        try:
            events = tuple(map(self._codec.decode, commit.events))
        except (Undecodable, DomainFailed) as error:
            raise _Unjudged(error.message) from None
        if first.type in self._refused and isinstance(events[0], CommandRejected):
            return Came("", (), events[0].code, events[0].reason)
        return Came(first.stream, events)

    def _today(self, command: Command, envelope: _Envelope, position: int, judged: _Judged) -> Came:
        """What it comes to now, on a state of its own."""
        aggregates = self._bench.aggregates
        recalled = Recalled(envelope.metadata.get(MEMBER))
        try:
            target = aggregates.target_of(command)
        except (NotFound, DomainFailed) as error:
            raise _Unjudged(error.message) from None
        fold = aggregates.fold_of(target.aggregate)
        version = judged[1] if judged is not None and judged[0] == target.stream else None
        state = self._states.before(target, position, version)
        state = state._replace(state=fold.copy(state.state))
        services = _Recorded(self._stand_ins, recalled)
        try:
            decided = decide(fold, target, state, command, self._codec.sent(command), services)
        except (Rejected, AggregateNotFound) as error:
            came = Came(target.stream, (), error.code, error.message)
        except CqrsError as error:
            if error.code == NO_STAND_IN or isinstance(error, DefinitionError):
                raise _Unjudged(error.message) from None
            came = Came(target.stream, (), error.code, error.message)
        else:
            new = () if decided.commit is None else decided.commit.events
            events = [self._codec.decoder(one.type, one.schema_version)(one.data) for one in new]
            came = Came(target.stream, tuple(events))
        if recalled.missed:
            raise _Unjudged(recalled.missed[0])
        return came
