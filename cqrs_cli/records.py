"""The stable JSON records of everything that is shown to programs, whatever shows it.

Each function makes one record: a dict of plain values, `RawJson` for a text that goes into JSON as it was stored.
Times are RFC 3339 UTC, decimals texts. The members and their order are a promise: see `tests/test_records.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cqrs_cli.errors import Damaged
from cqrs_cli.jsonable import RawJson, jsonable
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.stored_json import stored_json

if TYPE_CHECKING:
    from cqrs_cli.config import Setting
    from cqrs_cli.domain.fold import State
    from cqrs_cli.errors import CqrsError
    from cqrs_cli.finding import Checked, Finding, Verdict
    from cqrs_cli.history.bisect import Break
    from cqrs_cli.history.blame import Blamed, BlamedChange
    from cqrs_cli.history.changes import Change
    from cqrs_cli.history.consequences import Concerned
    from cqrs_cli.history.impact import Impact
    from cqrs_cli.history.outcomes import Came
    from cqrs_cli.history.rehearsal import Rehearsed
    from cqrs_cli.history.snapshot_comparison import Difference
    from cqrs_cli.history.what_if import SubjectChange, WhatIf
    from cqrs_cli.log.checkpoint import Checkpoint
    from cqrs_cli.log.context import EventContext
    from cqrs_cli.log.diagnosis import Diagnosis
    from cqrs_cli.log.origins import Origin
    from cqrs_cli.log.outbox import DeadLetter, Outgoing
    from cqrs_cli.log.statistics import Statistics
    from cqrs_cli.log.stops import Skip
    from cqrs_cli.log.trace import Node
    from cqrs_cli.log.verification import Verified
    from cqrs_cli.scenario.trial import Tried
    from cqrs_cli.stores.audit import Flaw
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.stores.streams import StreamInfo
    from cqrs_cli.transfer.backup import Copied
    from cqrs_cli.transfer.proof import Proof
    from cqrs_cli.workbench.explanation import Explanation
    from cqrs_cli.workbench.outcome import Outcome
    from cqrs_cli.workbench.processors.delivery import Delivery
    from cqrs_cli.workbench.processors.projections import Plan
    from cqrs_cli.workbench.processors.refold import Check, Drift
    from cqrs_cli.workbench.processors.rewind import Again
    from cqrs_cli.workbench.processors.runner import Round
    from cqrs_cli.workbench.processors.status import ProcessorStatus
    from cqrs_cli.workbench.readings import Reading
    from cqrs_cli.workbench.snapshots import Judged, Taken

Record = dict[str, Any]
Hints = Callable[["CqrsError"], str | None]
"""What helps after an error, in the words of the face that shows it."""

EVENT = (
    *("position", "stream", "version", "type", "schema_version", "data", "event_id", "command_id"),
    *("correlation_id", "causation_id", "user_id", "recorded_at", "metadata"),
)
STREAM = ("stream", "category", "version", "first_recorded_at", "last_recorded_at")
FLAT_OUTCOME = ("line", "status", "command", "command_id", "position", "stream", "events", "code", "reason")
LETTER = (
    *("id", "reaction", "process", "command", "data", "code", "reason", "position", "event_id"),
    *("correlation_id", "failed_at"),
)
DROPPED = ("dropped_at", "dropped_by", "dropped_because")
DEADLINE = ("due_at", "overdue", "reaction", "process", "deadline", "command", "data", "id", "position", "event_id")
SENT_AGAIN = ("position", "event_id", "process", "command", "data", "id", "due_at", "becomes")
TAKEN = ("stream", "version", "status", "reason")
SNAPSHOT = ("stream", "version", "position", "aggregate_version", "bytes", "taken_at", "status", "reason")
DIFFERENCE = ("stream", "path", "kept", "folded")
DRIFT = ("key", "column", "live", "fresh")
ROW_CHANGE = ("projection", "key", "before", "after")
CHANGE = ("path", "old", "new")
MADE_BY = (
    *("position", "version", "type", "command_id", "recorded_at", "user_id"),
    *("stream", "command", "clause"),
)
BLAMED, BLAMED_CHANGE = ("path", "value", *MADE_BY), (*CHANGE, *MADE_BY)
BREAK = ("found", "rule", "subject", *MADE_BY, "until", "before", "after")
REHEARSED = ("command", "command_id", "position", "verdict", "recorded", "today", "changes", "why")
IMPACT_COUNT = ("kind", "name", "compared", "differing", "how")
SETTING = ("name", "value", "source")
AT_WORK = ("name", "position", "head")
FINDING = ("code", "severity", "where", "message", "hint")
PART_FINDING = ("part", *FINDING)
FLAW = ("position", "what")
TRIED = ("file", "name", "ok", "message", "line", "code", "hint", "traceback")
"""The members of records, in order."""


def _named(names: Sequence[str], values: Iterable[Any]) -> Record:
    return dict(zip(names, values, strict=True))


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else rfc3339(microseconds)


# What is a named tuple already: something that a check found, what became of a snapshot that was asked for, a place
# where a snapshot, or a row, differs from a fold from the start, a setting and where it came from.
finding: Callable[[Finding], Record] = partial(_named, FINDING)
taken: Callable[[Taken], Record] = partial(_named, TAKEN)
difference: Callable[[Difference], Record] = partial(_named, DIFFERENCE)
drift: Callable[[Drift], Record] = partial(_named, DRIFT)
setting: Callable[[Setting], Record] = partial(_named, SETTING)


# ── the log ───────────────────────────────────────────────────────────────────────────────────


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_parse = json.JSONDecoder(parse_constant=_no_constant).decode


def event(recorded: Recorded) -> Record:
    """A recorded event. Raises `Damaged` if its payload is no JSON.

    The payload is parsed to be sure of it, and given as it was stored: every digit of a number stays.
    """
    return {
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "type": recorded.type,
        "schema_version": recorded.schema_version,
        "data": _checked(recorded.data, recorded.position),
        "event_id": recorded.event_id,
        "command_id": recorded.command_id,
        "correlation_id": recorded.correlation_id,
        "causation_id": recorded.causation_id,
        "user_id": recorded.user_id,
        "recorded_at": rfc3339(recorded.recorded_us),
        "metadata": _checked((recorded.metadata_json or "{}").encode("utf-8", "surrogatepass"), recorded.position),
    }


def shown(seen: EventContext, did: Record) -> Record:
    """An event with what stands round it. did: what it changed in the state and which rows it concerns, if known."""
    command, cause = seen.commit.command, seen.cause
    sent: Record | None = None
    if command is not None:
        data = None if command.data is None else _checked(command.data, seen.event.position)
        sent = {"command": command.type, "schema_version": command.schema_version, "data": data}
        sent |= {"command_id": seen.commit.id, "issued_at": rfc3339(command.issued_at)}
    return {
        **event(seen.event),
        "command": sent,
        "caused_by": None if cause is None else {**_node(cause), "reaction": seen.reaction},
        "led_to": [{**_node(child), "reaction": node.name} for node in seen.led_to for child in node.children],
        **did,
    }


def consequences(changed: Iterable[Change] | None, rows: Iterable[Concerned] | None) -> Record:
    """What an event changed in the state of its aggregate, and which rows it concerns; None: not known."""
    return {
        "changes": None if changed is None else [_named(CHANGE, change) for change in changed],
        "rows": None if rows is None else [{"projection": row.projection, "key": jsonable(row.key)} for row in rows],
    }


def _checked(data: bytes, position: int) -> RawJson:
    try:
        text = data.decode()
        _parse(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(
            f"the event at @{position} holds no JSON: {error}",
            hint="another tool changed the store: restore a backup",
            position=position,
        ) from error
    return RawJson(text)


def stream(info: StreamInfo) -> Record:
    """A stream and where it stands."""
    times = rfc3339(info.first_recorded_us), rfc3339(info.last_recorded_us)
    return _named(STREAM, (info.stream, info.category, info.version, *times))


def statistics(found: Statistics) -> Record:
    """How much is in a store."""
    return {
        "events": sum(found.types.values()),
        "streams": sum(streams for streams, _ in found.categories.values()),
        "head": found.head,
        "first_recorded_at": _time(found.first_recorded_us),
        "last_recorded_at": _time(found.last_recorded_us),
        "categories": [
            {"category": name, "streams": streams, "events": events}
            for name, (streams, events) in sorted(found.categories.items())
        ],
        "types": [{"type": name, "events": count} for name, count in sorted(found.types.items())],
    }


def flat_statistics(record: Record) -> list[Record]:
    """The same as rows: one a category and a type."""
    return [
        {"kind": kind, "name": row[kind], "streams": row.get("streams"), "events": row["events"]}
        for kind, rows in (("category", record["categories"]), ("type", record["types"]))
        for row in rows
    ]


def counted(by: str, value: str | None, events: int) -> Record:
    """How many events there are of one day, user, type …: by is the name of the member."""
    return {by: value, "events": events}


def trace(root: Node) -> Record:
    """A root of a trace, with all that it led to under `children`."""
    return {**_node(root), "children": RawJson(_children(root, _node))}


def story(root: Node) -> Record:
    """The same, and of each node when it was recorded and for whom; null for what is not in the log."""
    return {**_signed(root), "children": RawJson(_children(root, _signed))}


def _signed(node: Node) -> Record:
    return _node(node) | {"recorded_at": _time(node.recorded_us), "user_id": node.user_id}


def _node(node: Node) -> Record:
    record = {"id": node.id, "kind": node.kind, "name": node.name, "position": node.position, "stream": node.stream}
    if node.due_us is not None:
        record["due_at"] = rfc3339(node.due_us)
    return record if node.letter is None else record | _dropped(node.letter)


def _children(root: Node, told: Callable[[Node], Record]) -> str:
    """The JSON of a node's children; written by hand, as a story may be longer than an encoder is deep."""
    from cqrs_cli.log.trace import walk

    out, open_at = ["["], 0
    first = True
    for node, depth, _ in walk(root.children):
        if depth < open_at:
            out.append("]}" * (open_at - depth))
        if not first and depth <= open_at:
            out.append("]},")
        out.append(json.dumps(told(node), ensure_ascii=False, separators=(",", ":"))[:-1] + ',"children":[')
        open_at, first = depth, False
    out.append("" if first else "]}" * (open_at + 1))
    out.append("]")
    return "".join(out)


