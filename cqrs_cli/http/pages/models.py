"""Read models: where they stand, and the rows of one with conditions, in an order, page by page, now and then."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import CqrsError, InvalidInput, Misuse
from cqrs_cli.history.addresses import position_at
from cqrs_cli.http.freshness import PARAMETERS, Errors, Freshness
from cqrs_cli.http.pages.row_table import Row, RowTable
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.pages.standing import Standing, of_rows, standing
from cqrs_cli.http.parameters import AT, Parameters
from cqrs_cli.http.problems import kind_of
from cqrs_cli.payloads.conditions import conditions, ordering_typed
from cqrs_cli.payloads.words import line_of
from cqrs_cli.workbench.workbench import Workbench

PAGE = 50
MOST_CONDITIONS = 20


class Wanted(NamedTuple):
    """What a request asks of the rows of a read model. order: columns, `-` before one that descends."""

    where: list[str]
    order: str
    cursor: str | None
    at: str | None

    def link(self, name: str, **other: str | None) -> str:
        """The page of the same rows, but for this."""
        asked = self._replace(**other)  # type: ignore[arg-type]
        pairs = [("where", one) for one in asked.where]
        pairs += [(key, value) for key, value in zip(self._fields[1:], asked[1:], strict=True) if value]
        return f"/ui/models/{quote(name)}" + ("?" + urlencode(pairs) if pairs else "")

    def shell(self, name: str, *more: str) -> str:
        """The line that shows the same."""
        words = ["query", name.replace("_", "-")]
        for one in self.where:
            words.append(f"--where={one}" if one.startswith("-") else "--where")
            words += [] if one.startswith("-") else [one]
        words += [f"--order={self.order}"] if self.order else []
        words += ["--at", self.at] if self.at else []
        words += [f"--cursor={self.cursor}"] if self.cursor else []
        return shell(*words, "--limit", str(PAGE), *more)


class Found(NamedTuple):
    """The rows of a page. cursor: to more of them."""

    rows: list[Row]
    cursor: str | None = None


class Models:
    """The pages of read models."""

    def __init__(self, site: Site) -> None:
        self._site, self._freshness = site, Freshness(site.face)

    def routes(self) -> list[Route]:
        """What is served."""
        site = self._site
        return [
            site.route("GET", "/ui/models", self.list, "read", "models"),
            site.route("GET", "/ui/models/{name}", self.show, "read", "model"),
        ]

    async def list(self, request: Request) -> Response:
        """All of them, those of process managers too."""
        Parameters(request, ())
        site = self._site

        def read(bench: Workbench) -> tuple[list[Standing], list[Standing]]:
            processes = [name for name, one in sorted(bench.domain.reactions.items()) if one.rows]
            of_processes = bench.reactions(*processes) if processes else []
            return [standing(site, bench, one) for one in bench.statuses()], [
                standing(site, bench, one) for one in of_processes
            ]

        models, processes = await site.face.benches.read(read)
        return site.render(
            request, "models.html", title="Read models", models=models, processes=processes,
            shell=shell("project", "--status"),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        """The rows of one."""
        asked = Parameters(request, PARAMETERS | {"where", "order", "cursor", "at"})
        site, kind = self._site, self._site.face.domain.rows_of(request.path_params["name"])
        wanted = _wanted(request)
        wrong = {number: site.prose(told) for number, told in _wrong(kind, wanted).items()}
        table = RowTable(site, kind)

        def read(bench: Workbench, errors: Errors) -> tuple[Standing, Found, str | None, CqrsError | None]:
            stands, known = of_rows(site, bench, kind.name), Found([])
            if wrong:
                return stands, known, None, None
            try:
                position = None if wanted.at is None else position_at(bench.store, wanted.at, AT)
            except CqrsError as error:
                return stands, known, site.prose(error.message), None
            try:
                came = _found(bench, kind, table, wanted, site.face.opened(wanted.cursor), position)
                return stands, came, None, errors.get(kind.name)
            except CqrsError as error:
                if isinstance(error, Misuse | InvalidInput):  # of the order or the cursor, which links made
                    raise
                return stands, known, None, error

        if wanted.at:
            stands, found, wrong_at, error = await site.face.benches.read(lambda bench: read(bench, {}))
        else:
            stands, found, wrong_at, error = await self._freshness.look(asked, read)
        return site.render(
            request, "model.html", 400 if wrong or wrong_at else kind_of(error).status if error else 200,
            title=kind.name, kind=kind, doc=line_of(kind.cls), stands=stands, table=table, found=found,
            wanted=wanted, wrong=wrong, wrong_at=wrong_at, error=None if error is None else site.prose(error.message),
            types=sorted(one.stored.name for one in kind.evolvers), is_process=kind.name in site.face.domain.reactions,
            jobs=[one.id for one in site.face.jobs.running(kind.name)],
            orders={one.name: _order(wanted, kind, one.name) for one in table.columns},
            more=wanted.link(kind.name, cursor=site.face.place(found.cursor)) if found.cursor else None,
            shell=(wanted if site.face.hiding is None else wanted._replace(cursor=None)).shell(kind.name),
        )  # fmt: skip


def _wanted(request: Request) -> Wanted:
    given = request.query_params
    where = [one for one in given.getlist("where") if one.strip()]
    if len(where) > MOST_CONDITIONS:
        raise Misuse(f"{len(where)} conditions are too many", hint=f"at most {MOST_CONDITIONS}; `and` joins several")
    one = {name: given.get(name) or None for name in ("cursor", "at")}
    return Wanted(where, ordering_typed(given.get("order")), **one)


def _wrong(kind: RowType, wanted: Wanted) -> dict[int, str]:
    """What is wrong with the conditions, by their numbers."""
    found = {}
    for number, text in enumerate(wanted.where):
        try:
            conditions(kind, [text])
        except CqrsError as error:
            told = error.message.removeprefix("--where: ")
            found[number] = f"{told}; {error.hint}" if error.hint else told
    return found


def _found(
    bench: Workbench, kind: RowType, table: RowTable, wanted: Wanted, cursor: str | None, position: int | None
) -> Found:
    where, matches, _ = conditions(kind, wanted.where)
    chosen: dict[str, Any] = {"where": where, "matches": matches, "order": wanted.order, "cursor": cursor}
    if position is None:
        page = bench.page(kind.name, limit=PAGE, **chosen)
        rows = table.rows(bench, page)
    else:
        with bench.past(position) as then:
            page = then.page(kind.name, limit=PAGE, **chosen)
            rows = table.rows(bench, page)
    return Found(rows, page.cursor)


def _order(wanted: Wanted, kind: RowType, name: str) -> tuple[str, str]:
    """Where a click on a column leads, and how it is sorted now: `ascending`, `descending` or nothing."""
    first = wanted.order.split(",")[0]
    how = {name: "ascending", f"-{name}": "descending"}.get(first, "")
    return wanted.link(kind.name, order=f"-{name}" if how == "ascending" else name, cursor=None), how
