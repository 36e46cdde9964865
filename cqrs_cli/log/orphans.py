"""What a store has of classes that a domain has not: after a class was renamed, nothing else tells."""

from __future__ import annotations

from collections.abc import Iterator

from cqrs_cli.finding import Finding
from cqrs_cli.log.letters import count_letters
from cqrs_cli.log.older_names import read_definition
from cqrs_cli.log.outbox import counts
from cqrs_cli.log.pairing import Names
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.operational import DEAD_LETTERS, OUTBOX
from cqrs_cli.stores.rows import Order, RowReader, Where

_MOST_CATEGORIES = 200


def orphans(store: Store, names: Names) -> list[Finding]:
    """Streams, checkpoints, waiting commands and dead letters of nobody in the domain.

    Streams count only where the first event is of a type that an aggregate of the domain has: others belong to others.
    """
    return [*orphaned_streams(store, names), *shared_streams(store, names), *_processors(store, names)]


def shared_streams(store: Store, names: Names) -> Iterator[Finding]:
    """The categories of the domain's aggregates whose streams hold events of somebody else."""
    unknown = frozenset(store.types().keys() - names.events)
    for category in sorted(names.aggregates) if unknown else ():
        first = next(iter(store.scan(Selection(category=category, types=unknown, limit=1))), None)
        if first is not None:
            others = sorted(_domains(store) - {names.domain})
            whose = f" (here too: {', '.join(others)})" if others else ""
            yield Finding(
                "shared",
                "note",
                first.stream,
                f"streams of the category {category!r} hold events such as {first.type}, which {names.domain} has not: "
                f"it was renamed, or another domain has the same category{whose}",
                f'if a class was renamed: aliases=("{first.type}",); for another domain, another category=',
            )


def _domains(store: Store) -> set[str]:
    """The names of the domains that have rows or reactions here."""
    found = (read_definition(one.definition).get("domain") for one in store.rows.checkpoints())
    return {name for name in found if isinstance(name, str)}


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
            yield Finding(
                "orphan", "warning", info.stream, said, f'if a class was renamed: aliases=("{info.category}",)'
            )


def _processors(store: Store, names: Names) -> Iterator[Finding]:
    rows = store.rows
    there = [one for one in rows.checkpoints() if "~" not in one.name]
    checkpoints = {one.name: one.position for one in there}
    answers = {one.name: read_definition(one.definition).get("answers") for one in there}
    for name in sorted({*checkpoints, *reactions_with_commands(rows)} - names.processors):
        waiting, dead = sum(counts(rows, name)), count_letters(rows, name)
        has = [f"a checkpoint at @{checkpoints[name]}"] if name in checkpoints else []
        has += [f"commands that wait or have a deadline: {waiting}"] if waiting else []
        has += [f"commands that came to nothing: {dead}"] if dead else []
        if not has:  # what was dropped is on record, and no more
            continue
        said = f"{name} has {', '.join(has)}, and nothing of {names.domain} is called so"
        said += ": they are not sent" if waiting else ""
        severity = "warning" if waiting or dead else "note"  # a mere checkpoint is what a class that was removed leaves
        hint = f'if a class was renamed: name="{name}" goes on'
        for new in sorted(names.processors & checkpoints.keys()):
            if answers.get(name) and answers[new] == answers[name] and checkpoints[new] > checkpoints.get(name, 0):
                hint = f"if {new} is its new name, leave it so: it has begun anew, and answers what came since"
        yield Finding("orphan", severity, name, said, hint)


def reactions_with_commands(rows: RowReader) -> Iterator[str]:
    """The names of all reactions with commands that wait or came to nothing."""
    for table in (OUTBOX, DEAD_LETTERS):
        name, at = "", [column.name for column in table.columns].index("reaction")
        while found := list(rows.select(table, [Where("reaction", ">", name)], [Order("reaction")], limit=1)):
            name = str(found[0][at])
            yield name
