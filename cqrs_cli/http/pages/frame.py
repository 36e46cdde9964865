"""What stands around every page: the files it is drawn with, the pulse, the jump, and who signs in."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cqrs_cli.errors import CqrsError, NotFound
from cqrs_cli.http.bodies import form_of
from cqrs_cli.http.face import answer_value
from cqrs_cli.http.pages.site import HOME, STATIC, Site
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.http.sessions import COOKIE, LASTS, Sessions
from cqrs_cli.log.context import events_named
from cqrs_cli.log.letters import count_letters
from cqrs_cli.log.waiting import lags
from cqrs_cli.payloads.words import by_word
from cqrs_cli.workbench.workbench import Workbench

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POSITION = re.compile("@?[0-9]{1,13}")
_VERSION = re.compile("(.+)@([0-9]{1,10})")


class Frame:
    """The frame."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._files = {path.name: path.read_bytes() for path in STATIC.iterdir()}
        self._commands = by_word(dict.fromkeys(site.face.domain.commands.values()))
        token = site.face.options.token
        self._sessions = None if token is None else Sessions(token)

    def routes(self) -> list[Route]:
        """What is served."""
        site = self._site
        return [
            Route("/", self.front, methods=["GET"]),
            site.route("GET", "/ui", self.home, None, "home"),
            site.route("GET", "/ui/static/{name}", self.static, None, "static"),
            site.route("GET", "/ui/login", self.login, None, "login"),
            site.route("POST", "/ui/login", self.sign_in, None, "login"),
            site.route("POST", "/ui/logout", self.sign_out, None, "logout"),
            site.route("GET", "/ui/pulse", self.pulse, "read", "pulse"),
            site.route("GET", "/ui/go", self.go, "read", "go"),
        ]

    async def front(self, request: Request) -> Response:
        """Where somebody begins who opened the address that was printed; a program is told that there is nothing."""
        if "text/html" in request.headers.get("accept", ""):
            return _to(request, HOME)
        raise HTTPException(404)

    async def home(self, request: Request) -> Response:
        """To where the pages begin."""
        return _to(request, HOME)

    async def static(self, request: Request) -> Response:
        """A file of the frame. Its address changes with what is in it, so it may be kept for ever."""
        name = request.path_params["name"]
        if name not in self._files:
            raise NotFound(
                f"there is no {request.url.path[:200]}", code="no-such-path", hint="/ui/ is where the pages begin"
            )
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(self._files[name], headers=kept, media_type=_TYPES[PurePosixPath(name).suffix])

    # ── who signs in ──────────────────────────────────────────────────────────────────────────

    async def login(self, request: Request) -> Response:
        """The form that asks for the token."""
        return self._site.render(request, "login.html", title="Sign in", to=_local(request), is_wrong=False)

    async def sign_in(self, request: Request) -> Response:
        """Begin a session, if the token is right."""
        given = dict(await form_of(request)).get("token", "")
        session = None if self._sessions is None else self._sessions.begun(given)
        if session is None:
            return self._site.render(request, "login.html", 401, title="Sign in", to=_local(request), is_wrong=True)
        response = _to(request, _local(request))
        secure = request.url.scheme == "https"
        path = _cookie_path(request)
        response.set_cookie(COOKIE, session, LASTS, path=path, secure=secure, httponly=True, samesite="strict")
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session of this browser."""
        response = _to(request, "/ui/login")
        response.delete_cookie(COOKIE, path=_cookie_path(request))
        return response

    # ── what moves ────────────────────────────────────────────────────────────────────────────

    async def pulse(self, request: Request) -> Response:
        """What the frame shows, asked every other second by a tab that is seen.

        A stream for each tab would use up the six connections that a browser has for a host.
        """
        Parameters(request, ())
        domain = self._site.face.domain
        names = [*domain.projections, *domain.reactions]

        def read(bench: Workbench) -> dict[str, object]:
            behind = {name: lag for name, _, lag in lags(bench.store, names)}
            letters = {name: count_letters(bench.store.rows, name) for name in domain.reactions}
            return {"head": bench.store.head(), "lag": behind, "letters": letters}

        return answer_value(await self._site.face.benches.read(read), 200, {"Cache-Control": "no-store"})

    async def go(self, request: Request) -> Response:
        """To what was typed: a stream, `order-17@3`, `@1200`, an id, a type, a read model, a command, else a text."""
        wanted = request.query_params.get("to", "").strip()
        if not wanted:
            return _to(request, HOME)
        return _to(request, await self._site.face.benches.read(lambda bench: self._place(bench, wanted)))

    def _place(self, bench: Workbench, wanted: str) -> str:
        domain = self._site.face.domain
        if _POSITION.fullmatch(wanted):
            return f"/ui/events/{wanted.lstrip('@')}"
        version = _VERSION.fullmatch(wanted)
        if version and bench.store.version(version[1]):
            return f"/ui/streams/{_q(version[1])}?at={version[2]}"
        if bench.store.version(wanted):
            return f"/ui/streams/{_q(wanted)}"
        if wanted in bench.store.type_names() or wanted in domain.events:
            return "/ui/log?" + urlencode({"type": wanted})
        name = wanted.replace("-", "_")
        if name in domain.projections or (name in domain.reactions and domain.reactions[name].rows):
            return f"/ui/models/{_q(name)}"
        if name in domain.reactions:
            return f"/ui/processes#{_q(name)}"
        if wanted.replace("_", "-") in self._commands:
            return f"/ui/commands/{_q(wanted.replace('_', '-'))}"
        if next(iter(bench.store.correlated(wanted)), None) is not None:
            return f"/ui/trace/{_q(wanted)}"
        try:
            events = events_named(bench.store, wanted)
        except CqrsError:  # no id of anything: a text to be looked for
            return "/ui/log?" + urlencode({"contains": wanted})
        return f"/ui/events/{events[0].position}" if len(events) == 1 else f"/ui/trace/{_q(wanted)}"


def _q(text: str) -> str:
    return quote(text, safe="")


def _to(request: Request, path: str) -> RedirectResponse:
    return RedirectResponse(request.scope.get("root_path", "") + path, 303)


def _cookie_path(request: Request) -> str:
    """Below which a session is sent: to us, and to nothing else that the host has."""
    return request.scope.get("root_path", "") or "/"


def _local(request: Request) -> str:
    """Where to go after signing in: a page of ours and no other."""
    to = request.query_params.get("to", "")
    return to if to.startswith(HOME) and "\\" not in to and to.isprintable() else HOME