def letter(dead: DeadLetter) -> Record:
    """A command of a reaction that came to nothing; of one that was dropped, by whom and why too."""
    sent = dead.outgoing
    of = (dead.command_id, f"{sent.reaction}.{sent.clause}", sent.process or None)
    why = (dead.code, dead.reason, sent.position, sent.event_id, sent.correlation_id, rfc3339(dead.failed_us))
    return _named(
        LETTER, (*of, sent.command, stored_json(sent.data, f"the dead letter {dead.command_id!r}"), *why)
    ) | _dropped(dead)


def _dropped(dead: DeadLetter) -> Record:
    if dead.dropped_us is None:
        return {}
    return _named(DROPPED, (rfc3339(dead.dropped_us), dead.dropped_by, dead.dropped_because))


def deadline(one: Outgoing, now_us: int) -> Record:
    """A command that waits for its time. overdue: the time was up before this moment, and nobody sent it."""
    due = (rfc3339(one.due_us), one.due_us < now_us, f"{one.reaction}.{one.clause}", one.process or None)
    data = stored_json(one.data, f"the deadline {one.command_id!r}")
    return _named(DEADLINE, (*due, one.deadline, one.command, data, one.command_id, one.position, one.event_id))


def sent_again(again: Again) -> Record:
    """A command that a reaction which is started again would give once more."""
    one = again.outgoing
    due = rfc3339(one.due_us) if one.due_us else None
    data = stored_json(one.data, f"the command {one.command_id!r}")
    what = (one.position, one.event_id, one.process or None, one.command, data, one.command_id)
    return _named(SENT_AGAIN, (*what, due, again.becomes))


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


