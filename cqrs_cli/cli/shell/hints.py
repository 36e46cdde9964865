"""What helps after an error, where that is a command of this shell: the errors themselves carry a code and details.

say(error)      the hint to print: this shell's words for the error's code, else what the error says itself
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cqrs_cli.errors import CqrsError, Unfinished

Details = Mapping[str, Any]
Words = Callable[[Details], str | None]


def say(error: CqrsError) -> str | None:
    """The hint for an error in the words of this shell; None if there is none."""
    if isinstance(error, Unfinished):
        return say(error.errors[0])
    words, fallback = WORDS.get(error.code), FALLBACKS.get(error.code)
    own = (words(error.details) if words is not None else None) or error.hint
    if own is None and fallback is not None:
        own = fallback(error.details)
    return own or _after_a_stop(error.details)


def unfinished(errors: Sequence[CqrsError]) -> Unfinished:
    """One error for those of several projections, the first in full."""
    return Unfinished(errors, [f"also: {error.message}" + in_brackets(say(error)) for error in errors[1:]])


def in_brackets(hint: str | None) -> str:
    """The hint behind a sentence, if there is one."""
    return f" ({hint})" if hint else ""


def _with(name: str, text: str) -> Words:
    """The words for errors whose details hold `name`."""
    return lambda details: text.format(**details) if details.get(name) is not None else None


def _version(details: Details) -> str | None:
    if "stream" not in details:
        return None
    return f"cqrs log {details['stream']}" + ("" if "version" in details else " lists its events")


def _conflict(details: Details) -> str | None:
    if not {"stream", "actual", "expected"} <= details.keys():
        return None
    if not details["actual"]:
        return "it is not there yet, so `new` is what to expect"
    return f"look at it: cqrs log {details['stream']}"


def _after_a_stop(details: Details) -> str | None:
    """What can be done about an event that a projection or reaction can't take."""
    position = details.get("position")
    if position is None or not ("projection" in details or "reaction" in details):
        return None
    if "reaction" in details:
        again, skip = "cqrs run", f"cqrs run --skip {details['reaction']}@{position} --reason …"
    else:
        again = f"cqrs project {details['projection']}{' --rebuild' if details.get('rebuilding') else ''}"
        skip = f"cqrs project {details['projection']} --skip @{position} --reason …"
    return f"mend the code and run {again} again, or: {skip}"


WORDS: dict[str, Words] = {
    "behind": _with("projection", "cqrs project {projection}"),
    "never-projected": _with("projection", "cqrs project {projection}"),
    "needs-rebuild": _with("projection", "cqrs project {projection} --rebuild"),
    "table-changed": _with("table", "make it anew: cqrs project {table} --rebuild"),
    "version-not-found": _version,
}
"""By code: what is said whatever the error says itself."""


def _always(text: str) -> Words:
    return lambda details: text


FALLBACKS: dict[str, Words] = {
    "aggregate-not-found": lambda details: (
        f"cqrs send {details['opener']} opens one" if details.get("opener") else "cqrs streams lists what there is"
    ),
    "command-id-reused": _with(
        "command_id", "a new command needs a new id; look at the first one: cqrs trace {command_id}"
    ),
    "conflict": _conflict,
    "already-exists": _with("stream", "look at it: cqrs replay {stream}"),
    "dead-letter-not-found": _always("cqrs run --failed lists them"),
    "event-not-found": _always("cqrs log shows what there is"),
    "id-not-found": _always("the id of a command, an event or a correlation, or @position; cqrs log --json shows them"),
    "locked": _always("try again when it is done; cqrs doctor shows the lock"),
    "not-a-store": _always("is it the right file? another one: --store PATH"),
    "not-begun": _always("cqrs run starts it"),
    "reaction-not-found": _always(
        "load the domain that has it, or put the command away: cqrs run --drop ID --reason …"
    ),
    "snapshot-not-found": _always("cqrs snapshot list"),
    "sql": _always('the tables: cqrs sql "SELECT name FROM sqlite_schema"'),
    "store-not-found": _always("the first cqrs send creates it; another one: --store PATH"),
    "stream-not-found": _always("cqrs streams lists what there is"),
    "timed-out": _always("a longer --timeout, or look whether it was sent"),
}
"""By code: what is said if the error says nothing itself."""
