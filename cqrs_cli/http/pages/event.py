"""The page of one event: what it says, of what command it came, what it did and led to."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import CqrsError
from cqrs_cli.history.consequences import rows_concerned, state_changes
from cqrs_cli.history.folds import DomainFolds
from cqrs_cli.http.events import typed
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.pages.states import States
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.log.context import EventContext, context, events_named
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.workbench.workbench import Workbench

MOST_OF_STORY = 2_000
"""Commits of a story that are looked through for what an event came of and led to."""
TOGETHER = 50
"""Events of one commit that are listed."""


class EventPage:
    """The page of an event."""

    def __init__(self, site: Site, states: States) -> None:
        self._site, self._states = site, states

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/events/{what:id}", self.show, "read", "event")]

    async def show(self, request: Request) -> Response:
        """An event by `1200`, `@1200`, `order-17@5` or an id; of a command with several, the first."""
        Parameters(request, ())
        what = typed(self._site.face.meant(request.path_params["what"]))

        def read(bench: Workbench) -> dict[str, Any]:
            event = events_named(bench.store, what)[0]
            seen = context(bench.store, event, MOST_OF_STORY)
            did, unknown = self._did(bench, event)
            return {
                "event": self._site.plain(bench, records.shown(seen, did)),
                "unknown": unknown,
                "is_whole": seen.is_whole,
                "hash": seen.commit.hash.hex() if seen.commit.hash else None,
                "newer": _neighbour(bench.store, Selection(after=event.position)),
                "older": _neighbour(bench.store, Selection(before=event.position, backwards=True)),
                **self._together(bench, seen),
            }

        found = await self._site.face.benches.read(read)
        position = found["event"]["position"]
        return self._site.render(
            request, "event.html", title=f"{found['event']['type']} @{position}", most=MOST_OF_STORY,
            shell=shell("show", f"@{position}"), **found,
        )  # fmt: skip

    def _did(self, bench: Workbench, event: Recorded) -> tuple[records.Record, str | None]:
        """What an event did, as far as today's code tells; else why it is not known."""
        try:
            folds = DomainFolds(bench)
            folds.kind_of(event.stream)
            before = self._states.towards(folds, event.stream, event.version - 1)
            if before.version < event.version - 1:
                why = f"it is the fold of {event.version} events; the page of the stream goes on with it"
                return records.consequences(None, rows_concerned(bench, event)), why
            return records.consequences(state_changes(folds, event, before), rows_concerned(bench, event)), None
        except CqrsError as error:
            return records.consequences(None, None), self._site.prose(error.message)

    def _together(self, bench: Workbench, seen: EventContext) -> dict[str, Any]:
        """The events of the same commit: those around it, if they are many."""
        events = seen.commit.events
        at = next(number for number, one in enumerate(events) if one.position == seen.event.position)
        first = max(0, min(at - TOGETHER // 2, len(events) - TOGETHER))
        listed = self._site.plains(bench, map(records.event, events[first : first + TOGETHER]))
        return {"together": listed, "committed": len(events)}


def _neighbour(store: Store, selection: Selection) -> int | None:
    return next((one.position for one in store.scan(selection._replace(limit=1))), None)