def lag(name: str, position: int, behind: int) -> Record:
    """How far a projection has come and how many positions it is behind the head."""
    return {"projection": name, "position": position, "lag": behind}


def diagnosis(found: Diagnosis) -> Record:
    """What was seen of a store and is worth saying."""
    return {
        "ok": found.ok,
        "facts": found.facts,
        "projections": [lag(*one) for one in found.lags],
        "findings": [finding(one) for one in found.findings],
    }


def flaw(one: Flaw) -> Record:
    """`{"position", "what"}`: something that is not as it was written; position null for what has none."""
    return {"position": one.position, "what": one.what}


def verified(found: Verified) -> Record:
    """`{"ok", "commits", "events", "head", "hash", "findings"}`; hash: of the commit at the head, null without one."""
    hash = None if found.hash is None else found.hash.hex()
    counts = {"commits": found.commits, "events": found.events, "head": found.head, "hash": hash}
    return {"ok": found.ok, **counts, "findings": [flaw(one) for one in found.flaws]}


def tried(one: Tried) -> Record:
    """`{"file", "name", "ok", "message", "line", "code", "hint", "traceback"}`; message null for one that holds."""
    return _named(TRIED, (one.file, one.name, one.ok, one.message, one.line, one.code, one.hint, one.traceback))


