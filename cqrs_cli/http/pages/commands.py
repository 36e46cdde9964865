"""The commands of the domain, by the aggregates that decide them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.payloads.words import by_word, line_of


class CommandList:
    """The page of all commands."""

    def __init__(self, site: Site) -> None:
        self._site = site
        groups: dict[str, list[dict[str, Any]]] = {}
        for name, cls in by_word(dict.fromkeys(site.face.domain.commands.values())).items():
            aggregate, clause = site.face.domain.decider(cls)
            one = {"name": name, "doc": line_of(cls), "clause": clause, "fields": list(cls.model_fields)}
            groups.setdefault(aggregate.category, []).append(one)
        self._groups = dict(sorted(groups.items()))

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/commands", self.show, "read", "commands")]

    async def show(self, request: Request) -> Response:
        """All of them."""
        Parameters(request, ())
        line = shell("send", "--help")
        return self._site.render(request, "commands.html", title="Commands", groups=self._groups, shell=line)
