"""A rehearsal as a check: differences of one kind are one finding, with their number and the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cqrs_cli.cli.commands.ci.settings import Wanted
from cqrs_cli.cli.commands.rehearse import Judged, changes_told, classes_of, label
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.finding import Checked, Finding

if TYPE_CHECKING:
    from cqrs_cli.history.rehearsal import Rehearsed
    from cqrs_cli.workbench.workbench import Workbench


def rehearsed(session: Session, bench: Workbench, wanted: Wanted, is_all: bool) -> Checked:
    """Judge all recorded commands of a log. is_all: it is the only one.

    Raises `NothingMatched` if there are none, or none can be judged.
    """
    from cqrs_cli.history import accepted, rehearsal

    known = accepted.Accepted({}) if wanted.accept is None else accepted.read(wanted.accept)
    ignored = accepted.event_fields(_of_events(wanted.ignore, bench), bench.domain.events)
    judged = Judged(known)
    judged.take_all(session, bench, rehearsal.Wanted(ignored=ignored))
    judged.check_any()
    findings = [*_findings(judged), *(Finding("unjudged", "note", bench.domain.name, why) for why in judged.reasons())]
    classes = classes_of(bench)
    subjects = {name: classes.get(name) for name in judged.tally.commands}
    return Checked("rehearse", findings, judged.told(is_all), subjects=subjects, rows=list(judged.tally.rows()))


def _of_events(ignored: Sequence[str], bench: Workbench) -> list[str]:
    """The fields that are not those of a state or a row, which a rehearsal does not compare."""
    domain = bench.domain
    kinds: list[tuple[str, type]] = [(one.category, one.cls) for one in domain.aggregates.values()]
    kinds += [(rows.name, rows.cls) for rows in domain.row_types()]
    others = {name for stored, cls in kinds for name in (stored, cls.__name__)} - domain.events.keys()
    return [one for one in ignored if one.partition(".")[0] not in others]


def _findings(judged: Judged) -> Iterator[Finding]:
    kinds: dict[tuple[str, ...], list[Rehearsed]] = {}
    for one in judged.differences:
        kinds.setdefault((one.command, one.verdict, *(change.path for change in one.changes)), []).append(one)
    for those in kinds.values():
        first = those[0]
        place = f"@{first.position} {first.command_id}"
        told = f"{counted(len(those), 'command')} {label(first)}, the first {place}: {changes_told(first)}"
        hint = (
            "cqrs rehearse tells all of them; what is meant: --accept FILE --accept-all, and accept in [tool.cqrs.ci]"
        )
        yield Finding(f"rehearsal-{first.verdict}", "error", first.command, told, hint)
