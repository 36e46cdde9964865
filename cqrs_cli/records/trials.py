"""The records of what would be: forks, rehearsals, impact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli.jsonable import jsonable
from cqrs_cli.records.changes import change
from cqrs_cli.records.events import event
from cqrs_cli.records.outcomes import outcome
from cqrs_cli.records.shape import Hints, Record, named
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.stored_json import stored_json

if TYPE_CHECKING:
    from cqrs_cli.history.impact import Impact
    from cqrs_cli.history.outcomes import Came
    from cqrs_cli.history.rehearsal import Rehearsed
    from cqrs_cli.history.what_if import SubjectChange, WhatIf
    from cqrs_cli.log.origins import Origin
    from cqrs_cli.log.outbox import Outgoing

REHEARSED = ("command", "command_id", "position", "verdict", "recorded", "today", "changes", "why")
IMPACT_COUNT = ("kind", "name", "compared", "differing", "how")


def fork(path: str, origin: Origin) -> Record:
    """A fork that was made, and of what. Hashes are hex."""
    return {
        "fork": path,
        "source": origin.source,
        "position": origin.source_position,
        "hash": origin.source_hash,
        "taken_at": rfc3339(origin.taken_us),
    }


def what_if(found: WhatIf, hints: Hints) -> Record:
    """What would be, had commands been sent: their outcomes, the events, and what would be another."""
    return {
        "position": found.position,
        "commands": [outcome(one, hints) for one in found.outcomes],
        "events": [event(one) for one in found.events],
        "states": [_subject_change(one) for one in found.states],
        "rows": [_subject_change(one) for one in found.rows],
        "outgoing": [_outgoing(one) for one in found.outgoing],
        "reactions": found.drained is not None,
    }


def rehearsed(one: Rehearsed) -> Record:
    """A recorded command that was judged again: what it came to, and what it would come to today."""
    return {
        "command": one.command,
        "command_id": one.command_id,
        "position": one.position,
        "verdict": one.verdict,
        "recorded": _came(one.recorded),
        "today": _came(one.today),
        "changes": list(map(change, one.changes)),
        "why": one.why,
    }


def _came(one: Came | None) -> Record | None:
    """Events, or a rejection or failure; None where it can't be told."""
    if one is None:
        return None
    events = [{"type": type(event).stored.name, "data": jsonable(event)} for event in one.events]
    return {"stream": one.stream or None, "events": events, "code": one.code, "reason": one.reason}


def impact(one: Impact) -> Record:
    """What another version of the code makes of a log, beside today's: all counts, and the first of each difference."""
    return {
        "against": one.against,
        "differs": one.differs,
        "compared": {f"{kind}s": count for kind, count in one.totals.items()},
        "by_name": impact_counts(one),
        "effects": [
            {
                "kind": effect.kind,
                "name": effect.name,
                "verdict": effect.verdict,
                "count": effect.number,
                "fields": [{"path": path, "count": count} for path, count in effect.fields.items()],
                "examples": [
                    {
                        "subject": example.subject,
                        "position": example.position,
                        "changes": list(map(change, example.changes)),
                        "why": example.why,
                    }
                    for example in effect.examples
                ],
            }
            for effect in one.effects
        ],
        "schema": list(one.schema.rows),
        "not_judged": [
            {"why": why, "count": count, "first": first or None} for why, (count, first) in one.not_judged.items()
        ],
    }


def impact_counts(one: Impact) -> list[Record]:
    """`{"kind", "name", "compared", "differing", "how"}` of each kind and name."""
    counted = []
    for (kind, name), compared in one.compared.items():
        effects = [effect for effect in one.effects if (effect.kind, effect.name) == (kind, name)]
        differing, how = sum(effect.number for effect in effects), "; ".join(effect.how for effect in effects)
        counted.append(named(IMPACT_COUNT, (kind, name, compared, differing, how or None)))
    return counted


def _subject_change(one: SubjectChange) -> Record:
    return {"subject": one.subject, "path": one.change.path, "old": one.change.old, "new": one.change.new}


def _outgoing(one: Outgoing) -> Record:
    return {
        "reaction": one.reaction,
        "process": one.process or None,
        "command": one.command,
        "data": stored_json(one.data, f"the command {one.command} of {one.reaction}"),
        "due_at": rfc3339(one.due_us) if one.due_us else None,
        "position": one.position,
    }
