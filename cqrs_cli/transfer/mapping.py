"""Events that become others on their way: the supported way to write a history anew, into another store.

def tidy(events):                     # all events of one commit
    for event in events:
        if event.type == "Pinged":
            continue                  # dropped
        if event.type == "OrderPlaced":
            event = event.but(type="OrderCreated", data={**event.data, "currency": "EUR"})
        yield event
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cqrs_cli.errors import CqrsError, DomainFailed, Misuse
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import NewEvent, Recorded
from cqrs_cli.transfer.exact import ExactJson, written
from cqrs_cli.transfer.parcel import Parcel, recorded

Function = Callable[[Sequence["Event"]], "Iterable[Event] | None"]


class Event:
    """An event as a function sees it. recorded: all that its source knows of it. Make another one with `but`."""

    __slots__ = ("_data", "_is_read", "_json", "of", "recorded", "schema_version", "stream", "text", "type")

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.stream, self.type = recorded.stream, recorded.type
        self.schema_version, self.text = recorded.schema_version, recorded.data
        self._json, self._is_read, self._data = ExactJson(), False, None
        self.of: tuple[Event, ...] = (self,)

    @property
    def data(self) -> Any:
        """Its payload, as JSON values. It is not changed in place: `but(data=…)` gives another."""
        if not self._is_read:
            self._data, self._is_read = self._json.loads(self.text.decode()), True
        return self._data

    @property
    def is_touched(self) -> bool:
        """Whether its payload was changed in place, which would be lost."""
        return self._is_read and self._data != ExactJson().loads(self.text.decode())

    @property
    def is_changed(self) -> bool:
        """Whether anything but its payload was changed in place, which would be lost."""
        was = self.recorded
        return (self.stream, self.type, self.schema_version, self.text) != (
            was.stream, was.type, was.schema_version, was.data,
        )  # fmt: skip

    def but(
        self,
        *,
        stream: str | None = None,
        type: str | None = None,
        data: Any = None,
        schema_version: int | None = None,
        merging: Iterable[Event] = (),
    ) -> Event:
        """Another event in the place of this one, with something changed.

        Several made of one split it. merging: other events of the commit that it stands for, too. Raises `Misuse`.
        """
        merged = list(merging)
        for name, value, kind in (
            ("stream", stream, str),
            ("type", type, str),
            ("schema_version", schema_version, int),
        ):
            if value is not None and value.__class__ is not kind:
                raise _wrong(f"{name}={value!r}, which is no {'text' if kind is str else 'whole number'}")
        for one in merged:
            if not isinstance(one, Event):
                raise _wrong(f"merging has {one!r}, which is no event")
        other = Event(self.recorded)
        other.stream = self.stream if stream is None else stream
        other.type = self.type if type is None else type
        other.schema_version = self.schema_version if schema_version is None else schema_version
        other.text = self.text if data is None else _bytes(data)
        other.of = (*self.of, *(origin for one in merged for origin in one.of))
        return other


def _wrong(what: str) -> Misuse:
    return Misuse(
        f"an event can't have {what}", hint="event.but(stream=…, type=…, data=…, schema_version=…)", code="map"
    )


class Mapping:
    """A step: each commit's events go through the function. counts: what became of events, by what was done.

    dropped: those of which nothing came. split: those of which several came. merged: those that came of several.
    changed: those with another stream, type, version or payload. kinds: how often which type became which other one,
    the empty text where it was dropped.
    """

    def __init__(self, function: Function, name: str) -> None:
        self._function, self.name = function, name
        self.counts: Counter[str] = Counter(dict.fromkeys(("dropped", "split", "merged", "changed"), 0))
        self.kinds: Counter[tuple[str, str]] = Counter()

    def __call__(self, parcel: Parcel) -> Parcel | None:
        """What becomes of a parcel. Raises `DomainFailed` if the function does, `Misuse` for what is no event."""
        before = [Event(event) for event in recorded(parcel)]
        after = self._called(before, parcel)
        self._count(before, after)
        if len(before) == len(after) and all(one is other for one, other in zip(before, after, strict=True)):
            return parcel
        if not after:
            return None
        new = tuple([NewEvent(event.stream, event.type, event.schema_version, event.text) for event in after])
        commit = parcel.commit._replace(events=new)
        try:
            check_append(commit, ())
        except CqrsError as error:
            raise error.retold(f"{self.name}, at @{parcel.position}: {error.message}") from error
        return parcel._replace(commit=commit, versions=())

    def _called(self, before: list[Event], parcel: Parcel) -> list[Event]:
        try:
            after = list(self._function(tuple(before)) or ())
        except Misuse as error:
            raise error.retold(f"{self.name}, at @{parcel.position}: {error.message}") from error
        except (Exception, SystemExit) as error:  # who leaves would leave the copy half done, with exit 0
            raise DomainFailed(
                f"{self.name} failed at @{parcel.position}: {type(error).__name__}: {error}",
                hint="nothing of its transaction was copied; mend it and copy again",
                position=parcel.position,
            ) from error
        for event in after:
            if not isinstance(event, Event):
                raise Misuse(
                    f"{self.name} gave {event!r} at @{parcel.position}, which is no event",
                    hint="give the events that came in, or event.but(…); nothing for what is dropped",
                    code="map",
                )
            if any(all(origin is not one for one in before) for origin in event.of):
                raise Misuse(
                    f"{self.name} gave an event of another commit, at @{parcel.position}",
                    hint="each commit is mapped by itself: give what was made of its own events",
                    code="map",
                )
            if event.is_touched:
                raise Misuse(
                    f"{self.name} changed the data of an event in place, at @{parcel.position}",
                    hint="event.but(data={**event.data, …}) gives another event",
                    code="map",
                )
        if any(one.is_changed for one in before):
            raise Misuse(
                f"{self.name} changed an event in place, at @{parcel.position}",
                hint="event.but(stream=…, type=…) gives another event",
                code="map",
            )
        return after

    def _count(self, before: list[Event], after: list[Event]) -> None:
        uses = Counter(id(origin) for event in after for origin in event.of)
        for event in before:
            used = uses[id(event)]
            if used != 1:
                self.counts["split" if used else "dropped"] += 1
            if not used:
                self.kinds[event.type, ""] += 1
        for event in after:
            if len(event.of) > 1:
                self.counts["merged"] += len(event.of)
            there = event.recorded
            if (event.stream, event.type, event.schema_version, event.text) != (
                there.stream,
                there.type,
                there.schema_version,
                there.data,
            ):
                self.counts["changed"] += 1
            for origin in event.of:
                if origin.type != event.type:
                    self.kinds[origin.type, event.type] += 1


def _bytes(data: Any) -> bytes:
    try:
        return written(data).encode()
    except (TypeError, ValueError) as error:
        raise Misuse(f"data that has no JSON: {error}", hint="objects, arrays, texts and numbers", code="map") from None
