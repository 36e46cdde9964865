"""What came of `cqrs ci`, as a document: a table of verdicts, and below it what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cqrs_cli import records
from cqrs_cli.cli.commands.check import finding_lines, pasted
from cqrs_cli.cli.commands.ci.part import Ground
from cqrs_cli.cli.printing.documents import Column, Document, Findings, Part, Report, Table, Text, Verdicts
from cqrs_cli.cli.printing.places import place_of_subject
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.finding import Verdict

_WORDS = {"passed": "passed", "failed": "failed", "nothing": "had nothing to look at", "error": "could not be made"}
_TABLE = ("check", "verdict", Column("seconds", "s"), Column("looked_at", "looked at"))
_SHOWN = 20
"""Findings of a check that a person reads; programs get all."""


def document(ground: Ground, verdicts: Sequence[Verdict]) -> Verdicts:
    """The verdicts, with their findings at their places."""
    rows = [records.verdict(one, say) for one in verdicts]
    table = Table(rows, _TABLE, row=_row)
    found = [row for one in verdicts for row in records.part_findings([one.checked])]
    findings = Table(found, members=records.PART_FINDING)
    base = ground.wanted.base
    whole = {
        "ok": all(one.word in ("passed", "nothing") for one in verdicts),
        "against": None if base is None else {"ref": base.ref, "source": base.source},
        "logs": [log.name for log in ground.logs],
        "checks": rows,
        "findings": found,
    }
    report = Report(whole, findings, [table, *_told(verdicts)])
    parts = [_part(ground.session, one) for one in verdicts]
    return Verdicts(f"cqrs ci: {summary(verdicts)}", parts, table, findings, report)


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many came to what, in a line."""
    words = [one.word for one in verdicts]
    told = []
    for word in ("failed", "error", "passed", "nothing"):
        some = [one.name for one in verdicts if one.word == word]
        named = f" ({', '.join(some)})" if word in ("failed", "error") else ""
        told += [f"{len(some)} {_WORDS[word]}{named}"] if some else []
    return f"{counted(len(words), 'check')}: {', '.join(told)}"


def line(one: Verdict) -> str:
    """A verdict in a line."""
    return f"{one.word:<7}  {one.name}: {one.why or one.checked.looked_at}"


def _row(record: records.Record) -> records.Record:
    told = record["looked_at"] or record["nothing"] or (record["error"] or {}).get("message")
    return {**record, "seconds": f"{record['seconds']:.2f}", "looked_at": told}


def _part(session: Session, one: Verdict) -> Part:
    checked = one.checked
    otherwise = str(session.settings.file or session.store_file)
    findings = Findings(
        checked.part,
        list(checked.subjects) or [checked.part],
        checked.findings,
        Table(()),
        lambda name: place_of_subject(checked.subjects.get(name), otherwise),
    )
    return Part(findings, one.seconds, one.why)


def _told(verdicts: Sequence[Verdict]) -> Iterator[Document]:
    """What a person reads below the table."""
    for one in verdicts:
        checked = one.checked
        if checked.findings:
            lines = [f"{one.name}:", *finding_lines(checked.findings[:_SHOWN])]
            hidden = len(checked.findings) - _SHOWN
            lines += [f"… and {counted(hidden, 'finding')} more: --json tells all of them"] if hidden > 0 else []
            yield Text("\n".join(lines))
        if one.error is not None and one.error.traceback:
            yield Text(one.error.traceback)
        yield from pasted(checked)
    empty = [f"nothing to look at for {one.name}: {one.why}" for one in verdicts if one.word == "nothing"]
    if empty:
        yield Text("\n".join(empty))
