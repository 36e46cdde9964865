"""The records of what became of commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cqrs_cli.records.changes import ROW_CHANGE
from cqrs_cli.records.errors import error_members
from cqrs_cli.records.events import event
from cqrs_cli.records.shape import Hints, Record, named

if TYPE_CHECKING:
    from cqrs_cli.workbench.explanation import Explanation
    from cqrs_cli.workbench.outcome import Outcome
    from cqrs_cli.workbench.processors.status import ProcessorStatus

FLAT_OUTCOME = ("line", "status", "command", "command_id", "position", "stream", "events", "code", "reason")


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
            record["changes"] = [named(ROW_CHANGE, change) for change in became.changes]
        return record
    record = {
        "status": became.status,
        "line": became.line,
        "command": became.command,
        "command_id": became.command_id,
        "reason": error.message,
        "code": error.code,
    }
    told = error_members(error, hints(error)) | {"traceback": error.traceback}
    del told["message"]
    return record | {name: value for name, value in told.items() if value is not None and name not in record}


def flat_outcome(became: Outcome) -> Record:
    """What became of a command, as a row."""
    error = became.error
    reason = None if error is None else "; ".join([error.message, *error.complaints])
    code = None if error is None else error.code
    before = (became.line, became.status, became.command, became.command_id, became.position, became.stream)
    return named(FLAT_OUTCOME, (*before, len(became.events), code, reason))


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
