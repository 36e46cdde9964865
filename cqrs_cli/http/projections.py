"""`/projections`: read models, their rows and where they stand; checks and rebuilds, which are jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import Misuse
from cqrs_cli.history.addresses import position_at
from cqrs_cli.http.face import Face, answer, next_link, on_record, path_to, route
from cqrs_cli.http.freshness import PARAMETERS, Errors, Freshness
from cqrs_cli.http.jobs import Working
from cqrs_cli.http.parameters import AT, MOST_ROWS, Parameters
from cqrs_cli.json_text import json_line
from cqrs_cli.payloads.conditions import conditions, ordering_typed
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.workbench import Workbench

ROWS = PARAMETERS | {"where", "order", "limit", "cursor", "at"}
SHOWN_DRIFT = 1_000
JobKind = Literal["check", "rebuild"]
LOOK_AGAIN = 0.5
"""Seconds after which whoever follows a job looks whether the server ends."""


class Projections:
    """The read models, those of process managers too."""

    def __init__(self, face: Face, freshness: Freshness) -> None:
        self._face, self._freshness = face, freshness

    def routes(self) -> list[Route]:
        """What is served."""
        face = self._face
        return [
            route(face, "GET", "/projections", self.statuses, "read", "projections"),
            route(face, "GET", "/projections/{name}", self.rows, "read", "projection"),
            route(face, "POST", "/projections/{name}/check", self.check, "operate", "check"),
            route(face, "POST", "/projections/{name}/rebuild", self.rebuild, "operate", "rebuild"),
            route(face, "GET", "/jobs/{id}", self.job, "read", "job"),
            route(face, "POST", "/jobs/{id}/cancel", self.cancel, "operate", "cancel"),
        ]

    async def statuses(self, request: Request) -> Response:
        """Where they stand."""
        Parameters(request, ())

        def read(bench: Workbench) -> str:
            return self._face.lines(bench, map(records.projection_status, bench.statuses()))

        return answer(await self._face.benches.read(read), 200, {"Cache-Control": "private, no-cache"})

    async def rows(self, request: Request) -> Response:
        """Rows that match, in order, a page at a time; as they were at a position or a time with `at`."""
        asked = Parameters(request, ROWS)
        name = request.path_params["name"]
        kind = self._face.domain.rows_of(name)
        where, matches, _ = conditions(kind, asked.many("where"))
        order, cursor, at = ordering_typed(asked.one("order")), self._face.opened(asked.one("cursor")), asked.one("at")
        limit = asked.number("limit", 100, MOST_ROWS)
        for one in ("wait", "stale") if at is not None else ():
            if asked.one(one) is not None:
                raise Misuse(f"{one} is about the rows as they are, at about those of the past", hint="leave one out")

        def page(bench: Workbench) -> tuple[str, str | None]:
            chosen: dict[str, Any] = {"where": where, "matches": matches, "order": order}
            found = bench.page(kind.name, **chosen, limit=limit, cursor=cursor)
            return self._face.lines(bench, map(records.answer, found)), found.cursor

        def past(bench: Workbench) -> tuple[str, str | None]:
            with bench.past(position_at(bench.store, at or "", AT)) as then:
                return page(then)

        def now(bench: Workbench, errors: Errors) -> tuple[str, str | None]:
            if kind.name in errors:
                raise errors[kind.name]
            return page(bench)

        if at is not None:
            came: tuple[str, str | None] | None = await self._face.benches.read(past)
            headers = {"Cache-Control": "private, no-cache"}
        else:
            place, came = await self._freshness.read(request, asked, now)
            headers = place.headers
        if came is None:
            return Response(status_code=304, headers=headers)
        body, following = came
        if following is not None:
            headers["Link"] = next_link(request, cursor=self._face.place(following))
        return answer(body, 200, headers)

    # ── jobs ──────────────────────────────────────────────────────────────────────────────────

    async def check(self, request: Request) -> Response:
        """Compare the rows with a fresh fold of the log; nothing is written."""
        return self._started(request, "check")

    async def rebuild(self, request: Request) -> Response:
        """Fold the rows anew beside the live ones, and swap them in."""
        return self._started(request, "rebuild")

    def _started(self, request: Request, kind: JobKind) -> Response:
        Parameters(request, ())
        made = started(self._face, request, kind, self._face.domain.rows_of(request.path_params["name"]).name)
        where = path_to(request, "jobs", made.id)
        return answer(self._told(made) + "\n", 202, {"Location": where, "Cache-Control": "no-store"})

    async def job(self, request: Request) -> Response:
        """How far a job is and what came of it; as server-sent events until it ends."""
        Parameters(request, ())
        found = self._face.jobs.get(request.path_params["id"])
        headers = {"Cache-Control": "no-store"}
        if "text/event-stream" not in request.headers.get("accept", ""):
            return answer(self._told(found) + "\n", 200, headers)
        return StreamingResponse(self._progress(found), media_type="text/event-stream", headers=headers)

    async def _progress(self, job: Working) -> AsyncIterator[bytes]:
        while True:
            changed, running = job.changed, job.state == "running"
            yield f"event: job\ndata: {self._told(job)}\n\n".encode()
            if not running or self._face.tail.is_over:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), LOOK_AGAIN)

    async def cancel(self, request: Request) -> Response:
        """Let a job end after the batch that it is in."""
        found = self._face.jobs.get(request.path_params["id"])
        found.cancel()
        return answer(self._told(found) + "\n", 202, {"Cache-Control": "no-store"})

    def _told(self, job: Working) -> str:
        hiding = self._face.hiding
        return json_line(job.record() if hiding is None else hiding.record(job.record()))


def started(face: Face, request: Request, kind: JobKind, name: str) -> Working:
    """A check or a rebuild of a read model, begun for who asks. Raises what `Jobs.start` does."""

    def check(bench: Workbench, progress: Progress) -> Any:
        found = records.check(bench.check(name, progress=progress))
        return found | {"drift": found["drift"][:SHOWN_DRIFT], "drifted": len(found["drift"])}

    def rebuild(bench: Workbench, progress: Progress) -> Any:
        return [records.projection_status(one) for one in bench.rebuild(name, progress=progress)]

    is_check = kind == "check"
    return face.jobs.start(kind, name, on_record(request), check if is_check else rebuild, writes=not is_check)
