"""What of an event no store selects: its user, the command it came of, any text in it, and what a condition says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cqrs_cli.errors import Damaged, Misuse
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.streams import category_of

if TYPE_CHECKING:
    from cqrs_cli.expression_types import Fields

Matches = Callable[[Recorded], bool]


def same_words(name: str) -> str:
    """What a name comes down to, however it is spelled: `pay-order`, `pay_order` and `PayOrder` are one."""
    return name.replace("-", "").replace("_", "").lower()


def matcher(
    user: str | None,
    commands: Iterable[str],
    grep: str | None,
    conditions: Iterable[str] = (),
    met: Matches | None = None,
) -> Matches | None:
    """Whether an event has all of these; None if nothing was asked for.

    user: the whole id. commands: names of commands, any of them, spelled in any way. grep: a text somewhere in the
    payload or the metadata, as it reads or as it stands in JSON. conditions: see `holds`; all of them. met: is given
    each event that is looked at, if a user or a command was asked for.
    """
    asked: list[Matches] = []
    commands = list(commands)
    if met is not None and (user is not None or commands):
        asked.append(met)
    if user is not None:
        asked.append(lambda event: event.user_id == user)
    names = {same_words(name) for name in commands}
    if names:
        asked.append(lambda event: event.command_type is not None and same_words(event.command_type) in names)
    if grep is not None:
        asked.append(_text(grep))
    asked += map(holds, conditions)
    if len(asked) < 2:
        return asked[0] if asked else None
    return lambda event: all(matches(event) for matches in asked)


def _text(grep: str) -> Matches:
    quoted = json.dumps(grep, ensure_ascii=False)[1:-1]  # a quote or a backslash stands in JSON with a backslash
    texts = list(dict.fromkeys((grep, quoted, json.dumps(grep)[1:-1])))
    found = [text.encode("utf-8", "surrogatepass") for text in texts]
    if len(found) == 1:
        needle, text = found[0], texts[0]
        return lambda event: needle in event.data or (event.metadata_json is not None and text in event.metadata_json)

    def matches(event: Recorded) -> bool:
        metadata = event.metadata_json or ""
        return any(needle in event.data for needle in found) or any(text in metadata for text in texts)

    return matches


FIELDS: dict[str, Callable[[Recorded], Any]] = {
    "position": lambda event: event.position,
    "stream": lambda event: event.stream,
    "category": lambda event: category_of(event.stream),
    "version": lambda event: event.version,
    "type": lambda event: event.type,
    "schema_version": lambda event: event.schema_version,
    "data": lambda event: _parsed(event.data, event),
    "metadata": lambda event: _parsed(event.metadata_json or "{}", event),
    "command": lambda event: event.command_type,
    "user": lambda event: event.user_id,
    "event_id": lambda event: event.event_id,
    "command_id": lambda event: event.command_id,
    "correlation_id": lambda event: event.correlation_id,
    "causation_id": lambda event: event.causation_id,
    "recorded_at": lambda event: event.recorded_at,
}
"""What a condition may name of an event; `user_id` is `user`, too."""
_NAMES = {**FIELDS, "user_id": FIELDS["user"]}


def recorded_fields() -> Fields:
    """What is known of a name that stands for an event (`recorded.user`), for `expression`."""
    from cqrs_cli.expression_types import Fields

    return Fields(dict.fromkeys(_NAMES, Any))


class RecordedFields(Mapping[str, Any]):
    """An event of the log as a condition sees it: `FIELDS`, each made when it is first asked for."""

    def __init__(self, event: Recorded) -> None:
        self.event = event
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _NAMES[name](self.event)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


def holds(condition: str) -> Matches:
    """Whether a condition holds of an event: `data.amount < 0 and user = till-1`. Raises `Misuse` for one that is none.

    The function raises `Misuse` for values that can't be compared as the condition wants, and `Damaged` for data that
    is no JSON.
    """
    from cqrs_cli.expression import HINT, expression  # most commands have no condition, and start without it

    try:
        asked = expression(condition, _NAMES)
    except Misuse as error:
        if "field" not in error.details or error.hint != HINT:
            raise
        hint = f"what an event holds is in its data: data.{error.details['field']}"
        raise Misuse(error.message, code=error.code, hint=hint, **error.details) from None

    return lambda event: asked.matches(RecordedFields(event).__getitem__)


def _parsed(data: bytes | str, event: Recorded) -> Any:
    try:
        return json.loads(data, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"the event at @{event.position} holds no JSON: {error}", hint="restore a backup") from error
