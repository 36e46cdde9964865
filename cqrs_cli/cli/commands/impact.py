"""`cqrs impact`: what another version of the code makes of the log, beside what today's makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.foreign import Foreign, check_pair
from cqrs_cli.cli.printing.changes import NEW, OLD, PATH, change_row
from cqrs_cli.cli.printing.documents import Column, Document, Findings, Report, Table, Text
from cqrs_cli.cli.printing.places import place_of
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.hints import NOTHING
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import NothingMatched

if TYPE_CHECKING:
    from cqrs_cli.history.impact import Effect, Impact

_SUMMARY = (
    Column("kind", "what", whole=True),
    Column("name"),
    Column("compared"),
    Column("differing", "differ"),
    Column("how"),
)
_CHANGED = (Column("position", "pos"), Column("subject", "which", whole=False), PATH, OLD, NEW)
_WHY = ("position", "subject", "why")
_SCHEMA = ("change", "kind", "name", "path", "what")


def impact(
    against: Annotated[
        str,
        typer.Option("--against", metavar="git:REF|MODULE:ATTR", help="The other code: a commit, or another domain."),
    ],
    old_app: Annotated[
        str | None,
        typer.Option("--old-app", metavar="MODULE:ATTR", help="What the domain was called at that commit."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore", metavar="NAME.FIELD", help="A field of an event, state or row that may differ; repeatable."
        ),
    ] = None,
    foreign: Foreign = False,
) -> int:
    """What a change of the code comes to: the log of the store, folded and judged by old and new code, side by side.

    The new code is what stands in the work tree, committed or not. Both are loaded, each in a process of its own, and
    read the log (or a corpus: --store histories/) up to the same event. Told are, by type, with counts and the first
    three of each: commands decided differently, states that differ, rows that differ, events that no longer decode; and
    what became of the classes. Services are not called (see cqrs rehearse). Nothing is written, to the repository
    neither. Exit 1 if anything differs, 5 if there was nothing to look at. --format md is a comment for a pull request.
    """
    session = current()
    bench = session.workbench()
    check_pair(session, bench, foreign)
    from cqrs_cli.checking.impact import impact
    from cqrs_cli.cli.commands.check import material_of

    found = impact(material_of(session, bench, ""), bench, against, old_app, ignore or ())
    if found.nothing and not found.differs:
        told = f"there was nothing to look at: {found.nothing}"
        raise NothingMatched(told, code="nothing-checked", hint=NOTHING["impact"])
    session.printer.print(_document(session, found))
    _say(session, found)
    return int(found.differs)


def _say(session: Session, found: Impact) -> None:
    totals = [counted(count, kind) for kind, count in found.totals.items() if count]
    differing = sum(effect.number for effect in found.effects)
    told = f"compared {', '.join(totals) or 'the classes'} with {found.against}: "
    notes = [counted(differing, "difference") if differing else "", counted(len(found.schema.rows), "change")]
    notes[1] = f"{notes[1]} of classes" if found.schema.rows else ""
    session.printer.message(told + (" and ".join(filter(None, notes)) or "nothing differs"))


# ── what is printed ───────────────────────────────────────────────────────────────────────────


def _document(session: Session, found: Impact) -> Findings:
    from cqrs_cli.cli.commands.check import with_hints

    summary = Table(records.impact_counts(found), _SUMMARY, members=records.IMPACT_COUNT)
    details = [(effect.told, _examples(effect)) for effect in found.effects] + list(_more(found))
    parts: list[Document] = [summary, *(_for_people(title, table) for title, table in details)]
    title = f"Impact against {found.against}"
    report = Report(records.impact(found), _titled(title, summary), parts, details)
    checked = with_hints(found.checked())
    classes, store = checked.subjects, session.store_file
    names = list(dict.fromkeys(name for _, name in found.compared))
    return Findings("impact", names, checked.findings, report, lambda name: place_of(_class(classes.get(name)), store))


def _class(subject: Any) -> type | None:
    return subject if isinstance(subject, type) else None


def _titled(title: str, table: Table) -> Table:
    return table._replace(group=lambda _: title)


def _for_people(title: str, table: Table) -> Document:
    """A table where fields are compared; sentences stand in lines, so that a narrow terminal cuts none."""
    columns = [column if isinstance(column, str) else column.name for column in table.columns or ()]
    if columns[-1] not in ("why", "what"):
        return _titled(title, table)
    lines = []
    for record in table.records:
        *about, told = [str(record[name]) for name in columns if record.get(name) not in (None, "")]
        lines.append(f"{', '.join(about)}: {told}")
    return Text("\n".join([title, *lines]))


def _examples(effect: Effect) -> Table:
    if not any(example.changes for example in effect.examples):
        return Table([*_whys(effect)], _WHY)
    columns = _CHANGED if any(example.position is not None for example in effect.examples) else _CHANGED[1:]
    return Table([*_changes(effect)], columns, row=change_row)


def _changes(effect: Effect) -> Iterator[dict[str, Any]]:
    for example in effect.examples:
        for change in example.changes:
            yield {"position": example.position, "subject": example.subject, **records.change(change)}


def _whys(effect: Effect) -> Iterator[dict[str, Any]]:
    for example in effect.examples:
        at = None if example.position is None else f"@{example.position}"
        yield {"position": at, "subject": example.subject, "why": example.why}


def _more(found: Impact) -> Iterator[tuple[str, Table]]:
    if found.schema.rows:
        failing = sum(row["change"] != "compatible" for row in found.schema.rows)
        told = f"classes: {counted(len(found.schema.rows), 'change')}, {failing} of them not compatible"
        yield told, Table([dict(row) for row in found.schema.rows], _SCHEMA)
    if found.not_judged:
        count = sum(number for number, _ in found.not_judged.values())
        rows = [
            {"which": f"{number:,} from @{first} on" if first else f"{number:,}", "why": why}
            for why, (number, first) in found.not_judged.items()
        ]
        yield f"not compared: {count:,}", Table(rows, ("which", "why"))
