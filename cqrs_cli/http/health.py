"""`/health/live`, `/health/ready` and `/metrics`: for whoever keeps the server running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.http.face import Face, answer_value, identity, route
from cqrs_cli.http.metrics import CONTENT_TYPE
from cqrs_cli.http.parameters import Parameters, invalid
from cqrs_cli.log.letters import count_letters
from cqrs_cli.workbench.processors.lag import STANDING_STILL, MostLag, parse_most_lag
from cqrs_cli.workbench.processors.status import ProcessorStatus
from cqrs_cli.workbench.workbench import Workbench


class Health:
    """Whether the server lives and may be asked, and its figures."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def routes(self) -> list[Route]:
        """What is served."""
        face = self._face
        return [
            route(face, "GET", "/health/live", self.live, None, "live"),
            route(face, "GET", "/health/ready", self.ready, None, "ready"),
            route(face, "GET", "/metrics", self.metrics, "read", "metrics"),
        ]

    async def live(self, request: Request) -> Response:
        """The process answers, and its store is the one that it began with; else 503, and it is to be started anew."""
        if self._face.failure is not None:
            raise self._face.failure
        return answer_value({"live": True}, 200, {"Cache-Control": "no-store"})

    async def ready(self, request: Request) -> Response:
        """The store opens, nothing has stopped, and nothing is further behind than `max_lag`; else 503."""
        text = Parameters(request, {"max_lag"}).one("max_lag")
        most = MostLag() if text is None else _most_lag(text)

        def read(bench: Workbench) -> tuple[int, Sequence[ProcessorStatus]]:
            return bench.store.head(), _statuses(bench)

        head, found = await self._face.benches.read(read)
        stopped = [one.name for one in found if one.status in STANDING_STILL]
        late = [one.name for one in found if most.is_exceeded(one)]
        body: dict[str, Any] = {
            "ready": not stopped and not late,
            "head": head,
            "stopped": stopped,
            "late": late,
            "processors": [records.readiness(one) for one in found],
        }
        why = f"{len(stopped)} stopped, {len(late)} too far behind"
        shown: dict[str, Any] = body if "read" in identity(request).may else {"ready": body["ready"]}
        status, headers = (200 if body["ready"] else 503), {"Cache-Control": "no-store"}
        if status == 503:
            return self._face.problem(Unavailable(f"not ready: {why}", code="not-ready", **shown))
        return answer_value(shown, status, headers)

    async def metrics(self, request: Request) -> Response:
        """All figures, for Prometheus."""
        Parameters(request, ())
        metrics, face = self._face.metrics, self._face

        def read(bench: Workbench) -> int:
            for one in _statuses(bench):
                kind = "projection" if one.kind == "projection" else "reaction"
                metrics.processor(kind, one.name, one.lag, one.lag_seconds, one.status in STANDING_STILL)
            for name in face.domain.reactions:
                metrics.letters(name, count_letters(bench.store.rows, name))
            return bench.store.head()

        head = await face.benches.read(read)
        metrics.look(head, face.tail.followers, face.benches.waiting)
        return Response(metrics.text(), headers={"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE})


def _statuses(bench: Workbench) -> Sequence[ProcessorStatus]:
    return [*bench.statuses(counted=False), *bench.reactions(counted=False)]


def _most_lag(text: str) -> MostLag:
    try:
        return parse_most_lag(text)
    except Misuse as error:
        raise invalid("max_lag", f"max_lag: {error.message}", error.hint) from None
