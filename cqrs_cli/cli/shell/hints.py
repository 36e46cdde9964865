"""What helps after an error, where that is a command of this shell: the errors themselves carry a code and details.

say(error)      the hint to print: this shell's words for the error's code, else what the error says itself
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cqrs_cli.errors import CqrsError, Unfinished

WORDS = {
    "behind": "cqrs project {projection}",
    "never-projected": "cqrs project {projection}",
    "needs-rebuild": "cqrs project {projection} --rebuild",
    "table-changed": "make it anew: cqrs project {table} --rebuild",
}
"""By code: what is said whatever the error says itself, if its details hold what is named."""

FALLBACKS = {
    "aggregate-not-found": ("cqrs send {opener} opens one", "cqrs streams lists what there is"),
    "already-exists": ("look at it: cqrs replay {stream}",),
    "command-id-reused": ("a new command needs a new id; look at the first one: cqrs trace {command_id}",),
    "conflict": (),
    "dead-letter-not-found": ("cqrs run --failed lists them",),
    "event-not-found": ("cqrs log shows what there is",),
    "id-not-found": ("the id of a command, an event or a correlation, or @position; cqrs log --json shows them",),
    "locked": ("try again when it is done; cqrs doctor shows the lock",),
    "not-a-store": ("is it the right file? another one: --store PATH",),
    "not-begun": ("cqrs run starts it",),
    "reaction-not-found": ("load the domain that has it, or put the command away: cqrs run --drop ID --reason …",),
    "snapshot-not-found": ("cqrs snapshot list",),
    "sql": ('the tables: cqrs sql "SELECT name FROM sqlite_schema"',),
    "store-not-found": ("the first cqrs send creates it; another one: --store PATH",),
    "stream-not-found": ("cqrs streams lists what there is",),
    "timed-out": ("a longer --timeout, or look whether it was sent",),
    "version-not-found": ("cqrs log {stream}{version!s:.0}", "cqrs log {stream} lists its events"),
}
"""By code: what is said if the error says nothing itself, the first whose details are there."""


def say(error: CqrsError) -> str | None:
    """The hint for an error in the words of this shell; None if there is none."""
    if isinstance(error, Unfinished):
        return say(error.errors[0])
    first, rest = WORDS.get(error.code, ""), FALLBACKS.get(error.code, ())
    own = _filled(first, error.details) or error.hint or _about_a_stop(error) or _about_a_version(error)
    return own or next(filter(None, (_filled(words, error.details) for words in rest)), None)


def unfinished(errors: Sequence[CqrsError]) -> Unfinished:
    """One error for those of several projections, the first in full."""
    return Unfinished(errors, [f"also: {error.message}" + in_brackets(say(error)) for error in errors[1:]])


def in_brackets(hint: str | None) -> str:
    """The hint behind a sentence, if there is one."""
    return f" ({hint})" if hint else ""


def _filled(words: str, details: Mapping[str, Any]) -> str | None:
    try:
        return words.format_map(details) or None
    except KeyError:
        return None


def _about_a_version(error: CqrsError) -> str | None:
    """Of a stream that is not at the expected version."""
    if error.code != "conflict" or "actual" not in error.details:
        return None
    if not error.details["actual"]:
        return "it is not there yet, so `new` is what to expect"
    return f"look at it: cqrs log {error.details['stream']}"


def _about_a_stop(error: CqrsError) -> str | None:
    """What can be done about an event that a projection or reaction can't take."""
    details = error.details
    if "position" not in details:
        return None
    again, skip = _filled("cqrs run", details), _filled("cqrs run --skip {reaction}@{position} --reason …", details)
    if skip is None:
        again = _filled("cqrs project {projection}" + " --rebuild" * bool(details.get("rebuilding")), details)
        skip = _filled("cqrs project {projection} --skip @{position} --reason …", details)
    return f"mend the code and run {again} again, or: {skip}" if skip else None
