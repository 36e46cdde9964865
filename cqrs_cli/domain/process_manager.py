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
from cqrs_cli.domain.messages import Command, Event, Message, as_ignored, snake
from cqrs_cli.domain.mistakes import as_aliases, check_aliases, refuse_keywords
from cqrs_cli.domain.row_model import Keywords, RowModel, RowType, refuse_reserved, row_type
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
    methods see the row and answer with commands. Class keywords: `key=`, `version=`, `name=`, `aliases=` (older names:
    where it began under one of them, it goes on under that), `ignores=` (commands that may lead back to it).
    The key is a str, int, UUID or date, as it also names the process's stream `<name>-<key>`.
    """

    def __init_subclass__(
        cls,
        *,
        key: str | tuple[str, ...] = (),
        version: int = 1,
        name: str | None = None,
        aliases: tuple[str, ...] = (),
        ignores: tuple[type[Command], ...] = (),
        **unknown: Never,
    ) -> None:
        refuse_keywords(cls, unknown, "key, version, name, aliases and ignores")
        super().__init_subclass__()
        names = (key,) if isinstance(key, str) else tuple(key)
        ignored = as_ignored(cls, ignores, Command)
        cls.keywords = Keywords(
            names, version, name or snake(cls.__name__), aliases=as_aliases(cls, aliases), ignores=ignored
        )


class Policy:
    """A stateless answer to events: `class Welcome(Policy)` with `@react` methods.

    Class keywords: `name=`, `aliases=` (older names: where it began under one of them, it goes on under that),
    `ignores=` (commands that may lead back to it).
    """

    policy_name: ClassVar[str]
    policy_aliases: ClassVar[tuple[str, ...]] = ()
    policy_ignores: ClassVar[tuple[type[Message], ...]] = ()

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        aliases: tuple[str, ...] = (),
        ignores: tuple[type[Command], ...] = (),
        **unknown: Never,
    ) -> None:
        refuse_keywords(cls, unknown, "name, aliases and ignores")
        super().__init_subclass__()
        cls.policy_ignores = as_ignored(cls, ignores, Command)
        cls.policy_name, cls.policy_aliases = name or snake(cls.__name__), as_aliases(cls, aliases)


class ReactionType(NamedTuple):
    """A process manager or policy, read and checked. rows: of a process manager; a policy has None.

    domain: the name of the domain that it is part of. other_names: under which it may have begun, or be asked for.
    streams: the categories of the aggregates whose events it answers; None: any.
    """

    cls: Any
    name: str
    rows: RowType | None
    key_types: tuple[type, ...]
    reactors: Mapping[type[Event], Clause]
    domain: str = ""
    other_names: tuple[str, ...] = ()
    streams: tuple[str, ...] | None = None

    @property
    def ignores(self) -> tuple[type[Message], ...]:
        """The commands of it that may lead back to it."""
        found: tuple[type[Message], ...] = self.cls.keywords.ignores if self.rows else self.cls.policy_ignores
        return found

    def of_domain(self, name: str) -> ReactionType:
        """The same as part of the domain of this name."""
        return self._replace(domain=name, rows=self.rows and self.rows._replace(domain=name))

    def going_by(self, name: str) -> ReactionType:
        """The same under another of its names: of its checkpoint, its rows, its streams and its commands' ids."""
        if name == self.name:
            return self
        others = tuple(other for other in (self.name, *self.other_names) if other != name)
        rows = self.rows and self.rows._replace(table=self.rows.table._replace(name=name))
        return self._replace(name=name, other_names=others, rows=rows)

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
    aliases = cls.keywords.aliases
    check_aliases(cls.__name__, rows.name, aliases, "table")
    refuse_reserved(cls, *aliases)
    return ReactionType(cls, rows.name, rows, tuple(kinds), _reactors(cls), other_names=aliases)


def policy_type(cls: type[Policy]) -> ReactionType:
    """Read a policy class. Raises `DefinitionError` naming class, method and remedy."""
    refuse_other_clauses(cls, "react")
    reactors, name = _reactors(cls), cls.policy_name
    check_aliases(cls.__name__, name, cls.policy_aliases, "name")
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
    return ReactionType(cls, name, None, (), reactors, other_names=cls.policy_aliases)


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
