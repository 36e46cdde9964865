"""The log: filtered and searched in steps of bounded time, page by page, or followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.http.events import Found, page_of
from cqrs_cli.http.pages.overview import Counts
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import Parameters, position
from cqrs_cli.log.selection import Asked, EventFilter
from cqrs_cli.workbench.workbench import Workbench

PAGE = 50
MOST_FOLLOWED = 500
"""Rows that a page which follows keeps; it counts what it leaves out."""
TEXTS = ("stream", "category", "contains", "user", "where", "since", "until")
"""Fields of the form that hold one text; an empty one says nothing."""


class Wanted(NamedTuple):
    """What a request asks. before, after: from where the page begins, towards older or newer events."""

    types: Sequence[str]
    texts: dict[str, str]
    before: int | None
    after: int | None

    def asked(self) -> Asked:
        """The same, as the shell's options have it."""
        texts = self.texts
        return Asked(
            texts.get("stream"), texts.get("category"), list(self.types), since=texts.get("since"),
            until=texts.get("until"), user=texts.get("user"), grep=texts.get("contains"),
            where=[texts["where"]] if "where" in texts else [],
            before=None if self.before is None else f"@{self.before}",
            after=None if self.after is None else f"@{self.after}",
        )  # fmt: skip

    @property
    def fields(self) -> dict[str, str]:
        """All texts of the form, empty ones too."""
        return {name: self.texts.get(name, "") for name in TEXTS}

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """What a link to another page of the same keeps."""
        return [*(("type", one) for one in self.types), *self.texts.items()]

    def shell(self) -> str:
        """The line that shows the same."""
        words = ["log", *([self.texts["stream"]] if "stream" in self.texts else [])]
        for one in self.types:
            words += ["--type", one]
        for name in ("category", "user", "where", "since", "until"):
            words += [f"--{name}", self.texts[name]] if name in self.texts else []
        words += ["--grep", self.texts["contains"]] if "contains" in self.texts else []
        words += ["--before", f"@{self.before}"] if self.before is not None else []
        words += ["--after", f"@{self.after}"] if self.after is not None else []
        return shell(*words, *([] if self.after is not None else ["--reverse"]), "-n", str(PAGE))


class Log:
    """The page of the log."""

    def __init__(self, site: Site, counts: Counts) -> None:
        self._site, self._counts = site, counts

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/log", self.show, "read", "log")]

    async def show(self, request: Request) -> Response:
        """A page of events, newest first."""
        wanted = _wanted(request)
        matcher, site = EventFilter(wanted.asked()), self._site
        notes: list[str] = []

        def read(bench: Workbench) -> tuple[Found, dict[str, Any]]:
            selection = matcher.on(bench.store, notes.append)._replace(backwards=wanted.after is None)
            found = page_of(bench, matcher, selection, PAGE)
            events = found.events if wanted.after is None else found.events[::-1]
            shown = {"events": site.plains(bench, map(records.event, events)), "types": self._counts.types(bench.store)}
            return found, shown

        found, shown = await site.face.benches.read(read)
        is_newest = wanted.before is None and wanted.after is None
        return site.render(
            request, "log.html", title="Log", wanted=wanted, notes=[site.prose(note) for note in notes],
            filters=site.face.options.filters, head_then=found.head, seen=found.seen,
            is_short=found.more and len(found.events) < PAGE, shell=wanted.shell(), most=MOST_FOLLOWED,
            older=_older(wanted, found), newer=_newer(wanted, found, shown["events"]),
            follow=_follow(wanted, found) if is_newest and "until" not in wanted.texts else None, **shown,
        )  # fmt: skip


def _wanted(request: Request) -> Wanted:
    asked = Parameters(request, {"type", "before", "after", *TEXTS})
    given = request.query_params
    bounds = {name: position(name, given[name]) if given.get(name) else None for name in ("before", "after")}
    texts = {name: given[name] for name in TEXTS if given.get(name)}
    for name in texts:
        asked.one(name)
    return Wanted([one for one in given.getlist("type") if one], texts, **bounds)


def _link(wanted: Wanted, **bound: str) -> str:
    return "/ui/log?" + urlencode([*wanted.parameters, *bound.items()])


def _older(wanted: Wanted, found: Found) -> str | None:
    """The page of what is older, or of the search that goes on there."""
    if wanted.after is not None:
        return _link(wanted, before=f"@{found.events[0].position}") if found.events else _link(wanted)
    return _link(wanted, before=f"@{found.seen}") if found.more else None


def _newer(wanted: Wanted, found: Found, events: Sequence[dict[str, Any]]) -> str | None:
    """The page of what is newer."""
    if wanted.after is not None:
        return _link(wanted, after=f"@{found.seen}") if found.more else None
    if wanted.before is None:
        return None
    return _link(wanted, after=f"@{events[0]['position'] if events else wanted.before - 1}")


def _follow(wanted: Wanted, found: Found) -> str:
    """Where a script hears of what comes after the page."""
    kept = [(name, value) for name, value in wanted.parameters if name != "since"]
    return "/events?" + urlencode([*kept, ("after", f"@{found.head}")])
