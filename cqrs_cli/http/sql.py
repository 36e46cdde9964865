"""`GET /sql?q=`: one statement that reads. Off unless it is asked for, or only this machine can ask."""

from __future__ import annotations

from itertools import islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli.errors import LimitExceeded, Misuse
from cqrs_cli.http.face import Face, answer, route
from cqrs_cli.http.parameters import Parameters, invalid
from cqrs_cli.workbench.workbench import Workbench

SECONDS = 5.0
MOST = 10_000


class Sql:
    """Somebody's own SELECT over the store."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def routes(self) -> list[Route]:
        """What is served."""
        return [route(self._face, "GET", "/sql", self.ask, "operate", "sql")]

    async def ask(self, request: Request) -> Response:
        """The rows of a statement. Raises `Misuse` (`sql`, `sql-off`, `mask`), `LimitExceeded`."""
        statement = Parameters(request, {"q"}).text("q")
        check_allowed(self._face)
        if not statement:
            raise invalid("q", "q is the statement, and there is none", "q=SELECT …, percent-encoded")

        def read(bench: Workbench) -> str:
            result = bench.store.sql(statement, {}, SECONDS)
            rows = list(islice(result, MOST + 1))
            if len(rows) > MOST:
                raise LimitExceeded(f"the statement gives more than {MOST:,} rows", hint="LIMIT, or cqrs sql")
            return self._face.lines(bench, (dict(zip(result.columns, row, strict=True)) for row in rows))

        return answer(await self._face.benches.read(read), 200, {"Cache-Control": "no-store"})


def check_allowed(face: Face) -> None:
    """Raise `Misuse` where no SQL is answered: `sql-off`, or `mask`."""
    if not face.options.sql:
        raise Misuse("this server answers no SQL", code="sql-off", hint="cqrs serve --sql")
    if face.hiding is not None:
        message = "fields are to be hidden, and a statement can change values so that nothing knows them again"
        raise Misuse(message, code="mask", hint="ask a masked copy of the store")
