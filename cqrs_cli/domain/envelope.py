"""The envelope of an event as clauses and callers get it: its `key` has the values and types that the aggregate has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.keys import stream_key
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.streams import category_of

Envelope = Callable[[Recorded], Recorded]
_new = tuple.__new__


def envelope_of(key_types: Mapping[str, tuple[type, ...]]) -> Envelope:
    """The function that gives a `Recorded` its typed key. key_types: by category; other streams keep a text."""
    classes: dict[str, type[Recorded]] = {}

    def envelope(recorded: Recorded) -> Recorded:
        category = category_of(recorded[1])
        cls = classes.get(category)
        if cls is None:
            if category not in key_types:
                return recorded
            cls = classes[category] = _keyed(key_types[category])
        return _new(cls, recorded)

    return envelope


def _keyed(kinds: tuple[type, ...]) -> type[Recorded]:
    """A `Recorded` of streams whose keys have these types. Pickled, it is a plain one."""

    def key(recorded: Recorded) -> Any:
        """The key of the event's stream: a value, or a tuple of them. Raises `InvalidInput` for another's stream."""
        parts = stream_key(recorded.stream, kinds)
        return parts[0] if len(parts) == 1 else parts

    def reduced(recorded: Recorded) -> tuple[Any, ...]:
        return Recorded, tuple(recorded)

    members = {"__slots__": (), "__doc__": Recorded.__doc__, "__reduce__": reduced, "key": property(key)}
    return type("Recorded", (Recorded,), members)


def with_keys(clause: Clause, envelope: Envelope) -> Clause:
    """The clause, given envelopes with typed keys where it (or its `key=`) asks for the envelope."""
    function, by = clause.function, clause.key
    if by is not None:
        clause = clause._replace(key=lambda event, recorded: by(event, envelope(recorded)))
    if not clause.recorded:
        return clause

    def called(row: Any, event: Any, *extra: Any) -> Any:
        return function(row, event, *[envelope(one) if isinstance(one, Recorded) else one for one in extra])

    return clause._replace(function=called)
