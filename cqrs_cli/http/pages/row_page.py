"""A row of a read model: its values, the event that each is from, and the events that concern it.

No index leads from a row to its events: they are folded from the log. In a long log that is work for a job.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cqrs_cli.domain.row_model import RowType, row_maker
from cqrs_cli.history.addresses import position_at
from cqrs_cli.history.rows import row_key
from cqrs_cli.http.face import on_record
from cqrs_cli.http.freshness import Errors, Freshness
from cqrs_cli.http.pages.row_story import MOST_STEPS, row_story
from cqrs_cli.http.pages.row_table import RowTable
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import AT, Parameters, invalid
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.processors.rows import Key
from cqrs_cli.workbench.workbench import Workbench

AT_ONCE = 20_000
"""Events of a log that is folded while the page is waited for."""


class _Asked(NamedTuple):
    """The row that a request asks for. text: its key as it was typed; at: the point in time, as it was typed."""

    kind: RowType
    text: str
    key: Key
    at: str | None


class RowPage:
    """The page of a row."""

    def __init__(self, site: Site) -> None:
        self._site, self._freshness = site, Freshness(site.face)

    def routes(self) -> list[Route]:
        """What is served."""
        site, path = self._site, "/ui/models/{name}/row"
        return [
            site.route("GET", path, self.show, "read", "row"),
            site.route("POST", path, self.look, "read", "row"),
        ]

    async def show(self, request: Request) -> Response:
        """Its values now, and with them, or at a click, where they are from."""
        site, asked = self._site, self._asked(request)
        kind, table = asked.kind, RowTable(self._site, asked.kind)

        def read(bench: Workbench, _: Errors) -> dict[str, Any]:
            # what keeps the rows from the head is told by the page of all of them
            at = None if asked.at is None else position_at(bench.store, asked.at, AT)
            head = bench.store.head()
            long = (head if at is None else at) > AT_ONCE
            story = None if long else site.plain(bench, row_story(bench, kind, asked.key, at, lambda *_: None))
            found = [] if asked.at else _now(bench, kind, asked.key)
            return {"story": story, "end": head, "rows": table.rows(bench, found)}

        if asked.at:
            found = await site.face.benches.read(lambda bench: read(bench, {}))
        else:
            found = await self._freshness.look(Parameters(request, None), read)
        line = ["blame", f"{kind.name}/{asked.text}", *([] if asked.at is None else ["--at", asked.at])]
        return site.render(
            request, "row.html", title=f"{kind.name}/{asked.text}", kind=kind, row=asked, table=table,
            most=MOST_STEPS, shell=shell(*line), **found,
        )  # fmt: skip

    async def look(self, request: Request) -> Response:
        """Begin to look through a long log, as a job."""
        asked, face = self._asked(request), self._site.face

        def job(bench: Workbench, progress: Progress) -> Any:
            at = None if asked.at is None else position_at(bench.store, asked.at, AT)
            return row_story(bench, asked.kind, asked.key, at, progress)

        made = face.jobs.start("history", asked.kind.name, on_record(request), job, writes=False)
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}/ui/models/{quote(asked.kind.name)}/jobs/{made.id}", 303)

    def _asked(self, request: Request) -> _Asked:
        given = Parameters(request, {"key", "at"})
        kind = self._site.face.domain.rows_of(request.path_params["name"])
        text = given.text("key")
        if not text:
            raise invalid("key", "a row is named by its key", "?key=…, its parts joined with commas")
        return _Asked(kind, text, row_key(kind, text), given.one("at"))


def _now(bench: Workbench, kind: RowType, key: Key) -> list[Any]:
    """The row as it is kept, if it is."""
    return [row_maker(kind)(values) for values in bench.store.rows.load(kind.table, [key]).values()]
