"""`cqrs check`: whether the code is all right, before it is at work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Document, Findings, Report, Table, Text
from cqrs_cli.cli.printing.places import place_of_subject
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.hints import NOTHING, in_brackets, say_of
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NothingMatched, StoreNotFound
from cqrs_cli.finding import Checked, Finding
from cqrs_cli.near_names import did_you_mean

if TYPE_CHECKING:
    from cqrs_cli.checking.material import Material
    from cqrs_cli.workbench.workbench import Workbench


def _parts(incomplete: str) -> list[str]:
    from cqrs_cli.checking.parts import PARTS

    return [name for name in PARTS if name.startswith(incomplete)]


def check(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PART …]",
            help="model, lock, log, determinism, rules; all parts without.",
            autocompletion=completion.asked(_parts),
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="git:REF|FILE", help="Compare with the lock as it was there, not with the lock file."
        ),
    ] = None,
    commands: Annotated[bool, typer.Option("--commands", help="Of the log, read the stored commands too.")] = False,
    fail_if_empty: Annotated[
        bool, typer.Option("--fail-if-empty", help="Exit 5 if one of the parts had nothing to look at.")
    ] = False,
) -> int:
    """Is the code all right: by itself, by what was locked, by what the log has?

    model: are the classes complete, and do they fit each other.

    lock: do they read what was promised when they were locked (cqrs.lock.json, which cqrs schema --lock writes), and
    which upcaster is missing, as code to paste.

    log: is every stored event read, upcast and valid (--commands: and every command).

    determinism: does no evolve look at clock, chance, environment or files, and do two folds in different surroundings
    come to the same.

    rules: do those of the settings ([tool.cqrs.rules]) hold after every event, of all streams and rows.

    A part that had nothing to look at says so. Nothing is written. Exit 1 with an error or a warning (notes change
    nothing), 5 if nothing at all was looked at, else 0. JSON: {"ok", "parts": [{"part", "ok", "looked_at", "nothing",
    "findings", "rows", "paste"}], "findings": [{"part", "code", "severity", "where", "message", "hint"}]}.
    """
    session = current()
    names = _named(words or [])
    if against is not None and "lock" not in names:
        raise Misuse("--against is for the lock", hint="cqrs check lock --against git:main")
    if commands and "log" not in names:
        raise Misuse("--commands is for the log", hint="cqrs check log --commands")
    material = _material(session, names)._replace(against=against, commands=commands)
    parts = [with_hints(part) for part in _checked(material, names)]
    session.printer.print(_document(session, parts))
    if not session.printer.format.has_findings:
        session.printer.message(_summary(parts))
    if not all(part.ok for part in parts):
        return 1
    empty = [part for part in parts if not part.looked_at]
    if len(empty) == len(parts) or (empty and fail_if_empty):
        told = "; ".join(f"{part.part}: {part.nothing}" for part in empty)
        hint = next(filter(None, (NOTHING.get(part.part) for part in empty)), None)
        raise NothingMatched(f"there was nothing to look at: {told}", code="nothing-checked", hint=hint)
    return 0


def _named(words: Sequence[str]) -> list[str]:
    """The parts that were asked for, in their own order; all without a word. Raises `Misuse` for what is none."""
    from cqrs_cli.checking.parts import PARTS

    for word in words:
        if word not in PARTS:
            hint = did_you_mean(word, list(PARTS)) or f"there are: {', '.join(PARTS)}"
            raise Misuse(f"no part of the check is called {word!r}", hint=hint)
    return [name for name in PARTS if name in words or not words]


def _checked(material: Material, names: Sequence[str]) -> Iterator[Checked]:
    from cqrs_cli.checking.parts import check

    for name in names:
        yield check(name, material)


def _material(session: Session, names: Sequence[str]) -> Material:
    from cqrs_cli.checking.parts import PARTS

    session.domain()  # before the store: without one nothing is read
    bench, no_store = None, ""
    if any(PARTS[name].wants_store for name in names):
        bench, no_store = _store_at_hand(session)
    return material_of(session, bench, no_store)


def material_of(session: Session, bench: Workbench | None, no_store: str) -> Material:
    """What a part of the check looks at: the domain, and beside it a store, or why there is none."""
    from cqrs_cli.checking.material import Material
    from cqrs_cli.cli.options.parameters import RESERVED

    domain, settings = session.domain(), session.settings
    return Material(
        domain,
        settings.app or "",
        settings.folder,
        bench,
        no_store,
        session.printer.progress,
        settings.rules,
        RESERVED,
        store=None if bench is None else session.address,
    )


def _store_at_hand(session: Session) -> tuple[Workbench | None, str]:
    """The domain on the store, or why there is none. A store that was named by hand has to be there."""
    try:
        return session.workbench(), ""
    except StoreNotFound as error:
        if session.settings.store_is_named:
            raise
        return None, error.message


# ── what came of it ───────────────────────────────────────────────────────────────────────────


def with_hints(part: Checked) -> Checked:
    """The same with the hints of its findings in the words of this shell."""
    return part._replace(findings=list(map(say_of, part.findings)))


def _document(session: Session, parts: Sequence[Checked]) -> Findings:
    subjects = {name: value for part in parts for name, value in part.subjects.items()}
    findings = [one for part in parts for one in part.findings]
    table = Table(records.part_findings(parts), members=records.PART_FINDING)
    report = Report(records.checked(parts), table, list(_told(parts)))
    otherwise = str(session.settings.file or session.store_file)
    return Findings(
        "check", list(subjects), findings, report, lambda name: place_of_subject(subjects.get(name), otherwise)
    )


def _told(parts: Iterable[Checked]) -> Iterator[Document]:
    """What a person reads: of each part a line, its table, what was found, and code to paste."""
    for part in parts:
        title = f"{part.part}: {part.looked_at or _nothing(part)}"
        if part.rows:
            yield Table(part.rows, group=lambda _, title=title: title)  # type: ignore[misc]
        lines = [*([] if part.rows else [title]), *finding_lines(part.findings)]
        if lines:
            yield Text("\n".join(lines))
        yield from pasted(part)


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """What a person reads of each finding."""
    for one in findings:
        yield f"{one.severity}[{one.code}] {one.where}: {one.message}"
        if one.hint:
            yield f"  hint: {one.hint}"


def pasted(part: Checked) -> Iterator[Text]:
    """The code that a part has to be pasted."""
    for name, code in part.paste.items():
        yield Text(f"the upcaster that {name} wants, to be pasted:\n\n{code.rstrip()}")


def _nothing(part: Checked) -> str:
    return f"nothing to look at, {part.nothing}{in_brackets(NOTHING.get(part.part))}"


def _summary(parts: Sequence[Checked]) -> str:
    found = [one.severity for part in parts for one in part.findings]
    told = [counted(found.count(kind), kind) for kind in ("error", "warning", "note") if kind in found]
    seen = [part.part for part in parts if part.looked_at]
    empty = [part.part for part in parts if not part.looked_at]
    looked = f"looked at {', '.join(seen)}" if seen else "looked at nothing"
    nothing = f"; nothing to look at for {', '.join(empty)}" if empty else ""
    return f"{looked}: {', '.join(told) or 'all right'}{nothing}"
