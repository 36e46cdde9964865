"""Whether a log and a domain belong together: the types of events that one has, and those that the other knows.

Two domains may share a log, so of what a domain does not know only what lies in its own streams is strange.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from cqrs_cli.stores.contract import Store


class Names(NamedTuple):
    """What a domain has. categories: of its streams. types: of its aggregates' events. processors: by their names.

    versions: of every stored type that it knows, aliases too, the newest that it can read. everyones: types that are
    in any domain, and so tell nothing of whose log it is. aggregates: the categories of its aggregates.
    """

    domain: str
    categories: Set[str]
    types: Set[str]
    processors: Set[str]
    versions: Mapping[str, int]
    everyones: Set[str] = frozenset()
    aggregates: Set[str] = frozenset()

    @property
    def events(self) -> Set[str]:
        """All types that it can read."""
        return self.versions.keys()


def foreign_types(store: Store, names: Names) -> Set[str]:
    """The types of a log that has events, and not one that the domain knows; else none. Soon said, however long it is.

    An empty log is anybody's, and a domain without events has nothing to be known by.
    """
    there, own = store.type_names() - names.everyones, names.versions.keys() - names.everyones
    return there if own and not there & own else frozenset()


def unknown_types(store: Store, names: Names, after: int = 0) -> dict[str, int]:
    """By type, the events in the domain's own streams that it does not know, of those after a position.

    It looks at each event after the position, if the log has types that the domain does not know.
    """
    strange = store.type_names() - names.versions.keys()
    found: dict[str, int] = {}
    for (type, _), count in store.kinds(strange, names.categories, after).items() if strange else ():
        found[type] = found.get(type, 0) + count
    return found


def newer_versions(store: Store, names: Names) -> dict[tuple[str, int], int]:
    """By type and version, the events of the domain that newer code wrote. It looks at all events."""

    def beyond(types: Set[str], categories: Set[str] | None = None) -> dict[tuple[str, int], int]:
        kinds = store.kinds(types, categories)
        return {kind: count for kind, count in kinds.items() if kind[1] > names.versions[kind[0]]}

    found = beyond(store.type_names() & names.versions.keys())
    own = {type for type, _ in found if type in names.types}  # another domain may call its own the same
    others = {kind: count for kind, count in found.items() if kind[0] not in own}
    return others | (beyond(own, names.categories) if own else {})


def listed(counts: Mapping[str, int], most: int = 5) -> str:
    """`Joined (3), Left (2)`, the most frequent first."""
    told = [f"{type} ({count:,})" for type, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