def all_tried(found: Sequence[Tried]) -> Record:
    """`{"passed", "failed", "scenarios"}`: numbers, and each scenario."""
    failed = sum(not one.ok for one in found)
    return {"passed": len(found) - failed, "failed": failed, "scenarios": [tried(one) for one in found]}


def checkpoint(made: Checkpoint, note: str) -> Record:
    """`{"origin", "position", "hash", "note"}`; note: the text that is kept, signatures and all."""
    return {"origin": made.origin, "position": made.position, "hash": made.hash.hex(), "note": note}


def copied(made: Copied, file: str, store: str) -> Record:
    """`{"file", "store", "commits", "events", "head", "hash", "bytes"}`: of a backup or of what was restored."""
    hash = None if made.hash is None else made.hash.hex()
    counts = {"commits": made.commits, "events": made.events, "head": made.head, "hash": hash, "bytes": made.bytes}
    return {"file": file, "store": store, **counts}


# ── commands ──────────────────────────────────────────────────────────────────────────────────


def outcome(became: Outcome, hints: Hints) -> Record:
    """What became of a command; one without success has its line, reason, code and the error's details."""
    error = became.error
    if error is None:
        record: Record = {
            "status": became.status,
            "command": became.command,
            "command_id": became.command_id,
            "position": became.position,
            "streams": [{"stream": stream, "version": version} for stream, version in became.streams.items()],
            "events": [event(recorded) for recorded in became.events],
        }
        if became.status == "dry-run":
            record["changes"] = [_named(ROW_CHANGE, change) for change in became.changes]
        return record
    record = {
        "status": became.status,
        "line": became.line,
        "command": became.command,
        "command_id": became.command_id,
        "reason": error.message,
        "code": error.code,
    }
    told = _error(error, hints(error)) | {"traceback": error.traceback}
    del told["message"]
    return record | {name: value for name, value in told.items() if value is not None and name not in record}


def flat_outcome(became: Outcome) -> Record:
    """What became of a command, as a row."""
    error = became.error
    reason = None if error is None else "; ".join([error.message, *error.complaints])
    code = None if error is None else error.code
    before = (became.line, became.status, became.command, became.command_id, became.position, became.stream)
    return _named(FLAT_OUTCOME, (*before, len(became.events), code, reason))


def batch(by_status: Mapping[str, int], events: int) -> Record:
    """How many commands of a batch came to what, all members always; `not-found` counts as rejected."""
    told = {name: by_status.get(name, 0) for name in ("committed", "duplicate", "unchanged", "rejected")}
    told["rejected"] += by_status.get("not-found", 0)
    told |= {name: by_status.get(name, 0) for name in ("conflict", "invalid", "failed")} | {"events": events}
    others = {"as_expected": "as-expected", "unexpected": "unexpected", "dry_run": "dry-run"}
    return told | {name: by_status.get(status, 0) for name, status in others.items()}


def explanation(
    how: Explanation,
    came_to: str,
    where: tuple[str, int | None] | None,
    position: int | None,
    rows: Mapping[str, int],
    behind: Sequence[ProcessorStatus],
) -> Record:
    """How a command came to its outcome. where: file and line of the method; position: of its last event."""
    file, line = where or (None, None)
    method = None if how.clause is None else how.clause.where
    return {
        **{name: getattr(how, name) for name in ("stream", "version", "folded", "snapshot")},
        **{"method": method, "file": file, "line": line, "tries": how.tries, "decided": how.events},
        **{"expected": how.expected, "came_to": came_to, "position": position},
        "rows": [{"projection": name, "rows": count} for name, count in rows.items()],
        "behind": [{"name": one.name, "status": one.status, "lag": one.lag} for one in behind],
    }


def error(raised: CqrsError, hint: str | None) -> Record:
    """An error as an object of its own. hint: in the words of the face that shows it."""
    return {"error": _error(raised, hint) | ({"traceback": raised.traceback} if raised.traceback else {})}


def _error(raised: CqrsError, hint: str | None) -> Record:
    head = {"code": raised.code, "message": raised.message} | ({} if hint is None else {"hint": hint})
    return head | raised.details


# ── aggregates ────────────────────────────────────────────────────────────────────────────────


def state(found: State[Any]) -> Record:
    """The state of an aggregate."""
    return {"stream": found.stream, "version": found.version, "state": jsonable(found.state)}


def step(record: Record, recorded: Recorded, changes: Iterable[Change]) -> Record:
    """A state (its record), the event that led to it, and what that changed."""
    return {**record, "event": event(recorded), "changes": [_named(CHANGE, change) for change in changes]}


