"""What all pages share: their templates, their frame, how they are answered and how their errors are."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from cqrs_cli.domain.messages import kebab
from cqrs_cli.errors import CqrsError
from cqrs_cli.http import tracing
from cqrs_cli.http.face import Face, check_right, identity
from cqrs_cli.http.hints import say
from cqrs_cli.http.identity import Right
from cqrs_cli.http.pages import text
from cqrs_cli.http.pages.hidden_text import leading
from cqrs_cli.http.pages.json_lines import json_lines, unmarked
from cqrs_cli.http.problems import kind_of, log_failure
from cqrs_cli.json_text import json_line
from cqrs_cli.payloads.jsontext import parse_json
from cqrs_cli.stores.addresses import shown
from cqrs_cli.workbench.workbench import Workbench

HERE = Path(__file__).parent
STATIC = HERE / "static"
HOME = "/ui/"
SECTIONS = (
    ("", "Overview", "o"),
    ("log", "Log", "l"),
    ("streams", "Streams", "s"),
    ("models", "Read models", "m"),
    ("processes", "Processes", "p"),
    ("commands", "Commands", "c"),
    ("domain", "Domain map", "d"),
    ("sql", "SQL", "q"),
)
"""Of the rail: the path below `/ui/`, the name, the key that follows `g`."""
Handler = Callable[[Request], Awaitable[Response]]


class Site:
    """The pages of a face."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            finalize=text.visible,
        )
        self._environment.filters |= {**text.FILTERS, "json_lines": json_lines, "unmarked": unmarked, "kebab": kebab}
        self._environment.filters["spoken"] = self._spoken
        assets = b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))
        self._environment.globals |= {
            "assets": hashlib.blake2s(assets, digest_size=4).hexdigest(),
            "domain": face.domain,
            "masks": face.hiding is not None,
            "read_only": face.options.read_only,
            "signs_in": face.options.token is not None,
            "sections": SECTIONS,
            "store": shown(face.url),
        }

    def route(self, method: str, path: str, handler: Handler, right: Right | None, label: str) -> Route:
        """A page that counts as `label`, asks whether the caller may, and answers errors with a page that says them."""

        async def endpoint(request: Request) -> Response:
            request.scope[tracing.ROUTE] = path.replace(":id", "")
            with self.face.counting(request, label) as counted:
                try:
                    if right is not None:
                        check_right(request, right)
                    response = await handler(request)
                except CqrsError as error:
                    response = self.failed(request, error)
                counted.status = response.status_code
                return response

        return Route(path, endpoint, methods=[method], name=f"ui-{label}")

    def render(self, request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page: its template, filled with values. title: wanted by every template that is a whole page."""
        root = request.scope.get("root_path", "")
        html = self._environment.get_template(template).render(
            root=root,
            path=request.url.path.removeprefix(root),
            asked=request.query_params,
            who=identity(request),
            head=self.face.tail.head if self.face.tail_if_open is not None else 0,
            **values,
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})

    def failed(self, request: Request, error: CqrsError, status: int | None = None) -> Response:
        """The page of an error, without what is hidden."""
        kind = kind_of(error)
        log_failure(error, kind.status)
        message, hint = self.prose(error.message), self.prose(say(error) or "")
        values = {"title": kind.title, "code": error.code, "message": message, "hint": hint}
        response = self.render(request, "error.html", status or kind.status, **values)
        if kind.status == 503:
            response.headers["Retry-After"] = "1"
        return response

    # ── what leaves ───────────────────────────────────────────────────────────────────────────

    def plain(self, bench: Workbench, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record as its JSON says it: without what is hidden, numbers with their digits (`Decimal`)."""
        made: dict[str, Any] = parse_json(self.face.line(bench, record))
        if self.face.hiding is not None:
            made = leading(made, parse_json(json_line(record)), self.face.place)
        return made

    def plains(self, bench: Workbench, records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Several."""
        return [self.plain(bench, record) for record in records]

    def _spoken(self, line: str) -> str:
        """A line for the shell with what this server was started with: elsewhere it would mean another store."""
        begin = shell(*self.face.options.spoken)
        return f"{begin}{line.removeprefix('cqrs')}" if line.startswith("cqrs ") else line

    def prose(self, told: str) -> str:
        """A text without what is hidden."""
        return told if self.face.hiding is None else self.face.hiding.prose(told)


def shell(*words: str | None) -> str:
    """A line for the shell, of words that are quoted where they must be; None is left out."""
    return shlex.join(["cqrs", *(word for word in words if word is not None)])
