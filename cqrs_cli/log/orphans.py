"""What a store has of classes that a domain has not: after a class was renamed, nothing else tells."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import NamedTuple

from cqrs_cli.finding import Finding
from cqrs_cli.log.letters import count_letters
from cqrs_cli.log.outbox import counts
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.operational import DEAD_LETTERS, OUTBOX
from cqrs_cli.stores.rows import Order, RowReader, Where

_MOST_CATEGORIES = 200


class Names(NamedTuple):
    """What a domain has. categories: of its streams. types: of its aggregates' events. processors: by their names."""

    domain: str
    categories: Set[str]
    types: Set[str]
    processors: Set[str]


def orphans(store: Store, names: Names) -> list[Finding]:
    """Streams, checkpoints, waiting commands and dead letters of nobody in the domain.

    Streams count only where the first event is of a type that an aggregate of the domain has: others belong to others.
    """
    return [*orphaned_streams(store, names), *_processors(store, names)]


def orphaned_streams(store: Store, names: Names) -> Iterator[Finding]:
    """The categories that a renamed aggregate has left."""
    after: str | None = None
    for _ in range(_MOST_CATEGORIES):
        info = next(iter(store.streams(after=after, limit=1)), None)
        if info is None:
            return
        after = f"{info.category}."  # '.' follows '-'
        if info.category in names.categories:
            continue
        first = next(iter(store.scan(Selection(stream=info.stream, limit=1))))
        if first.type in names.types:
            said = (
                f"streams of the category {info.category!r} hold events such as {first.type}, "
                f"and no aggregate of {names.domain} has that category"
            )
            yield Finding("orphan", "note", info.stream, said, f'if a class was renamed: category="{info.category}"')


def _processors(store: Store, names: Names) -> Iterator[Finding]:
    rows = store.rows
    checkpoints = {one.name: one.position for one in rows.checkpoints() if "~" not in one.name}
    for name in sorted({*checkpoints, *_reactions(rows)} - names.processors):
        waiting, dead = sum(counts(rows, name)), count_letters(rows, name)
        has = [f"a checkpoint at @{checkpoints[name]}"] if name in checkpoints else []
        has += [f"commands that wait or have a deadline: {waiting}"] if waiting else []
        has += [f"commands that came to nothing: {dead}"] if dead else []
        if not has:  # what was dropped is on record, and no more
            continue
        said = f"{name} has {', '.join(has)}, and nothing of {names.domain} is called so"
        said += ": they are not sent" if waiting else ""
        yield Finding("orphan", "note", name, said, f'if a class was renamed: name="{name}" goes on')


def _reactions(rows: RowReader) -> Iterator[str]:
    """The names of all reactions with commands that wait or came to nothing."""
    for table in (OUTBOX, DEAD_LETTERS):
        name, at = "", [column.name for column in table.columns].index("reaction")
        while found := list(rows.select(table, [Where("reaction", ">", name)], [Order("reaction")], limit=1)):
            name = str(found[0][at])
            yield name