def blamed(one: Blamed) -> Record:
    """A field and the event that its value is from; null for what the state begins with."""
    return {"path": one.path, "value": _present(one.value)} | _made_by(one.event, one.clause)


def blamed_change(one: BlamedChange) -> Record:
    """A change of a field and the event that made it."""
    return change(one) | _made_by(one.event, one.clause)


def change(one: BlamedChange | Change) -> Record:
    """A change alone."""
    return {"path": one.path, "old": _present(one.old), "new": _present(one.new)}


def found_break(one: Break, subject: str, event: Recorded, clause: str | None, before: Any, after: Any) -> Record:
    """A rule that holds no more, and the event after which it does not. before, after: the whole state or row."""
    return {
        "found": True,
        "rule": one.rule,
        "subject": subject,
        **_made_by(event, clause),
        "until": one.until,
        "before": before,
        "after": after,
    }


def holding(rule: str) -> Record:
    """A rule that holds after every event."""
    return {**dict.fromkeys(BREAK), "found": False, "rule": rule}


def _made_by(event: Recorded | None, clause: str | None) -> Record:
    if event is None:
        return dict.fromkeys(MADE_BY)
    of = (event.position, event.version, event.type, event.command_id, rfc3339(event.recorded_us), event.user_id)
    return _named(MADE_BY, (*of, event.stream, event.command_type, clause))


def _present(value: Any) -> Any:
    from cqrs_cli.history.comparison import ABSENT

    return None if value is ABSENT else value


def snapshot(one: Judged) -> Record:
    """A snapshot, and whether it counts for today's code."""
    found, status = one.snapshot, "valid" if one.reason is None else "ignored"
    size, taken_at = len(found.state.encode()), rfc3339(found.taken_us)
    values = (found.stream, found.version, found.position, found.aggregate_version, size, taken_at, status, one.reason)
    return _named(SNAPSHOT, values)


def comparison(compared: int, differences: Sequence[Difference]) -> Record:
    """How many streams with a snapshot were compared, and what differs."""
    return {"compared": compared, "differences": [difference(one) for one in differences]}


# ── the read side ─────────────────────────────────────────────────────────────────────────────


def section(name: str, position: int, behind: int, rows: Iterable[Record]) -> Record:
    """The rows of a projection, at a position."""
    return lag(name, position, behind) | {"rows": rows}


def projection_status(one: ProcessorStatus) -> Record:
    """Where a projection stands."""
    names = ("rows", "reason", "source", "rebuilding")
    skips = [{**_skip(skip), "held": skip.position in one.contained} for skip in one.skips]
    return {"projection": one.name, **_place(one), **{name: getattr(one, name) for name in names}, "skipped": skips}


def readiness(one: ProcessorStatus) -> Record:
    """Whether a processor keeps up."""
    told = _place(one)
    return {"name": one.name, **{name: told[name] for name in ("status", "lag", "lag_seconds")}}


def _place(one: ProcessorStatus) -> Record:
    told = {name: getattr(one, name) for name in ("status", "position", "lag")}
    return told | {"lag_seconds": round(one.lag_seconds, 3)}


def reaction_status(one: ProcessorStatus) -> Record:
    """Where a reaction stands."""
    names = ("rows", "waiting", "deadlines", "failed", "reason", "source")
    told = {"kind": one.kind, **_place(one), **{name: getattr(one, name) for name in names}}
    skipped, rewound = [_skip(skip) for skip in one.skips], list(map(dict, one.rewound))
    return {"reaction": one.name, **told, "skipped": skipped, "rewound": rewound}


def _skip(skip: Skip) -> Record:
    at = rfc3339(skip.skipped_us)
    return {"position": skip.position, "by": skip.skipped_by, "at": at, "reason": skip.reason}


def plan(one: Plan) -> Record:
    """What a rebuild of a projection would have to do."""
    seconds = None if one.seconds is None else round(one.seconds, 2)
    told = {"projection": one.projection, "events": one.events, "rows_now": one.rows_now}
    return told | {"estimated_seconds": seconds}


def check(one: Check) -> Record:
    """A projection whose rows were compared with a fresh fold, and what differs."""
    drifts = [drift(difference) for difference in one.drift]
    return {"projection": one.projection, "compared": one.compared, "drift": drifts}


