"""What a reaction answers an event with: its clauses asked, their answers checked and made ready for the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command, Meta
from cqrs_cli.domain.process_manager import After, Cancel, ReactionType
from cqrs_cli.domain.routes import keys_of
from cqrs_cli.domain.row_model import RowModel
from cqrs_cli.errors import DomainFailed, InvalidInput
from cqrs_cli.failure import domain_failed
from cqrs_cli.log.outbox import Cancelled, Change, Outgoing
from cqrs_cli.stores.commits import Recorded, SentCommand
from cqrs_cli.stores.moments import micros, moment
from cqrs_cli.workbench.processors.rows import RowFold

Service = Callable[[type, str], Any]


class Answers:
    """Asks the clauses of one reaction. What a clause gives depends on the event, the row and the services alone.

    service: an instance of a type, and who asks for it.
    """

    def __init__(self, reaction: ReactionType, domain: Domain, codec: Codec, service: Service) -> None:
        self._reaction, self._domain, self._codec, self._service = reaction, domain, codec, service
        self._routes = domain.react_routes[reaction.name]
        self._keys = {event: keys_of(reaction.rows, route) for event, route in self._routes.items() if reaction.rows}
        self._policy = None if reaction.rows else reaction.cls()

    @property
    def types(self) -> frozenset[str]:
        """The stored names of the events that are answered, aliases included."""
        return frozenset(name for event in self._routes for name in (event.stored.name, *event.stored.aliases))

    def to(self, recorded: Recorded, fold: RowFold | None) -> list[Change]:
        """What the event leads to. fold: the rows as they are after the evolve of this very event.

        Raises `DomainFailed` and `Undecodable`, naming the event.
        """
        cls = self._codec.event_class(recorded.type)
        route = self._routes.get(cls)
        if route is None:
            return []
        changes: list[Change] = []
        number = 0
        for key in self._keys_of(cls, recorded):
            for answer in self._asked(route.clause, key, recorded, fold):
                if not isinstance(answer, Cancel):
                    number += 1
                changes.append(self._change(route.clause, key, recorded, number, answer))
        return changes

    def _keys_of(self, cls: Any, recorded: Recorded) -> Iterable[tuple[Any, ...]]:
        if self._policy is not None:
            return ((),)
        event = self._codec.decode(recorded)
        try:
            return list(self._keys[cls](event, recorded))
        except (DomainFailed, InvalidInput):
            raise
        except BaseException as error:
            where = f"the key of {_where(self._routes[cls].clause, recorded)}"
            raise domain_failed(error, where, position=recorded.position) from error

    def _asked(
        self, clause: Clause, key: tuple[Any, ...], recorded: Recorded, fold: RowFold | None
    ) -> list[Command | After | Cancel]:
        event = self._codec.decode(recorded)  # decoded for this call alone: nobody else sees what it does to it
        extra = [recorded if kind is Recorded else self._service(kind, clause.where) for kind in clause.services]
        row = None if fold is None else fold.row(fold.stored_key(key))
        try:
            result = clause.function(self._instance(key, row), event, *extra)
            if result is None:
                return []
            answers = [result] if isinstance(result, Command | After | Cancel) else list(result)
        except BaseException as error:
            raise domain_failed(error, _where(clause, recorded), position=recorded.position) from error
        for answer in answers:
            command = answer.command if isinstance(answer, After) else answer
            if not isinstance(command, Command | Cancel):
                raise DomainFailed(
                    f"{_where(clause, recorded)} gave {type(command).__name__}",
                    hint="a reaction answers with commands, After(delay, command) or Cancel(name)",
                )
            if not isinstance(getattr(answer, "name", None), str | None):
                raise DomainFailed(
                    f"{_where(clause, recorded)}: the name of a deadline is a text, not {answer!r}",
                    hint='After(delay, command, name="payment") and Cancel("payment")',
                )
        return answers

    def _instance(self, key: tuple[Any, ...], row: RowModel | None) -> Any:
        """What the clause is a method of: a copy of the row, as the row itself is changed by evolves alone."""
        if self._reaction.rows is None:
            return self._policy
        if row is None:
            return self._reaction.rows.cls(**dict(zip(self._reaction.rows.table.key, key, strict=True)))
        return row.model_copy(deep=True)

    def _change(
        self, clause: Clause, key: tuple[Any, ...], recorded: Recorded, number: int, answer: Command | After | Cancel
    ) -> Change:
        process = self._process(key)
        if isinstance(answer, Cancel):
            if not process:
                raise DomainFailed(
                    f"{_where(clause, recorded)} gave Cancel, but a policy remembers nothing",
                    hint="make it a ProcessManager",
                )
            return Cancelled(self._reaction.name, process, answer.name)
        deadline, due_us = None, 0
        command = answer.command if isinstance(answer, After) else answer
        if isinstance(answer, After):
            deadline, due_us = answer.name or type(command).__name__, self._due(clause, recorded, answer)
            if not process and answer.name:
                raise DomainFailed(
                    f"{_where(clause, recorded)} named a deadline, but a policy can't cancel it",
                    hint="make it a ProcessManager",
                )
        sent, data = self._sent(clause, recorded, command)
        metadata = {**command.meta.metadata, "reaction": f"{self._reaction.name}.{clause.name}"}
        return Outgoing(
            reaction=self._reaction.name,
            event_id=recorded.event_id,
            number=number,
            attempt=0,
            position=recorded.position,
            recorded_us=recorded.recorded_us,
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

    def _process(self, key: tuple[Any, ...]) -> str:
        """The key as text, as it stands in the name of the process's own stream; '' for a policy."""
        return "" if self._reaction.rows is None else self._reaction.stream_of(key).partition("-")[2]

    def _due(self, clause: Clause, recorded: Recorded, answer: After) -> int:
        try:
            due_us = micros(moment(recorded.recorded_us) + answer.delay)
        except (OverflowError, TypeError) as error:
            raise DomainFailed(
                f"{_where(clause, recorded)}: After({answer.delay!r}, …) is no time: {error}",
                hint="the delay is a timedelta, counted from the event",
            ) from None
        if due_us < recorded.recorded_us:
            raise DomainFailed(
                f"{_where(clause, recorded)}: After({answer.delay!r}, …) lies before the event",
                hint="a delay is not negative; a command without After is sent at once",
            )
        return due_us

    def _sent(self, clause: Clause, recorded: Recorded, command: Command) -> tuple[SentCommand, bytes]:
        """The command as it is stored, if it comes back the same and somebody decides it."""
        if type(command) not in self._domain.deciders:
            raise DomainFailed(
                f"{_where(clause, recorded)} gave {type(command).__name__}, which nobody decides",
                hint=f"make its aggregate part of the domain {self._domain.name!r}",
            )
        sent = self._codec.sent(command)
        if sent.data is None or self._codec.command(sent) != command:
            raise DomainFailed(
                f"{_where(clause, recorded)}: {type(command).__name__} does not survive JSON",
                hint="fields must take back what they write as JSON",
            )
        return sent, sent.data


def _where(clause: Clause, recorded: Recorded) -> str:
    return f"{clause.where} (event {recorded.position}, {recorded.stream} version {recorded.version})"
