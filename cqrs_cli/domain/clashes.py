"""Names that would clash: of streams, tables, stored messages, and of words on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.messages import Message, kebab
from cqrs_cli.domain.mistakes import complete
from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.domain.renamed import refuse_wrong_names
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.domain.storable import refuse_unreadable
from cqrs_cli.errors import DefinitionError

M = TypeVar("M", bound=Message)


def claim(taken: dict[str, Any], name: str, value: Any, part: type, what: str, remedy: str) -> None:
    """Enter a part of a domain under its name. Raises `DefinitionError` if another has it."""
    if name in taken:
        other = getattr(taken[name], "cls", taken[name]).__name__
        raise DefinitionError(
            f"{part.__name__} and {other} have the same {what} {name!r}", hint=f"give one of them another with {remedy}"
        )
    taken[name] = value


def refuse_shared(named: Mapping[str, Any], others: Mapping[str, Any], as_what: str) -> None:
    """Raise `DefinitionError` for a name that is in both, of which they must not have the same."""
    for name in named.keys() & others.keys():
        raise DefinitionError(
            f"{named[name].cls.__name__} is called {name!r}, as {as_what}{others[name].cls.__name__}",
            hint="give it another with name=",
        )


def refuse_used_aliases(
    aggregates: Iterable[AggregateType], reactions: Iterable[ReactionType], projections: Iterable[RowType]
) -> None:
    """Raise `DefinitionError` for an older name that another part of the domain has, or had.

    In a store they would be each other's: streams by their categories, tables and checkpoints by their names.
    """
    streams = [(one.cls, one.category, one.aliases) for one in aggregates]
    streams += [(one.cls, one.name, one.other_names) for one in reactions]
    named = [*streams, *((rows.cls, rows.name, ()) for rows in projections)]
    for cls, _, aliases in streams:
        for alias in aliases:
            for other, name, others in named:
                used = {one.lower() for one in (name, *others)}
                if other is not cls and {alias.lower(), f"{alias.lower()}_view"} & used:
                    raise DefinitionError(
                        f"{cls.__name__} has the alias {alias!r}, which is a name of {other.__name__}",
                        hint="an alias is a name that nothing else has, or had: leave it out, or rename the other",
                    )


def by_stored_name(classes: Iterable[type[M]]) -> dict[str, type[M]]:
    """Messages by all the names that they are stored under. Raises `DefinitionError` if two share one."""
    found: dict[str, type[M]] = {}
    for cls in dict.fromkeys(classes):
        complete(cls)
        if "stored" not in vars(cls):
            raise DefinitionError(
                f"{cls.__name__} has no name to be stored under",
                hint=f"class MyOwn({cls.__name__}): … gives it one: name that class where this one is",
            )
        refuse_unreadable(cls)
        refuse_wrong_names(cls)
        for name in (cls.stored.name, *cls.stored.aliases):
            if found.setdefault(name, cls) is not cls:
                raise DefinitionError(
                    f"{cls.__name__} and {found[name].__name__} are both stored as {name!r}",
                    hint="give one of them another with name=",
                )
    return found


def refuse_same_tables(row_types: Iterable[RowType]) -> None:
    """SQL knows no case, and a store may show each table under its name and `_view`."""
    tables: dict[str, RowType] = {}
    for rows in row_types:
        other = tables.setdefault(rows.name.lower(), rows)
        if other is not rows:
            raise DefinitionError(
                f"the tables of {rows.cls.__name__} and {other.cls.__name__} differ in case only: "
                "SQL can't tell them apart",
                hint="give one of them another with name=",
            )
    for name, rows in tables.items():
        view = tables.get(f"{name}_view")
        if view is not None:
            raise DefinitionError(
                f"{view.cls.__name__} is called {view.name!r}, as is the view of {rows.cls.__name__}",
                hint="give it another with name=",
            )


def refuse_same_words(classes: Iterable[type], what: str) -> None:
    """Two classes may not be one word on the command line."""
    words: dict[str, type] = {}
    for cls in dict.fromkeys(classes):
        if words.setdefault(kebab(cls.__name__), cls) is not cls:
            raise DefinitionError(
                f"two {what} are called {kebab(cls.__name__)!r} on the command line", hint="rename one of the classes"
            )


def refuse_same_question(queries: Iterable[type], row_types: Iterable[RowType]) -> None:
    """`cqrs query NAME` asks a query, or a read model itself."""
    asked = {kebab(query.__name__): query for query in queries}
    for rows in row_types:
        query = asked.get(rows.name.replace("_", "-"))
        if query is not None:
            raise DefinitionError(
                f"{query.__name__} and {rows.cls.__name__} are both asked with cqrs query {kebab(query.__name__)}",
                hint="rename the query, or give the rows another name=",
            )
