"""`GET /queries/{name}`: the queries of the domain, their fields as typed parameters, page by page."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.domain.query import Page, Query
from cqrs_cli.http import bodies, tracing
from cqrs_cli.http.face import Face, answer, next_link, route
from cqrs_cli.http.freshness import PARAMETERS, Errors, Freshness
from cqrs_cli.http.parameters import MOST_ROWS, Parameters, invalid
from cqrs_cli.http.readers import Readers
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads.jsontext import JsonTextError, parse_json
from cqrs_cli.payloads.model_reader import ModelReader
from cqrs_cli.payloads.normalisation import normalised
from cqrs_cli.payloads.shapes import Choice, Json, Loose, Many, Mapping, Record, Shape
from cqrs_cli.payloads.words import by_word
from cqrs_cli.workbench.workbench import Workbench

OWN = PARAMETERS | {"limit", "cursor"}
FIELD = "field."
"""Before the name of a field that is called like a parameter of ours."""


class Queries:
    """The queries of a domain, by their names in kebab-case."""

    def __init__(self, face: Face, freshness: Freshness) -> None:
        self._face, self._freshness = face, freshness
        self._readers = Readers[Query[Any]]("query", by_word(face.domain.queries.values()))

    def routes(self) -> list[Route]:
        """What is served."""
        return [route(self._face, "GET", "/queries/{name}", self.ask, "read", "queries")]

    async def ask(self, request: Request) -> Response:
        """Answer, with the rows as new as the log unless `stale`."""
        name = request.path_params["name"]
        reader = self._readers.of(name)
        request.scope["cqrs.name"] = f"query:{name}"
        own = Parameters(request, None)
        query = bodies.read(reader, self._payload(reader, request), name, as_text=True)
        limit = own.number("limit", 100, MOST_ROWS) if "limit" in request.query_params else None
        cursor = self._face.opened(own.one("cursor"))
        if (limit, cursor) != (None, None) and is_paged(type(query)) is False:
            raise invalid("limit" if limit else "cursor", f"{name} has no pages", "leave it out: all rows come")

        def read(bench: Workbench, errors: Errors) -> tuple[str, str | None]:
            names: list[str] = []
            found = bench.query(query, limit=limit, cursor=cursor, reads=names.append)
            for one in names:
                if one in errors:
                    raise errors[one]
            return self._told(bench, found)

        with tracing.part("query", name):
            place, came = await self._freshness.read(request, own, read)
        headers = place.headers
        if came is None:
            return Response(status_code=304, headers=headers)
        body, following = came
        if following is not None:
            headers["Link"] = next_link(request, cursor=self._face.place(following))
        return answer(body, 200, headers)

    def _told(self, bench: Workbench, found: Any) -> tuple[str, str | None]:
        """The JSON of an answer, and the cursor to more of it."""
        if isinstance(found, Page | list):
            cursor = found.cursor if isinstance(found, Page) else None
            return self._face.lines(bench, map(records.answer, found)), cursor
        return ("null" if found is None else self._face.line(bench, records.answer(found))) + "\n", None

    def _payload(self, reader: ModelReader[Query[Any]], request: Request) -> dict[str, Any]:
        """The fields as they stand in the URL. Raises `InvalidInput`."""
        payload: dict[str, Any] = {}
        for given in request.query_params:
            if given in OWN:
                continue
            name = given.removeprefix(FIELD)
            member = reader.record.member(name)
            if member is None:
                fields = [one.public for one in reader.record.members]
                near = did_you_mean(name, [*fields, *OWN], 1)
                raise invalid(given, f"there is no parameter {given[:40]!r} here", near)
            texts = request.query_params.getlist(given)
            payload[member.name] = _value(member.shape, texts, given)
        return payload


def _value(shape: Shape, texts: Sequence[str], name: str) -> Any:
    """The value that a parameter stands for: models and mappings are JSON, lists are repeated."""
    if isinstance(shape, Many):
        return [_value(shape.item, [text], name) for text in texts]
    if len(texts) > 1:
        raise invalid(name, f"{name} is given {len(texts)} times", "give it once")
    text = texts[0]
    if isinstance(shape, Choice):
        return shape.values.get(text, text)
    if isinstance(shape, Record | Mapping | Json):
        try:
            return normalised(shape, parse_json(text))
        except JsonTextError as error:
            raise invalid(name, f"{name}: {error}", "JSON, percent-encoded") from None
    if isinstance(shape, Loose):
        try:
            return normalised(shape, parse_json(text))
        except JsonTextError:
            return text
    return text


def is_paged(query: type[Query[Any]]) -> bool | None:
    """Whether its `run` says that it answers with pages; None if it does not say."""
    try:
        kind = typing.get_type_hints(query.run).get("return")
    except (NameError, TypeError):
        return None
    if kind is None or kind is Any:
        return None
    members = typing.get_args(kind) or (kind,)
    return any(typing.get_origin(one) is Page or one is Page for one in (kind, *members))
