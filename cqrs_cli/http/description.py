"""`GET /openapi.json`."""

from __future__ import annotations

from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import __version__
from cqrs_cli.http.face import Face, answer, root_of, route
from cqrs_cli.http.openapi.document import document
from cqrs_cli.http.openapi.schemas import Schema
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.json_text import json_text


class Description:
    """The description of all routes, made of the domain."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def routes(self) -> list[Route]:
        """What is served."""
        return [route(self._face, "GET", "/openapi.json", self.get, "read", "openapi")]

    @cached_property
    def _document(self) -> Schema:
        return document(self._face.domain, __version__)

    @cached_property
    def _text(self) -> str:
        return json_text(self._document) + "\n"

    async def get(self, request: Request) -> Response:
        """The OpenAPI document. Below a path it says so, for its paths are those of the routes."""
        Parameters(request, ())
        root = root_of(request)
        text = json_text({**self._document, "servers": [{"url": root}]}) + "\n" if root else self._text
        return answer(text, 200, {"Cache-Control": "private, no-cache"})
