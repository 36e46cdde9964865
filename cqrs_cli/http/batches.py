"""`POST /commands`: many commands, a line of JSON each, as `cqrs send --batch` takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.http import bodies, tracing
from cqrs_cli.http.face import Face, identity, route
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.payloads.lines import RequestReader
from cqrs_cli.workbench.outcome import Request as Sending
from cqrs_cli.workbench.workbench import Workbench

TOGETHER = 256
"""Lines that are written at once: other commands get their turn in between."""


class Batches:
    """Batches of commands."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def routes(self) -> list[Route]:
        """What is served."""
        return [route(self._face, "POST", "/commands", self.send, "send", "commands-batch")]

    async def send(self, request: Request) -> Response:
        """Send the lines in their order; answer a line of JSON for each, once it is durable."""
        fail_fast = Parameters(request, {"fail_fast"}).flag("fail_fast")
        bodies.check_encoding(request)
        if bodies.media_type(request) not in bodies.LINES:
            raise bodies.unsupported(request, bodies.LINES[0])
        body, user, traced = await request.body(), identity(request).user, tracing.trace_parent(request)
        self._face.benches.check_writes()
        sendings = await self._face.benches.read(lambda bench: self._read(bench, body, user, traced))
        return StreamingResponse(
            self._outcomes(sendings, fail_fast), media_type=bodies.LINES[0], headers={"Cache-Control": "no-store"}
        )

    def _read(self, bench: Workbench, body: bytes, user: str | None, traced: str | None) -> list[Sending]:
        reader = RequestReader(self._face.domain)
        if self._face.hiding is not None:
            self._face.hiding.learn(bench.store)
            self._face.hiding.learn_given(body.decode("utf-8", "replace"))
        lines = enumerate(body.split(b"\n"), 1)
        found = [reader.request(number, line) for number, line in lines if line and not line.isspace()]
        return [_enveloped(one, user, traced) for one in found]

    async def _outcomes(self, sendings: Sequence[Sending], fail_fast: bool) -> AsyncIterator[bytes]:
        for begin in range(0, len(sendings), TOGETHER):
            part = sendings[begin : begin + TOGETHER]
            lines: list[str] = []

            def written(
                bench: Workbench, part: Sequence[Sending] = part, lines: list[str] = lines
            ) -> bool:  # bound now, for it runs in another thread
                failed = False
                for outcome in bench.send_batch(part, fail_fast=fail_fast):
                    failed = failed or outcome.is_failure
                    lines.append(self._face.line(bench, records.outcome(outcome, self._face.say)) + "\n")
                return failed

            try:
                failed = await self._face.benches.write(written)
            except CqrsError as error:  # of the store: what was answered is in the log, the rest is to be sent again
                yield "".join(lines).encode()
                yield self._face.error_line(error).encode()
                return
            self._face.tail.told()
            yield "".join(lines).encode()
            if failed and fail_fast:
                return


def _enveloped(one: Sending, user: str | None, traced: str | None) -> Sending:
    """The same command as sent by who asks, with the trace that it is of; one that says another user is refused."""
    command = one.command
    if command is None:
        return one
    meta = command.meta
    if meta.user_id not in (None, user):
        who = "nobody that is known" if user is None else repr(user)
        error = InvalidInput(f"user_id is {meta.user_id!r}, and who asks is {who}", hint="leave user_id out")
        return one._replace(command=None, error=error, name=type(command).stored.name, command_id=meta.command_id)
    if user is None and traced is None:
        return one
    signed = command.with_meta(
        command_id=meta.command_id,
        timestamp=meta.timestamp,
        user_id=meta.user_id if user is None else user,
        correlation_id=meta.correlation_id,
        metadata=meta.metadata if traced is None else {"traceparent": traced, **meta.metadata},
    )
    return one._replace(command=signed)
