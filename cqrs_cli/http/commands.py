"""`POST /commands/{name}`: one command, with its key, what it expects, and what became of it."""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import Span
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CqrsError
from cqrs_cli.http import bodies, problems, tracing
from cqrs_cli.http.face import Face, answer, identity, path_to, route
from cqrs_cli.http.parameters import Parameters, expectation, header_text
from cqrs_cli.http.readers import Readers
from cqrs_cli.payloads.words import by_word
from cqrs_cli.workbench.outcome import Expect, Outcome
from cqrs_cli.workbench.workbench import Workbench


class Commands:
    """The commands of a domain, by their names in kebab-case."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self.readers = Readers[Command]("command", by_word(dict.fromkeys(face.domain.commands.values())))

    def routes(self) -> list[Route]:
        """What is served."""
        return [route(self._face, "POST", "/commands/{name}", self.send, "send", "commands")]

    async def send(self, request: Request) -> Response:
        """Decide and append, durably, or with `?dry_run=true` say what would be."""
        name = request.path_params["name"]
        reader = self.readers.of(name)
        request.scope["cqrs.name"] = f"command:{name}"
        dry_run = Parameters(request, {"dry_run"}).flag("dry_run")
        expect = expectation(request)
        payload = await bodies.object_of(request)
        if self._face.hiding is not None:
            self._face.hiding.learn_given(payload)
        command = bodies.read(reader, payload, name)
        try:
            with tracing.part("command", name) as span:
                outcome = await outcome_of(self._face, self._with_envelope(command, request), expect, dry_run)
                _tell(span, outcome)
        except CqrsError as error:
            by_header = problems.precondition(error) if expect is not None else None
            return self._face.problem(error, by_header)
        return await self._answer(outcome, request)

    def _with_envelope(self, command: Command, request: Request) -> Command:
        traced = tracing.trace_parent(request)
        return command.with_meta(
            command_id=header_text(request, "idempotency-key"),
            correlation_id=header_text(request, "correlation-id"),
            user_id=identity(request).user,
            metadata=None if traced is None else {"traceparent": traced},
        )

    async def _answer(self, outcome: Outcome, request: Request) -> Response:
        stream = outcome.stream or ""
        record = records.outcome(outcome, self._face.say) | {"key": self._key(stream)}
        headers = {"Cache-Control": "no-store"}
        if outcome.status != "dry-run":  # which has a version and a position that nothing has
            headers["ETag"] = f'"{outcome.streams.get(stream, outcome.version_before or 0)}"'
            headers |= {} if outcome.position is None else {"Log-Position": str(outcome.position)}
        committed = outcome.status == "committed"
        if committed and not self._face.hides(stream):
            headers["Location"] = path_to(request, "aggregates", stream)

        def text(bench: Workbench) -> str:
            return self._face.line(bench, record) + "\n"

        body = text(_NO_BENCH) if self._face.hiding is None else await self._face.benches.read(text)
        return answer(body, 201 if committed else 200, headers)

    def _key(self, stream: str) -> dict[str, Any]:
        """The key of the aggregate that decided: who opened one has its id from here."""
        aggregate = self._face.domain.aggregate_of(stream)
        return dict(zip(aggregate.key, aggregate.key_of(stream), strict=True))


def _tell(span: Span, outcome: Outcome) -> None:
    """What became of a command, for its span: no stream, whose name has the key of an aggregate."""
    span.set_attribute("cqrs.status", outcome.status)
    if outcome.position is not None:
        span.set_attribute("cqrs.position", outcome.position)


async def outcome_of(face: Face, command: Command, expect: Expect, dry_run: bool) -> Outcome:
    """What becomes of a command that is sent, or would. Raises what `Workbench.send` does, `busy` too."""
    if dry_run:
        return await face.benches.read(lambda bench: bench.send(command, expect=expect, dry_run=True))
    outcome = await face.benches.send(command, expect)
    if outcome.position is not None:
        face.tail.told_to(outcome.position)
    return outcome


_NO_BENCH: Any = None
"""Where nothing is hidden, no store is asked what there is to hide."""
