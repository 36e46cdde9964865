"""Spans of OpenTelemetry, where the process has a provider that makes them; else nothing is done.

A span has names, statuses and positions: no field, no key of an aggregate, of a URL only the template of its path.
An exception's text may have anything in it, so it is told by its code.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.requests import Request

from cqrs_cli import __version__
from cqrs_cli.errors import CqrsError
from cqrs_cli.http import parameters, problems

ROUTE = "cqrs.route"
"""Where the template of a request's path is left, in its scope."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


@lru_cache(1)
def _tracer_of(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("cqrs", __version__)


def _tracer() -> Tracer | None:
    """What makes spans; None while nobody has set a provider."""
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else _tracer_of(provider)


async def answered(scope: MutableMapping[str, Any], send: Send, answer: Callable[[Send], Awaitable[None]]) -> None:
    """Let a request be answered within a span, whose parent is the caller's `traceparent`.

    An application around this one may have begun a span of the request already: then there is none.
    """
    tracer = _tracer()
    if tracer is None or trace.get_current_span().get_span_context().is_valid:
        await answer(send)
        return
    method = scope["method"] if scope["method"] in METHODS else "HTTP"
    parent = propagate.extract({name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]})
    told = {"http.request.method": method if method != "HTTP" else "_OTHER", "url.scheme": scope.get("scheme", "http")}
    with tracer.start_as_current_span(
        method, parent, SpanKind.SERVER, told, record_exception=False, set_status_on_exception=False
    ) as span:

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note_status(span, message["status"])
            await send(message)

        try:
            await answer(noted)
        finally:
            if (route := scope.get(ROUTE)) is not None:
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)


def _note_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(StatusCode.ERROR)


@contextmanager
def part(kind: str, name: str) -> Iterator[Span]:
    """A span within that of the request: `command create-order`. An error is told by its code."""
    tracer = _tracer()
    if tracer is None:
        yield INVALID_SPAN
        return
    told = {f"cqrs.{kind}": name}
    with tracer.start_as_current_span(
        f"{kind} {name}", attributes=told, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except CqrsError as error:
            span.set_attribute("error.type", error.code)
            if problems.kind_of(error).status >= 500:
                span.set_status(StatusCode.ERROR)
            raise


def trace_parent(request: Request) -> str | None:
    """What is kept with events of the trace that they belong to: the span that is made, else the caller's header."""
    carrier: dict[str, str] = {}
    if trace.get_current_span().get_span_context().is_valid:
        TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent") or parameters.trace_parent(request)
