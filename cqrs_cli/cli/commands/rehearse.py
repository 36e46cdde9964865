"""`cqrs rehearse`: recorded commands judged again by today's code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.foreign import Foreign, check_pair
from cqrs_cli.cli.options.selection import Since, Until
from cqrs_cli.cli.printing.changes import NEW, OLD, PATH, change_line, change_row
from cqrs_cli.cli.printing.documents import Column, Document, Findings, Report, Table
from cqrs_cli.cli.printing.places import place_of
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NotFound, NothingMatched
from cqrs_cli.finding import Finding
from cqrs_cli.near_names import did_you_mean

if TYPE_CHECKING:
    from cqrs_cli.history.accepted import Accepted
    from cqrs_cli.history.rehearsal import Rehearsed, Wanted
    from cqrs_cli.workbench.workbench import Workbench

SHOWN = 20
"""Differences on a terminal; programs get all."""
_LABELS = {"rejected": "now rejected", "accepted": "now accepted"}


def rehearse(
    command: Annotated[
        list[str] | None, typer.Option("--command", metavar="NAME", help="Only these commands; may be repeated.")
    ] = None,
    since: Since = None,
    until: Until = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="EVENT.FIELD", help="A field that may differ; may be repeated."),
    ] = None,
    accept: Annotated[
        str | None, typer.Option("--accept", metavar="FILE", help="Differences that are known do not fail.")
    ] = None,
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="With --accept: write the differences that there are into the file.")
    ] = False,
    foreign: Foreign = False,
) -> int:
    """Judge recorded commands again with today's code, each on the history it met. Exit 1 if one comes to another end.

    A command meets the state just before it, folded with today's code, under its recorded id, time and user. Its events
    are compared after upcasting: same, different, now rejected, now accepted, or nondeterministic (two runs today
    differ). What can't be judged is counted, and says why. Services are not called: what they answered was recorded
    (provide(…, record=True)), or a stand-in answers (rehearse_with). Nothing is written to the store.
    """
    session = current()
    if accept_all and accept is None:
        raise Misuse("--accept-all wants a file", hint="cqrs rehearse --accept accepted.json --accept-all")
    bench = session.workbench()
    check_pair(session, bench, foreign)
    from cqrs_cli.history import accepted as kept

    if accept_all:
        session.hide_nothing_in("a file of accepted differences", "leave --accept-all out")
    path = None if accept is None else Path(accept)
    known = kept.Accepted({}) if path is None or accept_all else kept.read(path)
    judged = Judged(known)
    judged.take_all(session, bench, _wanted(bench, command, since, until, ignore))
    session.printer.print(_document(session, bench, judged))
    _say(session, judged)
    if path is not None and accept_all:
        _write(path, kept.text(judged.differences))
        session.printer.message(f"{path} accepts {counted(len(judged.differences), 'difference')}")
        return 0
    judged.check_any()
    return int(bool(judged.differences))


def _write(path: Path, text: str) -> None:
    """Put the file in its place when it is whole. Raises `Misuse` where it can't be written."""
    from cqrs_cli.cli.printing.replacement import Replacement

    try:
        file = Replacement(str(path), "strict")
        file.stream.write(text)
        file.put()
    except OSError as error:
        message = f"{path} can't be written: {error.strerror}"
        raise Misuse(message, code="output", hint="a file in a folder that exists and that you may write to") from None


def _wanted(
    bench: Workbench, commands: list[str] | None, since: str | None, until: str | None, ignore: list[str] | None
) -> Wanted:
    from cqrs_cli.cli.options.addresses import time_typed
    from cqrs_cli.history.accepted import event_fields
    from cqrs_cli.history.rehearsal import Wanted

    types = None if commands is None else {name for text in commands for name in _stored_names(bench, text)}
    after = 0 if since is None else bench.store.position_at(time_typed(since) - 1)
    end = None if until is None else bench.store.position_at(time_typed(until) - 1)
    return Wanted(types, after, end, event_fields(ignore or (), bench.domain.events))


def _stored_names(bench: Workbench, text: str) -> Sequence[str]:
    """The names under which a command is stored, of today's name as typed in a shell or in Python."""
    from cqrs_cli.domain.messages import kebab

    for cls in bench.domain.deciders:
        names = (cls.stored.name, *cls.stored.aliases)
        if text in (*names, *map(kebab, names), cls.__name__, kebab(cls.__name__)):
            return names
    words = sorted(kebab(cls.__name__) for cls in bench.domain.deciders)
    hint = did_you_mean(text, words) or "cqrs send --help lists them"
    raise NotFound(f"nobody decides {text!r}", code="command-not-found", hint=hint)


