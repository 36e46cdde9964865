"""A comparison as a JSON Patch (RFC 6902): its operations, applied to the old state, give the new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cqrs_cli.history.comparison import ABSENT, Difference, Elements, Members

Operation = dict[str, Any]


def operations(difference: Difference | None, at: str = "") -> Iterator[Operation]:
    """The operations, to be applied in this order. at: the JSON Pointer (RFC 6901) of what was compared."""
    if difference is None:
        return
    if isinstance(difference, Members):
        for name, inner in difference.differing.items():
            yield from operations(inner, f"{at}/{escaped(name)}")
    elif isinstance(difference, Elements):
        yield from _of_list(difference, at)
    elif difference.new is ABSENT:
        yield {"op": "remove", "path": at}
    else:
        yield {"op": "add" if difference.old is ABSENT else "replace", "path": at, "value": difference.new}


def _of_list(difference: Elements, at: str) -> Iterator[Operation]:
    """First what goes, from the end, then each new element to its place, then what differs in those that stayed."""
    for place in reversed(difference.gone):
        yield {"op": "remove", "path": f"{at}/{place}"}
    now = sorted(difference.kept)  # the old elements as they stand, by their old places
    for place, (before, _) in enumerate(difference.pairs):
        if before is None:
            yield {"op": "add", "path": f"{at}/{place}", "value": difference.new[place]}
            now.insert(place, -1)
        elif now[place] != before:
            found = now.index(before, place)
            yield {"op": "move", "from": f"{at}/{found}", "path": f"{at}/{place}"}
            now.insert(place, now.pop(found))
    for place, (_, inner) in enumerate(difference.pairs):
        yield from operations(inner, f"{at}/{place}")


def escaped(name: str) -> str:
    """A name as a part of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
