"""Under which older names events of a type are stored, as far as a store knows without the domain.

The checkpoint of whatever takes events in says so: `types` and `answers` are all the stored names that its code knows,
and `aliases` says which of them are older names of which.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from cqrs_cli.stores.contract import Store


class OlderNames(NamedTuple):
    """What is known. aliases: older names by today's. known: the stored names of which it is known."""

    aliases: dict[str, frozenset[str]]
    known: frozenset[str]

    def with_older(self, names: Iterable[str]) -> frozenset[str]:
        """These names, and their older ones."""
        return frozenset(one for name in names for one in (name, *self.aliases.get(name, ())))


def older_names(store: Store) -> OlderNames:
    """What the checkpoints of a store say."""
    aliases: dict[str, frozenset[str]] = {}
    known: set[str] = set()
    for checkpoint in store.rows.checkpoints():
        definition = read_definition(checkpoint.definition)
        if not isinstance(definition.get("aliases"), dict):  # of the first versions
            continue
        for name, others in definition["aliases"].items():
            aliases[name] = aliases.get(name, frozenset()) | frozenset(map(str, others))
        for member in ("types", "answers"):
            known.update(map(str, definition.get(member, ())))
    return OlderNames(aliases, frozenset(known))


def read_definition(text: str) -> dict[str, Any]:
    """What a checkpoint says of whose it is; nothing if another tool changed it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
