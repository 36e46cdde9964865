"""What became of commands, printed: one JSON shape for all, lines for people, counts and an exit code for a batch."""

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Outcomes
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import CqrsError
from cqrs_cli.workbench.outcome import Outcome


class Tally:
    """Counts outcomes by status, and events that were appended; knows the exit code.

    last_line: that was counted. recorded_us: when the last event was recorded; None without one. opened: whether
    there was a new stream.
    """

    def __init__(self) -> None:
        self.by_status: Counter[str] = Counter()
        self.events = 0
        self.last_line = 0
        self.recorded_us: int | None = None
        self.opened = False

    def add(self, outcome: Outcome) -> None:
        self.by_status[outcome.status] += 1
        self.last_line = outcome.line or self.last_line
        if outcome.status == "committed":
            self.events += len(outcome.events)
            self.recorded_us = outcome.events[-1].recorded_us
            self.opened = self.opened or not outcome.version_before

    def summary(self) -> dict[str, int]:
        """The JSON of a batch, all members always. `not-found` counts as rejected."""
        return records.batch(self.by_status, self.events)

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

    def counted() -> Iterator[Outcome]:
        for outcome in outcomes:
            tally.add(outcome)
            yield outcome

    def tell(outcome: Outcome) -> None:
        if outcome.error is not None:
            note = printer.message if allow_rejected and outcome.status == "rejected" else printer.error
            for line in _failure_lines(outcome, outcome.error, printer.settings.debug):
                note(line)

    def record(outcome: Outcome) -> records.Record:
        return records.outcome(outcome, say)

    flat, members = records.flat_outcome, records.FLAT_OUTCOME
    printer.print(Outcomes(counted(), record, flat, members, tell, tally.summary))


def _failure_lines(outcome: Outcome, error: CqrsError, debug: bool) -> Iterator[str]:
    """What happened, then what was wrong, indented: complaints, the traceback (of the user's code, or all), a hint."""
    code = "" if error.code == outcome.status else f"[{error.code}]"
    yield f"line {outcome.line}: {outcome.status}{code}: {error.message}"
    for complaint in error.complaints:
        yield f"  {complaint}"
    trace = "".join(traceback.format_exception(error)) if debug else error.traceback
    for line in (trace or "").splitlines():
        yield f"  {line}"
    hint = say(error)
    if hint is not None:
        yield f"  hint: {hint}"
