"""given / when / then: a domain tried without a store.

Scenario(domain).given(OrderCreated(…)).when(ShipOrder(order_id=…)).then(OrderShipped())
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from cqrs_cli.domain.aggregate import Aggregate
from cqrs_cli.domain.decision import Decided, Services, Target, decide, target_of
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command, Event, timed
from cqrs_cli.domain.process_manager import After
from cqrs_cli.domain.row_model import RowModel
from cqrs_cli.errors import AggregateNotFound, InvalidInput, Misuse, NotFound, Rejected
from cqrs_cli.scenario import differences, unfinished
from cqrs_cli.scenario.ground import ground_of
from cqrs_cli.scenario.happened import Cause, Happened, Payload
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.moments import micros, moment
from cqrs_cli.stores.streams import category_of

if TYPE_CHECKING:
    from cqrs_cli.log.outbox import Outgoing
    from cqrs_cli.scenario.read_models import Reactions
    from cqrs_cli.workbench.engine import Engine

__tracebackhide__ = True
"""What fails here is shown where it was asked."""

Clock = Callable[[], datetime]
"""Gives aware moments."""
Row = TypeVar("Row", bound=RowModel)


class Scenario:
    """What happened, what is asked for now, and what comes of it. Every method returns the scenario, to be chained.

    services: replacements for what the domain provides, by type. clock: gives aware moments, the time of commands that
    have no envelope yet, as `Workbench.open(…, clock=…)` does; without, it is now. rehearsing: services are the
    domain's stand-ins (`Domain.rehearse_with`), and nothing live is called.

    A scenario that ends with a `when` proves nothing: where nobody asks what came of it, `UnfinishedScenario` is warned
    of.
    """

    def __init__(
        self,
        domain: Domain,
        services: Mapping[type, Any] | None = None,
        *,
        clock: Clock | None = None,
        rehearsing: bool = False,
    ) -> None:
        self._domain, self._services, self._clock = domain, Services(domain, services, rehearsing=rehearsing), clock
        self._ground, self._codec = ground_of(domain), ground_of(domain).codec
        self._happened, self._unplaced, self._causes = Happened(), list[tuple[Event, Cause]](), 0
        self._events: list[Event] | None = None
        self._rejection: Rejected | NotFound | None = None
        self._state: Aggregate | None = None
        self._before = 0  # what had happened before the last `when`
        self._fired: list[Outgoing] = []
        self._reactions: Reactions | None = None
        self._answers: Sequence[Outgoing] | None = None
        self._asked: unfinished.Place | None = None  # where the last `when` stands, until somebody asks what came of it

    # ── what happened before ──────────────────────────────────────────────────────────────────

    def given(self, *happened: Event | Command, stream: str | None = None) -> Self:
        """What happened before: events, and commands that were accepted.

        stream: whose events these are (`order-17`); None: of the aggregate that the next command is for.
        Raises `Misuse` for a command that is rejected, and for events of another aggregate.
        """
        for one in happened:
            if isinstance(one, Command):
                self._given_command(one)
            elif stream is None:
                self._unplaced.append((one, self._cause()))
            else:
                self._place(stream, one, self._cause())
        return self

    def given_stored(self, stream: str, name: str, data: Mapping[str, Any], *, version: int = 1) -> Self:
        """An event as it was stored once: its name then, its schema version and its payload. Upcasters make it today's.

        Raises `Undecodable` and `DomainFailed` if they can't.
        """
        try:
            payload = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise Misuse(f"the payload of {name} is no JSON: {error}", hint="texts, numbers, lists, dicts") from None
        self._codec.decode(self._happened.record(stream, Payload(name, version, payload), self._cause()))
        return self

    def at(self, time: datetime | timedelta) -> Self:
        """From here on it is this time: an aware moment, or so long after the time before (that of the clock).

        Raises `InvalidInput` for a moment without a zone, `Misuse` for an end of time.
        """
        try:
            found = self.now + time if isinstance(time, timedelta) else time
        except OverflowError:
            raise Misuse(f"{time} later is no time", hint="years are 1 to 9999") from None
        if found.utcoffset() is None:
            raise InvalidInput(f"the time {found.isoformat()} has no time zone", hint="tzinfo=UTC")
        self._clock = lambda: found
        return self

    # ── what is tried ─────────────────────────────────────────────────────────────────────────

    def when(self, message: Command | Event, *, stream: str | None = None) -> Self:
        """Decide a command, just as `Workbench.send` does: with the same errors, but that a rejection is noted here.

        Or let an event happen, for reactions and read models; `stream` says whose it is, as in `given`.
        Raises `DomainFailed`, `InvalidInput`, `LimitExceeded` … and `Misuse` for given events of another aggregate.
        """
        self._begin()
        if isinstance(message, Event):
            where = self._only_stream(stream)
            self._place_unplaced(where)
            self._before, self._events = len(self._happened.events), []
            self._place(where, message, self._cause())
            self._state = self._state_of(where)
        else:
            try:
                self._events = self._decided_now(message)
            except (Rejected, AggregateNotFound) as error:
                self._rejection = error
        return self._done(sys._getframe(1))

    def when_later(self, time: datetime | timedelta) -> Self:
        """Let time pass, up to a moment or for so long: the deadlines that come due are what reactions send."""
        self._begin()
        self.at(time)
        self._place_unplaced(self._only_stream(None) if self._unplaced else "")
        self._before, self._events = len(self._happened.events), []
        reactions = self._reacting()
        self._answers = reactions.answers(self._happened.events, self._before)
        self._fired = reactions.due(micros(self.now))
        return self._done(sys._getframe(1))

    @property
    def now(self) -> datetime:
        """The time that it is, aware."""
        return datetime.now(UTC) if self._clock is None else self._clock()

    # ── what came of it ───────────────────────────────────────────────────────────────────────

    @property
    def events(self) -> list[Event] | None:
        """What was decided; None if the command was rejected, or there was none."""
        self._answered()
        return self._events

    @property
    def rejection(self) -> Rejected | NotFound | None:
        """Why the command was rejected; None if it was not."""
        self._answered()
        return self._rejection

    @property
    def state(self) -> Aggregate | None:
        """The aggregate of the last command or event, afterwards; None for an event of no aggregate."""
        self._answered()
        return self._state

    @property
    def sends(self) -> list[Command | After]:
        """The commands with which process managers and policies answer what the `when` led to; none of them is sent.

        `After` for a deadline, counted from the event. After `when_later`: the commands that were due.
        Raises `DomainFailed` for a reaction that raises.
        """
        self._answered()
        if self._answers is None:
            new = len(self._happened.events) > self._before
            self._answers = self._reacting().answers(self._happened.events, self._before) if new else ()
        return [self._command(one, fired=True) for one in self._fired] + [self._command(one) for one in self._answers]

    def rows(self, kind: type[Row] | str) -> list[Any]:
        """The rows of a projection or process manager after all that happened, by key."""
        from cqrs_cli.scenario.read_models import folded

        self._answered()
        found = self._domain.rows_of(kind) if isinstance(kind, str) else self._domain.row_type_of(kind)
        self._place_unplaced(self._only_stream(None) if self._unplaced else "")
        return folded(self._engine(), found, self._happened.events)

    def then(self, *events: Event) -> Self:
        """Exactly these events were decided, in this order."""
        differences.check_events(events, self._outcome(f"expected {list(events)}, but it"))
        return self

    def then_nothing(self) -> Self:
        """The command was accepted and changed nothing; or, of an event or a time, no reaction sends anything."""
        return self.then().then_sends()

    def then_rejected(self, code: str | None = None) -> Self:
        """The command was rejected, with this code if given (`aggregate-not-found` and `already-exists` count)."""
        rejection = self.rejection
        if rejection is None:
            raise AssertionError(f"expected a rejection, but was {self._outcome('')}")
        if code is not None and rejection.code != code:
            raise AssertionError(
                f"expected a rejection with code {code!r}, but was [{rejection.code}] {rejection.message}"
            )
        return self

    def then_state(self, **fields: Any) -> Self:
        """The aggregate has these values in these fields afterwards."""
        state = self.state
        if state is None:
            raise Misuse("the scenario has no when() of an aggregate")
        if not fields:
            raise Misuse("then_state() is told no field", hint="then_state(in_stock=8)")
        differences.check_fields(fields, state)
        return self

    def then_holds(self, *conditions: str | Callable[..., Any]) -> Self:
        """These are true of the aggregate afterwards: `"state.in_stock >= 0"`, or a function of `state`.

        They are rules as of `cqrs bisect`, and may look at `state` alone. Raises `Misuse` for what is none, and
        `DomainFailed` for a function that raises.
        """
        from cqrs_cli.history.rules import STATE, condition, function

        state = self.state
        if state is None:
            raise Misuse("the scenario has no when() of an aggregate")
        if not conditions:
            raise Misuse("then_holds() is told no condition", hint='then_holds("state.in_stock >= 0")')
        for one in conditions:
            if isinstance(one, str):
                rule = condition(one, one, STATE, type(state))
            else:
                rule = function(getattr(one, "__name__", "rule"), one, STATE)
            if rule.needs - {STATE}:
                told = f"{rule.name!r} looks at {', '.join(sorted(rule.needs - {STATE}))}"
                raise Misuse(told, hint="state.… is there")
            if not rule.holds({STATE: state}.get):
                raise AssertionError(f"{rule.name} does not hold of {differences.shown(state)}")
        return self

    def then_sends(self, *commands: Command | After) -> Self:
        """Reactions send exactly these; `After(delay, command)` for a deadline, of any name unless one is given."""
        differences.check_sends(commands, self.sends)
        return self

    def then_rows(self, kind: type[Row], *rows: Row | Mapping[str, Any]) -> Self:
        """A read model has exactly these rows, in any order: instances, or their keys with the fields that matter."""
        differences.check_rows(self._domain.row_type_of(kind), rows, self.rows(kind))
        return self

    # ── how ───────────────────────────────────────────────────────────────────────────────────

    def __del__(self) -> None:
        asked = getattr(self, "_asked", None)
        if asked is not None:
            warnings.warn_explicit(unfinished.MESSAGE, unfinished.UnfinishedScenario, *asked)

    def _begin(self) -> None:
        self._events, self._rejection, self._state = None, None, None
        self._fired, self._answers, self._before = [], None, len(self._happened.events)

    def _done(self, caller: Any) -> Self:
        """The `when` at this frame did not raise: now somebody is to ask what came of it."""
        self._asked = caller.f_code.co_filename, caller.f_lineno
        unfinished.begun(self)
        return self

    def _answered(self) -> None:
        self._asked = None

    def _outcome(self, told: str) -> list[Event]:
        """The events that were decided. told: how a rejection is said."""
        self._answered()
        if self._rejection is not None:
            raise AssertionError(f"{told} was rejected: [{self._rejection.code}] {self._rejection.message}")
        if self._events is None:
            raise Misuse("the scenario has no when()")
        return self._events

    def _cause(self) -> Cause:
        self._causes += 1
        return Cause(f"given-{self._causes}", micros(self.now))

    def _given_command(self, command: Command) -> None:
        try:
            self._decided_now(command)
        except (Rejected, AggregateNotFound) as error:
            told = f"the given {type(command).__name__} is rejected: [{error.code}] {error.message}"
            raise Misuse(told, hint="given is what happened") from error

    def _decided_now(self, command: Command) -> list[Event]:
        """Decide a command on what happened, and let it happen. Raises as `decide`, and `NotUnique`."""
        command = command if self._clock is None else timed(command, self._clock)
        sent = self._codec.sent(command)
        target = target_of(self._domain, command)
        self._place_unplaced(target.stream)
        self._before = len(self._happened.events)
        fold = self._ground.fold(target.aggregate)
        try:
            decided = decide(fold, target, self._folded(target), command, sent, self._services)
            recorded = self._recorded(decided, command)
        except (Rejected, AggregateNotFound):
            self._state = self._folded(target).state
            raise
        self._state = decided.state.state
        return [self._codec.decode(event) for event in recorded]

    def _recorded(self, decided: Decided, command: Command) -> list[Recorded]:
        """The decided events, in the log. Raises `NotUnique` as an inline projection would; then they are not."""
        if decided.commit is None:
            return []
        meta, commit, name = command.meta, decided.commit, decided.sent.type
        named = commit.correlation_id, commit.causation_id, commit.user_id, commit.metadata
        cause = Cause(meta.command_id, meta.timestamp_us, name, *named)
        found = [
            self._happened.record(event.stream, Payload(event.type, event.schema_version, event.data), cause, number)
            for number, event in enumerate(commit.events, 1)
        ]
        inline = [kind for kind in self._domain.projections.values() if kind.inline]
        if inline:
            from cqrs_cli.scenario.read_models import refuse_taken

            try:
                for kind in inline:
                    refuse_taken(self._engine(), kind, self._happened.events)
            except BaseException:
                self._happened.take_back(len(found))
                raise
        return found

    def _place(self, stream: str, event: Event, cause: Cause) -> None:
        aggregate = self._domain.categories.get(category_of(stream))
        if aggregate is not None and type(event) not in aggregate.events:
            raise Misuse(f"{type(event).__name__} is no event of {aggregate.cls.__name__}")
        self._happened.record(stream, Payload(*self._codec.encode(event)[:3]), cause)

    def _place_unplaced(self, stream: str) -> None:
        unplaced, self._unplaced = self._unplaced, []
        for event, cause in unplaced:
            self._place(stream, event, cause)

    def _only_stream(self, stream: str | None) -> str:
        if stream is not None:
            return stream
        if len(self._happened.streams) != 1:
            raise Misuse("whose event is it?", hint="given(…, stream='order-17'), when(…, stream='order-17')")
        return next(iter(self._happened.streams))

    def _folded(self, target: Target) -> State[Any]:
        """The aggregate of a command after what happened to it."""
        events = self._happened.streams.get(target.stream, ())
        return self._ground.fold(target.aggregate).over(target.empty(), events)

    def _state_of(self, stream: str) -> Aggregate | None:
        aggregate = self._domain.categories.get(category_of(stream))
        if aggregate is None:
            return None
        fold = self._ground.fold(aggregate)
        state: Aggregate = fold.over(fold.empty(stream), self._happened.streams.get(stream, ())).state
        return state

    def _engine(self) -> Engine:
        from cqrs_cli.scenario.read_models import NOWHERE
        from cqrs_cli.workbench.engine import Engine

        return Engine(NOWHERE, self._domain, self._codec, self._services, lambda: self.now)

    def _reacting(self) -> Reactions:
        if self._reactions is None:
            from cqrs_cli.scenario.read_models import Reactions

            self._reactions = Reactions(self._engine())
        return self._reactions

    def _command(self, outgoing: Outgoing, *, fired: bool = False) -> Command | After:
        command = self._codec.command(outgoing.command, outgoing.schema_version, outgoing.data.encode())
        if not outgoing.due_us or fired:
            return command
        return After(moment(outgoing.due_us) - moment(outgoing.recorded_us), command, outgoing.deadline)
