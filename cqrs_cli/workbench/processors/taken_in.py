"""What a processor took in: the types of events that its code knew, as far as its checkpoint has come.

A type that today's code has learnt since was passed over, not taken in. One that it knows no more is known to the code
that moved the checkpoint last: newer code that a deployment brings, or older, before a clause was removed.
"""

from __future__ import annotations

from collections.abc import Iterator

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.processors.definitions import Member, names_in


def learnt(store: Store, checkpoint: Checkpoint, definition: str, member: Member) -> dict[str, int]:
    """The types that today's code has learnt since, with the number of their events that were passed over.

    Of `streams` and `in` it is categories, with the events there of types that were known.
    """
    known, today = names_in(checkpoint.definition, member), names_in(definition, member)
    if known is None or today is None:
        return {}
    return _counted(store, today - known, checkpoint, member)


def lost(store: Store, checkpoint: Checkpoint, definition: str, member: Member) -> dict[str, int]:
    """The types (or categories) that the code knew which moved the checkpoint last, and today's does not, likewise."""
    known, today = names_in(checkpoint.definition, member), names_in(definition, member)
    if known is None or today is None:
        return {}
    return _counted(store, known - today, checkpoint, member)


def _counted(store: Store, names: frozenset[str], checkpoint: Checkpoint, member: Member) -> dict[str, int]:
    if not names:
        return {}
    position = checkpoint.position
    if member in ("streams", "in"):
        types = names_in(checkpoint.definition, "types" if member == "streams" else "answers")
        own = Selection(types=types, before=position + 1)
        return {name: sum(1 for _ in store.scan(own._replace(category=name))) for name in sorted(names)}
    some = store.scan(Selection(types=names, before=position + 1, limit=1))  # which for new types is soon said
    there = store.types(before=position + 1) if next(some, None) is not None else {}
    return {name: there.get(name, 0) for name in sorted(names)}


def why_refold(store: Store, checkpoint: Checkpoint, definition: str) -> str | None:
    """Why rows don't hold what today's code takes in, or hold what it does not; None if they are its own."""

    def reasons() -> Iterator[str]:
        for name, count in learnt(store, checkpoint, definition, "types").items():
            if count:
                yield f"it takes in {name} now, of which the log has {count} up to @{checkpoint.position}"
        forgotten = lost(store, checkpoint, definition, "types")
        for name, count in forgotten.items():
            there = f", of which the log has {count} up to @{checkpoint.position}" if count else ""
            yield f"the code that moved it last takes in {name} too{there}"
        for name, count in learnt(store, checkpoint, definition, "streams").items():
            if count:
                there = f"of which the log has {count} events up to @{checkpoint.position}"
                yield f"it takes in streams of {name} now, {there}"
        # With its types go the categories that they alone were in.
        for name, count in ({} if forgotten else lost(store, checkpoint, definition, "streams")).items():
            there = f", of which the log has {count} events up to @{checkpoint.position}" if count else ""
            yield f"the code that moved it last takes in streams of {name} too{there} ({_renamed(name)})"

    return "; ".join(reasons()) or None


def _renamed(category: str) -> str:
    return f'if an aggregate was renamed: aliases=("{category}",)'


def question(store: Store, checkpoint: Checkpoint, definition: str) -> Misuse | None:
    """What a reaction must be told before it goes on, as nothing can be folded anew: what to do with what it missed."""
    name, position = checkpoint.name, checkpoint.position
    missed = {type: count for type, count in learnt(store, checkpoint, definition, "answers").items() if count}
    if missed:
        there = [f"{type} now, of which the log has {count} up to @{position}" for type, count in missed.items()]
        message, events = f"{name} answers {', '.join(there)}", sum(missed.values())
        return Misuse(message, code="passed-over", reaction=name, reached=position, events=events)
    streams = {one: count for one, count in learnt(store, checkpoint, definition, "in").items() if count}
    if streams:
        there = [f"streams of {one} now, of which the log has {count} events" for one, count in streams.items()]
        message = f"{name} answers {', '.join(there)} up to @{position}"
        return Misuse(message, code="passed-over", reaction=name, reached=position, events=sum(streams.values()))
    forgotten = [*lost(store, checkpoint, definition, "answers")]
    if not forgotten:  # with its types go the categories that they alone were in
        streams = lost(store, checkpoint, definition, "in")
        forgotten = [f"streams of {one} ({_renamed(one)})" for one in streams]
    if forgotten:
        message = f"the code that moved {name} last answers {', '.join(forgotten)} too"
        return Misuse(message, code="answers-no-more", reaction=name, reached=max(position, 1))
    return None
