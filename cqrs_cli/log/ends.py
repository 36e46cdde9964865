"""Who has read more than the log has, as its end was cut off: what comes there next would be passed over in silence."""

from __future__ import annotations

import time
from collections.abc import Iterable

from cqrs_cli.errors import Damaged
from cqrs_cli.log.waiting import LOOK_AGAIN
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Checkpoint

_PATIENCE = 1.0


def beyond_the_end(position: int, head: int) -> str:
    """What is said of who has read what the log has not."""
    return f"it has read up to @{position}, and the log ends at @{head}: its end was cut off, or it is another one"


def end_lost(name: str, position: int, head: int) -> Damaged:
    """The error of a processor that has read up to a position which the log has not."""
    return Damaged(f"{name}: {beyond_the_end(position, head)}", code="end-lost", projection=name, head=head)


def head_for(store: Store, position: int) -> int:
    """The head of the log for who has read up to a position: asked for a while whether it has come there.

    Of several servers that are read in turn, one may be behind another.
    """
    end = time.monotonic() + _PATIENCE
    while (head := store.head()) < position and time.monotonic() < end:
        time.sleep(LOOK_AGAIN)
    return head


def check_ends(store: Store, checkpoints: Iterable[Checkpoint]) -> None:
    """Raise `Damaged` (`end-lost`) if one of these has read more than the log has."""
    furthest = max(checkpoints, key=lambda one: one.position, default=None)
    if furthest is not None and furthest.position > (head := head_for(store, furthest.position)):
        raise end_lost(furthest.name, furthest.position, head)
