"""The handler of a reaction: its rows folded, its clauses asked, their answers made ready for the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.messages import Command, Meta
from cqrs_cli.domain.process_manager import After, Answer, Cancel, ReactionType
from cqrs_cli.domain.routes import keys_of
from cqrs_cli.domain.row_model import stored_names
from cqrs_cli.domain.shared_objects import own_copy
from cqrs_cli.errors import CqrsError, DomainFailed, InvalidInput
from cqrs_cli.failure import domain_failed
from cqrs_cli.log.outbox import Cancelled, OutboxChange, Outgoing
from cqrs_cli.stores.commits import Recorded, SentCommand
from cqrs_cli.stores.moments import micros, moment
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.handler import Poisoned, Writes
from cqrs_cli.workbench.processors.rows import RowFold

TRACE_PARENT = "traceparent"
"""The member of metadata in which a face leaves the trace of a request."""


class ReactionHandler:
    """Takes events for one reaction: first the evolve, then its clauses, which see the row as it is then.

    answered: by type, up to which position its clauses were asked already; but not in streams of the categories `anew`.
    """

    def __init__(
        self,
        engine: Engine,
        reaction: ReactionType,
        answered: Mapping[str, int] | None = None,
        anew: frozenset[str] = frozenset(),
    ) -> None:
        self._answered, self._anew = answered or {}, anew
        self._reaction, self._domain, self._codec = reaction, engine.domain, engine.codec
        self._service, self._most, self._clock = engine.services, engine.limits.answered_events, engine.clock
        self._fold = RowFold(engine, reaction.rows) if reaction.rows else None
        self._routes = engine.domain.react_routes[reaction.name]
        self._keys = {event: keys_of(reaction.rows, route) for event, route in self._routes.items() if reaction.rows}
        self._policy = None if reaction.rows else reaction.cls()
        columns = reaction.rows.columns if reaction.rows else ()
        self._nested = [column.column.name for column in columns if column.column.kind == "json"]
        self.types = stored_names(self._routes) | (self._fold.types if self._fold else frozenset())
        self.needs_envelope = self.sends = True
        self._changes: list[OutboxChange] = []
        self._taken = 0

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be written that it is time to do it."""
        return self._taken >= self._most or (self._fold is not None and self._fold.is_full)

    def gather(self, events: Sequence[Recorded]) -> None:
        """Fold the events and ask the clauses, event by event. Raises `Poisoned`."""
        fold = self._fold
        if fold is not None:
            fold.bring_in([event for event in events if event.type in fold.types])
        for event in events:
            if fold is not None and event.type in fold.types:
                fold.gather((event,))
                fold.apply()
            try:
                self._changes += self._answers(event)
            except CqrsError as error:
                raise Poisoned(event, error) from error
        self._taken += len(events)

    def writes(self) -> Writes:
        """The rows that changed, and what is wanted of the outbox. Raises as `RowFold.writes`."""
        changes, self._changes, self._taken = self._changes, [], 0
        rows = Writes() if self._fold is None else self._fold.writes()
        return rows._replace(commands=changes)

    def forget(self) -> None:
        """Drop what was gathered: the store is the truth again."""
        self._changes, self._taken = [], 0
        if self._fold is not None:
            self._fold.forget()

    def _answers(self, recorded: Recorded) -> list[OutboxChange]:
        """What the event leads to. Raises `DomainFailed` and `Undecodable`, naming the event."""
        cls = self._codec.event_class(recorded.type)
        route = self._routes.get(cls)
        if route is None or not route.takes(recorded.stream):
            return []
        if recorded.position <= self._answered.get(recorded.type, 0) and category_of(recorded.stream) not in self._anew:
            return []
        event = self._codec.decode(recorded)
        changes: list[OutboxChange] = []
        number = 0
        for key in self._keys_of(cls, event, recorded):
            if event is None:
                event = self._codec.decode(recorded)
            for answer in self._named(route.clause, recorded, self._asked(route.clause, key, event, recorded)):
                if not isinstance(answer, Cancel):
                    number += 1
                changes.append(self._change(route.clause, key, recorded, number, answer))
            event = None  # the next process is asked with one of its own: nobody sees what another did to it
        return changes

    def _keys_of(self, cls: Any, event: Any, recorded: Recorded) -> Iterable[tuple[Any, ...]]:
        if self._policy is not None:
            return ((),)
        try:
            return list(self._keys[cls](event, recorded))
        except (DomainFailed, InvalidInput):
            raise
        except BaseException as error:
            where = f"the key of {_where(self._routes[cls].clause, recorded)}"
            raise domain_failed(error, where, position=recorded.position) from error

    def _asked(self, clause: Clause, key: tuple[Any, ...], event: Any, recorded: Recorded) -> list[Answer]:
        extra = [recorded if kind is Recorded else self._service(kind, clause.where) for kind in clause.services]
        try:
            result = clause.function(self._instance(key), event, *extra)
            if result is None:
                return []
            answers = [result] if isinstance(result, Answer) else list(result)
        except BaseException as error:
            raise domain_failed(error, _where(clause, recorded), position=recorded.position) from error
        for answer in answers:
            command = answer.command if isinstance(answer, After) else answer
            if not isinstance(command, Command | Cancel):
                hint = "a reaction answers with commands, After(delay, command) or Cancel(name)"
                raise DomainFailed(f"{_where(clause, recorded)} gave {type(command).__name__}", hint=hint)
            if not isinstance(getattr(answer, "name", None), str | None):
                said = f"{_where(clause, recorded)}: the name of a deadline is a text, not {answer!r}"
                raise DomainFailed(said, hint='After(delay, command, name="payment") and Cancel("payment")')
        return answers

    def _named(self, clause: Clause, recorded: Recorded, answers: Sequence[Answer]) -> Sequence[Answer]:
        """The answers with a name for each deadline of a process, so that none takes the place of another."""
        deadlines = [answer for answer in answers if isinstance(answer, After)]
        if not deadlines or self._policy is not None:
            return answers
        names = [deadline.name for deadline in deadlines if deadline.name]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            said = f"{_where(clause, recorded)} gave two deadlines of the name {twice!r}"
            raise DomainFailed(said, hint="each has a name of its own, or none: then they are numbered")
        taken, named = set(names), list[Answer]()
        for answer in answers:
            if isinstance(answer, After) and not answer.name:
                of_class = type(answer.command).__name__
                free = (f"{of_class}-{number}" if number > 1 else of_class for number in count(1))
                answer = answer._replace(name=next(name for name in free if name not in taken))
                taken.add(answer.name or "")
            named.append(answer)
        return named

    def _instance(self, key: tuple[Any, ...]) -> Any:
        """What the clause is a method of: a copy of the row, as the row itself is changed by evolves alone."""
        fold, kind = self._fold, self._reaction.rows
        if fold is None or kind is None:
            return self._policy
        row = fold.row(fold.stored_key(key))
        if row is None:
            return kind.cls(**dict(zip(kind.table.key, key, strict=True)))
        copy = row.model_copy()
        values = vars(copy)
        for name in self._nested:
            values[name] = own_copy(values[name])
        return copy

    def _change(
        self, clause: Clause, key: tuple[Any, ...], recorded: Recorded, number: int, answer: Answer
    ) -> OutboxChange:
        # The key as text, as it stands in the name of the process's own stream; '' for a policy.
        process = self._reaction.stream_of(key).partition("-")[2] if self._reaction.rows else ""
        if not process and (isinstance(answer, Cancel) or (isinstance(answer, After) and answer.name)):
            did = "named a deadline, but a policy can't cancel it"
            if isinstance(answer, Cancel):
                did = "gave Cancel, but a policy remembers nothing"
            raise DomainFailed(f"{_where(clause, recorded)} {did}", hint="make it a ProcessManager")
        if isinstance(answer, Cancel):
            return Cancelled(self._reaction.name, process, answer.name)
        deadline, due_us = None, 0
        command = answer.command if isinstance(answer, After) else answer
        # A clock that ran ahead, once, is that of the log until its time has come: no deadline waits for that.
        now_us = min(recorded.recorded_us, micros(self._clock()))
        if isinstance(answer, After):
            deadline, due_us = answer.name or type(command).__name__, self._due(clause, recorded, answer, now_us)
        sent, data = self._sent(clause, recorded, command)
        metadata = {**_trace_of(recorded), **command.meta.metadata, "reaction": f"{self._reaction.name}.{clause.name}"}
        return Outgoing(
            reaction=self._reaction.name,
            event_id=recorded.event_id,
            number=number,
            attempt=0,
            position=recorded.position,
            recorded_us=now_us,
            process=process,
            clause=clause.name,
            deadline=deadline,
            due_us=due_us,
            command=sent.type,
            schema_version=sent.schema_version,
            data=data.decode(),
            correlation_id=recorded.correlation_id,
            user_id=command.meta.user_id or recorded.user_id,
            metadata=Meta(metadata=metadata).metadata_json or "{}",
        )

    def _due(self, clause: Clause, recorded: Recorded, answer: After, from_us: int) -> int:
        said = f"{_where(clause, recorded)}: After({answer.delay!r}, …)"
        try:
            due_us = micros(moment(from_us) + answer.delay)
        except (OverflowError, TypeError) as error:
            hint = "the delay is a timedelta, counted from the event"
            raise DomainFailed(f"{said} is no time: {error}", hint=hint) from None
        if due_us < from_us:
            hint = "a delay is not negative; a command without After is sent at once"
            raise DomainFailed(f"{said} lies before the event", hint=hint)
        return due_us

    def _sent(self, clause: Clause, recorded: Recorded, command: Command) -> tuple[SentCommand, bytes]:
        """The command as it is stored, if it comes back the same and somebody decides it."""
        if type(command) not in self._domain.deciders:
            said = f"{_where(clause, recorded)} gave {type(command).__name__}, which nobody decides"
            raise DomainFailed(said, hint=f"make its aggregate part of the domain {self._domain.name!r}")
        sent = self._codec.sent(command)  # which proves that it survives JSON
        assert sent.data is not None
        return sent, sent.data


def _trace_of(recorded: Recorded) -> dict[str, str]:
    """The trace that an event belongs to, for what answers it: `traceparent` of W3C Trace Context, if it has one."""
    if recorded.metadata_json is None or TRACE_PARENT not in recorded.metadata_json:
        return {}
    found = recorded.metadata.get(TRACE_PARENT)
    return {TRACE_PARENT: found} if isinstance(found, str) else {}


def _where(clause: Clause, recorded: Recorded) -> str:
    return f"{clause.where} (event {recorded.position}, {recorded.stream} version {recorded.version})"
