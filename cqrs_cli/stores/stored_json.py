"""JSON as a store gives it back: what can't be read as it was written is damage, however it fails."""

from __future__ import annotations

from typing import Any

from cqrs_cli.errors import Damaged


def stored_json(text: str | bytes, what: str) -> Any:
    """The value of a text. Raises `Damaged` for what is no JSON, too deep or too long. what: begins its sentence."""
    import json  # not every command reads some

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(f"{what} is no JSON: {error}") from None


def stored_object(text: str | bytes, what: str) -> dict[str, Any]:
    """The same, of a JSON object. Raises `Damaged`."""
    value = stored_json(text, what)
    if not isinstance(value, dict):
        raise _damaged(f"{what} is no JSON object")
    return value


def _damaged(message: str) -> Damaged:
    return Damaged(message, hint="another tool changed the store: restore a backup")
