"""Whether a domain that can read a commit can read the same when values in it are other ones."""

from __future__ import annotations

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.stores.commits import Commit, NewEvent, StoredEvent
from cqrs_cli.stores.streams import category_of


class Fitting:
    """Compares commits by a domain: by the classes of its events, and the types of its keys."""

    def __init__(self, domain: Domain) -> None:
        self._domain, self._codec = domain, Codec(domain.events, domain.commands)

    def __call__(self, before: Commit, after: Commit, position: int) -> None:
        """Raise `Misuse` if an event, or the name of a stream, was one of the domain's before and is none after."""
        for old, new in zip(before.events, after.events, strict=True):
            if old != new and self._trouble(old) is None:
                trouble = self._trouble(new)
                if trouble is not None:
                    raise Misuse(
                        f"masked, {old.type} at @{position} could not be read any more: {trouble}",
                        hint="leave that field out, or mask it in another way: a pseudonym keeps the form of a value, "
                        "but is none of a list",
                        code="mask",
                        position=position,
                    )

    def _trouble(self, event: NewEvent) -> str | None:
        """Why the domain can't read an event; None if it can."""
        stored = StoredEvent(0, event.stream, 0, event.type, event.schema_version, event.data)
        aggregate = self._domain.categories.get(category_of(event.stream))
        try:
            self._codec.decode(stored)
            if aggregate is not None:
                aggregate.key_of(event.stream)
        except CqrsError as error:
            return error.message.partition(": ")[2] or error.message
        return None
