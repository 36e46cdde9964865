"""Who may come in: the host's name, the origin, a token or a plug, and limits, before anything else is done.

A page that a browser shows from anywhere can send requests to 127.0.0.1. Three things keep it out: the name in `Host`
must be ours (DNS rebinding), unsafe methods must come from our own page (`Sec-Fetch-Site`, else `Origin`), and commands
need a type of body that no form can send. Programs send neither header and pass.
"""

from __future__ import annotations

import hmac
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from inspect import isawaitable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.responses import RedirectResponse, Response

from cqrs_cli.errors import CqrsError, DomainFailed, Misuse
from cqrs_cli.failure import domain_failed
from cqrs_cli.http import tracing
from cqrs_cli.http.face import IDENTITY, Face
from cqrs_cli.http.identity import Identity
from cqrs_cli.http.options import LOOPBACK
from cqrs_cli.http.problems import LOG
from cqrs_cli.http.sessions import Sessions

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset({"/health/live", "/health/ready"})
"""What is answered to anybody, in a word: whoever keeps a server running has no token."""
UI, LOGIN, STATIC = "/ui", "/ui/login", "/ui/static/"
"""Where the pages are; the form that asks for the token and the files that it is drawn with are for anybody."""
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_EXPOSED = b"ETag, Link, Location, Log-Position, Log-Lag, Retry-After"
_ASKED = (
    b"authorization, content-type, correlation-id, idempotency-key, if-match, if-none-match, last-event-id, traceparent"
)


class Unauthorized(CqrsError):
    """Nobody that is known asks."""

    code = "unauthorized"


class Gate:
    """An application behind the gate of a face.

    checks_host: the name in `Host` must be one of ours. is_open: all of it is answered to anybody, in a word.
    """

    def __init__(self, app: App, face: Face, *, checks_host: bool = True, is_open: bool = False) -> None:
        self._is_open = is_open
        self._app, self._face, self._options = app, face, face.options
        self._sessions = None if face.options.token is None else Sessions(face.options.token)
        self._hosts = frozenset(name.lower() for name in LOOPBACK | face.options.hosts) if checks_host else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        await tracing.answered(scope, send, partial(self._enter, scope, receive))

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _Headers(scope)
        origin = headers.one(b"origin")
        extra = list(HEADERS)
        if origin and origin in self._options.origins:
            extra += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"vary", b"Origin"),
                (b"access-control-expose-headers", _EXPOSED),
            ]

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                have = {name for name, _ in message["headers"]}
                more = [header for header in extra if header[0] not in have]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            self._check(scope, headers)
            if len(extra) > len(HEADERS) and scope["method"] == "OPTIONS":
                await _preflight(guarded)
                return
            scope[IDENTITY] = await self._identity(scope, headers)
        except Unauthorized as error:
            problem = self._face.problem(error)
            # A plug asks in its own way: the form is for a token.
            if self._options.token is not None and self._options.ui:
                problem = _turned_away(scope, headers, problem)
            await problem(scope, receive, guarded)
            return
        except CqrsError as error:
            await self._face.problem(error)(scope, receive, guarded)
            return
        await self._app(scope, self._limited(receive), guarded)

    def _check(self, scope: Scope, headers: _Headers) -> None:
        """Raise `Misuse` for what is not for us, from another site's page, too large, or no text."""
        host = headers.one(b"host").lower()
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        if self._hosts is not None and (name not in self._hosts or headers.count(b"host") != 1):
            raise Misuse(f"this server does not answer to {host[:80]!r}", code="wrong-host", hint="--allow-host NAME")
        if scope["method"] not in SAFE:
            self._check_origin(headers, host)
        length = headers.one(b"content-length") or "0"
        if not length.isascii() or not length.isdigit() or int(length[:12]) > self._options.max_body:
            raise self._too_large()
        for part in (scope.get("raw_path") or b"", scope.get("query_string") or b""):
            _check_text(part)

    def _check_origin(self, headers: _Headers, host: str) -> None:
        site, origin = headers.one(b"sec-fetch-site"), headers.one(b"origin")
        if origin in self._options.origins:
            return
        is_other = site not in ("same-origin", "none") if site else bool(origin) and not _is_own(origin, host)
        if is_other:
            raise Misuse("the request comes from another site's page", code="cross-origin", hint="--cors ORIGIN")

    def _too_large(self) -> Misuse:
        hint = "POST /commands takes many commands, a part of them at a time"
        return Misuse(f"a body has at most {self._options.max_body:,} bytes", code="body-too-large", hint=hint)

    async def _identity(self, scope: Scope, headers: _Headers) -> Identity:
        """Who asks. Raises `Unauthorized`, and `DomainFailed` if the plug fails."""
        options = self._options
        found: Identity | None = Identity()
        if options.authenticate is not None:
            try:
                told = options.authenticate(headers.all())
                found = await told if isawaitable(told) else told
            except CqrsError:
                raise
            except BaseException as error:
                if isinstance(error, CancelledError):
                    raise
                LOG.error("authenticate failed", exc_info=domain_failed(error, "authenticate"))
                raise _no_answer() from error  # its text is for nobody who is not known yet
            if not isinstance(found, Identity | None):
                LOG.error("authenticate gave %s, and an Identity or None is wanted", type(found).__name__)
                raise _no_answer()
        elif options.token is not None:
            scheme, _, given = headers.one(b"authorization").partition(" ")
            is_theirs = hmac.compare_digest(given.strip().encode("latin-1"), options.token.encode())
            signed_in = self._sessions is not None and self._sessions.hold(headers.one(b"cookie"))
            found = Identity() if (scheme.lower() == "bearer" and is_theirs) or signed_in else None
        if found is None:
            path = _path(scope)
            if self._is_open or path in OPEN or path == LOGIN or path.startswith(STATIC):
                return Identity(may=frozenset())
            raise Unauthorized("this server wants to know who asks", hint="Authorization: Bearer TOKEN")
        return found

    def _limited(self, receive: Receive) -> Receive:
        """The body, which ends with `Misuse` where it is too large, whatever its head said."""
        left = self._options.max_body

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                if left < 0:
                    raise self._too_large()
            return message

        return limited


