"""`/reactions` and `/dead-letters`: where reactions stand, and commands of theirs that came to nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import InvalidInput
from cqrs_cli.http import bodies
from cqrs_cli.http.face import Face, answer, next_link, on_record, route
from cqrs_cli.http.parameters import MOST_ROWS, Parameters
from cqrs_cli.http.problems import LOG
from cqrs_cli.log import letters
from cqrs_cli.workbench.workbench import Workbench


class Reactions:
    """Reactions and what they left behind."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def routes(self) -> list[Route]:
        """What is served."""
        face = self._face
        return [
            route(face, "GET", "/reactions", self.statuses, "read", "reactions"),
            route(face, "GET", "/dead-letters", self.letters, "read", "dead-letters"),
            route(face, "POST", "/dead-letters/{id}/retry", self.retry, "operate", "retry"),
            route(face, "POST", "/dead-letters/{id}/drop", self.drop, "operate", "drop"),
        ]

    async def statuses(self, request: Request) -> Response:
        """Where they stand."""
        Parameters(request, ())

        def read(bench: Workbench) -> str:
            return self._face.lines(bench, map(records.reaction_status, bench.reactions()))

        return answer(await self._face.benches.read(read), 200, {"Cache-Control": "private, no-cache"})

    async def letters(self, request: Request) -> Response:
        """The commands that were given up, or with `dropped=true` those that were dropped since."""
        asked = Parameters(request, {"dropped", "limit", "after"})
        dropped, limit = asked.flag("dropped"), asked.number("limit", 100, MOST_ROWS)
        after = self._face.opened(asked.one("after"))

        def read(bench: Workbench) -> tuple[str, str | None]:
            every = letters.letters(bench.store.rows, dropped=dropped)
            ids = [one.command_id for one in every]
            begin = 0 if after is None else _behind(ids, after)
            page = every[begin : begin + limit]
            more = page[-1].command_id if begin + limit < len(every) else None
            return self._face.lines(bench, map(records.letter, page)), more

        body, more = await self._face.benches.read(read)
        headers = {"Cache-Control": "private, no-cache"}
        if more is not None:
            headers["Link"] = next_link(request, after=self._face.place(more))
        return answer(body, 200, headers)

    async def retry(self, request: Request) -> Response:
        """Send one of them again; what became of it."""
        Parameters(request, ())
        body = await retried(self._face, request)
        return answer(body + "\n", 200, {"Cache-Control": "no-store"})

    async def drop(self, request: Request) -> Response:
        """Put one of them away for good, on record: who it was and why."""
        Parameters(request, ())
        payload = await bodies.object_of(request)
        reason = payload.get("reason")
        if set(payload) != {"reason"} or not isinstance(reason, str) or not reason.strip():
            errors = [{"pointer": "/reason", "detail": "a text that is not empty"}]
            raise InvalidInput("a drop stays on record with its reason", hint='{"reason": "…"}', errors=errors)

        body = await dropped(self._face, request, reason)
        return answer(body + "\n", 200, {"Cache-Control": "no-store"})


def _behind(ids: Sequence[str], after: str) -> int:
    """Where the page behind a letter begins. Raises `InvalidInput`: one that is gone would be the first page again."""
    if after not in ids:
        raise InvalidInput(
            "no dead letter has the id that after says", code="cursor", hint="begin anew: leave after out"
        )
    return ids.index(after) + 1


async def retried(face: Face, request: Request) -> str:
    """Send the dead letter of a request again; what became of it, as JSON. Raises `NotFound`, `busy`, `read-only`."""
    id, user = face.meant(request.path_params["id"]), on_record(request)
    told = await face.benches.operate(lambda bench: face.line(bench, records.delivery(bench.retry(id))))
    LOG.info("dead letter %s sent again by %s", id, user)
    face.tail.told()
    return told


async def dropped(face: Face, request: Request, reason: str) -> str:
    """Put the dead letter of a request away for good: the letter as JSON. Raises what `retried` does."""
    id, user = face.meant(request.path_params["id"]), on_record(request)

    def write(bench: Workbench) -> str:
        letters.drop(bench.store, [id], user, reason, time.time_ns() // 1000)
        found = letters.letters_named(bench.store.rows, id)
        return face.line(bench, records.letter(found[0]))

    told = await face.benches.operate(write)
    LOG.info("dead letter %s dropped by %s", id, user)
    return told
