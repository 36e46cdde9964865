"""How fresh the rows are that a request reads: it waits for a position, or for the read models to be at the head."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from starlette.requests import Request

from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.http.face import Face
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.jsonable import jsonable
from cqrs_cli.log.waiting import LOOK_AGAIN, lags
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.workbench import Workbench

T = TypeVar("T")
Errors = Mapping[str, CqrsError]
Answer = Callable[[Workbench, Errors], T]
READ_AGAIN = 3
"""Times that rows are read, if they move meanwhile, before they are given without a tag."""

PARAMETERS = frozenset({"wait", "stale"})


class Place(NamedTuple):
    """Where the read models stand. lag: of the one that is furthest behind. begun: those that have rows.

    tag: another one if any of them moved or was made anew; None if they moved while rows were read.
    """

    head: int
    lag: int
    tag: str | None
    begun: Collection[str]

    @property
    def position(self) -> int:
        """What all of them have taken in."""
        return self.head - self.lag

    @property
    def headers(self) -> dict[str, str]:
        """What a client is told of it."""
        told = {
            "Log-Position": str(self.position),
            "Log-Lag": str(self.lag),
            "Cache-Control": "private, no-cache",
        }
        return told if self.tag is None else told | {"ETag": self.tag}


class _Look:
    """A look at where the read models stand, for all who asked before it began."""

    def __init__(self) -> None:
        self.has_begun = False
        self.found: asyncio.Future[Place | None]


class Freshness:
    """Brings the read models as far as a request wants them."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._names, self._kinds = sorted(face.domain.projections), face.domain.row_types()
        self._look: _Look | None = None
        self._seen: str | None = None

    def _place(self, bench: Workbench) -> Place:
        found = bench.store.rows.checkpoints()
        at = {one.name: one.position for one in found}
        head = bench.store.head()
        lag = max((head - at.get(name, 0) for name in self._names), default=0)
        return Place(head, max(lag, 0), self._tag(found), at.keys())

    def _tag(self, found: Sequence[Checkpoint]) -> str:
        """Equal tags, equal rows: these are a fold, and rows that are made anew have a definition that nobody had."""
        return f'"{self._face.boot}-{hash(tuple(found)) & 0xFFFF_FFFF_FFFF:x}"'

    async def read(self, request: Request, asked: Parameters, answer: Answer[T]) -> tuple[Place, T | None]:
        """What `answer` makes of rows that are as fresh as the request wants, and where the read models stand.

        It is given the errors of those that could not be brought to the head, by name. None: the client has just
        these rows. Raises `Unavailable` (`timed-out`).
        """
        return await self._fresh(asked, answer, self._known(request.headers.get("if-none-match")))

    def _known(self, header: str | None) -> str | None:
        """The tag of what the client has: of several that of just now. A proxy that packs an answer makes it weak."""
        tags = [tag.strip().removeprefix("W/") for tag in (header or "").split(",") if tag.strip()]
        return self._seen if self._seen in tags else tags[0] if tags else None

    async def look(self, asked: Parameters, answer: Answer[T]) -> T:
        """The same for who has nothing yet: what `answer` makes of them."""
        _, came = await self._fresh(asked, answer, None)
        assert came is not None
        return came

    async def _fresh(self, asked: Parameters, answer: Answer[T], known: str | None) -> tuple[Place, T | None]:
        benches = self._face.benches
        wanted, stale = asked.position("wait") or 0, asked.flag("stale")
        if wanted:
            await self._wait_for_log(wanted)
        as_they_are = stale or self._face.options.read_only
        if wanted and self._face.options.read_only and not stale:
            await self._wait_for_rows(wanted)

        def is_there(place: Place) -> bool:
            """Each look may be at another server: a standby comes to a position later than the one it was seen at."""
            return (place.position if self._face.options.read_only and not stale else place.head) >= wanted

        if known is not None and known == self._seen:  # most likely it is so still
            place = await self._unread()
            if place is not None and known == place.tag and is_there(place) and (as_they_are or not place.lag):
                return place, None

        def at_head(bench: Workbench) -> tuple[Place, T | None] | None:
            place = self._place(bench)
            is_fresh = is_there(place) and (as_they_are or not place.lag)
            return self._read(bench, place, known, answer, {}) if is_fresh else None

        found = await benches.read(at_head)
        if found is not None:
            return found
        errors = {} if as_they_are else await benches.catch_up()

        def caught_up(bench: Workbench) -> tuple[Place, T | None] | None:
            place = self._place(bench)
            return self._read(bench, place, known, answer, errors) if is_there(place) else None

        end = time.monotonic() + self._face.options.patience
        while (found := await benches.read(caught_up)) is None:
            if time.monotonic() >= end:
                raise self._late(f"the server that was read had not come to @{wanted}", wanted)
            await asyncio.sleep(LOOK_AGAIN)
        return found

    async def _unread(self) -> Place | None:
        """Where the read models stand, of which no row is read; None if a table of theirs is gone.

        All who ask before the look has begun share it: it is as new as any of them wants it.
        """
        look = self._look
        if look is None or look.has_begun:
            look = self._look = _Look()
            look.found = asyncio.ensure_future(self._face.benches.read(partial(self._looked, look)))
        return await asyncio.shield(look.found)

    def _looked(self, look: _Look, bench: Workbench) -> Place | None:
        look.has_begun = True
        place = self._place(bench)
        return place if self._are_there(bench, place) else None

    def _read(
        self, bench: Workbench, place: Place, known: str | None, answer: Answer[T], errors: Errors
    ) -> tuple[Place, T | None]:
        """The rows and the tag of them alone: it is looked at before and after, for others may move them meanwhile."""
        if known is not None and known == place.tag and not errors and self._are_there(bench, place):
            return place, None
        for _ in range(READ_AGAIN):
            came = answer(bench, errors)
            after = self._tag(bench.store.rows.checkpoints())
            if after == place.tag:
                self._seen = after
                return place, came
            place = self._place(bench)
        return place._replace(tag=None), came

    def _are_there(self, bench: Workbench, place: Place) -> bool:
        """Whether nobody dropped a table: what a checkpoint says of its rows is not so then."""
        return all(bench.store.rows.exists(kind.table) for kind in self._kinds if kind.name in place.begun)

    async def _wait_for_log(self, wanted: int) -> None:
        tail, end = self._face.tail, time.monotonic() + self._face.options.patience
        while tail.head < wanted:
            tail.told()  # to look now, as long as somebody waits
            left = end - time.monotonic()
            if left <= 0 or tail.is_over:
                raise self._late(f"the log is at @{tail.head}, not yet at @{wanted}", wanted)
            await tail.moved(min(left, LOOK_AGAIN))

    async def _wait_for_rows(self, wanted: int) -> None:
        """Until somebody else has moved them there."""
        end = time.monotonic() + self._face.options.patience

        def behind(bench: Workbench) -> Sequence[str]:
            return [name for name, at, _ in lags(bench.store, self._names) if at < wanted]

        while late := await self._face.benches.read(behind):
            if time.monotonic() >= end:
                raise self._late(f"{', '.join(late)} had not come to @{wanted}", wanted)
            await asyncio.sleep(LOOK_AGAIN)

    def _late(self, message: str, position: int) -> Unavailable:
        seconds = jsonable(self._face.options.patience)
        return Unavailable(f"{message} after {seconds:g} s", code="timed-out", position=position)
