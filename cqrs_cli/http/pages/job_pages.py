"""What takes longer than a request: a read model is compared or rebuilt, the events of a row are looked for."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cqrs_cli.errors import NotFound
from cqrs_cli.http.face import check_right
from cqrs_cli.http.jobs import Working
from cqrs_cli.http.pages.row_story import MOST_STEPS
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.http.projections import SHOWN_DRIFT, JobKind, started
from cqrs_cli.workbench.workbench import Workbench

TITLES = {"check": "Compared with a fresh fold", "rebuild": "Rebuilt", "history": "Events of a row"}


class JobPages:
    """The pages of jobs, each below the read model that it is about."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """What is served."""
        site, path = self._site, "/ui/models/{name}"
        return [
            site.route("POST", path + "/check", self.check, "operate", "check"),
            site.route("POST", path + "/rebuild", self.rebuild, "operate", "rebuild"),
            site.route("GET", path + "/jobs/{id}", self.show, "read", "job"),
            site.route("POST", path + "/jobs/{id}/cancel", self.cancel, "read", "cancel"),
        ]

    async def check(self, request: Request) -> Response:
        """Compare the rows with a fresh fold of the log."""
        return self._started(request, "check")

    async def rebuild(self, request: Request) -> Response:
        """Fold the rows anew beside the live ones."""
        return self._started(request, "rebuild")

    def _started(self, request: Request, kind: JobKind) -> Response:
        Parameters(request, ())
        face = self._site.face
        return _to(request, started(face, request, kind, face.domain.rows_of(request.path_params["name"]).name))

    async def show(self, request: Request) -> Response:
        """How far it is and what came of it; with `fragment`, that part of the page alone."""
        is_part = Parameters(request, {"fragment"}).flag("fragment")
        job, site = self._job(request), self._site

        def read(bench: Workbench) -> dict[str, object]:
            return site.plain(bench, job.record())

        told = await site.face.benches.read(read)
        words = {"check": ("project", job.subject, "--check"), "rebuild": ("project", job.subject, "--rebuild")}
        line: tuple[str, ...] | None = words.get(job.kind)
        if line is None and isinstance(told["result"], dict):
            line = ("blame", f"{job.subject}/{told['result']['row']}", "--at", f"@{told['result']['at']}")
        return site.render(
            request, "job_part.html" if is_part else "job.html", title=f"{job.subject}: {TITLES[job.kind].lower()}",
            heading=TITLES[job.kind], job=told, shell=shell(*(line or ("project", "--status"))),
            most=MOST_STEPS, shown=SHOWN_DRIFT,
        )  # fmt: skip

    async def cancel(self, request: Request) -> Response:
        """Let it end after the batch that it is in."""
        Parameters(request, ())
        job = self._job(request)
        if job.kind != "history":  # which anybody who reads may begin
            check_right(request, "operate")
        job.cancel()
        return _to(request, job)

    def _job(self, request: Request) -> Working:
        job = self._site.face.jobs.get(request.path_params["id"])
        if job.subject != self._site.face.domain.rows_of(request.path_params["name"]).name:
            raise NotFound(f"{job.id} is another read model's job", code="job-not-found", hint=f"it is {job.subject}'s")
        return job


def _to(request: Request, job: Working) -> Response:
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/ui/models/{quote(job.subject)}/jobs/{job.id}", 303)
