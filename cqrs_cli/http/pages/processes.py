"""Processes: where reactions stand, what they want sent and when, and what came to nothing."""

from __future__ import annotations

import time
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.http.bodies import form_of
from cqrs_cli.http.pages.row_table import Row, RowTable
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.pages.standing import standing
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.http.reactions import dropped, retried
from cqrs_cli.log import letters, outbox
from cqrs_cli.log.outbox import Outgoing
from cqrs_cli.workbench.workbench import Workbench

MOST = 50
"""Of commands that wait, of deadlines, and of dead letters that are shown."""
INSTANCES = 8
"""Rows of a process manager that are shown here."""


class Instances(NamedTuple):
    """Some of the rows of a process manager."""

    name: str
    table: RowTable
    rows: list[Row]


class Processes:
    """The page of processes."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """What is served."""
        site, path = self._site, "/ui/processes"
        return [
            site.route("GET", path, self.show, "read", "processes"),
            site.route("POST", path + "/letters/{id}/retry", self.retry, "operate", "retry"),
            site.route("POST", path + "/letters/{id}/drop", self.drop, "operate", "drop"),
        ]

    async def show(self, request: Request) -> Response:
        """All of it; `retried` and `dropped` are ids of dead letters of which is told what came of them."""
        asked = Parameters(request, {"retried", "dropped"})
        return await self._page(request, asked.one("retried"), asked.one("dropped"))

    async def retry(self, request: Request) -> Response:
        """Send a dead letter again."""
        Parameters(request, ())
        await retried(self._site.face, request)
        return _back(request, "retried")

    async def drop(self, request: Request) -> Response:
        """Put a dead letter away, with the reason that was typed."""
        Parameters(request, ())
        id, given = request.path_params["id"], dict(await form_of(request))
        reason = given.pop("reason", "").replace("\r\n", "\n")
        if given:
            raise InvalidInput(f"the form has no input {next(iter(given))[:40]!r}", hint="load the page again")
        if not reason.strip():
            self._site.face.benches.check_writes()
            return await self._page(request, unreasoned=id)
        await dropped(self._site.face, request, reason)
        return _back(request, "dropped")

    async def _page(
        self, request: Request, again: str | None = None, gone: str | None = None, unreasoned: str | None = None
    ) -> Response:
        site = self._site

        def read(bench: Workbench) -> dict[str, Any]:
            statuses, rows, now = bench.reactions(), bench.store.rows, time.time_ns() // 1000
            first = outbox.waiting(rows, bench.domain.reactions, MOST)
            later, failed = outbox.deadlines(rows, limit=MOST), letters.letters(rows, limit=MOST)
            return {
                "reactions": [standing(site, bench, one) for one in statuses],
                "instances": [self._instances(bench, one) for one in _kinds(bench) if rows.exists(one.table)],
                "waiting": [self._told(bench, one, _waiting(one)) for one in first],
                "due": [self._told(bench, one, records.deadline(one, now)) for one in later],
                "letters": [self._told(bench, one.outgoing, records.letter(one)) for one in failed],
                "away": site.plains(bench, map(records.letter, letters.letters(rows, dropped=True, limit=MOST))),
                "came": None if again is None else self._came(bench, again),
                "dropped": None if gone is None else self._letter(bench, gone),
            }

        found = await site.face.benches.read(read)
        return site.render(
            request, "processes.html", 200 if unreasoned is None else 422, title="Processes", most=MOST,
            again=again, gone=gone, unreasoned=unreasoned, shell=shell("run", "--status"),
            lines={"due": shell("run", "--deadlines"), "letters": shell("run", "--failed")}, **found,
        )  # fmt: skip

    def _instances(self, bench: Workbench, kind: RowType) -> Instances:
        table = RowTable(self._site, kind)
        try:
            rows = table.rows(bench, bench.page(kind.name, limit=INSTANCES))
        except CqrsError:  # its standing says why they can't be read
            rows = []
        return Instances(kind.name, table, rows)

    def _told(self, bench: Workbench, one: Outgoing, record: dict[str, Any]) -> dict[str, Any]:
        """A record with `row`: the read model and key of the process, if it has one that is not hidden."""
        plain = self._site.plain(bench, record)
        is_seen = bool(one.process) and plain["process"] == one.process and one.reaction in bench.domain.reactions
        return plain | {"row": (one.reaction, one.process) if is_seen else None}

    def _letter(self, bench: Workbench, id: str) -> dict[str, Any] | None:
        found = letters.letters_named(bench.store.rows, id)
        exact = [one for one in found if one.command_id == id]
        return self._site.plain(bench, records.letter(exact[0])) if exact else None

    def _came(self, bench: Workbench, id: str) -> dict[str, Any]:
        """What came of a dead letter that was sent again, as it is to be seen now."""
        commit, letter = bench.store.commit(id), self._letter(bench, id)
        events = [] if commit is None else self._site.plains(bench, map(records.event, commit.events))
        return {"letter": letter, "events": events}


def _kinds(bench: Workbench) -> list[RowType]:
    return [one.rows for _, one in sorted(bench.domain.reactions.items()) if one.rows]


def _waiting(one: Outgoing) -> dict[str, Any]:
    """A command that is to be sent at once, as a record of what is due."""
    return {**records.deadline(one, 0), "due_at": None, "overdue": False}


def _back(request: Request, what: str) -> Response:
    root, id = request.scope.get("root_path", ""), quote(request.path_params["id"], safe="")
    return RedirectResponse(f"{root}/ui/processes?{what}={id}#letters", 303)
