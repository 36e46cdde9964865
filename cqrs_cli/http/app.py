"""The application: all routes, and the life of what they share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import __version__
from cqrs_cli.domain.domain import Domain
from cqrs_cli.errors import CqrsError, Misuse, NotFound
from cqrs_cli.http import problems
from cqrs_cli.http.aggregates import Aggregates
from cqrs_cli.http.batches import Batches
from cqrs_cli.http.commands import Commands
from cqrs_cli.http.description import Description
from cqrs_cli.http.events import Events
from cqrs_cli.http.face import Face
from cqrs_cli.http.freshness import Freshness
from cqrs_cli.http.gate import OPEN, Gate, Receive, Scope, Send
from cqrs_cli.http.health import Health
from cqrs_cli.http.keeping import keep_up
from cqrs_cli.http.options import Options
from cqrs_cli.http.pages.pages import Pages
from cqrs_cli.http.projections import Projections
from cqrs_cli.http.queries import Queries
from cqrs_cli.http.reactions import Reactions
from cqrs_cli.http.sql import Sql


def create_app(url: str, domain: Domain, options: Options | None = None, **settings: Any) -> Application:
    """An ASGI application over a store and a domain: `create_app("shop.db", domain, read_only=True)`.

    settings: fields of `Options`, if these are not given whole. The store is opened when the server's life begins. An
    application that mounts it runs its `lifespan`.
    """
    return Application(Face(url, domain, _options(options, settings)))


def router(url: str, domain: Domain, options: Options | None = None, **settings: Any) -> APIRouter:
    """The same routes, to be included in a FastAPI application: `app.include_router(router(…), prefix="/shop")`.

    Its life is part of that application's. Everything of the gate holds but the check of the host's name, which is the
    application's own. There are no pages for people in it: `shop = create_app(…)` has them, in an application that
    was made by `FastAPI(lifespan=shop.lifespan)` and has it by `app.mount("/shop", shop)`.
    """
    face = Face(url, domain, _options(options, settings))
    made = APIRouter(lifespan=_life(face))
    for one in routes(face):
        made.add_route(one.path, Gated(one, face), methods=sorted(one.methods or ()), include_in_schema=False)  # type: ignore[arg-type]
    return made


def _options(options: Options | None, settings: dict[str, Any]) -> Options:
    if options is not None and settings:
        raise TypeError("options are given whole or one by one, not both")
    return options if options is not None else Options(**settings)


def routes(face: Face) -> Sequence[Route]:
    """All that is served of a face."""
    freshness = Freshness(face)
    rooms = (
        Commands(face), Batches(face), Queries(face, freshness), Events(face), Aggregates(face),
        Projections(face, freshness), Reactions(face), Health(face), Sql(face), Description(face),
    )  # fmt: skip
    return [one for room in rooms for one in room.routes()]


class Gated:
    """One route behind the gate, as an ASGI application."""

    def __init__(self, route: Route, face: Face) -> None:
        self._gate = Gate(route.app, face, checks_host=False, is_open=route.path in OPEN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._gate(scope, receive, send)


class Application:
    """A face behind its gate.

    lifespan: its life, for an application that mounts it, since nobody else begins that of what is mounted. Called with
    an application, it is the context in which the store is open.
    """

    def __init__(self, face: Face) -> None:
        self.face = face
        self.lifespan = _life(face)
        self.inner = FastAPI(
            title=face.domain.name,
            version=__version__,
            lifespan=self.lifespan,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
            telemetry={"exclude": lambda _: True, "metrics": False, "logs": False},  # its spans have the query string
        )
        self.inner.router.routes.extend(routes(face))
        self._pages = Pages(face) if face.options.ui else None
        if self._pages is not None:
            self.inner.router.routes.extend(self._pages.routes())
        self.inner.add_exception_handler(404, self._missing)
        self.inner.add_exception_handler(405, self._missing)
        self.inner.add_exception_handler(Exception, self._failed)
        self._gate = Gate(self.inner, face)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live."""
        await self._gate(scope, receive, send)

    def let_go(self) -> None:
        """Let all followers go: a server that ends need not wait for them. From a signal handler, too."""
        tail = self.face.tail_if_open
        if tail is not None:
            tail.stop()

    async def _missing(self, request: Request, error: Exception) -> Response:
        if getattr(error, "status_code", 404) == 405:
            allowed = (getattr(error, "headers", None) or {}).get("Allow", "")
            refused = Misuse(f"not by {request.method[:20]}", code="method-not-allowed", hint=f"by {allowed}")
            response = self._told(request, refused)
            response.headers["Allow"] = allowed
            return response
        path = request.url.path[:200]
        hint = "GET /openapi.json"
        return self._told(request, NotFound(f"there is no {path}", code="no-such-path", hint=hint))

    def _told(self, request: Request, error: CqrsError) -> Response:
        """An error as a page where pages are, else as a problem."""
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if self._pages is None or not (path + "/").startswith("/ui/"):
            return self.face.problem(error)
        return self._pages.site.failed(request, error)

    async def _failed(self, request: Request, error: Exception) -> Response:
        problems.LOG.error("%s %s failed", request.method, request.url.path[:200], exc_info=error)
        return self._told(request, CqrsError("a bug in cqrs", code="bug", hint="it is in the log of the server"))


def _life(face: Face) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_: Any) -> AsyncIterator[None]:
        face.open()
        keeping = asyncio.ensure_future(keep_up(face)) if not face.options.read_only else None
        try:
            yield
        finally:
            if keeping is not None:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
            await asyncio.to_thread(face.close)

    return life