class _Tally:
    """The verdicts by command."""

    def __init__(self, verdicts: Sequence[str]) -> None:
        self._verdicts, self._counts = verdicts, dict[str, dict[str, int]]()
        self.total = 0

    def add(self, one: Rehearsed) -> None:
        """Count one."""
        counts = self._counts.setdefault(one.command, dict.fromkeys(self._verdicts, 0))
        counts[one.verdict] += 1
        self.total += 1

    def of(self, verdict: str) -> int:
        """How many of them there are."""
        return sum(counts[verdict] for counts in self._counts.values())

    @property
    def commands(self) -> list[str]:
        """The commands, by name."""
        return sorted(self._counts)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each command."""
        for name in self.commands:
            counts = self._counts[name]
            yield {"command": name, "commands": sum(counts.values()), **counts}

    def whole(self) -> dict[str, int]:
        """All of them together."""
        return {"commands": self.total, **{verdict: self.of(verdict) for verdict in self._verdicts}}


class Judged:
    """What came of a rehearsal. known: differences that do not count; accepted: how many of those there were."""

    def __init__(self, known: Accepted) -> None:
        from cqrs_cli.history.rehearsal import VERDICTS

        self.known, self.tally = known, _Tally(VERDICTS)
        self.differences: list[Rehearsed] = []
        self.unjudged: list[Rehearsed] = []
        self.accepted = 0

    def take_all(self, session: Session, bench: Workbench, wanted: Wanted) -> None:
        """Judge the commands of a log. Raises `NothingMatched` if it has none."""
        from cqrs_cli.history.rehearsal import rehearse

        with session.printer.progress("judged", bench.store.head()) as done:
            for one in rehearse(bench, wanted):
                done(one.position)
                self._take(one)
        if not self.tally.total:
            raise NothingMatched("no recorded command was there to judge", hint="cqrs log --count tells what there is")

    def _take(self, one: Rehearsed) -> None:
        self.tally.add(one)
        if one.verdict == "unjudged":
            self.unjudged.append(one)
        elif one.verdict != "same":
            if one in self.known:
                self.accepted += 1
            else:
                self.differences.append(one)

    def check_any(self) -> None:
        """Raise `NothingMatched` if not one of them could be judged."""
        if self.tally.total == self.tally.of("unjudged"):
            why = f"none of {counted(self.tally.total, 'command')} could be judged: {self.unjudged[0].why}"
            raise NothingMatched(why, hint="cqrs rehearse --json tells it of each")

    def reasons(self) -> Iterator[str]:
        """Why commands could not be judged, the most frequent first."""
        reasons: dict[str, list[Rehearsed]] = {}
        for one in self.unjudged:
            reasons.setdefault(one.why or "", []).append(one)
        for why, those in sorted(reasons.items(), key=lambda item: -len(item[1])):
            yield f"{counted(len(those), 'command')} not judged (first @{those[0].position}): {why}"

    def told(self, is_all: bool = True) -> str:
        """How many commands were judged, and what is to be known of accepted differences. is_all: there is one log."""
        notes = [f"{self.accepted} of the differences known"] if self.accepted else []
        unseen = len(self.known.unseen)
        if unseen and is_all:
            notes.append(f"{counted(unseen, 'accepted difference')} no more: --accept-all takes them out")
        return "; ".join([f"judged {counted(self.tally.total - len(self.unjudged), 'command')} again", *notes])


def _document(session: Session, bench: Workbench, judged: Judged) -> Findings:
    tally, differences, unjudged = judged.tally, judged.differences, judged.unjudged
    whole = {
        **tally.whole(),
        "known": judged.accepted,
        "by_command": list(tally.rows()),
        "differences": [records.rehearsed(one) for one in differences],
        "not_judged": [records.rehearsed(one) for one in unjudged],
    }
    columns: list[str | Column] = ["command", "commands", "same"]
    columns += [
        Column(verdict, _LABELS.get(verdict, verdict))
        for verdict, count in tally.whole().items()
        if verdict not in ("commands", "same") and count
    ]
    parts: list[Document] = [Table(tally.rows(), columns)]
    if differences:
        parts.append(
            Table(
                [row for one in differences for row in _rows(one)],
                [Column("position", "pos"), Column("command", whole=False), Column("verdict"), PATH, OLD, NEW],
                row=change_row,
                most=SHOWN,
                more=lambda hidden: f"{counted(hidden, 'change')} more: --json shows them all",
            )
        )
    report = Report(whole, Table(map(records.rehearsed, differences), members=records.REHEARSED), parts)
    classes, store = classes_of(bench), session.store_file
    found = [_finding(one) for one in differences]
    return Findings("rehearse", tally.commands, found, report, lambda name: place_of(classes.get(name), store))


def classes_of(bench: Workbench) -> dict[str, type]:
    """The commands of the domain by the names under which they are stored."""
    return {name: cls for cls in bench.domain.deciders for name in (cls.stored.name, *cls.stored.aliases)}


def _rows(one: Rehearsed) -> Iterator[dict[str, Any]]:
    for change in one.changes:
        verdict = _LABELS.get(one.verdict, one.verdict)
        yield {"position": one.position, "command": one.command, "verdict": verdict, **records.change(change)}


def _finding(one: Rehearsed) -> Finding:
    message = f"@{one.position} {one.command} {one.command_id}: {label(one)}: {changes_told(one)}"
    return Finding(f"rehearsal-{one.verdict}", "error", one.command, message)


def label(one: Rehearsed) -> str:
    """Its verdict in words."""
    return _LABELS.get(one.verdict, one.verdict)


def changes_told(one: Rehearsed) -> str:
    """The first things that differ, in a line."""
    return "; ".join(change_line(records.change(change)) for change in one.changes[:3])


def _say(session: Session, judged: Judged) -> None:
    for reason in judged.reasons():
        session.printer.message(reason)
    session.printer.message(judged.told())
