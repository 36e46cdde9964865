"""What a processor took in: the types of events that its code knew, as far as its checkpoint has come.

A type that today's code has learnt since was passed over, not taken in. One that it knows no more is known to the code
that moved the checkpoint last: newer code that a deployment brings, or older, before a clause was removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.processors.definitions import names_in


def learnt(
    store: Store, checkpoint: Checkpoint, definition: str, member: Literal["types", "answers"]
) -> dict[str, int]:
    """The types that today's code has learnt since, with the number of their events that were passed over."""
    known, today = names_in(checkpoint.definition, member), names_in(definition, member)
    return _counted(store, today - known, checkpoint.position) if known is not None and today is not None else {}


def lost(store: Store, checkpoint: Checkpoint, definition: str, member: Literal["types", "answers"]) -> dict[str, int]:
    """The types that the code knew which moved the checkpoint last, and today's does not, likewise."""
    known, today = names_in(checkpoint.definition, member), names_in(definition, member)
    return _counted(store, known - today, checkpoint.position) if known is not None and today is not None else {}


def _counted(store: Store, names: frozenset[str], position: int) -> dict[str, int]:
    if not names:
        return {}
    some = store.scan(Selection(types=names, before=position + 1, limit=1))  # which for new types is soon said
    there = store.types(before=position + 1) if next(some, None) is not None else {}
    return {name: there.get(name, 0) for name in sorted(names)}


def why_refold(store: Store, checkpoint: Checkpoint, definition: str) -> str | None:
    """Why rows don't hold what today's code takes in, or hold what it does not; None if they are its own."""

    def reasons() -> Iterator[str]:
        for name, count in learnt(store, checkpoint, definition, "types").items():
            if count:
                yield f"it takes in {name} now, of which the log has {count} up to @{checkpoint.position}"
        for name, count in lost(store, checkpoint, definition, "types").items():
            there = f", of which the log has {count} up to @{checkpoint.position}" if count else ""
            yield f"the code that moved it last takes in {name} too{there}"

    return "; ".join(reasons()) or None


def question(store: Store, checkpoint: Checkpoint, definition: str) -> Misuse | None:
    """What a reaction must be told before it goes on, as nothing can be folded anew: what to do with what it missed."""
    name, position = checkpoint.name, checkpoint.position
    missed = {type: count for type, count in learnt(store, checkpoint, definition, "answers").items() if count}
    if missed:
        there = [f"{type} now, of which the log has {count} up to @{position}" for type, count in missed.items()]
        message, events = f"{name} answers {', '.join(there)}", sum(missed.values())
        return Misuse(message, code="passed-over", reaction=name, reached=position, events=events)
    forgotten = lost(store, checkpoint, definition, "answers")
    if forgotten:
        message = f"the code that moved {name} last answers {', '.join(forgotten)} too"
        return Misuse(message, code="answers-no-more", reaction=name, reached=max(position, 1))
    return None
