"""`cqrs send … --explain`: how a command came to its outcome, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cqrs_cli import records
from cqrs_cli.cli.printing.explanations import Step, placed, tell
from cqrs_cli.cli.printing.places import Place, place_of_function
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.errors import CqrsError
from cqrs_cli.workbench.explanation import Explanation

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer
    from cqrs_cli.workbench.outcome import Outcome
    from cqrs_cli.workbench.processors.status import ProcessorStatus
    from cqrs_cli.workbench.workbench import Workbench


class Told(NamedTuple):
    """What is known of one command. came_to: its outcome's status, or the code of the error."""

    how: Explanation
    came_to: str
    outcome: Outcome | None
    behind: list[ProcessorStatus]
    place: Place | None


def explained(printer: Printer, bench: Workbench, send: Callable[[Explanation], Outcome]) -> Outcome:
    """Send, and tell how it went, also where it raises."""
    how = Explanation()
    try:
        outcome = send(how)
    except CqrsError as error:
        _tell(printer, Told(how, error.code, None, [], _place(how)))
        raise
    behind = _behind(bench) if outcome.status == "committed" else []
    _tell(printer, Told(how, outcome.status, outcome, behind, _place(how)))
    return outcome


def _place(how: Explanation) -> Place | None:
    return None if how.clause is None else place_of_function(how.clause.function)


def _behind(bench: Workbench) -> list[ProcessorStatus]:
    """The projections and reactions that have not taken in what was written; none if that can't be told."""
    names = sorted(bench.domain.projections)
    try:
        found = bench.statuses(*names, counted=False) if names else []
        return [one for one in [*found, *bench.reactions()] if one.lag]
    except CqrsError:  # the command is in the log all the same
        return []


def _tell(printer: Printer, told: Told) -> None:
    outcome, place = told.outcome, told.place
    position = None if outcome is None or outcome.status == "dry-run" else outcome.position
    where = None if place is None else (place.file, place.line)
    tell(printer, records.explanation(told.how, told.came_to, where, position, _rows(told), told.behind), _steps(told))


def _rows(told: Told) -> dict[str, int]:
    """Rows that changed in the commit's transaction; of a dry run, those that would change, whenever."""
    outcome = told.outcome
    if outcome is None or outcome.status not in ("committed", "dry-run"):
        return {}
    if outcome.status == "dry-run":
        return dict(Counter(change.projection for change in outcome.changes))
    return told.how.rows


def _steps(told: Told) -> Iterator[Step]:
    how = told.how
    if how.clause is None:
        known = "its id was honoured before, so nothing was loaded and nobody decided"
        yield ("known", known) if told.came_to == "duplicate" else ("stopped", f"{told.came_to}: nothing was loaded")
    else:
        if how.version is not None:
            yield "loaded", _loaded(how)
        if how.events is not None or how.version == how.expected:
            yield "decided", f"{placed(how.clause.where, told.place)} → {_decision(told)}"
        if how.tries > 1 + how.assumed:
            yield "tried", f"{how.tries} times, as somebody else wrote to {how.stream} in between"
        elif how.tries > 1:
            yield "tried", f"first as if {how.stream} were new, which it is not"
        if how.events or how.version != how.expected:
            yield "expected", _expected(how)
    yield from _ends(told)
    changed = ", ".join(f"{name} {counted(count, 'row')}" for name, count in _rows(told).items())
    if changed:
        yield "rows", changed + (", in the same transaction" if told.came_to == "committed" else " would change")
    for one in told.behind:
        status = "" if one.status in ("behind", "new") else f" ({one.status})"
        yield "behind", f"{one.name} is now {one.lag:,} behind{status}"


def _loaded(how: Explanation) -> str:
    if how.folded is None:
        return f"nothing: the command opens {how.stream}"
    if not how.version:
        return f"{how.stream} from no events: it is not there yet"
    start = "" if how.snapshot is None else f"a snapshot of version {how.snapshot} and "
    return f"{how.stream} from {start}{counted(how.folded, 'event')}, version {how.version}"


def _decision(told: Told) -> str:
    events = told.how.events
    if events is None:
        return told.came_to
    return counted(len(events), "event") + (f": {', '.join(events)}" if events else "")


def _expected(how: Explanation) -> str:
    found = f"version {how.expected}" if how.expected else "no stream yet"
    return found if how.version == how.expected else f"{found}, but it is at version {how.version}"


def _ends(told: Told) -> Iterator[Step]:
    outcome = told.outcome
    if outcome is None:
        yield "appended", "nothing"
    elif outcome.status == "committed":
        first, last = outcome.events[0].position, outcome.events[-1].position
        yield "appended", f"@{first}" if first == last else f"@{first}–@{last}"
    elif outcome.status == "duplicate":
        yield "appended", f"nothing new, its events are at @{outcome.events[0].position}"
    else:
        yield "appended", "nothing, as this is a dry run" if outcome.status == "dry-run" else "nothing"
