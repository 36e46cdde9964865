"""The records of what a check found, and of scenarios that were tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cqrs_cli.records.counts import lag
from cqrs_cli.records.errors import error
from cqrs_cli.records.shape import Hints, Record, named

if TYPE_CHECKING:
    from cqrs_cli.finding import Checked, Finding, Verdict
    from cqrs_cli.log.diagnosis import Diagnosis
    from cqrs_cli.scenario.trial import Tried

FINDING = ("code", "severity", "where", "message", "hint")
PART_FINDING = ("part", *FINDING)
TRIED = ("file", "name", "ok", "message", "line", "code", "hint", "traceback")
finding: Callable[[Finding], Record] = partial(named, FINDING)


def checked(parts: Sequence[Checked]) -> Record:
    """`{"ok", "parts", "findings"}`: what came of the parts of a check.

    Of a part `{"part", "ok", "looked_at", "nothing", "findings", "rows", "paste"}`: `looked_at` is null where there was
    nothing to look at, and `nothing` says why; `findings` counts them.
    """
    return {
        "ok": all(part.ok for part in parts),
        "parts": list(map(_part, parts)),
        "findings": part_findings(parts),
    }


def _part(part: Checked) -> dict[str, Any]:
    return {
        "part": part.part,
        "ok": part.ok,
        "looked_at": part.looked_at or None,
        "nothing": part.nothing or None,
        "findings": len(part.findings),
        "rows": list(part.rows),
        "paste": dict(part.paste),
    }


def verdict(one: Verdict, hints: Hints) -> Record:
    """What came of a check of several: as a part of `checked`, with its verdict, seconds, and error if there is one."""
    part = _part(one.checked)
    del part["part"], part["ok"]
    head = {"check": one.name, "part": one.part, "verdict": one.word, "seconds": round(one.seconds, 3)}
    return {**head, **part, "error": None if one.error is None else error(one.error, hints(one.error))["error"]}


def part_findings(parts: Iterable[Checked]) -> list[Record]:
    """The findings of all parts, each with the name of its part before it."""
    return [{"part": part.part, **finding(one)} for part in parts for one in part.findings]


def diagnosis(found: Diagnosis) -> Record:
    """What was seen of a store and is worth saying."""
    return {
        "ok": found.ok,
        "facts": found.facts,
        "projections": [lag(*one) for one in found.lags],
        "findings": [finding(one) for one in found.findings],
    }


def tried(one: Tried) -> Record:
    """`{"file", "name", "ok", "message", "line", "code", "hint", "traceback"}`; message null for one that holds."""
    return named(TRIED, (one.file, one.name, one.ok, one.message, one.line, one.code, one.hint, one.traceback))


def all_tried(found: Sequence[Tried]) -> Record:
    """`{"passed", "failed", "scenarios"}`: numbers, and each scenario."""
    failed = sum(not one.ok for one in found)
    return {"passed": len(found) - failed, "failed": failed, "scenarios": [tried(one) for one in found]}
