"""All pages."""

from __future__ import annotations

from starlette.routing import Route

from cqrs_cli.http.face import Face
from cqrs_cli.http.pages.command import CommandPage
from cqrs_cli.http.pages.commands import CommandList
from cqrs_cli.http.pages.domain_map import DomainMap
from cqrs_cli.http.pages.event import EventPage
from cqrs_cli.http.pages.frame import Frame
from cqrs_cli.http.pages.job_pages import JobPages
from cqrs_cli.http.pages.log import Log
from cqrs_cli.http.pages.models import Models
from cqrs_cli.http.pages.overview import Counts, Overview
from cqrs_cli.http.pages.processes import Processes
from cqrs_cli.http.pages.row_page import RowPage
from cqrs_cli.http.pages.site import Site
from cqrs_cli.http.pages.sql import SqlPage
from cqrs_cli.http.pages.states import States
from cqrs_cli.http.pages.stream import StreamPage
from cqrs_cli.http.pages.streams import Streams
from cqrs_cli.http.pages.trace import Trace


class Pages:
    """The pages of a face. site: what they share."""

    def __init__(self, face: Face) -> None:
        self.site = site = Site(face)
        counts, states = Counts(), States()
        self._rooms = (
            Frame(site), Overview(site, counts), Log(site, counts), EventPage(site, states), Streams(site),
            StreamPage(site, states), Trace(site), Models(site), RowPage(site), JobPages(site), Processes(site),
            CommandList(site), CommandPage(site), DomainMap(site), SqlPage(site),
        )  # fmt: skip

    def routes(self) -> list[Route]:
        """What is served."""
        return [one for room in self._rooms for one in room.routes()]
