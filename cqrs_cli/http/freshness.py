"""How fresh the rows are that a request reads: it waits for a position, or for the read models to be at the head."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from starlette.requests import Request

from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.http.face import Face
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.jsonable import jsonable
from cqrs_cli.log.waiting import LOOK_AGAIN, lags
from cqrs_cli.workbench.workbench import Workbench

T = TypeVar("T")
Errors = Mapping[str, CqrsError]

PARAMETERS = frozenset({"wait", "stale"})


class Place(NamedTuple):
    """Where the read models stand. tag: another one if any of them moved. lag: of the one that is furthest behind."""

    head: int
    lag: int
    tag: str

    @property
    def position(self) -> int:
        """What all of them have taken in."""
        return self.head - self.lag

    @property
    def headers(self) -> dict[str, str]:
        """What a client is told of it."""
        return {
            "ETag": self.tag,
            "Log-Position": str(self.position),
            "Log-Lag": str(self.lag),
            "Cache-Control": "private, no-cache",
        }


class Freshness:
    """Brings the read models as far as a request wants them."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._names = sorted(face.domain.projections)

    def place(self, bench: Workbench) -> Place:
        """Where they stand. Rows that are read after it are as new or newer."""
        found = bench.store.rows.checkpoints()
        at = {one.name: one.position for one in found}
        head = bench.store.head()
        lag = max((head - at.get(name, 0) for name in self._names), default=0)
        folded = hash(tuple(found)) & 0xFFFF_FFFF_FFFF
        return Place(head, max(lag, 0), f'"{self._face.boot}-{folded:x}"')

    async def read(self, request: Request, asked: Parameters, answer: Callable[[Workbench, Place, Errors], T]) -> T:
        """What `answer` makes of rows that are as fresh as the request wants.

        It is given a workbench, where the read models stand, and the errors of those that could not be brought to the
        head, by name. Raises `Unavailable` (`timed-out`).
        """
        benches, place = self._face.benches, self.place
        wanted = asked.position("wait")
        if wanted:
            await self._wait_for_log(wanted)
        as_they_are = asked.flag("stale") or self._face.options.read_only
        if wanted and self._face.options.read_only and not asked.flag("stale"):
            await self._wait_for_rows(wanted)

        def at_head(bench: Workbench) -> tuple[T] | None:
            found = place(bench)
            return (answer(bench, found, {}),) if as_they_are or not found.lag else None

        found = await benches.read(at_head)
        if found is not None:
            return found[0]
        errors = await benches.catch_up()
        return await benches.read(lambda bench: answer(bench, place(bench), errors))

    async def _wait_for_log(self, wanted: int) -> None:
        tail, end = self._face.tail, time.monotonic() + self._face.options.patience
        tail.told()
        while tail.head < wanted:
            left = end - time.monotonic()
            if left <= 0 or tail.is_over:
                raise self._late(f"the log is at @{tail.head}, not yet at @{wanted}", wanted)
            await tail.moved(left)

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
