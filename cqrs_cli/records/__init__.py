"""The stable JSON records of everything that is shown to programs, whatever shows it.

Each function makes one record: a dict of plain values, `RawJson` for a text that goes into JSON as it was stored.
Times are RFC 3339 UTC, decimals texts. The members and their order are a promise: see `tests/test_records.py`.

A noun a file. Whoever wants a record asks here, `records.event(…)`: its file is imported when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cqrs_cli.records.answers import answer
    from cqrs_cli.records.changes import (
        BLAMED,
        BLAMED_CHANGE,
        BREAK,
        CHANGE,
        MADE_BY,
        ROW_CHANGE,
        blamed,
        blamed_change,
        change,
        found_break,
        holding,
    )
    from cqrs_cli.records.context import consequences, shown
    from cqrs_cli.records.counts import counted, flat_statistics, lag, statistics
    from cqrs_cli.records.definitions import definition, query, reading, reading_explained
    from cqrs_cli.records.errors import error
    from cqrs_cli.records.events import EVENT, STREAM, event, stream
    from cqrs_cli.records.findings import (
        FINDING,
        PART_FINDING,
        TRIED,
        all_tried,
        checked,
        diagnosis,
        finding,
        part_findings,
        tried,
        verdict,
    )
    from cqrs_cli.records.letters import DEADLINE, DROPPED, LETTER, SENT_AGAIN, deadline, letter, sent_again
    from cqrs_cli.records.outcomes import FLAT_OUTCOME, batch, explanation, flat_outcome, outcome
    from cqrs_cli.records.processors import (
        AT_WORK,
        DRIFT,
        check,
        delivery,
        drift,
        plan,
        projection_status,
        reaction_status,
        readiness,
        run_round,
        section,
    )
    from cqrs_cli.records.proofs import FLAW, checkpoint, copied, flaw, proved_copy, verified
    from cqrs_cli.records.settings import SETTING, project, setting, topic
    from cqrs_cli.records.shape import Hints, Record
    from cqrs_cli.records.states import (
        DIFFERENCE,
        SNAPSHOT,
        TAKEN,
        comparison,
        difference,
        snapshot,
        state,
        step,
        taken,
    )
    from cqrs_cli.records.stories import story, trace
    from cqrs_cli.records.trials import IMPACT_COUNT, REHEARSED, fork, impact, impact_counts, rehearsed, what_if

__all__ = [
    "AT_WORK",
    "BLAMED",
    "BLAMED_CHANGE",
    "BREAK",
    "CHANGE",
    "DEADLINE",
    "DIFFERENCE",
    "DRIFT",
    "DROPPED",
    "EVENT",
    "FINDING",
    "FLAT_OUTCOME",
    "FLAW",
    "IMPACT_COUNT",
    "LETTER",
    "MADE_BY",
    "PART_FINDING",
    "REHEARSED",
    "ROW_CHANGE",
    "SENT_AGAIN",
    "SETTING",
    "SNAPSHOT",
    "STREAM",
    "TAKEN",
    "TRIED",
    "Hints",
    "Record",
    "all_tried",
    "answer",
    "batch",
    "blamed",
    "blamed_change",
    "change",
    "check",
    "checked",
    "checkpoint",
    "comparison",
    "consequences",
    "copied",
    "counted",
    "deadline",
    "definition",
    "delivery",
    "diagnosis",
    "difference",
    "drift",
    "error",
    "event",
    "explanation",
    "finding",
    "flat_outcome",
    "flat_statistics",
    "flaw",
    "fork",
    "found_break",
    "holding",
    "impact",
    "impact_counts",
    "lag",
    "letter",
    "outcome",
    "part_findings",
    "plan",
    "project",
    "projection_status",
    "proved_copy",
    "query",
    "reaction_status",
    "readiness",
    "reading",
    "reading_explained",
    "rehearsed",
    "run_round",
    "section",
    "sent_again",
    "setting",
    "shown",
    "snapshot",
    "state",
    "statistics",
    "step",
    "story",
    "stream",
    "taken",
    "topic",
    "trace",
    "tried",
    "verdict",
    "verified",
    "what_if",
]

_FILES = {
    "answers": "answer",
    "changes": "BLAMED BLAMED_CHANGE BREAK CHANGE MADE_BY ROW_CHANGE blamed blamed_change change found_break holding",
    "context": "consequences shown",
    "counts": "counted flat_statistics lag statistics",
    "definitions": "definition query reading reading_explained",
    "errors": "error",
    "events": "EVENT STREAM event stream",
    "findings": "FINDING PART_FINDING TRIED all_tried checked diagnosis finding part_findings tried verdict",
    "letters": "DEADLINE DROPPED LETTER SENT_AGAIN deadline letter sent_again",
    "outcomes": "FLAT_OUTCOME batch explanation flat_outcome outcome",
    "processors": "AT_WORK DRIFT check delivery drift plan projection_status reaction_status readiness run_round "
    "section",
    "proofs": "FLAW checkpoint copied flaw proved_copy verified",
    "settings": "SETTING project setting topic",
    "shape": "Hints Record",
    "states": "DIFFERENCE SNAPSHOT TAKEN comparison difference snapshot state step taken",
    "stories": "story trace",
    "trials": "IMPACT_COUNT REHEARSED fork impact impact_counts rehearsed what_if",
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    file = _FILE_OF.get(name)
    if file is None:
        raise AttributeError(f"module 'cqrs_cli.records' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"cqrs_cli.records.{file}"), name)
    globals()[name] = value
    return value
