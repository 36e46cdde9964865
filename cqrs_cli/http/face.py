"""What all requests of a server share: its benches, its tail, its jobs, what it hides and what it counts."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.domain.domain import Domain
from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.http import problems, tracing
from cqrs_cli.http.benches import Benches
from cqrs_cli.http.hiding import Hiding
from cqrs_cli.http.hints import say
from cqrs_cli.http.identity import Identity, Right
from cqrs_cli.http.jobs import Jobs
from cqrs_cli.http.metrics import Metrics
from cqrs_cli.http.options import Options
from cqrs_cli.http.tail import Tail
from cqrs_cli.json_text import json_line, json_text
from cqrs_cli.workbench.workbench import Workbench

JSON = "application/json"
IDENTITY = "cqrs.identity"
"""Where the gate leaves who asks, in the scope of a request."""
_PARAMETER = re.compile(r"\{(\w+)\}")
Records = Iterable[Mapping[str, Any]]


@dataclass
class Counted:
    """How a request was answered: 500 until it is."""

    status: int = 500


class Face:
    """One domain on one store, as it is served. `open` it in the loop that serves, and `close` it there.

    failure: why it could not be opened, or can't go on: its store was replaced by another one.
    """

    def __init__(self, url: str, domain: Domain, options: Options) -> None:
        self.url, self.domain, self.options = url, domain, options
        self.boot = secrets.token_hex(4)
        self.metrics = Metrics()
        self.hiding = Hiding(domain, options.mask, options.mask_key) if options.mask else None
        self.failure: CqrsError | None = None
        self._benches: Benches | None = None
        self._tail: Tail | None = None
        self._jobs: Jobs | None = None

    @property
    def benches(self) -> Benches:
        """The workbenches, while it is open. Raises `Unavailable` (`no-lifespan`) before and after."""
        if self._benches is None:
            raise _not_begun()
        return self._benches

    @property
    def tail(self) -> Tail:
        """The end of the log, while it is open. Raises `Unavailable` (`no-lifespan`) before and after."""
        if self._tail is None:
            raise _not_begun()
        return self._tail

    @property
    def jobs(self) -> Jobs:
        """Work that takes long, while it is open. Raises `Unavailable` (`no-lifespan`) before and after."""
        if self._jobs is None:
            raise _not_begun()
        return self._jobs

    @property
    def tail_if_open(self) -> Tail | None:
        """The same; None before and after."""
        return self._tail

    def open(self) -> None:
        """Open the benches. Raises what opening a store raises, and with `run` `Misuse` (`new-reaction`).

        It is kept as `failure`.
        """
        try:
            self._benches = Benches(self.url, self.domain, self.options)
            if self.options.run:
                self._benches.begin_reactions()
            self._tail = Tail(self._benches, self.line, self._is_lost)
        except CqrsError as error:
            self.failure = error
            self.close()
            raise
        self._jobs = Jobs(self._benches)

    def _is_lost(self, error: CqrsError) -> None:
        self.failure = error
        problems.LOG.error("no request can be answered any more: %s", error.message)

    def close(self) -> None:
        """Finish what is being written, and close everything."""
        if self._jobs is not None:
            self._jobs.close()
        if self._tail is not None:
            self._tail.close()
        if self._benches is not None:
            self._benches.close()
        self._benches = self._tail = self._jobs = None

    @contextmanager
    def counting(self, request: Request, label: str) -> Iterator[Counted]:
        """While a request is answered: it is counted by the name of what it asks, else by `label`."""
        begun, counted = time.perf_counter(), Counted()
        try:
            yield counted
        finally:
            name = request.scope.get("cqrs.name", label)
            self.metrics.count(name, counted.status, time.perf_counter() - begun)

    # ── what leaves ───────────────────────────────────────────────────────────────────────────

    def line(self, bench: Workbench, record: Mapping[str, Any]) -> str:
        """A record as JSON, without what is hidden."""
        if self.hiding is not None:
            self.hiding.learn(bench.store)
            record = self.hiding.record(record)
        return json_line(record)

    def lines(self, bench: Workbench, rows: Records) -> str:
        """Records as a JSON array, a line each, as the shell writes it."""
        lines = [self.line(bench, record) for record in rows]
        return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"

    def problem(self, error: CqrsError, kind: problems.Kind | None = None) -> Response:
        """The response for an error, without what is hidden."""
        told: Mapping[str, Any] = problems.record(error, kind)
        if self.hiding is not None:
            kept = {name: told[name] for name in ("type", "title", "status", "code")}
            hint = {} if "hint" not in told else {"hint": self.say(error)}
            told = {**self.hiding.record({**told, **hint}), **kept}
        return problems.respond(error, told)

    def say(self, error: CqrsError) -> str | None:
        """The hint for an error. It percent-encodes values, as no mask knows them: so it is made of hidden ones."""
        return say(error, None if self.hiding is None else self.hiding.record(error.details))

    def place(self, place: str) -> str:
        """A place to go on from, or the name of a stream, as a link may have it."""
        return place if self.hiding is None else self.hiding.sealed(place)

    def meant(self, name: str) -> str:
        """The name, or the id, that a link had in its path."""
        return name if self.hiding is None else self.hiding.opened(name)

    def opened(self, place: str | None) -> str | None:
        """The place that a link had."""
        return place if self.hiding is None or place is None else self.hiding.opened(place)

    def hides(self, name: str) -> bool:
        """Whether the name of a stream holds what is hidden."""
        return self.hiding is not None and self.hiding.record({"stream": name})["stream"] != name

    def error_line(self, error: CqrsError) -> str:
        """An error as a line among others, as the shell writes it under `--json`."""
        record: Mapping[str, Any] = records.error(error, self.say(error))
        return json_line(self.hiding.record(record) if self.hiding is not None else record) + "\n"


def _not_begun() -> Unavailable:
    """Whoever mounts an application begins its life: Starlette does not."""
    told = "the store is not open: the life of this application has not begun, or is over"
    hint = "whoever mounts it runs its lifespan: FastAPI(lifespan=shop.lifespan)"
    return Unavailable(told, code="no-lifespan", hint=hint)


class _Id(StringConvertor):
    """An id as the last part of a path: of commands, which their senders choose, with slashes too."""

    regex = ".+"


register_url_convertor("id", _Id())
Handler = Callable[[Request], Awaitable[Response]]


def route(face: Face, method: str, path: str, handler: Handler, right: Right | None, label: str) -> Route:
    """A route that counts, asks whether the caller may (None: anybody), and answers errors with problems."""

    async def endpoint(request: Request) -> Response:
        request.scope[tracing.ROUTE] = path.replace(":id", "")
        with face.counting(request, label) as counted:
            try:
                if right is not None:
                    check_right(request, right)
                response = await handler(request)
            except CqrsError as error:
                response = face.problem(error)
            counted.status = response.status_code
            return response

    return Route(path, endpoint, methods=[method], name=label)


class Forbidden(CqrsError):
    """Who asks may not do that."""

    code = "forbidden"


def identity(request: Request) -> Identity:
    """Who asks."""
    found: Identity | None = request.scope.get(IDENTITY)
    return found if found is not None else Identity()


def check_right(request: Request, right: Right) -> None:
    """Raise `Forbidden` unless the caller may."""
    who = identity(request)
    if right not in who.may:
        raise Forbidden(f"{who.user or 'nobody'} may not {right}", hint="ask with an identity that may")


def on_record(request: Request) -> str:
    """The name that stands for the caller in what stays on record."""
    return identity(request).user or "http"


def answer(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response of JSON that is a text already."""
    return Response(body, status, dict(headers or {}), media_type=JSON)


def answer_value(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response of one value."""
    return answer(json_text(value) + "\n", status, headers)


def next_link(request: Request, **parameters: Any) -> str:
    """The value of `Link` that leads to the next page. The path is as it was asked for, not decoded."""
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"], safe="/").encode()
    query = URL("?" + request.scope.get("query_string", b"").decode("latin-1")).include_query_params(**parameters).query
    return f'<{quote(raw, safe="/%")}?{query}>; rel="next"'


def root_of(request: Request) -> str:
    """The path that all of ours is below, percent-encoded, where a proxy, a mount or a router's prefix put it."""
    own = _PARAMETER.sub(lambda found: str(request.path_params[found[1]]), request.scope[tracing.ROUTE])
    asked: str = request.scope["path"]
    root: str = request.scope.get("root_path", "")
    return quote(("" if asked.startswith(root + "/") else root) + asked.removesuffix(own), safe="/")


def path_to(request: Request, *parts: str) -> str:
    """A path of ours whose parts may hold any letter: they are percent-encoded."""
    return root_of(request) + "".join("/" + quote(part, safe="") for part in parts)
