"""JSON as it was read, made ready for a model: fields under their own names, floats where digits don't matter."""

from decimal import Decimal
from typing import Any

from cqrs_cli.payloads.jsontext import JsonTextError, parse_json
from cqrs_cli.payloads.shapes import Loose, Many, Mapping, Record, Shape


def normalised(shape: Shape, value: Any) -> Any:
    """A value out of JSON with fields under their own names (not aliases), and floats where digits don't matter."""
    if isinstance(shape, Record) and isinstance(value, dict):
        return _normalised_record(shape, value)
    if isinstance(shape, Many) and isinstance(value, list):
        return [normalised(shape.item, item) for item in value]
    if isinstance(shape, Mapping) and isinstance(value, dict):
        return {key: normalised(shape.value, item) for key, item in value.items()}
    return _floats(value) if isinstance(shape, Loose) and shape.floats else value


def from_text(shape: Loose, text: str) -> Any:
    """What a text means where several kinds of value may stand: JSON if it is such a one in JSON, else the text."""
    try:
        value = normalised(shape, parse_json(text))
    except JsonTextError:
        return text
    return value if value is None or shape.takes is None or type(value) in shape.takes else text


def needs_normalising(shape: Shape) -> bool:
    """Whether `normalised` could change anything in such a value."""
    if isinstance(shape, Record):
        return any(len(member.names) > 1 or needs_normalising(member.shape) for member in shape.members)
    if isinstance(shape, Many):
        return needs_normalising(shape.item)
    return needs_normalising(shape.value) if isinstance(shape, Mapping) else isinstance(shape, Loose) and shape.floats


def _normalised_record(record: Record, value: dict[str, Any]) -> dict[str, Any]:
    by_name = {name: member for member in record.members for name in member.names}
    named: dict[str, Any] = {}
    for key, item in value.items():
        member = by_name.get(key)
        key = member.name if member is not None and member.name not in value else key
        named[key] = normalised(member.shape, item) if member is not None else item
    return named


def _floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return {key: _floats(item) for key, item in value.items()} if isinstance(value, dict) else value
