"""What became of commands, printed: one JSON shape for all, lines for people, counts and an exit code for a batch."""

import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import Enum

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Findings, Outcomes, Table
from cqrs_cli.cli.printing.kinds import Kind, Kinds, Span
from cqrs_cli.cli.printing.places import Place
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import CqrsError
from cqrs_cli.finding import Finding
from cqrs_cli.workbench.outcome import Outcome


class Tally:
    """Counts outcomes by status, and events that were appended; knows the exit code.

    last_line: that was counted. position: of the last event; None without one. recorded_us: when it was recorded.
    opened: whether there was a new stream.
    """

    def __init__(self) -> None:
        self.by_status: Counter[str] = Counter()
        self.events = 0
        self.last_line = 0
        self.position: int | None = None
        self.recorded_us: int | None = None
        self.opened = False

    def add(self, outcome: Outcome) -> None:
        self.by_status[outcome.status] += 1
        self.last_line = outcome.line or self.last_line
        if outcome.status in ("committed", "dry-run"):
            last = outcome.events[-1]
            self.events += len(outcome.events)
            self.position, self.recorded_us = last.position, last.recorded_us
            self.opened = self.opened or not outcome.version_before

    def summary(self) -> dict[str, int]:
        """The JSON of a batch, all members always. `not-found` counts as rejected."""
        return records.batch(self.by_status, self.events)

    def line(self) -> str:
        """`3 commands: 2 committed (5 events), 1 rejected`."""
        count = self.by_status
        done = "dry-run" if count["dry-run"] else "committed"
        told = "would be committed" if count["dry-run"] else "committed"
        parts = [f"{count[done]:,} {told} ({self.events:,} event{'' if self.events == 1 else 's'})"]
        parts += [f"{count[status]:,} {status}" for status in sorted(count) if status != done]
        total = count.total()
        return f"{total:,} command{'' if total == 1 else 's'}: {', '.join(parts)}"

    def exit_code(self, allow_rejected: bool) -> int:
        """2 if a line was invalid, else 8 if the domain failed, 4 for a conflict, 1 for a rejection or no aggregate, or
        for one that was expected to be rejected and was not."""
        count = self.by_status
        if count["invalid"]:
            return 2
        if count["failed"]:
            return 8
        if count["conflict"]:
            return 4
        return 1 if count["unexpected"] or count["not-found"] or (count["rejected"] and not allow_rejected) else 0


class Batch:
    """The outcomes of a batch on their way to the printer: `tally` counts along, failures are told by kind.

    file: where the lines come from. allow_rejected: rejections are notes, not errors, and -q silences them.
    """

    def __init__(self, printer: Printer, file: str, allow_rejected: bool = False) -> None:
        self.tally = Tally()
        self._printer, self._file, self._allows = printer, file, allow_rejected
        self._kinds, self._notes = Kinds(), Kinds()

    def print(self, outcomes: Iterable[Outcome]) -> None:
        """Print each outcome as it comes, in the printer's format."""
        counted = self._counted(outcomes)

        def record(outcome: Outcome) -> records.Record:
            return records.outcome(outcome, say)

        def findings(each: bool) -> Findings:
            return self._findings(counted, each)

        flat, members = records.flat_outcome, records.FLAT_OUTCOME
        self._printer.print(Outcomes(counted, record, flat, members, self._tell, self.tally.summary, findings))

    def close(self) -> None:
        """Say how many more there were of what was told, and all of it by code."""
        for kinds, note in ((self._notes, self._printer.message), (self._kinds, self._printer.error)):
            for line in (*kinds.more(), *kinds.table()):
                note(line)

    def _counted(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            self.tally.add(outcome)
            yield outcome

    def _is_allowed(self, outcome: Outcome) -> bool:
        return self._allows and outcome.status == "rejected"

    def _tell(self, outcome: Outcome) -> None:
        """Say what failed, in full if it is the first of its kind."""
        if outcome.error is None or not outcome.is_failure:
            return
        allowed = self._is_allowed(outcome)
        if _add(self._notes if allowed else self._kinds, outcome, outcome.error) is not None:
            note = self._printer.message if allowed else self._printer.error
            for line in _failure_lines(outcome, outcome.error, self._printer.settings.debug):
                note(line)

    def _findings(self, outcomes: Iterable[Outcome], each: bool) -> Findings:
        """What failed, for a format of findings: each line of it, or the first of each kind with how many more.

        The lines that were looked at are named only where each counts.
        """
        lines: list[str] = []
        found: list[tuple[Finding, Kind | None]] = []
        for outcome in outcomes:
            if each:
                lines.append(_where(outcome))
            if outcome.error is not None and outcome.is_failure:
                kind = _add(self._kinds, outcome, outcome.error)
                if each or kind is not None:
                    found.append((self._finding(outcome, outcome.error), kind))
        findings = [one for one, _ in found] if each else [_with_more(self._kinds, *one) for one in found]
        if not each:
            findings += [self._rest(label, rest) for label, rest in self._kinds.rests()]
        self._kinds = Kinds()  # they are told
        return Findings("send --batch", lines, findings, Table(()), lambda where: Place(self._file, _line_of(where)))

    def _finding(self, outcome: Outcome, error: CqrsError) -> Finding:
        severity = "warning" if self._is_allowed(outcome) else "error"
        message = "; ".join([error.message, *error.complaints])
        return Finding(error.code, severity, _where(outcome), f"{outcome.status}: {message}", say(error))

    def _rest(self, label: str, rest: Span) -> Finding:
        status, _, code = label.rstrip("]").partition("[")
        severity = "warning" if self._allows and status == "rejected" else "error"
        return Finding(code or status, severity, self._kinds.where(rest), self._kinds.unlike(label, rest))


def _with_more(kinds: Kinds, finding: Finding, kind: Kind | None) -> Finding:
    if kind is None or not kind.more.count:
        return finding
    return finding._replace(message=f"{finding.message} {kinds.like(kind)}")


def _where(outcome: Outcome) -> str:
    return f"line {outcome.line}" + (f": {outcome.command}" if outcome.command else "")


def _line_of(where: str) -> int:
    """The first line that `line 12: create-order` or `lines 12–40` names."""
    return int(where.split()[1].partition(":")[0].partition("–")[0])


def _label(outcome: Outcome, error: CqrsError) -> str:
    return outcome.status if error.code == outcome.status else f"{outcome.status}[{error.code}]"


def _add(kinds: Kinds, outcome: Outcome, error: CqrsError) -> Kind | None:
    text = "\n".join([error.message, *error.complaints])
    return kinds.add(_label(outcome, error), text, outcome.line or 0, _texts(outcome))


def _texts(outcome: Outcome) -> Collection[str]:
    """The texts of a command's own fields, which its errors may quote as they are; of a line that is none, its name."""
    if outcome.request is None or outcome.request.command is None:
        return [outcome.command] if outcome.command else []
    plain = (value.value if isinstance(value, Enum) else value for value in vars(outcome.request.command).values())
    return {value for value in plain if isinstance(value, str)}


def _failure_lines(outcome: Outcome, error: CqrsError, debug: bool) -> Iterator[str]:
    """What happened, then what was wrong, indented: complaints, the traceback (of the user's code, or all), a hint."""
    yield f"line {outcome.line}: {_label(outcome, error)}: {error.message}"
    for complaint in error.complaints:
        yield f"  {complaint}"
    trace = "".join(traceback.format_exception(error)) if debug else error.traceback
    for line in (trace or "").splitlines():
        yield f"  {line}"
    hint = say(error)
    if hint is not None:
        yield f"  hint: {hint}"
