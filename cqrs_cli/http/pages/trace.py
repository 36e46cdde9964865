"""What led to what: the commands, events and reactions of a story as a tree, with a bar of time."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import NotFound
from cqrs_cli.http.events import typed
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.log.trace import Node, Story, newest_of_stream, story, walk
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.names import near_stream, stream_named
from cqrs_cli.workbench.workbench import Workbench

PAGE = 300
MOST_COMMITS = 5_000
NEWEST = 500
"""Of a stream: the stories of so many of its events are told."""


class Bar(NamedTuple):
    """When it was, from 0 to 100 of the story's time. since: when what led to it was; open: it is not over."""

    since: float
    at: float
    is_open: bool


class Times:
    """The times of a story's nodes, in microseconds."""

    def __init__(self, nodes: list[tuple[Node, int, Node | None]]) -> None:
        self._known: dict[int, int] = {}
        for node, _, above in nodes:
            at = node.recorded_us if node.recorded_us is not None else self._known.get(id(above))
            if at is not None:
                self._known[id(node)] = at
        self.first = min(self._known.values(), default=0)
        self.last = max(self._known.values(), default=0)

    def bar(self, node: Node, above: Node | None) -> Bar | None:
        """The bar of a command or an event; None for a reaction, which is at the time of its event."""
        at, since = self._known.get(id(node)), self._known.get(id(above))
        if node.kind == "reaction" or at is None:
            return None
        since = at if since is None or node.kind == "event" else since
        is_open = node.recorded_us is None
        return Bar(self._place(since), 100.0 if is_open else self._place(at), is_open)

    def after(self, node: Node) -> str | None:
        """How long after the story's beginning it was."""
        return None if node.recorded_us is None else _length(node.recorded_us - self.first)

    def _place(self, at: int) -> float:
        return round((at - self.first) * 100 / max(1, self.last - self.first), 2)


class Trace:
    """The page of a story."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/trace/{what:id}", self.show, "read", "trace")]

    async def show(self, request: Request) -> Response:
        """The story of a command, an event, a correlation; of a stream the stories. from: the first row, from 1 on."""
        start = Parameters(request, {"from"}).number("from", 1, 10**8)
        what = typed(self._site.face.meant(request.path_params["what"]))

        def read(bench: Workbench) -> dict[str, Any]:
            told, stream = _told(bench.store, what)
            nodes = list(walk(told.roots))
            times = Times(nodes)
            rows = [self._row(bench, times, *one) for one in nodes[start - 1 : start - 1 + PAGE]]
            return {"rows": rows, "count": len(nodes), "is_whole": told.is_whole, "is_stream": stream is not None,
                    "length": _length(times.last - times.first)}  # fmt: skip

        found, name = await self._site.face.benches.read(read), self._site.prose(what)
        newer = max(1, start - PAGE) if start > 1 else None
        older = start + PAGE if start - 1 + PAGE < found["count"] else None
        return self._site.render(
            request, "trace.html", title=f"Trace {name}", what=name, start=start,
            newer=newer, older=older, most=MOST_COMMITS, newest=NEWEST, shell=shell("trace", name), **found,
        )  # fmt: skip

    def _row(self, bench: Workbench, times: Times, node: Node, depth: int, above: Node | None) -> dict[str, Any]:
        """A node as its record, without its children; of a letter its own besides."""
        letter = None if node.letter is None else self._site.plain(bench, records.letter(node.letter))
        shown = self._site.plain(bench, records.story(node._replace(children=[])))
        return {"node": shown, "depth": depth, "letter": letter,
                "bar": times.bar(node, above), "after": times.after(node)}  # fmt: skip


def _told(store: Store, what: str) -> tuple[Story, str | None]:
    """The story, and the stream if it is of one. Raises `NotFound`, `Misuse`."""
    try:
        return story(store, what, MOST_COMMITS), None
    except NotFound as error:
        stream = stream_named(store, what)
        told = newest_of_stream(store, stream, MOST_COMMITS, NEWEST)
        if not told.roots:
            raise error if error.hint else error.retold(error.message, hint=near_stream(store, what)) from None
        return told, stream


def _length(microseconds: int) -> str:
    """A length of time, its two largest units."""
    if microseconds < 1_000_000:
        return f"{microseconds / 1000:.1f} ms"
    left = microseconds // 1_000_000
    if left < 60:
        return f"{microseconds / 1e6:.1f} s"
    parts: list[str] = []
    for seconds, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, seconds)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
