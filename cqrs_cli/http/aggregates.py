"""`GET /aggregates/{stream}`: the state of an aggregate, now or then, step by step, and where each field is from."""

from __future__ import annotations

from itertools import islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import Misuse
from cqrs_cli.history import blame as told
from cqrs_cli.history.changes import placed_changes
from cqrs_cli.history.folds import Folds, folds_of
from cqrs_cli.history.paths import parse_path
from cqrs_cli.history.steps import StreamHistory
from cqrs_cli.http.face import Face, answer, next_link, route
from cqrs_cli.http.parameters import MOST_ROWS, Parameters
from cqrs_cli.log.points import Address, parse_point, parse_stream
from cqrs_cli.workbench.workbench import Workbench


class Aggregates:
    """The states of streams."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def routes(self) -> list[Route]:
        """What is served."""
        face = self._face
        return [
            route(face, "GET", "/aggregates/{stream}", self.state, "read", "aggregate"),
            route(face, "GET", "/aggregates/{stream}/history", self.history, "read", "history"),
            route(face, "GET", "/aggregates/{stream}/blame", self.blame, "read", "blame"),
        ]

    async def state(self, request: Request) -> Response:
        """The state, at a version (`at=5`), a position (`at=@1200`) or a time; its ETag is the version."""
        at = Parameters(request, {"at"}).one("at")
        stream = request.path_params["stream"]

        def read(bench: Workbench) -> tuple[int, str]:
            one = address(bench, stream, at)
            found = bench.load(one.stream or "", at=one.version, at_position=one.position)
            return found.version, self._face.line(bench, records.state(found)) + "\n"

        version, body = await self._face.benches.read(read)
        return answer(body, 200, {"ETag": f'"{version}"', "Cache-Control": "private, no-cache"})

    async def history(self, request: Request) -> Response:
        """Each event with the state after it and what it changed, from the version after `after` on."""
        asked = Parameters(request, {"at", "after", "limit"})
        at, after, limit = asked.one("at"), asked.number("after", 0, 10**8), asked.number("limit", 100, MOST_ROWS)
        stream = request.path_params["stream"]

        def read(bench: Workbench) -> tuple[str, bool]:
            one = address(bench, stream, at)
            history = StreamHistory(bench, one.stream or "", at=one.version, at_position=one.position)
            steps = (step for step in history.steps() if step.event.version > after)
            lines = []
            for step in islice(steps, limit):
                state = {"stream": history.name, "version": step.event.version, "state": step.after}
                found = [change.told for change in placed_changes(step.difference)]
                lines.append(records.step(state, step.event, found))
            return self._face.lines(bench, lines), next(steps, None) is not None

        body, more = await self._face.benches.read(read)
        headers = {"Cache-Control": "private, no-cache"}
        if more:
            headers["Link"] = next_link(request, after=after + limit)
        return answer(body, 200, headers)

    async def blame(self, request: Request) -> Response:
        """Which event each field is from; of one with `field`, or every change of one with `history`."""
        asked = Parameters(request, {"at", "field", "history"})
        at, field, past = asked.one("at"), asked.one("field"), asked.one("history")
        if field is not None and past is not None:
            raise Misuse("field and history exclude each other", hint="give one of them")
        stream = request.path_params["stream"]

        def read(bench: Workbench) -> str:
            one = address(bench, stream, at)
            history = StreamHistory(bench, one.stream or "", at=one.version, at_position=one.position)
            if past is not None:
                changed = told.field_history(history, parse_path(past))
                return self._face.lines(bench, map(records.blamed_change, changed))
            found = told.blame(history, parse_path(field) if field is not None else None)
            return self._face.lines(bench, map(records.blamed, found))

        return answer(await self._face.benches.read(read), 200, {"Cache-Control": "private, no-cache"})


def address(source: Workbench | Folds, text: str, at: str | None) -> Address:
    """The stream and the point in its history that a path and `at` name. Raises `Misuse`, `NotFound`."""
    one, folds = parse_stream(text), folds_of(source)
    one = one._replace(stream=folds.called(one.stream or ""))
    if at is None:
        return one
    if one.version is not None:
        raise Misuse(f"{text} says the version already", hint="leave at away")
    point = parse_point(at)
    if point.version == 0:
        raise Misuse("at=0: versions begin with 1", hint="at=1 is the state after the first event")
    position = folds.store.position_at(point.moment) if point.moment is not None else point.position
    return Address(one.stream, point.version, position)
