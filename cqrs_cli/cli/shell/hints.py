"""What helps after an error, where that is a command of this shell: the errors themselves carry a code and details.

say(error)      the hint to print: this shell's words for the error's code, else what the error says itself
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cqrs_cli.errors import CqrsError, Unfinished
from cqrs_cli.finding import Finding

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
    "category-not-found": ("to fold its events without the domain: --generic{foreign_stream!s:.0}",),
    "conflict": (),
    "dead-letter-not-found": ("cqrs run --failed lists them",),
    "end-lost": (
        "restore a backup; or go on without what is gone: cqrs project {projection} --rebuild, "
        "of a reaction cqrs run --rewind {projection} --to @{head} --yes",
    ),
    "event-not-found": (
        "cqrs run{reaction!s:.0} --status says where it stopped",
        "cqrs project {projection} --status says where it stopped",
        "cqrs log shows what there is",
    ),
    "foreign-log": ("is it the right --store, and the right --app? If the two are to share a log: --foreign",),
    "id-not-found": ("the id of a command, an event or a correlation, or @position; cqrs log --json shows them",),
    "fork": ("cqrs run --live, if that is meant; cqrs project brings read models up to date",),
    "lock": ("cqrs schema --lock writes one{path!s:.0}",),
    "no-lock-there": ("cqrs schema --lock writes it; --against a commit that has one{ref!s:.0}",),
    "not-accepted": ("mend them, or cqrs schema --lock --accept if nothing was ever stored under the older ones",),
    "locked": ("try again when it is done; cqrs doctor shows the lock",),
    "not-a-store": ("is it the right file? another one: --store PATH",),
    "begun": (
        "leave --from out: they go on where they are; "
        "to let one start again: cqrs run --rewind {reaction} --to @{start}",
    ),
    "new-reaction": ("to answer them: cqrs run --from @0; to answer only what comes: cqrs run --from @{reached}",),
    "no-such-reaction": ("cqrs run --status lists them",),
    "not-verified": (
        "cqrs verify shows all; keep the file as it is and restore a backup. Rows are not to blame: don't rebuild",
    ),
    "newer-store": ("to lose what is only in the store: cqrs restore {backup} --force",),
    "not-begun": ("cqrs run starts it",),
    "not-confirmed": ("to do it: cqrs run --rewind {reaction} --to @{to} --yes",),
    "passed-over": ("cqrs run --from @{reached} passes them over; from an earlier position on they are answered",),
    "answers-no-more": ("let the newer code run; if it is this one: cqrs run --from @{reached}",),
    "answered-elsewhere": (
        'if {other} is its name of today, leave it so: name="{other}"; '
        "else cqrs run --from @{reached} passes over what that answered, and --from @{at} passes nothing over",
    ),
    "position": ("the newest events: cqrs log --last 5",),
    "reaction-not-found": ("load the domain that has it, or put the command away: cqrs run --drop ID --reason …",),
    "snapshot-not-found": ("cqrs snapshot list",),
    "read-only": ("the next command that writes does it: cqrs project, send or run",),
    "row-not-found": (
        "cqrs blame {row} --at @{earlier} tells of it as it was",
        "cqrs query {projection} shows what rows there are",
    ),
    "field-not-found": ("cqrs blame {subject} lists what there is",),
    "sql": (
        "rows change by cqrs send and cqrs project{refused!s:.0}",
        "one statement; parameters as --param name=value for :name{given!s:.0}",
        'the tables: cqrs sql "SELECT name FROM sqlite_schema"',
    ),
    "store-not-found": (
        "make it: cqrs migrate{schema!s:.0}",
        "the first cqrs send creates it; another one: --store PATH",
    ),
    "stream-not-found": (
        "{category} is a category: --category {category}",
        "cqrs log {stream}{later!s:.0} shows when it began",
        "cqrs streams lists what there is",
    ),
    "timed-out": (
        "a longer --timeout, or a cheaper statement{seconds!s:.0}",
        "a longer --timeout, or look whether it was sent",
    ),
    "two-streams": ("cqrs log {stream} and cqrs log {other} show what was written when; one needs a key of its own",),
    "version-not-found": ("cqrs log {stream}{version!s:.0}", "cqrs log {stream} lists its events"),
    "needs-rebuild": ("cqrs project {table} --rebuild",),
    "own-store": ("cqrs copy {source} FILE",),
    "driver-missing": ('{python} -m pip install "cqrs-cli[{extra}]"',),
    "no-mirror": ("cqrs mirror SRC FILE; cqrs mirror --list lists what is understood",),
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
PACKAGES = {
    "uv_tool": "give it the package that has it: uv tool install cqrs-cli --with PACKAGE",
    "pipx": "give it the package that has it: pipx inject cqrs-cli PACKAGE",
    "environment": "give it the package that has it: {python} -m pip install PACKAGE; "
    "or use the cqrs of an environment that has both",
}
"""By how this program was installed: what can be done when the domain imports what is not there."""
SKIPPED = ("cqrs run --status{reaction!s:.0}{skipped!s:.0}", "cqrs project {projection} --status{skipped!s:.0}")
"""Whatever the code: where to see what is skipped already."""

FINDINGS = {
    "asks": "cqrs run --from @P: what comes after P is answered",
    "beyond-the-end": "cqrs verify --against FILE, a checkpoint, tells; restore a backup",
    "dead-letters": "cqrs run --failed lists them",
    "lock-behind": "cqrs schema --lock, and commit it",
    "needs-rebuild": "cqrs project {where} --rebuild",
    "no-domain": "--app MODULE:ATTR, CQRS_APP, or app in a file of settings; cqrs config says which count",
    "other-code": "if it means something else now: raise version=, or cqrs project {where} --rebuild",
    "other-python": "to be sure: cqrs project {where} --rebuild",
    "overdue": "cqrs run sends them; cqrs run --deadlines lists them",
    "rule-broken": "cqrs bisect --all CATEGORY, or --rows NAME, tells all of it",
    "rebuilding": "cqrs project {where} --rebuild goes on",
    "skipped-in-rows": "cqrs project {where} --rebuild",
    "stopped": "mend the code; cqrs project --status and cqrs run --status say how to pass the event over",
    "unsent": "cqrs run sends them",
}
"""By code of a finding that says nothing itself."""

NOTHING = {
    "lock": "cqrs schema --lock writes it",
    "log": "another store: --store PATH; the first cqrs send makes one",
    "determinism": "another store: --store PATH; the first cqrs send makes one",
    "impact": "another store: --store PATH; the first cqrs send makes one",
    "rules": "[tool.cqrs.rules] in the settings, and below it a name and a condition",
}
"""By part of a check that had nothing to look at."""


def say_of(finding: Finding) -> Finding:
    """The finding with its hint in the words of this shell."""
    words = FINDINGS.get(finding.code, "")
    return finding._replace(hint=finding.hint or _filled(words, {"where": finding.where}))


def say(error: CqrsError) -> str | None:
    """The hint for an error in the words of this shell; None if there is none."""
    if isinstance(error, Unfinished):
        return say(error.errors[0])
    first, rest = WORDS.get(error.code, ""), FALLBACKS.get(error.code, ())
    own = _filled(first, error.details) or error.hint or _about_a_stop(error) or _about_a_version(error)
    own = own or _about_a_package(error) or _about_an_id(error)
    if own and "folds_without" in error.details:
        own = f"{own}; streams can be folded without it: --generic"
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


def _about_an_id(error: CqrsError) -> str | None:
    """Of an id that is nothing but digits: a position was meant."""
    id = str(error.details.get("id", ""))
    is_position = error.code == "id-not-found" and id.isascii() and id.isdigit() and len(id) < 10
    return f"a position is typed with @: @{id}" if is_position else None


def _about_a_stop(error: CqrsError) -> str | None:
    """What can be done about an event that a projection or reaction can't take."""
    skip = _first(SKIPS, error.details)
    return _first(STOPS, {**error.details, "skip": skip}) if skip else None


def _about_a_package(error: CqrsError) -> str | None:
    """Of a domain that imports what the Python that loads it has not."""
    given = PACKAGES.get(error.details.get("installer", ""))
    if given is None:
        return None
    where = "{missing} is neither in {folder} nor among the packages of {python}, which loads the domain; "
    return _filled(where + given, error.details)
