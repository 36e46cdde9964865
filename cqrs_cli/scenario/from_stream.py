"""A scenario out of a real stream: what happened before its last command is given, what came of that expected."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from cqrs_cli.domain.answers import MEMBER
from cqrs_cli.domain.messages import Command, Event, kebab
from cqrs_cli.errors import Misuse
from cqrs_cli.history.minimisation import fewest_events
from cqrs_cli.history.rules import Rule
from cqrs_cli.scenario.yaml_text import document
from cqrs_cli.scenario.yaml_tree import plain
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.stored_json import stored_object
from cqrs_cli.workbench.workbench import Workbench


class Hide(NamedTuple):
    """Where values pass before they are written. payload: of a message, JSON. text: ids."""

    payload: Callable[[bytes], bytes] = bytes
    stream: Callable[[str], str] = str
    user: Callable[[str], str] = str
    text: Callable[[str], str] = str


NOTHING_HIDDEN = Hide()


def of_stream(bench: Workbench, stream: str, version: int | None = None, hide: Hide = NOTHING_HIDDEN) -> str:
    """The text of a scenario: the stream up to the commit that has this version (the last one), as YAML.

    Events are written as today's classes have them. Services answer what was recorded with that commit. Raises
    `NotFound`, and `Misuse` (`no-command`) where no command is kept with it.
    """
    version = version or bench.load(stream).version
    bench.load(stream, at=version)  # says what is not there
    events = list(bench.log(Selection(stream=stream, limit=version)))
    commit = bench.store.commit(events[-1].commit_id)
    if commit is None or commit.command is None or commit.command.data is None:
        told = f"{stream}@{version} was not decided by a command that is kept"
        raise Misuse(told, hint="another version of the stream", code="no-command")
    sent = commit.command
    command = bench.codec.command(sent.type, sent.schema_version, sent.data or b"")
    decided = [event for event in commit.events if event.stream == stream]
    given = [event for event in events if event.commit_id != commit.id]
    beside: dict[str, Any] = {"id": hide.text(commit.id), "at": rfc3339(sent.issued_at)}
    if commit.user_id is not None:
        beside["by"] = hide.user(commit.user_id)
    return document(
        {
            "scenario": f"{hide.stream(stream)} at version {decided[-1].version}",
            **({"at": rfc3339(given[0].recorded_us)} if given else {}),
            **({"given": [_event(bench, event, hide) for event in given]} if given else {}),
            **_services(commit.metadata_json, hide),
            "when": {**_message(command, bench.codec.sent(command).data or b"{}", hide), **beside},
            "then": [_event(bench, event, hide) for event in decided],
        }
    )


def of_break(
    bench: Workbench, rule: Rule, stream: str, version: int | None = None, hide: Hide = NOTHING_HIDDEN
) -> tuple[str, int] | None:
    """The text of a scenario with the fewest events of a stream that break a rule, and their number; None if it holds.

    The scenario says that the rule holds: it fails until the code is mended.
    """
    found = fewest_events(bench, rule, stream, version)
    if found is None:
        return None
    *given, last = found
    name = hide.stream(stream)
    members = {
        "scenario": f"{rule.name} holds in {name} after {last.type} at version {last.version}",
        "given": [{**_event(bench, event, hide), "stream": name} for event in given],
        "when": {**_event(bench, last, hide), "stream": name},
        "then": {"holds": [rule.name]},
    }
    return document({key: value for key, value in members.items() if value != []}), len(found)


def _services(metadata: str | None, hide: Hide) -> dict[str, Any]:
    """What services answered then, as the member of a scenario; none of it where nothing was recorded.

    One that raised has no answer here: as an error of which class can't be known.
    """
    kept = stored_object(hide.payload((metadata or "{}").encode()), "the metadata of the commit").get(MEMBER)
    answers: dict[str, dict[str, list[Any]]] = {}
    for service, method, _, answer, *raised in kept if isinstance(kept, list) else ():
        if not raised:
            answers.setdefault(service, {}).setdefault(method, []).append(answer)
    found = {
        service: {method: _in_turn(those) for method, those in methods.items()} for service, methods in answers.items()
    }
    return {"services": found} if found else {}


def _in_turn(answers: list[Any]) -> Any:
    """One answer if all are the same, said so that it is taken for what it is; else one after the other."""
    first = answers[0]
    if any(type(one) is not type(first) or one != first for one in answers):
        return {"in_turn": answers}
    return {"answer": first} if isinstance(first, dict) else first


def _event(bench: Workbench, recorded: Recorded, hide: Hide) -> dict[str, Any]:
    event: Event = bench.codec.decode(recorded)
    return _message(event, bench.codec.encode(event).data, hide)


def _message(message: Command | Event, data: bytes, hide: Hide) -> dict[str, Any]:
    """A message by its name. Decimals of it are written as numbers, whose digits stay."""
    fields: dict[str, Any] = json.loads(hide.payload(data), parse_float=Decimal)
    known = type(message).model_fields
    for name, value in fields.items():
        if name in known and isinstance(getattr(message, name), Decimal) and isinstance(value, str):
            fields[name] = _number(value)
    word = kebab(type(message).__name__) if isinstance(message, Command) else message.stored.name
    return {word: fields}


def _number(text: str) -> Decimal | str:
    value = plain(text)
    return text if not isinstance(value, int | Decimal) or str(value) != text else Decimal(text)
