"""One copy: whatever moves events takes commits from a source, lets steps change them, and gives them to a sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.log.rejections import Rejection
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.redaction import Redaction
from cqrs_cli.transfer.sink import Reached, Sink
from cqrs_cli.transfer.source import Source

Step = Callable[[Parcel], Parcel | None]
"""What a parcel becomes on its way; None if nothing of it goes on."""
_EVENTS_TOGETHER, _BYTES_TOGETHER = 5_000, 8 * 1024 * 1024
_LOOK_AGAIN = 0.5


class Between(NamedTuple):
    """What stands between source and sink. name: says all of it, the same for the same; empty if there is nothing."""

    steps: tuple[Step, ...] = ()
    name: str = ""

    def __call__(self, parcel: Parcel) -> Parcel | None:
        """What becomes of a parcel. Its position and mark stay; what was proved of it is of another one."""
        changed: Parcel | None = parcel._replace(link=None)
        for step in self.steps:
            if changed is None:
                return None
            changed = step(changed)
        return changed

    def rejection(self, one: Rejection) -> Rejection:
        """A rejected command without what is to be hidden."""
        for step in self.steps:
            if isinstance(step, Redaction):
                one = step.rejection(one)
        return one

    def begin(self, source: Source, begun: int) -> None:
        """Before anything is copied that comes after a position: what is to be hidden must be known first."""
        for step in self.steps:
            if isinstance(step, Redaction):
                step.begin(source, begun)

    def sealed(self, mark: str | None) -> str | None:
        """What a mark of the source is remembered as: a copy that hides something has none that tells of it."""
        for step in self.steps:
            if isinstance(step, Redaction) and mark is not None:
                mark = step.sealed(mark)
        return mark


class Tally:
    """What a copy came to. seen, taken: events by type, in and out. duplicates: commits that were there already.

    begun, reached: where in the source it began and where it is. commits: those that went to the sink.
    """

    def __init__(self, begun: Reached | None) -> None:
        self.begun, self.reached = begun, begun or Reached(0, None)
        self.seen: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.read = self.commits = self.duplicates = 0

    @property
    def events(self) -> int:
        """How many went to the sink."""
        return self.taken.total()


def remembered(source: Source, between: Between) -> str:
    """What a sink remembers this copy by: the same source by way of something else is another one."""
    return source.name + (f"?{between.name}" if between.name else "")


AS_IT_IS = Between()


def copy(
    source: Source, sink: Sink, between: Between = AS_IT_IS, told: Callable[[int], None] = lambda events: None
) -> Tally:
    """Copy what is new since the last time, to the end. told: so many more events were read.

    Ends between two transactions at any moment and begins again where it was. Raises `Misuse` (`source-changed`) if
    the source is not the one that was copied before, and what the source, a step or the sink raises.
    """
    name = remembered(source, between)
    tally = Tally(begin(source, sink, name, between.sealed))
    between.begin(source, tally.reached.position)
    for part in _parts(source.parcels(tally.reached.position)):
        reached = Reached(part[-1].position, between.sealed(part[-1].mark))
        kept = [changed for one in part if (changed := between(one)) is not None] if between.steps else part
        tally.duplicates += sink.take(name, kept, reached)
        seen = [event[1] for one in part for event in one[0][1]]
        tally.seen.update(seen)
        tally.taken.update([event[1] for one in kept for event in one[0][1]] if between.steps else seen)
        tally.read, tally.commits, tally.reached = tally.read + len(part), tally.commits + len(kept), reached
        told(len(seen))
    return tally


def follow(
    source: Source,
    sink: Sink,
    between: Between,
    stop: Callable[[], bool],
    told: Callable[[Tally], None],
) -> None:
    """Copy, and go on with what comes until `stop` says so. told: what each round with something new came to.

    Raises `Misuse` if something is to be hidden: it may be known as a value when it was copied already.
    """
    if any(isinstance(step, Redaction) for step in between.steps):
        raise Misuse(
            "a copy that hides fields can't follow: what is to be hidden may be known only after it was copied",
            hint="without --follow, again and again: it goes on if nothing was copied too early, and says so else",
            code="mask",
        )
    after = begin(source, sink, remembered(source, between))
    position = 0 if after is None else after.position
    while not stop():
        if source.wait(position, _LOOK_AGAIN):
            tally = copy(_Until(source, stop), sink, between)
            if tally.reached.position > position:
                position = tally.reached.position
                told(tally)


class _Until:
    """A source that ends when it is to stop."""

    def __init__(self, source: Source, stop: Callable[[], bool]) -> None:
        self._source, self._stop = source, stop
        self.name, self.has_chain, self.begins = source.name, source.has_chain, source.begins
        self.mark, self.wait = source.mark, source.wait

    def parcels(self, after: int) -> Iterator[Parcel]:
        for parcel in self._source.parcels(after):
            if self._stop():
                return
            yield parcel


def begin(
    source: Source, sink: Sink, name: str, sealed: Callable[[str | None], str | None] = lambda mark: mark
) -> Reached | None:
    """Where a copy of this name goes on. sealed: what a mark is remembered as.

    Raises `Misuse` if the source is another one by now, or has a gap.
    """
    reached = sink.reached(name)
    if reached is None and source.begins and not sink.has(source.begins, source.mark(source.begins)):
        raise Misuse(
            f"{source.name} begins after {source.begins:,} here, and what comes before is not there",
            hint="what is before comes first: an export of all, or a copy of the store that it is the end of",
            code="gap",
            source=source.name,
            position=0,
        )
    if reached is not None and reached.position and reached.mark is not None:
        if reached.position < source.begins:
            raise Misuse(
                f"{source.name} begins after {source.begins:,} here, and was copied up to {reached.position:,} only",
                hint="what is between comes first",
                code="gap",
                source=source.name,
                position=reached.position,
            )
        mark = source.mark(reached.position)
        if sealed(mark) != reached.mark:
            raise Misuse(
                f"{source.name} is not what was copied before up to its position {reached.position:,}: "
                + ("it ends before" if mark is None else "its history up to there is another one"),
                hint="another log has another name, an older file nothing new; a store that was put back to a backup "
                "goes into a new one",
                code="source-changed",
                source=source.name,
                position=reached.position,
            )
    return reached


def _parts(parcels: Iterator[Parcel]) -> Iterator[Sequence[Parcel]]:
    """What goes into one transaction. What was read before an error is given before it is raised."""
    part: list[Parcel] = []
    events = size = 0
    failure: CqrsError | None = None
    try:
        for parcel in parcels:
            part.append(parcel)
            own = parcel[0][1]
            events += len(own)
            for event in own:
                size += len(event[3])
            if events >= _EVENTS_TOGETHER or size >= _BYTES_TOGETHER:
                yield part
                part, events, size = [], 0, 0
    except CqrsError as error:
        failure = error
    if part:
        yield part
    if failure is not None:
        raise failure
