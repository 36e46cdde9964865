"""From option texts and `-d` to one payload, and from the payload to a validated model."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cqrs_cli.cli.options.parameters import Option, Options
from cqrs_cli.cli.options.reading import Reading, Unreadable
from cqrs_cli.cli.options.sources import Sources
from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.payloads import complaints, shapes
from cqrs_cli.payloads.jsontext import JsonTextError, parse_json
from cqrs_cli.payloads.jsontypes import Misfit, misfits, numbers_for_times
from cqrs_cli.payloads.normalisation import normalised
from cqrs_cli.payloads.shapes import Record
from cqrs_cli.payloads.validation import validate

_DATA_HINT = """a JSON object: -d '{"name": "value"}'; a file: -d @FILE; stdin: -d @-"""

Model = TypeVar("Model", bound=BaseModel)


def build(model: type[Model], options: Options, values: Mapping[str, Any], name: str, hint: str) -> Model:
    """The model that the options (`values` by `Option.id`) and `-d` (`values["data"]`) describe; options override.

    Raises `InvalidInput` with every complaint at once, `Misuse` when nothing is wrong but a file or stdin,
    and `DomainFailed`.
    """
    payload: dict[str, Any] = {}
    misfit: list[Misfit] = []
    unread: CqrsError | None = None
    data, sources = values.get("data"), Sources()
    try:
        payload = _data(options.record, data, sources) if data is not None else {}
        misfit += misfits(options.record, payload)
    except CqrsError as error:
        unread = error
    reading = Reading(sources)
    for option in sorted(options.all, key=lambda option: len(option.path)):
        given = values.get(option.id)
        if given is None or given == []:
            continue
        try:
            value = given if isinstance(given, bool) else reading.option(option, given)
        except Unreadable as error:
            reading.complain(option.path, error)
        else:
            _set(payload, option, value)
            misfit = [one for one in misfit if one.path[: len(option.path)] != option.path]
    known = {one.path for one in misfit}
    misfit += [one for one in numbers_for_times(options.record, payload) if one.path not in known]
    found = [complaints.unreadable(path, message, options) for path, message in misfit]
    found += [complaints.unreadable(path, message, options) for path, message in reading.complaints]
    try:
        made = validate(model, payload)
    except ValidationError as error:
        typed = complaints.Typed(options, reading.numbers, tuple(found), incomplete=unread is not None)
        found += complaints.of(error, options.record, payload, typed)
    else:
        if not found and unread is None:
            return made
    if unread is None:
        raise complaints.invalid(name, found, hint)
    if not found:
        raise unread
    raise complaints.invalid(name, [complaints.Complaint((), "", unread.message), *found], hint)


def _data(record: Record, data: str, sources: Sources) -> dict[str, Any]:
    text: str | bytes = sources.read(data[1:], "-d/--data") if data.startswith("@") else data
    try:
        payload = parse_json(text)
    except JsonTextError as error:
        raise InvalidInput(f"-d/--data: {error}", hint=_DATA_HINT) from None
    if not isinstance(payload, dict):
        raise InvalidInput(f"-d/--data: expected a JSON object, found {complaints.kind(payload)}", hint=_DATA_HINT)
    named: dict[str, Any] = normalised(record, payload)
    return named


def _set(payload: dict[str, Any], option: Option, value: Any) -> None:
    inner = payload
    for step in option.path[:-1]:
        if not isinstance(inner.get(step), dict):
            inner[step] = {}
        inner = inner[step]
    last, before = option.path[-1], inner.get(option.path[-1])
    inner[last] = before | value if isinstance(option.shape, shapes.Mapping) and isinstance(before, dict) else value
