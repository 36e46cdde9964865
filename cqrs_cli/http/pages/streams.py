"""The streams: by category, by the beginning of their names, page by page."""

from __future__ import annotations

import re
from itertools import dropwhile, islice, takewhile
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.names import categories
from cqrs_cli.stores.streams import StreamInfo, category_of
from cqrs_cli.workbench.workbench import Workbench

PAGE = 50
MOST_CATEGORIES = 200
_WILD = re.compile(r"[*?\[]")


class Wanted(NamedTuple):
    """What a request asks. begins: how names begin, of a category what comes behind it too. after: a name."""

    category: str | None
    begins: str | None
    after: str | None

    @property
    def beginning(self) -> str | None:
        """How the names begin, category and all; None: anyhow."""
        if self.category is None or not self.begins or self.begins.startswith(f"{self.category}-"):
            return self.begins
        return f"{self.category}-{self.begins}"

    def shell(self) -> str:
        """The line that shows the same."""
        pattern = self.category
        if self.beginning:
            pattern = _WILD.sub(lambda found: f"[{found[0]}]", self.beginning) + "*"
        after = ["--after", self.after] if self.after is not None else []
        return shell("streams", pattern, *after, "-n", str(PAGE))

    def found(self, store: Store) -> list[StreamInfo]:
        """A page, and one stream more if there is any."""
        beginning = self.beginning or ""
        category = category_of(beginning) if "-" in beginning else self.category
        start = max(filter(None, (self.after, _just_before(beginning))), default=None)
        streams = dropwhile(lambda info: info.stream < beginning, store.streams(category=category, after=start))
        return list(islice(takewhile(lambda info: info.stream.startswith(beginning), streams), PAGE + 1))


class Streams:
    """The page of the streams."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/streams", self.show, "read", "streams")]

    async def show(self, request: Request) -> Response:
        """A page of streams, by name."""
        wanted, site = _wanted(request), self._site
        line = wanted if site.face.hiding is None else wanted._replace(after=None)
        wanted = wanted._replace(after=site.face.opened(wanted.after))

        def read(bench: Workbench) -> dict[str, Any]:
            found = wanted.found(bench.store)
            streams = site.plains(bench, map(records.stream, found[:PAGE]))
            last = found[PAGE - 1].stream if len(found) > PAGE else None
            return {
                "streams": streams,
                "categories": list(islice(categories(bench.store), MOST_CATEGORIES)),
                "last": None if last is None else site.face.place(last) if site.face.hides(last) else last,
            }

        found = await site.face.benches.read(read)
        kept = [(name, value) for name, value in zip(("category", "begins"), wanted[:2], strict=True) if value]
        last = found.pop("last")
        older = "/ui/streams?" + urlencode([*kept, ("after", last)]) if last is not None else None
        first = "/ui/streams?" + urlencode(kept) if wanted.after is not None else None
        return site.render(
            request, "streams.html", title="Streams", wanted=wanted, older=older, first=first,
            shell=line.shell(), **found,
        )  # fmt: skip


def _wanted(request: Request) -> Wanted:
    """The form's parameters; an empty one says nothing."""
    asked, given = Parameters(request, set(Wanted._fields)), request.query_params
    texts = {name: asked.one(name) if given.get(name) else None for name in Wanted._fields}
    category = texts["category"]
    return Wanted(None if category is None else category.replace("-", "_"), texts["begins"], texts["after"])


def _just_before(beginning: str) -> str | None:
    """A name behind which come all that begin so, and hardly another; None for the very first."""
    last = ord(beginning[-1]) - 1 if beginning else 0
    return None if last <= 0 or 0xD800 <= last < 0xE000 else f"{beginning[:-1]}{chr(last)}\U0010ffff"
