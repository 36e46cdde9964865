"""Who has read more than the log has, as its end was cut off: what comes there next would be passed over in silence."""

from __future__ import annotations

from cqrs_cli.errors import Damaged
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Checkpoint


def beyond_the_end(position: int, head: int) -> str:
    """What is said of who has read what the log has not."""
    return f"it has read up to @{position}, and the log ends at @{head}: its end was cut off, or it is another one"


def end_lost(name: str, position: int, head: int) -> Damaged:
    """The error of a processor that has read up to a position which the log has not."""
    return Damaged(f"{name}: {beyond_the_end(position, head)}", code="end-lost", processor=name, head=head)


def check_ends(store: Store, checkpoints: list[Checkpoint] | None = None) -> None:
    """Raise `Damaged` (`end-lost`) if somebody has read more than the log has. checkpoints: of all, if not these."""
    known = store.rows.checkpoints() if checkpoints is None else checkpoints
    furthest = max(known, key=lambda one: one.position, default=None)
    if furthest is not None and furthest.position > (head := store.head()):
        raise end_lost(furthest.name, furthest.position, head)
