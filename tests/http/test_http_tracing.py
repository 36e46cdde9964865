"""Spans of OpenTelemetry: one a request, one in it for what the domain does, and no secret in any."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind

from cqrs_cli.http.app import router
from tests import bank
from tests.conftest import ROOT
from tests.http.served import Served, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
ADA = {"account_id": "ada@secret.org"}


class Spans:
    """The spans that were made, the newest last."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def taken(self) -> list[ReadableSpan]:
        """Those since the last call."""
        found = list(self._exporter.get_finished_spans())
        self._exporter.clear()
        return found


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """What a process has in which OpenTelemetry is set up."""
    made = Spans()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made.provider)
    yield made
    made.provider.shutdown()


def place(span: ReadableSpan) -> SpanContext:
    found: SpanContext | None = span.context
    assert found is not None
    return found


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_request_has_a_span_and_its_command_one_within(spans: Spans, served: Served) -> None:
    headers = {"traceparent": CALLER, "Idempotency-Key": "k-1"}
    assert served.post("/commands/open", ADA, headers=headers).status_code == 201
    inner, outer = spans.taken()
    assert (outer.name, outer.kind) == ("POST /commands/{name}", SpanKind.SERVER)
    assert told(outer) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/commands/{name}",
        "http.response.status_code": 201,
    }
    assert (inner.name, inner.kind) == ("command open", SpanKind.INTERNAL)
    assert told(inner) == {"cqrs.command": "open", "cqrs.status": "committed", "cqrs.position": 1}
    assert outer.parent is not None
    assert inner.parent is not None
    assert (f"{outer.parent.trace_id:032x}", f"{outer.parent.span_id:016x}") == (TRACE, "00f067aa0ba902b7")
    assert inner.parent.span_id == place(outer).span_id
    [event] = served.get("/events").json()
    assert event["metadata"] == {"traceparent": f"00-{TRACE}-{place(inner).span_id:016x}-01"}
    again = served.post("/commands/open", ADA, headers={"Idempotency-Key": "k-1"})
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")  # another trace is no other command


def test_a_trace_begins_here_if_nobody_began_one(spans: Spans, served: Served) -> None:
    served.post("/commands/open", ADA, headers={"traceparent": "nonsense"})
    inner, outer = spans.taken()
    assert outer.parent is None
    [event] = served.get("/events").json()
    assert event["metadata"]["traceparent"].startswith(f"00-{place(inner).trace_id:032x}-")


def test_lines_of_a_batch_keep_the_trace_that_they_name(spans: Spans, served: Served) -> None:
    lines = (
        '{"command": "Open", "data": {"account_id": "ada"}}\n'
        f'{{"command": "Open", "data": {{"account_id": "bob"}}, "metadata": {{"traceparent": "{CALLER}"}}}}\n'
    )
    answer = served.post("/commands", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    [outer] = spans.taken()
    assert outer.name == "POST /commands"
    own, named = (event["metadata"]["traceparent"] for event in served.get("/events").json())
    assert own.startswith(f"00-{place(outer).trace_id:032x}-{place(outer).span_id:016x}-")
    assert named == CALLER


def test_a_query_and_what_it_is_refused(spans: Spans, served: Served) -> None:
    served.post("/commands/open", ADA)
    spans.taken()
    assert served.get("/queries/richest?least=0").status_code == 200
    inner, outer = spans.taken()
    assert (inner.name, told(inner), outer.name) == ("query richest", {"cqrs.query": "richest"}, "GET /queries/{name}")
    assert served.post("/commands/withdraw", {**ADA, "amount": 5}).status_code == 400
    inner, outer = spans.taken()
    assert (told(inner)["error.type"], inner.status.is_ok) == ("overdrawn", True)  # to say no is no failure
    assert (told(outer)["http.response.status_code"], outer.status.is_ok) == (400, True)
    served.post("/commands/deposit", {**ADA, "amount": 777})  # which the projection can't take
    spans.taken()
    assert served.get("/queries/richest").status_code == 500
    inner, outer = spans.taken()
    assert (told(inner)["error.type"], inner.status.is_ok, outer.status.is_ok) == ("domain-failed", False, False)


def test_who_is_not_let_in_has_a_span_too(spans: Spans, tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token="a-secret-of-sixteen") as served:
        assert served.get("/events?contains=secret").status_code == 401
        assert served.get("/no/secret").status_code == 401
        assert served("BREW", "/events").status_code == 401
    assert [(span.name, told(span)["http.response.status_code"]) for span in spans.taken()] == [
        ("GET", 401), ("GET", 401), ("HTTP", 401),
    ]  # fmt: skip


def test_no_span_has_a_field_a_key_or_what_was_searched(spans: Spans, served: Served) -> None:
    served.post("/commands/open", ADA, headers={"Idempotency-Key": "secret-1"})
    served.post("/commands/open", ADA)
    served.post("/commands/open", {"account_id": 1, "secret": 2})
    for path in (
        "/events?contains=secret", "/events/secret-1", "/aggregates/account-ada@secret.org", "/queries/richest?secret=1",
        "/queries/secret", "/projections/balance?where=owner=secret", "/trace/secret-1", "/streams?category=secret", "/secret",
    ):  # fmt: skip
        served.get(path, headers={"Authorization": "secret", "User-Agent": "secret"})
    made = spans.taken()
    assert len(made) >= 12
    assert [span.to_json() for span in made if "secret" in span.to_json()] == []


def test_inside_an_application_the_span_is_that_of_the_application(spans: Spans, tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(router(str(tmp_path / "cqrs.db"), bank.domain), prefix="/bank")
    served = Served(app, lambda: app.router.lifespan_context(app))
    served.open()
    try:
        assert served.post("/bank/commands/open", {"account_id": "ada"}).status_code == 201
    finally:
        served.close()
    made = {span.name: span for span in spans.taken()}
    assert [span.kind for span in made.values()].count(SpanKind.SERVER) == 1
    outer, inner = made["POST /bank/commands/{name}"], made["command open"]
    assert place(inner).trace_id == place(outer).trace_id
    assert told(outer)["http.response.status_code"] == 201


def test_without_a_provider_nothing_is_done(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: Any, **__: Any) -> None:
        raise AssertionError("a span")

    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    monkeypatch.setattr(propagate, "extract", made)
    monkeypatch.setattr(trace.ProxyTracerProvider, "get_tracer", made)
    assert served.post("/commands/open", ADA, headers={"traceparent": CALLER}).status_code == 201
    assert served.get("/queries/richest").status_code == 200
    [event] = served.get("/events").json()
    assert event["metadata"] == {"traceparent": CALLER}


@pytest.mark.slow
def test_what_imports_it() -> None:
    """The shell never does; the HTTP face only what FastAPI brings, not what makes spans."""
    for imported, unwanted in (
        ("cqrs_cli.cli.commands.send.command", "opentelemetry"),
        ("cqrs_cli.http.serving", "opentelemetry.sdk"),
    ):
        program = f"import sys, cqrs_cli.cli.shell.app, {imported}; sys.exit('{unwanted}' in sys.modules)"
        ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (0, "")
