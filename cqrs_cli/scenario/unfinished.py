"""Scenarios that tried something and asked nothing: a chain without a `then` proves nothing, and is an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class UnfinishedScenario(UserWarning):
    """A scenario ended with a `when`. The pytest plugin fails the test that left it so."""


MESSAGE = "the scenario ends with a when, so it proves nothing: say what comes of it, .then(…)"
Place = tuple[str, int]
"""A file and a line."""


class Begun(Protocol):
    """A scenario. _asked: where its last `when` stands, until somebody asks what came of it."""

    _asked: Place | None


_watched: list[list[Begun]] = []


def begun(scenario: Begun) -> None:
    """Note that a scenario has a `when`, where somebody watches."""
    if _watched:
        _watched[-1].append(scenario)


@contextmanager
def watching() -> Iterator[list[str]]:
    """While a test runs: the list has at the end what is wrong with scenarios that it left without a `then`."""
    found: list[str] = []
    mine: list[Begun] = []
    _watched.append(mine)
    try:
        yield found
    finally:
        _watched.remove(mine)
        for place in dict.fromkeys(one._asked for one in mine):
            if place is not None:
                found.append(f"{place[0]}:{place[1]}: {MESSAGE}")
        for one in mine:
            one._asked = None
