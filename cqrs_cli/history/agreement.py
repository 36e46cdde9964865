"""Whether the streams of a copy come to the states that those of its source come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cqrs_cli.history.changes import Change, changes
from cqrs_cli.history.shapes import Shape
from cqrs_cli.workbench.workbench import Workbench


class Agreement(NamedTuple):
    """How many states were compared, and where some differ: the first places only."""

    compared: int
    differing: list[tuple[str, Change]]


_MOST = 20


def agreement(
    source: Workbench, copy: Workbench, position: int, concerns: Callable[[str], bool] = lambda stream: True
) -> Agreement:
    """Fold each stream that the source has up to a position, and the one of its name in the copy.

    concerns: whether a stream was to be copied. Raises what `replay` does, on either side.
    """
    compared = 0
    differing: list[tuple[str, Change]] = []
    for there in source.replay_all(at_position=position):
        if not concerns(there.stream):
            continue
        here = copy.replay(there.stream)
        compared += 1
        told = changes(source.jsonable(there.state), copy.jsonable(here.state), Shape(type(there.state)))
        if len(differing) < _MOST:
            differing += [(there.stream, change) for change in told]
    return Agreement(compared, differing)