def run_round(done: Round, at_us: int, hints: Hints) -> Record:
    """What a run came to since it last said so, at a time."""
    return {
        "at": rfc3339(at_us),
        "position": done.position,
        "answered": done.taken,
        "sent": done.sent,
        "honoured": done.honoured,
        "rejected": done.rejected,
        "failed": done.dead,
        "held": done.held,
        "at_work": None if done.at_work is None else _named(AT_WORK, done.at_work),
        "next_deadline": _time(done.next_due),
        "stopped": [{"name": name, **_error(error, hints(error))} for name, error in done.failures.items()],
    }


def delivery(one: Delivery) -> Record:
    """What became of a dead letter that was sent again."""
    return {
        "id": one.outgoing.command_id,
        "command": one.outgoing.command,
        "status": {"dead": "failed", "honoured": "sent"}.get(one.status, one.status),
        "reason": None if one.error is None else one.error.message,
    }


# ── what there is ─────────────────────────────────────────────────────────────────────────────


def definition(kind: str, name: str, version: int | None, cls: type, description: str) -> Record:
    """A class of a domain that has a schema."""
    return {"kind": kind, "name": name, "version": version, "class": cls.__name__, "description": description}


def reading(one: Reading, status: ProcessorStatus | None) -> Record:
    """What was read of a table, in one way, once or several times. status: of the projection that keeps it."""
    where = [{"column": part.column, "operator": part.operator, "value": part.value} for part in one.where]
    return {
        **{"table": one.table, "position": status and status.position, "lag": status and status.lag},
        **{"by": one.by, "where": where, "order": ["-" * term.descending + term.column for term in one.order]},
        **{"limit": one.limit, "plan": one.plan, "times": one.times, "rows": one.rows},
    }


def reading_explained(
    method: str | None,
    where: tuple[str, int | None] | None,
    by_row: Sequence[str],
    given: int | None,
    reads: Sequence[Record],
) -> Record:
    """What was read for an answer. by_row: conditions that were asked of each row; given: rows of the answer."""
    file, line = where or (None, None)
    told: Record = {"method": method, "file": file, "line": line, "reads": list(reads), "row_by_row": list(by_row)}
    return told | {"read": sum(one["rows"] for one in reads), "given": given}


def query(name: str, parameters: Sequence[str], description: str) -> Record:
    """A query, or a read model that can be asked without one."""
    return {"query": name, "parameters": list(parameters), "description": description}


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
        counted.append(_named(IMPACT_COUNT, (kind, name, compared, differing, how or None)))
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


def project(folder: str, created: Sequence[str], kept: Sequence[str], following: Sequence[str]) -> Record:
    """A project that was made: its files, those that were there already, and what to type next."""
    return {"directory": folder, "created": created, "kept": kept, "next": following}


def topic(name: str, title: str, text: str) -> Record:
    """A page of the documentation; its text is Markdown."""
    return {"topic": name, "title": title, "text": text}


def answer(row: Any) -> Mapping[str, Any]:
    """A row that a query answered with: a model, a mapping, or any other value. Raises `DomainFailed`, as models do."""
    if hasattr(row, "model_dump") and not isinstance(row, type):
        try:
            plain: Record = jsonable(row)
        except Exception as error:  # of a computed field, a serializer
            from cqrs_cli.failure import domain_failed

            raise domain_failed(error, f"a {type(row).__name__} that is written as JSON") from error
        return plain
    return row if isinstance(row, Mapping) else {"value": row}


def _masked(counts: Mapping[str, int]) -> list[Record]:
    """`[{"field", "values"}]`: no member is called like a field, or it would be masked itself."""
    return [{"field": field, "values": number} for field, number in sorted(counts.items())]


def proved_copy(proof: Proof, destination: str, states: Record | None) -> Record:
    """What a copy came to. Hashes are hex; `same_history` is null where it is not to be, and `because` says why."""
    names = sorted({*proof.seen, *proof.taken})
    return {
        "source": proof.source,
        "destination": destination,
        "after": proof.begun,
        "position": proof.position,
        "commits_read": proof.read,
        "commits": proof.commits,
        "events": proof.events,
        "duplicates": proof.duplicates,
        "types": [{"type": name, "in": proof.seen.get(name, 0), "out": proof.taken.get(name, 0)} for name in names],
        "mapped": None if proof.mapped is None else dict(proof.mapped),
        "became": [
            {"type": old, "became": new or None, "events": number} for (old, new), number in sorted(proof.kinds.items())
        ],
        "masked": None if proof.masked is None else _masked(proof.masked),
        "source_hash": proof.source_hash,
        "hash": proof.hash,
        "same_history": proof.is_same,
        "because": proof.why,
        "states": states,
    }
