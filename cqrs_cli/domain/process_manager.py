"""Process managers and policies: what answers events with commands.

A process manager is a row that also reacts; a policy reacts without remembering. Their commands are
sent once each, with ids derived from the event, the reaction and a number, and never on a replay,
a rebuild, a check or a dry run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Never

from cqrs_cli.domain.clauses import Clause, by_message, clauses_of, refuse_other_clauses
from cqrs_cli.domain.keys import KEY_TYPES, Key, plain_type, stream_key, stream_name
from cqrs_cli.domain.messages import Command, Event, snake
from cqrs_cli.domain.mistakes import check_name, refuse_keywords
from cqrs_cli.domain.row_model import Keywords, RowModel, RowType, row_type
from cqrs_cli.errors import DefinitionError


class After(NamedTuple):
    """A deadline: send the command so long after the event was recorded, unless it is cancelled.

    Where the log ran ahead of the clock of whoever answers, it counts from that clock.
    name: what `Cancel(name)` of the same process cancels; None: the command's class name, and for a second and third of
    one answer `Remind-2`, `Remind-3`. Two of one answer have different names.
    """

    delay: timedelta
    command: Command
    name: str | None = None


class Cancel(NamedTuple):
    """Cancel the deadline of this name that the same process has set and that is not due yet; none is fine too."""

    name: str


Answer = Command | After | Cancel


class CommandRejected(Event, name="command-rejected"):
    """What a process manager hears when one of its commands is rejected; kept in the process's own stream.

    command: the stored name of the command, with its id; code, reason: what the domain said;
    data: the fields of the command.
    """

    command: str
    command_id: str
    code: str
    reason: str
    data: dict[str, Any]

    def was(self, command: type[Command]) -> bool:
        """Whether it was a command of this class, under its name of today or an older one."""
        return self.command in (command.stored.name, *command.stored.aliases)


class ProcessManager(RowModel):
    """A process across aggregates: `class Fulfilment(ProcessManager, key="order_id")`.

    Its fields are its state, a row keyed like a projection's and a fold of the events; `@react`
    methods see the row and answer with commands. Class keywords: `key=`, `version=`, `name=`.
    The key is a str, int, UUID or date, as it also names the process's stream `<name>-<key>`.
    """

    def __init_subclass__(
        cls,
        *,
        key: str | tuple[str, ...] = (),
        version: int = 1,
        name: str | None = None,
        **unknown: Never,
    ) -> None:
        refuse_keywords(cls, unknown, "key, version and name")
        super().__init_subclass__()
        cls.keywords = Keywords((key,) if isinstance(key, str) else tuple(key), version, name or snake(cls.__name__))


class Policy:
    """A stateless answer to events: `class Welcome(Policy)` with `@react` methods. Class keyword: `name=`."""

    policy_name: ClassVar[str]

    def __init_subclass__(cls, *, name: str | None = None, **unknown: Never) -> None:
        refuse_keywords(cls, unknown, "name")
        super().__init_subclass__()
        cls.policy_name = name or snake(cls.__name__)


class ReactionType(NamedTuple):
    """A process manager or policy, read and checked. rows: of a process manager; a policy has None.

    domain: the name of the domain that it is part of.
    """

    cls: type
    name: str
    rows: RowType | None
    key_types: tuple[type, ...]
    reactors: Mapping[type[Event], Clause]
    domain: str = ""

    def of_domain(self, name: str) -> ReactionType:
        """The same as part of the domain of this name."""
        return self._replace(domain=name, rows=self.rows and self.rows._replace(domain=name))

    def stream_of(self, key: tuple[Any, ...]) -> str:
        """The process's own stream."""
        return stream_name(self.name, key)

    def key_of(self, stream: str) -> tuple[Key, ...]:
        """The process's key in the name of its stream. Raises `InvalidInput`."""
        return stream_key(stream, self.key_types)


def process_type(cls: type[ProcessManager]) -> ReactionType:
    """Read a process manager class. Raises `DefinitionError` naming class, method and remedy."""
    refuse_other_clauses(cls, "evolve", "react")
    rows = row_type(cls)
    kinds = []
    for name in rows.table.key:
        kind: Any = plain_type(cls.model_fields[name].annotation)  # a key is never None
        if kind not in KEY_TYPES:
            raise DefinitionError(
                f"{cls.__name__}.{name}: the key of a process is str, int, UUID or date, not {kind}",
                hint="its text stands in the name of the process's own stream",
            )
        kinds.append(kind)
    return ReactionType(cls, rows.name, rows, tuple(kinds), _reactors(cls))


def policy_type(cls: type[Policy]) -> ReactionType:
    """Read a policy class. Raises `DefinitionError` naming class, method and remedy."""
    refuse_other_clauses(cls, "react")
    reactors, name = _reactors(cls), cls.policy_name
    check_name(cls.__name__, name, "name")
    try:
        cls()
    except TypeError as error:
        raise DefinitionError(
            f"{cls.__name__} can't be made without arguments: {error}",
            hint="a policy asks for services in its @react methods",
        ) from error
    for clause in reactors.values():
        if clause.key is not None:
            raise DefinitionError(f"{clause.where}: key= is for process managers", hint="a policy has no rows")
    return ReactionType(cls, name, None, (), reactors)


def _reactors(cls: type) -> dict[type[Event], Clause]:
    reactors: dict[type[Event], Clause] = by_message(clauses_of(cls, "react"))
    if not reactors:
        raise DefinitionError(
            f"{cls.__name__} has no @react", hint="a reaction answers at least one event with commands"
        )
    for clause in reactors.values():
        if clause.produces:
            raise DefinitionError(
                f"{clause.where} gives {clause.produces[0].__name__}, which is an event",
                hint="a reaction answers with commands",
            )
    return reactors
