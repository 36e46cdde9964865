"""The names of a result's columns, which a document needs to be different."""

from __future__ import annotations

from collections.abc import Sequence


def different(names: Sequence[str]) -> list[str]:
    """Two columns called `name` become `name` and `name_2`: the second would vanish in JSON."""
    taken = set(names)
    different: list[str] = []
    for name in names:
        number, chosen = 1, name
        while chosen in different or (number > 1 and chosen in taken):
            number += 1
            chosen = f"{name}_{number}"
        different.append(chosen)
    return different
