"""Bodies of requests: strict JSON that loses no digit, never a framework's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel
from starlette.requests import Request

from cqrs_cli.errors import InvalidInput, Misuse
from cqrs_cli.payloads.complaints import Complaint, Path
from cqrs_cli.payloads.jsontext import JsonTextError, parse_json
from cqrs_cli.payloads.model_reader import ModelReader
from cqrs_cli.payloads.shapes import Many, Mapping, Record, Shape

Model = TypeVar("Model", bound=BaseModel)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")


def media_type(request: Request) -> str:
    """The type of the body, without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_encoding(request: Request) -> None:
    """Raise `Misuse` (`unsupported-media-type`) for a body that is packed."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        told, hint = f"the body is packed, by {encoding[:60]}", "send it as it is, without Content-Encoding"
        raise Misuse(told, code="unsupported-media-type", hint=hint)


def unsupported(request: Request, wanted: str) -> Misuse:
    """The error of a body of another type."""
    given = media_type(request)
    return Misuse(
        f"the body is {given[:60] or 'of no type'}, not {wanted}",
        code="unsupported-media-type",
        hint=f"Content-Type: {wanted}",
    )


async def object_of(request: Request) -> dict[str, Any]:
    """The JSON object that a body is. Raises `Misuse` (`unsupported-media-type`, `not-json`), `InvalidInput`."""
    check_encoding(request)
    given = media_type(request)
    if given != JSON and not (given.startswith("application/") and given.endswith("+json")):
        raise unsupported(request, JSON)
    try:
        payload = parse_json(await request.body())
    except JsonTextError as error:
        hint = "one JSON object; NaN is no JSON, and no key may stand twice"
        raise Misuse(f"the body can't be taken: {error}", code="not-json", hint=hint) from None
    if not isinstance(payload, dict):
        errors = [{"pointer": "", "detail": "expected an object"}]
        raise InvalidInput("the body is not a JSON object", hint="the fields as an object", errors=errors)
    return payload


async def form_of(request: Request) -> list[tuple[str, str]]:
    """The fields of a form, in their order. Raises `Misuse` (`unsupported-media-type`, `not-a-form`)."""
    if media_type(request) != FORM:
        raise unsupported(request, FORM)
    try:
        text = (await request.body()).decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=10_000)
    except ValueError:
        raise Misuse("the body is no form", code="not-a-form", hint="fields, percent-encoded in UTF-8") from None


def read(reader: ModelReader[Model], payload: dict[str, Any], name: str, as_text: bool = False) -> Model:
    """The model of a payload. Raises `InvalidInput` with every complaint and a JSON pointer to it; `DomainFailed`."""
    made, found = reader.read(payload, as_text)
    if found or made is None:
        raise complained(reader.record, payload, name, found)
    return made


def complained(record: Record, payload: Any, name: str, found: Sequence[Complaint]) -> InvalidInput:
    """The error that holds all complaints."""
    errors = [
        {"pointer": pointer(record, payload, one.place or one.path), "detail": one.message}
        for one in dict.fromkeys(found)
    ]
    count = f"{len(errors)} complaint{'s' if len(errors) != 1 else ''}"
    return InvalidInput(f"{name} is not valid: {count}", hint="GET /openapi.json has the schema", errors=errors)


def pointer(shape: Shape | None, value: Any, path: Path) -> str:
    """A JSON pointer (RFC 6901) into what was sent: fields by the names that stand there."""
    steps = []
    for step in path:
        if step is None:
            break
        if isinstance(shape, Record) and isinstance(step, str):
            member = shape.member(step)
            if member is not None:
                given = [name for name in member.names if isinstance(value, dict) and name in value]
                step, shape = (given or [member.public])[0], member.shape
            else:
                shape = None
        else:
            shape = shape.item if isinstance(shape, Many) else shape.value if isinstance(shape, Mapping) else None
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            value = None
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step}" for step in steps)
