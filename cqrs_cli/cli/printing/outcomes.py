"""What became of commands, printed: one JSON shape for all, lines for people, counts and an exit code for a batch."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cqrs_cli.errors import CqrsError
from cqrs_cli.workbench.outcome import Outcome

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.render import Printer


class Tally:
    """Counts outcomes by status, and events that were appended; knows the exit code. last_line: that was counted."""

    def __init__(self) -> None:
        self.by_status: Counter[str] = Counter()
        self.events = 0
        self.last_line = 0

    def add(self, outcome: Outcome) -> None:
        self.by_status[outcome.status] += 1
        self.last_line = outcome.line or self.last_line
        if outcome.status == "committed":
            self.events += len(outcome.events)

    def summary(self) -> dict[str, int]:
        """The JSON of a batch, all members always. `not-found` counts as rejected."""
        count = self.by_status
        told = {name: count[name] for name in ("committed", "duplicate", "unchanged")}
        told["rejected"] = count["rejected"] + count["not-found"]
        return told | {name: count[name] for name in ("conflict", "invalid", "failed")} | {"events": self.events}

    def line(self) -> str:
        """`3 commands: 2 committed (5 events), 1 rejected`."""
        count = self.by_status
        parts = [f"{count['committed']:,} committed ({self.events:,} event{'' if self.events == 1 else 's'})"]
        parts += [f"{count[status]:,} {status}" for status in sorted(count) if status != "committed"]
        total = count.total()
        return f"{total:,} command{'' if total == 1 else 's'}: {', '.join(parts)}"

    def exit_code(self, allow_rejected: bool) -> int:
        """2 if a line was invalid, else 8 if the domain failed, 4 for a conflict, 1 for a rejection or no aggregate."""
        count = self.by_status
        if count["invalid"]:
            return 2
        if count["failed"]:
            return 8
        if count["conflict"]:
            return 4
        return 1 if count["not-found"] or (count["rejected"] and not allow_rejected) else 0


def print_outcomes(outcomes: Iterable[Outcome], printer: Printer, tally: Tally, allow_rejected: bool = False) -> None:
    """Print each outcome as it comes, in the printer's format; `tally` counts along.

    allow_rejected: rejections are notes, not errors, and -q silences them.
    """
    counted = _counted(outcomes, tally)
    if printer.format == "jsonl":
        printer.records((outcome_record(outcome) for outcome in counted), live=True)
    elif printer.format in ("csv", "tsv", "md"):
        printer.records((_flat(outcome) for outcome in counted), members=_FLAT)
    else:
        for outcome in counted:
            if outcome.error is not None:
                tell = printer.message if allow_rejected and outcome.status == "rejected" else printer.error
                for line in _failure_lines(outcome, outcome.error, printer.settings.debug):
                    tell(line)
        if printer.format == "json":
            printer.record(tally.summary())


def _counted(outcomes: Iterable[Outcome], tally: Tally) -> Iterator[Outcome]:
    for outcome in outcomes:
        tally.add(outcome)
        yield outcome


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome in the stable shape of `send --json`; one without success has its line, reason, code and details."""
    from cqrs_cli.cli.printing.events import event_record

    error = outcome.error
    if error is None:
        return {
            "status": outcome.status,
            "command": outcome.command,
            "command_id": outcome.command_id,
            "position": outcome.position,
            "streams": [{"stream": stream, "version": version} for stream, version in outcome.streams.items()],
            "events": [event_record(event) for event in outcome.events],
        }
    record = {
        "status": outcome.status,
        "line": outcome.line,
        "command": outcome.command,
        "command_id": outcome.command_id,
        "reason": error.message,
        "code": error.code,
    }
    told = error.as_dict() | {"traceback": getattr(error, "traceback", None)}
    del told["message"]
    return record | {name: value for name, value in told.items() if value is not None and name not in record}


_FLAT = ("line", "status", "command", "command_id", "position", "stream", "events", "code", "reason")


def _flat(outcome: Outcome) -> dict[str, Any]:
    return {
        "line": outcome.line,
        "status": outcome.status,
        "command": outcome.command,
        "command_id": outcome.command_id,
        "position": outcome.position,
        "stream": outcome.stream,
        "events": len(outcome.events),
        "code": outcome.error.code if outcome.error is not None else None,
        "reason": _reason(outcome.error) if outcome.error is not None else None,
    }


def _reason(error: CqrsError) -> str:
    found = getattr(error, "complaints", ())
    return "; ".join([error.message, *found])


def _failure_lines(outcome: Outcome, error: CqrsError, debug: bool) -> Iterator[str]:
    """What happened, then what was wrong, indented: complaints, the traceback (of the user's code, or all), a hint."""
    code = "" if error.code == outcome.status else f"[{error.code}]"
    yield f"line {outcome.line}: {outcome.status}{code}: {error.message}"
    for complaint in getattr(error, "complaints", ()):
        yield f"  {complaint}"
    trace = "".join(traceback.format_exception(error)) if debug else getattr(error, "traceback", None)
    for line in (trace or "").splitlines():
        yield f"  {line}"
    if error.hint is not None:
        yield f"  hint: {error.hint}"
