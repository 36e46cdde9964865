"""One statement that reads, and its rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli.errors import CqrsError
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.http.problems import kind_of
from cqrs_cli.http.sql import SECONDS, check_allowed
from cqrs_cli.jsonable import jsonable
from cqrs_cli.workbench.workbench import Workbench

MOST = 500
"""Rows that a page shows."""
VIEW = "event_log"


class Answer(NamedTuple):
    """What a statement gave. numeric: the columns that hold numbers. is_cut: there are more rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    numeric: frozenset[int]
    is_cut: bool
    seconds: float


class SqlPage:
    """The page of SQL."""

    def __init__(self, site: Site) -> None:
        self._site = site
        kinds = site.face.domain.row_types()
        self._tables = [VIEW, *sorted(kind.table.name for kind in kinds)]

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/sql", self.show, "operate", "sql")]

    async def show(self, request: Request) -> Response:
        """The form, and with `q` the rows of a statement, or why there are none."""
        statement = (Parameters(request, {"q"}).text("q") or "").strip()
        check_allowed(self._site.face)
        answer, error = None, None
        if statement:
            try:
                answer = await self._site.face.benches.read(lambda bench: _asked(bench, statement))
            except CqrsError as failed:
                error = failed
        line = shell("sql", "--" if statement.startswith("-") else None, statement or f"SELECT * FROM {VIEW} LIMIT 10")
        status = 200 if error is None else kind_of(error).status
        return self._site.render(
            request, "sql.html", status, title="SQL", q=statement, answer=answer, error=error, tables=self._tables,
            most=MOST, limit=SECONDS, shell=line,
        )  # fmt: skip


def _asked(bench: Workbench, statement: str) -> Answer:
    begun = time.perf_counter()
    result = bench.store.sql(statement, {}, SECONDS)
    rows = [[jsonable(value) for value in row] for row in islice(result, MOST + 1)]
    took = time.perf_counter() - begun
    numeric = {at for at in range(len(result.columns)) if rows and all(_is_number(row[at]) for row in rows)}
    return Answer(result.columns, rows[:MOST], frozenset(numeric), len(rows) > MOST, took)


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))
