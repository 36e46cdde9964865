"""`GET /events`: the log, filtered and searched in steps of bounded time, or followed; one event, streams, stories."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import Conflict, CqrsError, NotFound
from cqrs_cli.history.consequences import rows_concerned, state_changes
from cqrs_cli.history.folds import DomainFolds
from cqrs_cli.http.face import Face, answer, next_link, route
from cqrs_cli.http.parameters import MOST_ROWS, Parameters, invalid, position
from cqrs_cli.http.tail import Wanted
from cqrs_cli.log import trace as story
from cqrs_cli.log.context import context, events_named
from cqrs_cli.log.selection import Asked, EventFilter
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.names import near_stream, stream_named
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.workbench import Workbench

FILTERS = frozenset({"stream", "category", "type", "contains", "user", "command", "correlation", "where"})
BOUNDS = frozenset({"after", "before", "since", "until", "limit", "backwards"})
BUDGET = 0.25
"""Seconds that one request may look for events; who wants more goes on from the cursor."""
WINDOW = 5_000
"""Events between two looks at the clock: a page ends soon after its time is up."""


class Found(NamedTuple):
    """A page of events. seen: the last position that was looked at. more: whether there is something behind it."""

    events: list[Recorded]
    seen: int
    more: bool
    head: int


class Events:
    """The log."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def routes(self) -> list[Route]:
        """What is served."""
        face = self._face
        return [
            route(face, "GET", "/events", self.list, "read", "events"),
            route(face, "GET", "/events/{what:id}", self.show, "read", "event"),
            route(face, "GET", "/streams", self.streams, "read", "streams"),
            route(face, "GET", "/trace/{what:id}", self.trace, "read", "trace"),
        ]

    async def list(self, request: Request) -> Response:
        """A page of events, or all that come as server-sent events."""
        asked = Parameters(request, FILTERS | BOUNDS)
        wanted = EventFilter(_asked(asked))
        if "text/event-stream" in request.headers.get("accept", ""):
            return await self._follow(request, asked, wanted)
        limit, backwards = asked.number("limit", 100, MOST_ROWS), asked.flag("backwards")

        def read(bench: Workbench) -> tuple[str, Found]:
            selection = wanted.on(bench.store, _ignored)._replace(backwards=backwards)
            found = page_of(bench, wanted, selection, limit)
            return self._face.lines(bench, map(records.event, found.events)), found

        body, found = await self._face.benches.read(read)
        headers = {"Log-Position": str(found.head), "Cache-Control": "private, no-cache"}
        if found.more:
            bound = {"before" if backwards else "after": f"@{found.seen}"}
            headers["Link"] = next_link(request, **bound)
        return answer(body, 200, headers)

    async def _follow(self, request: Request, asked: Parameters, wanted: EventFilter) -> Response:
        for name in ("before", "until", "limit", "backwards"):
            if asked.one(name) is not None:
                raise invalid(name, f"who follows the log has no end, so {name} means nothing", "leave it out")
        last = request.headers.get("last-event-id")
        after = asked.position("after")
        tail = self._face.tail
        start = position("Last-Event-ID", last) if last else after if after is not None else tail.head
        tail.admit()
        selection, head = await self._face.benches.read(
            lambda bench: (wanted.on(bench.store, _ignored, missing_ok=True), bench.store.head())
        )
        if start > head and not self._face.benches.is_on_a_server:  # there a standby may be asked, which is behind
            raise Conflict(
                f"the log ends at @{head}, before @{start}: it is another one than was followed, or an older backup",
                code="beyond-the-end",
                hint="look at what is there, and follow it from a position that it has",
                head=head,
            )
        frames = tail.follow(start, selection._replace(limit=None), _matcher(wanted, selection))
        return StreamingResponse(
            frames, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    async def show(self, request: Request) -> Response:
        """One event in full, or all of a command, by `1200`, `@1200`, `order-17@5` or an id."""
        Parameters(request, ())
        what = typed(request.path_params["what"])

        def read(bench: Workbench) -> str:
            events = events_named(bench.store, what)
            shown = [records.shown(context(bench.store, event), _did(bench, event)) for event in events]
            return self._face.line(bench, shown[0]) + "\n" if len(shown) == 1 else self._face.lines(bench, shown)

        return answer(await self._face.benches.read(read), 200, {"Cache-Control": "private, no-cache"})

    async def streams(self, request: Request) -> Response:
        """Streams by name, with their versions."""
        asked = Parameters(request, {"category", "after", "limit"})
        category, after = asked.one("category"), self._face.opened(asked.one("after"))
        limit = asked.number("limit", 100, MOST_ROWS)

        def read(bench: Workbench) -> tuple[str, str | None]:
            known = None if category is None else category.replace("-", "_")
            found = list(bench.store.streams(category=known, after=after, limit=limit + 1))
            body = self._face.lines(bench, map(records.stream, found[:limit]))
            return body, found[limit - 1].stream if len(found) > limit else None

        body, last = await self._face.benches.read(read)
        headers = {"Cache-Control": "private, no-cache"}
        if last is not None:
            headers["Link"] = next_link(request, after=self._face.place(last))
        return answer(body, 200, headers)

    async def trace(self, request: Request) -> Response:
        """What led to what: of a command, an event, a correlation, or over all of a stream."""
        Parameters(request, ())
        what = request.path_params["what"]

        def read(bench: Workbench) -> str:
            store = bench.store
            try:
                return self._face.lines(bench, map(records.trace, story.trace(store, what)))
            except NotFound as error:
                roots = story.stream_story(store, stream_named(store, what))
                if not roots:
                    raise error if error.hint else error.retold(error.message, hint=near_stream(store, what)) from None
                return self._face.lines(bench, map(records.story, roots))

        return answer(await self._face.benches.read(read), 200, {"Cache-Control": "private, no-cache"})


def typed(what: str) -> str:
    """An event as the shell types it: a number alone is a position."""
    return f"@{what}" if what.isascii() and what.isdigit() and len(what) < 14 else what


def _asked(asked: Parameters) -> Asked:
    return Asked(
        asked.one("stream"),
        asked.one("category"),
        asked.many("type"),
        since=asked.one("since"),
        until=asked.one("until"),
        after=_at(asked.position("after")),
        before=_at(asked.position("before")),
        user=asked.one("user"),
        commands=asked.many("command"),
        correlation=asked.one("correlation"),
        grep=asked.one("contains"),
        where=asked.many("where"),
    )


def _at(position: int | None) -> str | None:
    return None if position is None else f"@{position}"


def _ignored(_: str) -> None:
    """Notes are for people: a client sees that nothing matches."""


def _did(bench: Workbench, event: Recorded) -> records.Record:
    """What an event did, as far as today's code tells."""
    try:
        return records.consequences(state_changes(DomainFolds(bench), event), rows_concerned(bench, event))
    except CqrsError:
        return records.consequences(None, None)


def _matcher(wanted: EventFilter, selection: Selection) -> Wanted | None:
    """Whether an event is one of those that are followed; None for all."""
    stream, category, types = selection.stream, selection.category, selection.types
    correlation, matches = wanted.correlation, wanted.matches
    if (stream, category, types, correlation, matches) == (None,) * 5:
        return None

    def matcher(event: Recorded) -> bool:
        return (
            (stream is None or event.stream == stream)
            and (category is None or category_of(event.stream) == category)
            and (types is None or event.type in types)
            and (correlation is None or event.correlation_id == correlation)
            and (matches is None or matches(event))
        )

    return matcher


def page_of(bench: Workbench, wanted: EventFilter, selection: Selection, limit: int, budget: float = BUDGET) -> Found:
    """Events of a page. The log is looked through part by part; when the time is up the page ends where it is."""
    head = bench.store.head()
    low, high = selection.after, min(head + 1 if selection.before is None else selection.before, head + 1)
    found: list[Recorded] = []
    end = time.perf_counter() + budget
    for start, stop in _windows(selection, low, high, wanted):
        most = None if wanted.narrows else limit - len(found) + 1
        part = selection._replace(after=start, before=stop, limit=most)
        for event in wanted.matching(bench.store, part):
            if len(found) == limit:
                return Found(found, found[-1].position, True, head)
            found.append(event)
        left = start > low if selection.backwards else stop < high
        if left and time.perf_counter() > end:
            return Found(found, start + 1 if selection.backwards else stop - 1, True, head)
    return Found(found, head, False, head)


def _windows(selection: Selection, low: int, high: int, wanted: EventFilter) -> Iterator[tuple[int, int]]:
    """Parts of the log, as (after, before): a stream and a story have indexes of their own, and are one part."""
    if selection.stream is not None or wanted.correlation is not None:
        yield low, high
    elif selection.backwards:
        top = high
        while top - 1 > low:
            bottom = max(low, top - 1 - WINDOW)
            yield bottom, top
            top = bottom + 1
    else:
        for bottom in range(low, high - 1, WINDOW):
            yield bottom, min(high, bottom + 1 + WINDOW)
