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
    "configuration": ("a store is a file, as in --store shop.db{store!s:.0}",),
    "conflict": (),
    "dead-letter-not-found": ("cqrs run --failed lists them",),
    "event-not-found": (
        "cqrs run{reaction!s:.0} --status says where it stopped",
        "cqrs project {projection} --status says where it stopped",
        "cqrs log shows what there is",
    ),
    "id-not-found": ("the id of a command, an event or a correlation, or @position; cqrs log --json shows them",),
    "locked": ("try again when it is done; cqrs doctor shows the lock",),
    "not-a-store": ("is it the right file? another one: --store PATH",),
    "not-begun": ("cqrs run starts it",),
    "passed-over": ("cqrs run --from @{reached} passes them over; from an earlier position on they are answered",),
    "answers-no-more": ("let the newer code run; if it is this one: cqrs run --from @{reached}",),
    "reaction-not-found": ("load the domain that has it, or put the command away: cqrs run --drop ID --reason …",),
    "snapshot-not-found": ("cqrs snapshot list",),
    "read-only": ("the next command that writes does it: cqrs project, send or run",),
    "sql": (
        "rows change by cqrs send and cqrs project{refused!s:.0}",
        "one statement; parameters as --param name=value for :name{given!s:.0}",
        'the tables: cqrs sql "SELECT name FROM sqlite_schema"',
    ),
    "store-not-found": ("the first cqrs send creates it; another one: --store PATH",),
    "stream-not-found": (
        "{category} is a category: --category {category}",
        "cqrs log {stream}{later!s:.0} shows when it began",
        "cqrs streams lists what there is",
    ),
    "timed-out": (
        "a longer --timeout, or a cheaper statement{seconds!s:.0}",
        "a longer --timeout, or look whether it was sent",
    ),
    "version-not-found": ("cqrs log {stream}{version!s:.0}", "cqrs log {stream} lists its events"),
    "needs-rebuild": ("cqrs project {table} --rebuild",),
}
"""By code: what is said if the error says nothing itself, the first whose details are there.

Details are quoted for a shell. `{name!s:.0}` says nothing: it wants the detail to be there.
"""

SKIPS = (
    "cqrs run --skip {reaction}@{position} --reason …",
    "cqrs project {projection} --skip @{position} --reason …",
)
STOPS = (
    "mend the code, or leave the event out: cqrs project {projection} --rebuild stops at it, then {skip}{taken!s:.0}",
    "mend the code, or: {skip}{afresh!s:.0}",
    "mend the code and run cqrs project {projection} --rebuild again, or: {skip}{rebuilding!s:.0}",
    "mend the code and run cqrs run again, or: {skip}{reaction!s:.0}",
    "mend the code and run cqrs project {projection} again, or: {skip}",
)
"""Whatever the code: what can be done about an event that something can't take, the first whose details are there."""
SKIPPED = ("cqrs run --status{reaction!s:.0}{skipped!s:.0}", "cqrs project {projection} --status{skipped!s:.0}")
"""Whatever the code: where to see what is skipped already."""


def say(error: CqrsError) -> str | None:
    """The hint for an error in the words of this shell; None if there is none."""
    if isinstance(error, Unfinished):
        return say(error.errors[0])
    first, rest = WORDS.get(error.code, ""), FALLBACKS.get(error.code, ())
    own = _filled(first, error.details) or error.hint or _about_a_stop(error) or _about_a_version(error)
    return own or _first(rest, error.details) or _first(SKIPPED, error.details)


def unfinished(errors: Sequence[CqrsError]) -> Unfinished:
    """One error for those of several projections, the first in full."""
    return Unfinished(errors, [f"also: {error.message}" + in_brackets(say(error)) for error in errors[1:]])


def in_brackets(hint: str | None) -> str:
    """The hint behind a sentence, if there is one."""
    return f" ({hint})" if hint else ""


def _first(choices: Sequence[str], details: Mapping[str, Any]) -> str | None:
    return next(filter(None, (_filled(words, details) for words in choices)), None)


def _filled(words: str, details: Mapping[str, Any]) -> str | None:
    import shlex  # only errors need it

    quoted = {name: shlex.quote(told) if isinstance(told, str) else told for name, told in details.items()}
    if "skip" in details:
        quoted["skip"] = details["skip"]  # words of this table already
    try:
        return words.format_map(quoted) or None
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
    skip = _first(SKIPS, error.details)
    return _first(STOPS, {**error.details, "skip": skip}) if skip else None
