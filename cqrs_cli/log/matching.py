"""What of an event no store selects: its user, the command it came of, and any text in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from cqrs_cli.stores.commits import Recorded

Matches = Callable[[Recorded], bool]


def same_words(name: str) -> str:
    """What a name comes down to, however it is spelled: `pay-order`, `pay_order` and `PayOrder` are one."""
    return name.replace("-", "").replace("_", "").lower()


def matcher(user: str | None, commands: Iterable[str], grep: str | None) -> Matches | None:
    """Whether an event has all of these; None if nothing was asked for.

    user: the whole id. commands: names of commands, any of them, spelled in any way. grep: a text somewhere in the
    payload or the metadata, as it reads or as it stands in JSON.
    """
    asked: list[Matches] = []
    if user is not None:
        asked.append(lambda event: event.user_id == user)
    names = {same_words(name) for name in commands}
    if names:
        asked.append(lambda event: event.command_type is not None and same_words(event.command_type) in names)
    if grep is not None:
        asked.append(_text(grep))
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
