"""`cqrs test`: the scenarios of a project, tried without a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.control_characters import visible, visible_lines
from cqrs_cli.cli.printing.documents import Findings, Table
from cqrs_cli.cli.printing.places import Place
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NothingMatched
from cqrs_cli.finding import Checked, Finding, Spot

if TYPE_CHECKING:
    from cqrs_cli.scenario.trial import Tried


def test(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH …]", help="Folders and files; without any, this folder.")
    ] = None,
    word: Annotated[str | None, typer.Option("-k", metavar="TEXT", help="Only those whose name has this text.")] = None,
    stream: Annotated[
        str | None, typer.Option("--from", metavar="STREAM[@V]", help="Print a scenario of what happened instead.")
    ] = None,
    minimise: Annotated[
        str | None,
        typer.Option("--minimise", metavar="RULE", help="With --from: of the fewest events after which it fails."),
    ] = None,
) -> int:
    """Try the scenarios in files *.scenario.yaml: given what happened, when something is tried, then this comes of it.

    No store is opened and nothing is written; services are those that a scenario answers for, else the domain's
    stand-ins. What differs is told field by field. Exit 0 if all hold, 1 if one does not, 5 if there are none.
    --from order-17@5 prints the scenario of a real stream: what had happened, the command that led to that version, and
    its events; services answer what they did then, if that was recorded. --minimise RULE prints one of the fewest
    events after which a rule fails: a condition, 'state.total >= 0', or a function of the project, rules:total_is_sum.
    --mask and --redact hide values in it. Exit 5 if the rule holds.
    cqrs help scenarios describes the files; cqrs schema --scenario prints a JSON Schema for editors.
    JSON: {"passed", "failed", "scenarios": [{"file", "name", "ok", "message", "line", "code", "hint", "traceback"}]}.
    """
    session = current()
    if stream is not None:
        if paths or word is not None:
            raise Misuse(
                "--from prints a scenario and tries none", hint="cqrs test --from order-17@5 -o order.scenario.yaml"
            )
        from cqrs_cli.cli.commands.test.from_stream import write_scenario

        write_scenario(session, stream, minimise)
        return 0
    if minimise is not None:
        raise Misuse("--minimise wants a stream", hint="cqrs test --from order-17 --minimise 'state.total >= 0'")
    found = tried_in(session, paths or ["."], word)
    failed = [one for one in found if not one.ok]
    session.printer.print(_document(session, found))
    if not session.printer.format.for_programs and not session.printer.format.has_findings:
        told = f"{counted(len(found), 'scenario')}: {len(found) - len(failed):,} passed"
        session.printer.message(f"{told}, {len(failed):,} failed" if failed else told)
    return int(bool(failed))


def tried_in(session: Session, paths: list[str], word: str | None) -> list[Tried]:
    """What came of the scenarios in folders and files. word: of those whose name has it. Raises `NothingMatched`."""
    from cqrs_cli.scenario.described import Described, described_in, files_in

    files = files_in(paths)
    if session.hiding is not None:
        session.hiding.name_keys({name: one.key for name, one in session.domain().categories.items()})
        session.hiding.learn_yaml(files)
    described = [one for file in files for one in described_in(file)]
    chosen = [
        one
        for one in described
        if word is None or not isinstance(one, Described) or word.casefold() in one.name.casefold()
    ]
    if not chosen and described:
        told = f"none of {counted(len(described), 'scenario')} in {counted(len(files), 'file')} has such a name"
        raise NothingMatched(told, hint="another text for -k")
    if not chosen:
        hint = "they stand in files *.scenario.yaml: cqrs help scenarios"
        raise NothingMatched(f"there are no scenarios in {', '.join(paths)}", hint=hint)
    domain = session.domain()
    session.stand_apart()
    from cqrs_cli.scenario.trial import tried
    from cqrs_cli.scenario.vocabulary import Vocabulary

    vocabulary = Vocabulary(domain, session.rule)
    return [tried(vocabulary, one) for one in chosen]


def _document(session: Session, found: list[Tried]) -> Findings:
    for_people = session.printer.format.for_people
    shown = [one for one in found if not one.ok] if for_people else found
    table = Table(
        map(records.tried, shown),
        records.TRIED,
        whole=records.all_tried(found),
        members=records.TRIED,
        text=_text if for_people else None,
        styled=True,
    )
    checked = checked_scenarios(found)
    places = {name: Place(spot.file, spot.line) for name, spot in checked.subjects.items()}
    return Findings("test", list(places), checked.findings, table, places.__getitem__)


def checked_scenarios(found: list[Tried]) -> Checked:
    """The scenarios that were tried, as a part of a check; those that do not hold are its findings."""
    failed = [Finding(one.code, "error", _called(one), one.message or "", one.hint) for one in found if not one.ok]
    subjects = {_called(one): Spot(one.file, one.line) for one in found}
    files = len({one.file for one in found})
    looked = f"{counted(len(found), 'scenario')} in {counted(files, 'file')}"
    return Checked("test", failed, looked, subjects=subjects)


def _called(one: Tried) -> str:
    return f"{one.file}: {one.name}"


def _text(record: records.Record) -> str:
    """A scenario that failed: where it stands, and why."""
    lines = [visible(f"{record['file']}:{record['line']}: {record['name']}")]
    lines += [f"  {line}" for line in visible_lines(record["message"] or "").splitlines()]
    lines += [f"  {line}" for line in visible_lines(record["traceback"] or "").splitlines()]
    lines += [f"  hint: {visible(record['hint'])}"] if record["hint"] else []
    return "\n".join([*lines, ""])
