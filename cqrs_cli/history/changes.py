"""What differs between two states, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_ABSENT: Any = object()


class Change(NamedTuple):
    """One difference. path: as `items[0].quantity`; old or new is None where there is nothing."""

    path: str
    old: Any
    new: Any


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What differs between two JSON-ready states, field by field; lists place by place, what is cut or added whole."""
    return list(_differences("", old, new))


def _differences(path: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            inner = f"{path}.{name}" if path else str(name)
            yield from _differences(inner, old.get(name, _ABSENT), new.get(name, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _ABSENT
            after = new[index] if index < len(new) else _ABSENT
            yield from _differences(f"{path}[{index}]", before, after)
    elif old is not new and (old != new or type(old) is not type(new)):
        yield Change(path, None if old is _ABSENT else old, None if new is _ABSENT else new)
