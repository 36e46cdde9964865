"""Projections: tables whose rows are folds of the events with the same key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Never

from cqrs_cli.domain.clauses import refuse_other_clauses
from cqrs_cli.domain.messages import Event, as_ignored, snake
from cqrs_cli.domain.mistakes import refuse_keywords
from cqrs_cli.domain.row_model import Keywords, RowModel, RowType, as_groups, as_rules, row_type
from cqrs_cli.errors import DefinitionError


class Projection(RowModel):
    """A read model; the class is the row and the row is the table: `class OrderSummary(Projection, key="order_id")`.

    Class keywords: `key=` (a field, or a tuple of fields), `version=` (1; raise it when the meaning
    of the rows changes), `name=` (the table; default: the class's name in snake_case), `indexes=`
    (fields, or tuples of fields), `inline=True` (the rows change in the commit's own transaction) and,
    for those, `unique=` (a field, or a tuple of fields that are unique together; a list has several
    such rules: a command that would break one is rejected).
    `ignores=` lists events that carry its key and are meant to change nothing here: `cqrs check` tells of all others.
    Any event with a clause creates a missing row, so every field but the key has a default.
    """

    def __init_subclass__(
        cls,
        *,
        key: str | tuple[str, ...] = (),
        version: int = 1,
        name: str | None = None,
        inline: bool = False,
        unique: Sequence[str | tuple[str, ...]] = (),
        indexes: tuple[str | tuple[str, ...], ...] | str = (),
        ignores: tuple[type[Event], ...] = (),
        **unknown: Never,
    ) -> None:
        refuse_keywords(cls, unknown, "key, version, name, inline, unique, indexes and ignores")
        super().__init_subclass__()
        cls.keywords = Keywords(
            (key,) if isinstance(key, str) else tuple(key),
            version,
            name or snake(cls.__name__),
            inline,
            as_rules(unique),
            as_groups((indexes,) if isinstance(indexes, str) else indexes),
            ignores=as_ignored(cls, ignores, Event),
        )


def projection_type(cls: type[Projection]) -> RowType:
    """Read a projection class. Raises `DefinitionError` naming class, field and remedy."""
    refuse_other_clauses(cls, "evolve")
    kind = row_type(cls)
    if not kind.evolvers:
        raise DefinitionError(f"{cls.__name__} has no @evolve", hint="a projection is the fold of at least one event")
    return kind