def _no_answer() -> DomainFailed:
    return DomainFailed("nobody can say who asks", hint="the notes of the server say why")


class _Headers:
    """The headers of a request, by their names, which ASGI gives in lower case."""

    def __init__(self, scope: Scope) -> None:
        self._raw: list[tuple[bytes, bytes]] = scope["headers"]
        self._first: dict[bytes, bytes] = dict(reversed(self._raw))

    def one(self, name: bytes) -> str:
        """The first of this name; empty without one."""
        return self._first.get(name, b"").decode("latin-1")

    def count(self, name: bytes) -> int:
        """How many there are of this name."""
        return sum(key == name for key, _ in self._raw)

    def all(self) -> Mapping[str, str]:
        """All of them; of several of a name the last."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._raw}


def _path(scope: Scope) -> str:
    root = scope.get("root_path", "")
    path: str = scope["path"]
    return path.removeprefix(root) if root else path


def _turned_away(scope: Scope, headers: _Headers, problem: Response) -> Response:
    """What nobody that is known gets: a browser that wants a page is led to the form."""
    path = _path(scope)
    is_page = path == "/" or (path + "/").startswith(UI + "/")
    if scope["method"] != "GET" or "text/html" not in headers.one(b"accept") or not is_page:
        return problem
    query = scope.get("query_string", b"").decode("latin-1")
    to = quote(f"{path}?{query}" if query else path, safe="/")
    return RedirectResponse(f"{scope.get('root_path', '')}{LOGIN}?to={to}", 303, {"Cache-Control": "no-store"})


def _check_text(part: bytes) -> None:
    """Raise `Misuse` for bytes that are no UTF-8: they would be read as U+FFFD, which is another name."""
    try:
        unquote_to_bytes(part).decode()
    except UnicodeDecodeError as error:
        told = f"the URL is not UTF-8 in {part[:80].decode('latin-1')!r}: {error.reason}"
        raise Misuse(told, hint="percent-encode the UTF-8 of what is meant") from None


def _is_own(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host


async def _preflight(send: Send) -> None:
    headers = [
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", _ASKED),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
